"""Checkpoints: everything a run needs to go on exactly, in one file, written beside and renamed.

A checkpoint is an .npz file named after the epochs it has seen, and the steps of the next: the model's variables, the
optimizers' (momentum, step counts, loss scale), the moving average, the history so far and the callbacks' state.
Reading tries the newest first.
"""

import io
import json
import re
import warnings
import zipfile
from pathlib import Path

import numpy as np

from aae_tf.errors import InputError
from aae_tf.utils.files import atomic_write

KEEP = 2
# What reading a damaged archive raises; a flipped bit may ask for a compression that there is not (NotImplementedError)
# or for a password (RuntimeError).
DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError)


def save(folder, epoch, variables, history, state=None, step=0):
    """Write a checkpoint and drop all but the last `KEEP`.

    Args:
        folder: the run's checkpoint folder.
        epoch: epochs finished.
        variables: list of variables; their order is their name.
        history: list of dicts, one an epoch.
        state: dict of whatever else changes: numbers, texts, None, arrays, lists and dicts of them.
        step: steps finished of the next epoch.
    """
    write(folder, epoch, step, taken(variables, history, state))


def taken(variables, history, state=None):
    """Return what a checkpoint holds, a dict of arrays: as things are now, whatever becomes of them.

    Args:
        variables: as for `save`.
        history: as for `save`.
        state: as for `save`.
    """
    arrays = {f"v{number:05d}": variable.numpy() for number, variable in enumerate(variables)}
    plain = _plain(state or {}, arrays)
    arrays["history"] = _text(history)
    arrays["state"] = _text(plain)
    return {"names": _text(sorted(arrays)), **arrays}  # first: a lost end does not take it along


def write(folder, epoch, step, arrays):
    """Write what a checkpoint holds, and drop all but the last `KEEP`.

    Args:
        folder: as for `save`.
        epoch: as for `save`.
        step: as for `save`.
        arrays: what `taken` returned.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"epoch-{epoch:06d}.npz" if step == 0 else f"epoch-{epoch:06d}-step-{step:09d}.npz"
    atomic_write(folder / name, lambda file: np.savez(file, **arrays))
    for old in _found(folder)[:-KEEP]:
        old.unlink(missing_ok=True)


def restore(folder, variables):
    """Read the newest whole checkpoint into variables.

    Args:
        folder: the run's checkpoint folder.
        variables: list of variables, in the order they were saved.

    Returns:
        (epochs finished, history, state), or (0, [], {}) if there is no checkpoint.

    Raises:
        InputError: the checkpoint belongs to another model, or every one is damaged.
    """
    for path in reversed(_found(folder)):
        try:
            values, history, state = _read(path)
        except DAMAGE as error:  # cut short by a full disk or a copy, or with a flipped bit: the one before is whole
            warnings.warn(f"'{path}' is damaged ({error}) and passed over for the one before it", stacklevel=2)
            continue
        expected = [tuple(variable.shape) for variable in variables]
        if [value.shape for value in values] != expected:
            raise InputError(f"'{path}' is the checkpoint of another model; use another out_dir")
        assign(variables, values)
        return _place(path)[0], history, state
    if _found(folder):
        raise InputError(f"every checkpoint in '{folder}' is damaged; put back a copy of one, or use another out_dir")
    return 0, [], {}


def packed(epoch, variables, history, state):
    """Return what a checkpoint holds as bytes, for another worker's `unpacked`.

    Args:
        epoch: epochs finished.
        variables: as for `save`.
        history: as for `save`.
        state: as for `save`.
    """
    file = io.BytesIO()
    np.savez(file, **taken(variables, history, {"epoch": epoch, "state": state}))
    return file.getvalue()


def unpacked(content, variables):
    """Set variables to what `packed` held.

    Args:
        content: bytes.
        variables: list of variables, in the same order.

    Returns:
        As `restore`.
    """
    values, history, state = _read(io.BytesIO(content))
    assign(variables, values)
    return state["epoch"], history, state["state"]


def _read(file):
    """Return the values, the history and the state in a checkpoint."""
    with np.load(file) as arrays:
        _refuse_renamed(arrays)
        values = [arrays[name] for name in sorted(arrays.files) if name.startswith("v")]
        history = json.loads(arrays["history"].tobytes())
        state = _unplain(json.loads(arrays["state"].tobytes()), arrays) if "state" in arrays else {}
    return values, history, state


def assign(variables, values):
    """Set variables to arrays of their shapes, as their dtypes.

    Args:
        variables: list of variables.
        values: list of arrays, in the same order.
    """
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value.astype(variable.dtype) if value.dtype != variable.dtype else value)


def _refuse_renamed(arrays):
    """The archive's checksums are of what it holds, not of the names."""
    known = re.compile(r"[va]\d{5}|history|state|names")
    named = json.loads(arrays["names"].tobytes()) if "names" in arrays else None  # 0.1.0 had none
    if not all(map(known.fullmatch, arrays.files)) or (named and named != sorted({*arrays.files} - {"names"})):
        raise ValueError("its parts have other names")


def latest_epoch(folder):
    """Return the epochs finished by the newest checkpoint in a folder, 0 if there is none."""
    return place(folder)[0]


def epochs_begun(folder):
    """Return the epochs finished or begun by the newest checkpoint in a folder, 0 if there is none."""
    epochs, steps = place(folder)
    return epochs + (steps > 0)


def place(folder):
    """Return the epochs finished by the newest checkpoint in a folder, and the steps of the next."""
    found = _found(folder)
    return _place(found[-1]) if found else (0, 0)


def _text(values):
    return np.frombuffer(json.dumps(values).encode(), np.uint8)


def _plain(value, arrays):
    """Return a value as JSON has it, its arrays set aside in `arrays`."""
    if isinstance(value, dict):
        return {name: _plain(part, arrays) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, arrays) for part in value]
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays):05d}"
        arrays[name] = value.copy()
        return {"array": name}
    return value.item() if isinstance(value, np.generic) else value


def _unplain(value, arrays):
    if isinstance(value, dict):
        if set(value) == {"array"}:
            return arrays[value["array"]]
        return {name: _unplain(part, arrays) for name, part in value.items()}
    return [_unplain(part, arrays) for part in value] if isinstance(value, list) else value


def _found(folder):
    return sorted(Path(folder).glob("epoch-*.npz"), key=_place)


def _place(path):
    """Return the epochs that a checkpoint has seen, and the steps of the next."""
    numbers = [int(number) for number in re.findall(r"\d+", path.stem)]
    return (*numbers, 0)[:2]
