"""Progress of a training: a live line in a terminal or notebook, plain lines elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from aae_tf.backend import keras

PLAIN_SECONDS = 5.0


def show(losses: dict[str, float]) -> str:
    """Return losses by name as text, without the timing."""
    return "  ".join(f"{name} {value:.4g}" for name, value in losses.items() if name != "seconds")


@contextlib.contextmanager
def sample_progress(total: int, console: Console | None = None) -> Iterator[Callable[[str, int], None]]:
    """Show how many of `total` samples a long likelihood has used; yields a function (description, samples so far)."""
    console = console or Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as display:
        task = display.add_task("samples", total=total)
        yield lambda text, seen: display.update(task, description=text, completed=seen)


class ProgressDisplay(keras.callbacks.Callback):
    """Shows the epoch, each phase's loss by name, elements ('images' or 'rows') a second and the remaining time."""

    def __init__(self, batch_size: int, console: Console | None = None, elements: str = "images"):
        super().__init__()
        self.batch_size, self.elements = batch_size, elements
        self.console = console or Console(stderr=True)
        self.live = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Start the display."""
        self.epoch, self.steps, self.started, self.printed, self.rate = 0, self.params["steps"], None, 0.0, 0.0
        if self.console.is_terminal or self.console.is_jupyter:
            columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
            self.live = Progress(*columns, console=self.console, transient=True)
            self.live.start()
            self.task = self.live.add_task("compiling", total=self.params["epochs"] * self.steps)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Record the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Update rate, losses and remaining time; the first call compiles and does not count for the rate."""
        now = time.monotonic()
        position = self.epoch * self.steps + batch + 1
        if self.started is None:
            self.started, self.start = now, position
            return
        self.rate = (position - self.start) * self.batch_size / max(now - self.started, 1e-6)
        if self.live:
            text = f"epoch {self.epoch + 1}/{self.params['epochs']}  {show(logs)}  {self.rate:,.0f} {self.elements}/s"
            self.live.update(self.task, completed=position, description=text)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Without a terminal, print a line at intervals and for the last epoch."""
        now = time.monotonic()
        last = epoch + 1 == self.params["epochs"]
        if self.live or (now - self.printed < PLAIN_SECONDS and not last):
            return
        self.printed, remaining = now, ""
        if self.rate:
            seconds = (self.params["epochs"] - epoch - 1) * self.steps * self.batch_size / self.rate
            remaining = f"  {self.rate:,.0f} {self.elements}/s  {seconds:.0f} s left"
        line = f"epoch {epoch + 1}/{self.params['epochs']}  {show(logs)}{remaining}"
        self.console.print(line, highlight=False, soft_wrap=True)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Stop the display."""
        self.close()

    def close(self) -> None:
        """Stop the live display, also when training ends with an error."""
        if self.live:
            self.live.stop()
            self.live = None
