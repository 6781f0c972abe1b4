"""The adversarial autoencoder (§2): an autoencoder whose aggregated posterior q(z) is made to match a prior p(z).

Two phases a mini-batch. *Reconstruction*: encoder and decoder minimise the reconstruction error.
*Regularization*: the discriminator learns to tell prior samples from codes, then the encoder, as its generator,
learns to fool it. Decoding prior samples then gives new images.
"""

from aae_tf.backend import keras, tf
from aae_tf.errors import check_choice
from aae_tf.models.base import LatentModel
from aae_tf.models.games import AdversarialGame, regularization_phases
from aae_tf.models.losses import ADVERSARIAL
from aae_tf.networks import discriminator_from_recipe, encoder_from_recipe


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
        self.adversarial_loss = check_choice("adversarial_loss", adversarial_loss, ADVERSARIAL)
        self.discriminator_noise = discriminator_noise

    @classmethod
    def own_parts(cls, recipe, dtype, classes):
        """Return the encoder, the discriminator and the game's options."""
        return {
            "encoder": encoder_from_recipe(recipe, dtype),
            "discriminator": discriminator_from_recipe(recipe, dtype),
            "adversarial_loss": recipe.adversarial_loss,
            "discriminator_noise": recipe.discriminator_noise,
        }

    def games(self):
        """Return the adversarial games: here one, on z."""
        options = {"loss": self.adversarial_loss, "noise": self.discriminator_noise}
        return [AdversarialGame(self.prior, self.discriminator, **options)]

    def build(self, input_shape):
        """Build every network for images of shape (N, H, W, C); see `LatentModel.build`."""
        if not self.built:
            for game in self.games():
                codes = tf.zeros((2, game.prior.dim))
                game.discriminator(game.conditioned(codes, {"labels": tf.zeros(2, tf.int32)}))
            super().build(input_shape)

    def phases(self):
        """Return reconstruction, each game's discriminator, and the generator."""
        return [
            self.reconstruction_phase(),
            *regularization_phases(self.games(), self.encoder.trainable_variables),
        ]

    def prior_logit(self, codes):
        """Return how much codes z look like prior samples to the discriminator: logits, float32 [N].

        Args:
            codes: dict with 'z', float32 [N, D].
        """
        no_label = {"labels": tf.fill([tf.shape(codes["z"])[0]], -1)}
        seen = self.games()[0].conditioned(codes["z"], no_label)
        return tf.reshape(tf.cast(self.discriminator(seen, training=False), tf.float32), [-1])
