"""Figures of a trained model: functions (model, `HeldOut`) to a figure, or None where there is nothing to draw.

`FIGURES` has them by name. `REPLACED` has those that replace figures of the same name for other elements.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from aae_tf import evaluation, figures
from aae_tf.config.registry import Registry
from aae_tf.models import as_images
from aae_tf.reporting.held_out import HeldOut, declared, some
from aae_tf.reporting.samples import TRAINING
from aae_tf.utils.random import as_seed

if TYPE_CHECKING:
    from aae_tf.models import LatentModel

FIGURES = Registry("figure")
PAIRS, PANELS, POINTS = 5, 12, 1000  # columns of a pair plot, panels, rows of a figure of rows


def draw(model: "LatentModel", held_out: HeldOut) -> dict[str, Figure]:
    """Return every figure that a model declares in `report_spec.figures` (names in `FIGURES`, or functions) by name."""
    replaced = REPLACED.get(held_out.data.element.figures, {})
    functions = declared(model.report_spec.figures, FIGURES)
    drawn = {name: replaced.get(name, function)(model, held_out) for name, function in functions}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def plane_panel(model: "LatentModel", held_out: HeldOut) -> dict:
    """Return the panel of one model in `figures.side_by_side`, a dict of 'plane' and 'samples', each may be None."""
    plane = _plane(model, held_out) if "latent_plane" in model.report_spec.figures else None
    samples = model.sample(40, held_out.seed) if held_out.data.element.figures == "pictures" else None
    return {"plane": plane, "samples": samples}


@FIGURES.register
def views(model: "LatentModel", held_out: HeldOut, count: int = 12, each: int = 6) -> Figure | None:
    """Return a figure of images, one in a column, above random views of them, as training uses them."""
    if held_out.views is None:
        return None
    images = as_images(some(held_out.images, count, held_out.seed).images)
    rows = [images, *(held_out.views(images, as_seed([held_out.seed, number])) for number in range(each))]
    title = f"{held_out.what} and views of them"
    return figures.grid(np.concatenate(rows), len(images), title, rows=("image", *["view"] * each))


@FIGURES.register
def samples(model: "LatentModel", held_out: HeldOut, rows: int = 8, columns: int = 10) -> Figure:
    """Return a figure of samples, one of each class in a row, and training images nearest to the last (figure 5)."""
    labels = np.tile(np.arange(columns) % model.classes, rows) if model.classes else None
    drawn = model.sample(rows * columns, held_out.seed, labels)
    train = held_out.training(TRAINING).images
    neighbours = train[evaluation.nearest(drawn[columns - 1 :: columns], train)[0]] / 255.0
    return figures.samples_with_neighbours(drawn, neighbours, columns)


@FIGURES.register
def latent_plane(model: "LatentModel", held_out: HeldOut) -> Figure:
    """Return a figure of codes over the prior (figures 2 and 4)."""
    plane = _plane(model, held_out)
    title = f"codes of {len(plane['codes']):,} {held_out.what} over the prior"
    return figures.latent_plane(**plane, title=title)


def _plane(model: "LatentModel", held_out: HeldOut, most: int = 10_000) -> dict:
    """Return the arguments of `figures.latent_plane` for a model's codes."""
    prior, part = model.prior, some(held_out.images, most, held_out.seed)
    return {
        "codes": model.encode(part.images, seed=held_out.seed),
        "labels": part.labels,
        "class_names": held_out.data.class_names,
        "prior_samples": prior.sample(20_000, held_out.seed).numpy(),
        "log_prob": None if prior.distribution is None else prior.log_prob,
    }


@FIGURES.register
def reconstructions(model: "LatentModel", held_out: HeldOut, columns: int = 12, rows: int = 3) -> Figure:
    """Return a figure of images and their reconstructions."""
    shown = some(held_out.images, rows * columns, held_out.seed)
    outputs = model.reconstruct(shown.images, shown.labels)
    title = f"{held_out.what} and their reconstructions"
    return figures.reconstructions(shown.images, outputs, min(columns, len(shown)), title)


@FIGURES.register
def manifold(model: "LatentModel", held_out: HeldOut, side: int = 20) -> Figure:
    """Return a figure of images decoded from a grid of codes (figure 2e)."""
    codes, keep, title = model.prior.manifold_codes(side)
    return figures.manifold(model.decode(codes), side, title, keep)


