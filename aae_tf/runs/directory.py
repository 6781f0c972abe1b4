"""Run directories: which run a directory holds, the lock of the process that trains into it, and its record."""

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aae_tf import _version
from aae_tf.backend import keras, tf
from aae_tf.errors import InputError
from aae_tf.recipes import Recipe
from aae_tf.runs.identity import Identity
from aae_tf.training import checkpoints
from aae_tf.utils.files import LOCK, atomic_write, locked, write_json

if TYPE_CHECKING:
    from aae_tf.models import LatentModel


class RunDirectory:
    """The directory of one run, at the absolute path `path`; it need not exist."""

    def __init__(self, path: str | Path):
        self.path = Path(path).absolute()

    @classmethod
    def choose(cls, out_dir: str | Path | None, identity: Identity, other_rates: bool = False) -> "RunDirectory":
        """Return the directory that a run may be trained into, made if it does not exist; no record is written yet.

        Without `out_dir` it is the first of runs/NAME, runs/NAME-2, ... that is empty or holds this run. With
        `other_rates` the run may have had other learning rates so far.

        Raises:
            InputError: it holds another run or something else, or cannot be written to.
        """  # noqa: DOC501 (it catches the other error)
        chosen = _free(identity, other_rates) if out_dir is None else cls(out_dir)
        chosen.check(identity, other_rates)
        try:
            (chosen.path / "checkpoints").mkdir(parents=True, exist_ok=True)
            if not os.access(chosen.path, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise InputError(f"cannot write to '{chosen.path}': {error.strerror or error}") from None
        return chosen

    @contextlib.contextmanager
    def claim(self, identity: Identity, other_rates: bool = False) -> Iterator[bool]:
        """A context in which this process alone trains a run into this directory, with the run's record written.

        With `other_rates`, other learning rates are accepted, and those so far are noted in the record. `InputError`
        where another process trains into it, or it holds another run.

        Yields:
            Whether the run had other learning rates so far.
        """
        (self.path / "checkpoints").mkdir(parents=True, exist_ok=True)  # it may be gone since it was chosen
        with locked(self.path, "is training into"):
            record = self.check(identity, other_rates)
            changed = record is None or record["recipe"] != json.loads(json.dumps(identity.recipe.to_dict()))
            yield changed and self._write_record(identity, record)

    def check(self, identity: Identity, other_rates: bool = False) -> dict | None:
        """Return the record of a directory that a run may be trained into, or refuse it; None of an empty one."""
        record = read_record(self.path)
        if record is not None:
            different = identity.differences(record, self.model, other_rates)
            if different:
                raise InputError(f"'{self.path}' holds another run ({'; '.join(different[:3])}); use another out_dir")
        elif self.path.is_dir() and not all(_may_precede_the_record(path.name) for path in self.path.iterdir()):
            raise InputError(f"'{self.path}' is not empty and holds no run; use another out_dir")
        done, epochs = self.epochs, identity.recipe.epochs
        if record is None and done:
            raise InputError(f"'{self.path}' has checkpoints and no recipe.json; use another out_dir")
        if done > epochs:
            raise InputError(f"'{self.path}' already has {done} epochs, more than {epochs}; use another out_dir")
        return record

    @property
    def epochs(self) -> int:
        """Epochs begun, by the checkpoints."""
        return checkpoints.epochs_begun(self.path / "checkpoints")

    @property
    def model(self) -> dict | None:
        """model.json, the serialised model and samples of its priors; None if there is none."""
        path = self.path / "model.json"
        return json.loads(path.read_text()) if path.exists() else None

    def write_outcome(self, outcome: dict) -> None:
        """Write into recipe.json how training ended, see `Run.outcome`."""
        write_json(self.path / "recipe.json", {**read_record(self.path), "outcome": outcome})

    def write_labelled(self, labels: np.ndarray | None) -> None:
        """Write labelled.csv: the rows of the training elements whose labels the run uses, and those labels."""
        rows = np.flatnonzero(labels >= 0) if labels is not None else ()
        lines = ["row,label", *(f"{row},{labels[row]}" for row in rows)]
        atomic_write(self.path / "labelled.csv", lambda file: file.write(("\n".join(lines) + "\n").encode()))

    def _write_record(self, identity, before):
        """Write recipe.json and model.json; return whether learning rates were changed."""
        recipe, dataset = identity.recipe.to_dict(), identity.dataset
        record = {
            "recipe": recipe,
            "data": {
                "source": dataset.source,
                "fingerprint": dataset.fingerprint(),
                "image_shape": list(dataset.image_shape),
                "class_names": list(dataset.class_names),
                "sizes": [len(dataset.train), len(dataset.validation), len(dataset.test)],
            },
            "precision": identity.precision,
            "jit_compile": identity.jit_compile,
            **({"started_from": identity.started_from} if identity.started_from else {}),
            "versions": {"aae_tf": _version.__version__, "tensorflow": tf.__version__, "keras": keras.__version__},
        }
        noted = len((before or {}).get("rates", ()))
        before = before and _with_rates(before, recipe, checkpoints.position(self.path / "checkpoints"))
        for kept in ("outcome", "started_from", "rates"):
            if before is not None and kept in before:
                record[kept] = before[kept]
        write_json(self.path / "model.json", {"model": identity.model, "draws": identity.draws})
        write_json(self.path / "recipe.json", record)
        return len(record.get("rates", ())) > noted


def read_record(out_dir: str | Path) -> dict | None:
    """Return recipe.json of a run directory, or None if there is none; an unreadable one raises `InputError`."""
    path = Path(out_dir) / "recipe.json"
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text())
        Recipe.from_dict(record["recipe"])
        record["data"]["fingerprint"]
        return record
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' is damaged or of another version ({error}); use another out_dir") from None


def class_names(out_dir: str | Path, model: "LatentModel") -> list[str]:
    """Return the names of the classes of a run's model; empty if it was trained without labels."""
    labelled = {"labels", "labelled"} & set(model.training_spec.required_inputs)
    return read_record(out_dir)["data"].get("class_names", []) if labelled else []


def _free(identity, other_rates):
    """Return the first of runs/NAME, runs/NAME-2, ... that is empty or holds this run."""
    for number in itertools.count(1):
        found = RunDirectory(Path("runs") / (identity.recipe.name + (f"-{number}" if number > 1 else "")))
        try:
            record = read_record(found.path)
        except InputError:
            continue  # an unreadable record belongs to another run
        if record is None:
            if not found.path.exists() or not any(found.path.iterdir()):
                return found
        elif not identity.differences(record, found.model, other_rates) and found.epochs <= identity.recipe.epochs:
            return found


def _may_precede_the_record(name):
    """Return whether a run that was killed before its recipe.json was written may have left a file of this name."""
    return name in ("checkpoints", *LOCK, "model.json") or ".partial-" in name


def _with_rates(record, recipe, done):
    """Return a record in which changed learning rates are noted: the earlier ones, and until where they were used."""
    pairs = {
        kind: (settings["learning_rate"], now)
        for kind, settings in record["recipe"].get("optimizers", {}).items()
        if (now := recipe["optimizers"].get(kind, settings)["learning_rate"]) != settings["learning_rate"]
    }
    if not pairs:
        return record
    note = {"epochs": done[0], "steps": done[1], "learning_rates": {kind: was for kind, (was, _) in pairs.items()}}
    return {**record, "rates": [*record.get("rates", []), note]}
