"""The adversarial autoencoder (§2): an autoencoder whose aggregated posterior q(z) is made to match a prior p(z).

Two phases a mini-batch. *Reconstruction*: encoder and decoder minimise the reconstruction error.
*Regularization*: the discriminator learns to tell prior samples from codes, then the encoder, as its generator,
learns to fool it. Decoding prior samples then gives new images.
"""

from aae_tf.backend import keras, tf
from aae_tf.models.adversarial_model import AdversarialModel
from aae_tf.models.games import AdversarialGame, regularization_phases


@keras.saving.register_keras_serializable("aae_tf")
class AdversarialAutoencoder(AdversarialModel):
    """The model of §2 (arXiv 1511.05644).

    Args:
        encoder: `aae_tf.networks.Encoder`, or any Keras model from images [N, H, W, C] to codes [N, D].
        decoder: any Keras model from codes [N, D] to images [N, H, W, C] in the networks' scale.
        discriminator: any Keras model from codes [N, D] to one logit a row.
        prior: `aae_tf.priors.Prior` of dimension D.
        **kwargs: `adversarial_loss` and `discriminator_noise`, as for `AdversarialModel`; `image_scale`,
            `reconstruction_loss` and `name`, as for `LatentModel`.

    Call arguments:
        images: float [N, H, W, C] in [0, 1], or uint8. Returns reconstructions, float32 [N, H, W, C].

    Raises:
        InputError: an unknown loss or scale; on building, networks and prior that do not fit together.
    """

    def __init__(self, encoder, decoder, discriminator, prior, **kwargs):
        super().__init__(encoder, decoder, prior, discriminator=discriminator, **kwargs)

    def games(self):
        """Return the adversarial games: here one, on z."""
        return [AdversarialGame(self.prior, self.discriminator, **self.game_options)]

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
