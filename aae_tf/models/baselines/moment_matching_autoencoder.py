"""Moment matching: an autoencoder whose codes match the prior by maximum mean discrepancy.

The decoder of prior samples is a generative moment-matching network on the codes (GMMN + AE, Li et al., 2015, arXiv
1502.02761); trained jointly, it is the Wasserstein autoencoder with an MMD penalty (WAE-MMD, Tolstikhin et al., 2018,
arXiv 1711.01558).
"""

from typing import Annotated, Any

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.losses import maximum_mean_discrepancy
from aae_tf.models.latent_model import LatentModel
from aae_tf.models.specs import TrainingSpec
from aae_tf.training.updates import Phase, Update


@keras.saving.register_keras_serializable("aae_tf")
class MomentMatchingAutoencoder(LatentModel):
    """An autoencoder with the MMD of codes and prior samples as penalty, times `penalty_weight` (WAE-MMD's lambda)."""

    def __init__(self, *args: Any, penalty_weight: Annotated[float, Range(0.0)] = 1.0, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.penalty_weight = penalty_weight

    @property
    def training_spec(self) -> TrainingSpec:
        """The discrepancy needs pairs of codes."""
        return super().training_spec.extended(minimum_batch=2)

    def updates(self) -> list[Update]:
        """Return one update: reconstruction, and the MMD between codes and as many prior samples."""

        def mmd(batch, codes, seed):
            real = self.prior.sample(tf.shape(codes["z"])[0], seed)
            return maximum_mean_discrepancy(codes["z"], real)

        penalty = Phase("mmd", mmd, self.encoder.trainable_variables, self.penalty_weight)
        return [Update(self.reconstruction_phase(), penalty)]
