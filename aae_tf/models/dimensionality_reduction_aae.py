"""Dimensionality reduction (§7): the representation of an image is its cluster's centroid plus its style, W_C y + z.

W_C (K x n, learned) holds the centroids ("cluster heads" in the paper); the decoder takes the sum alone, so z and the
centroids share one n-dimensional map. A cost pushes apart centroids that are nearer than a threshold. With labels y is
the class (classification phase of §5), without labels a cluster (§6).
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.errors import InputError
from aae_tf.losses import centroid_distance_loss
from aae_tf.models.sampling import Codes, Signature
from aae_tf.models.semi_supervised_aae import CategoricalAAE, ClusterCount, HeadSize
from aae_tf.models.specs import BuildSpec, ReportSpec, TrainingSpec
from aae_tf.networks import NetworkSpec
from aae_tf.priors import Prior
from aae_tf.training.updates import Phase, Update


@keras.saving.register_keras_serializable("aae_tf")
class ClusterCentroids(keras.layers.Layer):
    """W_C, K = `classes` centroids, Gaussian at first: from y, float [N, K], to W_C y, float32 [N, n], n = `dim`."""

    def __init__(self, classes: int, dim: int, std: float = 1.0, seed: int = 0, **kwargs: Any):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.classes, self.dim, self.std, self.seed = classes, dim, std, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the centroids."""
        start = keras.initializers.RandomNormal(0.0, self.std, seed=self.seed)
        self.centroids = self.add_weight(name="centroids", shape=(self.classes, self.dim), initializer=start)

    def call(self, y: "tf.Tensor") -> "tf.Tensor":
        """Return W_C y."""
        return tf.linalg.matmul(y, self.centroids)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape [N, n]."""
        return (*input_shape[:-1], self.dim)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"classes": self.classes, "dim": self.dim, "std": self.std, "seed": self.seed}
        return {**super().get_config(), **own}


def make_centroids(spec: NetworkSpec) -> ClusterCentroids:
    """Return the `ClusterCentroids` of a `NetworkSpec`."""
    return ClusterCentroids(spec.classes, spec.latent_dim, seed=spec.seed_of(6), name="centroids")


@keras.saving.register_keras_serializable("aae_tf")
class DimensionalityReductionAAE(CategoricalAAE):
    """The model of §7 (arXiv 1511.05644, figure 10).

    Args:
        *args: as for `CategoricalAAE`, but the decoder has D inputs.
        centroids: a `ClusterCentroids` layer of K centroids in D dimensions.
        centroid_distance: distance below which centroids repel each other.
        uses_labels: whether there is a classification phase.
        **kwargs: as for `CategoricalAAE`.
    """

    build_spec: ClassVar[BuildSpec] = CategoricalAAE.build_spec.extended(
        submodels={"centroids": make_centroids}, excluded_args=("uses_labels",)
    )

    def __init__(
        self,
        *args: Any,
        centroids: ClusterCentroids,
        centroid_distance: Annotated[float, Range(0.0)] = 5.0,
        uses_labels: bool = True,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.centroids, self.centroid_distance, self.uses_labels = centroids, centroid_distance, uses_labels

    @classmethod
    def from_data(
        cls, recipe: Any, classes: int, prior: Prior, clusters: ClusterCount = 20, overclustering: HeadSize = 0
    ) -> dict[str, Any]:
        """Return the number of classes with labels, of clusters without; `overclustering` as for `ClusteringAAE`."""
        if recipe.labels == 0:
            return {"classes": max(clusters, overclustering), "clusters": clusters, "uses_labels": False}
        if not classes:
            raise InputError(f"labels={recipe.labels!r} needs data with labels; pass some, or set labels=0 to cluster")
        return {"classes": classes, "uses_labels": True}

    @property
    def training_spec(self) -> TrainingSpec:
        """Training needs labelled images where it uses labels."""
        return super().training_spec.extended(required_inputs=("labelled",) if self.uses_labels else ())

    @property
    def report_spec(self) -> ReportSpec:
        """What is reported, with the map and the error of classes or clusters."""
        metrics, figures, kind = ("clustering", "map"), ("map",), "clustering"
        if self.uses_labels:
            metrics, figures, kind = ("classification_error", "map"), ("confusion", "map"), "classification"
        return super().report_spec.extended(metrics=metrics, figures=figures, monitor=f"val_{kind}_error")

    def decoder_input(self, codes: Codes) -> "tf.Tensor":
        """Return the representation W_C y + z, float32 [N, D]."""
        return self.centroids(codes["y"]) + codes["z"]

    def represent(self, images: ArrayLike, batch_size: int = 1000) -> np.ndarray:
        """Return the latent point of each image [H, W(, C)] on the map, W_C y + z, float32 array [N, D]."""

        def run(images):
            return self.decoder_input(self.codes({"images": images}))

        return self.over_images("represent", run, images, batch_size=batch_size)

    def decode_map(self, latent_points: ArrayLike, batch_size: int = 1000) -> np.ndarray:
        """Return images, float32 array [N, H, W, C] in [0, 1], of latent points on the map, float [N, D]."""
        return self._over_codes("decode map", self._decode_points, batch_size, latent_points)

    def _decode_points(self, latent_points):
        return self.image_scale.invert(tf.cast(self.decoder(latent_points), tf.float32))

    def updates(self) -> list[Update]:
        """Return reconstruction (moves the centroids too), the others, the centroids' cost, and classification."""
        _, *others = super().updates()
        variables = self.centroids.trainable_variables

        def repulsion(batch, codes, seed):
            return centroid_distance_loss(tf.convert_to_tensor(self.centroids.centroids), self.centroid_distance)

        return [
            Update(self.reconstruction_phase(variables)),
            *others,
            Update(Phase("centroids", repulsion, variables, uses_codes=False)),
            *([self.classification_update()] if self.uses_labels else []),
        ]

    def signatures(self) -> dict[str, Signature]:
        """Return those of `CategoricalAAE`, and the map's: `represent` images, `decode_map` latent points."""
        found = super().signatures()
        latent_points = tf.TensorSpec((None, self.prior.dim), tf.float32, "latent_points")

        def represent(images):
            return {"latent_points": self.decoder_input(self.codes({"images": images}))}

        def decode_map(latent_points):
            return {self.element.output_name: self._decode_points(latent_points)}

        return {**found, "represent": (represent, found["encode"][1]), "decode_map": (decode_map, [latent_points])}
