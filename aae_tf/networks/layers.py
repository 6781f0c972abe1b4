"""What several networks share: initializers with explicit seeds, hidden layers."""

from typing import Any

from aae_tf.backend import keras
from aae_tf.errors import InputError
from aae_tf.networks.normalization import BatchNormalization

CHANNELS_LAST = "channels_last"  # images are [N, H, W, C], whatever the default of Keras


def initializer(name: str, seed: int) -> "keras.initializers.Initializer":
    """Return a Keras initializer with its own seed.

    Args:
        name: a Keras initializer's name, or 'normal' for the paper's N(0, 0.01).
        seed: int; the same seed gives the same weights.

    Raises:
        InputError: Keras has no initializer of that name.
    """
    if name == "normal":
        return keras.initializers.RandomNormal(0.0, 0.01, seed=seed)
    try:
        found = keras.initializers.get(name)
    except ValueError:
        raise InputError(f"unknown initializer '{name}'; accepted: 'normal' or a Keras initializer's name") from None
    config = found.get_config()
    return type(found).from_config({**config, "seed": seed} if "seed" in config else config)


def hidden(layer: "keras.layers.Layer", activation: str, batch_norm: bool, dtype: Any) -> "list[keras.layers.Layer]":
    """Return the layers [layer, batch normalisation if asked, activation] of one hidden stage.

    Raises:
        InputError: Keras has no activation of that name.
    """
    try:
        activate = keras.layers.Activation(activation, dtype=dtype)
    except ValueError:
        raise InputError(f"unknown activation '{activation}'; accepted: a Keras activation's name") from None
    norm = [BatchNormalization(dtype=dtype)] if batch_norm else []
    return [layer, *norm, activate]
