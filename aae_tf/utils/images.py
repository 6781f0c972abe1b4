"""What a pixel's number means, in one place: integers go from 0 to 255, floats and booleans from 0 to 1.

The type alone decides, never the values, so that an image means the same by itself, in a batch and in a training set.
"""

import numpy as np


def max_pixel_value(dtype):
    """Return the number that white is in images of a NumPy dtype: 255.0 for integers, 1.0 for the others."""
    return 255.0 if np.issubdtype(dtype, np.integer) else 1.0


def to_unit(images):
    """Return images as a float32 array in [0, 1].

    Args:
        images: integers (uint8 and others) in 0..255, booleans, or floats in [0, 1]; array [N, ...] of any shape.
    """
    images = np.asarray(images)
    return images.astype("float32") / np.float32(max_pixel_value(images.dtype))


def to_bytes(images):
    """Return images as uint8, whatever they are; what is beyond black or white is cut off.

    Args:
        images: as for `to_unit`.
    """
    return np.rint(np.clip(to_unit(images), 0.0, 1.0) * 255.0).astype(np.uint8)


def as_picture(image):
    """Return a PIL image, of float [H, W, 1 or 3] in [0, 1] or uint8.

    Args:
        image: one image.
    """
    from PIL import Image

    pixels = to_bytes(image)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def save_animation(file, images, side=128, milliseconds=100):
    """Write images as an animation, a GIF that begins anew at its end; small ones enlarged.

    Args:
        file: path or binary file.
        images: float [N, H, W, 1 or 3] in [0, 1].
        side: pixels that a frame's sides have at least.
        milliseconds: time of a frame.
    """
    times = max(1, -(-side // min(images.shape[1:3])))
    first, *others = (as_picture(image.repeat(times, 0).repeat(times, 1)) for image in images)
    first.save(file, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)
