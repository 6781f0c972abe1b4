"""Figures of rows: what grids of pictures are for images, columns against one another, against the truth, over the
plane."""

import numpy as np
from matplotlib.figure import Figure

from aae_tf.figures.colours import INK, colour

ROWS_COLOUR, SAMPLES_COLOUR = colour(3), colour(6)


def pair_plot(rows, samples, names, title="", row_name="rows"):
    """Columns against one another, of rows and of samples: histograms on the diagonal, points below it.

    Args:
        rows: float [N, D].
        samples: float [M, D].
        names: name of each column.
        title: title of the figure.
        row_name: what the rows are, for the legend.

    Returns:
        `matplotlib.figure.Figure`.
    """
    count = rows.shape[1]
    figure = Figure(figsize=(1.7 * count + 0.6, 1.7 * count + 0.9), layout="constrained")
    panels = figure.subplots(count, count, squeeze=False)
    both = ((rows, ROWS_COLOUR, row_name), (samples, SAMPLES_COLOUR, "samples"))
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


def reconstruction_scatter(rows, outputs, names, title=""):
    """Each column's reconstructions against its values, a panel a column; the line is where both are equal.

    Args:
        rows: float [N, D].
        outputs: float [N, D].
        names: name of each column.
        title: title of the figure.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure, panels = _panels(len(names), title)
    for number, axes in enumerate(panels):
        truth, given = rows[:, number], outputs[:, number]
        axes.scatter(truth, given, s=5, color=colour(0), linewidths=0, alpha=0.6)
        ends = [min(truth.min(), given.min()), max(truth.max(), given.max())]
        axes.plot(ends, ends, color=INK, linewidth=0.7)
        left = np.square(truth - given).sum() / max(np.square(truth - truth.mean()).sum(), 1e-12)
        axes.set_title(f"{names[number]}  (R² {1 - left:.2f})", fontsize=8)
    figure.supxlabel("value", fontsize=9)
    figure.supylabel("reconstruction", fontsize=9)
    return figure


def column_maps(rows, side, names, title="", keep=None):
    """Each column of the rows that a square grid of codes is decoded to, as a map of the plane; a panel a column.

    Args:
        rows: float [side * side, D], row by row from the top left, as of `Prior.manifold_codes`.
        side: codes along each dimension.
        names: name of each column.
        title: title of the figure.
        keep: bool [side * side]; places that are False (hardly any prior mass) stay blank.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure, panels = _panels(len(names), title)
    for number, axes in enumerate(panels):
        values = np.array(rows[:, number], "float64")
        if keep is not None:
            values[~keep] = np.nan
        drawn = axes.imshow(values.reshape(side, side), cmap="viridis")
        axes.set(xticks=[], yticks=[])
        axes.set_title(names[number], fontsize=8)
        figure.colorbar(drawn, ax=axes, shrink=0.8).ax.tick_params(labelsize=6)
    figure.supxlabel("$z_1$ →", fontsize=9)
    figure.supylabel("$z_2$ →", fontsize=9)
    return figure


def profiles(rows, names, row_names, title=""):
    """Rows as a map of rows by columns: blue below the mean of a scaled column, red above.

    Args:
        rows: float [K, D], scaled.
        names: name of each column.
        row_names: name of each row.
        title: title of the figure.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(0.35 * len(names) + 2.4, 0.3 * len(rows) + 2.0), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(rows, cmap="RdBu_r", vmin=-2.5, vmax=2.5, aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(rows)), row_names, fontsize=8)
    axes.set_title(title, fontsize=10)
    figure.colorbar(drawn, ax=axes, label="scaled value")
    return figure


def _panels(count, title):
    columns = min(4, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(2.4 * columns + 0.4, 2.2 * rows + 0.7), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.tick_params(labelsize=6)
    for axes in panels[count:]:
        axes.set_visible(False)
    figure.suptitle(title, fontsize=11)
    return figure, panels[:count]
