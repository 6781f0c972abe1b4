"""Semi-supervised learning (§5): an encoder with a class y and a style z, which learns from few labels.

Two adversarial objectives match q(y) to a uniform categorical distribution and q(z) to a Gaussian; the decoder takes
both. Each mini-batch has three phases: reconstruction, regularization (both objectives), and classification on a
separate mini-batch of labelled images.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from aae_tf import evaluation
from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.data.dataset import labelled_rows
from aae_tf.errors import InputError
from aae_tf.losses import cross_entropy
from aae_tf.models.adversarial import AdversarialObjective
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.cluster_merging import merge_entries, merging_matrix
from aae_tf.models.consistency import Consistent
from aae_tf.models.sampling import Codes, Signature
from aae_tf.models.specs import BuildSpec, ReportSpec, TrainingSpec
from aae_tf.networks import discriminator_builder, encoder_builder
from aae_tf.priors import Categorical, Prior
from aae_tf.training.updates import Phase, Update

if TYPE_CHECKING:
    from aae_tf.data import Split


ClusterCount = Annotated[int, Range(2)]
HeadSize = Annotated[int, Range(0)]  # of y, 0 for the number of clusters


class CategoricalAAE(Consistent, AdversarialAutoencoder):
    """An encoder with heads 'z' and 'y_logits' and an adversarial objective on each: the base of §5, §6 and §7.

    Args:
        *args: `encoder` (heads 'z' and 'y_logits'), `decoder` (of K + D inputs, y first), `discriminator` of z and
            `prior` of z, as for `AdversarialAutoencoder`.
        discriminator_y: Keras model from y [N, K] to one logit a row.
        classes: K, the size of y.
        clusters: number of clusters into which the entries of y are merged (`aae_tf.models.cluster_merging`); 0 for no
            merging. A cluster is decoded and sampled by its most used entry.
        groups: the entries of each cluster, a list of lists of ints, the most used one first; fitted to training
            images by `finalize`.
        **kwargs: as for `Consistent` and `AdversarialAutoencoder`.

    Raises:
        InputError: groups that do not put each entry into one cluster.
    """

    build_spec: ClassVar[BuildSpec] = AdversarialAutoencoder.build_spec.extended(
        submodels={
            "encoder": encoder_builder(labels=True),
            "discriminator_y": discriminator_builder("discriminator_y", role=5),
        },
        excluded_args=("clusters", "groups"),
        fitted_state=("groups",),
    )

    def __init__(
        self,
        *args: Any,
        discriminator_y: keras.Model,
        classes: int,
        clusters: int = 0,
        groups: list[list[int]] | None = None,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.discriminator_y, self.head_size, self.clusters = discriminator_y, classes, clusters or classes
        self.groups = groups or [[*range(first, classes, self.clusters)] for first in range(self.clusters)]
        if len(self.groups) != self.clusters or sorted(itertools.chain(*self.groups)) != [*range(classes)]:
            raise InputError(f"groups={groups} do not put each of {classes} entries in one of {self.clusters} clusters")

    @property
    def report_spec(self) -> ReportSpec:
        """What is reported; a discrete y has no manifold."""
        spec = super().report_spec
        return replace(spec, figures=tuple(name for name in spec.figures if name != "manifold"))

    @property
    def classes(self) -> int:
        """Number of classes or clusters."""
        return self.clusters

    @property
    def needs_finalizing(self) -> bool:
        """Whether entries of y are merged."""
        return self.clusters < self.head_size

    def finalize(self, images: ArrayLike, seed: int) -> None:
        """Merge the entries of y by their probabilities for training images, see `GenerativeModel.finalize`."""
        self.groups = merge_entries(self.encode(images, code="y"), self.clusters)

    def merged(self, y: "ArrayLike | tf.Tensor") -> "np.ndarray | tf.Tensor":
        """Return the probabilities of classes or clusters, float32 [N, C], from those of y's entries, [N, K]."""
        return y @ merging_matrix(self.groups) if self.needs_finalizing else y

    def y_of(self, labels: "tf.Tensor") -> "tf.Tensor":
        """Return the code y of classes or clusters, of the most used entry: float32 tensor [N, K]."""
        first = np.eye(self.head_size, dtype="float32")[[group[0] for group in self.groups]]
        return tf.one_hot(labels, self.clusters) @ first

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {**super().get_config(), "classes": self.head_size, "groups": [[*group] for group in self.groups]}
        left_out = () if self.needs_finalizing else ("clusters", "groups")
        return {name: value for name, value in config.items() if name not in left_out}

    def updates(self) -> list[Update]:
        """Return reconstruction, both discriminators, the generator, and consistency regularization of y."""
        return [*super().updates(), *self.consistency_updates(self.encoder.variables_of("y_logits"))]

    @property
    def priors(self) -> dict[str, Prior]:
        """The priors of z and of y."""
        return {**super().priors, "y": Categorical(self.head_size)}

    def objectives(self) -> Sequence[AdversarialObjective]:
        """Return the objectives on z and on y."""
        options = self.objective_options
        return [
            AdversarialObjective(self.prior, self.discriminator, suffix="_z", **options),
            AdversarialObjective(self.priors["y"], self.discriminator_y, "y", "_y", **options),
        ]

    def codes(self, batch: dict[str, Any], seed: Any = None, training: bool = False) -> Codes:
        """Return z, y (the softmax output) and y_logits."""
        codes = super().codes(batch, seed=seed, training=training)
        return {**codes, "y": tf.nn.softmax(codes["y_logits"])}

    def classification_update(self) -> Update:
        """Return the update in which the encoder minimises the cross-entropy of q(y|x) on labelled images."""

        def loss(batch, codes, seed):
            labelled = {"images": batch["labelled_images"]}
            logits = self.codes(labelled, seed=seed, training=True)["y_logits"]
            return cross_entropy(batch["labelled_labels"], logits)

        phase = Phase("classification", loss, self.encoder.variables_of("y_logits"), uses_codes=False)
        return Update(phase, optimizer="classification")

    def classify(self, images: ArrayLike, batch_size: int = 1000) -> np.ndarray:
        """Return the probabilities of classes or clusters, q(y|x), float32 array [N, C], of images [N, H, W(, C)]."""
        return self.merged(self.encode(images, batch_size=batch_size, code="y"))

    def predict_labels(self, images: ArrayLike) -> np.ndarray:
        """Return the most probable class or cluster, int array [N], of images, uint8 or float [N, H, W(, C)]."""
        return self.classify(images).argmax(-1)

    def label_error(self, split: "Split", y: np.ndarray) -> dict[str, float]:
        """Return 'val_classification_error', in [0, 1], of a split's labelled images by q(y|x), [N, K]; {} without."""
        known = labelled_rows(split.labels)
        if not len(known):
            return {}
        return {"val_classification_error": evaluation.error_rate(split.labels[known], y[known].argmax(-1))[0]}

    def cluster_error(self, split: "Split", y: np.ndarray) -> dict[str, float]:
        """Return 'val_clustering_error' of a split's labelled images by q(y|x), [N, K]; {} with fewer than two.

        Entries of y are merged by all images of the split. Clusters are named on every other labelled image (by the
        paper's rule, see `evaluation.label_clusters`), and the error is that of the rest.
        """
        known = labelled_rows(split.labels)
        if len(known) < 2:
            return {}
        found = y @ merging_matrix(merge_entries(y, self.clusters)) if self.needs_finalizing else y
        found, labels = found[known], split.labels[known]
        names = evaluation.label_clusters(found[::2], labels[::2])
        return {"val_clustering_error": evaluation.clustering_error(found[1::2].argmax(-1), labels[1::2], names)}

    def validation_metrics(self, split: "Split", outputs: dict[str, np.ndarray]) -> dict[str, float]:
        """Return the reconstruction error, and the error of classes or, in a model without labels, of clusters."""
        error = self.label_error if "labelled" in self.training_spec.required_inputs else self.cluster_error
        return {**super().validation_metrics(split, outputs), **error(split, outputs["y"])}

    def signatures(self) -> dict[str, Signature]:
        """Return the signatures of `AdversarialAutoencoder`, `encode` with q(y|x) added, and `classify`."""
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

    @property
    def training_spec(self) -> TrainingSpec:
        """Training needs labelled images."""
        return super().training_spec.extended(required_inputs=("labelled",))

    @property
    def report_spec(self) -> ReportSpec:
        """What is reported, with the error of the classes."""
        return super().report_spec.extended(
            metrics=("sample_class_accuracy", "classification_error"),
            figures=("style_grid", "confusion"),
            monitor="val_classification_error",
        )

    @classmethod
    def from_data(cls, recipe: Any, classes: int, prior: Prior) -> dict[str, Any]:
        """Return the number of the data's classes."""
        if not classes:
            raise InputError(f"recipe '{recipe.name}' needs labels; pass (images, labels) or folders by class")
        return {"classes": classes}

    def updates(self) -> list[Update]:
        """Return the updates of `CategoricalAAE`, and classification."""
        return [*super().updates(), self.classification_update()]
