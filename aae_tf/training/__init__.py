"""The training loop and its parts: updates and steps, data sources, checkpoints, callbacks, several workers."""

from aae_tf.config.training import OptimizerSettings, TrainingSettings
from aae_tf.training.optimizers import dtype_policy, make_optimizer
from aae_tf.training.trainer import Trainer

__all__ = ["OptimizerSettings", "Trainer", "TrainingSettings", "dtype_policy", "make_optimizer"]
