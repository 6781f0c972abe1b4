"""Figures: pure functions from arrays to `matplotlib.figure.Figure`, drawn to go into a paper.

Colours are Petroff's ten, chosen for colour-blind readers (arXiv 2107.02270); classes are also named in the plane.
No function here touches pyplot or a display.
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import norm

COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
_INK = "#222222"


def colour(number):
    """Return the colour of class or line `number`."""
    return COLOURS[number % len(COLOURS)]


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
    """
    figure = Figure(figsize=(6.4, 6), layout="constrained")
    axes = figure.subplots()
    planar = codes.shape[1] == 2
    reach = 1.08 * _reach(codes, prior_samples)
    if log_prob is not None and planar and prior_samples is not None:
        _prior_contours(axes, prior_samples, log_prob, reach)
    elif prior_samples is not None:
        axes.scatter(*prior_samples[:3000, :2].T, s=3, c="#c8c8c8", linewidths=0, label="prior")
    if labels is None:
        axes.scatter(*codes[:, :2].T, s=5, c=colour(0), linewidths=0, alpha=0.7)
    else:
        _labelled_points(axes, codes, labels, class_names)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title)
    axes.set_xlabel("$z_1$" if planar else f"$z_1$ (of {codes.shape[1]})")
    axes.set_ylabel("$z_2$")
    return figure


def _reach(codes, prior_samples):
    points = np.abs(codes[:, :2]) if prior_samples is None else np.abs(prior_samples[:, :2])
    return max(np.quantile(points, 0.999), np.quantile(np.abs(codes[:, :2]), 0.995))


def _prior_contours(axes, samples, log_prob, reach):
    levels = np.quantile(np.asarray(log_prob(samples.astype("float32"))), [0.01, 0.1, 0.5])
    side = np.linspace(-reach, reach, 200, dtype="float32")
    grid = np.stack(np.meshgrid(side, side), -1)
    density = np.asarray(log_prob(grid.reshape(-1, 2))).reshape(200, 200)
    shades = ("#bbbbbb", "#888888", "#444444")
    axes.contour(side, side, density, np.unique(levels), colors=shades, linestyles="solid", linewidths=0.9, zorder=3)
    names = ("99 % of the prior", "90 %", "50 %")
    handles = [Line2D([], [], color=shade, label=name) for shade, name in zip(shades, names, strict=True)]
    axes.add_artist(axes.legend(handles=handles, loc="lower right", fontsize=7, frameon=False))


def _labelled_points(axes, codes, labels, class_names):
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
        axes.text(*centre, name, ha="center", va="center", fontsize=9, color=_INK, bbox=box, zorder=4)
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, title="class")


def percentile_codes(side, dim, std):
    """Return codes at equal steps of a Gaussian's percentiles in the first two dimensions, others 0 (figure 2e).

    Args:
        side: codes along each dimension.
        dim: dimension of the code, at least 1.
        std: the Gaussian's standard deviation.

    Returns:
        float32 [side * side, dim], row by row from the top left: z1 grows rightwards, z2 upwards.
    """
    steps = norm.ppf((np.arange(side) + 0.5) / side) * std
    codes = np.zeros((side, side, dim), "float32")
    codes[..., 0] = steps
    if dim > 1:
        codes[..., 1] = steps[::-1, None]
    return codes.reshape(-1, dim)


def plane_codes(side, reach):
    """Return codes at equal steps over the square [-reach, reach]², ordered as `percentile_codes` are."""
    steps = np.linspace(-reach, reach, side)
    first, second = np.meshgrid(steps, steps[::-1])
    return np.stack([first, second], -1).reshape(-1, 2).astype("float32")


def manifold(images, side, title="", keep=None):
    """Decoded images of a square grid of codes (figure 2e).

    Args:
        images: float [side * side, H, W, C] in [0, 1], in the order of `percentile_codes`.
        side: images along each dimension.
        title: title of the figure.
        keep: bool [side * side]; tiles that are False (hardly any prior mass) stay blank.
    """
    images = np.array(images, copy=True)
    if keep is not None:
        images[~keep] = 1.0
    figure = Figure(figsize=(7, 7.2), layout="constrained")
    axes = figure.subplots()
    _show(axes, tile(images, side))
    axes.set(title=title, xlabel="$z_1$ →", ylabel="$z_2$ →")
    return figure


def grid(images, columns, title="", rows=(), column_names=()):
    """A grid of images, row by row, with names for its rows or columns (figures 4b, 4d, 7).

    Args:
        images: float [rows * columns, H, W, C] in [0, 1].
        columns: images a row.
        title: title of the figure.
        rows: name of each row.
        column_names: name of each column.
    """
    _, height, width, _ = images.shape
    count = len(images) // columns
    figure = Figure(figsize=(0.5 * columns + 0.8, 0.5 * count * height / width + 0.8), layout="constrained")
    axes = figure.subplots()
    _show(axes, tile(images, columns))
    axes.set_title(title)
    if len(rows):
        axes.set_yticks((np.arange(len(rows)) + 0.5) * height - 0.5, rows, fontsize=9)
    if len(column_names):
        axes.set_xticks((np.arange(len(column_names)) + 0.5) * width - 0.5, column_names, fontsize=9)
    axes.tick_params(length=0)
    return figure


