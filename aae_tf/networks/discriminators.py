"""Discriminators between codes and prior samples. Any Keras model from [N, D] to one logit a row works."""

from typing import Any

from aae_tf.backend import keras
from aae_tf.networks.layers import initializer
from aae_tf.networks.sequential import SequentialNetwork
from aae_tf.utils.random import seeds


@keras.saving.register_keras_serializable("aae_tf")
class MLPDiscriminator(SequentialNetwork):
    """Codes to logits by dense layers (the paper's: two of 1000 ReLU), without batch normalisation.

    Args:
        widths: units of each hidden layer.
        **kwargs: as for `SequentialNetwork`, without `batch_norm`.

    Call arguments:
        codes: float [N, D]; training: bool. Returns float32 [N, 1], positive for prior samples.
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
        config = super().get_config()
        del config["batch_norm"]
        return config
