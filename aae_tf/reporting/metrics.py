"""What is measured of a trained model on held-out images: functions (model, `HeldOut`) to dicts of numbers.

Each gives {name: {'value', 'unit', 'n', ...}}, and {} where the data cannot give it. What is chosen is chosen on
`held_out.choosing` and measured on `held_out.measuring`; what needs no choice is measured on all of `held_out.images`.
Where a part will do, it is drawn by the seed.
"""

import numpy as np

from aae_tf import evaluation
from aae_tf.config.registry import Registry
from aae_tf.reporting.held_out import declared, some
from aae_tf.utils.images import max_pixel_value

METRICS = Registry("metric")


def compute_metrics(model, held_out):
    """Return everything that a model declares as its metrics.

    Args:
        model: a trained `LatentModel`; its `metrics` are names of `METRICS`, or functions.
        held_out: `HeldOut`.

    Returns:
        dict of measure name to {'value', 'baseline' where there is one, 'unit', 'n', ...}.

    Raises:
        InputError: a measure that `METRICS` does not know.
    """
    found = {}
    for _, function in declared(model.metrics, METRICS):
        found |= function(model, held_out)
    return _named(found, held_out.data.element)


def _named(metrics, element):
    """Return metrics with the name of the elements in their units and baselines."""
    for about in metrics.values():
        about |= {key: about[key].replace("image", element.singular) for key in ("unit", "baseline_is") if key in about}
    return metrics


@METRICS.register
def reconstruction_error(model, held_out):
    """Return how well images come back from their codes.

    Args:
        model: a model that reconstructs.
        held_out: `HeldOut`.
    """
    split = held_out.images
    outputs = held_out.comparable(model, model.reconstruct(split.images, split.labels))
    images = held_out.comparable(model, split.images)
    errors = evaluation.reconstruction_error(images, outputs)
    mean = np.broadcast_to(images.mean(0, keepdims=True) / max_pixel_value(images.dtype), images.shape)
    return {
        "reconstruction_error": {
            "value": float(errors.mean()),
            "standard_error": float(errors.std(ddof=1) / np.sqrt(len(errors))) if len(errors) > 1 else 0.0,
            "baseline": float(evaluation.reconstruction_error(images, mean).mean()),
            **_about_error(held_out.data.element, images, outputs),
            "n": len(errors),
        }
    }


def _about_error(element, images, outputs):
    """Return baseline and unit of an error; of rows also the share of each column's variance that is explained."""
    about = {"baseline_is": "the mean image for every image", "unit": element.error_unit}
    if not element.entries:
        return about
    left = np.square(images - outputs).mean(0) / np.maximum(images.var(0), 1e-12)
    return about | {"explained": dict(zip(element.entries, (1 - left).round(4).tolist(), strict=True))}


@METRICS.register
def prior_match(model, held_out, most=5_000):
    """Return how well codes match their priors, each number beside that of prior against prior.

    Args:
        model: a model that encodes; of a further code w the metrics are 'mmd_w' and so on.
        held_out: `HeldOut`.
        most: largest sample.
    """
    part = some(held_out.images, most, held_out.seed)
    found = {}
    for name in model.drawn if len(part) >= 10 else ():
        codes = model.encode(part.images, seed=held_out.seed, code=name)
        suffix = "" if name == "z" else f"_{name}"
        matches = _match(codes, model.priors[name], held_out.seed)
        found |= {f"{measure}{suffix}": value for measure, value in matches.items()}
    return found


def _match(codes, prior, seed):
    """Return how well one code matches its prior."""
    count = len(codes)
    real, other = (prior.sample(count, [17, seed + offset]).numpy() for offset in (0, 1_000_003))
    statistics = {
        "mmd": (evaluation.mmd, "squared, unbiased; 0 for equal distributions"),
        "sliced_wasserstein": (evaluation.sliced_wasserstein, "units of the codes; 0 for equal distributions"),
        "two_sample_accuracy": (
            lambda x, y: evaluation.two_sample_accuracy(x, y, seed),
            "accuracy; 0.5 for equal distributions",
        ),
        "prior_coverage_gap": (evaluation.prior_coverage_gap, "share of prior mass that no code is near"),
    }
    return {
        name: {
            "value": statistic(codes, real),
            "baseline": statistic(other, real),
            "baseline_is": "prior against prior",
            "unit": unit,
            "n": count,
        }
        for name, (statistic, unit) in statistics.items()
    }


@METRICS.register
def prior_class_accuracy(model, held_out):
    """Return how many codes lie nearest to their own label's part of the prior (§2.3).

    Args:
        model: a model that predicts labels from the prior's parts.
        held_out: `HeldOut`.
    """
    split = held_out.images.labelled()
    if not len(split):
        return {}
    return {
        "prior_class_accuracy": {
            "value": float(np.mean(model.predict_labels(split.images) == split.labels)),
            "baseline": _commonest(split),
            "baseline_is": "every code in the part of the commonest class",
            "unit": "share of codes nearest to their own label's part of the prior",
            "n": len(split),
        }
    }