def heads_and_members(heads, members):
    """Cluster heads beside images of each cluster (figure 9), one cluster a row, in as many blocks as needed.

    Args:
        heads: float [K, H, W, C] in [0, 1].
        members: float [K, M, H, W, C] in [0, 1].
    """
    blocks = -(-len(heads) // 10)
    figure = Figure(figsize=((0.42 * (members.shape[1] + 1.6)) * blocks, 0.42 * 10 + 0.6), layout="constrained")
    panels = figure.subplots(1, 2 * blocks, width_ratios=[1, members.shape[1]] * blocks, squeeze=False)[0]
    for block in range(blocks):
        part = slice(10 * block, 10 * block + 10)
        head, images = panels[2 * block], panels[2 * block + 1]
        _show(head, tile(heads[part], 1))
        _show(images, tile(members[part].reshape(-1, *members.shape[2:]), members.shape[1]))
        head.set_title("head", fontsize=9)
        images.set_title("random members", fontsize=9)
        for spine in head.spines.values():
            spine.set(visible=True, color=COLOURS[1], linewidth=2)
    return figure


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
            axes.text(column, row, f"{count}", ha="center", va="center", fontsize=7, color=_INK, weight=weight)
    axes.set_xticks(range(len(counts)), class_names, fontsize=8)
    axes.set_yticks(range(len(counts)), class_names, fontsize=8)
    error = 1 - np.trace(counts) / counts.sum()
    axes.set(xlabel="predicted", ylabel="true", title=f"{title}: {100 * error:.2f} % wrong")
    return figure


def map_with_heads(places, labels, class_names, heads, title="the map, and its cluster heads"):
    """Places of images on a map, coloured by label, with the cluster heads (figure 11); 3-D is drawn as 3-D.

    Args:
        places: float [N, 2] or [N, 3].
        labels: int [N], or None.
        class_names: name of each class.
        heads: float [K, 2] or [K, 3].
        title: title of the figure.
    """
    if places.shape[1] == 2:
        figure = latent_plane(places, labels, class_names, title=title)
        figure.axes[0].scatter(*heads.T, marker="*", s=140, c=_INK, edgecolors="white", zorder=5)
        figure.axes[0].set(xlabel="first dimension", ylabel="second dimension")
        return figure
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot(projection="3d")
    colours = colour(0) if labels is None else [colour(label) for label in labels]
    axes.scatter(*places.T, s=3, c=colours, alpha=0.6)
    axes.scatter(*heads.T, marker="*", s=140, c=_INK)
    if labels is not None:
        handles = [
            Line2D([], [], marker="o", linestyle="", color=colour(label), label=class_names[label])
            for label in np.unique(labels)
            if label >= 0
        ]
        axes.legend(handles=handles, frameon=False, title="class", loc="center left", bbox_to_anchor=(1.05, 0.5))
    axes.set_title(title)
    return figure


def samples_with_neighbours(samples, neighbours, columns=10, title=""):
    """A grid of samples; the last column shows each row's last sample's nearest training image (figure 5).

    Args:
        samples: float [rows * columns, H, W, C] in [0, 1].
        neighbours: float [rows, H, W, C]: nearest training image of the last sample of each row.
        columns: samples a row.
        title: title of the figure.
    """
    rows = len(samples) // columns
    figure = Figure(figsize=(0.62 * (columns + 1.4), 0.62 * rows + 0.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[columns, 1])
    _show(left, tile(samples[: rows * columns], columns))
    _show(right, tile(neighbours[:rows], 1))
    left.set_title(title or "samples")
    right.set_title("nearest\ntraining", fontsize=8)
    for spine in right.spines.values():
        spine.set(visible=True, color=COLOURS[1], linewidth=2)
    return figure


def nearest(samples, images):
    """Return, for each sample, the index of the nearest image in Euclidean distance.

    Args:
        samples: float [N, H, W, C] in [0, 1].
        images: uint8 or float [M, H, W, C]; read in chunks.

    Returns:
        int array [N].
    """
    rows = samples.reshape(len(samples), -1).astype("float32")
    best, where = np.full(len(rows), np.inf, "float32"), np.zeros(len(rows), int)
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    for start in range(0, len(images), 10_000):
        chunk = images[start : start + 10_000].reshape(-1, rows.shape[1]).astype("float32") / scale
        square = (rows**2).sum(1)[:, None] - 2 * rows @ chunk.T + (chunk**2).sum(1)
        index = square.argmin(1)
        distance = square[np.arange(len(rows)), index]
        where = np.where(distance < best, start + index, where)
        best = np.minimum(best, distance)
    return where


def reconstructions(images, outputs, columns=12, title="held-out images and their reconstructions"):
    """Pairs of rows: images above, their reconstructions below.

    Args:
        images: float or uint8 [N, H, W, C].
        outputs: float [N, H, W, C] in [0, 1].
        columns: pairs a row.
        title: title of the figure.
    """
    images = images / 255.0 if images.dtype == np.uint8 else images
    rows = len(images) // columns
    figure = Figure(figsize=(0.6 * columns, 1.3 * rows + 0.4), layout="constrained")
    for index, axes in enumerate(np.atleast_1d(figure.subplots(rows, 1))):
        part = slice(index * columns, (index + 1) * columns)
        _show(axes, tile(np.concatenate([images[part], outputs[part]]), columns))
    figure.suptitle(title, fontsize=11)
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


def tile(images, columns):
    """Return images [N, H, W, C] as one image [rows * H, columns * W, C], row by row; missing ones are white."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    padded = np.ones((rows * columns, height, width, channels), "float32")
    padded[:count] = images
    grid = padded.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * height, columns * width, channels)


def _show(axes, image):
    channels = image.shape[-1]
    if channels >= 3:
        axes.imshow(np.clip(image[..., :3], 0, 1), interpolation="nearest")
    else:
        axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
