"""Phases: the one idea that carries every model of the paper (§2, §5).

A model is trained by an ordered list of phases: reconstruct, tell codes from prior samples, fool that
discriminator, classify. A `Phase` names a loss and the variables that it moves. `alternating` and `simultaneous`
take one training step through all phases of any model; they know phases, not models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aae_tf.backend import tf

fold_in = tf.random.experimental.stateless_fold_in


@dataclass(frozen=True)
class Phase:
    """One phase of a training step.

    Attributes:
        name: unique in the model; the name of its loss in history and progress.
        loss: function (batch, codes, seed) to a scalar float32 tensor. `batch` is a dict of tensors ('images'
            float32 [N, H, W, C] in [0, 1], 'labels' int32 [N], ...), `codes` what the model's `codes` returned
            for it, `seed` int32 [2] for the phase's own draws.
        variables: the trainable variables it moves.
        kind: which of a recipe's optimizer settings it takes ('reconstruction', 'regularization', ...).
        weight: factor on the loss in training (the reported loss is without it).
    """

    name: str
    loss: Callable[[dict, dict, Any], Any]
    variables: list
    kind: str = "reconstruction"
    weight: float = 1.0


def alternating(model, phases, optimizers, batch, seed, replicas=1, compute=lambda gradient: gradient):
    """Take one step, phase after phase, codes recomputed before each (the paper's order).

    Within a step the codes' own noise is one draw, so recomputed codes differ only by what the phases before
    have learned, and the compiler shares the passes of phases between which the encoder has not moved.

    Args:
        model: has `codes(batch, seed, training)`.
        phases: list of `Phase`.
        optimizers: dict of phase name to a built Keras optimizer.
        batch: dict of tensors.
        seed: int32 [2], the step's.
        replicas: number of replicas the global batch is spread over; losses are averaged over them.
        compute: wraps the gradient computation (for example in `tf.function(jit_compile=True)`).

    Returns:
        list of scalar float32 losses, one a phase, in order.
    """
    losses = []
    for position, phase in enumerate(phases):
        optimizer = optimizers[phase.name]
        gradient = _gradient_of_one(model, phase, position, optimizer, replicas)
        loss, gradients = compute(gradient)(batch, seed)
        optimizer.apply(gradients, phase.variables)
        losses.append(loss)
    return losses


def _gradient_of_one(model, phase, position, optimizer, replicas):
    """Return the function from (batch, seed) to a phase's loss and its gradients, codes computed for it alone."""
    variables = [variable.value for variable in phase.variables]

    def gradient(batch, seed):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            codes = model.codes(batch, seed=fold_in(seed, 0), training=True)
            loss = phase.loss(batch, codes, fold_in(seed, position + 1))
            scaled = optimizer.scale_loss(loss * (phase.weight / replicas))
        return loss, tape.gradient(scaled, variables)

    return gradient


def simultaneous(model, phases, optimizers, batch, seed, replicas=1, compute=lambda gradient: gradient):
    """Take one step in which one encoder pass feeds every phase: about a third fewer operations.

    Every gradient is taken at the weights before the step. Phases that share one optimizer object share one
    update, by the sum of their weighted losses. Arguments and result as for `alternating`.
    """
    groups = {}
    for position, phase in enumerate(phases):
        groups.setdefault(id(optimizers[phase.name]), []).append(position)
    moved = {key: _union(phases[position].variables for position in group) for key, group in groups.items()}
    by_id = {id(optimizer): optimizer for optimizer in optimizers.values()}

    def gradient(batch, seed):
        with tf.GradientTape(persistent=True) as tape:
            codes = model.codes(batch, seed=fold_in(seed, 0), training=True)
            losses = [phase.loss(batch, codes, fold_in(seed, position + 1)) for position, phase in enumerate(phases)]
            scaled = {
                key: by_id[key].scale_loss(sum(losses[p] * (phases[p].weight / replicas) for p in group))
                for key, group in groups.items()
            }
        return losses, [tape.gradient(scaled[key], [variable.value for variable in moved[key]]) for key in groups]

    losses, gradients = compute(gradient)(batch, seed)
    for key, found in zip(groups, gradients, strict=True):
        by_id[key].apply(found, moved[key])
    return losses


ORDERS = {"alternating": alternating, "simultaneous": simultaneous}


def _union(lists):
    return list({id(variable): variable for variables in lists for variable in variables}.values())
