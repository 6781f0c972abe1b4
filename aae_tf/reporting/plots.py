"""What is drawn of a trained model: functions (model, `HeldOut`) to a figure, or None where there is nothing to draw.

Titles say which images are shown. Where a part of them will do, it is drawn by the seed.
"""

import numpy as np

from aae_tf import evaluation, figures
from aae_tf.config.registry import Registry
from aae_tf.models import as_images
from aae_tf.reporting.held_out import declared, some
from aae_tf.reporting.row_plots import ROW_FIGURES
from aae_tf.reporting.samples import TRAINING
from aae_tf.utils.random import as_seed

FIGURES = Registry("figure")
REPLACED = {"columns": ROW_FIGURES}  # by `Element.figures`: figures of the same names that are drawn in their place


def draw(model, held_out):
    """Return every figure that a model declares.

    Args:
        model: a trained `LatentModel`; its `figures` are names of `FIGURES`, or functions.
        held_out: `HeldOut`; its `history` is what the losses are drawn of.

    Returns:
        dict of figure name to `matplotlib.figure.Figure`.

    Raises:
        InputError: a figure that `FIGURES` does not know.
    """
    replaced = dict(REPLACED.get(held_out.data.element.figures, {}))
    declared_ones = declared(model.figures, FIGURES)
    drawn = {name: replaced.get(name, function)(model, held_out) for name, function in declared_ones}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def plane_panel(model, held_out):
    """Return what `figures.side_by_side` draws of one model: its codes (where it draws them) and samples.

    Args:
        model: a trained `LatentModel`.
        held_out: `HeldOut`.

    Returns:
        dict with 'plane' (arguments of `figures.latent_plane`, or None) and 'samples', float32 [40, H, W, C] (None of
        rows).
    """
    plane = _plane(model, held_out) if "latent_plane" in model.figures else None
    samples = model.sample(40, held_out.seed) if held_out.data.element.figures == "pictures" else None
    return {"plane": plane, "samples": samples}


@FIGURES.register
def views(model, held_out, count=12, each=6):
    """Draw images, one a column, above views of them: what training took to leave their meaning alone.

    Args:
        model: a model that was trained with views.
        held_out: `HeldOut`; None is drawn without its `views`.
        count: images.
        each: views of each.
    """
    if held_out.views is None:
        return None
    images = as_images(some(held_out.images, count, held_out.seed).images)
    rows = [images, *(held_out.views(images, as_seed([held_out.seed, number])) for number in range(each))]
    title = f"{held_out.split} images, and views of them"
    return figures.grid(np.concatenate(rows), len(images), title, rows=("image", *["view"] * each))


@FIGURES.register
def samples(model, held_out, rows=8, columns=10):
    """Draw samples, and the nearest training image of each row's last (figure 5).

    Args:
        model: a model that samples.
        held_out: `HeldOut`.
        rows: rows of samples.
        columns: samples a row; of models with classes, one of each.
    """
    labels = np.tile(np.arange(columns) % model.classes, rows) if model.classes else None
    drawn = model.sample(rows * columns, held_out.seed, labels)
    train = held_out.training(TRAINING).images
    neighbours = train[evaluation.nearest(drawn[columns - 1 :: columns], train)[0]] / 255.0
    return figures.samples_with_neighbours(drawn, neighbours, columns)


@FIGURES.register
def latent_plane(model, held_out):
    """Draw codes over the prior (figures 2 and 4).

    Args:
        model: a model that encodes.
        held_out: `HeldOut`.
    """
    plane = _plane(model, held_out)
    title = f"codes of {len(plane['codes']):,} {held_out.what} over the prior"
    return figures.latent_plane(**plane, title=title)


def _plane(model, held_out, most=10_000):
    """Return what `figures.latent_plane` draws of a model's codes."""
    prior, part = model.prior, some(held_out.images, most, held_out.seed)
    return {
        "codes": model.encode(part.images, seed=held_out.seed),
        "labels": part.labels,
        "class_names": held_out.data.class_names,
        "prior_samples": prior.sample(20_000, held_out.seed).numpy(),
        "log_prob": None if prior.distribution is None else prior.log_prob,
    }


@FIGURES.register
def reconstructions(model, held_out, columns=12, rows=3):
    """Draw images and their reconstructions.

    Args:
        model: a model that reconstructs.
        held_out: `HeldOut`.
        columns: pairs a row.
        rows: rows of pairs.
    """
    shown = some(held_out.images, rows * columns, held_out.seed)
    title = f"{held_out.split} images and their reconstructions"
    outputs = model.reconstruct(shown.images, shown.labels)
    return figures.reconstructions(shown.images, outputs, min(columns, len(shown)), title)


