"""Signatures that take PNG or JPEG files instead of arrays: decoded, resized and scaled inside the graph."""

from aae_tf.backend import tf
from aae_tf.data.images.folders import MOST_PIXELS

LUMA = (0.299, 0.587, 0.114)  # of colours as grey, ITU-R 601, as Pillow has it


def decode_files(files, image_shape):
    """Return images, float32 [N, H, W, C] in [0, 1], of PNG, JPEG, GIF (the first frame) or true-colour BMP files.

    What is done to them is what `aae_tf.data.images.folders.read_image` does, so that what is served answers as the
    command line does: but for an EXIF orientation, which TensorFlow does not read, and for rounding and clipping, which
    Pillow does after each of two passes.

    Args:
        files: string [N].
        image_shape: (H, W, C); other sizes are cropped to these proportions and resized, colours turned to grey or grey
            to colours.
    """
    height, width, channels = image_shape

    def one(file):
        few = tf.debugging.Assert(pixels(file) <= MOST_PIXELS, [f"an image has more than {MOST_PIXELS:,} pixels"])
        with tf.control_dependencies([few]):
            image = tf.io.decode_image(file, channels=3, expand_animations=False)
        shape = tf.cast(tf.shape(image)[:2], tf.float32)
        scale = tf.reduce_max([height, width] / shape)
        image = tf.raw_ops.ScaleAndTranslate(
            images=image[None],
            size=[height, width],
            scale=tf.stack([scale, scale]),
            translation=([height, width] - scale * shape) / 2.0,
            kernel_type="lanczos3",
            antialias=True,
        )[0]
        image = tf.round(tf.clip_by_value(image, 0.0, 255.0))
        if channels == 1:
            image = tf.round(tf.reduce_sum(image * LUMA, -1, keepdims=True))
        return tf.ensure_shape(image / 255.0, image_shape)

    spec = tf.TensorSpec((height, width, channels), tf.float32)
    return tf.map_fn(one, files, fn_output_signature=spec, parallel_iterations=2)  # two whole images in memory


def pixels(file):
    """Return how many pixels an image has by its header, which a few kB may make any number, int64 [].

    Args:
        file: string [], a PNG, JPEG, GIF or BMP file; for anything else some number.
    """
    head = tf.strings.substr(tf.strings.substr(file, 0, 32) + b"\0" * 32, 0, 32)
    each = tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int64)

    def number(at, size, largest_first=False):
        digits = each[at : at + size]
        digits = digits[::-1] if largest_first else digits
        return tf.reduce_sum(digits * 256 ** tf.range(size, dtype=tf.int64))

    def begins(text):
        return tf.strings.substr(head, 0, len(text)) == text

    height = number(22, 4)  # of a BMP below 0 where its first row is the top
    sides = {
        b"\x89PNG": lambda: number(16, 4, True) * number(20, 4, True),
        b"GIF8": lambda: number(6, 2) * number(8, 2),
        b"BM": lambda: number(18, 4) * tf.minimum(height, 2**32 - height),
        b"\xff\xd8\xff": lambda: tf.reduce_prod(tf.cast(tf.image.extract_jpeg_shape(file)[:2], tf.int64)),
    }
    return tf.case([(begins(text), size) for text, size in sides.items()], lambda: tf.constant(0, tf.int64))


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
