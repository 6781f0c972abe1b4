"""Phases and updates: what a training step of any model consists of (§2, §5).

A `Phase` is a loss and the variables that it moves. An `Update` is one or more phases whose losses are summed, and the
optimizer that applies the gradient of the sum. A model returns a list of updates; `aae_tf.training.step` takes them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aae_tf.backend import tf
from aae_tf.errors import InputError

if TYPE_CHECKING:
    from aae_tf.backend import keras


@dataclass(frozen=True)
class Phase:
    """One loss of a training step, and the variables that it moves.

    Attributes:
        name: unique in the model; the name of the loss in history and progress.
        loss: function (batch, codes, seed) to a scalar float32 tensor: `batch` is a dict of tensors ('images' float32
            [N, ...] in [0, 1], 'labels' int32 [N], ...), `codes` what `model.codes` returns for it, `seed` int32 [2].
        variables: the trainable variables it moves.
        weight: factor on the loss in training; the reported loss is without it.
        ramp: epochs in which the weight rises linearly from 0; 0 for full weight from the first step.
        uses_codes: whether `loss` reads `codes`. An update without such a phase does not run the encoder.
        number: position in the step, part of the seed of its draws; set by `configured`.
    """

    name: str
    loss: Callable[[dict, dict, Any], "tf.Tensor"]
    variables: "list[keras.Variable]"
    weight: float = 1.0
    ramp: float = 0.0
    uses_codes: bool = True
    number: int = 0

    def factor(self, epoch: "tf.Tensor") -> "float | tf.Tensor":
        """Return the current factor on the loss; `epoch` is a float32 scalar, the epochs done so far."""
        return self.weight * tf.minimum(1.0, epoch / self.ramp) if self.ramp else self.weight


class Update:
    """One or more phases whose weighted losses are summed and minimised by one optimizer.

    Args:
        *phases: `Phase` objects.
        optimizer: kind of optimizer settings that the recipe provides ('reconstruction', 'regularization', ...).
        optimizer_key: name of the optimizer, which updates with the same key share; by default the first phase's name.
        repeat: how often the update is applied in a step, each time with new draws.
    """

    def __init__(
        self, *phases: Phase, optimizer: str = "reconstruction", optimizer_key: str | None = None, repeat: int = 1
    ):
        self.phases, self.optimizer, self.repeat = phases, optimizer, repeat
        self.name = phases[0].name
        self.optimizer_key = optimizer_key or self.name

    @property
    def variables(self) -> "list[keras.Variable]":
        """The variables that its phases move, each once."""
        return unique(variable for phase in self.phases for variable in phase.variables)

    def of(self, *phases: Phase) -> "Update":
        """Return this update with other phases and the same optimizer."""
        return Update(*phases, optimizer=self.optimizer, optimizer_key=self.optimizer_key, repeat=self.repeat)


def unique(variables: "Iterable[keras.Variable]") -> "list[keras.Variable]":
    """Return variables in order, each once."""
    return list({id(variable): variable for variable in variables}.values())


def phases_of(updates: Sequence[Update]) -> dict[str, Phase]:
    """Return the phases of a step in order, by name; raises `InputError` where two have the same name."""
    found = {}
    for phase in (phase for update in updates for phase in update.phases):
        if phase.name in found:
            raise InputError(f"two phases are named '{phase.name}'; the name of a phase is the name of its loss")
        found[phase.name] = phase
    return found


def configured(
    updates: Sequence[Update],
    weights: dict[str, float] | None = None,
    fused: Sequence[str] = (),
    ramps: dict[str, float] | None = None,
    disabled: Sequence[str] = (),
) -> list[Update]:
    """Return a model's updates with phases numbered and weighted, and some of them fused.

    Args:
        updates: as the model returns them.
        weights: factor on the loss of a phase, by phase name, on top of the phase's own weight.
        fused: names of phases that form one update, at the position and with the optimizer of the first of them.
        ramps: epochs in which the weight of a phase rises from 0, by phase name.
        disabled: names of disabled phases. Settings for these phases are ignored.

    Raises:
        InputError: a name that no phase has.
    """
    weights, ramps, known = weights or {}, ramps or {}, phases_of(updates)
    for option, names in (("weights", weights), ("fused", fused), ("ramps", ramps)):
        for name in names:
            if name not in (*known, *disabled):
                raise InputError(f"{option}: the model has no phase '{name}'; it has: {', '.join(known)}")
    phases = {}
    for number, (name, phase) in enumerate(known.items()):
        weight, ramp = phase.weight * weights.get(name, 1), ramps.get(name, phase.ramp)
        phases[name] = replace(phase, weight=weight, ramp=ramp, number=number)
    together = [phase for name, phase in phases.items() if name in fused]
    result = []
    for update in updates:
        names = [phase.name for phase in update.phases]
        if together and together[0].name in names:
            result.append(update.of(*together))
        separate = [phases[name] for name in names if name not in fused]
        if separate:
            result.append(update.of(*separate))
    return result
