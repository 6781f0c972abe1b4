"""The stored weights of an export: the model's own, or with matrices in half precision, for half the size."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from aae_tf.backend import keras, tf
from aae_tf.errors import check_choice

if TYPE_CHECKING:
    from aae_tf.models import LatentModel

PRECISIONS = ("float32", "float16")


def stored_weights(model: "LatentModel", precision: str) -> tuple[list["tf.Variable"], Callable[[Callable], Callable]]:
    """Return the variables to save, and a wrapper by which the model's functions compute with them.

    With 'float16' matrices and kernels are stored in half precision and cast back to float32 for computing; biases and
    statistics stay float32.
    """
    check_choice("precision", precision, PRECISIONS)
    if precision == "float32":
        return [variable.value for variable in model.variables], lambda function: function
    stored = [
        tf.Variable(tf.cast(each.value, tf.float16 if _is_matrix(each) else each.dtype), trainable=False)
        for each in model.variables
    ]

    def wrap(function):
        def on_stored(*arguments, **named):
            cast = [(each, tf.cast(half, each.dtype)) for each, half in zip(model.variables, stored, strict=True)]
            with keras.StatelessScope(state_mapping=cast):
                return function(*arguments, **named)

        return on_stored

    return stored, wrap


def _is_matrix(variable):
    return len(variable.shape) >= 2 and variable.dtype == "float32"
