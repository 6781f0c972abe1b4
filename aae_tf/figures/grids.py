"""Grids of images: the manifold, samples, styles, clusters, reconstructions (figures 2e, 4b, 5, 7, 9)."""

import numpy as np
from matplotlib.figure import Figure

from aae_tf.figures.colours import COLOURS
from aae_tf.utils.images import to_unit


def manifold(images, side, title="", keep=None):
    """Decoded images of a square grid of codes (figure 2e).

    Args:
        images: float [side * side, H, W, C] in [0, 1], row by row from the top left, as of `Prior.manifold_codes`.
        side: images along each dimension.
        title: title of the figure.
        keep: bool [side * side]; tiles that are False (hardly any prior mass) stay blank.

    Returns:
        `matplotlib.figure.Figure`.
    """
    images = np.array(images, copy=True)
    if keep is not None:
        images[~keep] = 1.0
    figure = Figure(figsize=(7, 7.2), layout="constrained")
    axes = figure.subplots()
    show_image(axes, tile(images, side))
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

    Returns:
        `matplotlib.figure.Figure`.
    """
    _, height, width, _ = images.shape
    count = len(images) // columns
    figure = Figure(figsize=(0.5 * columns + 0.8, 0.5 * count * height / width + 0.8), layout="constrained")
    axes = figure.subplots()
    show_image(axes, tile(images, columns))
    axes.set_title(title)
    if len(rows):
        axes.set_yticks((np.arange(len(rows)) + 0.5) * height - 0.5, rows, fontsize=9)
    if len(column_names):
        axes.set_xticks((np.arange(len(column_names)) + 0.5) * width - 0.5, column_names, fontsize=9)
    axes.tick_params(length=0)
    return figure


def centroids_and_members(heads, members, title=""):
    """Cluster heads beside images of each cluster (figure 9), one cluster a row, in as many blocks as needed.

    Args:
        heads: float [K, H, W, C] in [0, 1].
        members: float [K, M, H, W, C] in [0, 1].
        title: title of the figure.

    Returns:
        `matplotlib.figure.Figure`.
    """
    blocks = -(-len(heads) // 10)
    rows = -(-len(heads) // blocks)
    figure = Figure(figsize=((0.42 * (members.shape[1] + 1.6)) * blocks, 0.42 * rows + 0.9), layout="constrained")
    panels = figure.subplots(1, 2 * blocks, width_ratios=[1, members.shape[1]] * blocks, squeeze=False)[0]
    for block in range(blocks):
        part = slice(rows * block, rows * block + rows)
        head, images = panels[2 * block], panels[2 * block + 1]
        show_image(head, tile(heads[part], 1))
        show_image(images, tile(members[part].reshape(-1, *members.shape[2:]), members.shape[1]))
        head.set_title("head", fontsize=9)
        images.set_title("random members", fontsize=9)
        head.set_anchor("N")
        images.set_anchor("N")
        for spine in head.spines.values():
            spine.set(visible=True, color=COLOURS[1], linewidth=2)
    figure.suptitle(title, fontsize=11)
    return figure


def samples_with_neighbours(samples, neighbours, columns=10, title=""):
    """A grid of samples; the last column shows each row's last sample's nearest training image (figure 5).

    Args:
        samples: float [rows * columns, H, W, C] in [0, 1].
        neighbours: float [rows, H, W, C]: nearest training image of the last sample of each row.
        columns: samples a row.
        title: title of the figure.

    Returns:
        `matplotlib.figure.Figure`.
    """
    rows = len(samples) // columns
    figure = Figure(figsize=(0.62 * (columns + 1.4), 0.62 * rows + 0.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[columns, 1])
    show_image(left, tile(samples[: rows * columns], columns))
    show_image(right, tile(neighbours[:rows], 1))
    left.set_title(title or "samples")
    right.set_title("nearest\ntraining", fontsize=8)
    for spine in right.spines.values():
        spine.set(visible=True, color=COLOURS[1], linewidth=2)
    return figure


def reconstructions(images, outputs, columns=12, title="held-out images and their reconstructions"):
    """Pairs of rows: images above, their reconstructions below.

    Args:
        images: float or uint8 [N, H, W, C].
        outputs: float [N, H, W, C] in [0, 1].
        columns: pairs a row.
        title: title of the figure.

    Returns:
        `matplotlib.figure.Figure`.
    """
    images = to_unit(images)
    rows = len(images) // columns
    figure = Figure(figsize=(0.6 * columns, 1.3 * rows + 0.4), layout="constrained")
    for index, axes in enumerate(np.atleast_1d(figure.subplots(rows, 1))):
        part = slice(index * columns, (index + 1) * columns)
        show_image(axes, tile(np.concatenate([images[part], outputs[part]]), columns))
    figure.suptitle(title, fontsize=11)
    return figure


def error_maps(images, outputs, maps, names=(), title=""):
    """Images, one a column, above their reconstructions, above where the two differ.

    Args:
        images: float or uint8 [N, H, W, C].
        outputs: float [N, H, W, C] in [0, 1].
        maps: float [N, H, W, C], each pixel's error, of which the mean over channels is drawn; all on one scale.
        names: what each image is called (its verdict).
        title: title of the figure.

    Returns:
        `matplotlib.figure.Figure`.
    """
    images, maps = to_unit(images), np.mean(maps, -1, keepdims=True)
    figure = Figure(figsize=(0.75 * len(images) + 0.9, 3.1), layout="constrained")
    rows = figure.subplots(3, 1)
    for axes, row, name in zip(rows, (images, outputs, maps), ("image", "reconstruction", "error"), strict=True):
        show_image(axes, tile(row, len(images)))
        axes.set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")
    rows[2].images[0].set(cmap="inferno", clim=(0, max(float(np.quantile(maps, 0.995)), 1e-9)))
    if len(names):
        rows[0].set_xticks((np.arange(len(images)) + 0.5) * images.shape[2] - 0.5, names, fontsize=7)
        rows[0].tick_params(length=0, labeltop=True, labelbottom=False)
    figure.suptitle(title, fontsize=11)
    return figure


def tile(images, columns):
    """Return images [N, H, W, C] as one image [rows * H, columns * W, C], row by row; missing ones are white.

    Args:
        images: float [N, H, W, C] in [0, 1].
        columns: images a row.
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    padded = np.ones((rows * columns, height, width, channels), "float32")
    padded[:count] = images
    grid = padded.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * height, columns * width, channels)


def show_image(axes, image):
    """Draw an image, float [H, W, C] in [0, 1], without ticks or frame."""
    channels = image.shape[-1]
    if channels >= 3:
        axes.imshow(np.clip(image[..., :3], 0, 1), interpolation="nearest")
    else:
        axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
