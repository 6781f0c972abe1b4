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
from aae_tf.data.table_files import ParquetFiles, read_path
from aae_tf.errors import InputError, check_choice
from aae_tf.options import Choices, options_of

MOST_BYTES = 2 * 1024**3  # of rows in memory
MOST_COUNTED = 1_000_000
MOST_CATEGORIES = 50  # of a text column that nobody said is a category
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


def read_options(given):
    """Return options as `TableOptions` takes them: "a,b" for several columns, a name alone for one.

    Args:
        given: dict of the attributes of `TableOptions`.

    Raises:
        InputError: an unknown name, or a value that is not accepted.
    """
    for name in given:
        check_choice("option of columns", name, TABLE_OPTIONS)
    several = {name for name, option in TABLE_OPTIONS.items() if option.kind is not str}  # names may hold brackets
    parts = {name: given[name].split(",") for name in several & given.keys() if isinstance(given[name], str)}
    return {name: TABLE_OPTIONS[name].read(parts.get(name, each)) for name, each in given.items()}


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
    options = TableOptions(**read_options(options or {}))
    names, columns_of = _given(table, options.label)
    _check_names(names, options)
    if options.label and labels is not None:
        raise InputError(f"label='{options.label}' was set, but labels are given beside the rows; give one of them")
    classes, columns, parts, refused = (), [], [], _Refused()
    for raw in columns_of([name for name in names if name not in options.drop]):  # a column at a time in memory
        if not len(raw.values):
            raise InputError(f"{what} have no rows; at least 10 are needed")
        if raw.name == options.label:
            labels, classes = _labels(raw)
        elif refused.usable(raw, options):
            columns.append(_column(raw, options))
            _refuse_rounded(columns[-1], raw)
            parts.append(encoded(columns[-1], raw))
    refused.check()
    if not parts:
        raise InputError("the table has no columns but those left out")
    if labels is not None and not options.label:
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


def _check_names(names, options):
    if len(set(names)) < len(names):
        raise InputError(f"several columns have one name: {listed(sorted({n for n in names if names.count(n) > 1}))}")
    named = {option: getattr(options, option) for option in ("real", "counts", "categorical", "drop")}
    named["label"] = (options.label,) if options.label else ()
    for option, wanted in named.items():
        known = (*names, ALL) if option in ("real", "counts", "categorical") else names
        strange = [name for name in wanted if name not in known]
        if strange:
            raise InputError(f"{option} names {listed(strange)}; the table has {listed(names)}")
    every = [name for wanted in named.values() for name in wanted if name != ALL]
    twice = next((name for name in every if every.count(name) > 1), None)
    if twice is not None:
        said = ", ".join(option for option, wanted in named.items() if twice in wanted)
        raise InputError(f"'{twice}' is named in several of the options of columns ({said}); name it once")


def _rows_of_array(table):
    """Return an array [N, D] and the type of its columns."""
    if hasattr(table, "toarray"):
        size = 4 * table.shape[0] * table.shape[1]
        if size > MOST_BYTES:
            raise InputError(
                f"sparse rows of {table.shape} take {size / 2**30:.1f} GiB when full; select columns first"
            )
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
        """Refuse columns without a value, a table of constants, and whole numbers of which nobody said what they are.

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
                f"{listed(self.unsaid)}: whole numbers, which may be real numbers (columns.real={first}), counts "
                f"(columns.counts={first}) or categories (columns.categorical={first}); say which, 'all' for every "
                "such column"
            )


def _column(raw, options):
    """Return what a column is, by what is said of it, else by its type."""
    said, name = options.kind_of(raw), raw.name
    if raw.type == "text" and said in ("real", "count"):
        raise InputError(f"column '{name}' holds text ({raw.values[0]!r}), so it cannot hold numbers; clean it")
    kind = said or {"real": "real", "truth": "binary", "text": "category"}[raw.type]
    if kind == "count" and not _whole(raw.values):
        raise InputError(f"column '{name}' is said to hold counts, but not all of it are whole numbers from 0")
    if kind == "count" and np.nanmax(raw.values) > MOST_COUNTED:
        raise InputError(
            f"column '{name}' holds counts up to {np.nanmax(raw.values):g}, whose probabilities float32 cannot tell; "
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


def _whole(values):
    known = values[~np.isnan(values)]
    return bool(np.all((known >= 0) & (known == np.rint(known))))


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
    """Return a label column as int32 [N], -1 where it is missing, and the names of the classes."""
    known = ~raw.unknown
    if not known.any():
        raise InputError(f"no row has a label in '{raw.name}'")
    codes, names = check_labels(raw.values[known], known.sum())
    labels = np.full(len(known), -1, np.int32)
    labels[known] = codes
    return _compact(labels, names)


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
