"""Adversarial losses, in pairs of discriminator and generator named after their papers."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from aae_tf.backend import tf
from aae_tf.config.registry import Registry

ADVERSARIAL = Registry("adversarial loss")


@dataclass(frozen=True)
class AdversarialLoss:
    """The losses of a discriminator and its generator.

    Attributes:
        discriminator: function (logits of real [N], logits of fake [M]) to a scalar.
        generator: function (logits of fake [M]) to a scalar.
        equilibrium_loss: the discriminator's loss at equilibrium, for figures; None where it is unknown.
    """

    discriminator: "Callable[[tf.Tensor, tf.Tensor], tf.Tensor]"
    generator: "Callable[[tf.Tensor], tf.Tensor]"
    equilibrium_loss: float | None = None


def non_saturating_discriminator(real: "tf.Tensor", fake: "tf.Tensor") -> "tf.Tensor":
    """-½ E[log D(real)] - ½ E[log(1 - D(fake))] on logits [N]. Reference: Goodfellow et al., 2014, arXiv 1406.2661."""
    return 0.5 * tf.reduce_mean(tf.nn.softplus(-real)) + 0.5 * tf.reduce_mean(tf.nn.softplus(fake))


def non_saturating_generator(fake: "tf.Tensor") -> "tf.Tensor":
    """-E[log D(fake)] on logits [N]. Reference: Goodfellow et al., 2014, arXiv 1406.2661, section 3."""
    return tf.reduce_mean(tf.nn.softplus(-fake))


def least_squares_discriminator(real: "tf.Tensor", fake: "tf.Tensor") -> "tf.Tensor":
    """½ E[(D(real) - 1)²] + ½ E[D(fake)²] on outputs [N]. Reference: Mao et al., 2017, arXiv 1611.04076."""
    return 0.5 * tf.reduce_mean(tf.square(real - 1.0)) + 0.5 * tf.reduce_mean(tf.square(fake))


def least_squares_generator(fake: "tf.Tensor") -> "tf.Tensor":
    """½ E[(D(fake) - 1)²] on outputs [N]. Reference: Mao et al., 2017, arXiv 1611.04076."""
    return 0.5 * tf.reduce_mean(tf.square(fake - 1.0))


_NON_SATURATING = AdversarialLoss(non_saturating_discriminator, non_saturating_generator, math.log(2))
ADVERSARIAL.register(_NON_SATURATING, "non_saturating")
ADVERSARIAL.register(AdversarialLoss(least_squares_discriminator, least_squares_generator, 0.25), "least_squares")
