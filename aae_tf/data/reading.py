"""Reading files of any origin: they must be files, fit in memory, and errors must name them in one line."""

import contextlib
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from aae_tf.errors import InputError

MOST_BYTES = 2 * 1024**3  # read from files; a few kB can unpack to any size


def refuse_beyond_memory(size: float, what: str, advice: str = "pass fewer") -> None:
    """Refuse data of more than `MOST_BYTES`."""
    if size > MOST_BYTES:
        raise InputError(f"{what} would take {size / 2**30:,.1f} GiB; accepted: {MOST_BYTES / 2**30:.0f} GiB; {advice}")


def refuse_no_path(name: str | Path) -> None:
    """Refuse names that cannot be paths: too long, or of an unknown user ('~nobody/')."""
    try:
        Path(name).expanduser().exists()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"'{str(name)[:100]}' cannot be the name of a dataset or a path: {reason}") from None


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type where it has none."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


@contextlib.contextmanager
def reading(path: str | Path, what: str) -> Iterator[None]:
    """Turn any error in reading a file, which should be `what` ('a table'), into an `InputError` that names it."""
    if not Path(path).is_file():  # opening a pipe would wait forever
        raise InputError(f"there is no file '{path}'; accepted: {what}")
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # readers of damaged files raise nearly anything, MemoryError included
        raise InputError(f"'{path}' cannot be read as {what}: {first_line(error)}") from None


def open_npy(path: str | Path) -> np.ndarray:
    """Return an .npy file as a memory map."""
    with reading(path, "an .npy file"):
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise ValueError("it is an .npz file")
        return found


def read_npy(path: str | Path, advice: str = "pass fewer") -> np.ndarray:
    """Return the array in an .npy file; refuse objects, and more than fits in memory, with this advice."""
    found = open_npy(path)
    refuse_beyond_memory(found.nbytes, f"'{path}'", advice)
    with reading(path, "an .npy file"):
        return np.array(found)


def read_npz(path: str | Path, wanted: Collection[str] | None = None) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the names in an .npz file, and its arrays (of some names, or all) by name in lower case."""
    with reading(path, "an .npz file"), zipfile.ZipFile(path) as archive:
        low = {member: member.filename.removesuffix(".npy").lower() for member in archive.infolist()}
        size = sum(member.file_size for member, name in low.items() if wanted is None or name in wanted)
        refuse_beyond_memory(size, f"'{path}'", "pass arrays, or a tf.data.Dataset, which is streamed")
        with np.load(path, allow_pickle=False) as file:
            named = {name: name.lower() for name in file.files}
            return list(named), {low: file[name] for name, low in named.items() if wanted is None or low in wanted}
