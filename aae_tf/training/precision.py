"""Which dtype policy the networks compute in. Losses, codes, logits and images are float32 in all of them."""

from aae_tf.errors import check_choice

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


def dtype_policy(precision="auto"):
    """Return the Keras dtype policy's name for a precision.

    'auto' is float32 everywhere: that is what every published figure was made in, and networks of a thousand units gain
    little from less.

    Args:
        precision: 'auto', 'float32', 'mixed_bfloat16' or 'mixed_float16'.

    Raises:
        InputError: an unknown precision.
    """
    check_choice("precision", precision, PRECISIONS)
    return "float32" if precision == "auto" else precision
