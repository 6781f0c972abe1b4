"""The training loop and what it needs: optimizers, sources of batches, checkpoints, averages, callbacks, progress."""

from aae_tf.training.optimizers import learning_rate, make_optimizer
from aae_tf.training.precision import dtype_policy
from aae_tf.training.trainer import Trainer

__all__ = ["Trainer", "dtype_policy", "learning_rate", "make_optimizer"]
