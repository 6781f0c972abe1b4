"""Other adversarial objectives: the hinge loss, and the Wasserstein distance with a gradient penalty.

*Hinge* (Lim and Ye, 2017, arXiv 1705.02894) is a pair of functions of logits, which every adversarial model takes.

*Wasserstein with gradient penalty* (Gulrajani et al., 2017, arXiv 1704.00028) drives the norm of the critic's gradient
between codes and prior samples to 1, with five updates of the critic for each of the encoder.

    aae-tf --plugin examples/other_games.py train gaussian --set adversarial_loss=hinge
    aae-tf --plugin examples/other_games.py train wasserstein --set gradient_penalty=1 --set discriminator_steps=3
"""

from typing import Annotated

import aae_tf
from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.losses import ADVERSARIAL, AdversarialLoss
from aae_tf.models import MODELS
from aae_tf.utils.random import fold


def generator_loss(fake):
    """-E[D(fake)] on outputs [N]."""
    return -tf.reduce_mean(fake)


def hinge(real, fake):
    """E[max(0, 1 - D(real))] + E[max(0, 1 + D(fake))] on logits [N]."""
    return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))


def distance(real, fake):
    """E[D(fake)] - E[D(real)] on outputs [N]."""
    return tf.reduce_mean(fake) - tf.reduce_mean(real)


ADVERSARIAL.register(AdversarialLoss(hinge, generator_loss, equilibrium_loss=2.0), "hinge")
ADVERSARIAL.register(AdversarialLoss(distance, generator_loss), "wasserstein")


class PenalizedObjective(aae_tf.AdversarialObjective):
    """Adds `penalty` times E[(|gradient| - 1)²] of the critic between codes and prior samples."""

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
            logits = self.logits(between, batch, fold(seed, 5))
        norm = tf.sqrt(tf.reduce_sum(tf.square(tape.gradient(logits, between)), -1) + 1e-12)
        return super().discriminator_loss(batch, codes, seed) + self.penalty * tf.reduce_mean(tf.square(norm - 1.0))


@MODELS.register
@keras.saving.register_keras_serializable("examples")
class WassersteinAAE(aae_tf.AdversarialAutoencoder):
    """The model of §2 with a gradient penalty."""

    def __init__(self, *args, gradient_penalty: Annotated[float, Range(0.0)] = 10.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.gradient_penalty = gradient_penalty

    def objectives(self):
        """Return the objective on z."""
        options = self.objective_options | {"penalty": self.gradient_penalty}
        return [PenalizedObjective(self.prior, self.discriminator, **options)]


options = {"adversarial_loss": "wasserstein", "discriminator_steps": 5, "discriminator_widths": (500, 500)}
rates = {"reconstruction": (1e-3, 0.9), "regularization": (2e-4, 0.5)}
optimizers = {kind: aae_tf.OptimizerSettings("adam", *rate, "cosine") for kind, rate in rates.items()}
setup = {"model": "WassersteinAAE", "options": options, "optimizers": optimizers, "epochs": 40}
aae_tf.register_recipe(aae_tf.Recipe("wasserstein", "five critic updates for each of the encoder", **setup))
