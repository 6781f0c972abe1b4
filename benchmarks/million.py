"""Trains on a million images of 64 x 64 x 3 that are read from a pack, in turn with as many as fit in memory.

    python benchmarks/million.py                                 # 12.3 GB in the temporary folder, deleted at the end
    python benchmarks/million.py --images 20000 --steps 50       # small

The images are blocks of colour, made on the way into the pack. Each training is a process of its own, `aae_tf.train` of
recipe "gaussian" with its networks of section 2 (`--widths`), batch 100, stopped after some steps; then it measures the
validation images, as at the end of an epoch. Said are its speed (from the end of an epoch's first chunk, which may
compile, to that of its last), the time from its start to its first step, and its peak memory (Linux).
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BEGUN = time.monotonic()

import numpy as np  # noqa: E402
import typer  # noqa: E402

import aae_tf  # noqa: E402
from aae_tf.backend import keras, tf  # noqa: E402

BLOCK = 500
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def blocks(count):
    """Yield images, uint8 [500, 64, 64, 3], the same at each call."""
    for number in range(count // BLOCK):
        coarse = np.random.default_rng(number).integers(0, 256, (BLOCK, 8, 8, 3), dtype=np.uint8)
        yield coarse.repeat(8, 1).repeat(8, 2)


class Enough(Exception):
    """As many steps are done as were asked for."""


class Clock(keras.callbacks.Callback):
    """Times steps, what they wait for included, and ends training after some."""

    def __init__(self, most):
        super().__init__()
        self.most, self.done, self.timed, self.seconds, self.first = most, 0, 0, 0.0, None

    def on_epoch_begin(self, epoch, logs=None):
        self.last = None

    def on_train_batch_begin(self, batch, logs=None):
        self.first = self.first or time.monotonic() - BEGUN

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        step, before = self.last or (-1, None)
        self.done += batch - step
        if before is not None:
            self.timed += batch - step
            self.seconds += now - before
        self.last = batch, now
        if self.done >= self.most:
            raise Enough


@app.command()
def pack(dest: str, images: int):
    """Pack the images from a stream, and print the seconds."""
    spec = tf.TensorSpec((None, 64, 64, 3), tf.uint8)
    aae_tf.data.pack(tf.data.Dataset.from_generator(lambda: blocks(images), output_signature=spec), dest)
    print(json.dumps({"seconds": time.monotonic() - BEGUN, "peak_mib": peak()}))


@app.command()
def train(source: str, steps: int, widths: str, out: str):
    """Train on a pack, or on so many images in memory, and print what was measured."""
    given = np.concatenate(list(blocks(int(source)))) if source.isdecimal() else source
    dataset, clock = aae_tf.data.load(given), Clock(steps)
    options = {"widths": widths, "batch_size": 100, "epochs": 1 + steps // (len(dataset.train) // 100)}
    try:
        aae_tf.train("gaussian", dataset, callbacks=clock, out_dir=out, progress=False, report=False, **options)
    except Enough:
        clock.model.validate(dataset.validation)
    found = {"steps_per_second": clock.timed / clock.seconds, "first_step": clock.first, "peak_mib": peak()}
    print(json.dumps(found))


def peak():
    """Return the peak memory of this process, MiB; getrusage would count what it was started from."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def ask(*arguments):
    """Return what a process of its own prints."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    images: int = 1_000_000,
    in_memory: int = 50_000,
    steps: int = 2_000,
    rounds: int = 1,
    widths: str = "1000,1000",
):
    """Pack, train in turn, print, delete."""
    if context.invoked_subcommand:
        return
    with tempfile.TemporaryDirectory() as folder:
        made = ask("pack", f"{folder}/packed", images)
        size = sum(path.stat().st_size for path in Path(folder, "packed").iterdir()) / 1e9
        print(f"packed {images:,} images, {size:.1f} GB, in {made['seconds']:.0f} s; peak {made['peak_mib']:,.0f} MiB")
        ratios = []
        for number in range(rounds):
            speeds = []
            for name, source in {"packed": f"{folder}/packed", "in memory": min(in_memory, images)}.items():
                found = ask("train", source, steps, widths, f"{folder}/{name}-{number}")
                speeds.append(found["steps_per_second"])
                print(
                    f"{name:9}  {speeds[-1]:6.2f} steps/s, first step after {found['first_step']:.1f} s, "
                    f"peak {found['peak_mib']:,.0f} MiB"
                )
            ratios.append(speeds[0] / speeds[1])
        print(f"packed / in memory {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    app()
