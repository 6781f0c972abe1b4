"""Run directories: which run a directory holds, by everything that decides its weights, and what is written there.

A run's identity is its recipe, model and prior (as Keras serialises them), images, labels, precision and compilation.
Another one is another run: never returned for it, never resumed from.
"""

import itertools
import json
import os
from pathlib import Path

import numpy as np

from aae_tf import _version
from aae_tf.backend import keras, tf
from aae_tf.errors import InputError
from aae_tf.recipes import Recipe
from aae_tf.runs.lock import LOCK
from aae_tf.training import checkpoints
from aae_tf.utils.files import atomic_write, write_json


def identity(recipe, model, dataset, policy, compiled, started_from=None):
    """Return everything that decides a run's weights, as plain JSON values; the model is serialised here, so that one
    which cannot be saved is refused before it is trained.

    Args:
        recipe: the `Recipe`, every number of it said.
        model: the built model.
        dataset: `aae_tf.data.Dataset`.
        policy: dtype policy of the networks.
        compiled: whether XLA compiles the steps.
        started_from: digest of the weights of a warm start; None without, or where it is not known any more.

    Raises:
        InputError: a model, a network or a prior that cannot be saved.
    """
    try:
        described = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
        keras.saving.deserialize_keras_object(described)
    except InputError:
        raise
    except Exception as error:  # whatever a user's get_config or constructor raises
        why = (str(error) or repr(error)).splitlines()[0]
        raise InputError(
            f"the model or a part of it cannot be saved and loaded again ({why}); give it a get_config() of plain "
            "values, and register it: keras.saving.register_keras_serializable()"
        ) from None
    for name in model.found:
        described["config"].pop(name, None)
    return {
        "recipe": recipe.to_dict(),
        "data": dataset.fingerprint(),
        "precision": policy,
        "jit_compile": bool(compiled),
        "started_from": started_from,
        "model": _unnamed(described),
        "draws": {name: prior.sample(8, 2016).numpy().round(4).tolist() for name, prior in model.priors.items()},
    }


def _unnamed(described):
    """Return a serialised model with the names that Keras counts up ('dense_7') replaced by their order in it.

    The module of what is registered is left out: a user's file is imported by one name in a script, by another as a
    plugin.
    """
    names = {}

    def walk(value, key=None):
        if isinstance(value, dict):
            kept = value.keys() - ({"module"} if value.get("registered_name") else set())
            return {name: walk(part, name) for name, part in value.items() if name in kept}
        if isinstance(value, list):
            return [walk(part, key) for part in value]
        if isinstance(value, str) and (key == "name" or value in names):
            return names.setdefault(value, f"{value.rstrip('0123456789').rstrip('_')}:{len(names)}")
        return value

    return walk(described)