@FIGURES.register
def manifold(model, held_out, side=20):
    """Draw decoded codes at equal steps over the prior (figure 2e).

    Args:
        model: a model that decodes codes alone.
        held_out: `HeldOut`.
        side: images along each dimension.
    """
    codes, keep, title = model.prior.manifold_codes(side)
    return figures.manifold(model.decode(codes), side, title, keep)


@FIGURES.register
def axes(model, held_out, steps=16):
    """Draw images along each class's part of the prior, one class a row (figures 4b and 4d).

    Args:
        model: a model that decodes codes alone.
        held_out: `HeldOut`.
        steps: images a class.
    """
    found = model.prior.class_axes(steps)
    if found is None:
        return None
    codes, title = found
    return figures.grid(model.decode(codes), steps, title, rows=held_out.data.class_names[: len(codes) // steps])


@FIGURES.register
def style_grid(model, held_out, rows=10):
    """Draw each of some styles in every class: one style a row, one label a column (figure 7).

    Args:
        model: a model that decodes codes with labels.
        held_out: `HeldOut`.
        rows: number of styles.
    """
    styles = np.repeat(model.prior.sample(rows, held_out.seed).numpy(), model.classes, axis=0)
    labels = np.tile(np.arange(model.classes), rows)
    title = "one style a row, one label a column"
    names = held_out.data.class_names
    return figures.grid(model.decode(styles, labels), model.classes, title, column_names=names)


@FIGURES.register
def confusion(model, held_out):
    """Draw which classes are taken for which.

    Args:
        model: a model that predicts classes which it learned from labels.
        held_out: `HeldOut`.
    """
    known, names = held_out.images.labelled(), held_out.data.class_names
    if not len(known):
        return None
    counts = evaluation.confusion(known.labels, model.predict_labels(known.images), len(names))
    return figures.confusion_matrix(counts, names, f"classes of {len(known):,} {held_out.what}")


@FIGURES.register
def clusters(model, held_out, members=12):
    """Draw each cluster's head (z = 0), and random members of it (figure 9).

    Args:
        model: a model that predicts clusters and decodes codes with them.
        held_out: `HeldOut`.
        members: members shown of each.
    """
    images = held_out.images.images
    assigned = model.predict_labels(images)
    heads = model.decode(np.zeros((model.classes, model.prior.dim)), np.arange(model.classes))
    chance = np.random.default_rng(held_out.seed)
    rows = []
    for cluster in range(model.classes):
        found = chance.permutation(np.flatnonzero(assigned == cluster))[:members]
        blank = np.ones((members - len(found), *images.shape[1:]))
        rows.append(np.concatenate([images[found] / 255.0, blank]))
    title = f"clusters of {len(images):,} {held_out.split} images"
    return figures.centroids_and_members(heads, np.stack(rows), title)


@FIGURES.register("map")
def map_figure(model, held_out, most=5_000):
    """Draw the map with its heads (figure 11); more than 3 dimensions on a circle of evenly placed heads.

    Args:
        model: a model that represents images on a map with heads.
        held_out: `HeldOut`.
        most: largest number of images.
    """
    part = some(held_out.images, most, held_out.seed)
    heads, groups = np.asarray(model.heads.heads), model.groups
    if model.prior.dim <= 3:
        latent_points = model.represent(part.images)
    else:
        angle = 2 * np.pi * np.arange(model.classes) / model.classes
        heads, groups = 10 * np.stack([np.cos(angle), np.sin(angle)], -1), ()
        style = model.encode(part.images)[:, :2]
        latent_points = model.classify(part.images) @ heads + style / max(style.std(), 1e-6)
    joined = f" of {len(groups)} clusters" if 0 < len(groups) < len(heads) else ""
    title = f"the map of {len(part):,} {held_out.what}, and its {len(heads)} heads{joined}"
    return figures.map_with_centroids(latent_points, part.labels, held_out.data.class_names, heads, title, groups)


@FIGURES.register
def losses(model, held_out):
    """Draw losses and validation errors over epochs.

    Args:
        model: any model; its `equilibrium_loss` is the loss of a discriminator that cannot tell, or None.
        held_out: `HeldOut`, with a history.
    """
    return figures.losses(held_out.history, equilibrium_loss=model.equilibrium_loss) if held_out.history else None
