"""What is measured of a trained model on held-out images; `measure` gives all that fit the model."""

import numpy as np

from aae_tf import evaluation, models
from aae_tf.evaluation import holes, mmd, reconstruction_error, sliced_wasserstein, two_sample_accuracy
from aae_tf.reporting.samples import sample_measures


def reconstruct(model, split):
    """Return the reconstructions of a `Split`, with its labels where the model reads them."""
    return model.reconstruct(split.images, split.labels if model.reads_labels else None)


def validation_numbers(model, split):
    """Return the numbers that are watched after every epoch, on validation images.

    Returns:
        dict with 'val_reconstruction_error' (mean squared error per pixel) and, for models that learn classes from
        labels, 'val_classification_error' (share in [0, 1]); empty for models without an encoder.
    """
    if not model.encodes:
        return {}
    errors = reconstruction_error(split.images, reconstruct(model, split))
    numbers = {"val_reconstruction_error": float(errors.mean())}
    known = split.labelled()
    if len(known) and predicts(model):
        error, _ = evaluation.error_rate(known.labels, model.predict_labels(known.images))
        numbers["val_classification_error"] = error
    return numbers


def predicts(model):
    """Return whether the model classifies into classes that it learned from labels (and not into clusters)."""
    return model.wants_labelled


def measure(model, data, split="test", seed=0, likelihood_samples=10_000, progress=None):
    """Return everything that is measured of a model on held-out images: all that fits it.

    Args:
        model: a trained `LatentModel`.
        data: `aae_tf.data.Dataset`.
        split: 'test' or 'validation'.
        seed: seed of prior samples, posterior samples and folds.
        likelihood_samples: N of the Parzen-window likelihood, 0 for none.
        progress: function (what for, samples seen), called on the way of the likelihood.

    Returns:
        dict of measure name to {'value', 'yardstick' where there is one, 'unit', 'n'}.
    """
    measures = sample_measures(model, data, split, seed, likelihood_samples, progress)
    return {**_code_measures(model, data, split, seed), **measures} if model.encodes else measures


def _code_measures(model, data, split, seed):
    held_out = getattr(data, split)
    measures = {
        "reconstruction_error": _reconstruction(model, held_out),
        **prior_match(model.encode(held_out.images, seed=seed), model.prior, seed),
    }
    known, validation = held_out.labelled(), data.validation.labelled()
    if len(known) and len(validation):
        if predicts(model):
            measures.update(_classification(model, known, data.classes))
        elif hasattr(model, "classify"):
            measures.update(_clusters(model, validation, known))
        if isinstance(model, models.LabelInformedAAE):
            measures["label_in_prior"] = _label_in_prior(model, known)
        if model.reads_labels:
            # choosing never looks at the test images: on validation images, one half teaches the probes
            halves = (known.take(slice(0, None, 2)), known.take(slice(1, None, 2)))
            measures.update(_probes(model, *((validation, known) if split == "test" else halves)))
    if isinstance(model, models.DimensionalityReductionAAE):
        measures.update(_map(model, held_out, seed))
    return measures


def _reconstruction(model, split):
    errors = reconstruction_error(split.images, reconstruct(model, split))
    mean = np.broadcast_to(split.images.mean(0, keepdims=True) / 255.0, split.images.shape)
    return {
        "value": float(errors.mean()),
        "standard_error": float(errors.std(ddof=1) / np.sqrt(len(errors))) if len(errors) > 1 else 0.0,
        "yardstick": float(reconstruction_error(split.images, mean).mean()),
        "yardstick_is": "the mean image for every image",
        "unit": "mean squared error per pixel, images in [0, 1]",
        "n": len(errors),
    }


