"""The priors of the paper: Gaussian, uniform, categorical, mixture in petals, swiss roll."""

import math

import numpy as np
from scipy.stats import norm

from aae_tf.backend import keras, tf, tfp
from aae_tf.priors.base import PRIORS, Prior, choose_labels, heavy_tailed, square_of_codes
from aae_tf.utils.random import as_seed, split_seed

tfd = tfp.distributions


@PRIORS.register("gaussian")
@keras.saving.register_keras_serializable("aae_tf")
class Gaussian(Prior):
    """N(0, std² I) (§2; the paper's figure 2a and table 1 use std 5).

    Args:
        dim: dimension of the code.
        std: standard deviation of each dimension.
    """

    def __init__(self, dim=2, std=1.0):
        self.dim, self.std = dim, std
        self.distribution = tfd.MultivariateNormalDiag(tf.zeros(dim), tf.fill([dim], float(std)))

    def sample(self, n, seed, labels=None):
        """Draw codes; see `Prior.sample`."""
        self._refuse_labels(labels)
        return self.std * tf.random.stateless_normal([n, self.dim], as_seed(seed))

    def interpolate(self, start, end, share):
        """Return codes on the way from one code to another, around the origin; see `Prior.interpolate`.

        On a straight line between two samples of many dimensions lie codes nearer to the origin than any sample;
        spherical interpolation (White, 2016, arXiv 1609.04468) keeps the distance. Here directions are interpolated so,
        and distances from the origin for themselves: codes of different distances, nearly opposite, would otherwise
        go far beyond both. Where the two lie in one direction, or in opposite ones, it is the straight line.
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
    def code_std(self):
        """The standard deviation of each dimension."""
        return self.std

    def manifold_codes(self, side):
        """Return codes at equal steps of the percentiles, the other dimensions at 0; see `Prior.manifold_codes`."""
        steps = norm.ppf((np.arange(side) + 0.5) / side) * self.std
        title = f"decoded at equal steps of the prior's percentiles (std {self.std:g})"
        return square_of_codes(steps, steps, np.zeros(self.dim)), None, title

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {"dim": self.dim, "std": self.std}


@PRIORS.register("uniform")
@keras.saving.register_keras_serializable("aae_tf")
class Uniform(Prior):
    """Uniform on the box [low, high]^dim.

    Args:
        dim: dimension of the code.
        low: lower end of each dimension.
        high: upper end of each dimension.
    """

    def __init__(self, dim=2, low=-1.0, high=1.0):
        self.dim, self.low, self.high = dim, low, high
        self.distribution = tfd.Independent(
            tfd.Uniform(tf.fill([dim], float(low)), tf.fill([dim], float(high))), reinterpreted_batch_ndims=1
        )

    def sample(self, n, seed, labels=None):
        """Draw codes; see `Prior.sample`."""
        self._refuse_labels(labels)
        return tf.random.stateless_uniform([n, self.dim], as_seed(seed), self.low, self.high)

    def negative_log_likelihood(self, z):
        """Return the distance from the box, float32 [N]: within it all codes are as probable.

        Args:
            z: float32 [N, dim].
        """
        return tf.norm(tf.nn.relu(tf.maximum(self.low - z, z - self.high)), axis=-1)

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {"dim": self.dim, "low": self.low, "high": self.high}


@keras.saving.register_keras_serializable("aae_tf")
class Categorical(Prior):
    """One-hot vectors, uniform over classes: the prior of y in §5-§7.

    Args:
        classes: number of classes, the dimension of the code.
    """

    def __init__(self, classes=10):
        self.dim = self.classes = classes
        self.distribution = tfd.OneHotCategorical(logits=tf.zeros(classes), dtype=tf.float32)

    def sample(self, n, seed, labels=None):
        """Draw one-hot codes; see `Prior.sample`."""
        return tf.one_hot(choose_labels(n, seed, labels, self.classes), self.classes)

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {"classes": self.classes}


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

    def __init__(self, components=10, radius=4.0, radial_std=1.4, tangential_std=0.3):
        self.classes = self.components = components
        self.radius, self.radial_std, self.tangential_std = radius, radial_std, tangential_std
        angle = 2 * np.pi * np.arange(components) / components
        along = np.stack([np.cos(angle), np.sin(angle)], -1)
        across = np.stack([-np.sin(angle), np.cos(angle)], -1)
        axes = np.stack([radial_std * along, tangential_std * across], -1)
        self.means = (radius * along).astype("float32")
        self.axes = axes.astype("float32")
        self.distribution = tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.zeros(components)),
            tfd.MultivariateNormalTriL(
                self.means, np.linalg.cholesky(axes @ axes.transpose(0, 2, 1)).astype("float32")
            ),
        )

    def sample(self, n, seed, labels=None):
        """Draw codes, row i from component labels[i]; see `Prior.sample`."""
        choose, move = tf.unstack(split_seed(seed, 2))
        component = choose_labels(n, choose, labels, self.components)
        steps = tf.random.stateless_normal([n, 2], move)
        return tf.gather(self.means, component) + tf.linalg.matvec(tf.gather(self.axes, component), steps)

    def class_logits(self, z):
        """Return the log-density, up to a constant, of petals with heavier tails; see `Prior.class_logits`."""
        stds = (self.radial_std, self.tangential_std)
        steps = tf.linalg.matvec(self.axes, z[:, None] - self.means, transpose_a=True) / np.square(stds)
        return heavy_tailed(tf.reduce_sum(tf.square(steps), -1), 2)

    def along(self, component, position):
        """Return points along a petal's long axis, float32 [n, 2].

        Args:
            component: which petal, int.
            position: float [n], in radial standard deviations from the petal's mean, outwards.
        """
        steps = np.stack([position, np.zeros_like(position)], -1)
        return (self.means[component] + steps @ self.axes[component].T).astype("float32")

    def class_axes(self, steps):
        """Return codes along each petal, two standard deviations to either side; see `Prior.class_axes`."""
        positions = np.linspace(-2, 2, steps)
        codes = np.concatenate([self.along(component, positions) for component in range(self.components)])
        return codes, "along each component's long axis, inwards to outwards"

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {name: getattr(self, name) for name in ("components", "radius", "radial_std", "tangential_std")}


@PRIORS.register("swiss_roll")
@keras.saving.register_keras_serializable("aae_tf")
class SwissRoll(Prior):
    """Points along a spiral, by procedure: no density is needed (§2.3, figure 4c).

    A position u in [0, 1) is at angle 2π·turns·√u and distance radius·√u from the origin, which spreads points
    evenly along the roll; class k owns u in [k/classes, (k+1)/classes), all but the gap that keeps classes apart.

    Args:
        classes: number of stretches.
        radius: distance of the outer end from the origin.
        turns: revolutions of the spiral.
        noise: standard deviation of Gaussian noise around it.
        gap: share of each stretch, half of it at either end, where no samples are; 0 for a roll in one piece.
    """

    dim = 2

    def __init__(self, classes=10, radius=6.0, turns=2.0, noise=0.12, gap=0.2):
        self.classes, self.radius, self.turns, self.noise, self.gap = classes, radius, turns, noise, gap

    def sample(self, n, seed, labels=None):
        """Draw codes, row i from stretch labels[i]; see `Prior.sample`."""
        choose, place, blur = tf.unstack(split_seed(seed, 3))
        stretch = tf.cast(choose_labels(n, choose, labels, self.classes), tf.float32)
        within = tf.random.stateless_uniform([n], place, self.gap / 2, 1 - self.gap / 2)
        position = (stretch + within) / self.classes
        return self.along(position) + self.noise * tf.random.stateless_normal([n, 2], blur)

    def along(self, position):
        """Return the points, float32 [n, 2], at positions along the middle of the roll.

        Args:
            position: float [n] in [0, 1], from the inner end to the outer.
        """
        root = tf.sqrt(tf.cast(position, tf.float32))
        angle = 2 * math.pi * self.turns * root
        return self.radius * root[:, None] * tf.stack([tf.cos(angle), tf.sin(angle)], -1)

    def class_axes(self, steps):
        """Return codes along the middle of the roll, stretch by stretch; see `Prior.class_axes`."""
        codes = self.along((np.arange(self.classes * steps) + 0.5) / (self.classes * steps)).numpy()
        return codes, "along the roll, inside to outside, one stretch a row"

    def class_logits(self, z, steps=200):
        """Return the log-density, up to a constant, of heavier noise around each stretch's nearest point to each code.

        Args:
            z: float32 [N, 2].
            steps: points of each stretch that are looked at.
        """
        path = self.along((np.arange(self.classes * steps) + 0.5) / (self.classes * steps))
        squares = tf.reduce_sum(tf.square(z[:, None] - tf.reshape(path, [1, -1, 2])), -1)
        nearest = tf.reduce_min(tf.reshape(squares, [-1, self.classes, steps]), -1)
        return heavy_tailed(nearest / max(self.noise, 1e-3 * self.radius) ** 2, 1)

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {name: getattr(self, name) for name in ("classes", "radius", "turns", "noise", "gap")}
