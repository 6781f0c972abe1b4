"""Times epochs of a convolutional model with its steps compiled by XLA and without, in turn.

    python benchmarks/convolution_speed.py

`train(jit_compile=None)` decides by what this shows. Printed are seconds an epoch after the first, which compiles.
"""

import statistics
import tempfile
from pathlib import Path

import numpy as np
import typer

import aae_tf


def main(images: int = 1000, epochs: int = 4, rounds: int = 3):
    """Train on IMAGES of the embedded digits (less those held out), compiled and not, ROUNDS times each."""
    digits = aae_tf.data.load("mnist_5k").train
    rows = np.linspace(0, len(digits) - 1, images).astype(int)  # they are in the order of their labels
    chosen = digits.images[rows], digits.labels[rows]
    times = {True: [], False: []}
    for number in range(rounds):
        for compiled, found in times.items():
            run = aae_tf.train(
                "semi_supervised",
                chosen,
                architecture="convolutional",
                filters=(16, 32, 64),
                epochs=epochs,
                jit_compile=compiled,
                progress=False,
                out_dir=Path(tempfile.mkdtemp()) / f"{number}",
            )
            found.append(statistics.median(row["seconds"] for row in run.history[1:]))
    for compiled, found in times.items():
        name = "compiled" if compiled else "not compiled"
        print(f"{name}: {statistics.median(found):.2f} s an epoch, median ({min(found):.2f} to {max(found):.2f})")
    ratios = [first / second for first, second in zip(times[True], times[False], strict=True)]
    print(f"ratio {statistics.median(ratios):.1f} (median of the rounds' ratios)")


if __name__ == "__main__":
    typer.run(main)
