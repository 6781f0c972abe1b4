"""Files that hold tables: CSV, Parquet, .npy, and folders of them."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from aae_tf.data.reading import read_npy, reading, refuse_beyond_memory
from aae_tf.data.tables.columns import listed, number_name, raw_columns
from aae_tf.errors import InputError

TABLE_FILES = (".csv", ".tsv", ".parquet")
NUMBERS_AT_ONCE = 2**21  # of Parquet files, as pandas has them; the names are read anew each time, so not too few


def is_table_path(path, *suffixes):
    """Return whether a path is of a table: a CSV or Parquet file, or a folder of those or of .npy files.

    Args:
        path: str or Path.
        *suffixes: of files that count in a folder; by default all of these.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        if (path / "pack.json").exists():
            return False
        return any(child.suffix.lower() in (suffixes or (*TABLE_FILES, ".npy")) for child in path.iterdir())
    return path.suffix.lower() in TABLE_FILES


def table_files(path):
    """Return the files of a table: one, or those of a folder in the order of their names; a list of Path.

    Args:
        path: Path of a file, or of a folder of files of one kind.

    Raises:
        InputError: nothing is there, or files of several kinds.
    """
    if not path.exists():
        raise InputError(f"there is no file '{path}'")
    if not path.is_dir():
        return [path]
    files = sorted(child for child in path.iterdir() if child.suffix.lower() in (*TABLE_FILES, ".npy"))
    kinds = sorted({file.suffix.lower() for file in files})
    if len(kinds) > 1:
        raise InputError(f"'{path}' holds files of several kinds ({', '.join(kinds)}); put one in a folder")
    return files


def read_path(path):
    """Return what a path holds: rows [N, D] of .npy files, a pandas DataFrame of CSV files, or `ParquetFiles`.

    Args:
        path: Path of a file, or of a folder of files of one kind.

    Raises:
        InputError: nothing is there, or a file that cannot be read.
    """
    files = table_files(path)
    return {".npy": _read_npy, ".parquet": ParquetFiles}.get(files[0].suffix.lower(), read_frames)(files)


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
        names, counts = zip(*map(self._about, files), strict=True)
        self.names, self.count = _same_columns(files, names), sum(counts)
        size = 4 * self.count * len(self.names)
        refuse_beyond_memory(size, f"the {self.count:,} rows of '{files[0]}'", "select rows or columns first")

    def columns(self, wanted):
        """Yield the columns of some names, `RawColumn` each, the files below one another.

        Args:
            wanted: list of str.
        """
        most = max(1, NUMBERS_AT_ONCE // max(1, self.count))
        for first in range(0, len(wanted), most):
            yield from raw_columns(_below([_read(file, wanted[first:][:most]) for file in self._files]))

    @staticmethod
    def _about(file):
        """Return the names of a file's columns, and how many rows it has."""
        from pyarrow import parquet

        with reading(file, "a table"):
            about = parquet.read_metadata(file)
            schema = about.schema.to_arrow_schema()
            index = (schema.pandas_metadata or {}).get("index_columns", [])
            return [name for name in schema.names if name not in index], about.num_rows


def _read_npy(files):
    blocks = []
    for file in files:
        blocks.append(np.atleast_2d(read_npy(file)))
        if blocks[-1].dtype.kind not in "biuf":
            raise InputError(f"'{file}' holds dtype {blocks[-1].dtype}; accepted: numbers or truth values")
    widths = sorted({block.shape[1:] for block in blocks})
    if len(widths) > 1 or len(widths[0]) != 1:
        raise InputError(f"the .npy files hold rows of shapes {listed(widths)}; accepted: [D] or [n, D], of one D")
    return np.concatenate(blocks)


def read_frames(files, columns=None):
    """Return CSV or Parquet files of the same columns as one pandas DataFrame, below one another.

    Args:
        files: list of Path.
        columns: `aae_tf.data.Columns` where they are known: categories with names such as True or 01 are then text,
            whatever other rows the file has.

    Raises:
        InputError: no pandas, a file that cannot be read, or files of other columns.
    """
    texts = {each.name: str for each in columns.columns if not all(map(_is_number, each.categories))} if columns else {}
    frames = [_read(Path(file), texts=texts) for file in files]
    _same_columns(files, [list(frame.columns) for frame in frames])
    return _below(frames)


def _is_number(text):
    """Return whether a name is that of a number, as numbers are called when they are categories."""
    try:
        return text == number_name(float(text))
    except ValueError:
        return False


def _read(file, columns=None, texts=None):
    pandas, kind = need_pandas(), file.suffix.lower()
    with reading(file, "a table"):
        if kind == ".parquet":
            return pandas.read_parquet(file, columns=columns, dtype_backend="numpy_nullable")
        refuse_beyond_memory(file.stat().st_size, f"'{file}'", "write it as Parquet")
        separator = "\t" if kind == ".tsv" else ","
        with open(file, newline="", encoding="utf-8-sig") as lines:
            names = next(csv.reader(lines, delimiter=separator), [])
        frame = pandas.read_csv(file, sep=separator, dtype=texts, dtype_backend="numpy_nullable")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InputError(f"'{file}': several columns have one name: {listed(twice)}")
    if not isinstance(frame.index, pandas.RangeIndex):
        raise InputError(
            f"'{file}': lines have more fields than the header has names ({len(names)}); name every column"
        )
    return frame


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


def _same_columns(files, names):
    """Return the names that all files have."""
    for file, found in zip(files, names, strict=True):
        if found != names[0]:
            raise InputError(f"'{file.name}' has other columns than '{files[0].name}', or another order; make them one")
    return names[0]