@METRICS.register
def classification_error(model, held_out):
    """Return how often the predicted class is wrong, with the confusion matrix.

    Args:
        model: a model that predicts classes which it learned from labels.
        held_out: `HeldOut`.
    """
    split = held_out.images.labelled()
    if not len(split):
        return {}
    predicted = model.predict_labels(split.images)
    error, spread = evaluation.error_rate(split.labels, predicted)
    return {
        "classification_error": {
            "value": error,
            "standard_error": spread,
            "baseline": 1 - _commonest(split),
            "baseline_is": "the commonest class for every image",
            "unit": "share of images",
            "n": len(split),
            "confusion": evaluation.confusion(split.labels, predicted, held_out.data.classes).tolist(),
        }
    }


@METRICS.register
def clustering(model, held_out):
    """Return how well clusters agree with labels that training never saw (§6).

    Args:
        model: a model that classifies into clusters.
        held_out: `HeldOut`.
    """
    choosing, split = held_out.choosing.labelled(), held_out.measuring.labelled()
    if not len(choosing) or not len(split):
        return {}
    rule = evaluation.label_clusters(model.classify(choosing.images), choosing.labels)
    assigned = model.predict_labels(split.images)
    values = {
        "clustering_error": evaluation.clustering_error(assigned, split.labels, rule),
        "majority_error": evaluation.majority_error(assigned, split.labels),
        "assignment_error": evaluation.assignment_error(assigned, split.labels),
        **evaluation.agreement(assigned, split.labels),
        "clusters_used": len(np.unique(assigned)),
    }
    named = "validation image" if held_out.split == "test" else "image of the other half"
    units = {
        "clustering_error": f"share of images; a cluster has the label of its most certain {named}",
        "majority_error": "share of images; a cluster has the commonest label of its own images",
        "assignment_error": "share of images; each class has one cluster, the best for all, and other clusters none",
        "nmi": "normalised mutual information; 1 for equal partitions",
        "ari": "adjusted Rand index; 1 for equal partitions, 0 for unrelated ones",
        "clusters_used": f"clusters of {model.classes} with images",
    }
    return {name: {"value": value, "unit": units[name], "n": len(split)} for name, value in values.items()}


@METRICS.register
def class_probe_z(model, held_out):
    """Return how well the class can be read from z, by probes that are taught on other images (§4).

    Where q(z|x) is random, of its representatives and of its samples.

    Args:
        model: a model that encodes.
        held_out: `HeldOut`.
    """
    choosing, split = held_out.choosing.labelled(), held_out.measuring.labelled()
    if len(np.unique(choosing.labels)) < 2 or not len(split):
        return {}
    found = _read_off(model, choosing, split, "z")
    if "z" in model.random_codes:
        found |= _read_off(model, choosing, split, "drawn_z", held_out.seed)
    return found


def _read_off(model, choosing, split, name, seed=None):
    """Return the metrics of probes taught on one split's codes and asked of another's."""
    seeds = (None, None) if seed is None else (seed, seed + 1)
    codes = (model.encode(each.images, seed=own) for each, own in zip((choosing, split), seeds, strict=True))
    taught, measured = zip(codes, (choosing.labels, split.labels), strict=True)
    found = evaluation.probe_accuracy(*taught, *measured)
    of = "z" if seed is None else "z as it is drawn from q(z|x), which training sees"
    return {
        f"label_in_{name}_{probe}": {
            "value": found[probe],
            "baseline": found["chance"],
            "baseline_is": "chance",
            "unit": f"accuracy of a {probe} probe of the class on {of}; low: z holds style alone",
            "n": len(split),
        }
        for probe in ("linear", "nearest")
    }


@METRICS.register("map")
def map_quality(model, held_out, most=2_000):
    """Return how well the map keeps neighbourhoods and classes, beside other methods' maps of the same images (§7).

    Args:
        model: a model that represents images on a map.
        held_out: `HeldOut`.
        most: largest number of images.
    """
    known = held_out.images.labelled()
    part = some(known if len(known) else held_out.images, most, held_out.seed)
    if len(part) < 12:
        return {}
    images = held_out.comparable(model, part.images)
    images = images.reshape(len(part), -1) / max_pixel_value(images.dtype)
    others = evaluation.other_maps(images, model.prior.dim, held_out.seed)
    latent_points = {"aae": model.represent(part.images), **others}
    qualities = {name: evaluation.map_quality(images, place, part.labels) for name, place in latent_points.items()}
    return {
        f"map_{quality}": {
            "value": qualities["aae"][quality],
            "others": {name: found[quality] for name, found in qualities.items() if name != "aae"},
            "unit": "in [0, 1], neighbourhoods of 10",
            "n": len(part),
        }
        for quality in qualities["aae"]
    }


def _commonest(split):
    """Return the share of the commonest label."""
    return float(np.bincount(split.labels).max() / len(split))
