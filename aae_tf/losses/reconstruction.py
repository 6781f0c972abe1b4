"""Reconstruction losses, and which of them each kind of number takes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aae_tf.backend import keras, tf, tfp
from aae_tf.config.registry import Registry
from aae_tf.errors import InputError

tfd = tfp.distributions

RECONSTRUCTION = Registry("reconstruction loss")


@RECONSTRUCTION.register
def squared_error(images: "tf.Tensor", outputs: "tf.Tensor") -> "tf.Tensor":
    """Half the squared error of [N, H, W, C] summed over pixels, batch mean: the paper's Euclidean cost (§3)."""
    return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(images - outputs), _axes(images)))


@RECONSTRUCTION.register
def mean_squared_error(images: "tf.Tensor", outputs: "tf.Tensor") -> "tf.Tensor":
    """Squared error of [N, H, W, C] averaged over pixels and batch."""
    return tf.reduce_mean(tf.square(images - outputs))


@RECONSTRUCTION.register
def binary_crossentropy(images: "tf.Tensor", outputs: "tf.Tensor") -> "tf.Tensor":
    """Bernoulli negative log-likelihood in nats, summed over pixels, mean over the batch; images in [0, 1]."""
    nats = keras.losses.binary_crossentropy(images[..., None], outputs[..., None])
    return tf.reduce_mean(tf.reduce_sum(nats, _axes(images)))


@dataclass(frozen=True)
class Likelihood:
    """A reconstruction loss: the negative log-likelihood, in nats, of one kind of number under a distribution.

    Attributes:
        of: the kind of column, see `aae_tf.data.Column`.
        distribution: function (outputs [N, E], log_scale [E]) to the distribution of the targets.
        learned: whether `log_scale` is trained with the networks, one number for each entry.
    """

    of: str
    distribution: "Callable[[tf.Tensor, tf.Tensor | None], tfp.distributions.Distribution]"
    learned: bool = False

    def __call__(self, images: "tf.Tensor", outputs: "tf.Tensor", log_scale: "tf.Tensor | None" = None) -> "tf.Tensor":
        """Return the loss of images [N, ...] under parameters `outputs` [N, ...]: sum over entries, batch mean."""
        nats = self.distribution(outputs, log_scale).log_prob(images)
        return -tf.reduce_mean(tf.reduce_sum(nats, _axes(nats)))


def _negative_binomial(logs, log_dispersion):
    return tfd.NegativeBinomial.experimental_from_mean_dispersion(tf.exp(logs), tf.exp(log_dispersion))


# Real numbers: a Gaussian of learned standard deviation, where squared_error has standard deviation 1.
_GAUSSIAN = Likelihood("real", lambda means, log_std: tfd.Normal(means, tf.exp(log_std)), learned=True)
RECONSTRUCTION.register(_GAUSSIAN, "gaussian")
# Counts; the outputs are logarithms of means. The variance is the mean, or mean + dispersion * mean^2.
RECONSTRUCTION.register(Likelihood("count", lambda logs, _: tfd.Poisson(log_rate=logs)), "poisson")
RECONSTRUCTION.register(Likelihood("count", _negative_binomial, learned=True), "negative_binomial")
RECONSTRUCTION.register(Likelihood("binary", lambda logits, _: tfd.Bernoulli(logits=logits)), "bernoulli")
RECONSTRUCTION.register(Likelihood("category", lambda logits, _: tfd.OneHotCategorical(logits=logits)), "categorical")

DEFAULT_LOSSES = {"real": "squared_error", "count": "negative_binomial"}
DEFAULT_LOSSES |= {"binary": "bernoulli", "category": "categorical"}


def losses_of(kinds: Iterable[str], chosen: str) -> dict[str, str]:
    """Return the name of the loss of each kind of number: the chosen one for its own kind, the others their default."""
    of = getattr(RECONSTRUCTION[chosen], "of", "real")
    if of not in kinds and chosen != DEFAULT_LOSSES["real"]:
        raise InputError(
            f"reconstruction_loss '{chosen}' is for {of} numbers and the data has {', '.join(kinds)}; "
            f"usual: {', '.join(DEFAULT_LOSSES[kind] for kind in kinds)}"
        )
    return {kind: chosen if kind == of else DEFAULT_LOSSES[kind] for kind in kinds}


def _axes(elements):
    return list(range(1, elements.shape.rank))
