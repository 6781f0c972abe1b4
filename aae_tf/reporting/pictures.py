"""What is drawn of a trained model: the paper's figure for it, samples, reconstructions, losses."""

import numpy as np

from aae_tf import evaluation, figures, models
from aae_tf.data import Split
from aae_tf.priors import Gaussian, PetalMixture, SwissRoll
from aae_tf.reporting.measures import predicts, reconstruct


def draw(model, data, history, seed=0):
    """Return every figure of a trained model.

    Args:
        model: a trained `LatentModel`.
        data: `aae_tf.data.Dataset`; codes and reconstructions are of its test images.
        history: list of dicts, one an epoch.
        seed: seed of samples.

    Returns:
        dict of figure name to `matplotlib.figure.Figure`.
    """
    drawn = {"samples": _samples(model, data, seed)}
    if model.encodes:
        drawn["latent_plane"] = _latent_plane(model, data, seed)
        drawn["reconstructions"] = _reconstructions(model, data)
    if not model.classes:
        drawn["manifold"] = _manifold(model)
    if isinstance(model, models.LabelInformedAAE) and isinstance(model.prior, PetalMixture | SwissRoll):
        drawn["axes"] = _axes(model, data)
    if model.reads_labels or isinstance(model, models.SemiSupervisedAAE):
        drawn["style_grid"] = _style_grid(model, data, seed)
    if predicts(model) and len(data.test.labelled()):
        counts = evaluation.confusion(data.test.labels, model.predict_labels(data.test.images), data.classes)
        drawn["confusion"] = figures.confusion_matrix(counts, data.class_names)
    if isinstance(model, models.ClusteringAAE):
        drawn["clusters"] = _clusters(model, data, seed)
    if isinstance(model, models.DimensionalityReductionAAE):
        drawn["map"] = _map(model, data)
    if history:
        drawn["losses"] = figures.losses(history)
    return drawn


def _latent_plane(model, data, seed):
    drawn = _plane(model, data, seed)
    return figures.latent_plane(**drawn, title=f"codes of {len(drawn['codes']):,} held-out images over the prior")


def _plane(model, data, seed, most=10_000):
    """Return what `figures.latent_plane` draws of a model's codes of test images."""
    prior, held_out = model.prior, data.test.take(slice(0, most))
    return {
        "codes": model.encode(held_out.images, seed=seed),
        "labels": held_out.labels,
        "class_names": data.class_names,
        "prior_samples": prior.sample(20_000, seed).numpy(),
        "log_prob": None if prior.distribution is None else prior.log_prob,
    }


def plane_panel(model, data, seed=0):
    """Return what `figures.side_by_side` draws of one model: its codes (where it encodes) and samples.

    Args:
        model: a trained `LatentModel`.
        data: `aae_tf.data.Dataset`; codes are of its test images.
        seed: seed of samples.

    Returns:
        dict with 'plane' (arguments of `figures.latent_plane`, or None) and 'samples', float32 [40, H, W, C].
    """
    plane = _plane(model, data, seed) if model.encodes else None
    return {"plane": plane, "samples": model.sample(40, seed)}


def _manifold(model, side=20):
    prior = model.prior
    if prior.dim != 2 or isinstance(prior, Gaussian):
        # along the first two dimensions: equal steps of the prior's percentiles (Gaussian), others at 0
        std = prior.std if isinstance(prior, Gaussian) else float(np.std(prior.sample(10_000, 0).numpy()[:, 0]))
        codes = figures.percentile_codes(side, prior.dim, std)
        title = f"decoded at equal steps of the prior's percentiles (std {std:g})"
        return figures.manifold(model.decode(codes), side, title)
    drawn = prior.sample(10_000, 0).numpy()
    reach = float(np.quantile(np.abs(drawn), 0.995))
    codes = figures.plane_codes(side, reach)
    cell = 2 * reach / (side - 1)
    keep = np.array([(np.abs(drawn - code).max(1) < 0.5 * cell).sum() >= 2 for code in codes])
    title = "decoded at equal steps over the plane, where the prior has mass"
    return figures.manifold(model.decode(codes), side, title, keep)


def _axes(model, data, steps=16):
    """Figures 4b and 4d: images along each component's axis, or along the roll, one class a row."""
    prior, count = model.prior, model.prior.classes
    if isinstance(prior, PetalMixture):
        positions = np.linspace(-2, 2, steps)
        codes = np.concatenate([prior.along(number, positions) for number in range(count)])
        title = "along each component's long axis, inwards to outwards"
    else:
        codes = prior.along((np.arange(count * steps) + 0.5) / (count * steps)).numpy()
        title = "along the roll, inside to outside, one stretch a row"
    return figures.grid(model.decode(codes), steps, title, rows=data.class_names[:count])


def _style_grid(model, data, seed, rows=10):
    """Figure 7: each row one style, each column one label."""
    styles = np.repeat(model.prior.sample(rows, seed).numpy(), model.classes, axis=0)
    labels = np.tile(np.arange(model.classes), rows)
    title = "one style a row, one label a column"
    return figures.grid(model.decode(styles, labels), model.classes, title, column_names=data.class_names)


def _clusters(model, data, seed, members=12):
    """Figure 9: each cluster's head (z = 0), and random members of it."""
    assigned = model.predict_labels(data.test.images)
    heads = model.decode(np.zeros((model.classes, model.prior.dim)), np.arange(model.classes))
    chance = np.random.default_rng(seed)
    rows = []
    for cluster in range(model.classes):
        found = chance.permutation(np.flatnonzero(assigned == cluster))[:members]
        images = data.test.images[found] / 255.0
        blank = np.ones((members - len(found), *data.image_shape))
        rows.append(np.concatenate([images, blank]))
    return figures.heads_and_members(heads, np.stack(rows))


def _map(model, data, most=5_000):
    """Figure 11: the map with its heads; more than 3 dimensions are shown on a circle of evenly placed heads."""
    held_out = data.test.take(slice(0, most))
    heads = np.asarray(model.heads.heads)
    if model.prior.dim <= 3:
        places = model.represent(held_out.images)
    else:
        angle = 2 * np.pi * np.arange(model.classes) / model.classes
        heads = 10 * np.stack([np.cos(angle), np.sin(angle)], -1)
        style = model.encode(held_out.images)[:, :2]
        places = model.classify(held_out.images) @ heads + style / max(style.std(), 1e-6)
    return figures.map_with_heads(places, held_out.labels, data.class_names, heads)


def _samples(model, data, seed, rows=8, columns=10):
    labels = np.tile(np.arange(columns) % model.classes, rows) if model.classes else None
    samples = model.sample(rows * columns, seed, labels)
    train = data.train if isinstance(data.train, Split) else data.validation
    last = samples[columns - 1 :: columns]
    neighbours = train.images[figures.nearest(last, train.images)] / 255.0
    return figures.samples_with_neighbours(samples, neighbours, columns)


def _reconstructions(model, data, columns=12, rows=3):
    shown = data.test.take(slice(0, None, max(1, len(data.test) // (rows * columns)))).take(slice(0, rows * columns))
    return figures.reconstructions(shown.images, reconstruct(model, shown), min(columns, len(shown)))
