"""Semi-supervised learning (§5): an encoder that gives a class y beside the style z, and learns from few labels.

Two games make q(y) a uniform categorical distribution and q(z) a Gaussian; the decoder sees both. Each mini-batch has
three phases: reconstruction, regularization (both games), and classification on a few labelled images of its own.
"""

import itertools

import numpy as np

from aae_tf import evaluation
from aae_tf.backend import keras, tf
from aae_tf.data.dataset import labelled_rows
from aae_tf.errors import InputError
from aae_tf.losses import cross_entropy
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.cluster_merging import merge_entries, merging_matrix
from aae_tf.models.consistency import Consistent
from aae_tf.models.games import AdversarialObjective
from aae_tf.networks import discriminator_builder, encoder_builder
from aae_tf.priors import Categorical
from aae_tf.training.updates import Phase, Update


class CategoricalAAE(Consistent, AdversarialAutoencoder):
    """An encoder with heads 'z' and 'y_logits' and a game on each: what §5, §6 and §7 share.

    Args:
        *args: `encoder` (heads 'z' and 'y_logits'), `decoder` (of K + D inputs, y first), `discriminator` of z and
            `prior` of z, as for `AdversarialAutoencoder`.
        discriminator_y: Keras model from y [N, K] to one logit a row.
        classes: K, the entries of y.
        clusters: how many the entries are merged into (`aae_tf.models.cluster_merging`); 0: each is one. A cluster is
            decoded, and sampled, by its most used entry.
        groups: the entries of each cluster, a list of lists of ints, the most used one first; set anew by validation
            images after each epoch, and in the end by training images (`finalize`).
        **kwargs: as for `Consistent` and `AdversarialAutoencoder`.

    Call arguments:
        inputs: images, float [N, H, W, C] in [0, 1] or uint8. Returns reconstructions, float32 [N, H, W, C].

    Raises:
        InputError: groups that do not put each entry into one cluster.
    """

    parts = (*AdversarialAutoencoder.parts, "discriminator_y")
    given = ("clusters", "groups")
    found = ("groups",)
    builders = {
        **AdversarialAutoencoder.builders,
        "encoder": encoder_builder(labels=True),
        "discriminator_y": discriminator_builder("discriminator_y", role=5),
    }
    figures = ("samples", "latent_plane", "reconstructions", "losses", "views")

    def __init__(
        self,
        *args,
        discriminator_y,
        classes,
        clusters=0,
        groups=None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.discriminator_y, self.entries, self.clusters = discriminator_y, classes, clusters or classes
        self.groups = groups or [[*range(first, classes, self.clusters)] for first in range(self.clusters)]
        if len(self.groups) != self.clusters or sorted(itertools.chain(*self.groups)) != [*range(classes)]:
            raise InputError(
                f"groups={groups} do not put each of {classes} entries into one of {self.clusters} clusters"
            )

    @property
    def classes(self):
        """Classes, or clusters."""
        return self.clusters

    @property
    def needs_finalizing(self):
        """Whether entries of y are merged; its prior is matched in training."""
        return self.clusters < self.entries

    def finalize(self, images, seed):
        """Merge the entries of y, as their probabilities of training images tell."""
        self.groups = merge_entries(self.encode(images, code="y"), self.clusters)

    def merged(self, y):
        """Return the probabilities of classes or clusters, float32 [N, C], of those of y's entries.

        Args:
            y: float32 tensor or array [N, K].
        """
        return y @ merging_matrix(self.groups) if self.needs_finalizing else y

    def y_of(self, labels):
        """Return the code y of classes or clusters: of several entries the most used one's, float32 tensor [N, K]."""
        heads = np.eye(self.entries, dtype="float32")[[group[0] for group in self.groups]]
        return tf.one_hot(labels, self.clusters) @ heads

    def get_config(self):
        """Return the arguments that make this model again."""
        config = {**super().get_config(), "classes": self.entries, "groups": [[*group] for group in self.groups]}
        return (
            config
            if self.needs_finalizing
            else {name: config[name] for name in config if name not in ("clusters", "groups")}
        )

    def updates(self):
        """Return reconstruction, both discriminators, the generator, and what asks for a consistent y."""
        return [*super().updates(), *self.consistency_updates(self.encoder.variables_of("y_logits"))]

    @property
    def priors(self):
        """The priors of z and of y."""
        return {**super().priors, "y": Categorical(self.entries)}

    def objectives(self):
        """Return the games on z and on y."""
        options = self.objective_options
        return [
            AdversarialObjective(self.prior, self.discriminator, suffix="_z", **options),
            AdversarialObjective(self.priors["y"], self.discriminator_y, "y", "_y", **options),
        ]

    def codes(self, batch, seed=None, training=False):
        """Return z, y (the softmax output itself) and y_logits."""
        codes = super().codes(batch, seed=seed, training=training)
        return {**codes, "y": tf.nn.softmax(codes["y_logits"])}

    def classification_update(self):
        """Return the update in which the encoder minimises the cross-entropy of q(y|x) on labelled images."""

        def loss(batch, codes, seed):
            labelled = {"images": batch["labelled_images"]}
            logits = self.codes(labelled, seed=seed, training=True)["y_logits"]
            return cross_entropy(batch["labelled_labels"], logits)

        variables = self.encoder.variables_of("y_logits")
        return Update(Phase("classification", loss, variables, uses_codes=False), optimizer="classification")

    def classify(self, images, batch_size=1000):
        """Return the probabilities of classes or clusters, q(y|x), float32 array [N, C].

        Args:
            images: uint8 or float [N, H, W(, C)].
            batch_size: images per pass.
        """
        return self.merged(self.encode(images, batch_size=batch_size, code="y"))

    def predict_labels(self, images):
        """Return the most probable class or cluster, int array [N].

        Args:
            images: uint8 or float [N, H, W(, C)].
        """
        return self.classify(images).argmax(-1)

    def label_error(self, split, y):
        """Return 'val_classification_error' (share in [0, 1]) of a `Split`'s labelled images; {} without any.

        Args:
            split: an `aae_tf.data.Split`.
            y: q(y|x) of its images, float [N, K].
        """
        known = labelled_rows(split.labels)
        if not len(known):
            return {}
        return {"val_classification_error": evaluation.error_rate(split.labels[known], y[known].argmax(-1))[0]}

    def cluster_error(self, split, y):
        """Return 'val_clustering_error' of a `Split`'s labelled images; {} with fewer than two.

        Entries of y that are to be merged are so from now on as all of these images tell.

        Clusters are named on every other image (by the paper's rule, see `evaluation.label_clusters`), and the error
        is of the rest.

        Args:
            split: an `aae_tf.data.Split`.
            y: q(y|x) of its images, float [N, K].
        """
        if self.needs_finalizing:
            self.groups = merge_entries(y, self.clusters)
        known = labelled_rows(split.labels)
        if len(known) < 2:
            return {}
        found, labels = self.merged(y[known]), split.labels[known]
        names = evaluation.label_clusters(found[::2], labels[::2])
        error = evaluation.clustering_error(found[1::2].argmax(-1), labels[1::2], names)
        return {"val_clustering_error": error}

    def signatures(self):
        """Return the signatures of `AdversarialAutoencoder`, `encode` with q(y|x) beside, and `classify`."""
        found = super().signatures()
        images = found["encode"][1]

        def encode_both(images):
            codes = self.codes({"images": images})
            return {"codes": codes["z"], "label_probabilities": self.merged(codes["y"])}

        def classify(images):
            probabilities = self.merged(self.codes({"images": images})["y"])
            return {"probabilities": probabilities, "labels": tf.argmax(probabilities, -1, tf.int32)}

        return {**found, "encode": (encode_both, images), "classify": (classify, images)}


@keras.saving.register_keras_serializable("aae_tf")
class SemiSupervisedAAE(CategoricalAAE):
    """The model of §5 (arXiv 1511.05644, figure 8): y is the class; arguments as for `CategoricalAAE`."""

    metrics = (*CategoricalAAE.metrics, "sample_class_accuracy", "classification_error")
    figures = (*CategoricalAAE.figures, "style_grid", "confusion")
    monitor = "val_classification_error"

    @property
    def required_inputs(self):
        """Labelled images, and views where an image is to be consistent with them."""
        return ("labelled", *super().required_inputs)

    @classmethod
    def from_data(cls, recipe, classes, prior):
        """Return the number of the data's classes."""
        if not classes:
            raise InputError(f"recipe '{recipe.name}' needs labels; pass (images, labels) or folders by class")
        return {"classes": classes}

    def updates(self):
        """Return the updates of `CategoricalAAE`, and classification."""
        return [*super().updates(), self.classification_update()]

    def errors(self, split, seen):
        """Return the reconstruction error and, of labelled images, the classification error."""
        return {**super().errors(split, seen), **self.label_error(split, seen["y"])}
