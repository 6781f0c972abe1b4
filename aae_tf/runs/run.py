"""A `Run` stands for a run directory: what was trained, by which numbers, and what came out."""

import csv
import json
import os
import re
from pathlib import Path

from aae_tf import data, reporting
from aae_tf.anomaly.detector import Detector, unseen
from aae_tf.backend import keras
from aae_tf.errors import InputError, check_choice
from aae_tf.export.saved_model import export
from aae_tf.models import MODELS, LatentModel
from aae_tf.networks.augmentation import Views
from aae_tf.priors import SamplerPrior
from aae_tf.recipes import Recipe
from aae_tf.reporting import HeldOut
from aae_tf.runs.directory import data_difference, read_record
from aae_tf.training import checkpoints
from aae_tf.utils.files import atomic_write, write_json


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

    def __init__(self, recipe, model: LatentModel, out_dir, history, dataset=None):
        self.recipe, self.model, self.out_dir, self.history = recipe, model, Path(out_dir), history
        self.data, self._detector = dataset, None

    def __repr__(self):
        return f"Run({self.recipe.name!r}, {len(self.history)} epochs, out_dir={str(self.out_dir)!r})"

    def evaluate(self, split="test", likelihood_samples=10_000, progress=None):
        """Measure the model on held-out images and write evaluation.json, see `write_report`.

        Args:
            split: 'test' to report, 'validation' to choose.
            likelihood_samples: N of the Parzen-window likelihood (table 1 has 10,000 and 10,000,000), 0 for none.
            progress: function (what for, samples seen), called on the way of the likelihood.

        Returns:
            dict with 'split', 'seed', 'source' and 'metrics': name to {'value', 'baseline', 'unit', 'n', ...}.

        Raises:
            InputError: an unknown split, or no data (see `load_run`).
        """
        report = self.report(split, likelihood_samples, progress)
        self.write_report(report)
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
        held_out = self.held_out(split, likelihood_samples=likelihood_samples, progress=progress)
        return {
            "recipe": self.recipe.name,
            "source": held_out.data.source,
            "split": split,
            "seed": self.recipe.seed,
            "epochs": len(self.history),
            **self.outcome,
            "metrics": reporting.compute_metrics(self.model, held_out),
        }

    def write_report(self, report):
        """Write evaluation.json, whole or not at all; one of the other split is kept as evaluation_SPLIT.json.

        Args:
            report: what `report` returned.
        """
        before = self.last_report()
        if before is not None and before["split"] != report["split"]:
            write_json(self.out_dir / f"evaluation_{before['split']}.json", before)
        write_json(self.out_dir / "evaluation.json", report)

    @property
    def outcome(self):
        """How training ended, a dict: 'epochs', 'stopped_early' and, where the best weights were kept, 'kept'."""
        return (read_record(self.out_dir) or {}).get("outcome", {})

    @property
    def views(self):
        """The random views of images it was trained with, `aae_tf.Views`; None without."""
        return Views(**self.recipe.views) if self.recipe.views else None

    def last_report(self, split=None):
        """Return what was written last, a dict as `evaluate` returns it; None if nothing was.

        Args:
            split: 'test' or 'validation': the last report on these images.
        """
        for name in ("evaluation.json", f"evaluation_{split}.json"):
            path = self.out_dir / name
            if path.exists():
                report = json.loads(path.read_text())
                if split in (None, report["split"]):
                    return report
        return None

    def figures(self, split="test"):
        """Draw the model's figures and write them to `figures/*.png`.

        Args:
            split: held-out images they show, 'test' or 'validation'.

        Returns:
            dict of figure name to `matplotlib.figure.Figure`.

        Raises:
            InputError: an unknown split, or no data (see `load_run`).
        """
        drawn = reporting.draw(self.model, self.held_out(split, history=self.history, views=self.views))
        folder = self.out_dir / "figures"
        folder.mkdir(exist_ok=True)
        for name, figure in drawn.items():
            atomic_write(
                folder / f"{name}.png",
                lambda file, figure=figure: figure.savefig(file, format="png", dpi=150),
            )
        return drawn

    def held_out(self, split, **more):
        """Return the held-out images of a split, as metrics and figures are given them.

        Args:
            split: 'test' or 'validation'.
            **more: further fields of `aae_tf.reporting.HeldOut`.

        Raises:
            InputError: an unknown split, or no data (see `load_run`).
        """
        check_choice("split", split, ("test", "validation"))
        if self.data is None:
            raise InputError(
                f"'{self.out_dir}' was trained on own data, which it does not keep; "
                "give it again: load_run(out_dir, dataset=...)"
            )
        return HeldOut(self.data, split, self.recipe.seed, **more)

    def detector(self, normal=None, *, false_alarm=None, score=None, labels=None):
        """Return what tells abnormal images from normal ones; kept with the run as detector.json.

        Its threshold is set on normal images that the model was not trained on: one in `false_alarm` of such images
        scores above it (see `aae_tf.evaluation.conformal_threshold`). What is exported from then on decides by it too.

        Args:
            normal: uint8 or float [N, H, W(, C)]; those that the run was trained on are left out. None: the validation
                images of the run's data, all of them.
            false_alarm: the share of normal images that may be called abnormal, in (0, 1); by default 0.01.
            score: 'reconstruction' (the default), 'prior', 'both', or another score of the model.
            labels: int [N], for models that read labels, of `normal`.

        Returns:
            `aae_tf.Detector`. Without arguments the one that was kept, where there is one.

        Raises:
            InputError: a model without an encoder, an unknown score, too few normal images for such a share, or no
                data (see `load_run`).
        """
        path = self.out_dir / "detector.json"
        if path.exists() and normal is None and false_alarm is None and score is None:
            self._detector = self._detector or Detector.load(self.model, path)
            return self._detector
        if normal is None:
            split = self.held_out("validation").images
            normal, labels = split.images, split.labels
        elif self.data is not None:
            normal = self.model.element.check(normal)
            if self.data.element.identifiable:
                normal, labels = unseen(normal, self.data.training_blocks(), labels)
        options = {"false_alarm": false_alarm, "score": score}
        given = {name: value for name, value in options.items() if value is not None}
        self._detector = Detector.on(self.model, normal, labels, **given)
        self._detector.save(path)
        return self._detector

    def export(self, dest=None, precision="float32", png=False, report=None):
        """Write a SavedModel to `dest/<version>/`, with a model card; see `aae_tf.serving.export`.

        Where the run has a detector, its verdicts are served as `detect`.

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
        images = None if self.data is None or len(self.data.validation) < 2 else self.data.validation.images[:2]
        dest = self.out_dir / "saved_model" if dest is None else dest
        report = self.last_report() if report is None else report
        about = {
            "recipe": self.recipe.name,
            "data": read_record(self.out_dir)["data"]["source"],
            "epochs": len(self.history),
            "metrics": report["metrics"] if report else {},
            "class_names": class_names(self.out_dir, self.model),
        }
        detector = self.detector() if (self.out_dir / "detector.json").exists() else None
        return export(self.model, dest, precision, png, images, about, detector)

    def interpolate(self, start, end, n=10, labels=None):
        """Return images on the way from one image to another, see `aae_tf.models.LatentModel.interpolate`.

        Args:
            start: uint8 or float [H, W(, C)], the first image.
            end: uint8 or float [H, W(, C)], the last.
            n: how many.
            labels: int [2], theirs, for models that read labels.

        Returns:
            float32 array [n, H, W, C] in [0, 1].
        """
        return self.model.interpolate(start, end, n, labels)

    def save_model(self):
        """Write model.keras, whole or not at all."""
        final = self.out_dir / "model.keras"
        partial = final.with_name(f".model.partial-{os.getpid()}.keras")
        try:
            self.model.save(partial)
            os.replace(partial, final)
        finally:
            partial.unlink(missing_ok=True)


def load_run(out_dir, dataset=None, prior=None):
    """Return the finished run in a directory.

    Args:
        out_dir: the run directory.
        dataset: the data, where it was a user's custom arrays or tf.data (others are found again by name or path).
        prior: the prior's sampling function, where it was one that Keras does not know by name.

    Raises:
        InputError: no run there, one that is not finished, other data than it was trained on, or a class of the
            user's own that is not imported.
    """
    out_dir = Path(out_dir)
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


def load_model(out_dir):
    """Return the trained model of the finished run in a directory, whose data is not looked for.

    Args:
        out_dir: the run directory.

    Raises:
        InputError: no finished run there, or a class of the user's own that is not imported.
    """
    _finished(Path(out_dir))
    return _load_file(Path(out_dir) / "model.keras")


def class_names(out_dir, model):
    """Return what the entries of a model's y are called, a list: the data's classes, where labels said so in training.

    Args:
        out_dir: the run directory.
        model: its model.
    """
    labelled = {"labels", "labelled"} & set(model.required_inputs)
    return read_record(out_dir)["data"].get("class_names", []) if labelled else []


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
    """Return the model in a file; Keras knows a class once the file that registers it is imported."""
    list(MODELS.values())
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


def read_history(out_dir):
    """Return history.csv of a run directory as a list of dicts, one an epoch."""
    with open(Path(out_dir) / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {name: int(value) if name == "epoch" else float(value) for name, value in row.items() if value} for row in rows
    ]
