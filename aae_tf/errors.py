"""The errors that speak to a user: what was given, what is accepted, what to do."""


def printable(text):
    """Return a text with what cannot be printed escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class InputError(ValueError):
    """An argument, option, dataset or directory that cannot be used; raised before any long work starts.

    Its message is one line: what cannot be printed (a line break or a terminal's command in the name of a file) is
    escaped.

    Args:
        message: what was given, what is accepted, what to do.
    """

    def __init__(self, message):
        super().__init__(printable(message))


class NonFiniteLossError(ArithmeticError):
    """A phase's loss, a validation number or a weight became NaN or infinite; the last good checkpoint is kept.

    Attributes:
        phase: name of the phase, of the validation number, or of the weight.
        epoch: epoch, counted from 1.
        step: step within the epoch, counted from 1; None for what is looked at after the epoch.
    """

    def __init__(self, phase, epoch, step=None, advice="reconstruction.learning_rate=..."):
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
    """Another of several workers has ended; what the chief kept last is where all of them go on from."""


class ServingError(RuntimeError):
    """A model server refused a request, did not answer, or is not there.

    Attributes:
        status: the HTTP status (or the gRPC code's name), None where there was no answer.
        transient: whether sending it again later may help.
    """

    def __init__(self, message, status=None, transient=False):
        self.status, self.transient = status, transient
        super().__init__(message if status is None else f"{status}: {message}")


def check_choice(what, given, accepted):
    """Return `given` if it is one of `accepted`.

    Args:
        what: what the value names, for the message ("recipe", "dataset").
        given: the value.
        accepted: iterable of accepted values.

    Returns:
        `given`.

    Raises:
        InputError: it is not; the message lists what is accepted and the closest match.
    """
    accepted = list(accepted)
    if given in accepted:
        return given
    import difflib

    close = difflib.get_close_matches(str(given), map(str, accepted), n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise InputError(f"unknown {what} '{given}'; accepted: {', '.join(map(str, accepted))}.{hint}")
