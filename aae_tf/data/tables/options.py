"""How a table is read: which of its columns are what."""

from dataclasses import dataclass
from typing import Annotated

from aae_tf.config.schema import Choices, options_of
from aae_tf.data.tables.columns import listed
from aae_tf.errors import InputError, check_choice

ALL = "all"


@dataclass(frozen=True)
class TableOptions:
    """How a table is read; what a recipe has as `columns`.

    Attributes:
        label: name of the column that holds the labels; empty for none. Rows without one are unlabelled.
        real: columns of integers that are real numbers; 'all' for all that are not said to be something else.
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

    def check(self, names):
        """Refuse names that a table does not have, or has or is given twice.

        Args:
            names: of the table's columns, list of str.

        Raises:
            InputError: any of these.
        """
        if len(set(names)) < len(names):
            doubled = sorted({name for name in names if names.count(name) > 1})
            raise InputError(f"several columns have one name: {listed(doubled)}")
        named = {option: getattr(self, option) for option in ("real", "counts", "categorical", "drop")}
        named["label"] = (self.label,) if self.label else ()
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
