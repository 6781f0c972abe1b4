"""Run directories and the `Run` that stands for one: what was trained, by which numbers, and what came out."""

import json
import os
from pathlib import Path

import numpy as np

from aae_tf import _version, data, reporting
from aae_tf.backend import keras, tf
from aae_tf.errors import InputError, check_choice
from aae_tf.priors import SamplerPrior
from aae_tf.recipe import Recipe
from aae_tf.serving.saved_model import export
from aae_tf.training import checkpoints


class Run:
    """A trained model with its recipe, data, history and directory.

    The arguments are kept as attributes, `dataset` as `data`.

    Args:
        recipe: the `Recipe` it was trained by.
        model: the trained Keras model (with averaged weights, where the recipe keeps an average).
        out_dir: Path of the run directory.
        history: list of dicts, one an epoch: each phase's mean loss, the validation error, seconds.
        dataset: the `Dataset`, or None for a loaded run of own data that was not given again.
    """

    def __init__(self, recipe, model, out_dir, history, dataset=None):
        self.recipe, self.model, self.out_dir, self.history = recipe, model, Path(out_dir), history
        self.data = dataset

    def __repr__(self):
        return f"Run({self.recipe.name!r}, {len(self.history)} epochs, out_dir={str(self.out_dir)!r})"

    def evaluate(self, split="test", likelihood_samples=10_000, progress=None):
        """Measure the model on held-out images and write evaluation.json.

        Args:
            split: 'test' to report, 'validation' to choose (which is not written).
            likelihood_samples: N of the Parzen-window likelihood (table 1 has 10,000 and 10,000,000), 0 for none.
            progress: function (what for, samples seen), called on the way of the likelihood.

        Returns:
            dict with 'split', 'seed', 'source' and 'measures': name to {'value', 'yardstick', 'unit', 'n', ...}.

        Raises:
            InputError: an unknown split, or no data (see `load_run`).
        """
        report = self.report(split, likelihood_samples, progress)
        if split == "test":
            checkpoints.write_json(self.out_dir / "evaluation.json", report)
        return report

    def report(self, split="test", likelihood_samples=10_000, progress=None):
        """Measure as `evaluate` does, and write nothing.

        Args:
            split: 'test' or 'validation'.
            likelihood_samples: N of the Parzen-window likelihood, 0 for none.
            progress: function (what for, samples seen).

        Returns:
            dict, as `evaluate` returns it.

        Raises:
            InputError: as `evaluate`.
        """
        check_choice("split", split, ("test", "validation"))
        dataset = self._data()
        held_out = reporting.HeldOut(dataset, split, self.recipe.seed, likelihood_samples, progress)
        measures = reporting.measure(self.model, held_out)
        return {
            "recipe": self.recipe.name,
            "source": dataset.source,
            "split": split,
            "seed": self.recipe.seed,
            "epochs": len(self.history),
            "measures": measures,
        }

    def figures(self):
        """Draw the recipe's figures and write them to `figures/*.png`.

        Returns:
            dict of figure name to `matplotlib.figure.Figure`.

        Raises:
            InputError: no data (see `load_run`).
        """
        held_out = reporting.HeldOut(self._data(), seed=self.recipe.seed, history=self.history)
        drawn = reporting.draw(self.model, held_out)
        folder = self.out_dir / "figures"
        folder.mkdir(exist_ok=True)
        for name, figure in drawn.items():
            checkpoints.write_beside(
                folder / f"{name}.png",
                lambda file, figure=figure: figure.savefig(file, format="png", dpi=150),
            )
        return drawn

    def export(self, dest=None, precision="float32", png=False, report=None):
        """Write a SavedModel to `dest/<version>/`, with a model card; see `aae_tf.serving.export`.

        Args:
            dest: folder of the served model; by default `saved_model` in the run directory.
            precision: 'float32', or 'float16' to store the weights in half the size.
            png: add signatures that take PNG or JPEG files.
            report: what `evaluate` returned, for the model card; by default evaluation.json, if there is one.

        Returns:
            Path of the new version.

        Raises:
            InputError: `dest` cannot be written, an unknown precision, or images that PNG cannot hold.
        """
        images = None if self.data is None or len(self.data.test) < 2 else self.data.test.images[:2]
        dest = self.out_dir / "saved_model" if dest is None else dest
        kept = self.out_dir / "evaluation.json"
        if report is None and kept.exists():
            report = json.loads(kept.read_text())
        about = {
            "recipe": self.recipe.name,
            "data": read_record(self.out_dir)["data"]["source"],
            "epochs": len(self.history),
            "measures": report["measures"] if report else {},
        }
        return export(self.model, dest, precision, png, images, about)

    def save_model(self):
        """Write model.keras, whole or not at all."""
        final = self.out_dir / "model.keras"
        partial = final.with_name(f".model.partial-{os.getpid()}.keras")
        try:
            self.model.save(partial)
            os.replace(partial, final)
        finally:
            partial.unlink(missing_ok=True)

    def _data(self):
        if self.data is None:
            raise InputError(
                f"'{self.out_dir}' was trained on own data, which it does not keep; "
                "give it again: load_run(out_dir, dataset=...)"
            )
        return self.data


