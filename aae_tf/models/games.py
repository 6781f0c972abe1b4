"""The adversarial game between an encoder and a discriminator over one code (§2), in two phases."""

from aae_tf.backend import tf
from aae_tf.errors import check_choice
from aae_tf.models.losses import ADVERSARIAL
from aae_tf.models.phases import Phase, fold_in


class AdversarialGame:
    """Makes q(code) match a prior: a discriminator tells the two apart, the encoder learns to fool it.

    Args:
        prior: an `aae_tf.priors.Prior`: what is real.
        discriminator: Keras model from codes [N, D] to one logit a row.
        code: which of the encoder's codes is the fake.
        suffix: ends the phases' names, for models with several games ('_y').
        loss: 'non_saturating' or 'least_squares'.
        noise: standard deviation of Gaussian noise on the discriminator's inputs.

    Raises:
        InputError: an unknown loss.
    """

    def __init__(self, prior, discriminator, code="z", suffix="", loss="non_saturating", noise=0.0):
        self.prior, self.discriminator, self.code, self.suffix = prior, discriminator, code, suffix
        self.discriminate, self.fool = ADVERSARIAL[check_choice("adversarial_loss", loss, ADVERSARIAL)]
        self.noise = noise

    def logits(self, codes, seed):
        """Return the discriminator's logits, float32 [N], of codes [N, D], noise added."""
        if self.noise:
            codes = codes + self.noise * tf.random.stateless_normal(tf.shape(codes), seed)
        return tf.reshape(tf.cast(self.discriminator(codes, training=True), tf.float32), [-1])

    def discriminator_loss(self, batch, codes, seed):
        """Loss of the discriminator between as many prior samples as there are codes."""
        fake = tf.stop_gradient(codes[self.code])
        real = self.prior.sample(tf.shape(fake)[0], fold_in(seed, 0))
        return self.discriminate(self.logits(real, fold_in(seed, 1)), self.logits(fake, fold_in(seed, 2)))

    def generator_loss(self, batch, codes, seed):
        """Loss of the encoder, which wants its codes taken for prior samples."""
        return self.fool(self.logits(codes[self.code], fold_in(seed, 0)))

    def phases(self, generator_variables):
        """Return the two regularization phases: discriminator, then generator (the encoder's variables)."""
        return [
            Phase(
                f"discriminator{self.suffix}",
                self.discriminator_loss,
                self.discriminator.trainable_variables,
                "regularization",
            ),
            Phase(f"generator{self.suffix}", self.generator_loss, generator_variables, "regularization"),
        ]
