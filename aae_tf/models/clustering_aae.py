"""Clustering (§6): the model of §5 without a single label; y then says which of K clusters an image is in."""

from typing import Annotated

from aae_tf.backend import keras
from aae_tf.config.schema import Range
from aae_tf.models.semi_supervised_aae import CategoricalAAE


@keras.saving.register_keras_serializable("aae_tf")
class ClusteringAAE(CategoricalAAE):
    """The model of §6 (arXiv 1511.05644, figure 9); arguments as for `CategoricalAAE`."""

    metrics = (*CategoricalAAE.metrics, "clustering")
    figures = (*CategoricalAAE.figures, "clusters")
    monitor = "val_clustering_error"

    @classmethod
    def from_data(
        cls, recipe, classes, prior, clusters: Annotated[int, Range(2)] = 16, entries: Annotated[int, Range(0)] = 0
    ):
        """Return the numbers of clusters and of entries of y, the recipe's.

        Args:
            recipe: `aae_tf.Recipe`.
            classes: number of classes of the data, which is not looked at.
            prior: the prior of z.
            clusters: how many.
            entries: of y, which are merged into clusters once trained; not fewer than these.
        """
        return {"classes": max(clusters, entries), "clusters": clusters}

    def errors(self, split, seen):
        """Return the reconstruction error and the clusters' error, see `CategoricalAAE.cluster_error`."""
        return {**super().errors(split, seen), **self.cluster_error(split, seen["y"])}
