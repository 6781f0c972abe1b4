"""The priors of the paper: Gaussian, uniform, categorical, mixture in petals, swiss roll."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from aae_tf.backend import keras, tf, tfp
from aae_tf.priors.base import PRIORS, Labels, Prior, choose_labels, code_grid, heavy_tailed
from aae_tf.utils.random import Seed, as_seed, split_seed

tfd = tfp.distributions


@PRIORS.register("gaussian")
@keras.saving.register_keras_serializable("aae_tf")
class Gaussian(Prior):
    """N(0, std² I) (§2; figure 2a and table 1 of the paper use std 5).

    Args:
        dim: dimension of the code.
        std: standard deviation of each dimension.
    """

    def __init__(self, dim: int = 2, std: float = 1.0):
        self.dim, self.std = dim, std
        self.distribution = tfd.MultivariateNormalDiag(tf.zeros(dim), tf.fill([dim], float(std)))

    def sample(self, n: int | tf.Tensor, seed: Seed, labels: Labels = None) -> tf.Tensor:
        """Return codes; see `Prior.sample`."""
        self._refuse_labels(labels)
        return self.std * tf.random.stateless_normal([n, self.dim], as_seed(seed))

    def interpolate(self, start: tf.Tensor, end: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        """Return codes between two codes on an arc around the origin; see `Prior.interpolate`.

        Directions are interpolated spherically (White, 2016, arXiv 1609.04468) and distances from the origin linearly,
        because a straight line passes closer to it than samples do; equal and opposite directions on a straight line.
        """
        share = share[:, None]
        lengths = [tf.norm(code, axis=-1, keepdims=True) for code in (start, end)]
        one, other = (tf.math.divide_no_nan(code, length) for code, length in zip((start, end), lengths, strict=True))
        angle = tf.acos(tf.clip_by_value(tf.reduce_sum(one * other, -1, keepdims=True), -1.0, 1.0))
        straight = (tf.sin(angle) < 1e-3) | (lengths[0] * lengths[1] == 0)
        around = tf.sin((1 - share) * angle) * one + tf.sin(share * angle) * other
        around *= (lengths[0] + share * (lengths[1] - lengths[0])) / tf.where(straight, 1.0, tf.sin(angle))
        return tf.where(straight, start + share * (end - start), around)

    @property
    def code_std(self) -> float:
        """Standard deviation of each dimension."""
        return self.std

    def manifold_codes(self, side: int) -> tuple[np.ndarray, None, str]:
        """Return codes at equal steps of the percentiles, 0 in the other dimensions; see `Prior.manifold_codes`."""
        steps = norm.ppf((np.arange(side) + 0.5) / side) * self.std
        title = f"decoded at equal steps of the prior's percentiles (std {self.std:g})"
        return code_grid(steps, steps, np.zeros(self.dim)), None, title


@PRIORS.register("uniform")
@keras.saving.register_keras_serializable("aae_tf")
class Uniform(Prior):
    """Uniform on the box [low, high]^dim.

    Args:
        dim: dimension of the code.
        low: lower end of each dimension.
        high: upper end of each dimension.
    """

    def __init__(self, dim: int = 2, low: float = -1.0, high: float = 1.0):
        self.dim, self.low, self.high = dim, low, high
        ends = tf.fill([dim], float(low)), tf.fill([dim], float(high))
        self.distribution = tfd.Independent(tfd.Uniform(*ends), reinterpreted_batch_ndims=1)

    def sample(self, n: int | tf.Tensor, seed: Seed, labels: Labels = None) -> tf.Tensor:
        """Return codes; see `Prior.sample`."""
        self._refuse_labels(labels)
        return tf.random.stateless_uniform([n, self.dim], as_seed(seed), self.low, self.high)

    def negative_log_likelihood(self, z: tf.Tensor) -> tf.Tensor:
        """Return the distance from the box, float32 [N], because -log p(z) is constant inside and infinite outside."""
        return tf.norm(tf.nn.relu(tf.maximum(self.low - z, z - self.high)), axis=-1)


@keras.saving.register_keras_serializable("aae_tf")
class Categorical(Prior):
    """One-hot vectors, uniform over classes: the prior of y in §5-§7.

    Args:
        classes: number of classes, the dimension of the code.
    """

    def __init__(self, classes: int = 10):
        self.dim = self.classes = classes
        self.distribution = tfd.OneHotCategorical(logits=tf.zeros(classes), dtype=tf.float32)

    def sample(self, n: int | tf.Tensor, seed: Seed, labels: Labels = None) -> tf.Tensor:
        """Return one-hot codes; see `Prior.sample`."""
        return tf.one_hot(choose_labels(n, seed, labels, self.classes), self.classes)


@PRIORS.register("mixture")
@keras.saving.register_keras_serializable("aae_tf")
class PetalMixture(Prior):
    """Mixture of 2-D Gaussians in petals around the origin (figures 2b, 4a).

    Component k has its mean at `radius` in direction 2πk/components and its long axis along that direction.

    Args:
        components: number of petals, one per class.
        radius: distance of the means from the origin.
        radial_std: standard deviation along the petal.
        tangential_std: standard deviation across it.
    """

    dim = 2

    def __init__(self, components: int = 10, radius: float = 4.0, radial_std: float = 1.4, tangential_std: float = 0.3):
        self.classes = self.components = components
        self.radius, self.radial_std, self.tangential_std = radius, radial_std, tangential_std
        angle = 2 * np.pi * np.arange(components) / components
        along = np.stack([np.cos(angle), np.sin(angle)], -1)
        across = np.stack([-np.sin(angle), np.cos(angle)], -1)
        axes = np.stack([radial_std * along, tangential_std * across], -1)
        self.means, self.axes = (radius * along).astype("float32"), axes.astype("float32")
        scales = np.linalg.cholesky(axes @ axes.transpose(0, 2, 1)).astype("float32")
        self.distribution = tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.zeros(components)), tfd.MultivariateNormalTriL(self.means, scales)
        )

    def sample(self, n: int | tf.Tensor, seed: Seed, labels: Labels = None) -> tf.Tensor:
        """Return codes, row i from component labels[i]; see `Prior.sample`."""
        choose, move = tf.unstack(split_seed(seed, 2))
        component = choose_labels(n, choose, labels, self.components)
        steps = tf.random.stateless_normal([n, 2], move)
        return tf.gather(self.means, component) + tf.linalg.matvec(tf.gather(self.axes, component), steps)

    def class_logits(self, z: tf.Tensor) -> tf.Tensor:
        """Return the log-density, up to a constant, of petals with heavier tails; see `Prior.class_logits`."""
        stds = (self.radial_std, self.tangential_std)
        steps = tf.linalg.matvec(self.axes, z[:, None] - self.means, transpose_a=True) / np.square(stds)
        return heavy_tailed(tf.reduce_sum(tf.square(steps), -1), 2)

    def class_axes(self, steps: int) -> tuple[np.ndarray, str]:
        """Return codes along each petal, within two standard deviations of its mean; see `Prior.class_axes`."""
        codes = self.means[:, None] + np.linspace(-2, 2, steps)[:, None] * self.axes[:, None, :, 0]
        return codes.reshape(-1, 2).astype("float32"), "along each component's long axis, inwards to outwards"


@PRIORS.register("swiss_roll")
@keras.saving.register_keras_serializable("aae_tf")
class SwissRoll(Prior):
    """Points along a spiral, known by their sampler alone (§2.3, figure 4c).

    A position u in [0, 1) has angle 2π·turns·√u and distance radius·√u from the origin, so points lie evenly along the
    roll. Class k has the section [k/classes, (k+1)/classes) of u without the gap that separates classes.

    Args:
        classes: number of sections.
        radius: distance of the outer end from the origin.
        turns: revolutions of the spiral.
        noise: standard deviation of Gaussian noise around it.
        gap: share of each section without samples, half of it at either end; 0 for a continuous roll.
    """

    dim = 2

    def __init__(
        self, classes: int = 10, radius: float = 6.0, turns: float = 2.0, noise: float = 0.12, gap: float = 0.2
    ):
        self.classes, self.radius, self.turns, self.noise, self.gap = classes, radius, turns, noise, gap

    def sample(self, n: int | tf.Tensor, seed: Seed, labels: Labels = None) -> tf.Tensor:
        """Return codes, row i from section labels[i]; see `Prior.sample`."""
        choose, place, blur = tf.unstack(split_seed(seed, 3))
        section = tf.cast(choose_labels(n, choose, labels, self.classes), tf.float32)
        within = tf.random.stateless_uniform([n], place, self.gap / 2, 1 - self.gap / 2)
        return self.along((section + within) / self.classes) + self.noise * tf.random.stateless_normal([n, 2], blur)

    def along(self, position: ArrayLike | tf.Tensor) -> tf.Tensor:
        """Return points on the middle line, float32 [n, 2], at positions [n] from 0, the inner end, to 1, the outer."""
        root = tf.sqrt(tf.cast(position, tf.float32))
        angle = 2 * math.pi * self.turns * root
        return self.radius * root[:, None] * tf.stack([tf.cos(angle), tf.sin(angle)], -1)

    def _path(self, steps: int) -> tf.Tensor:
        return self.along((np.arange(self.classes * steps) + 0.5) / (self.classes * steps))

    def class_axes(self, steps: int) -> tuple[np.ndarray, str]:
        """Return codes on the middle line of the roll, section by section; see `Prior.class_axes`."""
        return self._path(steps).numpy(), "along the roll, inside to outside, one class per row"

    def class_logits(self, z: tf.Tensor, steps: int = 200) -> tf.Tensor:
        """Return the log-density, up to a constant, of heavier noise around each section's nearest point.

        `steps` points of each section are compared.
        """
        squares = tf.reduce_sum(tf.square(z[:, None] - tf.reshape(self._path(steps), [1, -1, 2])), -1)
        nearest = tf.reduce_min(tf.reshape(squares, [-1, self.classes, steps]), -1)
        return heavy_tailed(nearest / max(self.noise, 1e-3 * self.radius) ** 2, 1)
