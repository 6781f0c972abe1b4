"""What is measured of a model's samples: likelihood, quality, and whether they are copies of training images."""

import numpy as np

from aae_tf import evaluation
from aae_tf.data import Split
from aae_tf.reporting.features import features_of

CHUNK = 10_000  # samples decoded at a time; a chunk's seed depends on its number alone


def sample_measures(model, data, split="test", seed=0, likelihood_samples=10_000, progress=None):
    """Return what is measured of samples, beside held-out images.

    Args:
        model: a trained `LatentModel`.
        data: `aae_tf.data.Dataset`.
        split: 'test' or 'validation'.
        seed: seed of the samples.
        likelihood_samples: N of the Parzen window; 0 leaves the likelihood out.
        progress: function (what for, samples seen), called on the way of the likelihood.

    Returns:
        dict of measure name to {'value', 'unit', 'n', ...}, as `reporting.measure`.
    """
    held_out = getattr(data, split)
    measures = {}
    if likelihood_samples:
        measures["log_likelihood"] = _likelihood(model, data, split, seed, likelihood_samples, progress)
    train = data.train if isinstance(data.train, Split) else data.validation
    held_out = some(held_out, 5_000, seed)
    count = len(held_out)
    if count < 10:
        return measures
    samples = model.sample(count, seed + 1)
    measures |= _memorising(samples[:1000], train, held_out, seed)
    features = features_of(data)
    if features is not None and len(train) > 5:
        measures |= _quality(features, samples, train, held_out, seed)
    return measures


def some(split, most, seed):
    """Return at most `most` images of a `Split`, drawn by the seed: their own order may be that of the labels."""
    return split.take(np.random.default_rng(seed).permutation(len(split))[:most])


def sample_chunks(model, count, seed):
    """Yield `count` samples of a model in chunks, float32 [c, H, W, C]: the same for the same seed, whenever asked."""
    for number, start in enumerate(range(0, count, CHUNK)):
        yield model.sample(min(CHUNK, count - start), [seed, number])


def _likelihood(model, data, split, seed, count, progress):
    validation, held_out = data.validation.images, getattr(data, split).images
    if split == "validation":  # the bandwidth is chosen on other images than it is measured on
        validation, held_out = validation[::2], validation[1::2]
    found = evaluation.parzen_log_likelihood(held_out, lambda: sample_chunks(model, count, seed), validation, progress)
    train = data.train.images if isinstance(data.train, Split) else data.validation.images
    true = evaluation.parzen_log_likelihood(held_out, lambda: iter([train[:10_000]]), validation)
    return {
        "value": found["mean"],
        "standard_error": found["standard_error"],
        "yardstick": true["mean"],
        "yardstick_is": f"{true['samples']:,} training images for samples",
        "unit": f"nats; Parzen window on {found['samples']:,} samples, bandwidth chosen on validation images",
        "bandwidth": found["bandwidth"],
        "samples": found["samples"],
        "seed": seed,
        "n": len(held_out),
    }


def _memorising(samples, train, held_out, seed):
    part = held_out.images[: len(samples)]
    near = np.median(evaluation.nearest_distances(samples, train.images))
    usual = np.median(evaluation.nearest_distances(part, train.images))
    return {
        "nearest_training_distance": {
            "value": float(near),
            "yardstick": float(usual),
            "yardstick_is": "held-out images",
            "unit": "median Euclidean distance of samples to their nearest training image",
            "n": len(samples),
        },
        "copying": {
            "value": evaluation.copying(samples, train.images, part, seed),
            "yardstick": 1.0,
            "yardstick_is": "held-out images for samples",
            "unit": "distance to training over distance to held-out images, over theirs; 0 for copies",
            "n": len(samples),
        },
    }


def _quality(features, samples, train, held_out, seed):
    seen = some(train, len(held_out), seed).images
    real, fake, seen = features(held_out.images), features(samples), features(seen)
    about = {"yardstick_is": "training images for samples", "features": features.name, "n": len(fake), "seed": seed}
    kernel, spread = evaluation.kernel_distance(real, fake)
    measures = {
        "frechet_distance": {
            "value": evaluation.frechet_distance(real, fake),
            "yardstick": evaluation.frechet_distance(real, seen),
            "unit": "squared distance of features' Gaussians; low is good",
            **about,
        },
        "kernel_distance": {
            "value": kernel,
            "standard_error": spread,
            "yardstick": evaluation.kernel_distance(real, seen)[0],
            "unit": "squared MMD of features, cubic kernel; low is good",
            **about,
        },
    }
    units = {
        "precision": "share of samples among the images",
        "recall": "share of images among the samples",
        "density": "how thick with images the samples' places are; 1 for equal distributions",
        "coverage": "share of images that have a sample near",
    }
    found, usual = (evaluation.precision_recall(real, each) for each in (fake, seen))
    for name, unit in units.items():
        measures[name] = {"value": found[name], "yardstick": usual[name], "unit": unit, **about}
    return measures