def prior_match(codes, prior, seed=0, most=5_000):
    """Return how well codes match the prior, each number beside that of prior against prior.

    Args:
        codes: float [N, D]; the first `most` are used.
        prior: `aae_tf.priors.Prior`.
        seed: seed of the two prior samples and of the folds.
        most: largest sample.
    """
    codes = codes[:most]
    count = len(codes)
    if count < 10:
        return {}
    real, other = (prior.sample(count, [17, seed + offset]).numpy() for offset in (0, 1_000_003))
    statistics = {
        "mmd": (mmd, "squared, unbiased; 0 for equal distributions"),
        "sliced_wasserstein": (sliced_wasserstein, "units of the codes; 0 for equal distributions"),
        "two_sample_accuracy": (
            lambda x, y: two_sample_accuracy(x, y, seed),
            "accuracy; 0.5 for equal distributions",
        ),
        "holes": (holes, "share of prior mass that no code is near"),
    }
    return {
        name: {
            "value": statistic(codes, real),
            "yardstick": statistic(other, real),
            "yardstick_is": "prior against prior",
            "unit": unit,
            "n": count,
        }
        for name, (statistic, unit) in statistics.items()
    }


def _label_in_prior(model, split):
    predicted = model.predict_labels(split.images)
    return {
        "value": float(np.mean(predicted == split.labels)),
        "yardstick": float(np.bincount(split.labels).max() / len(split.labels)),
        "yardstick_is": "every code in the part of the commonest class",
        "unit": "share of codes nearest to their own label's part of the prior",
        "n": len(split),
    }


def _classification(model, split, classes):
    predicted = model.predict_labels(split.images)
    error, spread = evaluation.error_rate(split.labels, predicted)
    return {
        "classification_error": {
            "value": error,
            "standard_error": spread,
            "yardstick": float(1 - np.bincount(split.labels).max() / len(split.labels)),
            "yardstick_is": "the commonest class for every image",
            "unit": "share of images",
            "n": len(split),
            "confusion": evaluation.confusion(split.labels, predicted, classes).tolist(),
        }
    }


def _clusters(model, validation, split):
    assigned = model.predict_labels(split.images)
    rule = evaluation.label_clusters(model.classify(validation.images), validation.labels)
    both = evaluation.agreement(assigned, split.labels)
    values = {
        "clustering_error": evaluation.clustering_error(assigned, split.labels, rule),
        "majority_error": evaluation.majority_error(assigned, split.labels),
        **both,
    }
    units = {
        "clustering_error": "share of images; a cluster has the label of its most certain validation image",
        "majority_error": "share of images; a cluster has the commonest label of its own images",
        "nmi": "normalised mutual information; 1 for equal partitions",
        "ari": "adjusted Rand index; 1 for equal partitions, 0 for unrelated ones",
    }
    used = {"value": len(np.unique(assigned)), "unit": f"clusters of {model.classes} with images", "n": len(split)}
    return {name: {"value": value, "unit": units[name], "n": len(split)} for name, value in values.items()} | {
        "clusters_used": used
    }


def _probes(model, other, split):
    found = evaluation.probe_accuracy(
        model.encode(other.images), other.labels, model.encode(split.images), split.labels
    )
    return {
        f"label_in_z_{name}": {
            "value": found[name],
            "yardstick": found["chance"],
            "yardstick_is": "chance",
            "unit": f"accuracy of a {name} probe of the class on z; low: z holds style alone",
            "n": len(split),
        }
        for name in ("linear", "nearest")
    }


def _map(model, split, seed, most=2_000):
    known = split.labelled()
    part = (known if len(known) else split).take(slice(0, most))
    images = part.images.reshape(len(part), -1) / 255.0
    places = {"aae": model.represent(part.images), **evaluation.other_maps(images, model.prior.dim, seed)}
    qualities = {name: evaluation.map_quality(images, place, part.labels) for name, place in places.items()}
    return {
        f"map_{quality}": {
            "value": qualities["aae"][quality],
            "others": {name: found[quality] for name, found in qualities.items() if name != "aae"},
            "unit": "in [0, 1], neighbourhoods of 10",
            "n": len(part),
        }
        for quality in qualities["aae"]
    }
