"""Optimizers and dtype policy from settings."""

from collections.abc import Sequence

from aae_tf.backend import keras
from aae_tf.config.training import PRECISIONS, OptimizerSettings, TrainingSettings
from aae_tf.errors import InputError, check_choice
from aae_tf.training.updates import Update, unique


def make_optimizers(updates: Sequence[Update], settings: TrainingSettings) -> "dict[str, keras.optimizers.Optimizer]":
    """Return the Keras optimizers of updates by optimizer key; a kind without settings raises `InputError`."""
    kinds = {update.optimizer_key: update.optimizer for update in updates}
    return {key: make_optimizer(settings.optimizer(kind), settings.precision) for key, kind in kinds.items()}


def make_optimizer(settings: OptimizerSettings, precision: str = "float32") -> "keras.optimizers.Optimizer":
    """Return a Keras optimizer; with precision 'mixed_float16' it scales the loss dynamically."""
    momentum = "momentum" if settings.name == "sgd" else "beta_1"
    config = {"learning_rate": settings.learning_rate, momentum: settings.momentum}
    optimizer = keras.optimizers.get({"class_name": settings.name, "config": config})
    return keras.optimizers.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer


def build_optimizers(updates: Sequence[Update], optimizers: "dict[str, keras.optimizers.Optimizer]") -> None:
    """Build each optimizer for all variables of its updates; an update without an optimizer raises `InputError`."""
    moved = {}
    for update in updates:
        if update.optimizer_key not in optimizers:
            known = ", ".join(optimizers) or "none"
            raise InputError(f"update '{update.name}' has no optimizer '{update.optimizer_key}'; given: {known}")
        moved.setdefault(update.optimizer_key, []).extend(update.variables)
    for key, variables in moved.items():
        if not optimizers[key].built:
            optimizers[key].build(unique(variables))


def dtype_policy(precision: str = "auto") -> str:
    """Return the Keras dtype policy of the networks; losses, codes, logits and images stay float32.

    Args:
        precision: 'auto' (Keras' global policy, float32 unless it is set), 'float32', 'mixed_bfloat16' or
            'mixed_float16'.

    Raises:
        InputError: an unknown precision.
    """
    policy = keras.config.dtype_policy().name if precision == "auto" else precision
    check_choice("precision", policy, PRECISIONS)
    return policy