def load_run(out_dir, dataset=None, prior=None):
    """Return the finished run in a directory.

    Args:
        out_dir: the run directory.
        dataset: the data, where it was a user's own arrays or tf.data (others are found again by name or path).
        prior: the prior's sampling function, where it was one that Keras does not know by name.

    Raises:
        InputError: no run there, one that is not finished, or other data than it was trained on.
    """
    out_dir = Path(out_dir)
    record = read_record(out_dir)
    if record is None:
        raise InputError(f"'{out_dir}' holds no run (no recipe.json); accepted: a directory written by train()")
    recipe = Recipe.from_dict(record["recipe"])
    if not (out_dir / "model.keras").exists():
        done = checkpoints.latest_epoch(out_dir / "checkpoints")
        raise InputError(
            f"the run in '{out_dir}' is not finished ({done} of {recipe.epochs} epochs); train into it again to resume"
        )
    if dataset is not None or recipe.dataset != "own":
        dataset = data.load(recipe.dataset if dataset is None else dataset, recipe.image_size)
        check_same_data(out_dir, record, dataset)
    model = keras.models.load_model(out_dir / "model.keras")
    if prior is not None and isinstance(model.prior, SamplerPrior):
        model.prior.sampler = prior
    return Run(recipe, model, out_dir, read_history(out_dir), dataset)


def read_history(out_dir):
    """Return history.csv of a run directory as a list of dicts, one an epoch."""
    import csv

    with open(Path(out_dir) / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {name: int(value) if name == "epoch" else float(value) for name, value in row.items() if value} for row in rows
    ]


def read_record(out_dir):
    """Return recipe.json of a run directory as a dict, or None if there is none.

    Raises:
        InputError: the file is not what `write_record` wrote.
    """
    path = Path(out_dir) / "recipe.json"
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text())
        Recipe.from_dict(record["recipe"])
        return record
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' cannot be read ({error}); use another out_dir") from None


def write_record(out_dir, recipe, dataset, policy):
    """Write recipe.json: everything needed to repeat the run."""
    record = {
        "recipe": recipe.to_dict(),
        "data": {
            "source": dataset.source,
            "fingerprint": dataset.fingerprint(),
            "image_shape": list(dataset.image_shape),
            "class_names": list(dataset.class_names),
            "sizes": [len(dataset.train), len(dataset.validation), len(dataset.test)],
        },
        "precision": policy,
        "versions": {
            "aae_tf": _version.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    }
    checkpoints.write_json(Path(out_dir) / "recipe.json", record)


def write_labelled(out_dir, train):
    """Write labelled.csv: the rows of the training images whose labels the run used, and those labels."""
    rows = np.flatnonzero(train.labels >= 0) if train.labels is not None else ()
    lines = ["row,label", *(f"{row},{train.labels[row]}" for row in rows)]
    checkpoints.write_beside(
        Path(out_dir) / "labelled.csv", lambda file: file.write(("\n".join(lines) + "\n").encode())
    )


def differences(recipe, record):
    """Return the fields in which a recipe differs from a record's, as 'field: theirs, ours'.

    A run may be made longer, so another number of epochs is no difference, unless a learning rate falls as a cosine
    over all epochs: a longer run would then have had other rates from the start.
    """
    theirs = Recipe.from_dict(record["recipe"]).to_dict()  # fields of a later version take their defaults
    theirs, ours = (json.loads(json.dumps(each)) for each in (theirs, recipe.to_dict()))
    cosine = any(isinstance(value, dict) and value.get("schedule") == "cosine" for value in ours.values())
    free = {"summary"} if cosine else {"summary", "epochs"}
    return [
        f"{name}: {theirs.get(name)!r} there, {ours[name]!r} now"
        for name in ours
        if name not in free and theirs.get(name) != ours[name]
    ]


def check_same_data(out_dir, record, dataset):
    """Raise InputError unless `dataset` is the data a run was trained on."""
    if record["data"]["fingerprint"] != dataset.fingerprint():
        raise InputError(
            f"the run in '{out_dir}' was trained on other images ({record['data']['source']}); "
            "give those, or use another out_dir"
        )
