"""Options of reading a table: the kinds of its columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from aae_tf.config.schema import Choices, options_of
from aae_tf.data.tables.columns import RawColumn, listed
from aae_tf.errors import InputError, check_choice

ALL = "all"


@dataclass(frozen=True)
class TableOptions:
    """How a table is read: the options that a recipe has as `columns`.

    Attributes:
        label: name of the column that holds the labels; empty for none. Rows without one are unlabelled.
        real: columns of integers that are real numbers; 'all' for all without another kind.
        counts: columns that are counts.
        categorical: columns of numbers that are the codes of categories.
        drop: columns to leave out.
        missing: 'refuse', or the replacement of a missing value: the 'mean' or 'median' of the column's training rows
            (of categories the most frequent).
    """

    label: str = ""
    real: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    missing: Annotated[str, Choices(("refuse", "mean", "median"))] = "refuse"

    def kind_of(self, raw: RawColumn) -> str | None:
        """Return the kind that the options give a column, by its name or by 'all' for numbers, or None."""
        given = {"real": self.real, "count": self.counts, "category": self.categorical}
        named = [kind for kind, names in given.items() if raw.name in names]
        if not named and raw.type in ("real", "integer"):
            named = [kind for kind, names in given.items() if ALL in names]
        return named[0] if named else None

    def check(self, names: list[str]) -> None:
        """Refuse options that name unknown columns or a column twice, and a table with two columns of one name."""
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise InputError(f"several columns have one name: {listed(doubled)}")
        named = {option: getattr(self, option) for option in ("real", "counts", "categorical", "drop")}
        named["label"] = (self.label,) if self.label else ()
        for option, wanted in named.items():
            accepted = (*names, ALL) if option in ("real", "counts", "categorical") else names
            unknown = [name for name in wanted if name not in accepted]
            if unknown:
                raise InputError(f"{option} names {listed(unknown)}; the table has {listed(names)}")
        every = [name for wanted in named.values() for name in wanted if name != ALL]
        twice = next((name for name in every if every.count(name) > 1), None)
        if twice is not None:
            options = ", ".join(option for option, wanted in named.items() if twice in wanted)
            raise InputError(f"'{twice}' is named in several of the options of columns ({options}); name it once")


TABLE_OPTIONS = options_of(TableOptions)


def read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as `TableOptions` takes them; several columns may be given as "a,b", one by its name."""
    for name in given:
        check_choice("option of columns", name, TABLE_OPTIONS)
    several = {name for name, option in TABLE_OPTIONS.items() if option.kind is not str}  # names may hold brackets
    parts = {name: given[name].split(",") for name in several & given.keys() if isinstance(given[name], str)}
    return {name: TABLE_OPTIONS[name].read(parts.get(name, each)) for name, each in given.items()}
