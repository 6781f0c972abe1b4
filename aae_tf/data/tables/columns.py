"""The columns of a table: their names and kinds, and the conversion of rows to numbers.

`Columns` belong to the `Dataset`, to the scale layer of the model, and to its file and SavedModel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.errors import InputError

if TYPE_CHECKING:
    import pandas

KINDS = ("real", "count", "binary", "category")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its name.
        kind: 'real' (any number), 'count' (0, 1, 2, ...), 'binary' (0 or 1) or 'category' (one of several names).
        categories: names of the categories, in the order of the entries; empty for the other kinds.
    """

    name: str
    kind: str = "real"
    categories: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of its numbers: its own name, or one for each category ('colour=red')."""
        return tuple(f"{self.name}={each}" for each in self.categories) or (self.name,)


@dataclass(frozen=True)
class Columns:
    """The columns of a table, in their order. A row is float32 [D], D the number of `entries`: categories are one-hot.

    Attributes:
        columns: tuple of `Column`.
        fill: replacement of a missing value, a number for each entry; None to refuse missing values.
    """

    columns: tuple[Column, ...]
    fill: tuple[float, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(each.name for each in self.columns)

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of a row's numbers, a tuple of D."""
        return tuple(entry for each in self.columns for entry in each.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def of_kind(self, *kinds: str) -> np.ndarray:
        """Return the positions of the entries of columns of these kinds, int array."""
        return np.flatnonzero(np.repeat([each.kind in kinds for each in self.columns], self._sizes))

    def parts(self) -> list[tuple[str, np.ndarray]]:
        """Return the groups of entries of one distribution, (kind, positions) each; every category is a group."""
        alike = [(kind, self.of_kind(kind)) for kind in KINDS if kind != "category"]
        parts = np.split(np.arange(len(self)), np.cumsum(self._sizes)[:-1])
        one_hot = [
            (each.kind, part) for each, part in zip(self.columns, parts, strict=False) if each.kind == "category"
        ]
        return [(kind, where) for kind, where in (*alike, *one_hot) if len(where)]

    @property
    def _sizes(self):
        return [len(each.entries) for each in self.columns]

    def encode(self, table: "pandas.DataFrame | ArrayLike") -> np.ndarray:
        """Return rows as float32 [N, D], with missing values replaced by `fill`.

        Args:
            table: a pandas DataFrame (or an object with `to_pandas`) with these columns in this order, scipy sparse
                rows, or an array [N, D] of the entries.

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
            accepted = f"[N, {len(self)}] with N > 0, in the order {listed(self.entries)}"
            raise InputError(f"rows of shape {rows.shape} were given; accepted: {accepted}")
        if rows.dtype.kind not in "biuf":
            raise InputError(f"rows of dtype {rows.dtype} were given; accepted: numbers, or a DataFrame")
        return rows.astype("float32")

    def _frame(self, frame):
        given = [str(name) for name in frame.columns]
        missing = [name for name in self.names if name not in given]
        extra = [name for name in given if name not in self.names]
        if missing or extra:
            parts = {"without": missing, "with extra": extra}
            text = " and ".join(f"{word} {listed(names)}" for word, names in parts.items() if names)
            raise InputError(f"a table {text} was given; accepted: the columns {listed(self.names)}")
        if given != list(self.names):
            raise InputError(f"the columns are in another order, {listed(given)}; accepted: {listed(self.names)}")
        if not len(frame):
            raise InputError("a table without rows was given; accepted: one row or more")
        raw = raw_columns(frame)
        return np.concatenate([encoded(column, each) for column, each in zip(self.columns, raw, strict=True)], 1)

    def with_fill(self, fill: ArrayLike) -> "Columns":
        """Return these columns with replacements of missing values, float [D]."""
        return replace(self, fill=tuple(float(value) for value in fill))

    def get_config(self) -> dict[str, Any]:
        """Return these columns as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Columns":
        """Return the columns that `get_config` describes."""
        columns = (Column(each["name"], each["kind"], tuple(each["categories"])) for each in config["columns"])
        return cls(tuple(columns), None if config["fill"] is None else tuple(config["fill"]))


@dataclass(frozen=True)
class RawColumn:
    """A column of a user's table."""

    name: str
    type: str  # 'real', 'integer', 'boolean' or 'text', by its dtype
    values: np.ndarray  # float64 [N], NaN where missing; of text an object array of str, None where missing

    @property
    def unknown(self) -> np.ndarray:
        """Missing values, bool [N]."""
        return np.equal(self.values, None) if self.type == "text" else np.isnan(self.values)

    @property
    def known(self) -> np.ndarray:
        """The values that are not missing."""
        return self.values[~self.unknown]

    def invalid_for(self, kind: str) -> np.ndarray:
        """Return the known numbers that are not valid in a column of a kind (no category)."""
        known = self.known
        if kind == "binary":
            return known[(known != 0) & (known != 1)]
        return known[(known < 0) | (known != np.rint(known))] if kind == "count" else known[:0]

    def as_text(self) -> np.ndarray:
        """Return the values as names, object array [N] of str, None where missing."""
        if self.type == "text":
            return self.values
        return np.array([None if np.isnan(value) else number_name(value) for value in self.values], object)


def number_name(value: float) -> str:
    """Return the name of a number as a category; integers are without decimal point."""
    return f"{value:.0f}" if value == np.rint(value) else f"{value:.15g}"


def as_frame(table: Any) -> "pandas.DataFrame | None":
    """Return a pandas DataFrame of a DataFrame or of an object with `to_pandas` (polars, pyarrow), else None."""
    if hasattr(table, "iloc") and hasattr(table, "columns"):
        return table
    return table.to_pandas() if hasattr(table, "to_pandas") else None


def raw_columns(frame: "pandas.DataFrame") -> list[RawColumn]:
    """Return the columns of a DataFrame; refuse other values than numbers, booleans and text, such as dates."""
    return [_raw(str(name), frame.iloc[:, number]) for number, name in enumerate(frame.columns)]


def _raw(name, series):
    from pandas.api import types

    if types.is_object_dtype(series.dtype) and series.isna().all():
        return RawColumn(name, "real", np.full(len(series), np.nan))
    if types.is_object_dtype(series.dtype):
        series = series.convert_dtypes()  # numbers and booleans with missing values
    dtype = series.dtype
    if types.is_bool_dtype(dtype):
        return RawColumn(name, "boolean", series.to_numpy("float64", na_value=np.nan))
    if types.is_integer_dtype(dtype) or types.is_float_dtype(dtype):
        kind = "integer" if types.is_integer_dtype(dtype) else "real"
        return RawColumn(name, kind, series.to_numpy("float64", na_value=np.nan))
    if types.is_object_dtype(dtype) or types.is_string_dtype(dtype) or dtype == "category":
        unknown, texts = series.isna().to_numpy(), series.astype(object).to_numpy()
        texts = [None if empty else str(text) for text, empty in zip(texts, unknown, strict=True)]
        return RawColumn(name, "text", np.array(texts, object))
    raise InputError(f"column '{name}' has dtype {dtype}; accepted: numbers, booleans or text")


def encoded(column: Column, raw: RawColumn) -> np.ndarray:
    """Return the entries of a column, float32 [N, E], NaN where missing; refuse values that do not fit it."""
    if column.kind != "category":
        if raw.type == "text":
            text = next((each for each in raw.values if each is not None), "")
            raise InputError(f"column '{column.name}' holds text ({text!r}) where numbers were; accepted: numbers")
        invalid = raw.invalid_for(column.kind)
        if len(invalid):
            accepted = {"count": "integers from 0", "binary": "0 or 1"}[column.kind]
            raise InputError(f"column '{column.name}' holds {invalid[0]:g}, a {column.kind}; accepted: {accepted}")
        return raw.values.astype("float32")[:, None]
    texts, numbers = raw.as_text(), {name: number for number, name in enumerate(column.categories)}
    invalid = sorted({text for text in texts if text is not None and text not in numbers})
    if invalid:
        raise InputError(f"column '{column.name}' holds {listed(invalid)}; accepted: {listed(column.categories)}")
    codes = np.array([0 if text is None else numbers[text] for text in texts], int)
    entries = np.eye(len(numbers), dtype="float32")[codes]
    entries[raw.unknown] = np.nan
    return entries


def listed(names: Sequence, most: int = 6) -> str:
    """Return names as a text, the first ones of many."""
    names = [str(name) for name in names]
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])}, ... ({len(names)})"


def counted(names: Sequence[str], where: np.ndarray) -> str:
    """Return the names of columns with any True value in bool [N, D], with their numbers, as a text."""
    found = zip(names, where.sum(0), strict=True)
    return listed([f"{name} ({count} of {len(where)})" for name, count in found if count])
