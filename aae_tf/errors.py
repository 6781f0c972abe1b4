"""Errors for users; their messages state what was given, what is accepted and what to do."""

import difflib
from collections.abc import Iterable
from typing import TypeVar

Value = TypeVar("Value")


def printable(text: str) -> str:
    """Return a text with unprintable characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class InputError(ValueError):
    """An argument, option, dataset or directory that cannot be used; raised before any long work starts.

    The message is one line: unprintable characters, such as line breaks in file names, are escaped.

    Args:
        message: what was given, what is accepted, what to do.
    """

    def __init__(self, message: str):
        super().__init__(printable(message))


class NonFiniteLossError(ArithmeticError):
    """The loss of a phase, a validation metric or a weight became NaN or infinite; the last finite checkpoint is kept.

    Attributes:
        phase: name of the phase, validation metric or weight.
        epoch: epoch, counted from 1.
        step: step within the epoch, counted from 1; None for values checked after the epoch.
    """

    def __init__(
        self, phase: str, epoch: int, step: int | None = None, advice: str = "reconstruction.learning_rate=..."
    ):
        self.phase, self.epoch, self.step = phase, epoch, step
        what = f"'{phase}' is not finite after epoch {epoch}; lower the learning rates"
        if step is not None:
            what = f"the loss of phase '{phase}' is not finite at epoch {epoch}, step {step}; "
            what += "lower that phase's learning rate"
        super().__init__(
            f"{what} (for example --set {advice}) or use float32. The last good checkpoint is kept: --from-last-good "
            "(from_last_good=True) goes on from it by other rates."
        )


class WorkerLostError(RuntimeError):
    """Another worker has ended; all of them resume from the chief's last checkpoint."""


class ServingError(RuntimeError):
    """A model server refused a request, did not answer, or cannot be reached.

    Attributes:
        status: HTTP status, or name of the gRPC code; None if there was no answer.
        transient: whether a later retry may succeed.
    """

    def __init__(self, message: str, status: int | str | None = None, transient: bool = False):
        self.status, self.transient = status, transient
        super().__init__(message if status is None else f"{status}: {message}")


def check_choice(what: str, given: Value, accepted: Iterable[Value]) -> Value:
    """Return `given` if it is one of `accepted`.

    Args:
        what: name of the value in the message ("recipe", "dataset").
        given: the value.
        accepted: the accepted values.

    Raises:
        InputError: it is not; the message lists the accepted values and the closest match.
    """
    accepted = list(accepted)
    if given in accepted:
        return given
    close = difflib.get_close_matches(str(given), map(str, accepted), n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise InputError(f"unknown {what} '{given}'; accepted: {', '.join(map(str, accepted))}.{hint}")
