"""Priors from what a user may give: a name and arguments, any tfp distribution over vectors, any sampling function."""

import numpy as np

from aae_tf.backend import keras, tf, tfp
from aae_tf.config.schema import options_of
from aae_tf.errors import InputError, check_choice
from aae_tf.priors.base import PRIORS, Prior
from aae_tf.utils.random import as_seed

tfd = tfp.distributions


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
        prior: a name in `PRIORS`, or a dict of its 'name' and the arguments of its constructor; a `Prior`; a
            `tfp.distributions.Distribution`; or a function (n, seed) to [n, dim].
        dim: dimension of the code; a prior of another dimension is refused.

    Returns:
        A `Prior` of dimension `dim`.

    Raises:
        InputError: none of these, or another dimension.
    """
    if isinstance(prior, str | dict):
        prior = _named(**({"name": prior} if isinstance(prior, str) else prior), code_dim=dim)
    elif isinstance(prior, tfd.Distribution):
        prior = DistributionPrior(prior)
    elif callable(prior) and not isinstance(prior, Prior):
        prior = SamplerPrior(prior, dim)
    if not isinstance(prior, Prior):
        raise InputError(
            f"a prior is a name, an aae_tf.priors.Prior, a tfp distribution or a function (n, seed), not "
            f"{type(prior).__name__}"
        )
    if prior.dim != dim:
        raise InputError(
            f"the prior has dimension {prior.dim} but the code has {dim}; set latent_dim={prior.dim}, or use a prior "
            "of any dimension ('gaussian', 'uniform')"
        )
    return prior


def _named(name, code_dim, **arguments):
    maker = PRIORS[name]
    accepted = options_of(maker)
    dim = {"dim": code_dim} if "dim" in accepted else {}
    for argument in arguments:
        check_choice(f"option of prior '{name}'", argument, [each for each in accepted if each not in PRIORS.given])
    return maker(**dim, **{each: accepted[each].read(value) for each, value in arguments.items()})


def prior_options(name):
    """Return what can be set of a prior: dict of argument name to `aae_tf.config.schema.Option`.

    Args:
        name: a name in `PRIORS`, or 'custom', of which nothing can be set.
    """
    return {} if name == "custom" else options_of(PRIORS[name], PRIORS.given)


def _describe(distribution):
    def plain(name, value):
        if isinstance(value, tfd.Distribution):
            return _describe(value)
        if isinstance(value, list | tuple):
            return [plain(name, part) for part in value]
        if tf.is_tensor(value) or isinstance(value, tf.Variable):
            value = value.numpy()
        if isinstance(value, np.ndarray | np.generic):
            return value.tolist()
        if isinstance(value, tf.DType):
            return value.name
        if not isinstance(value, str | int | float):
            raise InputError(
                f"{type(distribution).__name__} cannot be saved: its {name} is a {type(value).__name__}; wrap it in a "
                "subclass of aae_tf.priors.Prior with its own get_config"
            )
        return value

    parameters = {
        name: plain(name, value)
        for name, value in distribution.parameters.items()
        if value is not None and name not in ("validate_args", "allow_nan_stats", "name")
    }
    if not hasattr(tfd, type(distribution).__name__):
        raise InputError(
            f"{type(distribution).__name__} is not in tfp.distributions, so it cannot be saved; wrap it in a "
            "subclass of aae_tf.priors.Prior with its own get_config"
        )
    return {"distribution": type(distribution).__name__, "parameters": parameters}


def _rebuild(description):
    def value_of(value):
        if isinstance(value, list):
            return [value_of(part) for part in value]
        return _rebuild(value) if isinstance(value, dict) and "distribution" in value else value

    parameters = {name: value_of(value) for name, value in description["parameters"].items()}
    known = {
        name: each for name, each in vars(tfd).items() if isinstance(each, type) and issubclass(each, tfd.Distribution)
    }
    if description["distribution"] not in known:  # a file's names are looked up, never followed
        raise InputError(f"'{description['distribution']}' is no distribution of TensorFlow Probability")
    return known[description["distribution"]](**parameters)
