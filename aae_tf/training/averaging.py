"""Exponential moving average of a model's weights (Polyak and Juditsky, 1992), for evaluation and export."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aae_tf.backend import tf

if TYPE_CHECKING:
    from aae_tf.backend import keras


class WeightAverage:
    """Averages of a model's float weights, updated after every step; `decay` is in (0, 1), for example 0.999."""

    def __init__(self, model: "keras.Model", decay: float):
        self.decay = decay
        self.weights = [weight.value for weight in model.weights if weight.dtype.startswith(("float", "bfloat"))]
        self.averages = [tf.Variable(weight, trainable=False) for weight in self.weights]
        self._trained = None

    def update(self, step: "tf.Tensor") -> None:
        """Move the averages towards the weights; `step`, a scalar int tensor, counts all steps from 0."""
        step = tf.cast(step, tf.float32)
        # The decay starts small, so that early weights are soon forgotten.
        rate = 1.0 - tf.minimum(self.decay, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign_add(tf.cast(rate, average.dtype) * (weight - average))

    def apply(self) -> None:
        """Assign the averages to the model; `undo` restores its trained weights."""
        self._trained = [weight.numpy() for weight in self.weights]
        for average, weight in zip(self.averages, self.weights, strict=True):
            weight.assign(average)

    def undo(self) -> None:
        """Restore the trained weights, if the model has the averages."""
        if self._trained is not None:
            for weight, value in zip(self.weights, self._trained, strict=True):
                weight.assign(value)
            self._trained = None

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """A context in which the model has the averages."""
        self.apply()
        try:
            yield
        finally:
            self.undo()
