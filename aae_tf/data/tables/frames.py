"""A user's own rows: arrays [N, D], DataFrames, sparse rows, CSV and Parquet files, folders of .npy.

The type of a column says what it is, as that of a pixel does: floats are real numbers, booleans yes or no, text a
category. Integers may be numbers, counts or the codes of categories, which no type tells: that has to be said.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from aae_tf.data.dataset import Split, split_own
from aae_tf.data.images.checks import check_labels
from aae_tf.data.reading import refuse_beyond_memory
from aae_tf.data.tables.columns import (
    Column,
    Columns,
    RawColumn,
    as_frame,
    counted,
    encoded,
    fitting,
    listed,
    raw_columns,
)
from aae_tf.data.tables.files import ParquetFiles, read_path
from aae_tf.data.tables.options import TableOptions, read_options
from aae_tf.errors import InputError

MOST_COUNTED = 1_000_000
MOST_CATEGORIES = 50  # of a text column that nobody said is a category


def from_table(table, labels=None, options=None, what="custom rows"):
    """Return a `Dataset` of rows.

    Args:
        table: an array [N, D] of numbers or booleans, a pandas DataFrame (or what has `to_pandas`), scipy sparse
            rows, or `ParquetFiles`.
        labels: class names or integers [N]; None for none, or for those of the column that the options name.
        options: dict of the attributes of `aae_tf.data.tables.options.TableOptions`.
        what: what the rows are, for the source.

    Raises:
        InputError: columns that cannot be used, or integers of which nobody said what they are.
    """
    options = TableOptions(**read_options(options or {}))
    names, columns_of = _given(table, options.label)
    options.check(names)
    if options.label and labels is not None:
        raise InputError(f"label='{options.label}' was set, but labels are given beside the rows; give one of them")
    classes, columns, parts, refused = (), [], [], _Refused()
    for raw in columns_of([name for name in names if name not in options.drop]):  # a column at a time in memory
        if not len(raw.values):
            raise InputError(f"{what} have no rows; at least 10 are needed")
        if raw.name == options.label:
            labels = _labels(raw)
        elif refused.usable(raw, options):
            columns.append(_column(raw, options))
            _refuse_rounded(columns[-1], raw)
            parts.append(encoded(columns[-1], raw))
    refused.check()
    if not parts:
        raise InputError("the table has no columns but those left out")
    if labels is not None:
        labels, classes = _compact(*check_labels(labels, len(parts[0])))
    columns, firsts = Columns(tuple(columns)), np.cumsum([0, *(part.shape[1] for part in parts[:-1])])
    rows = np.concatenate(parts, 1)
    del parts
    unknown = np.isnan(rows)[:, firsts]
    if unknown.any() and options.missing == "refuse":
        raise InputError(
            f"missing values in {counted(columns.names, unknown)}; fill them in (columns.missing=median), leave the "
            "columns out (columns.drop=NAME), or the rows"
        )
    if np.isinf(rows).any():
        raise InputError(f"infinite values in {counted(columns.entries, np.isinf(rows))}; clean them first")
    source = f"{what}, {len(rows):,} rows of {_described(columns)}"
    data = replace(split_own(rows, labels, classes, source, what="rows"), columns=columns)
    return data if options.missing == "refuse" else _filled(data, options.missing)


def _described(columns):
    """Return how many columns there are of each kind, as a text."""
    kinds = {"real": "real", "count": "count", "binary": "yes-or-no", "category": "categorical"}
    found = {word: sum(each.kind == kind for each in columns.columns) for kind, word in kinds.items()}
    texts = [f"{count} {word}" for word, count in found.items() if count]
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]])) + " columns"


def _given(table, label):
    """Return the names of a table's columns, and a function that yields those of some names, as `RawColumn`."""
    if isinstance(table, ParquetFiles):
        return table.names, table.columns
    frame = as_frame(table)
    if frame is not None:
        names = [str(name) for name in frame.columns]
        return names, lambda wanted: raw_columns(frame.iloc[:, [names.index(name) for name in wanted]])
    rows, kind = _rows_of_array(table)
    if label:
        raise InputError(f"label='{label}' names a column, and an array has no names; pass (rows, labels)")
    names = [f"x{number}" for number in range(rows.shape[1])]
    return names, lambda wanted: (
        RawColumn(name, kind, rows[:, names.index(name)].astype("float64")) for name in wanted
    )


def _rows_of_array(table):
    """Return an array [N, D] and the type of its columns."""
    if hasattr(table, "toarray"):
        size = 4 * table.shape[0] * table.shape[1]
        refuse_beyond_memory(size, f"sparse rows of {table.shape}, when full,", "select columns first")
        table = table.toarray()
    rows = np.asarray(table)
    masked = np.ma.getmaskarray(table) if isinstance(table, np.ma.MaskedArray) else None
    types = {"f": "real", "i": "whole", "u": "whole", "b": "truth"}
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"rows of shape {rows.shape} were given; accepted: [N, D]")
    if rows.dtype.kind not in types:
        raise InputError(f"rows of dtype {rows.dtype} were given; accepted: numbers, or a DataFrame for text")
    kind = types[rows.dtype.kind]
    return rows if masked is None else np.where(masked, np.nan, rows), kind


