"""Losses: reconstruction errors, and adversarial losses in generator/discriminator pairs named after their papers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aae_tf.backend import keras, tf, tfp
from aae_tf.config.registry import Registry
from aae_tf.errors import InputError
from aae_tf.evaluation import unbiased_mmd

tfd = tfp.distributions

RECONSTRUCTION = Registry("reconstruction loss")
ADVERSARIAL = Registry("adversarial loss")


@RECONSTRUCTION.register
def squared_error(images, outputs):
    """Half the squared error summed over pixels, mean over the batch: the paper's Euclidean cost (§3).

    Args:
        images: float32 [N, H, W, C], the target.
        outputs: float32 [N, H, W, C].

    Returns:
        Scalar float32, at least 0.
    """
    return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(images - outputs), _axes(images)))


@RECONSTRUCTION.register
def mean_squared_error(images, outputs):
    """Squared error averaged over pixels and batch; arguments and result as for `squared_error`."""
    return tf.reduce_mean(tf.square(images - outputs))


@RECONSTRUCTION.register
def binary_crossentropy(images, outputs):
    """Bernoulli negative log-likelihood in nats, summed over pixels, mean over the batch; images in [0, 1]."""
    return tf.reduce_mean(
        tf.reduce_sum(keras.losses.binary_crossentropy(images[..., None], outputs[..., None]), _axes(images))
    )


@dataclass(frozen=True)
class Likelihood:
    """A reconstruction loss: minus the log-likelihood, in nats, of one kind of number under a distribution.

    Attributes:
        of: the kind of column that it is for, see `aae_tf.data.Column`.
        distribution: function (outputs [N, E], log_scale [E]) to the distribution of the targets.
        learned: whether `log_scale` is: one number for each entry, moved beside the networks.
    """

    of: str
    distribution: Callable[[Any, Any], Any]
    learned: bool = False

    def __call__(self, images, outputs, log_scale=None):
        """Return the loss, summed over the entries, mean over the batch: a scalar float32.

        Args:
            images: float32 [N, ...], the target.
            outputs: float32 [N, ...], what the distribution is made of.
            log_scale: float32 [...] where it is learned.
        """
        nats = self.distribution(outputs, log_scale).log_prob(images)
        return -tf.reduce_mean(tf.reduce_sum(nats, _axes(nats)))


def _negative_binomial(logs, log_dispersion):
    return tfd.NegativeBinomial.experimental_from_mean_dispersion(tf.exp(logs), tf.exp(log_dispersion))


# Real numbers: a Gaussian whose standard deviation is learned, where squared_error has 1.
RECONSTRUCTION.register(
    Likelihood("real", lambda means, log_std: tfd.Normal(means, tf.exp(log_std)), learned=True), "gaussian"
)
# Counts, of which the outputs are logs of means; the variance is the mean, or mean + dispersion * mean^2.
RECONSTRUCTION.register(Likelihood("count", lambda logs, _: tfd.Poisson(log_rate=logs)), "poisson")
RECONSTRUCTION.register(Likelihood("count", _negative_binomial, learned=True), "negative_binomial")
RECONSTRUCTION.register(Likelihood("binary", lambda logits, _: tfd.Bernoulli(logits=logits)), "bernoulli")
RECONSTRUCTION.register(Likelihood("category", lambda logits, _: tfd.OneHotCategorical(logits=logits)), "categorical")

USUAL = {"real": "squared_error", "count": "negative_binomial", "binary": "bernoulli", "category": "categorical"}


def losses_of(kinds, chosen):
    """Return which reconstruction loss each kind of number takes: dict of kind to a name in `RECONSTRUCTION`.

    Args:
        kinds: kinds of numbers, see `aae_tf.data.Column`; the pixels of images are real.
        chosen: a name in `RECONSTRUCTION`, for its own kind; the others take their usual one.

    Raises:
        InputError: the chosen loss is for none of the kinds.
    """
    of = getattr(RECONSTRUCTION[chosen], "of", "real")
    if of not in kinds and chosen != USUAL["real"]:
        raise InputError(
            f"reconstruction_loss '{chosen}' is for {of} numbers and the data has {', '.join(kinds)}; "
            f"usual: {', '.join(USUAL[kind] for kind in kinds)}"
        )
    return {kind: chosen if kind == of else USUAL[kind] for kind in kinds}


def _axes(elements):
    return list(range(1, elements.shape.rank))


@dataclass(frozen=True)
class AdversarialLoss:
    """The two sides of a game.

    Attributes:
        discriminator: function (logits of real [N], logits of fake [M]) to a scalar.
        generator: function (logits of fake [M]) to a scalar.
        equilibrium_loss: the discriminator's loss at equilibrium, for figures; None where it is unknown.
    """

    discriminator: Callable[[Any, Any], Any]
    generator: Callable[[Any], Any]
    equilibrium_loss: float | None = None


def non_saturating_discriminator(real, fake):
    """-½ E[log D(real)] - ½ E[log(1 - D(fake))] on logits [N]; ln 2 = 0.693 where D cannot tell.

    Reference: Goodfellow et al., 2014, arXiv 1406.2661.
    """
    return 0.5 * tf.reduce_mean(tf.nn.softplus(-real)) + 0.5 * tf.reduce_mean(tf.nn.softplus(fake))


def non_saturating_generator(fake):
    """-E[log D(fake)] on logits [N]. Reference: Goodfellow et al., 2014, arXiv 1406.2661, section 3."""
    return tf.reduce_mean(tf.nn.softplus(-fake))


def least_squares_discriminator(real, fake):
    """½ E[(D(real) - 1)²] + ½ E[D(fake)²] on outputs [N]. Reference: Mao et al., 2017, arXiv 1611.04076."""
    return 0.5 * tf.reduce_mean(tf.square(real - 1.0)) + 0.5 * tf.reduce_mean(tf.square(fake))


def least_squares_generator(fake):
    """½ E[(D(fake) - 1)²] on outputs [N]. Reference: Mao et al., 2017, arXiv 1611.04076."""
    return 0.5 * tf.reduce_mean(tf.square(fake - 1.0))


def cross_entropy(labels, logits):
    """-E[log p(label)] in nats of labels, int [N], under logits, float [N, K]."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


