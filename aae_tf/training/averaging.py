"""Exponential moving average of a model's weights (Polyak and Juditsky, 1992), for evaluation and export."""

import contextlib

from aae_tf.backend import tf


class WeightAverage:
    """Keeps averages of a model's float weights, updated after every step.

    The decay starts small, min(decay, (1 + step) / (10 + step)), so that early weights are soon forgotten.

    Args:
        model: a built Keras model.
        decay: in (0, 1), for example 0.999.
    """

    def __init__(self, model, decay):
        self.decay = decay
        self.weights = [weight.value for weight in model.weights if weight.dtype.startswith(("float", "bfloat"))]
        self.averages = [tf.Variable(weight, trainable=False) for weight in self.weights]
        self._own = None

    def update(self, step):
        """Move the averages towards the weights; `step`, a scalar int tensor, counts all steps from 0."""
        step = tf.cast(step, tf.float32)
        rate = 1.0 - tf.minimum(self.decay, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign_add(tf.cast(rate, average.dtype) * (weight - average))

    def apply(self):
        """Write the averages into the model; `undo` gives it its own weights again."""
        self._own = [weight.numpy() for weight in self.weights]
        for average, weight in zip(self.averages, self.weights, strict=True):
            weight.assign(average)

    def undo(self):
        """Give the model its own weights again, if it has the averages."""
        if self._own is not None:
            for weight, value in zip(self.weights, self._own, strict=True):
                weight.assign(value)
            self._own = None

    @contextlib.contextmanager
    def applied(self):
        """Within this context the model has the averages; after it, its own weights again."""
        self.apply()
        try:
            yield
        finally:
            self.undo()
