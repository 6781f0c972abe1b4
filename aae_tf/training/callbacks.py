"""Keras callbacks in a loop with several optimizers: what they see, which state is kept, and which cannot work."""

import contextlib
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import numpy as np

from aae_tf.backend import keras
from aae_tf.errors import InputError

REFUSED = {
    keras.callbacks.BackupAndRestore: "runs resume by themselves: train into the same directory again",
    keras.callbacks.SwapEMAWeights: "averages of the weights are an option: weight_ema=0.999",
}


def check_callbacks(callbacks: "Iterable[keras.callbacks.Callback]", names: Callable[[], Collection[str]]) -> None:
    """Refuse callbacks that cannot work, or monitor none of `names()`; mode 'auto' becomes 'min' for those that do."""
    for callback in callbacks:
        kind = type(callback).__name__
        if not isinstance(callback, keras.callbacks.Callback):
            raise InputError(f"a {kind} is not a callback; accepted: keras.callbacks.Callback objects")
        for refused, instead in REFUSED.items():
            if isinstance(callback, refused):
                raise InputError(f"the callback {kind} does not work here; {instead}")
        monitor = getattr(callback, "monitor", None)
        if monitor is None or not getattr(callback, "save_best_only", True):
            continue
        if monitor not in (known := names()):
            raise InputError(f"{kind} monitors '{monitor}', which is unknown; accepted: {', '.join(known)}")
        if getattr(callback, "mode", None) == "auto":
            callback.mode = "min"  # all numbers are losses and errors


def states_of(callbacks: "Iterable[keras.callbacks.Callback]") -> list[dict]:
    """Return the state of callbacks: public numbers, texts and arrays that are not constructor arguments."""
    return [{"kind": type(each).__name__, "state": _state(each)} for each in callbacks]


def _state(callback):
    excluded = {"params", *inspect.signature(type(callback)).parameters}
    return {
        name: value
        for name, value in vars(callback).items()
        if not name.startswith("_") and name not in excluded and _is_plain(value)
    }


def _is_plain(value):
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | np.generic | np.ndarray)


def restore_states(callbacks: "Iterable[keras.callbacks.Callback]", states: list[dict]) -> None:
    """Restore the state of callbacks; each takes the first remaining state of its class."""
    remaining = list(states)
    for callback in callbacks:
        found = next((each for each in remaining if each["kind"] == type(callback).__name__), None)
        if found:
            remaining.remove(found)
            vars(callback).update(found["state"])


class Rates:
    """`model.optimizer` for callbacks: the learning rates of all updates, each to be read and set.

    A rate that a callback sets persists: later epochs follow the schedule in proportion. A key without a schedule keeps
    its rate; `scales` holds the factor that callbacks have put on each schedule. All are by optimizer key.
    """

    def __init__(self, optimizers: dict, schedules: dict[str, Callable[[int], float]]):
        self._optimizers, self._schedules = optimizers, schedules
        self.scales, self._now = dict.fromkeys(optimizers, 1.0), {}
        self.optimizers = [Rate(self, key) for key in optimizers]

    def follow(self, epoch: int) -> None:
        """Set every rate to its schedule in this epoch, times its factor."""
        self._now = {key: schedule(epoch) for key, schedule in self._schedules.items()}
        for key, rate in self._now.items():
            _inner(self._optimizers[key]).learning_rate = rate * self.scales[key]

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """A context at whose end the factors and rates are as they were at its beginning."""
        scales, rates = dict(self.scales), {key: _rate_of(each) for key, each in self._optimizers.items()}
        yield
        self.scales.update(scales)
        for key, rate in rates.items():
            _inner(self._optimizers[key]).learning_rate = rate

    def get_config(self) -> dict[str, Any]:
        """Return the kind and settings of each update's optimizer for trackers, without the learning rates."""
        found = {}
        for key, optimizer in self._optimizers.items():
            found |= {f"{key}_{name}": value for name, value in _inner(optimizer).get_config().items()}
            found.pop(f"{key}_learning_rate")
        return found

    @property
    def iterations(self) -> "keras.Variable":
        """The number of updates that the first optimizer has made."""
        return next(iter(self._optimizers.values())).iterations

    @property
    def learning_rate(self) -> Any:
        """The rate of the first update; setting it changes all rates in proportion."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        factor = float(rate) / max(_rate_of(next(iter(self._optimizers.values()))), 1e-30)
        for each, optimizer in zip(self.optimizers, self._optimizers.values(), strict=True):
            each.learning_rate = _rate_of(optimizer) * factor


class Rate:
    """The learning rate of one optimizer, by its key."""

    def __init__(self, rates: Rates, key: str):
        self._rates, self.name = rates, key

    @property
    def learning_rate(self) -> Any:
        """The rate."""
        return _inner(self._rates._optimizers[self.name]).learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        scheduled = self._rates._now.get(self.name)  # at the end of an epoch, the rate of that epoch
        if scheduled:
            self._rates.scales[self.name] = float(rate) / scheduled
        _inner(self._rates._optimizers[self.name]).learning_rate = float(rate)


def _inner(optimizer):
    """Return a Keras optimizer without its loss scaling."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _rate_of(optimizer):
    """Return the learning rate of an optimizer as a float."""
    return float(keras.ops.convert_to_numpy(_inner(optimizer).learning_rate))
