"""Dimensionality reduction (§7): an image is placed at its cluster's head, moved by its style: W_C y + z.

W_C (K x n, learned) holds the heads; the decoder sees the sum alone, so z and the heads share one n-dimensional map.
A cost pushes heads apart that are nearer than a threshold. With labels y is the class (§5's third phase), without
labels a cluster (§6).
"""

from typing import Annotated

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.errors import InputError
from aae_tf.losses import centroid_distance_loss
from aae_tf.models.semi_supervised_aae import CategoricalAAE
from aae_tf.training.updates import Phase, Update


@keras.saving.register_keras_serializable("aae_tf")
class ClusterCentroids(keras.layers.Layer):
    """W_C: from y, float [N, K], to W_C y, float32 [N, n].

    Args:
        classes: K.
        dim: n.
        spread: standard deviation of the initial heads.
        seed: seed of the initial heads.

    Call arguments:
        y: float32 [N, K]. Returns W_C y, float32 [N, n].
    """

    def __init__(self, classes, dim, spread=1.0, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.dim, self.spread, self.seed = classes, dim, spread, seed

    def build(self, input_shape):
        """Make the heads."""
        start = keras.initializers.RandomNormal(0.0, self.spread, seed=self.seed)
        self.heads = self.add_weight(name="heads", shape=(self.classes, self.dim), initializer=start)

    def call(self, y):
        """Return W_C y."""
        return tf.linalg.matmul(y, self.heads)

    def get_config(self):
        """Return the arguments that make this layer again."""
        names = ("classes", "dim", "spread", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def make_heads(plan):
    """Return the `ClusterCentroids` of a plan."""
    return ClusterCentroids(plan.classes, plan.latent_dim, seed=plan.seed_of(6), name="heads")


@keras.saving.register_keras_serializable("aae_tf")
class DimensionalityReductionAAE(CategoricalAAE):
    """The model of §7 (arXiv 1511.05644, figure 10).

    Args:
        *args: as for `CategoricalAAE`, but the decoder has D inputs.
        heads: a `ClusterCentroids` layer of K heads in D dimensions.
        centroid_distance: distance below which cluster heads repel each other.
        uses_labels: whether there is a classification phase.
        **kwargs: as for `CategoricalAAE`.
    """

    parts = (*CategoricalAAE.parts, "heads")
    builders = {**CategoricalAAE.builders, "heads": make_heads}
    given = (*CategoricalAAE.given, "uses_labels")

    def __init__(self, *args, heads, centroid_distance: Annotated[float, Range(0.0)] = 5.0, uses_labels=True, **kwargs):
        super().__init__(*args, **kwargs)
        self.heads, self.centroid_distance, self.uses_labels = heads, centroid_distance, uses_labels

    @classmethod
    def from_data(
        cls, recipe, classes, prior, clusters: Annotated[int, Range(2)] = 20, entries: Annotated[int, Range(0)] = 0
    ):
        """Return the number of classes with labels, of clusters without; and which of them it is.

        Args:
            recipe: `aae_tf.Recipe`.
            classes: number of classes of the data, 0 without labels.
            prior: the prior of z.
            clusters: how many without labels.
            entries: of y, without labels, which are merged into clusters once trained; not fewer than these.

        Raises:
            InputError: labels are asked for and the data has none.
        """
        if recipe.labels == 0:
            return {"classes": max(clusters, entries), "clusters": clusters, "uses_labels": False}
        if not classes:
            raise InputError(f"labels={recipe.labels!r} needs data with labels; pass some, or set labels=0 to cluster")
        return {"classes": classes, "uses_labels": True}

    @property
    def required_inputs(self):
        """Labelled images, where it learns from labels, and what `CategoricalAAE` brings."""
        return (*(["labelled"] if self.uses_labels else []), *super().required_inputs)

    @property
    def metrics(self):
        """How well y is the class, or the clusters agree with the classes; and how good a map it is."""
        return (*super().metrics, "classification_error" if self.uses_labels else "clustering", "map")

    @property
    def figures(self):
        """The map and, with labels, which classes are taken for which."""
        return (*super().figures, *(["confusion"] if self.uses_labels else []), "map")

    @property
    def monitor(self):
        """The error of classes or of clusters."""
        return "val_classification_error" if self.uses_labels else "val_clustering_error"

    def errors(self, split, seen):
        """Return the reconstruction error, and the error of classes or of clusters."""
        measured = self.label_error if self.uses_labels else self.cluster_error
        return {**super().errors(split, seen), **measured(split, seen["y"])}

    def decoder_input(self, codes):
        """Return the representation W_C y + z, float32 [N, D]."""
        return self.heads(codes["y"]) + codes["z"]

    def represent(self, images, batch_size=1000):
        """Return each image's place on the map, W_C y + z, float32 array [N, D].

        Args:
            images: uint8 or float [N, H, W(, C)].
            batch_size: images per pass.
        """

        def run(images):
            return self.decoder_input(self.codes({"images": images}))

        return self._over_images("represent", run, batch_size, images)

    def decode_map(self, latent_points, batch_size=1000):
        """Return images, float32 array [N, H, W, C] in [0, 1], of places on the map.

        Args:
            latent_points: float [N, D].
            batch_size: places per pass.
        """
        return self._over_codes("decode map", self._decode_points, batch_size, latent_points)

    def _decode_points(self, latent_points):
        return self.image_scale.invert(tf.cast(self.decoder(latent_points), tf.float32))

    def updates(self):
        """Return reconstruction (which moves the heads too), the others, the heads' own cost, and classification."""
        _, *others = super().updates()
        heads = self.heads.trainable_variables

        def apart(batch, codes, seed):
            return centroid_distance_loss(tf.convert_to_tensor(self.heads.heads), self.centroid_distance)

        return [
            Update(self.reconstruction_phase(heads)),
            *others,
            Update(Phase("heads", apart, heads, uses_codes=False)),
            *([self.classification_update()] if self.uses_labels else []),
        ]

    def signatures(self):
        """Return those of `CategoricalAAE`, and the map's: `represent` images, `decode_map` places."""
        found = super().signatures()
        latent_points = tf.TensorSpec((None, self.prior.dim), tf.float32, "latent_points")

        def represent(images):
            return {"latent_points": self.decoder_input(self.codes({"images": images}))}

        def decode_map(latent_points):
            return {self.element.output_name: self._decode_points(latent_points)}

        return {**found, "represent": (represent, found["encode"][1]), "decode_map": (decode_map, [latent_points])}