class _Refused:
    """What is wrong with the columns of a table, gathered so that one line names all of them."""

    def __init__(self):
        self.empty, self.unsaid, self.same, self.count, self.constant = [], [], [], 0, 0

    def usable(self, raw, options):
        """Return whether a column can be used; note why not."""
        known = raw.values[~raw.unknown]
        self.count += 1
        if not len(known):
            self.empty.append(raw.name)
            return False
        constant = bool(np.all(known == known[0]))
        self.constant += constant
        if constant and raw.type in ("text", "truth"):  # of numbers the scale says so, of the training rows
            self.same.append(raw.name)
        if raw.type == "whole" and options.kind_of(raw) is None:
            self.unsaid.append(raw.name)
            return False
        return True

    def check(self):
        """Refuse columns without a value, a table of constants, and integers of which nobody said what they are.

        Raises:
            InputError: any of these.
        """
        if self.empty:
            leave = ",".join(self.empty[:6])
            raise InputError(f"no row has a value in {listed(self.empty)}; leave them out (columns.drop={leave})")
        if self.count and self.constant == self.count:
            raise InputError(
                f"every one of the {self.count} columns is the same in all rows, so there is nothing to learn (of "
                "images, reshape flat rows to height and width)"
            )
        if self.same:
            leave = ",".join(self.same[:6])
            raise InputError(f"the same in all rows of {listed(self.same)}; leave them out (columns.drop={leave})")
        if self.unsaid:
            first = self.unsaid[0]
            raise InputError(
                f"{listed(self.unsaid)}: integers, which may be real numbers (columns.real={first}), counts "
                f"(columns.counts={first}) or categories (columns.categorical={first}); say which, 'all' for every "
                "such column"
            )


def _column(raw, options):
    """Return what a column is, by what is said of it, else by its type."""
    said, name = options.kind_of(raw), raw.name
    if raw.type == "text" and said in ("real", "count"):
        raise InputError(f"column '{name}' holds text ({raw.values[0]!r}), so it cannot hold numbers; clean it")
    kind = said or {"real": "real", "truth": "binary", "text": "category"}[raw.type]
    known = raw.values[~raw.unknown]
    if kind == "count" and not fitting(kind, known).all():
        raise InputError(f"column '{name}' is said to hold counts, but not all of it are integers from 0")
    if kind == "count" and known.max() > MOST_COUNTED:
        raise InputError(
            f"column '{name}' holds counts up to {known.max():g}, whose probabilities float32 cannot tell; "
            f"accepted: at most {MOST_COUNTED:,}, or as real numbers (columns.real={name})"
        )
    return Column(name, kind, _categories(raw, said is not None) if kind == "category" else ())


def _categories(raw, said):
    texts = {text for text in raw.as_text() if text is not None}
    if len(texts) > MOST_CATEGORIES and not said:
        raise InputError(
            f"column '{raw.name}' holds {len(texts)} different texts; leave it out (columns.drop={raw.name}), or say "
            f"that they are categories (columns.categorical={raw.name})"
        )
    return tuple(sorted(texts, key=None if raw.type == "text" else float))


def _refuse_rounded(column, raw):
    """Rows are float32: a number far from 0 beside its spread (seconds since 1970) loses what tells it from others."""
    known = raw.values[~raw.unknown] if column.kind == "real" else np.zeros(1)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite values are refused by their own line
        lost, spread = np.abs(known - known.astype("float32")).max(), known.std()
    if lost > 0.001 * spread > 0:
        raise InputError(
            f"column '{column.name}' lies too far from 0 for float32 (about {known.mean():.6g}, spread "
            f"{spread:.3g}): up to {lost:.2g} would be lost; subtract a constant first, or leave it out "
            f"(columns.drop={column.name})"
        )


def _labels(raw):
    """Return the labels of a column, those that are missing as `check_labels` takes them."""
    if raw.unknown.all():
        raise InputError(f"no row has a label in '{raw.name}'")
    return raw.values if raw.type == "text" else np.where(raw.unknown, -1, raw.values)


def _compact(labels, names):
    """Return labels and names of the classes that there are: of a column 3, 5, 8 three, and not nine."""
    there = np.unique(labels[labels >= 0])
    codes = np.full(len(names) + 1, -1, np.int32)  # the last one is that of -1
    codes[there] = np.arange(len(there))
    return codes[labels], tuple(names[each] for each in there)


def _filled(data, how):
    """Return the dataset with missing values filled in by its training rows."""
    train, columns = data.train.images, data.columns
    fill = np.zeros(len(columns))
    for kind, where in columns.parts():
        known = train[:, where]
        empty = np.isnan(known).all(0)
        if empty.any():
            raise InputError(
                f"no training row has a value in {listed(np.array(columns.entries)[where[empty]])}; leave it out"
            )
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
    what = f"folder '{path.name}'" if path.is_dir() else f"file '{path.name}'"
    return from_table(read_path(path), None, options, what)
