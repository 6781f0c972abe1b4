"""A run directory or an exported SavedModel, as functions by name."""

import json
from pathlib import Path

import numpy as np

from aae_tf.data import Columns
from aae_tf.data.element import element_of
from aae_tf.errors import InputError

DETECTOR = "detector.json"


class Trained:
    """A trained model's signatures.

    Args:
        path: of a run directory, of a served folder (its newest version) or of one version in it.

    Attributes:
        class_names: what the labels are called, from 0; empty where that is not known.
        element: `aae_tf.data.Element`, what the model is of.

    Raises:
        InputError: none of these.
    """

    def __init__(self, path):
        self.path, version = Path(path), newest_version(Path(path))
        if version is None:
            self._open_run()
        else:
            self._open_export(version)

    def _open_run(self):
        from aae_tf.backend import tf
        from aae_tf.runs.directory import class_names
        from aae_tf.runs.load import load_model

        model = load_model(self.path)
        declared, self.element = model.signatures(), model.element
        if (self.path / DETECTOR).exists():
            from aae_tf.anomaly.detector import Detector

            declared["detect"] = Detector.load(model, self.path / DETECTOR).signature()
        self.names, self.class_names = tuple(declared), class_names(self.path, model)
        self._get = lambda name: tf.function(declared[name][0], input_signature=declared[name][1], autograph=False)

    def _open_export(self, version):
        from aae_tf.backend import tf

        self._loaded = tf.saved_model.load(str(version))  # kept: its functions hold its variables weakly
        self.names, names = tuple(self._loaded.signatures), version / "class_names.json"
        self.class_names = json.loads(names.read_text()) if names.exists() else []
        columns = version / "columns.json"
        self._get = lambda name: self._loaded.signatures[name]
        specs = inputs_of(self.function("encode")).values() if "encode" in self.names else ()
        shape = next((tuple(spec.shape[1:]) for spec in specs), ())
        known = Columns.from_config(json.loads(columns.read_text())) if columns.exists() else None
        self.element = element_of(shape, known)

    @property
    def classes(self):
        """How many labels there are, from 0; None where that is not known."""
        if not self.class_names and "classify" in self.names:
            return self.function("classify").structured_outputs["probabilities"].shape[-1]
        return len(self.class_names) or None

    def function(self, name):
        """Return a signature: the `ConcreteFunction` that is called with tensors by name.

        Args:
            name: of the signature.

        Raises:
            InputError: the model has none of that name.
        """
        if name not in self.names:
            raise InputError(f"'{self.path}' cannot {name}: it has {', '.join(sorted(self.names))}")
        function = self._get(name)
        return getattr(function, "get_concrete_function", lambda: function)()


def inputs_of(function):
    """Return the inputs of a signature's `ConcreteFunction`: dict of name to `tf.TensorSpec`."""
    given, named = function.structured_input_signature
    return {spec.name: spec for spec in given if spec is not None} | named


def newest_version(path):
    """Return the folder of the newest version, where a path is that of an export: its folder's or a version's own.

    Args:
        path: Path.
    """
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


def refuse_for_export(path, *asked):
    """Refuse to set anything of an export's detector, which decides as it was exported.

    Args:
        path: of the run directory or of an export.
        *asked: what would be set, None for nothing.

    Raises:
        InputError: the path is of an export, and something would be set.
    """
    if any(each is not None for each in asked) and newest_version(Path(path)) is not None:
        raise InputError(f"'{path}' is an export, which decides as it was exported; give the run directory")


def set_detector(path, normal=None, false_alarm=None, score=None):
    """Give a run a detector, where it has none or another is asked for; an export has its own or none.

    Args:
        path: of the run directory or of an export.
        normal: function from inputs and the element to the `Rows` of normal images; None: the run's validation images.
        false_alarm: see `aae_tf.Run.detector`.
        score: see `aae_tf.Run.detector`.
    """
    asked = normal is not None or false_alarm is not None or score is not None
    if newest_version(Path(path)) is not None or ((Path(path) / DETECTOR).exists() and not asked):
        return
    from aae_tf.runs.load import load_run

    run, labels = load_run(path), None
    if normal is not None:
        trained = Trained(path)
        rows = normal(inputs_of(trained.function("reconstruct")), trained.element)
        found = rows.read(np.arange(len(rows)))
        labels = found.pop("labels", None)
        (normal,) = found.values()
    run.detector(normal, false_alarm=false_alarm, score=score, labels=labels)


def calibration_of(path):
    """Return the calibration of a run's detector, see `aae_tf.evaluation.conformal_threshold`; None of an export.

    Args:
        path: of the run directory or of an export.
    """
    file = Path(path) / DETECTOR
    return json.loads(file.read_text())["calibration"] if file.exists() else None
