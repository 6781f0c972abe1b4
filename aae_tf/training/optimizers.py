"""Optimizers from a recipe's settings, and the learning rate of each epoch.

Rates change between epochs and are a function of the epoch alone, so a resumed run has the rates it would have had.
"""

import math

from aae_tf.backend import keras


def make_optimizer(settings, policy="float32"):
    """Return a Keras optimizer.

    Args:
        settings: an `aae_tf.OptimizerSettings`.
        policy: dtype policy of the networks; 'mixed_float16' gets dynamic loss scaling.
    """
    momentum = "momentum" if settings.name == "sgd" else "beta_1"
    config = {"learning_rate": settings.learning_rate, momentum: settings.momentum}
    optimizer = keras.optimizers.get({"class_name": settings.name, "config": config})
    return keras.optimizers.LossScaleOptimizer(optimizer) if policy == "mixed_float16" else optimizer


def learning_rate(settings, epoch, epochs):
    """Return the learning rate of an epoch.

    Args:
        settings: an `OptimizerSettings`.
        epoch: counted from 0.
        epochs: of the whole run, for 'cosine'.
    """
    if settings.schedule == "cosine":
        return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
    if settings.schedule == "piecewise_constant":
        return settings.learning_rate * 0.1 ** sum(epoch >= drop for drop in settings.boundaries)
    return settings.learning_rate
