"""The scale of elements: conversion of images and rows to the scale of the networks, and of their outputs back.

The decoder has one output for each number of an element, in the scale of the networks. Back in the scale of a column
it is the value of a real column, the log of the mean of a count, or the logit of a binary value or of a category.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Choices
from aae_tf.data.element import Element, ImageElement, TableElement
from aae_tf.data.tables.columns import Columns, listed
from aae_tf.errors import InputError
from aae_tf.utils.images import max_pixel_value

IMAGE_SCALES = Choices(("unit", "signed", "centred", "standardized"))
COLUMN_SCALES = Choices(("standardized", "robust", "unit", "none"))
SCALES = Choices(tuple(dict.fromkeys((*IMAGE_SCALES.names, *COLUMN_SCALES.names))))


class Scale(keras.layers.Layer):
    """Base of the scale layers: (x - shift) / spread."""

    element: Element  # of the inputs
    kind: str  # name of the scale
    kinds: tuple[str, ...]  # kinds of the numbers of an element, as of columns

    def __init__(self, **kwargs: Any):
        kwargs.setdefault("dtype", "float32")  # losses compare in float32, whatever the policy of the networks
        super().__init__(**kwargs)

    def _add_constants(self, shape, shift=0.0, spread=1.0):
        constant = keras.initializers.Constant
        self.shift = self.add_weight(name="shift", shape=shape, initializer=constant(shift), trainable=False)
        self.spread = self.add_weight(name="spread", shape=shape, initializer=constant(spread), trainable=False)

    def adapt(self, inputs: np.ndarray) -> None:
        """Set shift and spread from training images, uint8 or float in [0, 1], or rows, float32 [N, D]."""
        raise NotImplementedError

    def invert(self, outputs: "tf.Tensor") -> "tf.Tensor":
        """Return elements in their own units, float32 [N, ...], of decoder outputs, float32 [N, ...]."""
        raise NotImplementedError

    def read(self, inputs: Any) -> Any:
        """Return inputs of a model's `call`, array or tensor [N, ...], before their conversion to float32."""
        return inputs

    def comparable(self, inputs: Any) -> Any:
        """Return elements [N, ...] in the units in which errors and distances are measured."""
        return inputs

    def moved(self, inputs: "tf.Tensor", steps: "tf.Tensor") -> "tf.Tensor":
        """Return elements, float32 [N, ...], moved by steps in the scale of the networks, to first order."""
        return inputs + steps

    def parts(self, inputs: "tf.Tensor", outputs: "tf.Tensor") -> list[tuple[str, "tf.Tensor", "tf.Tensor", Any]]:
        """Return what a reconstruction loss compares: (kind, targets [N, E], outputs [N, E], positions) of each kind.

        Inputs are in their own units, outputs in the scale of the networks. Real numbers are compared in the scale of
        the networks, the others as they are, with logits or logs of means.
        """
        return [("real", self(inputs), outputs, ...)]

    @property
    def output_activation(self) -> str:
        """The output activation of a decoder for this scale."""
        return {"unit": "sigmoid", "signed": "tanh"}.get(self.kind, "linear")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "kind": self.kind}


