"""Moment matching in place of the game: an autoencoder whose codes match the prior by maximum mean discrepancy.

The decoder of prior samples is a generative moment-matching network on the codes (GMMN + AE, Li et al., 2015, arXiv
1502.02761); trained jointly, it is the Wasserstein autoencoder with an MMD penalty (WAE-MMD, Tolstikhin et al., 2018,
arXiv 1711.01558).
"""

from typing import Annotated

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.losses import maximum_mean_discrepancy
from aae_tf.models.base import LatentModel
from aae_tf.training.updates import Phase, Update


@keras.saving.register_keras_serializable("aae_tf")
class MomentMatchingAutoencoder(LatentModel):
    """An autoencoder with the MMD between codes and prior samples as penalty (WAE-MMD, arXiv 1711.01558).

    Args:
        *args: as for `LatentModel`.
        penalty_weight: factor on the MMD, the lambda of arXiv 1711.01558.
        **kwargs: as for `LatentModel`.
    """

    least_batch = 2  # the discrepancy is over pairs of codes, no code with itself

    def __init__(self, *args, penalty_weight: Annotated[float, Range(0.0)] = 1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.penalty_weight = penalty_weight

    def updates(self):
        """Return one update: reconstruction, and the MMD between codes and as many prior samples."""

        def mmd(batch, codes, seed):
            real = self.prior.sample(tf.shape(codes["z"])[0], seed)
            return maximum_mean_discrepancy(codes["z"], real)

        penalty = Phase("mmd", mmd, self.encoder.trainable_variables, self.penalty_weight)
        return [Update(self.reconstruction_phase(), penalty)]
