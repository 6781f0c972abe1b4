"""Checkpoints: everything that a run needs to continue exactly, in one file that is written atomically.

A checkpoint is an .npz file named after the finished epochs and the steps of the next one. It holds the variables of
the model and of the optimizers (momenta, step counts, loss scale), the moving average of the weights, the history and
the state of the callbacks. Reading tries the newest file first.
"""

import io
import json
import re
import warnings
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import numpy as np

from aae_tf.errors import InputError
from aae_tf.utils.files import atomic_write

KEEP = 2
# What reading a damaged archive raises; a flipped bit may ask for an unknown compression or for a password.
DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError)


def as_arrays(variables: Sequence, history: list[dict], state: dict | None = None) -> dict[str, np.ndarray]:
    """Return the content of a checkpoint: copies of variables, the history, and state as plain values and arrays."""
    arrays = {f"v{number:05d}": variable.numpy() for number, variable in enumerate(variables)}
    arrays["state"] = _text(_to_json(state or {}, arrays))
    arrays["history"] = _text(history)
    return {"names": _text(sorted(arrays)), **arrays}  # first in the file: it survives a lost end


def write(folder: str | Path, epoch: int, step: int, arrays: dict[str, np.ndarray]) -> None:
    """Write a checkpoint after `epoch` finished epochs and `step` steps; all but the last `KEEP` are removed."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"epoch-{epoch:06d}.npz" if step == 0 else f"epoch-{epoch:06d}-step-{step:09d}.npz"
    atomic_write(folder / name, lambda file: np.savez(file, **arrays))
    for old in _found(folder)[:-KEEP]:
        old.unlink(missing_ok=True)


class Writer:
    """Writes checkpoints in a background thread, one at a time."""

    def __init__(self):
        self._thread, self._pending = ThreadPoolExecutor(1), None

    def write(self, *arguments: object) -> None:
        """Begin to write; arguments as for the function `write`."""
        self.wait()
        self._pending = self._thread.submit(write, *arguments)

    def wait(self) -> None:
        """Wait until the last checkpoint is on disk; its error is raised here."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def raise_errors(self) -> None:
        """Raise the error of a checkpoint that is finished; do not wait."""
        if self._pending is not None and self._pending.done():
            self.wait()


def restore(folder: str | Path, variables: Sequence) -> tuple[int, list[dict], dict]:
    """Return (finished epochs, history, state) of the newest undamaged checkpoint, read into variables; or 0 epochs.

    Raises:
        InputError: the checkpoint belongs to another model, or every one is damaged.
    """
    for path in reversed(_found(folder)):
        try:
            values, history, state = _read(path)
        except DAMAGE as error:
            warnings.warn(f"'{path}' is damaged ({error}); the checkpoint before it is used", stacklevel=2)
            continue
        expected = [tuple(variable.shape) for variable in variables]
        if [value.shape for value in values] != expected:
            raise InputError(f"'{path}' is the checkpoint of another model; use another out_dir")
        _assign(variables, values)
        return _position(path)[0], history, state
    if _found(folder):
        raise InputError(f"every checkpoint in '{folder}' is damaged; restore a copy of one, or use another out_dir")
    return 0, [], {}


def to_bytes(epoch: int, variables: Sequence, history: list[dict], state: dict) -> bytes:
    """Return a checkpoint as bytes, for `from_bytes` on another worker."""
    file = io.BytesIO()
    np.savez(file, **as_arrays(variables, history, {"epoch": epoch, "state": state}))
    return file.getvalue()


def from_bytes(content: bytes, variables: Sequence) -> tuple[int, list[dict], dict]:
    """Read the bytes of `to_bytes` into variables; returns what `restore` returns."""
    values, history, state = _read(io.BytesIO(content))
    _assign(variables, values)
    return state["epoch"], history, state["state"]


def latest_epoch(folder: str | Path) -> int:
    """Return the number of epochs finished at the newest checkpoint, 0 without one."""
    return position(folder)[0]


def epochs_begun(folder: str | Path) -> int:
    """Return the number of epochs finished or begun at the newest checkpoint, 0 without one."""
    epochs, steps = position(folder)
    return epochs + (steps > 0)


def position(folder: str | Path) -> tuple[int, int]:
    """Return the finished epochs and the steps of the next epoch at the newest checkpoint."""
    found = _found(folder)
    return _position(found[-1]) if found else (0, 0)


def _read(file: "Path | IO[bytes]"):
    """Return the values, the history and the state in a checkpoint."""
    with np.load(file) as arrays:
        _check_names(arrays)
        values = [arrays[name] for name in sorted(arrays.files) if name.startswith("v")]
        history = json.loads(arrays["history"].tobytes())
        return values, history, _from_json(json.loads(arrays["state"].tobytes()), arrays)


def _check_names(arrays):
    """Refuse an archive with changed names, which the checksums of its members do not cover."""
    known = re.compile(r"[va]\d{5}|history|state|names")
    names = json.loads(arrays["names"].tobytes())
    if not all(map(known.fullmatch, arrays.files)) or names != sorted({*arrays.files} - {"names"}):
        raise ValueError("its parts have other names")


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value.astype(variable.dtype) if value.dtype != variable.dtype else value)


def _text(values):
    return np.frombuffer(json.dumps(values).encode(), np.uint8)


def _to_json(value, arrays):
    """Return a value as JSON, with its arrays moved to `arrays`."""
    if isinstance(value, dict):
        return {name: _to_json(part, arrays) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(part, arrays) for part in value]
    if isinstance(value, np.ndarray | np.generic):  # a weight of rank 0 is an np.generic
        name = f"a{len(arrays):05d}"
        arrays[name] = np.array(value)
        return {"array": name}
    return value


def _from_json(value, arrays):
    if isinstance(value, dict):
        if set(value) == {"array"}:
            return arrays[value["array"]]
        return {name: _from_json(part, arrays) for name, part in value.items()}
    return [_from_json(part, arrays) for part in value] if isinstance(value, list) else value


def _found(folder):
    return sorted(Path(folder).glob("epoch-*.npz"), key=_position)


def _position(path):
    numbers = [int(number) for number in re.findall(r"\d+", path.stem)]
    return (*numbers, 0)[:2]
