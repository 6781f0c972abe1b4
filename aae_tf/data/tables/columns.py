"""What the numbers of a row mean: the columns of a table, their kinds and names, and how rows become numbers.

An image is an element that needs no telling: its pixels are all alike. A row's numbers are not. A `Columns` says what
each column is, and goes with the rows: from the `Dataset` into the model (which scales by it) and from there into its
file and its SavedModel.
"""

from dataclasses import dataclass, replace

import numpy as np

from aae_tf.errors import InputError

KINDS = ("real", "count", "binary", "category")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its name.
        kind: 'real' (any number), 'count' (0, 1, 2, ...), 'binary' (0 or 1) or 'category' (one of several names).
        categories: the names of a category, in the order of its entries; empty for the other kinds.
    """

    name: str
    kind: str = "real"
    categories: tuple[str, ...] = ()

    @property
    def entries(self):
        """Names of the numbers that stand for it: its own, or one for each category ('colour=red')."""
        return tuple(f"{self.name}={each}" for each in self.categories) or (self.name,)


@dataclass(frozen=True)
class Columns:
    """The columns of a table, in their order. A row is float32 [D], D the number of `entries`: categories are one-hot.

    Attributes:
        columns: tuple of `Column`.
        fill: what stands for a missing value, a number for each entry; None where missing values are refused.
    """

    columns: tuple[Column, ...]
    fill: tuple[float, ...] | None = None

    @property
    def names(self):
        """Names of the columns, a tuple."""
        return tuple(each.name for each in self.columns)

    @property
    def entries(self):
        """Names of a row's numbers, a tuple of D."""
        return tuple(entry for each in self.columns for entry in each.entries)

    def __len__(self):
        return len(self.entries)

    def of_kind(self, *kinds):
        """Return the positions of the entries of some kinds of columns, int array.

        Args:
            *kinds: of `KINDS`.
        """
        return np.flatnonzero(np.repeat([each.kind in kinds for each in self.columns], self._sizes))

    def parts(self):
        """Return which entries are of one distribution: list of (kind, positions, int array); a category is one."""
        alike = [(kind, self.of_kind(kind)) for kind in KINDS if kind != "category"]
        ends = np.cumsum(self._sizes)
        one_hot = [
            (each.kind, np.arange(end - len(each.entries), end))
            for each, end in zip(self.columns, ends, strict=True)
            if each.kind == "category"
        ]
        return [(kind, where) for kind, where in (*alike, *one_hot) if len(where)]

    @property
    def _sizes(self):
        return [len(each.entries) for each in self.columns]

    def encode(self, table):
        """Return rows as float32 [N, D], missing values filled in where they were in training.

        Args:
            table: a pandas DataFrame (or what has `to_pandas`) with these columns in this order, scipy sparse rows, or
                an array [N, D] of the entries.

        Raises:
            InputError: other columns, another order or number of them, text where numbers were, an unknown category,
                missing or infinite values.
        """
        frame = as_frame(table)
        rows = self._array(table) if frame is None else self._frame(frame)
        unknown = np.isnan(rows)
        if unknown.any():
            if self.fill is None:
                raise InputError(f"missing values in {counted(self.entries, unknown)}; fill them in first")
            rows = np.where(unknown, np.asarray(self.fill, "float32"), rows)
        if np.isinf(rows).any():
            raise InputError(f"infinite values in {counted(self.entries, np.isinf(rows))}; clean them first")
        return rows

    def _array(self, table):
        rows = np.asarray(table.toarray() if hasattr(table, "toarray") else table)
        if rows.ndim != 2 or rows.shape[1] != len(self) or not len(rows):
            raise InputError(
                f"rows of shape {rows.shape} were given; accepted: [N, {len(self)}] with N > 0, in the order "
                f"{listed(self.entries)}"
            )
        if rows.dtype.kind not in "biuf":
            raise InputError(f"rows of dtype {rows.dtype} were given; accepted: numbers, or a DataFrame")
        return rows.astype("float32")

    def _frame(self, frame):
        given = [str(name) for name in frame.columns]
        missing = [name for name in self.names if name not in given]
        more = [name for name in given if name not in self.names]
        if missing or more:
            parts = [f"without {listed(missing)}" if missing else "", f"with {listed(more)} beside" if more else ""]
            text = " and ".join(filter(None, parts))
            raise InputError(f"a table {text} was given; accepted: the columns {listed(self.names)}")
        if given != list(self.names):
            raise InputError(
                f"the table's columns are in another order, {listed(given)}; accepted: {listed(self.names)}"
            )
        if not len(frame):
            raise InputError("a table without rows was given; accepted: one row or more")
        raw = raw_columns(frame)
        return np.concatenate([encoded(column, each) for column, each in zip(self.columns, raw, strict=True)], 1)

    def with_fill(self, fill):
        """Return these columns with what stands for missing values.

        Args:
            fill: float [D].
        """
        return replace(self, fill=tuple(float(value) for value in fill))

    def get_config(self):
        """Return these columns as plain JSON values."""
        return {
            "columns": [{"name": each.name, "kind": each.kind, "categories": each.categories} for each in self.columns],
            "fill": self.fill,
        }

    @classmethod
    def from_config(cls, config):
        """Return the columns that `get_config` describes."""
        columns = (Column(each["name"], each["kind"], tuple(each["categories"])) for each in config["columns"])
        return cls(tuple(columns), None if config["fill"] is None else tuple(config["fill"]))