@FIGURES.register
def axes(model: "LatentModel", held_out: HeldOut, steps: int = 16) -> Figure | None:
    """Return a figure of images along an axis of each class of the prior, one class in a row (figures 4b and 4d)."""
    if (found := model.prior.class_axes(steps)) is None:
        return None
    codes, title = found
    return figures.grid(model.decode(codes), steps, title, rows=held_out.data.class_names[: len(codes) // steps])


@FIGURES.register
def style_grid(model: "LatentModel", held_out: HeldOut, rows: int = 10) -> Figure:
    """Return a figure of styles in every class: one style in a row, one label in a column (figure 7)."""
    styles = np.repeat(model.prior.sample(rows, held_out.seed).numpy(), model.classes, axis=0)
    images = model.decode(styles, np.tile(np.arange(model.classes), rows))
    title = "one style per row, one label per column"
    return figures.grid(images, model.classes, title, column_names=held_out.data.class_names)


@FIGURES.register
def confusion(model: "LatentModel", held_out: HeldOut) -> Figure | None:
    """Return a figure of the confusion matrix of a model trained with labels."""
    known, names = held_out.images.labelled(), held_out.data.class_names
    if not len(known):
        return None
    counts = evaluation.confusion(known.labels, model.predict_labels(known.images), len(names))
    return figures.confusion_matrix(counts, names, f"classes of {len(known):,} {held_out.what}")


def _centroids(model: "LatentModel") -> np.ndarray:
    """Return what each cluster decodes to at z = 0."""
    return model.decode(np.zeros((model.classes, model.prior.dim)), np.arange(model.classes))


@FIGURES.register
def clusters(model: "LatentModel", held_out: HeldOut, members: int = 12) -> Figure:
    """Return a figure of the centroid of each cluster (z = 0) and random members (figure 9)."""
    images = held_out.images.images
    assigned = model.predict_labels(images)
    chance = np.random.default_rng(held_out.seed)
    rows = []
    for cluster in range(model.classes):
        found = chance.permutation(np.flatnonzero(assigned == cluster))[:members]
        blank = np.ones((members - len(found), *images.shape[1:]))
        rows.append(np.concatenate([images[found] / 255.0, blank]))
    title = f"clusters of {len(images):,} {held_out.what}"
    return figures.centroids_and_members(_centroids(model), np.stack(rows), title)


@FIGURES.register("map")
def map_figure(model: "LatentModel", held_out: HeldOut, most: int = 5_000) -> Figure:
    """Return a figure of the map with its centroids (figure 11), evenly on a circle in more than 3 dimensions."""
    part = some(held_out.images, most, held_out.seed)
    centroids, groups = np.asarray(model.centroids.centroids), model.groups
    if model.prior.dim <= 3:
        latent_points = model.represent(part.images)
    else:
        angle = 2 * np.pi * np.arange(model.classes) / model.classes
        centroids, groups = 10 * np.stack([np.cos(angle), np.sin(angle)], -1), ()
        style = model.encode(part.images)[:, :2]
        latent_points = model.classify(part.images) @ centroids + style / max(style.std(), 1e-6)
    merged = f" of {len(groups)} clusters" if 0 < len(groups) < len(centroids) else ""
    title = f"map of {len(part):,} {held_out.what} and its {len(centroids)} centroids{merged}"
    return figures.map_with_centroids(latent_points, part.labels, held_out.data.class_names, centroids, title, groups)


@FIGURES.register
def losses(model: "LatentModel", held_out: HeldOut) -> Figure | None:
    """Return a figure of losses and validation metrics over epochs."""
    level = model.report_spec.equilibrium_loss
    return figures.losses(held_out.history, equilibrium_loss=level) if held_out.history else None


def row_samples(model: "LatentModel", held_out: HeldOut) -> Figure:
    """Return a figure of held-out rows and as many samples, column against column."""
    rows = some(held_out.images, POINTS, held_out.seed).images
    drawn = model.sample(len(rows), held_out.seed)
    names, of = _first_columns(held_out, PAIRS)
    title = f"samples and {held_out.what}{of}"
    return figures.pair_plot(rows[:, : len(names)], drawn[:, : len(names)], names, title, held_out.what)


def row_reconstructions(model: "LatentModel", held_out: HeldOut) -> Figure:
    """Return a figure of reconstructions against values, one column in a panel."""
    shown = some(held_out.images, POINTS, held_out.seed)
    outputs = model.reconstruct(shown.images, shown.labels)
    names, of = _first_columns(held_out, PANELS)
    title = f"{held_out.what} and their reconstructions{of}"
    return figures.reconstruction_scatter(shown.images[:, : len(names)], outputs[:, : len(names)], names, title)


def row_manifold(model: "LatentModel", held_out: HeldOut, side: int = 40) -> Figure:
    """Return a figure of each column of the rows decoded from a grid of codes."""
    codes, keep, title = model.prior.manifold_codes(side)
    names, of = _first_columns(held_out, PANELS)
    return figures.column_maps(model.decode(codes)[:, : len(names)], side, names, title + of, keep)


def row_clusters(model: "LatentModel", held_out: HeldOut) -> Figure:
    """Return a figure of the centroid of each cluster (z = 0) as a row of scaled columns."""
    counts = np.bincount(model.predict_labels(held_out.images.images), minlength=model.classes)
    names = [f"cluster {number} ({count} rows)" for number, count in enumerate(counts)]
    title = f"cluster centroids and number of {held_out.what}"
    centroids = held_out.comparable(model, _centroids(model))
    return figures.profiles(centroids, held_out.data.element.entries, names, title)


def _first_columns(held_out: HeldOut, most: int) -> tuple[Sequence[str], str]:
    """Return the names of the first columns, and a note for the title if there are more."""
    entries = held_out.data.element.entries
    return entries[:most], f" (the first {most} of {len(entries)} columns)" if len(entries) > most else ""


REPLACED: dict[str, dict[str, Callable]] = {  # by `Element.figures`
    "columns": {
        **dict.fromkeys(("views", "axes", "style_grid"), lambda model, held_out: None),
        "samples": row_samples,
        "reconstructions": row_reconstructions,
        "manifold": row_manifold,
        "clusters": row_clusters,
    }
}
