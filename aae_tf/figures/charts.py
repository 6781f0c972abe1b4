"""Losses over epochs, and which classes are taken for which."""

import itertools

import numpy as np
from matplotlib.figure import Figure

from aae_tf.figures.colours import COLOURS, INK, colour


def confusion_matrix(counts, class_names, title="classes of held-out images"):
    """How many images of each class were taken for each: right ones in grey, wrong ones by colour.

    Args:
        counts: int [K, K], true class by predicted class.
        class_names: name of each class.
        title: title of the figure.

    Returns:
        `matplotlib.figure.Figure`.
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


_UNITS = {
    "val_reconstruction_error": "mean squared error",
    "val_classification_error": "share of images",
    "val_clustering_error": "share of images",
}


def curves(panels, title):
    """Numbers over epochs, a line for the mean over seeds and a band of one standard deviation to each side.

    Args:
        panels: dict of the number's name to a dict of a line's label to its curves, lists of floats, one a seed.
        title: title of the figure.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(5.5 * max(1, len(panels)), 4), layout="constrained")
    grid = figure.subplots(1, max(1, len(panels)), squeeze=False)[0]
    for axes, (name, lines) in zip(grid, panels.items(), strict=False):
        for number, (label, found) in enumerate(lines.items()):
            found = np.array([curve[: min(map(len, found))] for curve in found])
            epochs, mean, spread = 1 + np.arange(found.shape[-1]), found.mean(0), found.std(0, ddof=len(found) > 1)
            style = ("-", "--", "-.", ":")[number // len(COLOURS) % 4]
            axes.plot(epochs, mean, style, color=colour(number), label=label)
            axes.fill_between(epochs, mean - spread, mean + spread, color=colour(number), alpha=0.2, linewidth=0)
        plain = name.removeprefix("val_").replace("_", " ")
        unit = _UNITS.get(name)
        axes.set(xlabel="epoch", ylabel=f"{plain} ({unit})" if unit else plain)
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    return figure


def losses(history, title="losses", equilibrium_loss=None):
    """Losses and validation errors over epochs: the adversarial losses in one panel, every other in its own.

    Args:
        history: list of dicts, one an epoch: 'epoch' and losses by name; names of validation begin with 'val_'.
        title: title of the figure.
        equilibrium_loss: loss of a discriminator that cannot tell codes from prior samples, a line; None for none.

    Returns:
        `matplotlib.figure.Figure`.
    """
    names = [name for name in dict.fromkeys(itertools.chain(*history)) if name not in ("epoch", "seconds")]
    games = [name for name in names if name.startswith(("discriminator", "generator"))]
    panels = [[name] for name in names if name not in games]
    panels[1:1] = [games] if games else []
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 3 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        for number, name in enumerate(panel):
            points = [(row["epoch"], row[name]) for row in history if name in row]
            marker = "." if len(points) == 1 else None
            axes.plot(*np.reshape(points, (-1, 2)).T, marker=marker, color=colour(number), label=name.replace("_", " "))
        if panel is games and equilibrium_loss is not None:
            label = f"{equilibrium_loss:.3f}: discriminator at equilibrium"
            axes.axhline(equilibrium_loss, color="#888888", linewidth=0.8, linestyle="--", label=label)
        plain = panel[0].removeprefix("val_")
        axes.set(xlabel="epoch", ylabel=_UNITS.get(panel[0], "loss" if plain == panel[0] else plain.replace("_", " ")))
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.suptitle(title, fontsize=11)
    return figure
