"""Moment matching in place of the game: an autoencoder whose codes match the prior by maximum mean discrepancy.

The decoder of prior samples is a generative moment-matching network on the codes (GMMN + AE, Li et al., 2015, arXiv
1502.02761); trained jointly, it is the Wasserstein autoencoder with an MMD penalty (WAE-MMD, Tolstikhin et al., 2018,
arXiv 1711.01558).
"""

from aae_tf.backend import keras, tf
from aae_tf.models.base import LatentModel
from aae_tf.models.losses import maximum_mean_discrepancy
from aae_tf.models.phases import Phase


@keras.saving.register_keras_serializable("aae_tf")
class MomentMatchingAutoencoder(LatentModel):
    """An autoencoder with the MMD between codes and prior samples as penalty (WAE-MMD, arXiv 1711.01558).

    Args:
        *args: as for `LatentModel`.
        penalty_weight: factor on the MMD, the lambda of arXiv 1711.01558.
        **kwargs: as for `LatentModel`.
    """

    options = (*LatentModel.options, "penalty_weight")

    def __init__(self, *args, penalty_weight=1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.penalty_weight = penalty_weight

    @classmethod
    def own_parts(cls, recipe, dtype, classes):
        """Return the encoder and the factor of the MMD."""
        return {**super().own_parts(recipe, dtype, classes), "penalty_weight": recipe.penalty_weight}

    def phases(self):
        """Return reconstruction and, in the same update, the MMD between codes and as many prior samples."""

        def mmd(batch, codes, seed):
            real = self.prior.sample(tf.shape(codes["z"])[0], seed)
            return maximum_mean_discrepancy(codes["z"], real)

        encoder = self.encoder.trainable_variables
        penalty = Phase("mmd", mmd, encoder, weight=self.penalty_weight, joins="reconstruction")
        return [self.reconstruction_phase(), penalty]
