"""The adversarial autoencoder (§2): an autoencoder whose aggregated posterior q(z) is made to match a prior p(z).

Two phases a mini-batch. *Reconstruction*: encoder and decoder minimise the reconstruction error.
*Regularization*: the discriminator learns to tell prior samples from codes, then the encoder, as its generator,
learns to fool it. Decoding prior samples then gives new images.
"""

from aae_tf.backend import keras, tf
from aae_tf.models.adversarial import AdversarialModel
from aae_tf.models.games import AdversarialObjective, regularization
from aae_tf.training.updates import Update


@keras.saving.register_keras_serializable("aae_tf")
class AdversarialAutoencoder(AdversarialModel):
    """The model of §2 (arXiv 1511.05644).

    Args:
        encoder: `aae_tf.networks.Encoder`, or any Keras model from images [N, H, W, C] to codes [N, D].
        decoder: any Keras model from codes [N, D] to images [N, H, W, C] in the networks' scale.
        discriminator: any Keras model from codes [N, D] to one logit a row.
        prior: `aae_tf.priors.Prior` of dimension D.
        **kwargs: `adversarial_loss`, `discriminator_noise` and `discriminator_steps`, as for `AdversarialModel`;
            `image_scale`, `reconstruction_loss` and `name`, as for `LatentModel`.

    Call arguments:
        images: float [N, H, W, C] in [0, 1], or uint8. Returns reconstructions, float32 [N, H, W, C].

    Raises:
        InputError: an unknown loss or scale; on building, networks and prior that do not fit together.
    """

    def __init__(self, encoder, decoder, discriminator, prior, **kwargs):
        super().__init__(encoder, decoder, prior, discriminator=discriminator, **kwargs)

    def objectives(self):
        """Return the adversarial games: here one, on z."""
        return [AdversarialObjective(self.prior, self.discriminator, **self.objective_options)]

    def build(self, input_shape):
        """Build every network for images of shape (N, H, W, C); see `LatentModel.build`."""
        if not self.built:
            for game in self.objectives():
                codes = tf.zeros((2, game.prior.dim))
                game.discriminator(game.conditioned(codes, {"labels": tf.zeros(2, tf.int32)}))
            super().build(input_shape)

    def updates(self):
        """Return reconstruction, each game's discriminator, and the generator."""
        return [
            Update(self.reconstruction_phase()),
            *regularization(self.objectives(), self.encoder.trainable_variables),
        ]

    def scores(self, batch):
        """Return the reconstruction error and 'prior_logit': how much z looks like a prior sample to D."""
        return {**super().scores(batch), "prior_logit": self.prior_logit(self.codes(batch), batch.get("labels"))}

    def prior_logit(self, codes, labels=None):
        """Return how much codes z look like prior samples to the discriminator: logits, float32 [N].

        Args:
            codes: dict with 'z', float32 [N, D].
            labels: int32 [N], for games that show the discriminator labels; -1, or None for all, without one.
        """
        labels = tf.fill([tf.shape(codes["z"])[0]], -1) if labels is None else labels
        seen = self.objectives()[0].conditioned(codes["z"], {"labels": labels})
        return tf.reshape(tf.cast(self.discriminator(seen, training=False), tf.float32), [-1])
