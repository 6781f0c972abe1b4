"""What files from anywhere are held to: to be files, to fit in memory, and to fail in a line that names them."""

import contextlib
import zipfile
from pathlib import Path

import numpy as np

from aae_tf.errors import InputError

MOST_BYTES = 2 * 1024**3  # of what is read from files; a few kB can unpack to any size


def refuse_beyond_memory(size, what, advice="pass fewer"):
    """Refuse what would take more than `MOST_BYTES` in memory.

    Args:
        size: bytes, int.
        what: what they are of, for the message.
        advice: what to do.

    Raises:
        InputError: it would.
    """
    if size > MOST_BYTES:
        raise InputError(f"{what} would take {size / 2**30:,.1f} GiB; accepted: {MOST_BYTES / 2**30:.0f} GiB; {advice}")


def refuse_no_path(name):
    """Refuse what no file system takes for a path: too long, or of an unknown user ('~nobody/').

    Args:
        name: str or Path.

    Raises:
        InputError: it is such a name.
    """
    try:
        Path(name).expanduser().exists()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"'{str(name)[:100]}' cannot be the name of a dataset or a path: {reason}") from None


@contextlib.contextmanager
def reading(path, what):
    """Make whatever is raised in reading a file an `InputError` that names it.

    Args:
        path: of the file.
        what: what it should be ('a table').

    Raises:
        InputError: there is no file (to open a pipe would wait for ever), or reading it fails.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no file '{path}'; accepted: {what}")
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # damaged files make their readers raise nearly anything, MemoryError among it
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"'{path}' cannot be read as {what}: {reason}") from None


def open_npy(path):
    """Return an .npy file as a memory map, of which nothing is read yet.

    Args:
        path: of the file.

    Raises:
        InputError: it cannot be read.
    """
    with reading(path, "an .npy file"):
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise ValueError("it is an .npz file")
        return found


def read_npy(path, advice="pass fewer"):
    """Return the array in an .npy file.

    Args:
        path: of the file.
        advice: what to do where it is too large.

    Raises:
        InputError: it cannot be read, holds Python objects, or more than memory should.
    """
    with reading(path, "an .npy file"):
        found = open_npy(path)
        refuse_beyond_memory(found.nbytes, f"'{path}'", advice)
        return np.array(found)


def read_npz(path, wanted=None):
    """Return the names in an .npz file, and its arrays.

    Args:
        path: of the file.
        wanted: names in small letters; None for all.

    Returns:
        (list of str, dict of name in small letters to array).

    Raises:
        InputError: it cannot be read, holds Python objects, or more than memory should.
    """
    with reading(path, "an .npz file"), zipfile.ZipFile(path) as archive:
        low = {member: member.filename.removesuffix(".npy").lower() for member in archive.infolist()}
        size = sum(member.file_size for member, name in low.items() if wanted is None or name in wanted)
        refuse_beyond_memory(size, f"'{path}'", "pass arrays, or a tf.data.Dataset, which is streamed")
        with np.load(path, allow_pickle=False) as file:
            named = {name: name.lower() for name in file.files}
            return list(named), {low: file[name] for name, low in named.items() if wanted is None or low in wanted}