@keras.saving.register_keras_serializable("aae_tf")
class ImageScale(Scale):
    """The scale of images: (image - shift) / spread, per dimension or for all.

    Args:
        kind: 'unit' (unchanged), 'signed' ([-1, 1]), 'centred' (mean 0 in each dimension of the training images) or
            'standardized' (mean 0 and variance 1).

    Raises:
        InputError: an unknown kind.
    """

    kinds = ("real",)

    def __init__(self, kind: str = "unit", **kwargs):
        super().__init__(**kwargs)
        self.kind = IMAGE_SCALES.check("image_scale", kind)
        self.element = ImageElement()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the constants, per dimension where `adapt` sets them."""
        self.element = ImageElement(tuple(input_shape[1:]))
        shape = self.element.shape if self.kind in ("centred", "standardized") else ()
        self._add_constants(shape, *((0.5, 0.5) if self.kind == "signed" else (0.0, 1.0)))

    def adapt(self, inputs: np.ndarray) -> None:
        """Set mean and standard deviation of each dimension from training images, where the kind has them."""
        if self.kind not in ("centred", "standardized"):
            return
        scale = max_pixel_value(inputs.dtype)
        mean = inputs.mean(0, dtype=np.float64) / scale
        self.shift.assign(mean)
        if self.kind == "centred":
            return
        chunks = np.array_split(inputs, max(1, len(inputs) // 1000))
        square = sum(((chunk / scale) ** 2).sum(0) for chunk in chunks) / len(inputs)
        std = np.sqrt(np.maximum(square - mean**2, 0))
        self.spread.assign(np.maximum(std, 0.1 * std.mean() + 1e-6))  # rarely set pixels do not dominate the error

    def call(self, images: "tf.Tensor") -> "tf.Tensor":
        """Return images, float32 [N, H, W, C] in [0, 1], in the scale of the networks."""
        return (images - self.shift) / self.spread

    def invert(self, outputs: "tf.Tensor") -> "tf.Tensor":
        """Return images in [0, 1], float32 [N, H, W, C]."""
        return tf.clip_by_value(outputs * self.spread + self.shift, 0.0, 1.0)


@keras.saving.register_keras_serializable("aae_tf")
class ColumnScale(Scale):
    """The scale of rows: (value - shift) / spread, of counts (log(1 + value) - shift) / spread.

    Binary columns and categories stay 0 and 1. The rows of a model have means of real columns and counts, and
    probabilities of the others.

    Args:
        columns: `aae_tf.data.Columns`, or the result of their `get_config`.
        kind: 'standardized' (mean 0 and standard deviation 1 over the training rows), 'robust' (median 0, and the
            interquartile range of a Gaussian of standard deviation 1), 'unit' (unchanged, in [0, 1], with a sigmoid
            output) or 'none' (unchanged). The logarithm of counts is always standardised.

    Raises:
        InputError: an unknown kind, or 'unit' for other columns than real ones.
    """

    def __init__(self, columns: Columns | Mapping[str, Any], kind: str = "standardized", **kwargs):
        super().__init__(**kwargs)
        self.columns = columns if isinstance(columns, Columns) else Columns.from_config(columns)
        self.element = TableElement(self.columns)
        self.kind = COLUMN_SCALES.check("scale of a table", kind)
        self.kinds = tuple(dict.fromkeys(kind for kind, _ in self.columns.parts()))
        if kind == "unit" and self.kinds != ("real",):
            raise InputError("scale 'unit' is for tables of real columns in [0, 1]; use image_scale=standardized")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the constants of each entry."""
        self._add_constants((len(self.columns),))
        self._counts = np.isin(np.arange(len(self.columns)), self.columns.of_kind("count"))

    def adapt(self, inputs: np.ndarray) -> None:
        """Set shift and spread of real columns and counts from training rows.

        Raises:
            InputError: a column to be divided by its spread is constant, or one of 'unit' leaves [0, 1].
        """
        real, counts = self.columns.of_kind("real"), self.columns.of_kind("count")
        if self.kind == "unit":
            self._check_unit(inputs)
        scaled = counts if self.kind in ("unit", "none") else np.sort(np.concatenate([real, counts]))
        shift, spread = np.zeros(len(self.columns)), np.ones(len(self.columns))
        for number in scaled:  # one by one, so that there is no second table in memory
            values = np.asarray(inputs[:, number], "float64")
            shift[number], spread[number] = self._statistics(np.log1p(values) if number in counts else values)
        constant = np.array(self.columns.entries)[spread == 0]
        if len(constant):
            unscaled = "" if (spread[counts] == 0).any() else ", or do not scale (image_scale=none)"
            raise InputError(
                f"the same number in all training rows of {listed(constant)}; leave it out "
                f"(columns.drop={','.join(constant[:6])}){unscaled}"
            )
        self.shift.assign(shift)
        self.spread.assign(spread)

    def _statistics(self, values):
        """Return shift and spread of a column; the spread is 0 if it is constant."""
        if np.ptp(values) == 0:
            return values[0], 0.0
        if self.kind != "robust":
            return values.mean(), values.std()
        lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75))
        return median, (upper - lower) / 1.349 if upper > lower else values.std()

    def _check_unit(self, rows):
        """Refuse rows outside of [0, 1]."""
        outside = (rows < 0) | (rows > 1)
        if outside.any():
            number = int(np.flatnonzero(outside.any(0))[0])
            low, high = rows[:, number].min(), rows[:, number].max()
            given = f"column '{self.columns.entries[number]}' goes from {low:g} to {high:g}"
            raise InputError(f"{given}; scale 'unit' takes [0, 1]: use image_scale=standardized")

    def read(self, inputs: Any) -> Any:
        """Return rows as float32 [N, D]: tensors unchecked, other inputs by `Columns.encode`."""
        return tf.cast(inputs, tf.float32) if tf.is_tensor(inputs) else self.columns.encode(inputs)

    def call(self, rows: "tf.Tensor") -> "tf.Tensor":
        """Return rows, float32 [N, D], in the scale of the networks."""
        logarithm = tf.math.log1p(tf.nn.relu(rows)) if "count" in self.kinds else rows
        return (tf.where(self._counts, logarithm, rows) - self.shift) / self.spread

    def comparable(self, inputs: Any) -> Any:
        """Return rows in the scale of the networks, in which errors and distances are measured."""
        return self(inputs)

    def moved(self, inputs: "tf.Tensor", steps: "tf.Tensor") -> "tf.Tensor":
        """Return rows moved by steps in the scale of the networks, to first order: float32 [N, D]."""
        return inputs + steps * self.spread * tf.where(self._counts, 1.0 + inputs, 1.0)

    def invert(self, outputs: "tf.Tensor") -> "tf.Tensor":
        """Return rows in their own units, float32 [N, D]: means, and probabilities of binary columns and categories."""
        natural, parts = self._natural(outputs), self.columns.parts()
        found = [_LINKS[kind](self._part(natural, where)) for kind, where in parts]
        order = np.argsort(np.concatenate([where for _, where in parts]))
        return found[0] if len(found) == 1 else tf.gather(tf.concat(found, 1), order, axis=1)

    def parts(self, inputs: "tf.Tensor", outputs: "tf.Tensor") -> list[tuple[str, "tf.Tensor", "tf.Tensor", Any]]:
        """Return the parts that a reconstruction loss compares, one for each group of `Columns.parts`."""
        scaled, natural, found = self(inputs), self._natural(outputs), []
        for kind, where in self.columns.parts():
            both = (scaled, outputs) if kind == "real" else (inputs, natural)
            found.append((kind, *(self._part(each, where) for each in both), where))
        return found

    def _part(self, rows, where):
        return rows if len(where) == len(self.columns) else tf.gather(rows, where, axis=1)

    def _natural(self, outputs):
        return outputs * self.spread + self.shift

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "columns": self.columns.get_config()}


_LINKS = {
    "real": tf.identity,
    "count": lambda logs: tf.exp(tf.minimum(logs, 30.0)),  # larger ones overflow float32 later
    "binary": tf.sigmoid,
    "category": tf.nn.softmax,
}
