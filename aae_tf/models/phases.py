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
        joins: name of an earlier phase whose optimizer and update it shares, '' for its own: one update, by the sum of
            their weighted losses.
    """

    name: str
    loss: Callable[[dict, dict, Any], Any]
    variables: list
    kind: str = "reconstruction"
    weight: float = 1.0
    joins: str = ""


def alternating(model, phases, optimizers, batch, seed, replicas=1, compute=lambda gradient: gradient):
    """Take one step, update after update, codes recomputed before each (the paper's order).

    Each phase is an update of its own, save those that share an optimizer object: they share one update, by the sum of
    their weighted losses.

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
    losses = {}
    for update in _updates(phases, optimizers):
        losses |= _take([update], model, phases, batch, seed, replicas, compute)
    return [losses[position] for position in range(len(phases))]


def simultaneous(model, phases, optimizers, batch, seed, replicas=1, compute=lambda gradient: gradient):
    """Take one step in which one encoder pass feeds every phase: about a third fewer operations.

    Every gradient is taken at the weights before the step. Arguments and result as for `alternating`.
    """
    losses = _take(_updates(phases, optimizers), model, phases, batch, seed, replicas, compute)
    return [losses[position] for position in range(len(phases))]


def _updates(phases, optimizers):
    """Return [(optimizer, positions of its phases, the variables they move)], in the order of the first phases."""
    groups = {}
    for position, phase in enumerate(phases):
        groups.setdefault(id(optimizers[phase.name]), []).append(position)
    return [
        (optimizers[phases[group[0]].name], group, _union(phases[position].variables for position in group))
        for group in groups.values()
    ]


def _take(updates, model, phases, batch, seed, replicas, compute):
    """Take updates whose gradients are of one set of codes; returns the loss of each phase by its position."""
    watched = [[variable.value for variable in variables] for _, _, variables in updates]
    positions = [position for _, group, _ in updates for position in group]

    def gradient(batch, seed):
        with tf.GradientTape(persistent=len(updates) > 1, watch_accessed_variables=False) as tape:
            tape.watch(watched)
            codes = model.codes(batch, seed=fold_in(seed, 0), training=True)
            losses = {p: phases[p].loss(batch, codes, fold_in(seed, p + 1)) for p in positions}
            totals = [
                optimizer.scale_loss(sum(losses[p] * (phases[p].weight / replicas) for p in group))
                for optimizer, group, _ in updates
            ]
        gradients = [tape.gradient(total, variables) for total, variables in zip(totals, watched, strict=True)]
        return [losses[p] for p in positions], gradients

    losses, gradients = compute(gradient)(batch, seed)
    for (optimizer, _, variables), found in zip(updates, gradients, strict=True):
        optimizer.apply(found, variables)
    return dict(zip(positions, losses, strict=True))


ORDERS = {"alternating": alternating, "simultaneous": simultaneous}


def _union(lists):
    return list({id(variable): variable for variables in lists for variable in variables}.values())
