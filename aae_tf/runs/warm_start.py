"""Warm starts: initial weights from another run, whose data, classes or prior may be others."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from aae_tf.errors import InputError
from aae_tf.runs.load import load_model
from aae_tf.training import checkpoints

if TYPE_CHECKING:
    from aae_tf.models import LatentModel
    from aae_tf.runs.plan import Plan

OF_THE_DATA = ("prior", "image_scale")  # what a run takes from its own recipe and data


class WarmStart:
    """The weights of the finished run in the directory `path`."""

    def __init__(self, path: str | Path, console: Console):
        self.path, self.console = path, console
        self.model = load_model(path)

    @classmethod
    def of(cls, plan: "Plan", console: Console) -> "WarmStart | None":
        """Return a plan's warm start; None without, or where a checkpoint of the run itself takes its place."""
        begun = plan.out_dir is not None and checkpoints.epochs_begun(plan.out_dir / "checkpoints") > 0
        return cls(plan.recipe.warm_start, console) if plan.recipe.warm_start and not begun else None

    @property
    def digest(self) -> str:
        """Hash of all weights of the run."""
        digest = hashlib.blake2b(digest_size=16)
        for weight in self.model.weights:
            digest.update(np.ascontiguousarray(weight))
        return digest.hexdigest()

    def give(self, model: "LatentModel") -> None:
        """Set the weights of a built model, network by network, where place and shape are the same.

        A network that the run does not have, or has with another number of layers, keeps its weights, and so does a
        layer of another shape (the head of y for another number of classes).

        Raises:
            InputError: no weight fits.
        """
        taken, left = 0, []
        for name in sorted(set(model.build_spec.submodels) - set(OF_THE_DATA)):
            ours = getattr(model, name).weights
            theirs = getattr(getattr(self.model, name, None), "weights", [])
            fitting = [len(ours) == len(theirs) and mine.shape == theirs[at].shape for at, mine in enumerate(ours)]
            for at, fits in enumerate(fitting):
                if fits:
                    ours[at].assign(theirs[at])
            taken += sum(fitting)
            left += [mine.path for mine, fits in zip(ours, fitting, strict=True) if not fits]
        if not taken:
            raise InputError(
                f"warm_start: no weight of the {type(self.model).__name__} in '{self.path}' fits this "
                f"{type(model).__name__}; accepted: a run with networks of the same layers and widths"
            )
        rest = f"; as they were made: {', '.join(left)}" if left else ""
        self.console.print(f"{taken} weights from {self.path}{rest}", highlight=False, soft_wrap=True)
