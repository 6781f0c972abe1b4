"""A user's tables: arrays [N, D], DataFrames, sparse rows, CSV and Parquet files, folders of .npy, scikit-learn's.

The dtype of a column decides its kind: floats are real numbers, booleans are binary, text is a category. Integers may
be real numbers, counts or codes of categories, so the user sets their kind.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from aae_tf.data.dataset import Dataset, Split, split_custom
from aae_tf.data.images.checks import check_labels
from aae_tf.data.reading import refuse_beyond_memory
from aae_tf.data.tables.columns import Column, Columns, RawColumn, as_frame, counted, encoded, listed, raw_columns
from aae_tf.data.tables.files import ParquetFiles, need_pandas
from aae_tf.data.tables.options import TableOptions, read_options
from aae_tf.errors import InputError

MOST_COUNTED = 1_000_000
MOST_CATEGORIES = 50  # of a text column, unless the user sets it as categorical


def from_table(
    table: Any, labels: Any = None, options: Mapping[str, Any] | None = None, what: str = "custom rows"
) -> Dataset:
    """Return a `Dataset` of an array, DataFrame, sparse rows or `ParquetFiles`, with options of `TableOptions`."""
    options = TableOptions(**read_options(options or {}))
    names, columns_of = _columns_of(table, options.label)
    options.check(names)
    if options.label and labels is not None:
        raise InputError(f"label='{options.label}' was set, but labels are given with the rows too; give one of them")
    classes, columns, parts, faults = (), [], [], _Faults()
    for raw in columns_of([name for name in names if name not in options.drop]):  # one column at a time in memory
        if not len(raw.values):
            raise InputError(f"{what} have no rows; at least 10 are needed")
        if raw.name == options.label:
            labels = _labels(raw)
        elif faults.usable(raw, options):
            columns.append(_column(raw, options))
            _refuse_rounded(columns[-1], raw)
            parts.append(encoded(columns[-1], raw))
    faults.check()
    if not parts:
        raise InputError("the options leave out all columns of the table")
    if labels is not None:
        labels, classes = _compact(*check_labels(labels, len(parts[0])))
    columns, firsts = Columns(tuple(columns)), np.cumsum([0, *(part.shape[1] for part in parts[:-1])])
    rows = np.concatenate(parts, 1)
    del parts
    unknown = np.isnan(rows)[:, firsts]
    if unknown.any() and options.missing == "refuse":
        advice = "fill them in (columns.missing=median), leave the columns out (columns.drop=NAME), or the rows"
        raise InputError(f"missing values in {counted(columns.names, unknown)}; {advice}")
    if np.isinf(rows).any():
        raise InputError(f"infinite values in {counted(columns.entries, np.isinf(rows))}; clean them first")
    source = f"{what}, {len(rows):,} rows of {_described(columns)}"
    data = replace(split_custom(rows, labels, classes, source), columns=columns)
    return data if options.missing == "refuse" else _filled(data, options.missing)


def _described(columns):
    """Return the number of columns of each kind, as a text."""
    kinds = {"real": "real", "count": "count", "binary": "binary", "category": "categorical"}
    found = {word: sum(each.kind == kind for each in columns.columns) for kind, word in kinds.items()}
    texts = [f"{count} {word}" for word, count in found.items() if count]
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]])) + " columns"


def _columns_of(table: Any, label: str) -> tuple[list[str], Callable[[list[str]], Iterable[RawColumn]]]:
    """Return the names of a table's columns, and a function that yields the columns of some names."""
    if isinstance(table, ParquetFiles):
        return table.names, table.columns
    frame = as_frame(table)
    if frame is not None:
        names = [str(name) for name in frame.columns]
        return names, lambda wanted: raw_columns(frame.iloc[:, [names.index(name) for name in wanted]])
    rows, kind = _rows_of_array(table)
    if label:
        raise InputError(f"label='{label}' names a column, and an array has no names; pass (rows, labels)")
    columns = {f"x{number}": rows[:, number] for number in range(rows.shape[1])}
    return list(columns), lambda wanted: (RawColumn(name, kind, columns[name].astype("float64")) for name in wanted)


def _rows_of_array(table):
    """Return an array [N, D] and the type of its columns."""
    if hasattr(table, "toarray"):
        size = 4 * table.shape[0] * table.shape[1]
        refuse_beyond_memory(size, f"sparse rows of {table.shape}, when dense,", "select columns first")
        table = table.toarray()
    rows = np.asarray(table)
    masked = np.ma.getmaskarray(table) if isinstance(table, np.ma.MaskedArray) else None
    types = {"f": "real", "i": "integer", "u": "integer", "b": "boolean"}
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"rows of shape {rows.shape} were given; accepted: [N, D]")
    if rows.dtype.kind not in types:
        raise InputError(f"rows of dtype {rows.dtype} were given; accepted: numbers, or a DataFrame for text")
    kind = types[rows.dtype.kind]
    return rows if masked is None else np.where(masked, np.nan, rows), kind


