"""Priors p(z): what the aggregated posterior q(z) is made to look like (paper §2, §2.3).

An adversarial autoencoder needs only *samples* of its prior, so a prior here is anything with
`sample(n, seed, labels=None)`. Where a density exists it is a TensorFlow Probability distribution and `log_prob`
gives it in nats. All sampling is stateless: the same seed gives the same numbers, in eager mode as in a graph.

Class-conditional sampling (§2.3): with `labels`, row i comes from the part of the prior that belongs to class
`labels[i]` (a mixture component, a stretch of the swiss roll), or from the whole prior where `labels[i]` is -1.
"""

import math

import numpy as np

from aae_tf.backend import keras, tf, tfp
from aae_tf.errors import InputError, check_choice

tfd = tfp.distributions


def as_seed(seed):
    """Return `seed` (an int, or an int32 tensor of shape [2]) as a stateless int32 seed of shape [2]."""
    if isinstance(seed, int | np.integer):
        return tf.constant([int(seed) >> 31 & 0x7FFFFFFF, int(seed) & 0x7FFFFFFF], tf.int32)
    return tf.cast(seed, tf.int32)


def split_seed(seed, count):
    """Return `count` independent seeds, int32 [count, 2]."""
    return tf.random.split(as_seed(seed), count)


def fold(seed, number):
    """Return a seed, int32 [2], that depends on `seed` and on `number`, an int or a scalar int tensor."""
    return tf.random.experimental.stateless_fold_in(as_seed(seed), number)


class Prior:
    """A distribution over codes that can be sampled.

    Subclasses give `dim` and `sample`; `classes` is the number of classes `sample` accepts labels for (0: none),
    `distribution` the tfp distribution where a density exists (else None).
    """

    dim = None
    classes = 0
    distribution = None

    def sample(self, n, seed, labels=None):
        """Draw `n` codes.

        Args:
            n: number of codes, an int or a scalar int tensor.
            seed: int, or int32 tensor [2].
            labels: optional int32 [n]; class of each row, -1 for the whole prior.

        Returns:
            float32 [n, dim].

        Raises:
            InputError: labels were given to a prior without classes.
        """
        raise InputError(f"{type(self).__name__} does not say how to sample; define sample(n, seed, labels=None)")

    def log_prob(self, z):
        """Return the log-density in nats, float32 [...], of codes z, float32 [..., dim].

        Raises:
            InputError: this prior is given by its sampler only and has no density.
        """
        if self.distribution is None:
            raise InputError(f"{type(self).__name__} is known by its samples only: it has no log_prob")
        return self.distribution.log_prob(z)

    def nearest_class(self, z):
        """Return the class to whose part of the prior each code belongs most, int array [N], of float [N, dim].

        Raises:
            InputError: this prior has no classes.
        """
        raise InputError(f"{type(self).__name__} has no classes")

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {}

    @classmethod
    def from_config(cls, config):
        """Return the prior that `get_config` describes."""
        return cls(**config)

    def _refuse_labels(self, labels):
        if labels is not None:
            raise InputError(f"{type(self).__name__} has no classes: it cannot be sampled by label")


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

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {"dim": self.dim, "std": self.std}


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
        return tf.one_hot(_choose(n, seed, labels, self.classes), self.classes)

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {"classes": self.classes}


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
        component = _choose(n, choose, labels, self.components)
        steps = tf.random.stateless_normal([n, 2], move)
        return tf.gather(self.means, component) + tf.linalg.matvec(tf.gather(self.axes, component), steps)

    def nearest_class(self, z):
        """Return the petal of greatest density at each code, int array [N]."""
        components = self.distribution.components_distribution
        return np.argmax(components.log_prob(np.asarray(z, "float32")[:, None]), -1)

    def along(self, component, position):
        """Return the points, float32 [n, 2], at `position` (in radial standard deviations) along a petal's axis."""
        steps = np.stack([position, np.zeros_like(position)], -1)
        return (self.means[component] + steps @ self.axes[component].T).astype("float32")

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {name: getattr(self, name) for name in ("components", "radius", "radial_std", "tangential_std")}


