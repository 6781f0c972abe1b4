"""The adversarial autoencoder (§2): an autoencoder whose aggregated posterior q(z) is matched to a prior p(z).

Two phases a mini-batch. *Reconstruction*: encoder and decoder minimise the reconstruction error. *Regularization*: the
discriminator learns to distinguish prior samples from codes, then the encoder, as its generator, learns to fool it.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from aae_tf.backend import keras, tf
from aae_tf.models.adversarial import AdversarialModel, AdversarialObjective, regularization
from aae_tf.models.latent_model import LatentModel
from aae_tf.models.sampling import Codes
from aae_tf.models.specs import BuildSpec
from aae_tf.priors import Prior
from aae_tf.training.updates import Update


@keras.saving.register_keras_serializable("aae_tf")
class AdversarialAutoencoder(AdversarialModel, LatentModel):
    """The model of §2 (arXiv 1511.05644).

    Args:
        encoder: `aae_tf.networks.Encoder`, or any Keras model from images [N, H, W, C] to codes [N, D].
        decoder: any Keras model from codes [N, D] to images [N, H, W, C] in the networks' scale.
        discriminator: any Keras model from codes [N, D] to one logit a row.
        prior: `aae_tf.priors.Prior` of dimension D.
        **kwargs: as for `AdversarialModel` and `LatentModel`.

    Call arguments:
        images: float [N, H, W, C] in [0, 1], or uint8. Returns reconstructions, float32 [N, H, W, C].
    """

    build_spec: ClassVar[BuildSpec] = LatentModel.build_spec.extended(submodels=AdversarialModel.submodels)

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model, discriminator: keras.Model, prior: Prior, **kwargs: Any
    ):
        super().__init__(encoder, decoder, prior, discriminator=discriminator, **kwargs)

    def objectives(self) -> Sequence[AdversarialObjective]:
        """Return the adversarial objectives: here one, on z."""
        return [AdversarialObjective(self.prior, self.discriminator, **self.objective_options)]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every network for images of shape (N, H, W, C); see `GenerativeModel.build`."""
        if not self.built:
            for objective in self.objectives():
                codes = tf.zeros((2, objective.prior.dim))
                objective.discriminator(objective.conditioned(codes, {"labels": tf.zeros(2, tf.int32)}))
            super().build(input_shape)

    def updates(self) -> list[Update]:
        """Return reconstruction, the discriminator of each objective, and the generator."""
        matched = regularization(self.objectives(), self.encoder.trainable_variables)
        return [Update(self.reconstruction_phase()), *matched]

    def scores(self, batch: dict[str, Any]) -> "dict[str, tf.Tensor]":
        """Return the reconstruction error and 'prior_logit', the discriminator's logit of z."""
        return {**super().scores(batch), "prior_logit": self.prior_logit(self.codes(batch), batch.get("labels"))}

    def prior_logit(self, codes: Codes, labels: "tf.Tensor | None" = None) -> "tf.Tensor":
        """Return the discriminator's logits of codes z, float32 [N]: high for those that resemble prior samples.

        Labels, int32 [N], are for label-conditioned objectives: -1 for one without a label, None for all.
        """
        labels = tf.fill([tf.shape(codes["z"])[0]], -1) if labels is None else labels
        inputs = self.objectives()[0].conditioned(codes["z"], {"labels": labels})
        return tf.reshape(tf.cast(self.discriminator(inputs, training=False), tf.float32), [-1])
