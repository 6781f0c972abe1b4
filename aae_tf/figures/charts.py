"""Losses over epochs, curves of several runs, and confusion matrices."""

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from aae_tf.figures.colours import COLOURS, EQUILIBRIUM, INK, MISTAKES, colour

_UNITS = {
    "val_reconstruction_error": "mean squared error",
    "val_classification_error": "share of images",
    "val_clustering_error": "share of images",
}


def confusion_matrix(
    counts: np.ndarray, class_names: Sequence[str], title: str = "classes of held-out images"
) -> Figure:
    """Return a figure of a confusion matrix, int [K, K] of true by predicted class, mistakes in colour."""
    figure = Figure(figsize=(0.5 * len(counts) + 1.6, 0.5 * len(counts) + 1.4), layout="constrained")
    axes = figure.subplots()
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    axes.imshow(wrong, cmap=MISTAKES, vmin=0, vmax=max(1, wrong.max() * 1.4))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            weight = "bold" if row == column else "normal"
            axes.text(column, row, f"{count}", ha="center", va="center", fontsize=7, color=INK, weight=weight)
    axes.set_xticks(range(len(counts)), class_names, fontsize=8)
    axes.set_yticks(range(len(counts)), class_names, fontsize=8)
    error = 1 - np.trace(counts) / counts.sum()
    axes.set(xlabel="predicted", ylabel="true", title=f"{title}: {100 * error:.2f} % wrong")
    return figure


def curves(panels: dict[str, dict[str, list[list[float]]]], title: str) -> Figure:
    """Return a figure of metrics over epochs: a line for the mean over seeds and a band of one standard deviation.

    `panels` are a dict of metric to a dict of line label to curves, lists of floats, one for each seed.
    """
    figure = Figure(figsize=(5.5 * max(1, len(panels)), 4), layout="constrained")
    grid = figure.subplots(1, max(1, len(panels)), squeeze=False)[0]
    for axes, (name, lines) in zip(grid, panels.items(), strict=False):
        for number, (label, found) in enumerate(lines.items()):
            found = np.array([curve[: min(map(len, found))] for curve in found])
            epochs, mean, std = 1 + np.arange(found.shape[-1]), found.mean(0), found.std(0, ddof=len(found) > 1)
            style = ("-", "--", "-.", ":")[number // len(COLOURS) % 4]
            axes.plot(epochs, mean, style, color=colour(number), label=label)
            axes.fill_between(epochs, mean - std, mean + std, color=colour(number), alpha=0.2, linewidth=0)
        plain = name.removeprefix("val_").replace("_", " ")
        _finish(axes, f"{plain} ({_UNITS[name]})" if name in _UNITS else plain)
    figure.suptitle(title, fontsize=11)
    return figure


def losses(history: Sequence[dict], title: str = "losses", equilibrium_loss: float | None = None) -> Figure:
    """Return a figure of losses and validation metrics over epochs, the adversarial losses in one panel.

    `history` has a dict for each epoch, with 'epoch' and values by name; names of validation begin with 'val_'. A line
    marks `equilibrium_loss`, that of a discriminator that cannot separate codes from prior samples.
    """
    names = [name for name in dict.fromkeys(itertools.chain(*history)) if name not in ("epoch", "seconds")]
    adversarial = [name for name in names if name.startswith(("discriminator", "generator"))]
    panels = [[name] for name in names if name not in adversarial]
    panels[1:1] = [adversarial] if adversarial else []
    figure, grid = panel_grid(len(panels), 3, (4.2, 3), title)
    for axes, panel in zip(grid, panels, strict=True):
        for number, name in enumerate(panel):
            points = [(row["epoch"], row[name]) for row in history if name in row]
            marker = "." if len(points) == 1 else None
            axes.plot(*np.reshape(points, (-1, 2)).T, marker=marker, color=colour(number), label=name.replace("_", " "))
        if panel is adversarial and equilibrium_loss is not None:
            label = f"{equilibrium_loss:.3f}: discriminator at equilibrium"
            axes.axhline(equilibrium_loss, color=EQUILIBRIUM, linewidth=0.8, linestyle="--", label=label)
        plain = panel[0].removeprefix("val_")
        _finish(axes, _UNITS.get(panel[0], "loss" if plain == panel[0] else plain.replace("_", " ")))
    return figure


def _finish(axes: Axes, ylabel: str) -> None:
    axes.set(xlabel="epoch", ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def panel_grid(count: int, columns: int, size: tuple[float, float], title: str) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` panels of a size (width, height) in inches, in rows of at most `columns`."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.set_visible(False)
    figure.suptitle(title, fontsize=11)
    return figure, list(panels[:count])
