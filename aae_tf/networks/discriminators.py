"""Discriminators: is this code a sample of the prior? Any Keras model from [N, D] to one logit a row will do."""

from aae_tf.backend import keras
from aae_tf.networks.layers import initializer
from aae_tf.networks.sequential import SequentialNetwork
from aae_tf.utils.random import seeds


@keras.saving.register_keras_serializable("aae_tf")
class MLPDiscriminator(SequentialNetwork):
    """Codes to logits by dense layers (the paper's: two of 1000 ReLU); never batch-normalised.

    Args:
        widths: units of each hidden layer.
        activation: Keras name.
        kernel_initializer: Keras name, or 'normal' for N(0, 0.01).
        seed: seed of the initializers.

    Call arguments:
        codes: float [N, D]; training: bool. Returns float32 [N, 1], positive for "from the prior".
    """

    def __init__(self, widths=(1000, 1000), activation="relu", kernel_initializer="glorot_uniform", seed=0, **kwargs):
        super().__init__(widths, activation, False, kernel_initializer, seed, **kwargs)
        hidden_seed, output_seed = seeds(seed, 2)
        start = initializer(kernel_initializer, output_seed)
        self.chain = [
            *self.dense(self.widths, hidden_seed),
            keras.layers.Dense(1, kernel_initializer=start, dtype="float32"),
        ]

    def get_config(self):
        """Return the arguments that make this network again."""
        config = super().get_config()
        del config["batch_norm"]
        return config
