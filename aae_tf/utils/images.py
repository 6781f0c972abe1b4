"""What the number of a pixel means: integers go from 0 to 255, floats and booleans from 0 to 1.

The dtype alone decides, never the values, so an image means the same by itself, in a batch and in a training set.
"""

import math
from os import PathLike
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

if TYPE_CHECKING:
    from PIL import Image


def max_pixel_value(dtype: DTypeLike) -> float:
    """Return the number of a white pixel in images of a NumPy dtype: 255.0 for integers, 1.0 for the others."""
    return 255.0 if np.issubdtype(dtype, np.integer) else 1.0


def to_unit(images: ArrayLike) -> np.ndarray:
    """Return images, an array of any shape, as float32 in [0, 1]."""
    images = np.asarray(images)
    return images.astype("float32") / np.float32(max_pixel_value(images.dtype))


def flat_unit(images: ArrayLike) -> np.ndarray:
    """Return images [N, ...] as float32 [N, P] in [0, 1]."""
    images = to_unit(images)
    return images.reshape(len(images), math.prod(images.shape[1:]))


def to_bytes(images: ArrayLike) -> np.ndarray:
    """Return images, an array of any shape, as uint8; values out of range are clipped."""
    return np.rint(np.clip(to_unit(images), 0.0, 1.0) * 255.0).astype(np.uint8)


def as_picture(image: np.ndarray) -> "Image.Image":
    """Return a PIL image of an array [H, W, 1 or 3], float in [0, 1] or uint8."""
    from PIL import Image

    pixels = to_bytes(image)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def save_animation(file: str | PathLike | IO[bytes], images: np.ndarray) -> None:
    """Write images, float [N, H, W, 1 or 3] in [0, 1], as a repeating GIF, enlarged to 128 pixels if smaller."""
    times = max(1, -(-128 // min(images.shape[1:3])))
    first, *others = (as_picture(image.repeat(times, 0).repeat(times, 1)) for image in images)
    first.save(file, "GIF", save_all=True, append_images=others, duration=100, loop=0)
