"""Metrics of a trained model on held-out data: functions (model, `HeldOut`) to {name: `metric(...)`}.

Choices are made on `held_out.choosing` and measured on `held_out.measuring`; other metrics use `held_out.images`, or a
part drawn by the seed. A metric is left out where the data lacks what it needs.
"""

from typing import TYPE_CHECKING

import numpy as np

from aae_tf import evaluation
from aae_tf.config.registry import Registry
from aae_tf.data import Split
from aae_tf.reporting.held_out import HeldOut, declared, some
from aae_tf.utils.images import max_pixel_value

if TYPE_CHECKING:
    from aae_tf.models import LatentModel

METRICS = Registry("metric")


def compute_metrics(model: "LatentModel", held_out: HeldOut) -> dict[str, dict]:
    """Return all metrics that a trained model declares in `report_spec.metrics`: names in `METRICS`, or functions.

    Each has 'value', 'unit', 'n', and 'baseline' and 'baseline_is' where there is a baseline.
    """
    found = {}
    for _, function in declared(model.report_spec.metrics, METRICS):
        found |= function(model, held_out)
    element = held_out.data.element.singular
    for about in found.values():
        about |= {key: about[key].replace("image", element) for key in ("unit", "baseline_is") if key in about}
    return found


def metric(value: float, unit: str, n: int, baseline: tuple[float, str] | None = None, **more: object) -> dict:
    """Return one metric: value, unit, number of elements, (value, description) of the baseline, further entries."""
    compared = {} if baseline is None else {"baseline": baseline[0], "baseline_is": baseline[1]}
    return {"value": value, **compared, "unit": unit, "n": n, **more}


@METRICS.register
def reconstruction_error(model: "LatentModel", held_out: HeldOut) -> dict[str, dict]:
    """Return the reconstruction error, for rows with the explained share of the variance of each column."""
    split, element = held_out.images, held_out.data.element
    outputs = held_out.comparable(model, model.reconstruct(split.images, split.labels))
    images = held_out.comparable(model, split.images)
    errors = evaluation.reconstruction_error(images, outputs)
    mean = np.broadcast_to(images.mean(0, keepdims=True) / max_pixel_value(images.dtype), images.shape)
    baseline = float(evaluation.reconstruction_error(images, mean).mean()), "the mean image for every image"
    more = {"standard_error": float(errors.std(ddof=1) / np.sqrt(len(errors))) if len(errors) > 1 else 0.0}
    if element.entries:
        explained = 1 - np.square(images - outputs).mean(0) / np.maximum(images.var(0), 1e-12)
        more["explained"] = dict(zip(element.entries, explained.round(4).tolist(), strict=True))
    found = metric(float(errors.mean()), element.error_unit, len(errors), baseline, **more)
    return {"reconstruction_error": found}


@METRICS.register
def prior_match(model: "LatentModel", held_out: HeldOut, most: int = 5_000) -> dict[str, dict]:
    """Return how well codes match their priors; the metrics of a further code w are 'mmd_w' and so on."""
    units = {
        "mmd": "squared, unbiased; 0 for equal distributions",
        "sliced_wasserstein": "units of the codes; 0 for equal distributions",
        "two_sample_accuracy": "accuracy; 0.5 for equal distributions",
        "prior_coverage_gap": "share of prior samples without a code nearer than their 5th nearest prior sample",
    }
    part, seed, found = some(held_out.images, most, held_out.seed), held_out.seed, {}
    for name in model.drawn if len(part) >= 10 else ():
        codes = model.encode(part.images, seed=seed, code=name)
        real, other = (model.priors[name].sample(len(codes), [17, seed + shift]).numpy() for shift in (0, 1_000_003))
        for statistic, unit in units.items():
            options = {"seed": seed} if statistic == "two_sample_accuracy" else {}
            value, baseline = (getattr(evaluation, statistic)(each, real, **options) for each in (codes, other))
            suffix = "" if name == "z" else f"_{name}"
            found[statistic + suffix] = metric(value, unit, len(codes), (baseline, "prior against prior"))
    return found


@METRICS.register
def prior_class_accuracy(model: "LatentModel", held_out: HeldOut) -> dict[str, dict]:
    """Return the share of codes in the part of the prior that belongs to their label (§2.3)."""
    split = held_out.images.labelled()
    if not len(split):
        return {}
    value = float(np.mean(model.predict_labels(split.images) == split.labels))
    unit = "share of codes nearest to their own label's part of the prior"
    baseline = _commonest(split), "every code in the part of the most common class"
    return {"prior_class_accuracy": metric(value, unit, len(split), baseline)}


