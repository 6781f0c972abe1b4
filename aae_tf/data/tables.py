"""A user's own rows: arrays [N, D], DataFrames, sparse rows, CSV and Parquet files, folders of .npy.

The type of a column says what it is, as that of a pixel does: floats are real numbers, booleans yes or no, text a
category. Whole numbers may be numbers, counts or the codes of categories, which no type tells: that has to be said.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from aae_tf.data.checks import check_labels
from aae_tf.data.columns import Column, Columns, RawColumn, as_frame, counted, encoded, listed, raw_columns
from aae_tf.data.dataset import Split, split_own
from aae_tf.errors import InputError
from aae_tf.options import Choices, options_of

MOST_BYTES = 2 * 1024**3  # of rows in memory
MOST_CATEGORIES = 50  # of a text column that nobody said is a category
TABLE_FILES = (".csv", ".tsv", ".parquet")
ALL = "all"


@dataclass(frozen=True)
class TableOptions:
    """How a table is read; what a recipe has as `columns`.

    Attributes:
        label: name of the column that holds the labels; empty for none. Rows without one are unlabelled.
        real: columns of whole numbers that are real numbers; 'all' for all that are not said to be something else.
        counts: columns that are counts.
        categorical: columns of numbers that are the codes of categories.
        drop: columns that are left out.
        missing: 'refuse', or what stands for a missing value: the column's 'mean' or 'median' over the training rows
            (of categories the commonest).
    """

    label: str = ""
    real: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    missing: Annotated[str, Choices(("refuse", "mean", "median"))] = "refuse"

    def kind_of(self, raw):
        """Return the kind that a `RawColumn` is said to have, or None: by its name, else by 'all' for numbers."""
        said = {"real": self.real, "count": self.counts, "category": self.categorical}
        named = [kind for kind, names in said.items() if raw.name in names]
        if not named and raw.type in ("real", "whole"):
            named = [kind for kind, names in said.items() if ALL in names]
        return named[0] if named else None


TABLE_OPTIONS = options_of(TableOptions)


def from_table(table, labels=None, options=None, what="own rows"):
    """Return a `Dataset` of rows.

    Args:
        table: an array [N, D] of numbers or booleans, a pandas DataFrame (or what has `to_pandas`), or scipy sparse
            rows.
        labels: class names or whole numbers [N]; None for none, or for those of the column that the options name.
        options: dict of the attributes of `TableOptions`.
        what: what the rows are, for the source.

    Raises:
        InputError: columns that cannot be used, or whole numbers of which nobody said what they are.
    """
    options = TableOptions(**(options or {}))
    raw = _raw_columns(table, options)
    if options.label and labels is not None:
        raise InputError(f"label='{options.label}' was set, but labels are given beside the rows; give one of them")
    names = ()
    if options.label:
        labels, names = _labels(next(each for each in raw if each.name == options.label))
    elif labels is not None:
        labels, names = check_labels(labels, len(raw[0].values))
    raw = [each for each in raw if each.name not in (options.label, *options.drop)]
    if not raw:
        raise InputError("the table has no columns but those left out")
    _refuse_unusable(raw)
    _refuse_unsaid([each.name for each in raw if each.type == "whole" and options.kind_of(each) is None])
    columns = Columns(tuple(_column(each, options) for each in raw))
    unknown = np.stack([each.unknown for each in raw], 1)
    if unknown.any() and options.missing == "refuse":
        raise InputError(
            f"missing values in {counted(columns.names, unknown)}; fill them in (columns.missing=median), leave the "
            "columns out (columns.drop=NAME), or the rows"
        )
    rows = np.concatenate([encoded(column, each) for column, each in zip(columns.columns, raw, strict=True)], 1)
    if np.isinf(rows).any():
        raise InputError(f"infinite values in {counted(columns.entries, np.isinf(rows))}; clean them first")
    source = f"{what}, {len(rows):,} rows of {_described(columns)}"
    data = replace(split_own(rows, labels, names, source, what="rows"), columns=columns)
    return data if options.missing == "refuse" else _filled(data, options.missing)


def _described(columns):
    """Return how many columns there are of each kind, as a text."""
    kinds = {"real": "real", "count": "count", "binary": "yes-or-no", "category": "categorical"}
    found = {word: sum(each.kind == kind for each in columns.columns) for kind, word in kinds.items()}
    texts = [f"{count} {word}" for word, count in found.items() if count]
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]])) + " columns"


def _raw_columns(table, options):
    """Return the columns of a table as they were given, its names checked against those that the options name."""
    frame = as_frame(table)
    raw = raw_columns(frame) if frame is not None else _columns_of_array(table, options)
    names = [each.name for each in raw]
    if len(set(names)) < len(names):
        raise InputError(f"several columns have one name: {listed(sorted({n for n in names if names.count(n) > 1}))}")
    named = {option: getattr(options, option) for option in ("real", "counts", "categorical", "drop")}
    named["label"] = (options.label,) if options.label else ()
    for option, wanted in named.items():
        strange = [name for name in wanted if name not in (*names, ALL)]
        if strange:
            raise InputError(f"{option} names {listed(strange)}; the table has {listed(names)}")
    return raw


def _columns_of_array(table, options):
    if options.label:
        raise InputError(f"label='{options.label}' names a column, and an array has no names; pass (rows, labels)")
    if hasattr(table, "toarray"):
        size = 4 * table.shape[0] * table.shape[1]
        if size > MOST_BYTES:
            raise InputError(
                f"sparse rows of {table.shape} take {size / 2**30:.1f} GiB when full; select columns first"
            )
        table = table.toarray()
    rows = np.asarray(table)
    types = {"f": "real", "i": "whole", "u": "whole", "b": "truth"}
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"rows of shape {rows.shape} were given; accepted: [N, D]")
    if rows.dtype.kind not in types:
        raise InputError(f"rows of dtype {rows.dtype} were given; accepted: numbers, or a DataFrame for text")
    values = rows.astype("float64", copy=False)
    return [RawColumn(f"x{number}", types[rows.dtype.kind], values[:, number]) for number in range(rows.shape[1])]


def _column(raw, options):
    """Return what a column is, by what is said of it, else by its type."""
    said, name = options.kind_of(raw), raw.name
    if raw.type == "text" and said in ("real", "count"):
        raise InputError(f"column '{name}' holds text ({raw.values[0]!r}), so it cannot hold numbers; clean it")
    kind = said or {"real": "real", "truth": "binary", "text": "category"}[raw.type]
    if kind == "count" and not _whole(raw.values):
        raise InputError(f"column '{name}' is said to hold counts, but not all of it are whole numbers from 0")
    return Column(name, kind, _categories(raw, said is not None) if kind == "category" else ())


def _categories(raw, said):
    texts = {text for text in raw.as_text() if text is not None}
    if len(texts) > MOST_CATEGORIES and not said:
        raise InputError(
            f"column '{raw.name}' holds {len(texts)} different texts; leave it out (columns.drop={raw.name}), or say "
            f"that they are categories (columns.categorical={raw.name})"
        )
    return tuple(sorted(texts, key=None if raw.type == "text" else float))


def _whole(values):
    known = values[~np.isnan(values)]
    return bool(np.all((known >= 0) & (known == np.rint(known))))


def _refuse_unusable(raw):
    """Refuse columns without a value, and a table of constants."""
    empty = [each.name for each in raw if each.unknown.all()]
    if empty:
        raise InputError(f"no row has a value in {listed(empty)}; leave them out (columns.drop={','.join(empty[:6])})")
    if all(_constant(each.values[~each.unknown]) for each in raw):
        raise InputError(
            f"every one of the {len(raw)} columns is the same in all rows, so there is nothing to learn (of images, "
            "reshape flat rows to height and width)"
        )


def _refuse_unsaid(names):
    if names:
        raise InputError(
            f"{listed(names)}: whole numbers, which may be real numbers (columns.real={names[0]}), counts "
            f"(columns.counts={names[0]}) or categories (columns.categorical={names[0]}); say which, 'all' for every "
            "such column"
        )


def _constant(values):
    return bool(np.all(values == values[0]))


def _labels(raw):
    """Return a label column as int32 [N], -1 where it is missing, and the names of the classes."""
    known = ~raw.unknown
    codes, names = check_labels(raw.values[known], known.sum())
    labels = np.full(len(known), -1, np.int32)
    labels[known] = codes
    return labels, names


def _filled(data, how):
    """Return the dataset with missing values filled in by its training rows."""
    train, columns = data.train.images, data.columns
    fill = np.zeros(len(columns))
    for kind, where in columns.parts():
        known = train[:, where]
        if np.isnan(known).all(0).any():
            raise InputError(f"no training row has a value in {listed(np.array(columns.entries)[where])}; leave it out")
        found = (np.nanmedian if how == "median" else np.nanmean)(known.astype("float64"), 0)
        if kind == "category":
            found = np.eye(len(where))[np.nanmean(known, 0).argmax()]
        fill[where] = found if kind == "real" else np.rint(found)

    def whole(split):
        return Split(np.where(np.isnan(split.images), fill, split.images).astype("float32"), split.labels)

    parts = {name: whole(getattr(data, name)) for name in ("train", "validation", "test")}
    source = f"{data.source}; missing values are the training rows' {how}"
    return replace(data, **parts, columns=columns.with_fill(fill), source=source)


def is_table(thing):
    """Return whether something in memory is a table: an array of two dimensions, sparse rows, or a DataFrame."""
    return getattr(thing, "ndim", None) == 2 or hasattr(thing, "to_pandas")


def is_file(path):
    """Return whether a path is of a table: a CSV or Parquet file, or a folder of those or of .npy files."""
    if path.is_dir():
        return any(child.suffix in (*TABLE_FILES, ".npy") for child in path.iterdir())
    return path.suffix in TABLE_FILES


def from_path(path, options=None):
    """Return a `Dataset` of a CSV (.csv, .tsv) or Parquet file, or of a folder of them or of .npy files.

    Args:
        path: Path. Files of a folder are read in the order of their names and put below one another; .npy files hold
            one row [D] or several [n, D] each.
        options: dict of the attributes of `TableOptions`.

    Raises:
        InputError: a file that is not there or cannot be read, or as `from_table`.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is no file '{path}'")
    files = [path]
    if path.is_dir():
        kinds = {child.suffix for child in path.iterdir()} & {*TABLE_FILES, ".npy"}
        if len(kinds) > 1:
            raise InputError(f"'{path}' holds files of several kinds ({', '.join(sorted(kinds))}); put one in a folder")
        files = sorted(path.glob(f"*{kinds.pop()}"))
    what = f"folder '{path.name}'" if path.is_dir() else f"file '{path.name}'"
    read = _read_npy if files[0].suffix == ".npy" else read_frames
    return from_table(read(files), None, options, what)


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
    try:
        import pandas
    except ImportError:
        raise InputError("reading tables needs pandas; install it with: pip install 'aae-tf[tables]'") from None
    frames = []
    for file in files:
        try:
            if file.suffix == ".parquet":
                frames.append(pandas.read_parquet(file, dtype_backend="numpy_nullable"))
            else:
                separator = "\t" if file.suffix == ".tsv" else ","
                frames.append(pandas.read_csv(file, sep=separator, dtype_backend="numpy_nullable"))
        except (OSError, ValueError, ImportError) as error:
            raise InputError(f"'{file}' cannot be read as a table: {str(error).splitlines()[0]}") from None
        if list(frames[-1].columns) != list(frames[0].columns):
            raise InputError(f"'{file.name}' has other columns than '{files[0].name}', or another order; make them one")
    return pandas.concat(frames, ignore_index=True)
