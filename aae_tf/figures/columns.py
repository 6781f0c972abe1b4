"""Figures of rows of tables, in place of grids of images."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aae_tf.figures.charts import panel_grid
from aae_tf.figures.colours import INK, ROWS, SAMPLES, SIGNED, VALUES, colour


def pair_plot(
    rows: np.ndarray, samples: np.ndarray, names: Sequence[str], title: str = "", row_name: str = "rows"
) -> Figure:
    """Return a figure of rows [N, D] and samples [M, D]: histograms on the diagonal, pairs of columns below it."""
    count = rows.shape[1]
    figure = Figure(figsize=(1.7 * count + 0.6, 1.7 * count + 0.9), layout="constrained")
    panels = figure.subplots(count, count, squeeze=False)
    both = ((rows, ROWS, row_name), (samples, SAMPLES, "samples"))
    for (row, column), axes in np.ndenumerate(panels):
        axes.tick_params(labelsize=6)
        if row == column:
            edges = np.histogram_bin_edges(np.concatenate([rows[:, row], samples[:, row]]), 24)
            for values, tint, name in both:
                axes.hist(values[:, row], edges, density=True, alpha=0.6, color=tint, label=name)
            axes.set_yticks([])
        elif column < row:
            for values, tint, _ in both:
                axes.scatter(values[:, column], values[:, row], s=4, color=tint, linewidths=0, alpha=0.6)
        else:
            axes.set_visible(False)
        if row == count - 1:
            axes.set_xlabel(names[column], fontsize=8)
        if column == 0 and row:
            axes.set_ylabel(names[row], fontsize=8)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", frameon=False)
    figure.suptitle(title, fontsize=11)
    return figure


def reconstruction_scatter(rows: np.ndarray, outputs: np.ndarray, names: Sequence[str], title: str = "") -> Figure:
    """Return a figure of reconstructions against values, one panel for each column, with the line of equality.

    Rows and outputs are float [N, D].
    """
    figure, panels = _panels(len(names), title, "value", "reconstruction")
    for number, axes in enumerate(panels):
        true, output = rows[:, number], outputs[:, number]
        axes.scatter(true, output, s=5, color=colour(0), linewidths=0, alpha=0.6)
        ends = [min(true.min(), output.min()), max(true.max(), output.max())]
        axes.plot(ends, ends, color=INK, linewidth=0.7)
        left = np.square(true - output).sum() / max(np.square(true - true.mean()).sum(), 1e-12)
        axes.set_title(f"{names[number]}  (R² {1 - left:.2f})", fontsize=8)
    return figure


def column_maps(
    rows: np.ndarray, side: int, names: Sequence[str], title: str = "", keep: np.ndarray | None = None
) -> Figure:
    """Return a figure of each column of the rows decoded from a square grid of codes, as a map of the plane.

    `rows` [side * side, D] and `keep` are in the order of `Prior.manifold_codes`; codes that are not kept stay blank.
    """
    figure, panels = _panels(len(names), title, "$z_1$ →", "$z_2$ →")
    for number, axes in enumerate(panels):
        values = rows[:, number] if keep is None else np.where(keep, rows[:, number], np.nan)
        drawn = axes.imshow(values.reshape(side, side), cmap=VALUES)
        axes.set(xticks=[], yticks=[])
        axes.set_title(names[number], fontsize=8)
        figure.colorbar(drawn, ax=axes, shrink=0.8).ax.tick_params(labelsize=6)
    return figure


def profiles(rows: np.ndarray, names: Sequence[str], row_names: Sequence[str], title: str = "") -> Figure:
    """Return a figure of scaled rows [K, D] as a heat map: blue below the mean of a column, red above."""
    figure = Figure(figsize=(0.35 * len(names) + 2.4, 0.3 * len(rows) + 2.0), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(rows, cmap=SIGNED, vmin=-2.5, vmax=2.5, aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(rows)), row_names, fontsize=8)
    figure.suptitle(title, fontsize=10)
    figure.colorbar(drawn, ax=axes, label="scaled value")
    return figure


def _panels(count: int, title: str, xlabel: str, ylabel: str) -> tuple[Figure, list[Axes]]:
    figure, panels = panel_grid(count, 4, (2.4, 2.3), title)
    for axes in panels:
        axes.tick_params(labelsize=6)
    figure.supxlabel(xlabel, fontsize=9)
    figure.supylabel(ylabel, fontsize=9)
    return figure, panels
