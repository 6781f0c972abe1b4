"""Ctrl-C and SIGTERM in training: the current steps are finished and saved before training ends."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """A request to end training; false until a signal arrives, whose number `signal` then holds."""

    def __init__(self):
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    def end(self) -> NoReturn:
        """End as the signal would have: by `KeyboardInterrupt`, or by `SystemExit` with code 143."""
        raise KeyboardInterrupt if self.signal == signal.SIGINT else SystemExit(128 + self.signal)


@contextlib.contextmanager
def interruptible() -> Iterator[Interruption]:
    """Record Ctrl-C and SIGTERM in an `Interruption`; the same signal again ends the process at once."""
    noted, before = Interruption(), {}

    def note(number, frame):
        noted.signal = number
        signal.signal(number, before[number])
        print("finishing the current steps; interrupt again to end without saving them", file=sys.stderr)

    # Signals belong to the main thread; where a program has its own handlers, none is recorded.
    default = (signal.SIG_DFL, signal.default_int_handler)
    if threading.current_thread() is threading.main_thread():
        before |= {number: found for number in SIGNALS if (found := signal.getsignal(number)) in default}
    for number in before:
        signal.signal(number, note)
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
