"""What models make of the images they are given."""

from aae_tf.backend import tf
from aae_tf.utils.images import max_pixel_value


def as_images(images):
    """Return images as float32 [N, H, W, C] in [0, 1].

    Args:
        images: integers [N, H, W(, C)] in 0..255, or booleans, or floats in [0, 1]; array or tensor.
    """
    images = tf.convert_to_tensor(images)
    images = tf.cast(images, tf.float32) / max_pixel_value(images.dtype.as_numpy_dtype)
    return images[..., None] if images.shape.rank == 3 else images
