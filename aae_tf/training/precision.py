"""Which dtype policy the networks compute in. Losses, codes, logits and images are float32 in all of them."""

from aae_tf.backend import tf
from aae_tf.errors import check_choice

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


def dtype_policy(precision="auto"):
    """Return the Keras dtype policy's name for a precision.

    'auto' is mixed where every GPU here has the units for it (bfloat16 from compute capability 8.0, float16 from
    7.0) and float32 elsewhere.

    Args:
        precision: 'auto', 'float32', 'mixed_bfloat16' or 'mixed_float16'.

    Raises:
        InputError: an unknown precision.
    """
    check_choice("precision", precision, PRECISIONS)
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    capability = min((detail.get("compute_capability", (0, 0)) for detail in details), default=(0, 0))
    if capability >= (8, 0):
        return "mixed_bfloat16"
    return "mixed_float16" if capability >= (7, 0) else "float32"
