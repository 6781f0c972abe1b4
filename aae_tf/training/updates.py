"""Phases and updates: the one idea that carries every model of the paper (§2, §5).

A model is trained step after step, and a step is a list of *updates*: reconstruct, tell codes from prior samples, fool
that discriminator, classify. A `Phase` is a loss and the variables that it moves; an `Update` is one or more phases
whose losses are summed, the optimizer that takes the sum's gradient, and how often. `alternating` and `simultaneous`
take one step of any model; they know updates, not models.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aae_tf.backend import keras, tf
from aae_tf.config.registry import Registry
from aae_tf.errors import InputError
from aae_tf.utils.random import fold

ORDERS = Registry("order")


@dataclass(frozen=True)
class Phase:
    """One loss of a training step, and what it moves.

    Attributes:
        name: unique in the model; the name of its loss in history and progress.
        loss: function (batch, codes, seed) to a scalar float32 tensor. `batch` is a dict of tensors ('images' float32
            [N, ...] in [0, 1], 'labels' int32 [N], ...), `codes` what the model's `codes` gives for it (computed when
            a loss first looks at them), `seed` int32 [2] for the phase's own draws.
        variables: the trainable variables it moves.
        weight: factor on the loss in training (the reported loss is without it).
        ramp: epochs in which the weight rises from 0; 0: it is full from the first step.
        number: its place in the model's step, from which its draws' seed is made; `configured` sets it.
    """

    name: str
    loss: Callable[[dict, Any, Any], Any]
    variables: list
    weight: float = 1.0
    ramp: float = 0.0
    number: int = 0

    def factor(self, batch):
        """Return the factor on the loss in this step, its weight risen so far.

        Args:
            batch: dict of tensors, with 'epoch', float32 scalar: epochs done.
        """
        return self.weight * tf.minimum(1.0, batch["epoch"] / self.ramp) if self.ramp else self.weight


def unique(variables):
    """Return variables in their order, each once.

    Args:
        variables: iterable of variables, some of them more than once.
    """
    return list({id(variable): variable for variable in variables}.values())


class Update:
    """One or more phases moved together, by one optimizer.

    Args:
        *phases: `Phase` objects; their weighted losses are summed.
        optimizer: kind of optimizer settings it takes from the recipe ('reconstruction', 'regularization', ...).
        state: name of the optimizer that keeps its momenta and counts its updates; updates of one name share it. By
            default its own, by the name of its first phase.
        repeat: how often it is taken in a step, each time with draws of its own.

    Attributes:
        name: the first phase's name.
    """

    def __init__(self, *phases, optimizer="reconstruction", state=None, repeat=1):
        self.phases, self.optimizer, self.repeat = phases, optimizer, repeat
        self.name = phases[0].name
        self.state = state or self.name

    @property
    def variables(self):
        """The variables that any of its phases moves, each once."""
        return unique(variable for phase in self.phases for variable in phase.variables)

    def of(self, *phases):
        """Return this update with other phases, by the same optimizer.

        Args:
            *phases: `Phase` objects.
        """
        return Update(*phases, optimizer=self.optimizer, state=self.state, repeat=self.repeat)


def phases_of(updates):
    """Return the phases of a step, in their order: dict of name to `Phase`.

    Args:
        updates: list of `Update`.

    Raises:
        InputError: two phases of one name.
    """
    found = {}
    for phase in (phase for update in updates for phase in update.phases):
        if phase.name in found:
            raise InputError(f"two phases are named '{phase.name}'; a phase's name is the name of its loss")
        found[phase.name] = phase
    return found


def configured(updates, weights=None, fused=(), ramps=None, absent=()):
    """Return a model's updates as a recipe wants them: phases numbered, weighted, and some of them joined.

    Args:
        updates: list of `Update`, as a model gives them.
        weights: dict of phase name to a factor on its loss, over the phase's own.
        fused: names of phases that are joined in one update, at the place and by the optimizer of the first of them.
        ramps: dict of phase name to the epochs in which its weight rises from 0.
        absent: names of phases that the model's options leave out; what is said of them is passed over.

    Raises:
        InputError: a name that no phase has.
    """
    weights, ramps, known = weights or {}, ramps or {}, phases_of(updates)
    for what, names in (("weights", weights), ("fused", fused), ("ramps", ramps)):
        for name in names:
            if name not in (*known, *absent):
                raise InputError(f"{what}: the model has no phase '{name}'; it has: {', '.join(known)}")
    phases = {
        name: replace(
            phase, weight=phase.weight * weights.get(name, 1), ramp=ramps.get(name, phase.ramp), number=number
        )
        for number, (name, phase) in enumerate(known.items())
    }
    together = [phase for name, phase in phases.items() if name in fused]
    done = []
    for update in updates:
        names = [phase.name for phase in update.phases]
        if together and together[0].name in names:
            done.append(update.of(*together))
        left = [phases[name] for name in names if name not in fused]
        if left:
            done.append(update.of(*left))
    return done


def check_order(order, updates):
    """Refuse updates that an order cannot take, before training.

    Args:
        order: a name in `ORDERS`.
        updates: list of `Update`.

    Raises:
        InputError: an unknown order, or updates that are to be repeated in order 'simultaneous'.
    """
    repeated = [update for update in updates if update.repeat > 1]
    if ORDERS[order] is simultaneous and repeated:
        raise InputError(
            f"order 'simultaneous' takes each update once, and '{repeated[0].name}' is to be repeated "
            f"{repeated[0].repeat} times; use order 'alternating', or discriminator_steps=1"
        )


class Codes:
    """A model's codes of a batch, by name; computed when the first of them is looked at, so that a phase which looks at
    none costs no pass.

    Args:
        compute: function without arguments to a dict of codes.
    """

    def __init__(self, compute):
        self._compute, self._found = compute, None

    def __getitem__(self, name):
        if self._found is None:
            self._found = self._compute()
        return self._found[name]

    def __contains__(self, name):
        try:
            self[name]
        except KeyError:
            return False
        return True


class FirstPass(keras.StatelessScope):
    """A scope in which networks leave their moving statistics alone but for the first pass over each.

    Batch statistics move once a step: on the pass over the mini-batch itself, which inference resembles. Further
    passes (codes recomputed, labelled images, views) normalise by statistics of their own and leave no trace. Weights
    that a layer sets itself (spectral normalisation) are set at every pass, before the optimizer moves them.

    Args:
        taken: set of ids of the variables that have moved in this step; those that move here are added.

    Attributes:
        moved: dict of id to (variable, value): what to assign after the passes.
        weights: the same of trainable variables, to assign before the optimizer's update.
    """

    def __init__(self, taken):
        super().__init__()
        self.taken, self.moved, self.weights, self._values = taken, {}, {}, {}

    def add_update(self, update):
        """Keep the first value that a statistic is given in the step, and the last that a weight is given here."""
        variable, value = update
        self._values[id(variable)] = value
        if variable.trainable:
            self.weights[id(variable)] = (variable, value)
        elif id(variable) not in self.taken:
            self.taken.add(id(variable))
            self.moved[id(variable)] = (variable, value)

    def get_current_value(self, variable):
        """Return what the variable was given here, None where it was given nothing."""
        return self._values.get(id(variable))


def take(updates, model, optimizers, batch, seed, taken, draws=None, replicas=1, compute=lambda gradient: gradient):
    """Take updates once, whose gradients are all of one set of codes.

    Args:
        updates: list of `Update`.
        model: has `codes(batch, seed, training)`.
        optimizers: dict of an update's `state` to a built Keras optimizer.
        batch: dict of tensors.
        seed: int32 [2], the step's.
        taken: see `FirstPass`.
        draws: int32 [2], seed of the phases' own draws; None: `seed`.
        replicas: number of replicas the global batch is spread over; losses are averaged over them.
        compute: wraps the gradient computation (for example in `tf.function(jit_compile=True)`).

    Returns:
        dict of phase name to its loss, scalar float32.
    """
    watched = [[variable.value for variable in update.variables] for update in updates]
    assigned = {}

    def gradient(batch, seed, draws):
        scope = FirstPass(taken)
        with tf.GradientTape(persistent=len(updates) > 1, watch_accessed_variables=False) as tape, scope:
            tape.watch(watched)
            codes = Codes(lambda: model.codes(batch, seed=fold(seed, 0), training=True))
            losses, totals = {}, []
            for update in updates:
                for phase in update.phases:
                    losses[phase.name] = phase.loss(batch, codes, fold(draws, phase.number + 1))
                total = sum(losses[phase.name] * (phase.factor(batch) / replicas) for phase in update.phases)
                totals.append(optimizers[update.state].scale_loss(total))
        gradients = [tape.gradient(total, variables) for total, variables in zip(totals, watched, strict=True)]
        given = {"weights": scope.weights.values(), "moved": scope.moved.values()}
        assigned.update({kind: [variable for variable, _ in pairs] for kind, pairs in given.items()})
        return losses, gradients, {kind: [value for _, value in pairs] for kind, pairs in given.items()}

    def assign(kind):
        for variable, value in zip(assigned[kind], values[kind], strict=True):
            variable.assign(_over_replicas(value) if replicas > 1 else value)

    losses, gradients, values = compute(gradient)(batch, seed, seed if draws is None else draws)
    assign("weights")
    for update, found in zip(updates, gradients, strict=True):
        optimizer = optimizers[update.state]
        if replicas > 1 and isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            found = _alike(found)
        optimizer.apply(found, update.variables)
    assign("moved")
    return losses


def _alike(gradients):
    """Return gradients, infinite on every replica where one has any that is: a loss scale looks at its own alone."""
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(each)) for each in gradients if each is not None])
    wild = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, 1.0 - tf.cast(finite, tf.float32))
    return [each if each is None else tf.where(wild > 0, tf.cast(math.inf, each.dtype), each) for each in gradients]


def _over_replicas(value):
    """Return a statistic's mean over replicas."""
    if not value.dtype.is_floating:
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, value)