@dataclass(frozen=True)
class RawColumn:
    """A column as it was given.

    Attributes:
        name: its name.
        type: 'real', 'whole', 'truth' or 'text', by its dtype.
        values: float64 [N], NaN where missing; of text an object array of str, None where missing.
    """

    name: str
    type: str
    values: np.ndarray

    @property
    def unknown(self):
        """Which values are missing, bool [N]."""
        return np.equal(self.values, None) if self.type == "text" else np.isnan(self.values)

    def as_text(self):
        """Return the values as names, object array [N] of str, None where missing; integers without a point."""
        if self.type == "text":
            return self.values
        return np.array([None if np.isnan(value) else number_name(value) for value in self.values], object)


def number_name(value):
    """Return what a number is called as a category: whole ones without a point.

    Args:
        value: float.
    """
    return f"{value:.0f}" if value == np.rint(value) else f"{value:.15g}"


def as_frame(table):
    """Return a pandas DataFrame of one, or of what has `to_pandas` (polars, pyarrow); None for anything else."""
    if hasattr(table, "iloc") and hasattr(table, "columns"):
        return table
    return table.to_pandas() if hasattr(table, "to_pandas") else None


def raw_columns(frame):
    """Return the columns of a pandas DataFrame, list of `RawColumn`.

    Raises:
        InputError: a column of dates or of anything else that is neither numbers, truth values nor text.
    """
    return [_raw(str(name), frame.iloc[:, number]) for number, name in enumerate(frame.columns)]


def _raw(name, series):
    from pandas.api import types

    if types.is_object_dtype(series.dtype) and series.isna().all():
        return RawColumn(name, "real", np.full(len(series), np.nan))
    if types.is_object_dtype(series.dtype):
        series = series.convert_dtypes()  # numbers, truth values with gaps
    dtype = series.dtype
    if types.is_bool_dtype(dtype):
        return RawColumn(name, "truth", series.to_numpy("float64", na_value=np.nan))
    if types.is_integer_dtype(dtype) or types.is_float_dtype(dtype):
        kind = "whole" if types.is_integer_dtype(dtype) else "real"
        return RawColumn(name, kind, series.to_numpy("float64", na_value=np.nan))
    if types.is_object_dtype(dtype) or types.is_string_dtype(dtype) or dtype == "category":
        unknown, texts = series.isna().to_numpy(), series.astype(object).to_numpy()
        texts = [None if empty else str(text) for text, empty in zip(texts, unknown, strict=True)]
        return RawColumn(name, "text", np.array(texts, object))
    raise InputError(f"column '{name}' has dtype {dtype}; accepted: numbers, truth values or text")


def encoded(column, raw):
    """Return a column's entries, float32 [N, E], NaN where it is missing.

    Args:
        column: `Column`.
        raw: `RawColumn`.

    Raises:
        InputError: text where numbers were, or a category that is not known.
    """
    if column.kind != "category":
        if raw.type == "text":
            text = next((each for each in raw.values if each is not None), "")
            raise InputError(f"column '{column.name}' holds text ({text!r}) where numbers were; accepted: numbers")
        known = raw.values[~raw.unknown]
        strange = known[~fitting(column.kind, known)]
        if len(strange):
            accepted = {"count": "integers from 0", "binary": "0 or 1"}[column.kind]
            raise InputError(f"column '{column.name}' holds {strange[0]:g}, a {column.kind}; accepted: {accepted}")
        return raw.values.astype("float32")[:, None]
    texts, known = raw.as_text(), {name: number for number, name in enumerate(column.categories)}
    strange = sorted({text for text in texts if text is not None and text not in known})
    if strange:
        raise InputError(f"column '{column.name}' holds {listed(strange)}; accepted: {listed(column.categories)}")
    unknown = raw.unknown
    codes = np.array([0 if text is None else known[text] for text in texts], int)
    entries = np.eye(len(known), dtype="float32")[codes]
    entries[unknown] = np.nan
    return entries


def fitting(kind, values):
    """Return which numbers can stand in a column of a kind, bool [N].

    Args:
        kind: of `KINDS`, but for 'category'.
        values: float [N], none missing.
    """
    if kind == "binary":
        return (values == 0) | (values == 1)
    return (values >= 0) & (values == np.rint(values)) if kind == "count" else np.ones(len(values), bool)


def listed(names, most=6):
    """Return names as a text, the first few of many."""
    names = [str(name) for name in names]
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])}, ... ({len(names)})"


def counted(names, where):
    """Return which columns hold something and how often, as a text.

    Args:
        names: of the columns.
        where: bool [N, D].
    """
    counts = where.sum(0)
    found = [f"{names[number]} ({counts[number]} of {len(where)})" for number in np.flatnonzero(counts)]
    return listed(found)
