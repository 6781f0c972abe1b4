"""Discriminators between codes and prior samples. Any Keras model from [N, D] to one logit a row works."""

from typing import Any

from aae_tf.backend import keras
from aae_tf.networks.layers import SequentialNetwork, initializer
from aae_tf.utils.random import seeds


@keras.saving.register_keras_serializable("aae_tf")
class MLPDiscriminator(SequentialNetwork):
    """Codes [N, D] to logits, float32 [N, 1], by dense layers (the paper's: two of 1000 ReLU).

    Logits are positive for prior samples. There is no batch normalisation.

    Args:
        widths: units of each hidden layer.
        **kwargs: as for `SequentialNetwork`, without `batch_norm`.
    """

    def __init__(self, widths: tuple[int, ...] = (1000, 1000), **kwargs: Any):
        super().__init__(widths, batch_norm=False, **kwargs)
        hidden_seed, output_seed = seeds(self.seed, 2)
        start = initializer(self.kernel_initializer, output_seed)
        self.chain = [
            *self.dense(self.widths, hidden_seed),
            keras.layers.Dense(1, kernel_initializer=start, dtype="float32"),
        ]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {name: value for name, value in super().get_config().items() if name != "batch_norm"}
