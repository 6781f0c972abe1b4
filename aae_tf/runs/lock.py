"""One process at a time trains into a run directory."""

import contextlib
import os
from pathlib import Path

from aae_tf.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK = ".lock"


@contextlib.contextmanager
def held(out_dir):
    """A context in which this process alone trains into a run directory; the system lets go of it when a process dies.

    Args:
        out_dir: the run directory.

    Raises:
        InputError: another process holds it, or nothing can be written there.
    """
    if fcntl is None:
        yield
        return
    with _opened(out_dir) as file:
        _take(file, out_dir)
        yield


def _opened(out_dir):
    try:
        return open(Path(out_dir) / LOCK, "a+")
    except OSError as error:
        raise InputError(f"cannot write to '{out_dir}': {error.strerror or error}") from None


def _take(file, out_dir):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise InputError(
            f"process {file.read().strip() or 'unknown'} is training into '{out_dir}'; wait for it, end it, or use "
            "another out_dir"
        ) from None
    except OSError:
        pass  # a file system without locks has none to offer: as it was before there were any
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
