"""Losses over epochs, and which classes are taken for which."""

import numpy as np
from matplotlib.figure import Figure

from aae_tf.figures.colours import INK, colour


def confusion_matrix(counts, class_names, title="classes of held-out images"):
    """How many images of each class were taken for each: right ones in grey, wrong ones by colour.

    Args:
        counts: int [K, K], true class by predicted class.
        class_names: name of each class.
        title: title of the figure.
    """
    figure = Figure(figsize=(0.5 * len(counts) + 1.6, 0.5 * len(counts) + 1.4), layout="constrained")
    axes = figure.subplots()
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(1, wrong.max() * 1.4))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            weight = "bold" if row == column else "normal"
            axes.text(column, row, f"{count}", ha="center", va="center", fontsize=7, color=INK, weight=weight)
    axes.set_xticks(range(len(counts)), class_names, fontsize=8)
    axes.set_yticks(range(len(counts)), class_names, fontsize=8)
    error = 1 - np.trace(counts) / counts.sum()
    axes.set(xlabel="predicted", ylabel="true", title=f"{title}: {100 * error:.2f} % wrong")
    return figure


def losses(history, title="losses"):
    """Each phase's loss over epochs, reconstruction errors and adversarial losses in panels of their own.

    Args:
        history: list of dicts, one an epoch: 'epoch' and losses by name.
        title: title of the figure.
    """
    names = [name for name in history[-1] if name not in ("epoch", "seconds")]
    games = [name for name in names if name.startswith(("discriminator", "generator"))]
    errors = [name for name in names if name.startswith("val_")]
    rest = [name for name in names if name not in games + errors]
    panels = [panel for panel in (rest, games, errors) if panel]
    figure = Figure(figsize=(4.2 * len(panels), 3.2), layout="constrained")
    for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        for number, name in enumerate(panel):
            points = [(row["epoch"], row[name]) for row in history if name in row]
            axes.plot(*zip(*points, strict=True), color=colour(number), label=name.replace("_", " "))
        if panel is games:
            axes.axhline(np.log(2), color="#888888", linewidth=0.8, linestyle="--", label="ln 2: undecided")
        axes.set(xlabel="epoch", ylabel="mean squared error" if panel is errors else "loss")
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    return figure