@METRICS.register
def classification_error(model: "LatentModel", held_out: HeldOut) -> dict[str, dict]:
    """Return the share of wrong predictions, with the confusion matrix, of a model trained with labels."""
    split = held_out.images.labelled()
    if not len(split):
        return {}
    predicted = model.predict_labels(split.images)
    value, error = evaluation.error_rate(split.labels, predicted)
    counts = evaluation.confusion(split.labels, predicted, held_out.data.classes).tolist()
    baseline = 1 - _commonest(split), "the most common class for every image"
    found = metric(value, "share of images", len(split), baseline, standard_error=error, confusion=counts)
    return {"classification_error": found}


@METRICS.register
def clustering(model: "LatentModel", held_out: HeldOut) -> dict[str, dict]:
    """Return how well clusters agree with labels that training does not use (§6)."""
    choosing, split = held_out.choosing.labelled(), held_out.measuring.labelled()
    if not len(choosing) or not len(split):
        return {}
    rule = evaluation.label_clusters(model.classify(choosing.images), choosing.labels)
    assigned = model.predict_labels(split.images)
    named = "validation image" if held_out.split == "test" else "image of the other half"
    baseline = 1 - _commonest(split), "the most common class for every image"
    agreement = evaluation.agreement(assigned, split.labels)
    found = {
        "clustering_error": (
            evaluation.clustering_error(assigned, split.labels, rule),
            f"share of images; a cluster has the label of its most certain {named}",
            baseline,
        ),
        "majority_error": (
            evaluation.majority_error(assigned, split.labels),
            "share of images; a cluster has the most common label of its images",
            baseline,
        ),
        "assignment_error": (
            evaluation.assignment_error(assigned, split.labels),
            "share of images; each class has one cluster, the best for all, and other clusters none",
            baseline,
        ),
        "nmi": (agreement["nmi"], "normalised mutual information; 1 for equal partitions"),
        "ari": (agreement["ari"], "adjusted Rand index; 1 for equal partitions, 0 for unrelated ones"),
        "clusters_used": (len(np.unique(assigned)), f"clusters of {model.classes} with images"),
    }
    return {name: metric(value, unit, len(split), *more) for name, (value, unit, *more) in found.items()}


@METRICS.register
def class_probe_z(model: "LatentModel", held_out: HeldOut) -> dict[str, dict]:
    """Return the accuracy of class probes on z (§4), and on samples of q(z|x) where q(z|x) is random."""
    choosing, split = held_out.choosing.labelled(), held_out.measuring.labelled()
    if len(np.unique(choosing.labels)) < 2 or not len(split):
        return {}
    codes = {"z": ("z", (None, None))}
    if "z" in model.random_codes:
        codes["sampled_z"] = "samples of q(z|x), as in training", (held_out.seed, held_out.seed + 1)
    found = {}
    for name, (code, seeds) in codes.items():
        parts = zip((choosing, split), seeds, strict=True)
        fitted, measured = (model.encode(part.images, seed=seed) for part, seed in parts)
        accuracies = evaluation.probe_accuracy(fitted, choosing.labels, measured, split.labels)
        for probe in ("linear", "nearest"):
            unit = f"accuracy of a {probe} probe of the class on {code}; low if z holds style alone"
            chance = accuracies["chance"], "chance"
            found[f"class_probe_{name}_{probe}"] = metric(accuracies[probe], unit, len(split), chance)
    return found


@METRICS.register("map")
def map_quality(model: "LatentModel", held_out: HeldOut, most: int = 2_000) -> dict[str, dict]:
    """Return how well the map keeps neighbourhoods and classes, and how well maps by other methods do (§7)."""
    known = held_out.images.labelled()
    part = some(known if len(known) else held_out.images, most, held_out.seed)
    if len(part) < 12:
        return {}
    images = held_out.comparable(model, part.images)
    images = images.reshape(len(part), -1) / max_pixel_value(images.dtype)
    maps = {"aae": model.represent(part.images), **evaluation.other_maps(images, model.prior.dim, held_out.seed)}
    qualities = {name: evaluation.map_quality(images, points, part.labels) for name, points in maps.items()}
    found = qualities.pop("aae")
    unit = "in [0, 1], neighbourhoods of 10"
    return {
        f"map_{name}": metric(value, unit, len(part), others={other: each[name] for other, each in qualities.items()})
        for name, value in found.items()
    }


def _commonest(split: Split) -> float:
    """Return the share of the most common label."""
    return float(np.bincount(split.labels).max() / len(split))