@keras.saving.register_keras_serializable("aae_tf")
class SwissRoll(Prior):
    """Points along a spiral, by procedure: no density is needed (§2.3, figure 4c).

    A position u in [0, 1) is at angle 2π·turns·√u and distance radius·√u from the origin, which spreads points
    evenly along the roll; class k owns u in [k/classes, (k+1)/classes).

    Args:
        classes: number of stretches.
        radius: distance of the outer end from the origin.
        turns: revolutions of the spiral.
        noise: standard deviation of Gaussian noise around it.
    """

    dim = 2

    def __init__(self, classes=10, radius=6.0, turns=2.0, noise=0.12):
        self.classes, self.radius, self.turns, self.noise = classes, radius, turns, noise

    def sample(self, n, seed, labels=None):
        """Draw codes, row i from stretch labels[i]; see `Prior.sample`."""
        choose, place, blur = tf.unstack(split_seed(seed, 3))
        stretch = tf.cast(_choose(n, choose, labels, self.classes), tf.float32)
        position = (stretch + tf.random.stateless_uniform([n], place)) / self.classes
        return self.along(position) + self.noise * tf.random.stateless_normal([n, 2], blur)

    def along(self, position):
        """Return the points, float32 [n, 2], at positions in [0, 1], float32 [n], along the middle of the roll."""
        root = tf.sqrt(tf.cast(position, tf.float32))
        angle = 2 * math.pi * self.turns * root
        return self.radius * root[:, None] * tf.stack([tf.cos(angle), tf.sin(angle)], -1)

    def nearest_class(self, z, steps=2000):
        """Return the stretch of the roll nearest to each code, int array [N]."""
        position = (np.arange(steps, dtype="float32") + 0.5) / steps
        path = self.along(position).numpy()
        z = np.asarray(z, "float32")
        nearest = [((chunk[:, None] - path) ** 2).sum(-1).argmin(1) for chunk in np.array_split(z, -(-len(z) // 1000))]
        return (position[np.concatenate(nearest)] * self.classes).astype(int)

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {name: getattr(self, name) for name in ("classes", "radius", "turns", "noise")}


@keras.saving.register_keras_serializable("aae_tf")
class DistributionPrior(Prior):
    """Any `tfp.distributions.Distribution` over vectors as prior.

    Args:
        distribution: a distribution with event shape [dim] and no batch shape.

    Raises:
        InputError: its shapes are others.
    """

    def __init__(self, distribution):
        event, batch = distribution.event_shape, distribution.batch_shape
        if event.rank != 1 or batch.rank != 0:
            raise InputError(
                f"{distribution.name} has event shape {event} and batch shape {batch}; a prior needs event shape "
                "[dim] and no batch shape (tfp.distributions.Independent turns a batch into an event)"
            )
        self.distribution = distribution
        self.dim = int(event[0])

    def sample(self, n, seed, labels=None):
        """Draw codes; see `Prior.sample`."""
        self._refuse_labels(labels)
        return tf.cast(self.distribution.sample(n, seed=as_seed(seed)), tf.float32)

    def get_config(self):
        """Return the distribution's class and parameters, nested distributions included."""
        return {"distribution": _describe(self.distribution)}

    @classmethod
    def from_config(cls, config):
        """Return the prior that `get_config` describes."""
        return cls(_rebuild(config["distribution"]))


@keras.saving.register_keras_serializable("aae_tf")
class SamplerPrior(Prior):
    """A prior given by a function that draws from it.

    Args:
        sampler: function (n, seed) to float [n, dim], written with TensorFlow operations; `seed` is int32 [2], for
            `tf.random.stateless_*`. Decorated with `keras.saving.register_keras_serializable()` it is found again
            when a model is loaded; else give it again: `load_run(out_dir, prior=...)`.
        dim: dimension of the code.
    """

    def __init__(self, sampler, dim):
        self.sampler, self.dim = sampler, dim

    def sample(self, n, seed, labels=None):
        """Draw codes; see `Prior.sample`."""
        self._refuse_labels(labels)
        if self.sampler is None:
            raise InputError(
                "this prior was a function that Keras does not know by name, so it was not saved; "
                "give it again: load_run(out_dir, prior=...)"
            )
        return tf.ensure_shape(tf.cast(self.sampler(n, as_seed(seed)), tf.float32), [None, self.dim])

    def get_config(self):
        """Return the sampler's registered name (None if it has none) and the dimension."""
        name = keras.saving.get_registered_name(self.sampler)
        known = self.sampler is not None and keras.saving.get_registered_object(name) is self.sampler
        return {"sampler": name if known else None, "dim": self.dim}

    @classmethod
    def from_config(cls, config):
        """Return the prior that `get_config` describes."""
        name = config["sampler"]
        return cls(None if name is None else keras.saving.get_registered_object(name), config["dim"])


def as_prior(prior, dim):
    """Return a `Prior` from what a user may pass.

    Args:
        prior: a `Prior`, a `tfp.distributions.Distribution`, or a function (n, seed) to [n, dim].
        dim: dimension of the code; a prior of another dimension is refused.

    Returns:
        A `Prior` of dimension `dim`.

    Raises:
        InputError: none of these, or another dimension.
    """
    if isinstance(prior, tfd.Distribution):
        prior = DistributionPrior(prior)
    elif callable(prior) and not isinstance(prior, Prior):
        prior = SamplerPrior(prior, dim)
    if not isinstance(prior, Prior):
        raise InputError(
            f"a prior is an aae_tf.priors.Prior, a tfp distribution or a function (n, seed), not {type(prior).__name__}"
        )
    if prior.dim != dim:
        raise InputError(f"the prior has dimension {prior.dim} but the code has {dim}; make them equal")
    return prior


def named_prior(name, dim=2, std=1.0, components=10):
    """Return the prior that recipes call `name`: 'gaussian', 'mixture', 'uniform' or 'swiss_roll'.

    Raises:
        InputError: no prior has that name.
    """
    makers = {
        "gaussian": lambda: Gaussian(dim, std),
        "mixture": lambda: PetalMixture(components),
        "uniform": lambda: Uniform(dim),
        "swiss_roll": lambda: SwissRoll(components),
    }
    return makers[check_choice("prior", name, makers)]()


def _choose(n, seed, labels, classes):
    """Return labels, int32 [n], with every -1 (and all, if there are none) drawn uniformly from the classes."""
    drawn = tf.random.stateless_uniform([n], as_seed(seed), 0, classes, tf.int32)
    if labels is None:
        return drawn
    labels = tf.cast(labels, tf.int32)
    return tf.where(labels >= 0, labels, drawn)


def _describe(distribution):
    def plain(value):
        if isinstance(value, tfd.Distribution):
            return _describe(value)
        return value.tolist() if isinstance(value, np.ndarray | np.generic) else value

    parameters = {}
    for name, value in distribution.parameters.items():
        if tf.is_tensor(value) or isinstance(value, tf.Variable):
            value = value.numpy()
        if value is not None and name not in ("validate_args", "allow_nan_stats", "name"):
            parameters[name] = plain(value)
    if not hasattr(tfd, type(distribution).__name__):
        raise InputError(
            f"{type(distribution).__name__} is not in tfp.distributions, so it cannot be saved; wrap it in a "
            "subclass of aae_tf.priors.Prior with its own get_config"
        )
    return {"distribution": type(distribution).__name__, "parameters": parameters}


def _rebuild(description):
    def value_of(value):
        return _rebuild(value) if isinstance(value, dict) and "distribution" in value else value

    parameters = {name: value_of(value) for name, value in description["parameters"].items()}
    return getattr(tfd, description["distribution"])(**parameters)
