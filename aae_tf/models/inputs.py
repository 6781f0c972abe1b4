"""What models check and convert of what they are given: images, and labels that they cannot do without."""

from aae_tf.backend import tf
from aae_tf.errors import InputError
from aae_tf.pixels import white


def as_images(images):
    """Return images as float32 [N, H, W, C] in [0, 1].

    Args:
        images: whole numbers [N, H, W(, C)] in 0..255, or booleans, or floats in [0, 1]; array or tensor.
    """
    images = tf.convert_to_tensor(images)
    images = tf.cast(images, tf.float32) / white(images.dtype.as_numpy_dtype)
    return images[..., None] if images.shape.rank == 3 else images


def every_label(recipe, classes):
    """Return the data's number of classes, for a model that decodes with every image's label.

    Raises:
        InputError: data without labels, or a recipe that grants only some.
    """
    if not classes:
        raise InputError(f"recipe '{recipe.name}' needs labels; pass (images, labels) or folders by class")
    if recipe.labels != "all":
        raise InputError(
            f"recipe '{recipe.name}' decodes with every image's label; labels='all', not {recipe.labels!r}"
        )
    return classes
