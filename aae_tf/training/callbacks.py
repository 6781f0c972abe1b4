"""Keras' callbacks in a loop that has several optimizers: what they see, what is kept of them, which cannot work."""

import inspect

import numpy as np

from aae_tf.backend import keras
from aae_tf.errors import InputError

REFUSED = {
    keras.callbacks.BackupAndRestore: "runs resume by themselves: train into the same directory again",
    keras.callbacks.SwapEMAWeights: "averages of the weights are a recipe's: weight_ema=0.999",
}


def check_callbacks(callbacks, names):
    """Refuse callbacks that cannot work, before training; those that watch a number take the least for the best.

    Args:
        callbacks: `keras.callbacks.Callback` objects.
        names: function to the names of the numbers that an epoch ends with.

    Raises:
        InputError: a callback that cannot work, or one that watches a number there is not.
    """
    for callback in callbacks:
        kind = type(callback).__name__
        if not isinstance(callback, keras.callbacks.Callback):
            raise InputError(f"a {kind} is not a callback; accepted: keras.callbacks.Callback objects")
        for refused, instead in REFUSED.items():
            if isinstance(callback, refused):
                raise InputError(f"the callback {kind} does not work here; {instead}")
        watching = getattr(callback, "monitor", None)
        if watching is None or not getattr(callback, "save_best_only", True):
            continue
        if watching not in (known := names()):
            raise InputError(f"{kind} watches '{watching}', which there is not; accepted: {', '.join(known)}")
        if getattr(callback, "mode", None) == "auto":
            callback.mode = "min"  # losses and errors, all of them


def states_of(callbacks):
    """Return what callbacks have noted in training: their public numbers, texts and arrays, the arguments of their
    constructors left out. A list of dicts with 'kind' and 'state'.

    Args:
        callbacks: `keras.callbacks.Callback` objects.
    """
    return [{"kind": type(each).__name__, "state": _state(each)} for each in callbacks]


def _state(callback):
    given = {"params", *inspect.signature(type(callback)).parameters}
    return {
        name: value
        for name, value in vars(callback).items()
        if not name.startswith("_") and name not in given and _is_plain(value)
    }


def _is_plain(value):
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | np.generic | np.ndarray)


def restore_states(callbacks, states):
    """Give callbacks back what they had noted, each what the first of its kind that is left had.

    Args:
        callbacks: `keras.callbacks.Callback` objects.
        states: list, as `states_of` returned it.
    """
    left = list(states)
    for callback in callbacks:
        found = next((each for each in left if each["kind"] == type(callback).__name__), None)
        if found:
            left.remove(found)
            vars(callback).update(found["state"])


class Rates:
    """What callbacks find as `model.optimizer`: the learning rates of all updates, each to be read and set.

    A rate that is set stays set: in later epochs the recipe's schedule is followed from it, in proportion.

    Args:
        optimizers: dict of name to Keras optimizer.
        scheduled: function from a name to the rate that the schedule gives it in this epoch.

    Attributes:
        scales: dict of name to the factor that callbacks have put on its schedule.
    """

    def __init__(self, optimizers, scheduled):
        self._optimizers, self._scheduled = optimizers, scheduled
        self.scales, self._now = dict.fromkeys(optimizers, 1.0), {}
        self.optimizers = [Rate(self, name) for name in optimizers]

    def follow(self):
        """Set every optimizer's rate to its schedule's, times its factor."""
        self._now = {name: self._scheduled(name) for name in self._optimizers}
        for name, optimizer in self._optimizers.items():
            rate = self._now[name]
            if rate is not None:
                _inner(optimizer).learning_rate = rate * self.scales[name]

    def held(self):
        """Return the factors and the rates as they are, for `put_back`."""
        rates = {name: _number(_inner(optimizer).learning_rate) for name, optimizer in self._optimizers.items()}
        return dict(self.scales), rates

    def put_back(self, held):
        """Set factors and rates as they were.

        Args:
            held: what `held` returned.
        """
        scales, rates = held
        self.scales.update(scales)
        for name, rate in rates.items():
            _inner(self._optimizers[name]).learning_rate = rate

    def get_config(self):
        """Return what a tracker notes of an optimizer: each update's kind and settings, but for rates, which move."""
        settings = {name: _inner(optimizer).get_config() for name, optimizer in self._optimizers.items()}
        return {
            f"{name}_{key}": value
            for name, config in settings.items()
            for key, value in config.items()
            if key != "learning_rate"
        }

    @property
    def iterations(self):
        """Updates that the first optimizer has taken."""
        return next(iter(self._optimizers.values())).iterations

    @property
    def learning_rate(self):
        """The first update's rate; setting it changes all of them in proportion."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, rate):
        factor = float(rate) / max(_number(self.learning_rate), 1e-30)
        for each in self.optimizers:
            each.learning_rate = _number(each.learning_rate) * factor


class Rate:
    """The learning rate of one optimizer.

    Args:
        rates: the `Rates` it is one of.
        name: the optimizer's name.
    """

    def __init__(self, rates, name):
        self._rates, self.name = rates, name

    @property
    def learning_rate(self):
        """The rate."""
        return _inner(self._rates._optimizers[self.name]).learning_rate

    @learning_rate.setter
    def learning_rate(self, rate):
        scheduled = self._rates._now.get(self.name)  # of the epoch that has ended, where a callback is told its end
        if scheduled:
            self._rates.scales[self.name] = float(rate) / scheduled
        _inner(self._rates._optimizers[self.name]).learning_rate = float(rate)


def _inner(optimizer):
    """Return a Keras optimizer, without its loss scaling."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _number(rate):
    """Return a rate, a variable (one for each replica, of several) or a number, as a float."""
    return float(keras.ops.convert_to_numpy(rate))
