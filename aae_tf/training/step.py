"""One training step of any model: its updates in alternation (the paper's order), or all from one set of codes."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aae_tf.backend import keras, tf
from aae_tf.config.training import ORDERS
from aae_tf.errors import InputError
from aae_tf.training.distribution import infinite_everywhere, mean_over_replicas
from aae_tf.training.first_pass import FirstPass
from aae_tf.training.updates import Update
from aae_tf.utils.random import fold


def alternating(
    model: Any, updates: Sequence[Update], optimizers: dict, batch: dict, seed: Any, **options: Any
) -> dict:
    """Apply one update after another, with codes recomputed before each (the paper's order).

    All codes of a step share one draw of noise: the compiler reuses the encoder pass where the encoder has not moved.

    Args:
        model: has `codes(batch, seed, training)`.
        updates: list of `Update`, from `configured`.
        optimizers: dict of optimizer key to a built Keras optimizer.
        batch: dict of tensors.
        seed: int32 [2], the seed of the step.
        **options: `replicas` and `compile_gradient`, see `Step`.

    Returns:
        dict of phase name to its loss, scalar float32; of a repeated update, the last one.
    """
    step, losses = Step(model, optimizers, batch, seed, **options), {}
    for update in updates:
        for repetition in range(update.repeat):
            losses |= step.apply([update], repetition)
    return losses


def simultaneous(
    model: Any, updates: Sequence[Update], optimizers: dict, batch: dict, seed: Any, **options: Any
) -> dict:
    """Return the losses of all updates, applied with gradients at the current weights.

    One encoder pass serves all, a third fewer operations. Arguments and result are those of `alternating`.

    Raises:
        InputError: an update that is to be repeated.
    """
    check_order("simultaneous", updates)
    return Step(model, optimizers, batch, seed, **options).apply(updates)


def check_order(order: str, updates: Sequence[Update]) -> None:
    """Raise `InputError` for an unknown order, and for repeated updates in order 'simultaneous'."""
    repeated = [update for update in updates if update.repeat > 1]
    if ORDERS[order] is simultaneous and repeated:
        raise InputError(
            f"order 'simultaneous' applies each update once, but '{repeated[0].name}' is to be repeated "
            f"{repeated[0].repeat} times; use order 'alternating', or discriminator_steps=1"
        )


@dataclass
class Step:
    """What the updates of one step share.

    Attributes:
        model, optimizers, batch, seed: as for `alternating`.
        replicas: number of replicas that the global batch is divided over; losses are averaged over them.
        compile_gradient: wraps the gradient computation (for example in `tf.function(jit_compile=True)`).
        moved, variables: what has moved in this step, see `FirstPass`.
        regularized: name of the update that includes the regularizer of a variable, by the variable's id.
    """

    model: Any
    optimizers: dict
    batch: dict
    seed: Any
    replicas: int = 1
    compile_gradient: Callable = lambda gradient: gradient
    moved: set = field(default_factory=set)
    variables: dict = field(default_factory=dict)
    regularized: dict = field(default_factory=dict)

    def apply(self, updates: Sequence[Update], repetition: int = 0) -> dict:
        """Apply updates that share one set of codes; returns the losses by phase name."""
        draws = fold(self.seed, 1_000_000 + repetition) if repetition else self.seed
        gradient = self.compile_gradient(functools.partial(self._gradients, updates))
        losses, gradients, assigned = gradient(self.batch, self.seed, draws)
        for key, value in assigned.items():
            self.variables[key].assign(mean_over_replicas(value) if self.replicas > 1 else value)
        for update, found in zip(updates, gradients, strict=True):
            optimizer = self.optimizers[update.optimizer_key]
            if self.replicas > 1 and isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
                found = infinite_everywhere(found)
            optimizer.apply(found, update.variables)
        return losses

    def _gradients(self, updates, batch, seed, draws):
        """Return the losses by phase name, the gradients of each update, and the values that layers assign."""
        watched = [[variable.value for variable in update.variables] for update in updates]
        scope, losses, totals, counted = FirstPass(self.moved, self.variables), {}, [], 0
        with tf.GradientTape(persistent=len(updates) > 1, watch_accessed_variables=False) as tape, scope:
            tape.watch(watched)
            encodes = any(phase.uses_codes for update in updates for phase in update.phases)
            codes = self.model.codes(batch, seed=fold(seed, 0), training=True) if encodes else {}
            for update in updates:
                for phase in update.phases:
                    losses[phase.name] = phase.loss(batch, codes, fold(draws, phase.number + 1))
                total = sum(losses[each.name] * (each.factor(batch["epoch"]) / self.replicas) for each in update.phases)
                for added in [*scope.added[counted:], *self._regularizers(update)]:
                    total += tf.cast(added, tf.float32) / self.replicas
                counted = len(scope.added)
                totals.append(self.optimizers[update.optimizer_key].scale_loss(total))
        gradients = [tape.gradient(total, variables) for total, variables in zip(totals, watched, strict=True)]
        return losses, gradients, scope.assigned

    def _regularizers(self, update):
        """Return the regularization losses of the variables that this update is the first to move."""
        regular = [variable for variable in update.variables if getattr(variable, "regularizer", None) is not None]
        own = [each for each in regular if self.regularized.setdefault(id(each), update.name) == update.name]
        return [variable.regularizer(variable) for variable in own]
