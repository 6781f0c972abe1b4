"""Files that are written atomically, and folders that one process at a time works in."""

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import filelock

from aae_tf.errors import InputError

LOCK = (".lock", ".lock-owner")  # locked by the operating system; the number of the process that holds it


def atomic_write(path: str | Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file by `write(open binary file)` under another name, then rename it to `path`."""
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


def write_json(path: str | Path, values: Any) -> None:
    """Write values as indented JSON, atomically."""
    text = json.dumps(values, indent=2, allow_nan=False) + "\n"
    atomic_write(path, lambda file: file.write(text.encode()))


@contextlib.contextmanager
def locked(folder: str | Path, doing: str) -> Iterator[None]:
    """A context in which this process alone works in a folder; the lock of a process that dies is free."""
    lock, owner = (Path(folder) / name for name in LOCK)
    held = filelock.FileLock(lock, timeout=0)
    try:
        held.acquire()
    except filelock.Timeout:
        process = "another process"
        with contextlib.suppress(OSError):
            process = f"process {owner.read_text()}"
        raise InputError(f"{process} {doing} '{folder}'; wait for it, end it, or use another folder") from None
    except (NotImplementedError, OSError) as error:
        if getattr(error, "errno", errno.ENOSYS) not in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):  # it has locks
            raise InputError(f"cannot write to '{folder}': {error.strerror or error}") from None
    try:
        atomic_write(owner, lambda file: file.write(str(os.getpid()).encode()))
        yield
    finally:
        owner.unlink(missing_ok=True)
        held.release()
