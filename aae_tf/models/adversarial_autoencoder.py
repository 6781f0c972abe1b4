"""The adversarial autoencoder (§2): an autoencoder whose aggregated posterior q(z) is made to match a prior p(z).

Two phases a mini-batch. *Reconstruction*: encoder and decoder minimise the reconstruction error.
*Regularization*: the discriminator learns to tell prior samples from codes, then the encoder, as its generator,
learns to fool it. Decoding prior samples then gives new images.
"""

from aae_tf.backend import keras, tf
from aae_tf.models.base import LatentModel
from aae_tf.models.games import AdversarialGame
from aae_tf.networks import decoder_from_recipe, discriminator_from_recipe, encoder_from_recipe


@keras.saving.register_keras_serializable("aae_tf")
class AdversarialAutoencoder(LatentModel):
    """The model of §2 (arXiv 1511.05644).

    Args:
        encoder: `aae_tf.networks.Encoder`, or any Keras model from images [N, H, W, C] to codes [N, D].
        decoder: any Keras model from codes [N, D] to images [N, H, W, C] in the networks' scale.
        discriminator: any Keras model from codes [N, D] to one logit a row.
        prior: `aae_tf.priors.Prior` of dimension D.
        adversarial_loss: 'non_saturating' or 'least_squares'.
        discriminator_noise: standard deviation of Gaussian noise on the discriminator's inputs.
        **kwargs: `image_scale`, `reconstruction_loss` and `name`, as for `LatentModel`.

    Call arguments:
        images: float [N, H, W, C] in [0, 1], or uint8. Returns reconstructions, float32 [N, H, W, C].

    Raises:
        InputError: an unknown loss or scale; on building, networks and prior that do not fit together.
    """

    parts = (*LatentModel.parts, "discriminator")
    options = (*LatentModel.options, "adversarial_loss", "discriminator_noise")

    def __init__(
        self,
        encoder,
        decoder,
        discriminator,
        prior,
        adversarial_loss="non_saturating",
        discriminator_noise=0.0,
        **kwargs,
    ):
        super().__init__(encoder, decoder, prior, **kwargs)
        self.discriminator = discriminator
        self.adversarial_loss, self.discriminator_noise = adversarial_loss, discriminator_noise
        self.game = AdversarialGame(prior, discriminator, loss=adversarial_loss, noise=discriminator_noise)

    @classmethod
    def from_recipe(cls, recipe, image_shape, prior, dtype="float32"):
        """Return the model a recipe describes.

        Args:
            recipe: `aae_tf.Recipe`.
            image_shape: (H, W, C).
            prior: `aae_tf.priors.Prior` of dimension `recipe.latent_dim`.
            dtype: Keras dtype policy of the networks.
        """
        return cls(
            encoder_from_recipe(recipe, dtype),
            decoder_from_recipe(recipe, image_shape, dtype),
            discriminator_from_recipe(recipe, dtype),
            prior,
            adversarial_loss=recipe.adversarial_loss,
            discriminator_noise=recipe.discriminator_noise,
            image_scale=recipe.image_scale,
            reconstruction_loss=recipe.reconstruction_loss,
        )

    def build(self, input_shape):
        """Build every network for images of shape (N, H, W, C); see `LatentModel.build`."""
        if not self.built:
            self.discriminator(tf.zeros((2, self.prior.dim)))
            super().build(input_shape)

    def phases(self):
        """Return reconstruction, discriminator and generator."""
        return [self.reconstruction_phase(), *self.game.phases(self.encoder.trainable_variables)]

    def prior_logit(self, codes):
        """Return how much codes look like prior samples to the discriminator: logits, float32 [N].

        Args:
            codes: dict with 'z', float32 [N, D].
        """
        return tf.reshape(tf.cast(self.discriminator(codes["z"], training=False), tf.float32), [-1])
