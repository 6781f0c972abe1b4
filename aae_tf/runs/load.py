"""`load_run()`: from the directory of a finished run to a `Run`."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aae_tf import data
from aae_tf.backend import keras
from aae_tf.errors import InputError
from aae_tf.models import MODELS
from aae_tf.priors import SamplerPrior
from aae_tf.recipes import Recipe
from aae_tf.runs.directory import read_record
from aae_tf.runs.identity import data_difference
from aae_tf.runs.run import Run
from aae_tf.training import checkpoints

if TYPE_CHECKING:
    from aae_tf.models import LatentModel


def load_run(out_dir: str | Path, dataset: Any = None, prior: Callable | None = None) -> Run:
    """Return the finished run in a directory.

    Args:
        out_dir: the run directory.
        dataset: the data, if it was own arrays or tf.data (other data is found by its name or path).
        prior: the sampling function of the prior, if Keras does not know it by name.

    Raises:
        InputError: no run there, one that is not finished, other data than it was trained on, or a custom class that is
            not imported.
    """
    out_dir = Path(out_dir).absolute()
    record, recipe = _finished(out_dir)
    if dataset is not None or recipe.dataset != "custom":
        dataset = data.load(recipe.dataset if dataset is None else dataset, recipe.image_size, recipe.columns)
        different = data_difference(record, dataset)
        if different:
            raise InputError(f"'{out_dir}' holds another run: {different[0]}; give those images and labels")
    model = _load_file(out_dir / "model.keras")
    if prior is not None and isinstance(model.prior, SamplerPrior):
        model.prior.sampler = prior
    return Run(recipe, model, out_dir, read_history(out_dir), dataset)


def load_model(out_dir: str | Path) -> "LatentModel":
    """Return the trained model of the finished run in a directory, without its data."""
    _finished(Path(out_dir))
    return _load_file(Path(out_dir) / "model.keras")


def _finished(out_dir):
    """Return the record and the `Recipe` of the finished run in a directory."""
    record = read_record(out_dir)
    if record is None:
        raise InputError(f"'{out_dir}' holds no run (no recipe.json); accepted: a directory written by train()")
    recipe = Recipe.from_dict(record["recipe"])
    if not (out_dir / "model.keras").exists():
        done = checkpoints.latest_epoch(out_dir / "checkpoints")
        raise InputError(
            f"the run in '{out_dir}' is not finished ({done} of {recipe.epochs} epochs); train into it again to resume"
        )
    return record, recipe


def _load_file(path):
    """Return the model in a file."""
    list(MODELS.values())  # imports the classes, which Keras then knows
    try:
        return keras.models.load_model(path)
    except ValueError as error:
        if "safe_mode" not in str(error):
            raise
        raise InputError(
            f"'{path}' holds Python code (a Lambda layer), which is not run from a file; make it a layer of a class "
            "that is registered: keras.saving.register_keras_serializable()"
        ) from None
    except TypeError as error:
        missing = re.findall(r"Could not locate \w+ '([^']+)'", str(error))
        if not missing:
            raise
        raise InputError(
            f"'{path}' needs {missing[-1]}, which is not known here; import the file that registers it, or name it: "
            "aae-tf --plugin FILE"
        ) from None


def read_history(out_dir: str | Path) -> list[dict]:
    """Return history.csv of a run directory as a list of dicts, one an epoch."""
    with open(Path(out_dir) / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {name: int(value) if name == "epoch" else float(value) for name, value in row.items() if value} for row in rows
    ]
