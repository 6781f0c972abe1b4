"""What training refuses: batches that are too small, and numbers that are not finite."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.errors import InputError, NonFiniteLossError
from aae_tf.training.updates import Update

if TYPE_CHECKING:
    from aae_tf.data import Packed, Split, Stream
    from aae_tf.models import LatentModel


def check_batch_size(model: "LatentModel", batch_size: int, replicas: int) -> None:
    """Raise `InputError` where a batch does not divide over replicas, or leaves too few elements on each of them."""
    if batch_size % replicas:
        raise InputError(f"batch_size {batch_size} does not divide over {replicas} replicas")
    if batch_size == replicas and any(map(_needs_several, model._flatten_layers())):
        raise InputError("batch normalisation of one image a replica cannot tell images apart; use a larger batch")
    least = model.training_spec.minimum_batch
    if batch_size < replicas * least:
        raise InputError(
            f"{type(model).__name__} compares the images of a mini-batch with each other and needs {least} of them "
            "on each replica; use a larger batch"
        )


def check_labels(model: "LatentModel", train: "Split | Packed | Stream") -> None:
    """Raise `InputError` where training data lacks the labels that the model needs."""
    name, needed, missing = type(model).__name__, model.training_spec.required_inputs, len(train) - train.known
    if "labels" in needed and missing:
        raise InputError(f"{name} decodes with every image's label; {missing} training images have none")
    if "labelled" in needed and not train.known:
        raise InputError(f"{name} learns classes from labels, and no training image has one; set labels")


def check_losses(bad: np.ndarray, updates: Sequence[Update], optimizers: dict, epoch: int) -> None:
    """Raise `NonFiniteLossError` where `bad`, int32 [P], holds a phase's first step with such a loss, -1 for none."""
    phases = sorted(((phase, update) for update in updates for phase in update.phases), key=lambda each: each[0].number)
    for (phase, update), step in zip(phases, bad, strict=True):
        if step >= 0:
            rate = float(keras.ops.convert_to_numpy(optimizers[update.optimizer_key].learning_rate))
            advice = f"{update.optimizer}.learning_rate={rate / 10:.1g}"
            raise NonFiniteLossError(phase.name, epoch, int(step) + 1, advice)


def check_finite(model: "LatentModel", row: dict[str, float], epoch: int) -> None:
    """Raise `NonFiniteLossError` for numbers of an epoch, or weights, that are not finite; losses may hide them."""
    bad = [name for name, value in row.items() if not np.isfinite(value)]
    floats = [weight for weight in model.weights if "float" in weight.dtype]
    bad += [weight.path for weight in floats if not tf.reduce_all(tf.math.is_finite(weight))]
    if bad:
        raise NonFiniteLossError(bad[0], epoch)


def _needs_several(layer):
    """Return whether a layer normalises by statistics of the mini-batch over its first axis alone."""
    if not isinstance(layer, keras.layers.BatchNormalization) or not layer.built:
        return False  # a layer that is not built is not called
    statistics_of_batch = layer.trainable and not layer.synchronized
    return statistics_of_batch and layer.input_spec.ndim == 2  # those of images are over height and width too
