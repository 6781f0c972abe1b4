"""Minutes of training to a validation error on MNIST: aae_tf's recipes and the paper's algorithm in plain PyTorch.

    python -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    python benchmarks/time_to_error.py --torch /tmp/torch/bin/python

(On a machine without a GPU take PyTorch's CPU build.) With 100 labels, the same for all, and without: each trains in a
process of its own and is asked for an epoch in turn, until it has met the last target, has trained for `--minutes` of
its own, or its epochs are over. The clock of each runs while it trains and validates, from before the data is read;
imports are left out. MNIST is TFDS's; its test images are not read.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from step_speed import Worker

from aae_tf import data
from aae_tf.figures.colours import colour

PAPER = "the paper's algorithm, plain PyTorch"
TASKS = {  # labels: what is counted, targets, recipes with the changes they are run with
    100: ("100 labels", (0.05, 0.03, 0.02), {"semi_supervised": {"epochs": 50}, "semi_supervised_views": {}}),
    0: (
        "no labels, 16 clusters",
        (0.10,),
        {"clustering": {"epochs": 50}, "clustering_views": {}},
    ),
}


class Contender(Worker):
    """A worker that is asked for epochs."""

    def __init__(self, name, python, script, *arguments):
        super().__init__(name, python, script, *arguments)
        self.seconds, self.errors, self.over = [], [], False

    def train_epoch(self, last, minutes):
        """Have it train an epoch, and note whether there is reason for another."""
        self.process.stdin.write("an epoch\n")
        self.process.stdin.flush()
        answer = self.read()
        if answer["error"] is not None:
            self.seconds.append(answer["seconds"])
            self.errors.append(answer["error"])
        self.over = answer["error"] is None or self.errors[-1] <= last or sum(self.seconds) >= 60 * minutes

    def minutes_to(self, target):
        """Return the minutes until the error was first at most `target`, None if it never was."""
        met = np.flatnonzero(np.array(self.errors) <= target)
        return sum(self.seconds[: met[0] + 1]) / 60 if len(met) else None


def write_for_torch(dataset, labels, path):
    """Write MNIST with the labels that the recipes have with seed 0."""
    dataset = dataset.with_labels(labels, 0)
    train, held_out = dataset.train, dataset.validation
    np.savez(
        path,
        images=train.images.reshape(len(train), -1),
        labels=train.labels,
        validation_images=held_out.images.reshape(len(held_out), -1),
        validation_labels=held_out.labels,
    )


def figure_of(found):
    """Return the errors over minutes, a panel a task, its targets as dotted lines."""
    figure = Figure(figsize=(5.5 * len(found), 3.8), layout="constrained")
    for axes, (labels, contenders) in zip(figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
        title, targets, _ = TASKS[labels]
        for number, each in enumerate(contenders):
            minutes = np.cumsum(each.seconds) / 60
            axes.plot(minutes, 100 * np.array(each.errors), "-o", ms=3, color=colour(number), label=each.name)
        for target in targets:
            axes.axhline(100 * target, color="0.6", lw=0.8, ls=":")
        axes.set(title=title, xlabel="minutes of training", ylabel="validation error, %", yscale="log")
        axes.set_yticks([1, 2, 3, 5, 10, 20, 50], [1, 2, 3, 5, 10, 20, 50], minor=False)
        axes.minorticks_off()
        axes.legend(frameon=False, fontsize=8)
    return figure


def main(
    torch: Annotated[str | None, typer.Option(help="Interpreter of an environment with torch.")] = None,
    minutes: Annotated[float, typer.Option(help="How long each may train.")] = 15.0,
    labels: Annotated[int | None, typer.Option(help="100 or 0 alone.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Where to draw the errors over time, a .png file.")] = None,
):
    """Time the way to an error, in turn."""
    mnist, found = data.load("mnist"), {}
    for count in TASKS if labels is None else (labels,):
        title, targets, recipes = TASKS[count]
        with tempfile.TemporaryDirectory() as folder:
            contenders = []
            if torch:
                path = Path(folder) / "mnist.npz"
                write_for_torch(mnist, count, path)
                classes = 10 if count else 16
                contenders.append(Contender(PAPER, torch, "torch_epochs_worker.py", path, str(classes)))
            for recipe, changes in recipes.items():
                options = {"dataset": "mnist", **({"labels": count} if count else {}), **changes}
                worker = ("aae_tf_epochs_worker.py", recipe, json.dumps(options))
                contenders.append(Contender(f"aae_tf, {recipe}", sys.executable, *worker))
            while running := [each for each in contenders if not each.over]:
                for each in running:
                    each.train_epoch(targets[-1], minutes)
            for each in contenders:
                each.process.kill()
        found[count] = contenders
        columns = [f"minutes to {100 * target:g} %" for target in targets]
        table = Table(title, *columns, "least error", "trained for", "an epoch, median", box=None)
        for each in contenders:
            met = [each.minutes_to(target) for target in targets]
            table.add_row(
                each.name,
                *("not met" if each is None else f"{each:.1f}" for each in met),
                f"{100 * min(each.errors):.2f} %",
                f"{sum(each.seconds) / 60:.1f} minutes, {len(each.errors)} epochs",
                f"{np.median(each.seconds):.1f} s",
            )
        Console(width=160).print(table)
    if figure is not None:
        figure_of(found).savefig(figure, dpi=150)


if __name__ == "__main__":
    typer.run(main)
