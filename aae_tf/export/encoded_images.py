"""Signatures that take PNG or JPEG files instead of arrays: decoded, cropped, resized and scaled in the graph."""

from collections.abc import Callable

from aae_tf.backend import tf
from aae_tf.data.images.folders import MOST_PIXELS

Signatures = dict[str, tuple[Callable, list]]
LUMA = (0.299, 0.587, 0.114)  # weights of the colours in grey, ITU-R 601, as in Pillow


def decode_files(files: "tf.Tensor", image_shape: tuple[int, int, int]) -> "tf.Tensor":
    """Return images, float32 [N, H, W, C] in [0, 1], of PNG, JPEG, GIF (the first frame) or true-colour BMP files [N].

    The processing is that of `aae_tf.data.images.folders.read_image`. Two things differ: TensorFlow ignores the EXIF
    orientation, and Pillow rounds and clips after each of two passes.
    """
    height, width, channels = image_shape

    def decode(file):
        small = tf.debugging.Assert(_pixels(file) <= MOST_PIXELS, [f"an image has more than {MOST_PIXELS:,} pixels"])
        with tf.control_dependencies([small]):
            image = tf.io.decode_image(file, channels=3, expand_animations=False)
        shape = tf.cast(tf.shape(image)[:2], tf.float32)
        scale = tf.reduce_max([height, width] / shape)
        moved = {"scale": tf.stack([scale, scale]), "translation": ([height, width] - scale * shape) / 2.0}
        image = tf.raw_ops.ScaleAndTranslate(
            images=image[None], size=[height, width], kernel_type="lanczos3", antialias=True, **moved
        )[0]
        image = tf.round(tf.clip_by_value(image, 0.0, 255.0))
        if channels == 1:
            image = tf.round(tf.reduce_sum(image * LUMA, -1, keepdims=True))
        return tf.ensure_shape(image / 255.0, image_shape)

    spec = tf.TensorSpec(image_shape, tf.float32)
    return tf.map_fn(decode, files, fn_output_signature=spec, parallel_iterations=2)  # few decoded images in memory


def _pixels(file):
    """Return the number of pixels, int64 [], in a file's header; a file of a few kB may state any number."""
    head = tf.strings.substr(tf.strings.substr(file, 0, 32) + b"\0" * 32, 0, 32)
    header = tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int64)

    def number(start, size, big_endian=False):
        digits = header[start : start + size]
        digits = digits[::-1] if big_endian else digits
        return tf.reduce_sum(digits * 256 ** tf.range(size, dtype=tf.int64))

    height = number(22, 4)  # of a BMP; negative if its first row is the top one
    pixels_by_magic = {
        b"\x89PNG": lambda: number(16, 4, True) * number(20, 4, True),
        b"GIF8": lambda: number(6, 2) * number(8, 2),
        b"BM": lambda: number(18, 4) * tf.minimum(height, 2**32 - height),
        b"\xff\xd8\xff": lambda: tf.reduce_prod(tf.cast(tf.image.extract_jpeg_shape(file)[:2], tf.int64)),
    }
    cases = [(tf.strings.substr(head, 0, len(magic)) == magic, count) for magic, count in pixels_by_magic.items()]
    return tf.case(cases, lambda: tf.constant(0, tf.int64))


def file_signatures(found: Signatures, image_shape: tuple[int, int, int]) -> Signatures:
    """Return 'encode_png', 'classify_png' and 'detect_png' of `image_bytes`, string [N], for those in `found`."""
    specs = [tf.TensorSpec((None,), tf.string, "image_bytes")]

    def decoding(function):
        return lambda image_bytes: function(decode_files(image_bytes, image_shape))

    names = [name for name in ("encode", "classify", "detect") if name in found and len(found[name][1]) == 1]
    return {f"{name}_png": (decoding(found[name][0]), specs) for name in names}