class _Faults:
    """The columns of a table that cannot be used, collected for one message."""

    def __init__(self):
        self.empty, self.ambiguous, self.same, self.count, self.constant = [], [], [], 0, 0

    def usable(self, raw, options):
        """Return whether a column can be used, and record the fault if not."""
        known = raw.known
        empty, constant = not len(known), len(known) > 0 and bool(np.all(known == known[0]))
        same = constant and raw.type in ("text", "boolean")  # the scale checks numbers, on the training rows
        ambiguous = not empty and raw.type == "integer" and options.kind_of(raw) is None
        for names, faulty in ((self.empty, empty), (self.same, same), (self.ambiguous, ambiguous)):
            names.extend([raw.name] if faulty else [])
        self.count, self.constant = self.count + 1, self.constant + constant
        return not (empty or ambiguous)

    def check(self):
        """Refuse columns without a value, constant columns, and columns of integers without a kind."""
        if self.count and self.constant == self.count:
            advice = "so there is nothing to learn (of images, reshape flat rows to height and width)"
            raise InputError(f"every one of the {self.count} columns is the same in all rows, {advice}")
        for what, names in (("no row has a value in", self.empty), ("the same in all rows of", self.same)):
            if names:
                drop = ",".join(names[:6])
                raise InputError(f"{what} {listed(names)}; leave them out (columns.drop={drop})")
        if self.ambiguous:
            first = self.ambiguous[0]
            raise InputError(
                f"{listed(self.ambiguous)}: integers, which may be real numbers (columns.real={first}), counts "
                f"(columns.counts={first}) or categories (columns.categorical={first}); set one of them, 'all' for "
                "every such column"
            )


def _column(raw, options):
    """Return the `Column` of a column: its kind by the options, else by its type."""
    given, name, known = options.kind_of(raw), raw.name, raw.known
    if raw.type == "text" and given in ("real", "count"):
        raise InputError(f"column '{name}' holds text ({raw.values[0]!r}), so it cannot hold numbers; clean it")
    kind = given or {"real": "real", "boolean": "binary", "text": "category"}[raw.type]
    if kind == "count" and len(raw.invalid_for(kind)):
        raise InputError(f"column '{name}' was given as counts, but not all of its values are integers from 0")
    if kind == "count" and known.max() > MOST_COUNTED:
        accepted = f"at most {MOST_COUNTED:,}, or as real numbers (columns.real={name})"
        raise InputError(f"'{name}' holds counts up to {known.max():g}, too large for float32; accepted: {accepted}")
    return Column(name, kind, _categories(raw, given is not None) if kind == "category" else ())


def _categories(raw, given):
    """Return the names of a column's categories, sorted; refuse many of them unless they are given as categories."""
    texts = {text for text in raw.as_text() if text is not None}
    if len(texts) > MOST_CATEGORIES and not given:
        advice = f"leave it out (columns.drop={raw.name}), or set columns.categorical={raw.name}"
        raise InputError(f"column '{raw.name}' holds {len(texts)} different texts; {advice}")
    return tuple(sorted(texts, key=None if raw.type == "text" else float))


def _refuse_rounded(column, raw):
    """Refuse real numbers far from 0 and close together (seconds since 1970), which float32 cannot distinguish."""
    known = raw.known if column.kind == "real" else np.zeros(1)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite values are refused elsewhere
        lost, std = np.abs(known - known.astype("float32")).max(), known.std()
    if lost > 0.001 * std > 0:
        given = f"column '{column.name}' lies too far from 0 for float32 (about {known.mean():.6g}, std {std:.3g})"
        advice = f"subtract a constant first, or leave it out (columns.drop={column.name})"
        raise InputError(f"{given}: up to {lost:.2g} would be lost; {advice}")


def _labels(raw):
    """Return the labels of a column, with missing ones as `check_labels` takes them."""
    if raw.unknown.all():
        raise InputError(f"no row has a label in '{raw.name}'")
    return raw.values if raw.type == "text" else np.where(raw.unknown, -1, raw.values)


def _compact(labels, names):
    """Return labels and names of the classes that occur: a column of 3, 5 and 8 has three classes."""
    present = np.unique(labels[labels >= 0])
    codes = np.full(len(names) + 1, -1, np.int32)  # the last one is that of -1
    codes[present] = np.arange(len(present))
    return codes[labels], tuple(names[each] for each in present)


def _filled(data, how):
    """Return the dataset with missing values replaced by the mean or median of its training rows."""
    train, columns = data.train.images, data.columns
    fill = np.zeros(len(columns))
    for kind, where in columns.parts():
        known = train[:, where]
        empty = np.isnan(known).all(0)
        if empty.any():
            names = listed(np.array(columns.entries)[where[empty]])
            raise InputError(f"no training row has a value in {names}; leave it out")
        found = (np.nanmedian if how == "median" else np.nanmean)(known.astype("float64"), 0)
        if kind == "category":
            found = np.eye(len(where))[np.nanmean(known, 0).argmax()]
        fill[where] = found if kind == "real" else np.rint(found)

    def filled(split):
        return Split(np.where(np.isnan(split.images), fill, split.images).astype("float32"), split.labels)

    parts = {name: filled(getattr(data, name)) for name in ("train", "validation", "test")}
    source = f"{data.source}; missing values are the training rows' {how}"
    return replace(data, **parts, columns=columns.with_fill(fill), source=source)


def load_scikit_learn(name: str) -> Dataset:
    """Return a table of scikit-learn: 'wine' and 'breast_cancer' with classes, 'diabetes' without."""
    need_pandas()
    from sklearn import datasets

    what = f"{name} of scikit-learn"
    if name == "diabetes":  # in the original units, with the outcome as a column
        patients = datasets.load_diabetes(as_frame=True, scaled=False).frame
        return from_table(patients.assign(sex=patients.sex.map({1.0: "1", 2.0: "2"})), what=what)
    found = getattr(datasets, f"load_{name}")(as_frame=True)
    return from_table(found.data, [str(found.target_names[label]) for label in found.target], what=what)
