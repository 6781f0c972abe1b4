"""Files of tables: CSV, Parquet, .npy, and folders of them."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from aae_tf.data.reading import read_npy, reading, refuse_beyond_memory
from aae_tf.data.tables.columns import Columns, RawColumn, listed, number_name, raw_columns
from aae_tf.errors import InputError

if TYPE_CHECKING:
    import pandas

TABLE_FILES = (".csv", ".tsv", ".parquet")
NUMBERS_AT_ONCE = 2**21  # read from Parquet files; each time the names are read again, so not too few


def is_table_path(path: str | Path, *suffixes: str) -> bool:
    """Return whether a path is a CSV or Parquet file, or a folder with files of these suffixes (default: all)."""
    path = Path(path).expanduser()
    if path.is_dir():
        if (path / "pack.json").exists():
            return False
        return any(child.suffix.lower() in (suffixes or (*TABLE_FILES, ".npy")) for child in path.iterdir())
    return path.suffix.lower() in TABLE_FILES


def table_files(path: Path) -> list[Path]:
    """Return the files of a table: one file, or those of a folder, sorted; refuse files of several kinds."""
    if not path.exists():
        raise InputError(f"there is no file '{path}'")
    if not path.is_dir():
        return [path]
    files = sorted(child for child in path.iterdir() if child.suffix.lower() in (*TABLE_FILES, ".npy"))
    kinds = sorted({file.suffix.lower() for file in files})
    if len(kinds) > 1:
        raise InputError(f"'{path}' holds files of several kinds ({', '.join(kinds)}); put one in a folder")
    return files


def read_path(path: Path) -> "np.ndarray | pandas.DataFrame | ParquetFiles":
    """Return rows [N, D] of .npy files, a DataFrame of CSV files, or `ParquetFiles`, of a file or of a folder."""
    files = table_files(path)
    return {".npy": _read_npy, ".parquet": ParquetFiles}.get(files[0].suffix.lower(), read_frames)(files)


class ParquetFiles:
    """Parquet files of the same columns, as one table, of which a few columns at a time are in memory."""

    def __init__(self, files: list[Path]):
        need_pandas()
        self._files = files
        names, counts = zip(*map(self._about, files), strict=True)
        self.names, self.count = _same_columns(files, names), sum(counts)
        size = 4 * self.count * len(self.names)
        refuse_beyond_memory(size, f"the {self.count:,} rows of '{files[0]}'", "select rows or columns first")

    def columns(self, wanted: list[str]) -> Iterator[RawColumn]:
        """Yield the columns of some names, concatenated over the files."""
        most = max(1, NUMBERS_AT_ONCE // max(1, self.count))
        for first in range(0, len(wanted), most):
            yield from raw_columns(_concatenated([_read(file, wanted[first:][:most]) for file in self._files]))

    @staticmethod
    def _about(file: Path) -> tuple[list[str], int]:
        """Return the names of a file's columns, and its number of rows."""
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
            raise InputError(f"'{file}' holds dtype {blocks[-1].dtype}; accepted: numbers or booleans")
    widths = sorted({block.shape[1:] for block in blocks})
    if len(widths) > 1 or len(widths[0]) != 1:
        raise InputError(f"the .npy files hold rows of shapes {listed(widths)}; accepted: [D] or [n, D], of one D")
    return np.concatenate(blocks)


def read_frames(files: list[Path], columns: Columns | None = None) -> "pandas.DataFrame":
    """Return files of the same columns as one DataFrame; categories of known columns are read as text."""
    texts = {each.name: str for each in columns.columns if not all(map(_is_number, each.categories))} if columns else {}
    frames = [_read(Path(file), texts=texts) for file in files]
    _same_columns(files, [list(frame.columns) for frame in frames])
    return _concatenated(frames)


def _is_number(text):
    """Return whether a text is the name of a number as a category."""
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
        raise InputError(f"'{file}': lines have more fields than the header has names, {len(names)}; name every column")
    return frame


def need_pandas() -> ModuleType:
    """Return pandas, or refuse if it is not installed."""
    try:
        import pandas
    except ImportError:
        raise InputError("reading tables needs pandas; install it with: pip install 'aae-tf[tables]'") from None
    return pandas


def _concatenated(frames):
    return frames[0] if len(frames) == 1 else need_pandas().concat(frames, ignore_index=True)


def _same_columns(files, names):
    """Return the column names of all files; refuse different ones."""
    for file, found in zip(files, names, strict=True):
        if found != names[0]:
            raise InputError(f"'{file.name}' has other columns than '{files[0].name}', or another order; use the same")
    return names[0]
