"""Settings of training: one optimizer's, and a whole training's. Nothing here imports TensorFlow."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from aae_tf.config.registry import Registry
from aae_tf.config.schema import Checked, Choices, Range
from aae_tf.errors import InputError

ORDERS = Registry("order", modules=dict.fromkeys(("alternating", "simultaneous"), "aae_tf.training.step"))
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
CHECKPOINT_MINUTES = 10.0


@dataclass(frozen=True)
class OptimizerSettings(Checked):
    """The optimizer of one kind of update: a Keras optimizer, its learning rate and the schedule of the rate.

    Attributes:
        name: 'sgd', 'adam' or 'adamw' (Keras optimizers).
        learning_rate: learning rate of the first epoch.
        momentum: momentum of SGD, or beta_1 of Adam.
        schedule: 'constant', 'cosine' (to zero over all epochs) or 'piecewise_constant' (divided by 10 after each epoch
            in `boundaries`).
        boundaries: epochs after which 'piecewise_constant' divides the rate by 10.
    """

    name: Annotated[str, Choices(("sgd", "adam", "adamw"))] = "sgd"
    learning_rate: Annotated[float, Range(0.0)] = 0.01
    momentum: Annotated[float, Range(0.0, 0.999999)] = 0.9
    schedule: Annotated[str, Choices(("constant", "cosine", "piecewise_constant"))] = "constant"
    boundaries: Annotated[tuple[int, ...], Range(1)] = (50, 1000)

    def rate(self, epoch: int, epochs: int) -> float:
        """Return the learning rate of an epoch, counted from 0, of a training of `epochs` epochs."""
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        if self.schedule == "piecewise_constant":
            return self.learning_rate * 0.1 ** sum(epoch >= boundary for boundary in self.boundaries)
        return self.learning_rate


# Used by a recipe that does not set the optimizer of such an update.
DEFAULT_OPTIMIZERS = {
    "reconstruction": OptimizerSettings("sgd", 0.01, 0.9),
    "regularization": OptimizerSettings("sgd", 0.1, 0.1),
    "classification": OptimizerSettings("sgd", 0.1, 0.9),
}


def optimizer_of(optimizers: dict[str, OptimizerSettings], kind: str) -> OptimizerSettings:
    """Return the settings of the optimizer for a kind of update, by default those of `DEFAULT_OPTIMIZERS`.

    Raises:
        InputError: there are none for this kind.
    """
    found = optimizers.get(kind) or DEFAULT_OPTIMIZERS.get(kind)
    if found is None:
        raise InputError(
            f"there is no optimizer for updates of kind '{kind}'; set one: {kind}.name=adam, {kind}.learning_rate=0.001"
        )
    return found


@dataclass(frozen=True)
class TrainingSettings(Checked):
    """Every number of the training loop.

    Attributes:
        epochs: number of epochs; the cosine schedule ends there.
        batch_size: elements a step, over all replicas.
        seed: seed of shuffles and draws.
        order: a name in `ORDERS`.
        optimizers: `OptimizerSettings` by kind of update; `DEFAULT_OPTIMIZERS` for those that are missing.
        weights: factor on the loss of a phase, by phase name.
        ramps: epochs in which the weight of a phase rises from 0, by phase name.
        fused: names of phases whose losses are summed into one update.
        views: arguments of `aae_tf.Views`; empty for no augmentation.
        weight_ema: decay of the moving average of the weights, 0 for none.
        precision: Keras dtype policy of the networks; 'mixed_float16' adds loss scaling.
        jit_compile: whether XLA compiles the steps.
        checkpoint_minutes: maximum minutes between checkpoints.

    Raises:
        InputError: a value that is out of range.
    """

    epochs: Annotated[int, Range(1)] = 60
    batch_size: Annotated[int, Range(1)] = 100
    seed: int = 0
    order: Annotated[str, ORDERS] = "alternating"
    optimizers: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)
    ramps: dict = field(default_factory=dict)
    fused: tuple[str, ...] = ()
    views: dict = field(default_factory=dict)
    weight_ema: Annotated[float, Range(0.0, 0.999999)] = 0.0
    precision: str = "float32"
    jit_compile: bool = True
    checkpoint_minutes: Annotated[float, Range(0.0)] = CHECKPOINT_MINUTES

    def schedule(self, kind: str) -> Callable[[int], float]:
        """Return the function from an epoch, counted from 0, to the learning rate of a kind of update."""
        return lambda epoch: self.optimizer(kind).rate(epoch, self.epochs)

    def optimizer(self, kind: str) -> OptimizerSettings:
        """Return the settings of the optimizer for a kind of update; errors are those of `optimizer_of`."""
        return optimizer_of(self.optimizers, kind)
