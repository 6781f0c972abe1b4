"""Codes in the plane (figures 2, 4, 11)."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aae_tf.figures.colours import INK, colour
from aae_tf.figures.grids import show_image, tile


def latent_plane(codes, labels=None, class_names=(), prior_samples=None, log_prob=None, title=""):
    """Codes in the plane, coloured by label, over the prior (figures 2a-d, 4a).

    Args:
        codes: float [N, D]; of more than two dimensions the first two are drawn.
        labels: int [N], -1 for unlabelled; None for one colour.
        class_names: name of each class.
        prior_samples: float [M, D] of the prior: drawn in grey where there is no density, and used for the levels.
        log_prob: function from float32 [K, 2] to log-densities [K]; draws the contours of the regions that hold
            50, 90 and 99 % of the prior's mass. Two-dimensional codes only.
        title: title of the figure.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(6.4, 6), layout="constrained")
    axes = figure.subplots()
    _draw_plane(axes, codes, labels, class_names, prior_samples, log_prob)
    axes.set_title(title)
    return figure


def side_by_side(panels):
    """Several models' codes over their priors, above samples of each (figure 2).

    Args:
        panels: list of dicts with 'plane' (the arguments of `latent_plane`, None for a model that does not encode),
            'samples' (float [40, H, W, C] in [0, 1], or None), 'title' and 'caption' (numbers, below).

    Returns:
        `matplotlib.figure.Figure`.
    """
    count = len(panels)
    figure = Figure(figsize=(0.6 + 3.4 * count, 6.2), layout="constrained")
    rows = figure.subplots(2, count, squeeze=False, height_ratios=(3.4, 2))
    last = max((number for number, panel in enumerate(panels) if panel["plane"] is not None), default=0)
    for number, panel in enumerate(panels):
        plane, samples = rows[:, number]
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


def _draw_plane(
    axes, codes, labels=None, class_names=(), prior_samples=None, log_prob=None, legend=True, names_at=(0, 0)
):
    """Draw the codes of one model; `names_at` moves the classes' names from their centres, in points."""
    planar = codes.shape[1] == 2
    reach = 1.08 * _reach(codes, prior_samples)
    if log_prob is not None and planar and prior_samples is not None:
        _prior_contours(axes, prior_samples, log_prob, reach, legend)
    elif prior_samples is not None:
        axes.scatter(*prior_samples[:3000, :2].T, s=3, c="#c8c8c8", linewidths=0, label="prior")
    if labels is None:
        axes.scatter(*codes[:, :2].T, s=5, c=colour(0), linewidths=0, alpha=0.7)
    else:
        _labelled_points(axes, codes, labels, class_names, legend, names_at)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set_xlabel("$z_1$" if planar else f"$z_1$ (of {codes.shape[1]})")
    axes.set_ylabel("$z_2$")


def _reach(codes, prior_samples):
    points = np.abs(codes[:, :2]) if prior_samples is None else np.abs(prior_samples[:, :2])
    return max(np.quantile(points, 0.999), np.quantile(np.abs(codes[:, :2]), 0.995))


def _prior_contours(axes, samples, log_prob, reach, legend):
    levels = np.quantile(np.asarray(log_prob(samples.astype("float32"))), [0.01, 0.1, 0.5])
    side = np.linspace(-reach, reach, 200, dtype="float32")
    grid = np.stack(np.meshgrid(side, side), -1)
    density = np.asarray(log_prob(grid.reshape(-1, 2))).reshape(200, 200)
    shades = ("#bbbbbb", "#888888", "#444444")
    axes.contour(side, side, density, np.unique(levels), colors=shades, linestyles="solid", linewidths=0.9, zorder=3)
    names = ("99 % of the prior", "90 %", "50 %")
    handles = [Line2D([], [], color=shade, label=name) for shade, name in zip(shades, names, strict=True)]
    if legend:
        axes.add_artist(axes.legend(handles=handles, loc="lower right", fontsize=7, frameon=False))


def _labelled_points(axes, codes, labels, class_names, legend, names_at):
    shown = np.unique(labels)
    order = np.random.default_rng(0).permutation(len(codes))
    colours = np.array([colour(label) if label >= 0 else "#d0d0d0" for label in labels])
    axes.scatter(*codes[order, :2].T, s=6, c=colours[order], linewidths=0, alpha=0.8)
    handles = []
    for label in shown[shown >= 0]:
        name = class_names[label] if label < len(class_names) else str(label)
        handles.append(Line2D([], [], marker="o", linestyle="", color=colour(label), label=name))
        centre = np.median(codes[labels == label, :2], 0)
        box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": colour(label), "alpha": 0.85}
        middle = {"ha": "center", "va": "center", "fontsize": 9, "color": INK, "bbox": box, "zorder": 4}
        axes.annotate(name, centre, names_at, textcoords="offset points", **middle)
    if legend:
        axes.figure.legend(handles=handles, loc="outside right center", frameon=False, title="class")


def _draw_heads(axes, heads, groups, **stars):
    for group in groups:
        axes.plot(*heads[group].T, color=INK, lw=0.8, alpha=0.6, zorder=4)
    axes.scatter(*heads.T, marker="*", s=140, c=INK, **stars)


def map_with_centroids(latent_points, labels, class_names, heads, title="the map, and its cluster heads", groups=()):
    """Places of images on a map, coloured by label, with the cluster heads (figure 11); 3-D is drawn as 3-D.

    A line joins the heads of one cluster.

    Args:
        latent_points: float [N, 2] or [N, 3].
        labels: int [N], or None.
        class_names: name of each class.
        heads: float [K, 2] or [K, 3].
        title: title of the figure.
        groups: lists of ints, which heads are of one cluster.

    Returns:
        `matplotlib.figure.Figure`.
    """
    if latent_points.shape[1] == 2:
        figure = Figure(figsize=(6.4, 6), layout="constrained")
        axes = figure.subplots()
        _draw_plane(axes, latent_points, labels, class_names, names_at=(0, 15))
        _draw_heads(axes, heads, groups, edgecolors="white", zorder=5)
        axes.set(xlabel="first dimension", ylabel="second dimension", title=title)
        return figure
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot(projection="3d")
    colours = colour(0) if labels is None else [colour(label) for label in labels]
    axes.scatter(*latent_points.T, s=3, c=colours, alpha=0.6)
    _draw_heads(axes, heads, groups)
    if labels is not None:
        handles = [
            Line2D([], [], marker="o", linestyle="", color=colour(label), label=class_names[label])
            for label in np.unique(labels)
            if label >= 0
        ]
        axes.legend(handles=handles, frameon=False, title="class", loc="center left", bbox_to_anchor=(1.05, 0.5))
    axes.set_title(title)
    return figure
