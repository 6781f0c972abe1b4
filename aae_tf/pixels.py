"""What a pixel's number means, in one place: whole numbers go from 0 to 255, floats and booleans from 0 to 1.

The type alone decides, never the values, so that an image means the same by itself, in a batch and in a training set.
"""

import numpy as np


def white(dtype):
    """Return the number that white is in images of a NumPy dtype: 255.0 for whole numbers, 1.0 for the others."""
    return 255.0 if np.issubdtype(dtype, np.integer) else 1.0


def to_unit(images):
    """Return images as a float32 array in [0, 1].

    Args:
        images: whole numbers (uint8 and others) in 0..255, booleans, or floats in [0, 1]; array [N, ...] of any shape.
    """
    images = np.asarray(images)
    return images.astype("float32") / np.float32(white(images.dtype))