ADVERSARIAL.register(
    AdversarialLoss(non_saturating_discriminator, non_saturating_generator, math.log(2)), "non_saturating"
)
ADVERSARIAL.register(AdversarialLoss(least_squares_discriminator, least_squares_generator, 0.25), "least_squares")


def maximum_mean_discrepancy(codes, real, scales=(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)):
    """Squared maximum mean discrepancy, unbiased, summed over inverse multiquadratic kernels of several widths.

    The kernels are C / (C + |a - b|^2) with C the mean squared distance of prior samples times each scale.

    Args:
        codes: float32 [N, D], N at least 2.
        real: float32 [N, D], prior samples.
        scales: factors on C.

    Returns:
        Scalar float32, about 0 (and at times below) for samples of one distribution.

    Reference:
        Tolstikhin et al., 2018, arXiv 1711.01558, section 4.
    """
    count = tf.cast(tf.shape(codes)[0], tf.float32)
    within_codes, within_real = _square_distances(codes, codes), _square_distances(real, real)
    across = _square_distances(codes, real)
    width = tf.reduce_sum(within_real) / (count * (count - 1))
    total = 0.0
    for scale in scales:
        sums = [tf.reduce_sum(scale * width / (scale * width + each)) for each in (within_codes, within_real, across)]
        # the diagonals, all 1, are left out
        total += unbiased_mmd(sums[0] - count, sums[1] - count, sums[2], count, count)
    return total


def _square_distances(a, b):
    square = tf.reduce_sum(tf.square(a), -1)[:, None] + tf.reduce_sum(tf.square(b), -1)
    return tf.nn.relu(square - 2 * tf.linalg.matmul(a, b, transpose_b=True))
