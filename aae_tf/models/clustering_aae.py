"""Clustering (§6): the model of §5 without labels; y is then one of K clusters."""

from typing import Any

from aae_tf.backend import keras
from aae_tf.models.semi_supervised_aae import CategoricalAAE, ClusterCount, HeadSize
from aae_tf.models.specs import ReportSpec
from aae_tf.priors import Prior


@keras.saving.register_keras_serializable("aae_tf")
class ClusteringAAE(CategoricalAAE):
    """The model of §6 (arXiv 1511.05644, figure 9); arguments as for `CategoricalAAE`."""

    @property
    def report_spec(self) -> ReportSpec:
        """What is reported, with the error of the clusters."""
        return super().report_spec.extended(
            metrics=("clustering",), figures=("clusters",), monitor="val_clustering_error"
        )

    @classmethod
    def from_data(
        cls, recipe: Any, classes: int, prior: Prior, clusters: ClusterCount = 16, overclustering: HeadSize = 0
    ) -> dict[str, Any]:
        """Return the sizes of y and its clusters; of `overclustering` entries, clusters are merged after training."""
        return {"classes": max(clusters, overclustering), "clusters": clusters}
