"""How an export's weights are stored: as they are, or matrices in half precision, for half the size."""

import contextlib

from aae_tf.backend import keras, tf
from aae_tf.errors import check_choice

PRECISIONS = ("float32", "float16")


class Storage:
    """The variables of an export, and the model's functions run on them.

    Matrices and kernels are stored in `precision` and computed with in float32; biases and statistics stay float32.

    Args:
        model: a built `LatentModel`.
        precision: 'float32' or 'float16'.

    Attributes:
        variables: list of `tf.Variable` to save.
    """

    def __init__(self, model, precision="float32"):
        check_choice("precision", precision, PRECISIONS)
        self.mapping = []
        self.variables = [variable.value for variable in model.variables]
        if precision == "float16":
            self.variables = [_stored(variable) for variable in model.variables]
            self.mapping = list(zip(model.variables, self.variables, strict=True))

    def wrap(self, function):
        """Return the function, computed with the stored variables."""
        if not self.mapping:
            return function

        def on_stored(*arguments, **named):
            with self.scope():
                return function(*arguments, **named)

        return on_stored

    @contextlib.contextmanager
    def scope(self):
        """A context in which the model's variables are the stored ones, cast back."""
        cast = [(variable, tf.cast(stored, variable.dtype)) for variable, stored in self.mapping]
        with keras.StatelessScope(state_mapping=cast):
            yield


def _stored(variable):
    half = len(variable.shape) >= 2 and variable.dtype == "float32"
    return tf.Variable(tf.cast(variable.value, tf.float16 if half else variable.dtype), trainable=False)
