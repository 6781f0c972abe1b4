"""Reconstruction error."""

import numpy as np

from aae_tf.utils.images import max_pixel_value


def reconstruction_error(images: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each image, float64 [N]; images are [N, ...] in [0, 1], or uint8."""
    errors = np.empty(len(images))
    for start in range(0, len(images), 1000):
        part = slice(start, start + 1000)
        target = np.asarray(images[part], "float64") / max_pixel_value(images.dtype)
        errors[part] = ((target - outputs[part]) ** 2).reshape(len(target), -1).mean(1)
    return errors
