"""The base class of priors, and what several of them share."""

import inspect

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.backend import tf, tfp
from aae_tf.config.registry import Registry
from aae_tf.errors import InputError
from aae_tf.utils.random import Seed, as_seed

PRIORS = Registry("prior", given=("dim", "weights", "means", "covariances"))
Labels = ArrayLike | tf.Tensor | None  # int [N], -1 for unlabelled rows


def heavy_tailed(squares: tf.Tensor, dim: int) -> tf.Tensor:
    """Return Student's t log-density (3 degrees of freedom), up to a constant, of squared distances in deviations."""
    return -0.5 * (3.0 + dim) * tf.math.log1p(squares / 3.0)


def code_grid(first: ArrayLike, second: ArrayLike, others: ArrayLike) -> np.ndarray:
    """Return codes, float32 [S * S, D], row by row: z1 = first [S] rightwards, z2 = second [S] upwards, else others."""
    codes = np.tile(np.asarray(others, "float32"), (len(second), len(first), 1))
    if codes.shape[-1] > 1:
        codes[..., 1] = second[::-1, None]
    codes[..., 0] = first
    return codes.reshape(-1, codes.shape[-1])


def known_labels(labels: Labels, count: int | tf.Tensor, classes: int, least: int = -1) -> ArrayLike:
    """Return labels as int32 [count], refused unless from `least` to `classes` - 1; a graph's tensor is not checked."""
    values = tf.get_static_value(labels) if tf.is_tensor(labels) else np.asarray(labels)
    if values is None:
        return tf.cast(labels, tf.int32)
    count = tf.get_static_value(count) if tf.is_tensor(count) else count
    of_rows = values.ndim == 1 and count in (None, len(values))
    if not of_rows or values.dtype.kind not in "biuf" or not np.all(np.isin(values, range(least, classes))):
        raise InputError(f"labels were given for {count} rows; accepted: [{count}] of {least} to {classes - 1}")
    return values.astype("int32")


def choose_labels(n: int | tf.Tensor, seed: Seed, labels: Labels, classes: int) -> tf.Tensor:
    """Return labels, int32 [n], with every -1 (all without labels) drawn uniformly from the classes."""
    drawn = tf.random.stateless_uniform([n], as_seed(seed), 0, classes, tf.int32)
    if labels is None:
        return drawn
    labels = known_labels(labels, n, classes)
    return tf.where(labels >= 0, labels, drawn)


class Prior:
    """A distribution over codes that can be sampled. Subclasses define `dim` and `sample`.

    Attributes:
        dim: dimension D of the codes.
        classes: number of classes K whose labels `sample` accepts, 0 for none.
        distribution: the density, where there is one.
        fitted_after: whether a method `fit(codes)` adapts the prior to the codes of a trained model.
    """

    dim: int | None = None
    classes: int = 0
    distribution: tfp.distributions.Distribution | None = None
    fitted_after: bool = False

    def sample(self, n: int | tf.Tensor, seed: Seed, labels: Labels = None) -> tf.Tensor:
        """Return codes, float32 [n, D].

        Args:
            n: number of codes, an int or a scalar int tensor.
            seed: int, or int32 tensor [2].
            labels: int [n], class of each code, -1 for the whole prior; None for the whole prior.

        Raises:
            InputError: the prior has no classes, or the labels are invalid.
        """
        raise InputError(f"{type(self).__name__} has no sampler; define sample(n, seed, labels=None)")

    def log_prob(self, z: ArrayLike | tf.Tensor) -> tf.Tensor:
        """Return the log-density of codes [..., D] in nats, float32 [...].

        Raises:
            InputError: the prior has no density.
        """
        if self.distribution is None:
            raise InputError(f"{type(self).__name__} has no density, so it has no log_prob")
        return self.distribution.log_prob(z)

    def interpolate(self, start: tf.Tensor, end: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        """Return codes between two codes, float32 [N, D]; by default on a straight line.

        Both codes are float32 [N or 1, D]; shares are float32 [N], from 0 at the start to 1 at the end.
        """
        return start + share[:, None] * (end - start)

    def negative_log_likelihood(self, z: tf.Tensor) -> tf.Tensor:
        """Return -log p(z) in nats, float32 [N]; without a density, the distance to the nearest of 2,000 samples."""
        if self.distribution is not None:
            return tf.cast(-self.log_prob(z), tf.float32)
        samples = tf.cast(self.sample(2000, 2016), tf.float32)
        squares = tf.reduce_sum(tf.square(samples), -1) - 2.0 * tf.linalg.matmul(z, samples, transpose_b=True)
        return tf.sqrt(tf.nn.relu(tf.reduce_sum(tf.square(z), -1) + tf.reduce_min(squares, -1)))

    def class_logits(self, z: tf.Tensor) -> tf.Tensor:
        """Return logits of the class of each code, float32 [N, K]; nearly equal far from all classes.

        Raises:
            InputError: the prior has no classes, or does not define this method.
        """
        lacks = "does not define its classes; define class_logits(z)" if self.classes else "has no classes"
        raise InputError(f"{type(self).__name__} {lacks}")

    def nearest_class(self, z: ArrayLike) -> np.ndarray:
        """Return the most probable class of each code [N, D], int array [N], by `class_logits`."""
        z = np.asarray(z, "float32")
        pieces = np.array_split(z, -(-len(z) // 1000) or 1)
        return np.concatenate([np.argmax(self.class_logits(each), -1) for each in pieces])

    def manifold_codes(self, side: int) -> tuple[np.ndarray, np.ndarray | None, str]:
        """Return a grid of codes over the prior's first two dimensions, which of them to keep, and a title (figure 2e).

        Codes are float32 [side * side, D], row by row from the top left, z1 rightwards, z2 upwards. Those where the
        prior has hardly any mass are not kept: bool [side * side], or None for all. 2-D priors have equal distances
        over their range; others equal steps of the percentiles of their samples, and medians in the other dimensions.
        """
        drawn = self.sample(10_000, 0).numpy()
        if self.dim != 2:
            steps = np.quantile(drawn, (np.arange(side) + 0.5) / side, axis=0)
            codes = code_grid(steps[:, 0], steps[:, min(1, self.dim - 1)], np.median(drawn, 0))
            return codes, None, "decoded at equal steps of the prior's percentiles"
        reach = float(np.quantile(np.abs(drawn), 0.995))
        steps = np.linspace(-reach, reach, side)
        codes = code_grid(steps, steps, np.zeros(2))
        cell = 2 * reach / (side - 1)
        keep = np.array([(np.abs(drawn - code).max(1) < 0.5 * cell).sum() >= 2 for code in codes])
        return codes, keep, "decoded at equal steps over the plane, where the prior has mass"

    def class_axes(self, steps: int) -> tuple[np.ndarray, str] | None:
        """Return codes along an axis of each class, float32 [K * steps, D], and a title, or None (figures 4b, 4d)."""
        return None

    @property
    def code_std(self) -> float:
        """Standard deviation of all coordinates together."""
        return float(np.std(self.sample(2000, 0)))

    def get_config(self) -> dict:
        """Return the constructor's arguments, by default the attributes of the same names."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters if hasattr(self, name)}

    @classmethod
    def from_config(cls, config: dict) -> "Prior":
        """Return the prior that `get_config` describes."""
        return cls(**config)

    def _refuse_labels(self, labels: Labels) -> None:
        if labels is not None:
            raise InputError(f"{type(self).__name__} has no classes: it cannot be sampled by label")