def choose_directory(out_dir, recipe, dataset, found, other_rates=False):
    """Return the run directory, made if it was not there; nothing of a run is written yet.

    Args:
        out_dir: the directory; None for the first of runs/NAME, runs/NAME-2, ... that is empty or holds this very run.
        recipe: the `Recipe`.
        dataset: `aae_tf.data.Dataset`.
        found: what `identity` returned.
        other_rates: whether this very run may have had other learning rates so far.

    Raises:
        InputError: it holds another run, something else, or cannot be written to.
    """
    chosen = Path(out_dir) if out_dir is not None else _free_directory(recipe, dataset, found, other_rates)
    _checked_record(chosen, recipe, dataset, found, other_rates)
    try:
        (chosen / "checkpoints").mkdir(parents=True, exist_ok=True)
        if not os.access(chosen, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise InputError(f"cannot write to '{chosen}': {error.strerror or error}") from None
    return chosen


def _checked_record(chosen, recipe, dataset, found, other_rates):
    """Return the record of a directory that may be trained into, None of an empty one."""
    record = read_record(chosen)
    if record is not None:
        different = differences(chosen, record, found, dataset, other_rates)
        if different:
            raise InputError(f"'{chosen}' holds another run ({'; '.join(different[:3])}); use another out_dir")
    elif chosen.is_dir() and not all(_comes_before_the_record(path.name) for path in chosen.iterdir()):
        raise InputError(f"'{chosen}' is not empty and holds no run; use another out_dir")
    done = checkpoints.epochs_begun(chosen / "checkpoints")
    if record is None and done:
        raise InputError(f"'{chosen}' has checkpoints and no recipe.json, so whose is not known; use another out_dir")
    if done > recipe.epochs:
        raise InputError(f"'{chosen}' already has {done} epochs, more than {recipe.epochs}; use another out_dir")
    return record


def _comes_before_the_record(name):
    """Whether a file may be there of a run that was killed before its recipe.json was."""
    return name in ("checkpoints", LOCK, "model.json") or ".partial-" in name


def write_record(out_dir, recipe, dataset, found, other_rates=False):
    """Write recipe.json and model.json into a run directory that is held, unless they are there.

    Args:
        out_dir: what `choose_directory` returned.
        recipe: the `Recipe`.
        dataset: `aae_tf.data.Dataset`.
        found: what `identity` returned.
        other_rates: as for `choose_directory`; rates that were others are noted in the record.

    Returns:
        bool: whether rates were others so far.

    Raises:
        InputError: another run has come into it since.
    """
    record = _checked_record(out_dir, recipe, dataset, found, other_rates)
    if record is None or record["recipe"] != json.loads(json.dumps(found["recipe"])):
        return _write_record(out_dir, recipe, dataset, found, record)
    return False


def _free_directory(recipe, dataset, found, other_rates):
    for number in itertools.count(1):
        path = Path("runs") / (recipe.name if number == 1 else f"{recipe.name}-{number}")
        try:
            record = read_record(path)
        except InputError:
            continue  # what cannot be read is somebody else's
        if record is None:
            if not path.exists() or not any(path.iterdir()):
                return path
        elif (
            not differences(path, record, found, dataset, other_rates)
            and checkpoints.epochs_begun(path / "checkpoints") <= recipe.epochs
        ):
            return path


def _write_record(out_dir, recipe, dataset, found, before):
    """Write recipe.json, everything needed to repeat the run, and model.json, the model as Keras serialises it."""
    record = {
        "recipe": found["recipe"],
        "data": {
            "source": dataset.source,
            "fingerprint": found["data"],
            "image_shape": list(dataset.image_shape),
            "class_names": list(dataset.class_names),
            "sizes": [len(dataset.train), len(dataset.validation), len(dataset.test)],
        },
        "precision": found["precision"],
        "jit_compile": found["jit_compile"],
        **({"started_from": found["started_from"]} if found["started_from"] else {}),
        "versions": {
            "aae_tf": _version.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    }
    noted = len((before or {}).get("rates", ()))
    before = before and _with_rates(before, found["recipe"], checkpoints.position(out_dir / "checkpoints"))
    for kept in ("outcome", "started_from", "rates"):
        if before is not None and kept in before:
            record[kept] = before[kept]
    write_json(out_dir / "model.json", {name: found[name] for name in ("model", "draws")})
    write_json(out_dir / "recipe.json", record)
    return len(record.get("rates", ())) > noted


def _with_rates(record, recipe, done):
    """Return a record in which learning rates that are others from now on are noted: what they were, and how long."""
    pairs = {
        kind: (settings["learning_rate"], now)
        for kind, settings in record["recipe"].get("optimizers", {}).items()
        if (now := recipe["optimizers"].get(kind, settings)["learning_rate"]) != settings["learning_rate"]
    }
    if not pairs:
        return record
    note = {"epochs": done[0], "steps": done[1], "learning_rates": {kind: was for kind, (was, _) in pairs.items()}}
    return {**record, "rates": [*record.get("rates", []), note]}


def write_outcome(out_dir, outcome):
    """Write how a training ended into recipe.json.

    Args:
        out_dir: the run directory.
        outcome: dict with 'epochs', 'stopped_early' and, where the best weights were kept, 'kept'.
    """
    write_json(Path(out_dir) / "recipe.json", {**read_record(out_dir), "outcome": outcome})


def read_record(out_dir):
    """Return recipe.json of a run directory as a dict, or None if there is none.

    Raises:
        InputError: the file is not what was written.
    """
    path = Path(out_dir) / "recipe.json"
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text())
        Recipe.from_dict(record["recipe"])
        record["data"]["fingerprint"]
        return record
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' cannot be read ({error}); use another out_dir") from None


def differences(out_dir, record, found, dataset, other_rates=False):
    """Return in what a run differs from the one in a directory, a list of texts.

    A run may be made longer, so another number of epochs is no difference, unless a learning rate falls as a cosine
    over all epochs: a longer run would then have had other rates from the start.

    Args:
        out_dir: the directory.
        record: its recipe.json.
        found: what `identity` returned.
        dataset: `aae_tf.data.Dataset`.
        other_rates: whether other learning rates are no difference, as long as it is not finished.
    """
    try:
        theirs = Recipe.from_dict(record["recipe"]).resolved()
    except InputError as error:
        return [f"its recipe has what is not known here: {error}"]
    theirs, ours = (json.loads(json.dumps(each.flat())) for each in (theirs, Recipe.from_dict(found["recipe"])))
    cosine = any(value == "cosine" for name, value in ours.items() if name.endswith(".schedule"))
    free = {"summary", "dataset"} if cosine else {"summary", "dataset", "epochs"}  # images are told by what they are
    trained = record.get("outcome", {})
    if other_rates and not trained.get("stopped_early") and trained.get("epochs", 0) < ours["epochs"]:
        free |= {name for name in ours if name.endswith(".learning_rate")}
    usual = {"weights": 1.0, "ramps": 0.0, "views": 0.0}
    names = [*ours, *(name for name in theirs if name.partition(".")[0] in usual and name not in ours)]
    different = []
    for name in names:
        default = usual.get(name.partition(".")[0])
        one, other = theirs.get(name, default), ours.get(name, default)
        if name not in free and one != other:
            different.append(f"{name}: {one!r} there, {other!r} now")
    different += data_difference(record, dataset)
    if record["precision"] != found["precision"]:
        different.append(f"precision: {record['precision']} there, {found['precision']} now")
    compiled = record.get("jit_compile", found["jit_compile"])
    if compiled != found["jit_compile"]:
        different.append(f"jit_compile: {compiled} there, {found['jit_compile']} now")
    if found["started_from"] not in (None, record.get("started_from", found["started_from"])):
        different.append("warm_start: that directory held other weights when it was trained")
    if not different and (Path(out_dir) / "model.json").exists():
        kept = json.loads((Path(out_dir) / "model.json").read_text())
        different += [f"model: {text}" for text in itertools.islice(_gaps(kept["model"], found["model"]), 3)]
        for name, draws in found["draws"].items():
            if not np.allclose(kept["draws"].get(name, np.nan), draws, rtol=1e-2, atol=1e-2):
                different.append(f"the prior of {name} draws other samples")
    return different


def data_difference(record, dataset):
    """Return a text, in a list, if a dataset's images or labels are not those a run was trained on; else []."""
    kept = record["data"]["fingerprint"]
    if kept == dataset.fingerprint():
        return []
    return [f"it was trained on other images or labels: {record['data']['source']}"]


def _gaps(one, other, path=""):
    """Yield where two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in {**one, **other}:
            yield from _gaps(one.get(name), other.get(name), name if name != "config" else path)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for first, second in zip(one, other, strict=True):
            yield from _gaps(first, second, path)
    elif one != other:
        yield f"{path} {str(one)[:40]} there, {str(other)[:40]} now"


def write_labelled(out_dir, train):
    """Write labelled.csv: the rows of the training images whose labels the run used, and those labels."""
    rows = np.flatnonzero(train.labels >= 0) if train.labels is not None else ()
    lines = ["row,label", *(f"{row},{train.labels[row]}" for row in rows)]
    atomic_write(Path(out_dir) / "labelled.csv", lambda file: file.write(("\n".join(lines) + "\n").encode()))
