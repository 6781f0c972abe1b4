"""Signatures that take PNG or JPEG files instead of arrays: decoded, resized and scaled inside the graph."""

from aae_tf.backend import tf


def decode_files(files, image_shape):
    """Return images, float32 [N, H, W, C] in [0, 1], of PNG, JPEG, BMP or GIF files (the first frame).

    Args:
        files: string [N].
        image_shape: (H, W, C); other sizes are resized (area-averaged), colours turned to grey or grey to colours.
    """
    height, width, channels = image_shape

    def one(file):
        image = tf.io.decode_image(file, channels=3 if channels == 3 else 1, expand_animations=False)
        image = tf.image.resize(tf.cast(image, tf.float32) / 255.0, (height, width), "area")
        image.set_shape((height, width, min(channels, 3)))
        return image

    return tf.map_fn(one, files, fn_output_signature=tf.TensorSpec((height, width, channels), tf.float32))


def file_signatures(found, image_shape):
    """Return the signatures 'encode_png' and, where there is a 'classify' or a 'detect', 'classify_png', 'detect_png'.

    Args:
        found: what `signatures` returned.
        image_shape: (H, W, C), one or three channels.

    Returns:
        dict of signature name to (function, list of `tf.TensorSpec`): one input, `image_bytes`, string [N].
    """
    specs = [tf.TensorSpec((None,), tf.string, "image_bytes")]

    def reading(function):
        return lambda image_bytes: function(decode_files(image_bytes, image_shape))

    wanted = [name for name in ("encode", "classify", "detect") if name in found and len(found[name][1]) == 1]
    return {f"{name}_png": (reading(found[name][0]), specs) for name in wanted}
