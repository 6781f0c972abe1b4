"""Codes in the plane (figures 2, 4, 11)."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aae_tf.figures.colours import CONTOURS, INK, PRIOR, UNLABELLED, colour
from aae_tf.figures.grids import show_image, tile


def latent_plane(
    codes: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    prior_samples: np.ndarray | None = None,
    log_prob: Callable | None = None,
    title: str = "",
) -> Figure:
    """Return a figure of codes in the plane, coloured by label, over the prior (figures 2a-d, 4a).

    Args:
        codes: float [N, D]; the first two dimensions are drawn.
        labels: int [N], -1 for unlabelled; None for one colour.
        class_names: name of each class.
        prior_samples: float [M, D] of the prior, drawn in grey without a density, and used for its levels.
        log_prob: log-density of 2-D codes, float32 [K, 2]; its contours hold 50, 90 and 99 % of the prior's mass.
        title: title of the figure.
    """
    figure = Figure(figsize=(6.4, 6), layout="constrained")
    axes = figure.subplots()
    _draw_plane(axes, codes, labels, class_names, prior_samples, log_prob)
    axes.set_title(title)
    return figure


def side_by_side(panels: Sequence[dict]) -> Figure:
    """Return a figure of the codes of several models over their priors, above samples of each (figure 2).

    A panel is a dict with 'plane' (arguments of `latent_plane`, or None), 'samples' (float [40, H, W, C] in [0, 1], or
    None), 'title' and 'caption' (text below).
    """
    count = len(panels)
    figure = Figure(figsize=(0.6 + 3.4 * count, 6.2), layout="constrained")
    rows = figure.subplots(2, count, squeeze=False, height_ratios=(3.4, 2))
    last = max((number for number, panel in enumerate(panels) if panel["plane"] is not None), default=0)
    for number, (panel, plane, samples) in enumerate(zip(panels, *rows, strict=True)):
        if panel["plane"] is None:
            plane.text(0.5, 0.5, "no encoder:\nno codes", ha="center", va="center", color=INK)
            plane.set(xticks=[], yticks=[], aspect="equal")
        else:
            _draw_plane(plane, **panel["plane"], legend=number == last)
        plane.set_title(panel["title"])
        if panel["samples"] is None:
            samples.set(xticks=[], yticks=[])
            samples.spines[:].set_visible(False)
        else:
            show_image(samples, tile(panel["samples"], 10))
            samples.set_title("samples", fontsize=9)
        samples.set_xlabel(panel["caption"], fontsize=9)
    return figure


def map_with_centroids(
    latent_points: np.ndarray,
    labels: np.ndarray | None,
    class_names: Sequence[str],
    centroids: np.ndarray,
    title: str = "the map and its cluster centroids",
    groups: Sequence[Sequence[int]] = (),
) -> Figure:
    """Return a figure of a map of images, [N, 2 or 3], with the cluster centroids, [K, 2 or 3] (figure 11).

    Labels are int [N], -1 for unlabelled. `groups` are the centroids of each merged cluster, which a line joins.
    """
    flat = latent_points.shape[1] == 2
    figure = Figure(figsize=(6.4 if flat else 7, 6), layout="constrained")
    if flat:
        axes = figure.subplots()
        _draw_plane(axes, latent_points, labels, class_names, names_at=(0, 15))
        axes.set(xlabel="first dimension", ylabel="second dimension")
    else:
        axes = figure.add_subplot(projection="3d")
        axes.scatter(*latent_points.T, s=3, c=_colours(latent_points, labels), alpha=0.6)
        if labels is not None:
            _class_legend(figure, labels, class_names)
    for group in groups:
        axes.plot(*centroids[group].T, color=INK, lw=0.8, alpha=0.6, zorder=4)
    axes.scatter(*centroids.T, marker="*", s=140, c=INK, edgecolors="white", zorder=5, label="cluster centroid")
    axes.legend(*([each[-1:] for each in axes.get_legend_handles_labels()]), loc="lower right", fontsize=7)
    axes.set_title(title)
    return figure


def _draw_plane(
    axes, codes, labels=None, class_names=(), prior_samples=None, log_prob=None, legend=True, names_at=(0, 0)
):
    """Draw the codes of one model; `names_at` moves class names from the class centres, in points."""
    planar = codes.shape[1] == 2
    points = np.abs(codes[:, :2] if prior_samples is None else prior_samples[:, :2])
    reach = 1.08 * max(np.quantile(points, 0.999), np.quantile(np.abs(codes[:, :2]), 0.995))
    if log_prob is not None and planar and prior_samples is not None:
        _prior_contours(axes, prior_samples, log_prob, reach, legend)
    elif prior_samples is not None:
        axes.scatter(*prior_samples[:3000, :2].T, s=3, c=PRIOR, linewidths=0, label="prior")
        if legend:
            axes.legend(loc="lower right", fontsize=7, frameon=False, markerscale=3)
    order = np.random.default_rng(0).permutation(len(codes))
    axes.scatter(*codes[order, :2].T, s=6, c=_colours(codes, labels)[order], linewidths=0, alpha=0.8)
    if labels is not None:
        for label in np.unique(labels[labels >= 0]):
            box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": colour(label), "alpha": 0.85}
            style = {"ha": "center", "va": "center", "fontsize": 9, "color": INK, "bbox": box, "zorder": 4}
            centre = np.median(codes[labels == label, :2], 0)
            axes.annotate(_name(label, class_names), centre, names_at, textcoords="offset points", **style)
        if legend:
            _class_legend(axes.figure, labels, class_names)
    first = "$z_1$" if planar else f"$z_1$ (of {codes.shape[1]})"
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel=first, ylabel="$z_2$")


def _prior_contours(axes: Axes, samples: np.ndarray, log_prob: Callable, reach: float, legend: bool) -> None:
    levels = np.quantile(np.asarray(log_prob(samples.astype("float32"))), [0.01, 0.1, 0.5])
    side = np.linspace(-reach, reach, 200, dtype="float32")
    grid = np.stack(np.meshgrid(side, side), -1)
    density = np.asarray(log_prob(grid.reshape(-1, 2))).reshape(200, 200)
    axes.contour(side, side, density, np.unique(levels), colors=CONTOURS, linestyles="solid", linewidths=0.9, zorder=3)
    names = ("99 % of the prior", "90 %", "50 %")
    handles = [Line2D([], [], color=shade, label=name) for shade, name in zip(CONTOURS, names, strict=True)]
    if legend:
        axes.add_artist(axes.legend(handles=handles, loc="lower right", fontsize=7, frameon=False))


def _colours(codes: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    labels = np.zeros(len(codes), int) if labels is None else labels
    return np.array([colour(label) if label >= 0 else UNLABELLED for label in labels])


def _name(label: int, class_names: Sequence[str]) -> str:
    return class_names[label] if label < len(class_names) else str(label)


def _class_legend(figure: Figure, labels: np.ndarray, class_names: Sequence[str]) -> None:
    style = {"marker": "o", "linestyle": ""}
    known = np.unique(labels[labels >= 0])
    handles = [Line2D([], [], color=colour(label), label=_name(label, class_names), **style) for label in known]
    figure.legend(handles=handles, loc="outside right center", frameon=False, title="class")
