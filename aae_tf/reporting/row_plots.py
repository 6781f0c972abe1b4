"""What is drawn of rows in place of pictures: the same names as in `pictures`, of functions (model, `HeldOut`).

Of many columns the first are drawn; titles say of how many.
"""

import numpy as np

from aae_tf import figures
from aae_tf.config.registry import Registry
from aae_tf.reporting.held_out import some

ROW_FIGURES = Registry("figure of rows")
PAIRS, PANELS, POINTS = 5, 12, 1000


@ROW_FIGURES.register
def samples(model, held_out):
    """Draw columns against one another, of held-out rows and of as many samples.

    Args:
        model: a model that samples.
        held_out: `HeldOut`.
    """
    rows = some(held_out.images, POINTS, held_out.seed).images
    drawn = model.sample(len(rows), held_out.seed)
    names, first = _first(held_out, PAIRS)
    title = f"samples and {held_out.what}{_of_how_many(held_out, names)}"
    return figures.pair_plot(rows[:, first], drawn[:, first], names, title, held_out.what)


@ROW_FIGURES.register
def reconstructions(model, held_out):
    """Draw reconstructions against values, a column a panel.

    Args:
        model: a model that reconstructs.
        held_out: `HeldOut`.
    """
    shown = some(held_out.images, POINTS, held_out.seed)
    outputs = model.reconstruct(shown.images, shown.labels)
    names, first = _first(held_out, PANELS)
    title = f"{held_out.what} and their reconstructions{_of_how_many(held_out, names)}"
    return figures.reconstruction_scatter(shown.images[:, first], outputs[:, first], names, title)


@ROW_FIGURES.register
def manifold(model, held_out, side=40):
    """Draw each column of decoded codes at equal steps over the prior.

    Args:
        model: a model that decodes codes alone.
        held_out: `HeldOut`.
        side: codes along each dimension.
    """
    codes, keep, title = model.prior.manifold_codes(side)
    names, first = _first(held_out, PANELS)
    title += _of_how_many(held_out, names)
    return figures.column_maps(model.decode(codes)[:, first], side, names, title, keep)


@ROW_FIGURES.register
def clusters(model, held_out):
    """Draw each cluster's head (z = 0) as a row of scaled columns.

    Args:
        model: a model that predicts clusters and decodes codes with them.
        held_out: `HeldOut`.
    """
    counts = np.bincount(model.predict_labels(held_out.images.images), minlength=model.classes)
    heads = model.decode(np.zeros((model.classes, model.prior.dim)), np.arange(model.classes))
    names = [f"cluster {number} ({count} rows)" for number, count in enumerate(counts)]
    title = f"cluster heads, and how many {held_out.what} are in each"
    return figures.profiles(held_out.comparable(model, heads), held_out.data.columns.entries, names, title)


def nothing(model, held_out):
    """Return None: of rows there is nothing to draw."""
    return None


for _name in ("views", "axes", "style_grid"):
    ROW_FIGURES.register(nothing, _name)


def _first(held_out, most):
    """Return the names and the positions of the first entries."""
    names = held_out.data.columns.entries[:most]
    return names, slice(0, len(names))


def _of_how_many(held_out, names):
    count = len(held_out.data.columns)
    return f" (the first {len(names)} of {count} columns)" if count > len(names) else ""
