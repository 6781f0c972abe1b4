"""Grids of images: the manifold, samples, styles, clusters, reconstructions (figures 2e, 4b, 5, 7, 9)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aae_tf.figures.colours import ERRORS, FRAME
from aae_tf.utils.images import to_unit


def manifold(images: np.ndarray, side: int, title: str = "", keep: np.ndarray | None = None) -> Figure:
    """Return a figure of the images [side * side, H, W, C] decoded from a square grid of codes (figure 2e).

    Images and `keep` are in the order of `Prior.manifold_codes`; images that are not kept stay blank.
    """
    if keep is not None:
        images = np.where(keep[:, None, None, None], images, 1.0)
    figure = Figure(figsize=(7, 7.2), layout="constrained")
    axes = figure.subplots()
    show_image(axes, tile(images, side))
    axes.set(title=title, xlabel="$z_1$ →", ylabel="$z_2$ →")
    return figure


def grid(
    images: np.ndarray, columns: int, title: str = "", rows: Sequence[str] = (), column_names: Sequence[str] = ()
) -> Figure:
    """Return a figure of images [rows * columns, H, W, C], with names of rows or columns (figures 4b, 4d, 7)."""
    _, height, width, _ = images.shape
    count = len(images) // columns
    figure = Figure(figsize=(0.5 * columns + 0.8, 0.5 * count * height / width + 0.8), layout="constrained")
    axes = figure.subplots()
    show_image(axes, tile(images, columns))
    axes.set_title(title)
    axes.set_yticks((np.arange(len(rows)) + 0.5) * height - 0.5, rows, fontsize=9)
    axes.set_xticks((np.arange(len(column_names)) + 0.5) * width - 0.5, column_names, fontsize=9)
    axes.tick_params(length=0)
    return figure


def centroids_and_members(centroids: np.ndarray, members: np.ndarray, title: str = "") -> Figure:
    """Return a figure of cluster centroids next to images of each cluster, one cluster in a row (figure 9).

    Centroids are float [K, H, W, C] and members float [K, M, H, W, C], in [0, 1].
    """
    blocks = -(-len(centroids) // 10)
    rows = -(-len(centroids) // blocks)
    figure = Figure(figsize=((0.42 * (members.shape[1] + 1.6)) * blocks, 0.42 * rows + 0.9), layout="constrained")
    panels = figure.subplots(1, 2 * blocks, width_ratios=[1, members.shape[1]] * blocks)
    for block, (left, right) in enumerate(panels.reshape(-1, 2)):
        part = slice(rows * block, rows * block + rows)
        show_image(left, tile(centroids[part], 1), framed=True)
        show_image(right, tile(members[part].reshape(-1, *members.shape[2:]), members.shape[1]))
        for axes, name in ((left, "centroid"), (right, "random members")):
            axes.set_title(name, fontsize=8)
            axes.set_anchor("N")
    figure.suptitle(title, fontsize=11)
    return figure


def samples_with_neighbours(samples: np.ndarray, neighbours: np.ndarray, columns: int = 10, title: str = "") -> Figure:
    """Return a figure of samples and the nearest training image of the last sample of each row (figure 5).

    Samples are float [rows * columns, H, W, C] and neighbours float [rows, H, W, C], in [0, 1].
    """
    rows = len(samples) // columns
    figure = Figure(figsize=(0.62 * (columns + 1.4), 0.62 * rows + 0.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[columns, 1])
    show_image(left, tile(samples[: rows * columns], columns))
    show_image(right, tile(neighbours[:rows], 1), framed=True)
    left.set_title(title or "samples")
    right.set_title("nearest\ntraining", fontsize=8)
    return figure


def reconstructions(
    images: np.ndarray, outputs: np.ndarray, columns: int = 12, title: str = "held-out images and their reconstructions"
) -> Figure:
    """Return a figure of pairs of rows: images above their reconstructions.

    Images are [N, H, W, C], float in [0, 1] or uint8, outputs float in [0, 1].
    """
    images = to_unit(images)
    rows = len(images) // columns
    figure = Figure(figsize=(0.6 * columns, 1.3 * rows + 0.4), layout="constrained")
    for index, axes in enumerate(np.atleast_1d(figure.subplots(rows, 1))):
        part = slice(index * columns, (index + 1) * columns)
        show_image(axes, tile(np.concatenate([images[part], outputs[part]]), columns))
    figure.suptitle(title, fontsize=11)
    return figure


def error_maps(
    images: np.ndarray, outputs: np.ndarray, maps: np.ndarray, names: Sequence[str] = (), title: str = ""
) -> Figure:
    """Return a figure of images, one in a column, above their reconstructions and the errors of their pixels.

    All are [N, H, W, C]; errors are averaged over channels and drawn on a common scale. `names` are written above.
    """
    images, maps = to_unit(images), np.mean(maps, -1, keepdims=True)
    figure = Figure(figsize=(0.75 * len(images) + 0.9, 3.1), layout="constrained")
    rows = figure.subplots(3, 1)
    for axes, row, name in zip(rows, (images, outputs, maps), ("image", "reconstruction", "error"), strict=True):
        show_image(axes, tile(row, len(images)))
        axes.set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")
    rows[2].images[0].set(cmap=ERRORS, clim=(0, max(float(np.quantile(maps, 0.995)), 1e-9)))
    if len(names):
        rows[0].set_xticks((np.arange(len(images)) + 0.5) * images.shape[2] - 0.5, names, fontsize=7)
        rows[0].tick_params(length=0, labeltop=True, labelbottom=False)
    figure.suptitle(title, fontsize=11)
    return figure


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Return images as one image, float32 [rows * H, columns * W, C], row by row; missing ones are white.

    Images are float [N, H, W, C] in [0, 1].
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    padded = np.ones((rows * columns, height, width, channels), "float32")
    padded[:count] = images
    tiles = padded.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return tiles.reshape(rows * height, columns * width, channels)


def show_image(axes: Axes, image: np.ndarray, framed: bool = False) -> None:
    """Draw an image, float [H, W, C] in [0, 1], without ticks, with a frame for images that are not samples."""
    pixels = np.clip(image[..., :3], 0, 1) if image.shape[-1] >= 3 else image[..., 0]
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=framed, color=FRAME, linewidth=2)