@ORDERS.register
def alternating(model, updates, optimizers, batch, seed, **how):
    """Take one step, update after update, codes recomputed before each (the paper's order).

    Within a step the codes' own noise is one draw, so recomputed codes differ only by what the updates before have
    learned, and the compiler shares the passes of updates between which the encoder has not moved.

    Args:
        model: has `codes(batch, seed, training)`.
        updates: list of `Update`, from `configured`.
        optimizers: dict of an update's `state` to a built Keras optimizer.
        batch: dict of tensors.
        seed: int32 [2], the step's.
        **how: `replicas` and `compute`, see `take`.

    Returns:
        dict of phase name to its loss, scalar float32 (of a repeated update, the last).
    """
    losses, taken = {}, set()
    for update in updates:
        for repetition in range(update.repeat):
            draws = fold(seed, 1_000_000 + repetition) if repetition else None
            losses |= take([update], model, optimizers, batch, seed, taken, draws, **how)
    return losses


@ORDERS.register
def simultaneous(model, updates, optimizers, batch, seed, **how):
    """Take one step in which one encoder pass feeds every update: about a third fewer operations.

    Every gradient is taken at the weights before the step. Arguments and result as for `alternating`.

    Raises:
        InputError: an update that is to be repeated.
    """
    check_order("simultaneous", updates)
    return take(updates, model, optimizers, batch, seed, set(), **how)
