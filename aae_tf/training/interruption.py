"""Ctrl-C and SIGTERM in training: the steps under way are finished and kept before the training ends."""

import contextlib
import signal
import sys
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """What has asked a training to end; false until something has.

    Attributes:
        signal: the signal's number, None without one.
    """

    def __init__(self):
        self.signal = None

    def __bool__(self):
        return self.signal is not None

    def end(self):
        """End the training as the signal would have: by KeyboardInterrupt or by exit code 143.

        Raises:
            KeyboardInterrupt: after SIGINT.
            SystemExit: after SIGTERM, with code 128 + 15.
        """
        raise KeyboardInterrupt if self.signal == signal.SIGINT else SystemExit(128 + self.signal)


@contextlib.contextmanager
def interruptible():
    """Note Ctrl-C and SIGTERM in an `Interruption`; the same signal again ends the process at once.

    Signals are the main thread's: in another one nothing is noted, nor where a program has handlers of its own.
    """
    noted, before = Interruption(), {}

    def note(number, frame):
        noted.signal = number
        signal.signal(number, before[number])
        print("finishing the steps under way; again, and they are not kept", file=sys.stderr)

    usual = (signal.SIG_DFL, signal.default_int_handler)
    if threading.current_thread() is threading.main_thread():
        before |= {number: found for number in SIGNALS if (found := signal.getsignal(number)) in usual}
    for number in before:
        signal.signal(number, note)
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
