"""Times epochs of a convolutional model in several ways, in turn: compiled by XLA, by Keras's own batch normalisation,
and with half of the numbers' bits.

    python benchmarks/convolution_speed.py

`train(jit_compile=None)` decides by what this shows. Printed are seconds an epoch after the first, which compiles, and
their ratio to those of the training as it is by default.
"""

import statistics
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import aae_tf
from aae_tf.backend import keras
from aae_tf.networks.normalization import BatchNormalization

COMPILED = "compiled by XLA"
OURS, KERAS = BatchNormalization, keras.layers.BatchNormalization
WAYS = {  # which batch normalisation, and options of `train`
    "by default (float32, not compiled)": (OURS, {}),
    "mixed_bfloat16": (OURS, {"precision": "mixed_bfloat16"}),
    "Keras's batch normalisation": (KERAS, {}),
    "the same, mixed_bfloat16": (KERAS, {"precision": "mixed_bfloat16"}),
    COMPILED: (OURS, {"jit_compile": True}),
}


def seconds(chosen, way, epochs):
    """Return the median seconds of an epoch."""
    normalization, options = WAYS[way]
    patched = mock.patch("aae_tf.networks.layers.BatchNormalization", normalization)
    with patched, tempfile.TemporaryDirectory() as folder:
        run = aae_tf.train(
            "semi_supervised_views",
            chosen,
            architecture="convolutional",
            widths=(512,),
            decoder_batch_norm=True,
            epochs=epochs,
            progress=False,
            report=False,
            out_dir=Path(folder) / "run",
            **options,
        )
    return statistics.median(row["seconds"] for row in run.history[1:])


def main(images: int = 1000, epochs: int = 3, rounds: int = 3, compiled: bool = True):
    """Train on IMAGES embedded digits (less those held out) in every way, ROUNDS times each (XLA takes most of it)."""
    digits = aae_tf.data.load("mnist_5k").train
    rows = np.linspace(0, len(digits) - 1, images).astype(int)  # they are in the order of their labels
    chosen = digits.images[rows], digits.labels[rows]
    times = {way: [] for way in WAYS if compiled or way != COMPILED}
    for _ in range(rounds):
        for way, found in times.items():
            found.append(seconds(chosen, way, epochs))
    table = Table("", "s an epoch", "of the default's (median of the rounds' ratios)")
    plain = next(iter(times.values()))
    for way, found in times.items():
        ratio = statistics.median(first / second for first, second in zip(found, plain, strict=True))
        table.add_row(way, f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
