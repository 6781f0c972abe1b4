"""Using a trained model on any number of rows: compiled once, then called batch by batch."""

import numpy as np

from aae_tf.backend import tf
from aae_tf.data.element import check_shape
from aae_tf.models.inputs import as_images
from aae_tf.utils.random import fold


class Batches:
    """Functions of a model's images or codes, each compiled once and called over batches of an array."""

    def __init__(self):
        self._compiled = {}

    def __call__(self, name, run, row_shape, batch_size, inputs, labels=None, seed=None):
        """Return `run` of all the rows as one array [N, ...], or as a dict of arrays where it gives a dict.

        Args:
            name: what the compiled function is kept by.
            run: function (rows float32 [n, ...], labels int32 [n] if given, seed int32 [2] if given) to a tensor or
                a dict of tensors.
            row_shape: the shape of a row that the model takes; a last axis of 1 may be missing in `inputs`.
            batch_size: rows per pass.
            inputs: images, uint8 or float [N, H, W(, C)], or codes, float [N, D].
            labels: int [N] or None.
            seed: int or None.

        Raises:
            InputError: no rows, or rows of another shape.
        """
        inputs = inputs if hasattr(inputs, "shape") else np.asarray(inputs)
        check_shape(tuple(inputs.shape), row_shape)
        if name not in self._compiled:
            specs = [tf.TensorSpec((None, *row_shape), tf.float32)]
            specs += [] if labels is None else [tf.TensorSpec((None,), tf.int32)]
            specs += [] if seed is None else [tf.TensorSpec((2,), tf.int32)]
            self._compiled[name] = tf.function(run, input_signature=specs, autograph=False).get_concrete_function()
        results = []
        for start in range(0, len(inputs), batch_size):
            rows = as_images(inputs[start : start + batch_size])
            more = [] if labels is None else [labels[start : start + batch_size]]
            more += [] if seed is None else [fold(seed, start)]
            results.append(self._compiled[name](rows, *more))
        return tf.nest.map_structure(lambda *parts: np.concatenate([part.numpy() for part in parts]), *results)
