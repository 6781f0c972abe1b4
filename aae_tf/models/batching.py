"""Functions of a model on arrays of any length: compiled once, applied batch by batch."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.backend import tf
from aae_tf.data.dataset import Split
from aae_tf.data.element import check_shape
from aae_tf.errors import InputError
from aae_tf.utils.images import max_pixel_value
from aae_tf.utils.random import fold


def as_images(images: "ArrayLike | tf.Tensor") -> "tf.Tensor":
    """Return images as float32 [N, H, W, C] in [0, 1].

    Args:
        images: integers [N, H, W(, C)] in 0..255, or booleans, or floats in [0, 1]; array or tensor.
    """
    images = tf.convert_to_tensor(images)
    images = tf.cast(images, tf.float32) / max_pixel_value(images.dtype.as_numpy_dtype)
    return images[..., None] if images.shape.rank == 3 else images


class BatchedFunctions:
    """The compiled functions of one model, by name."""

    def __init__(self) -> None:
        self._compiled = {}

    def __call__(self, name, function, row_shape, batch_size, inputs, labels=None, seed=None) -> Any:
        """Return a function (rows, labels if given, seed if given) of all rows: an array [N, ...] or a dict of them."""
        inputs = inputs if hasattr(inputs, "shape") else np.asarray(inputs)
        check_shape(tuple(inputs.shape), row_shape)
        if name not in self._compiled:
            specs = [tf.TensorSpec((None, *row_shape), tf.float32)]
            specs += [] if labels is None else [tf.TensorSpec((None,), tf.int32)]
            specs += [] if seed is None else [tf.TensorSpec((2,), tf.int32)]
            self._compiled[name] = tf.function(function, specs, autograph=False).get_concrete_function()
        results = []
        for start in range(0, len(inputs), batch_size):
            rows = as_images(inputs[start : start + batch_size])
            more = [] if labels is None else [labels[start : start + batch_size]]
            results.append(self._compiled[name](rows, *more, *([] if seed is None else [fold(seed, start)])))
        return tf.nest.map_structure(lambda *parts: np.concatenate([part.numpy() for part in parts]), *results)


def batches_of(split: Split, batch_size: int, shuffle: bool, seed: int) -> "tf.data.Dataset":
    """Return batches of a split, images alone or pairs with labels."""
    count = len(split)
    if count < batch_size:
        raise InputError(f"batch_size {batch_size} was given for {count} images; use batch_size={count} or smaller")
    rows = tf.data.Dataset.range(count)
    rows = rows.shuffle(count, seed=seed) if shuffle else rows
    parts = [tf.constant(part) for part in (split.images, split.labels) if part is not None]
    batches = rows.batch(batch_size, drop_remainder=True)
    return batches.map(lambda chosen: tuple(tf.gather(part, chosen) for part in parts)).prefetch(2)
