"""What several networks share: initializers with explicit seeds, and a sequence of layers."""

from typing import Any

from aae_tf.backend import keras
from aae_tf.config.schema import arguments_of
from aae_tf.errors import InputError
from aae_tf.networks.normalization import BatchNormalization
from aae_tf.utils.random import seeds

CHANNELS_LAST = "channels_last"  # images are [N, H, W, C], whatever the default of Keras


def initializer(name: str, seed: int) -> "keras.initializers.Initializer":
    """Return a Keras initializer of a name, or 'normal' for the paper's N(0, 0.01), with a seed."""
    if name == "normal":
        return keras.initializers.RandomNormal(0.0, 0.01, seed=seed)
    try:
        found = keras.initializers.get(name)
    except ValueError:
        raise InputError(f"unknown initializer '{name}'; accepted: 'normal' or a Keras initializer's name") from None
    config = found.get_config()
    return type(found).from_config({**config, "seed": seed} if "seed" in config else config)


class SequentialNetwork(keras.Model):
    """A sequence of layers, with the arguments that the package's own networks share.

    Args:
        widths: units of each dense hidden layer.
        activation: hidden activation, a Keras name.
        batch_norm: whether to normalise before each hidden activation, or the numbers of the hidden layers to normalise
            (from 1; convolutions come first in encoders).
        kernel_initializer: Keras name, or 'normal' for N(0, 0.01).
        seed: seed of the initializers.
        **kwargs: `name` and `dtype`.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (1000, 1000),
        activation: str = "relu",
        batch_norm: bool | tuple[int, ...] = False,
        kernel_initializer: str = "glorot_uniform",
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.widths, self.activation = tuple(widths), activation
        self.batch_norm = batch_norm if isinstance(batch_norm, bool) else tuple(batch_norm)
        self.kernel_initializer, self.seed = kernel_initializer, seed
        self.chain, self._stages = [], 0

    def stage(self, layer: "keras.Layer") -> "list[keras.Layer]":
        """Return the layers of the next hidden stage: `layer`, batch normalisation where asked for, activation."""
        self._stages += 1
        norm = self.batch_norm if isinstance(self.batch_norm, bool) else self._stages in self.batch_norm
        try:
            activate = keras.layers.Activation(self.activation, dtype=self.dtype_policy)
        except ValueError:
            message = f"unknown activation '{self.activation}'; accepted: a Keras activation's name"
            raise InputError(message) from None
        return [layer, *([BatchNormalization(dtype=self.dtype_policy)] if norm else []), activate]

    def dense(self, widths: tuple[int, ...], first_seed: int) -> "list[keras.Layer]":
        """Return hidden dense stages of the given widths."""
        layers = []
        for width, seed in zip(widths, seeds(first_seed, len(widths)), strict=True):
            start = initializer(self.kernel_initializer, seed)
            layers += self.stage(keras.layers.Dense(width, kernel_initializer=start, dtype=self.dtype_policy))
        return layers

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Apply the layers in order."""
        for layer in self.chain:
            normalises = isinstance(layer, keras.layers.BatchNormalization)
            inputs = layer(inputs, training=training) if normalises else layer(inputs)
        return inputs

    def build(self, input_shape: tuple) -> None:
        """Build each layer in turn."""
        shape = tuple(input_shape)
        for layer in self.chain:
            if not layer.built:
                layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the shape of the last layer's output."""
        for layer in self.chain:
            input_shape = layer.compute_output_shape(tuple(input_shape))
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), **{name: getattr(self, name) for name in arguments_of(type(self))}}
