"""Checkpoints: everything a run needs to go on exactly, in one file, written beside and renamed.

A checkpoint is an .npz file named after the epochs it has seen: the model's variables, the optimizers' (momentum,
step counts, loss scale), the moving average, and the history so far. Reading tries the newest first.
"""

import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np

from aae_tf.errors import InputError

KEEP = 2


def write_beside(path, write):
    """Write a file by `write(open binary file)` under another name, then rename it to `path`: whole or not at all."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with open(partial, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path, values):
    """Write values as indented JSON, whole or not at all."""
    text = json.dumps(values, indent=2, allow_nan=False) + "\n"
    write_beside(path, lambda file: file.write(text.encode()))


def save(folder, epoch, variables, history):
    """Write the checkpoint of an epoch and drop all but the last `KEEP`.

    Args:
        folder: the run's checkpoint folder.
        epoch: epochs finished.
        variables: list of variables; their order is their name.
        history: list of dicts, one an epoch.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"v{number:05d}": variable.numpy() for number, variable in enumerate(variables)}
    arrays["history"] = np.frombuffer(json.dumps(history).encode(), np.uint8)
    write_beside(folder / f"epoch-{epoch:06d}.npz", lambda file: np.savez(file, **arrays))
    for old in _found(folder)[:-KEEP]:
        old.unlink(missing_ok=True)


def restore(folder, variables):
    """Read the newest whole checkpoint into variables.

    Args:
        folder: the run's checkpoint folder.
        variables: list of variables, in the order they were saved.

    Returns:
        (epochs finished, history), or (0, []) if there is no checkpoint.

    Raises:
        InputError: the checkpoint belongs to another model.
    """
    for path in reversed(_found(folder)):
        try:
            with np.load(path) as arrays:
                values = [arrays[name] for name in sorted(arrays.files) if name.startswith("v")]
                history = json.loads(arrays["history"].tobytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            continue  # cut short by a full disk or a copy: the one before it is whole
        expected = [tuple(variable.shape) for variable in variables]
        if [value.shape for value in values] != expected:
            raise InputError(f"'{path}' is the checkpoint of another model; use another out_dir")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value.astype(variable.dtype) if value.dtype != variable.dtype else value)
        return _epoch(path), history
    return 0, []


def latest_epoch(folder):
    """Return the epochs finished by the newest checkpoint in a folder, 0 if there is none."""
    found = _found(folder)
    return _epoch(found[-1]) if found else 0


def _found(folder):
    return sorted(Path(folder).glob("epoch-*.npz"))


def _epoch(path):
    return int(re.search(r"\d+", path.stem).group())
