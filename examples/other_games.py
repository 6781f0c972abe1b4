"""Other games: the hinge loss, and the Wasserstein distance with a gradient penalty.

*Hinge* (Lim and Ye, 2017, arXiv 1705.02894): the discriminator stops caring about what it tells apart by a margin. A
pair of functions of logits, registered, is a loss that every adversarial model can be played with.

*Wasserstein with gradient penalty* (Gulrajani et al., 2017, arXiv 1704.00028): the critic's slope between codes and
prior samples is drawn to 1, and it takes five steps, each with new prior samples, for each of the encoder's. The
penalty looks at the critic itself, so this is a subclass of the game.

    aae-tf --plugin examples/other_games.py train gaussian --set adversarial_loss=hinge
    aae-tf --plugin examples/other_games.py train wasserstein --set gradient_penalty=1 --set discriminator_steps=3
"""

from typing import Annotated

import aae_tf
from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.models import ADVERSARIAL, MODELS, AdversarialLoss
from aae_tf.utils.random import fold


def encoder_side(fake):
    """-E[D(fake)] on outputs [N]."""
    return -tf.reduce_mean(fake)


def hinge(real, fake):
    """E[max(0, 1 - D(real))] + E[max(0, 1 + D(fake))] on logits [N]."""
    return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))


def distance(real, fake):
    """E[D(fake)] - E[D(real)] on outputs [N]."""
    return tf.reduce_mean(fake) - tf.reduce_mean(real)


ADVERSARIAL.register(AdversarialLoss(hinge, encoder_side, equilibrium_loss=2.0), "hinge")
ADVERSARIAL.register(AdversarialLoss(distance, encoder_side), "wasserstein")


class PenalisedGame(aae_tf.AdversarialObjective):
    """The game with E[(|slope| - 1)²] of the critic between codes and prior samples, times `penalty`."""

    def __init__(self, *args, penalty, **kwargs):
        super().__init__(*args, **kwargs)
        self.penalty = penalty

    def discriminator_loss(self, batch, codes, seed):
        """Return the critic's loss, a scalar float32."""
        fake = tf.stop_gradient(self.fake(codes))
        real = self.real(batch, tf.shape(fake)[0], fold(seed, 3))
        between = real + tf.random.stateless_uniform([tf.shape(fake)[0], 1], fold(seed, 4)) * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(between)
            height = self.logits(between, batch, fold(seed, 5))
        slope = tf.sqrt(tf.reduce_sum(tf.square(tape.gradient(height, between)), -1) + 1e-12)
        return super().discriminator_loss(batch, codes, seed) + self.penalty * tf.reduce_mean(tf.square(slope - 1.0))


@MODELS.register
@keras.saving.register_keras_serializable("examples")
class WassersteinAAE(aae_tf.AdversarialAutoencoder):
    """The model of §2, its game penalised."""

    def __init__(self, *args, gradient_penalty: Annotated[float, Range(0.0)] = 10.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.gradient_penalty = gradient_penalty

    def objectives(self):
        """Return the one game, on z."""
        return [PenalisedGame(self.prior, self.discriminator, penalty=self.gradient_penalty, **self.objective_options)]


options = {"adversarial_loss": "wasserstein", "discriminator_steps": 5, "discriminator_widths": (500, 500)}
rates = {"reconstruction": ("adam", 1e-3, 0.9), "regularization": ("adam", 2e-4, 0.5)}
optimizers = {kind: aae_tf.OptimizerSettings(*rate, "cosine") for kind, rate in rates.items()}
setup = {"model": "WassersteinAAE", "options": options, "optimizers": optimizers, "epochs": 40}
aae_tf.register_recipe(aae_tf.Recipe("wasserstein", "five critic steps for one of the encoder", **setup))
