"""Files that hold tables: CSV, Parquet, .npy, and folders of them."""

from pathlib import Path

import numpy as np

from aae_tf.data.columns import listed, raw_columns
from aae_tf.errors import InputError

TABLE_FILES = (".csv", ".tsv", ".parquet")
COLUMNS_AT_ONCE = 16  # of Parquet files, in memory


def is_table_path(path):
    """Return whether a path is of a table: a CSV or Parquet file, or a folder of those or of .npy files.

    Args:
        path: str or Path.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return any(child.suffix in (*TABLE_FILES, ".npy") for child in path.iterdir())
    return path.suffix in TABLE_FILES


def read_path(path):
    """Return what a path holds: rows [N, D] of .npy files, a pandas DataFrame of CSV files, or `ParquetFiles`.

    Args:
        path: Path of a file, or of a folder of files of one kind.

    Raises:
        InputError: nothing is there, or a file that cannot be read.
    """
    if not path.exists():
        raise InputError(f"there is no file '{path}'")
    files = [path]
    if path.is_dir():
        kinds = {child.suffix for child in path.iterdir()} & {*TABLE_FILES, ".npy"}
        if len(kinds) > 1:
            raise InputError(f"'{path}' holds files of several kinds ({', '.join(sorted(kinds))}); put one in a folder")
        files = sorted(path.glob(f"*{kinds.pop()}"))
    return {".npy": _read_npy, ".parquet": ParquetFiles}.get(files[0].suffix, read_frames)(files)


class ParquetFiles:
    """Parquet files of the same columns, taken as one table, of which a few columns at a time are in memory.

    Attributes:
        names: of the columns, list of str.

    Raises:
        InputError: no pandas, a file that cannot be read, or files of other columns.
    """

    def __init__(self, files):
        need_pandas()
        self._files = files
        self.names = _same_columns(files, [self._names(file) for file in files])

    def columns(self, wanted):
        """Yield the columns of some names, `RawColumn` each, the files below one another.

        Args:
            wanted: list of str.
        """
        for first in range(0, len(wanted), COLUMNS_AT_ONCE):
            yield from raw_columns(_below([_read(file, wanted[first:][:COLUMNS_AT_ONCE]) for file in self._files]))

    @staticmethod
    def _names(file):
        from pyarrow import ArrowException, parquet

        try:
            schema = parquet.read_schema(file)
        except (OSError, ArrowException) as error:
            raise _unreadable(file, error) from None
        index = (schema.pandas_metadata or {}).get("index_columns", [])
        return [name for name in schema.names if name not in index]


def _read_npy(files):
    blocks = []
    for file in files:
        try:
            blocks.append(np.atleast_2d(np.load(file, allow_pickle=False)))
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"'{file}' cannot be read: {error}") from None
    widths = sorted({block.shape[1:] for block in blocks})
    if len(widths) > 1 or len(widths[0]) != 1:
        raise InputError(f"the .npy files hold rows of shapes {listed(widths)}; accepted: [D] or [n, D], of one D")
    return np.concatenate(blocks)


def read_frames(files):
    """Return CSV or Parquet files of the same columns as one pandas DataFrame, below one another.

    Args:
        files: list of Path.

    Raises:
        InputError: no pandas, a file that cannot be read, or files of other columns.
    """
    frames = [_read(Path(file)) for file in files]
    _same_columns(files, [list(frame.columns) for frame in frames])
    return _below(frames)


def _read(file, columns=None):
    pandas = need_pandas()
    try:
        if file.suffix == ".parquet":
            return pandas.read_parquet(file, columns=columns, dtype_backend="numpy_nullable")
        return pandas.read_csv(file, sep="\t" if file.suffix == ".tsv" else ",", dtype_backend="numpy_nullable")
    except (OSError, ValueError, ImportError) as error:
        raise _unreadable(file, error) from None


def need_pandas():
    """Return the module pandas.

    Raises:
        InputError: it is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise InputError("reading tables needs pandas; install it with: pip install 'aae-tf[tables]'") from None
    return pandas


def _below(frames):
    return frames[0] if len(frames) == 1 else need_pandas().concat(frames, ignore_index=True)


def _unreadable(file, error):
    return InputError(f"'{file}' cannot be read as a table: {str(error).splitlines()[0]}")


def _same_columns(files, names):
    """Return the names that all files have."""
    for file, found in zip(files, names, strict=True):
        if found != names[0]:
            raise InputError(f"'{file.name}' has other columns than '{files[0].name}', or another order; make them one")
    return names[0]
