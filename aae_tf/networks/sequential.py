"""The chain of layers that the project's own bodies, decoders and discriminators are."""

from aae_tf.backend import keras
from aae_tf.networks.layers import hidden, initializer
from aae_tf.utils.random import seeds


class SequentialNetwork(keras.Model):
    """A chain of layers with the arguments that the project's own networks share.

    `batch_norm` is True, False, or the numbers of the hidden stages (from 1, convolutions first in encoders) to
    normalise.
    """

    def __init__(self, widths, activation, batch_norm, kernel_initializer, seed, **kwargs):
        super().__init__(**kwargs)
        self.widths, self.activation = tuple(widths), activation
        self.batch_norm = batch_norm if isinstance(batch_norm, bool) else tuple(batch_norm)
        self.kernel_initializer, self.seed = kernel_initializer, seed
        self.chain, self._stages = [], 0

    def stage(self, layer):
        """Return the layers of the next hidden stage: `layer`, batch normalisation where asked, activation."""
        self._stages += 1
        norm = self.batch_norm if isinstance(self.batch_norm, bool) else self._stages in self.batch_norm
        return hidden(layer, self.activation, norm, self.dtype_policy)

    def dense(self, widths, first_seed):
        """Return hidden dense stages of the given widths."""
        layers = []
        for width, seed in zip(widths, seeds(first_seed, len(widths)), strict=True):
            start = initializer(self.kernel_initializer, seed)
            dense = keras.layers.Dense(width, kernel_initializer=start, dtype=self.dtype_policy)
            layers += self.stage(dense)
        return layers

    def call(self, inputs, training=False):
        """Run the chain."""
        outputs = inputs
        for layer in self.chain:
            if isinstance(layer, keras.layers.BatchNormalization):
                outputs = layer(outputs, training=training)
            else:
                outputs = layer(outputs)
        return outputs

    def build(self, input_shape):
        """Build each layer of the chain in turn."""
        shape = tuple(input_shape)
        for layer in self.chain:
            if not layer.built:
                layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def get_config(self):
        """Return the arguments that make this network again."""
        names = ("widths", "activation", "batch_norm", "kernel_initializer", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
