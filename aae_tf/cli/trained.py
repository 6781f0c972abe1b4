"""A run directory or an exported SavedModel, as functions by name."""

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aae_tf.data import Columns
from aae_tf.data.element import element_of
from aae_tf.errors import InputError

if TYPE_CHECKING:
    from aae_tf.backend import tf
    from aae_tf.cli.inputs import Rows

DETECTOR = "detector.json"


class Trained:
    """The signatures of a run, an exported model (its newest version) or one version of it; `names` lists them."""

    def __init__(self, path: str | Path):
        self.path, version = Path(path), newest_version(Path(path))
        if version is None:
            self._open_run()
        else:
            self._open_export(version)

    def _open_run(self) -> None:
        from aae_tf.backend import tf
        from aae_tf.runs.directory import class_names
        from aae_tf.runs.load import load_model

        model = load_model(self.path)
        declared, self.element = model.signatures(), model.element
        if (self.path / DETECTOR).exists():
            from aae_tf.anomaly.detector import Detector

            declared["detect"] = Detector.load(model, self.path / DETECTOR).signature()
        self.names, self.class_names = tuple(declared), class_names(self.path, model)
        self._functions = {
            name: tf.function(graph, input_signature=specs, autograph=False)
            for name, (graph, specs) in declared.items()
        }

    def _open_export(self, version: Path) -> None:
        from aae_tf.backend import tf

        self._loaded = tf.saved_model.load(str(version))  # kept: its functions hold its variables weakly
        self._functions = self._loaded.signatures
        self.names, names = tuple(self._functions), version / "class_names.json"
        self.class_names = json.loads(names.read_text()) if names.exists() else []
        columns = version / "columns.json"
        specs = self.inputs("encode").values() if "encode" in self.names else ()
        shape = next((tuple(spec.shape[1:]) for spec in specs), ())
        known = Columns.from_config(json.loads(columns.read_text())) if columns.exists() else None
        self.element = element_of(shape, known)

    @cached_property
    def classes(self) -> int | None:
        """Number of labels; None where it is unknown."""
        if not self.class_names and "classify" in self.names:
            return self.function("classify").structured_outputs["probabilities"].shape[-1]
        return len(self.class_names) or None

    def function(self, name: str) -> "tf.types.experimental.ConcreteFunction":
        """Return the function of a signature, called with tensors by name."""
        if name not in self.names:
            raise InputError(f"'{self.path}' cannot {name}: it has {', '.join(sorted(self.names))}")
        function = self._functions[name]
        return getattr(function, "get_concrete_function", lambda: function)()

    def inputs(self, name: str) -> "dict[str, tf.TensorSpec]":
        """Return the inputs of a signature by name."""
        given, named = self.function(name).structured_input_signature
        return {spec.name: spec for spec in given if spec is not None} | named


def newest_version(path: Path) -> Path | None:
    """Return the newest version's folder of an exported model, or None for a run directory."""
    if (path / "recipe.json").exists():
        return None
    if (path / "saved_model.pb").exists():
        return path
    versions = [file.parent for file in path.glob("[0-9]*/saved_model.pb") if file.parent.name.isdigit()]
    if not versions:
        raise InputError(
            f"'{path}' holds no trained model; accepted: a run directory (aae-tf train) or an exported model's folder "
            "(aae-tf export)"
        )
    return max(versions, key=lambda version: int(version.name))


def set_detector(
    trained: Trained, normal: "Callable[[Trained, dict], Rows] | None", false_alarm: float | None, score: str | None
) -> None:
    """Set the detector of a run from options, see `aae_tf.Run.detector`, if it has none or an option is given."""
    if (trained.path / DETECTOR).exists() and (normal, false_alarm, score) == (None, None, None):
        return
    from aae_tf.runs.load import load_run

    run, labels = load_run(trained.path), None
    if normal is not None:
        rows = normal(trained, trained.inputs("reconstruct"))
        found = rows.read(np.arange(len(rows)))
        labels = found.pop("labels", None)
        (normal,) = found.values()
    run.detector(normal, false_alarm=false_alarm, score=score, labels=labels)
