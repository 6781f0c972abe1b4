"""`Run`: a trained model with its recipe, data and directory."""

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from aae_tf import data, reporting
from aae_tf.anomaly.detector import Detector, unseen
from aae_tf.errors import InputError, check_choice
from aae_tf.export.saved_model import export
from aae_tf.networks.augmentation import Views
from aae_tf.recipes import Recipe
from aae_tf.reporting import HeldOut
from aae_tf.runs.directory import class_names, read_record
from aae_tf.utils.files import atomic_write, write_json

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from aae_tf.models import LatentModel


class Run:
    """A trained model with its recipe, data, history and directory.

    Attributes:
        recipe: `Recipe` of the training, with a value for every option.
        model: trained Keras model (with averaged weights, if the recipe keeps an average).
        out_dir: absolute Path of the run directory.
        history: list of dicts, one an epoch: mean loss of each phase, validation metrics, seconds.
        data: the `Dataset`; None for a loaded run of own data that was not given again.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: "LatentModel",
        out_dir: str | Path,
        history: list[dict],
        dataset: data.Dataset | None = None,
    ):
        self.recipe, self.model, self.out_dir, self.history = recipe, model, Path(out_dir).absolute(), history
        self.data, self._detector = dataset, None

    def __repr__(self) -> str:
        return f"Run({self.recipe.name!r}, {len(self.history)} epochs, out_dir={str(self.out_dir)!r})"

    def evaluate(
        self, split: str = "test", likelihood_samples: int = 10_000, progress: Callable[[str, int], Any] | None = None
    ) -> dict:
        """Compute metrics on held-out elements and write evaluation.json, see `write_report`.

        Args:
            split: 'test' for a final report, 'validation' for choices.
            likelihood_samples: N of the Parzen-window likelihood (table 1 has 10,000 and 10,000,000), 0 for none.
            progress: function (what for, samples seen), called during the likelihood.

        Returns:
            dict with 'split', 'seed', 'source' and 'metrics': name to {'value', 'baseline', 'unit', 'n', ...}.

        Raises:
            InputError: an unknown split, or no data (see `load_run`).
        """
        report = self.report(split, likelihood_samples, progress)
        self.write_report(report)
        return report

    def report(
        self, split: str = "test", likelihood_samples: int = 10_000, progress: Callable[[str, int], Any] | None = None
    ) -> dict:
        """Compute metrics as `evaluate` does, and write nothing."""
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

    def write_report(self, report: dict) -> None:
        """Write what `report` returned to evaluation.json; one of the other split is kept as evaluation_SPLIT.json."""
        before = self.last_report()
        if before is not None and before["split"] != report["split"]:
            write_json(self.out_dir / f"evaluation_{before['split']}.json", before)
        write_json(self.out_dir / "evaluation.json", report)

    @property
    def outcome(self) -> dict:
        """How training ended: 'epochs', 'stopped_early' and, if the best weights were kept, 'kept'."""
        return (read_record(self.out_dir) or {}).get("outcome", {})

    @property
    def views(self) -> Views | None:
        """The random views of images that it was trained with, `aae_tf.Views`; None without."""
        return Views(**self.recipe.views) if self.recipe.views else None

    def last_report(self, split: str | None = None) -> dict | None:
        """Return the last written report, of 'test' or 'validation' if given; None if there is none."""
        for name in ("evaluation.json", f"evaluation_{split}.json"):
            path = self.out_dir / name
            if path.exists():
                report = json.loads(path.read_text())
                if split in (None, report["split"]):
                    return report
        return None

    def figures(self, split: str = "test") -> dict[str, "Figure"]:
        """Return the model's figures by name, of held-out elements of 'test' or 'validation', written to figures/*.png.

        Raises:
            InputError: an unknown split, or no data (see `load_run`).
        """
        drawn = reporting.draw(self.model, self.held_out(split, history=self.history, views=self.views))
        folder = self.out_dir / "figures"
        folder.mkdir(exist_ok=True)
        for name, figure in drawn.items():
            save = functools.partial(figure.savefig, format="png", dpi=150)
            atomic_write(folder / f"{name}.png", save)
        return drawn

    def held_out(self, split: str, **more: Any) -> HeldOut:
        """Return the held-out elements of 'test' or 'validation', with further fields of `aae_tf.reporting.HeldOut`.

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

    def detector(
        self,
        normal: ArrayLike | None = None,
        *,
        false_alarm: float | None = None,
        score: str | None = None,
        labels: ArrayLike | None = None,
    ) -> Detector:
        """Return a detector of abnormal elements, saved with the run as detector.json; later exports include it.

        Its threshold is set on normal elements that the model was not trained on: a share of `false_alarm` of such
        elements scores above it (see `aae_tf.evaluation.conformal_threshold`).

        Args:
            normal: uint8 or float [N, H, W(, C)], or rows [N, D]; training elements of the run are left out. By default
                all validation elements of the run's data.
            false_alarm: accepted false-positive rate, in (0, 1); by default 0.01.
            score: 'reconstruction' (the default), 'prior', 'both', or another score of the model.
            labels: int [N], labels of `normal`, for models that take labels.

        Returns:
            `aae_tf.Detector`; without arguments the saved one, if there is one.

        Raises:
            InputError: a model without an encoder, an unknown score, too few normal elements for such a rate, or no
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
        options = (("false_alarm", false_alarm), ("score", score))
        given = {name: value for name, value in options if value is not None}
        self._detector = Detector.on(self.model, normal, labels, **given)
        self._detector.save(path)
        return self._detector

    def export(
        self, dest: str | Path | None = None, precision: str = "float32", png: bool = False, report: dict | None = None
    ) -> Path:
        """Write a SavedModel to `dest/<version>/`, with a model card and the run's detector, if it has one.

        Args:
            dest: folder of the served model; by default `saved_model` in the run directory.
            precision: 'float32', or 'float16' to store the weights in half the size.
            png: whether to add signatures that take PNG or JPEG files.
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

    def interpolate(
        self, start: ArrayLike, end: ArrayLike, n: int = 10, labels: ArrayLike | None = None
    ) -> "np.ndarray":
        """Return an interpolation between two images, see `aae_tf.models.LatentModel.interpolate`."""
        return self.model.interpolate(start, end, n, labels)

    def save_model(self) -> None:
        """Write model.keras, atomically."""
        final = self.out_dir / "model.keras"
        partial = final.with_name(f".model.partial-{os.getpid()}.keras")
        try:
            self.model.save(partial)
            os.replace(partial, final)
        finally:
            partial.unlink(missing_ok=True)
