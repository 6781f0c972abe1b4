"""Options: the accepted values of a constructor's arguments, read from its signature.

The options of a model, a network or a prior are its arguments with defaults. Annotations restrict their values:

    def __init__(self, dim=2, radius: Annotated[float, Range(0)] = 4.0): ...
    def __init__(self, adversarial_loss: Annotated[str, ADVERSARIAL] = "non_saturating"): ...

Nothing here imports TensorFlow.
"""

import inspect
import math
import os
import types
import typing
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aae_tf.errors import InputError, check_choice

if TYPE_CHECKING:
    from aae_tf.config.registry import Registry


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; for a tuple, each of its numbers."""

    low: float
    high: float | None = None

    def check(self, name: str, value: Any) -> Any:
        """Return the value of the option `name`, checked."""
        for number in value if isinstance(value, tuple) else (value,):
            numeric = isinstance(number, int | float) and not isinstance(number, bool)
            if not numeric or not (self.low <= number < math.inf and (self.high is None or number <= self.high)):
                raise InputError(f"{name}={value!r} is out of range; accepted: numbers {self}")
        return value

    def __str__(self) -> str:
        return f"at least {self.low}" if self.high is None else f"from {self.low} to {self.high}"


@dataclass(frozen=True)
class Choices:
    """One of some names; a `Registry` can be used in its place."""

    names: tuple

    def check(self, name: str, value: Any) -> Any:
        """Return the value of the option `name`, checked."""
        return check_choice(name, value, self.names)


@dataclass(frozen=True)
class Option:
    """One option."""

    name: str
    default: Any
    kind: Any  # its type
    checks: tuple = ()  # `Range`, `Choices` or `Registry` objects that its value must pass

    def read(self, value: Any) -> Any:
        """Return a value, or text from the command line, as the option's type; `InputError` if that fails."""
        value = read(self.name, self.kind, value)
        for check in self.checks:
            check.check(self.name, value)
        return value

    @property
    def accepts(self) -> str:
        """The accepted values, as text; empty if any value of its type is."""
        if self.kind is bool:
            return "true, false"
        texts = (
            str(check) if isinstance(check, Range) else ", ".join(map(str, getattr(check, "names", check)))
            for check in self.checks
        )
        return "; ".join(texts)

    @property
    def registry(self) -> "Registry | None":
        """The `Registry` of the option's values, or None."""
        return next((check for check in self.checks if not isinstance(check, Range | Choices)), None)


def arguments_of(thing: Any) -> dict[str, inspect.Parameter]:
    """Return the arguments of a function, or of a class and of the bases that take the rest, without Keras' own."""
    bases = [each for each in getattr(thing, "__mro__", ()) if each.__module__.partition(".")[0] != "keras"]
    builders = [vars(each).get("__init__") for each in bases] if inspect.isclass(thing) else [thing]
    found = {}
    for maker in filter(inspect.isroutine, builders):
        arguments = inspect.signature(maker).parameters.values()
        found = {
            each.name: each for each in arguments if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        } | found
        if not any(each.kind is each.VAR_KEYWORD for each in arguments):
            break
    return {name: each for name, each in found.items() if name != "self"}


def options_of(thing: Any, given: Collection[str] = ()) -> dict[str, Option]:
    """Return the options of a class or a function: its arguments with defaults, without those named in `given`."""
    return {
        name: _option(name, each.default, type(each.default) if each.annotation is each.empty else each.annotation)
        for name, each in arguments_of(thing).items()
        if each.default is not each.empty and name not in given
    }


def _option(name, default, kind):
    """Return an `Option` of an annotation."""
    kind, *checks = typing.get_args(kind) if typing.get_origin(kind) is typing.Annotated else (kind,)
    return Option(name, default, kind, tuple(checks))


_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_WANTED = {int: "an integer", float: "a number", bool: "true or false", str: "a name"}


def read(name: str, kind: Any, value: Any) -> Any:
    """Return a value, or text from the command line, as a type, of the option `name`; `InputError` if that fails."""
    try:
        return _read(name, kind, value)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        wanted = _WANTED.get(kind, str(kind).replace("|", "or"))
        if typing.get_origin(kind) is tuple or kind is tuple:
            wanted = "values separated by commas"
        raise InputError(f"{name}={value!r} cannot be read; accepted: {wanted}") from None


def _read(name, kind, value):
    if isinstance(kind, types.UnionType):
        return _read_union(name, typing.get_args(kind), value)
    if typing.get_origin(kind) is tuple or kind is tuple:
        parts = value.replace("(", "").replace(")", "").split(",") if isinstance(value, str) else value
        item = (typing.get_args(kind) or (str,))[0]
        return tuple(_read(name, item, part.strip() if isinstance(part, str) else part) for part in parts if part != "")
    if kind is bool:
        return _TRUTH[value.lower()] if isinstance(value, str) else {True: True, False: False}[value]
    if kind in (int, float):
        number = float(value)
        if isinstance(value, bool) or (kind is int and number != int(number)):
            raise ValueError
        return kind(number)
    if kind is dict:
        return dict(value)
    if kind is str and isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, kind):
        return value
    raise ValueError


def _read_union(name, kinds, value):
    """Read as the first type that fits; '0' and '1' are numbers where a number is accepted."""
    plain = [kind for kind in kinds if isinstance(kind, type) and type(value) is kind]
    numbers = [kind for kind in kinds if kind is not bool] if value in ("0", "1") else list(kinds)
    for kind in plain or numbers:
        try:
            return _read(name, kind, value)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    raise ValueError


class Checked:
    """Base of dataclasses whose fields are checked by their annotations."""

    def __post_init__(self) -> None:
        for name, option in fields_of(type(self)).items():
            for check in option.checks:
                check.check(name, getattr(self, name))


def fields_of(kind: type) -> dict[str, Option]:
    """Return the fields of a dataclass as `Option`s by name."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {name: _option(name, None, hint) for name, hint in hints.items()}
