"""Clustering (§6): the model of §5 without a single label; y then says which of K clusters an image is in."""

from aae_tf.backend import keras
from aae_tf.models.semi_supervised_aae import CategoricalAAE


@keras.saving.register_keras_serializable("aae_tf")
class ClusteringAAE(CategoricalAAE):
    """The model of §6 (arXiv 1511.05644, figure 9); arguments as for `CategoricalAAE`."""

    measures = (*CategoricalAAE.measures, "clustering")
    figures = ("samples", "latent_plane", "reconstructions", "clusters", "losses")

    @classmethod
    def entries(cls, recipe, classes):
        """Return the recipe's number of clusters."""
        return recipe.clusters
