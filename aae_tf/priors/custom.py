"""Priors from what users give: a name with arguments, a tfp distribution over vectors, a sampling function."""

from collections.abc import Callable

import numpy as np

from aae_tf.backend import keras, tf, tfp
from aae_tf.config.schema import Option, options_of
from aae_tf.errors import InputError, check_choice
from aae_tf.priors.base import PRIORS, Labels, Prior
from aae_tf.utils.random import Seed, as_seed

tfd = tfp.distributions


@keras.saving.register_keras_serializable("aae_tf")
class DistributionPrior(Prior):
    """A `tfp.distributions.Distribution` over vectors as prior.

    Args:
        distribution: a distribution with event shape [dim] and no batch shape.

    Raises:
        InputError: another event or batch shape.
    """

    def __init__(self, distribution: tfd.Distribution):
        event, batch = distribution.event_shape, distribution.batch_shape
        if event.rank != 1 or batch.rank != 0:
            raise InputError(
                f"{distribution.name} has event shape {event} and batch shape {batch}; a prior needs event shape "
                "[dim] and no batch shape (tfp.distributions.Independent turns a batch into an event)"
            )
        self.distribution = distribution
        self.dim = int(event[0])

    def sample(self, n: int | tf.Tensor, seed: Seed, labels: Labels = None) -> tf.Tensor:
        """Return codes; see `Prior.sample`."""
        self._refuse_labels(labels)
        return tf.cast(self.distribution.sample(n, seed=as_seed(seed)), tf.float32)

    def get_config(self) -> dict:
        """Return the distribution's class and parameters, nested distributions included."""
        return {"distribution": _describe(self.distribution)}

    @classmethod
    def from_config(cls, config: dict) -> "DistributionPrior":
        """Return the prior that `get_config` describes."""
        return cls(_rebuild(config["distribution"]))


@keras.saving.register_keras_serializable("aae_tf")
class SamplerPrior(Prior):
    """A prior given by a sampling function.

    Args:
        sampler: function (n, seed) to float [n, dim] of TensorFlow operations; `seed` is int32 [2]. With the decorator
            `keras.saving.register_keras_serializable()` the function is found again when a model is loaded; otherwise
            pass it again: `load_run(out_dir, prior=...)`.
        dim: dimension of the code.
    """

    def __init__(self, sampler: Callable | None, dim: int):
        self.sampler, self.dim = sampler, dim

    def sample(self, n: int | tf.Tensor, seed: Seed, labels: Labels = None) -> tf.Tensor:
        """Return codes; see `Prior.sample`."""
        self._refuse_labels(labels)
        if self.sampler is None:
            unsaved = "the sampling function of this prior is not registered with Keras, so it was not saved"
            raise InputError(f"{unsaved}; pass it again: load_run(out_dir, prior=...)")
        return tf.ensure_shape(tf.cast(self.sampler(n, as_seed(seed)), tf.float32), [None, self.dim])

    def get_config(self) -> dict:
        """Return the sampler's registered name, None without one, and the dimension."""
        name = keras.saving.get_registered_name(self.sampler)
        known = self.sampler is not None and keras.saving.get_registered_object(name) is self.sampler
        return {"sampler": name if known else None, "dim": self.dim}

    @classmethod
    def from_config(cls, config: dict) -> "SamplerPrior":
        """Return the prior that `get_config` describes."""
        name = config["sampler"]
        return cls(None if name is None else keras.saving.get_registered_object(name), config["dim"])


def as_prior(prior: str | dict | Prior | tfd.Distribution | Callable, dim: int) -> Prior:
    """Return a `Prior` from what a user may pass.

    Args:
        prior: a name in `PRIORS`, or a dict of a 'name' and constructor arguments; a `Prior`; a
            `tfp.distributions.Distribution`; or a function (n, seed) to [n, dim].
        dim: dimension of the code.

    Raises:
        InputError: another type, an unknown name or argument, or a prior of another dimension.
    """
    if isinstance(prior, str | dict):
        prior = _named(**({"name": prior} if isinstance(prior, str) else prior), code_dim=dim)
    elif isinstance(prior, tfd.Distribution):
        prior = DistributionPrior(prior)
    elif callable(prior) and not isinstance(prior, Prior):
        prior = SamplerPrior(prior, dim)
    if not isinstance(prior, Prior):
        accepted = "a name, an aae_tf.priors.Prior, a tfp distribution or a function (n, seed)"
        raise InputError(f"a prior is {accepted}, not {type(prior).__name__}")
    if prior.dim != dim:
        raise InputError(
            f"the prior has dimension {prior.dim} but the code has {dim}; set latent_dim={prior.dim}, or use a prior "
            "of any dimension ('gaussian', 'uniform')"
        )
    return prior


def _named(name: str, code_dim: int, **arguments: object) -> Prior:
    builder = PRIORS[name]
    accepted = options_of(builder)
    dim = {"dim": code_dim} if "dim" in accepted else {}
    for argument in arguments:
        check_choice(f"option of prior '{name}'", argument, [each for each in accepted if each not in PRIORS.given])
    return builder(**dim, **{each: accepted[each].read(value) for each, value in arguments.items()})


def prior_options(name: str) -> dict[str, Option]:
    """Return the options of a prior by name; 'custom' has none."""
    return {} if name == "custom" else options_of(PRIORS[name], PRIORS.given)


def _describe(distribution: tfd.Distribution) -> dict:
    kind = type(distribution).__name__
    advice = "wrap it in a subclass of aae_tf.priors.Prior that defines get_config"

    def plain(name: str, value: object) -> object:
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
            raise InputError(f"{kind} cannot be saved: its {name} is a {type(value).__name__}; {advice}")
        return value

    parameters = {
        name: plain(name, value)
        for name, value in distribution.parameters.items()
        if value is not None and name not in ("validate_args", "allow_nan_stats", "name")
    }
    if not hasattr(tfd, kind):
        raise InputError(f"{kind} is not in tfp.distributions, so it cannot be saved; {advice}")
    return {"distribution": kind, "parameters": parameters}


def _rebuild(description: dict) -> tfd.Distribution:
    def value_of(value: object) -> object:
        if isinstance(value, list):
            return [value_of(part) for part in value]
        return _rebuild(value) if isinstance(value, dict) and "distribution" in value else value

    known = getattr(tfd, str(description["distribution"]), None)  # nothing else that a file names is called
    if not isinstance(known, type) or not issubclass(known, tfd.Distribution):
        raise InputError(f"'{description['distribution']}' is no distribution of TensorFlow Probability")
    return known(**{name: value_of(value) for name, value in description["parameters"].items()})
