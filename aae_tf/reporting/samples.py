"""What is measured of a model's samples: likelihood, quality, and whether they are copies of training images."""

from dataclasses import replace

import numpy as np

from aae_tf import evaluation
from aae_tf.reporting.held_out import some
from aae_tf.reporting.metrics import METRICS

CHUNK = 10_000  # samples decoded at a time; a chunk's seed depends on its number alone
TRAINING = 60_000  # training images among which copies are looked for


@METRICS.register
def log_likelihood(model, held_out, most=1_000):
    """Return the log-likelihood of held-out images under a Parzen window on samples (§3, table 1).

    Args:
        model: a model that samples.
        held_out: `HeldOut`; its `likelihood_samples` are the number of samples.
        most: largest number of images on which the bandwidth is chosen.
    """
    count, seed = held_out.likelihood_samples, held_out.seed
    parts = some(held_out.choosing, most, seed), held_out.measuring, held_out.training(10_000)
    choosing, images, train = (held_out.comparable(model, part.images) for part in parts)
    if not count or not len(choosing) or not len(images):
        return {}

    def chunks():
        return (held_out.comparable(model, chunk) for chunk in sample_chunks(model, count, seed))

    found = evaluation.parzen_log_likelihood(images, chunks, choosing, held_out.progress)
    true = evaluation.parzen_log_likelihood(images, train, choosing)
    chosen = "validation images" if held_out.split == "test" else "the other half of the validation images"
    return {
        "log_likelihood": {
            "value": found["mean"],
            "standard_error": found["standard_error"],
            "baseline": true["mean"],
            "baseline_is": f"{true['samples']:,} training images for samples",
            "unit": f"nats; Parzen window on {found['samples']:,} samples, bandwidth chosen on {chosen}",
            "bandwidth": found["bandwidth"],
            "samples": found["samples"],
            "seed": seed,
            "n": len(images),
        }
    }


def sample_chunks(model, count, seed):
    """Yield `count` samples of a model in chunks, float32 [c, ...]: the same for the same seed, whenever asked.

    Args:
        model: a model that samples.
        count: how many.
        seed: int.
    """
    for number, start in enumerate(range(0, count, CHUNK)):
        yield model.sample(min(CHUNK, count - start), [seed, number])


@METRICS.register
def sample_quality(model, held_out, most=5_000):
    """Return how near samples are to training images and, where a classifier can be taught, how good they are.

    Args:
        model: a model that samples.
        held_out: `HeldOut`.
        most: largest number of samples, and of held-out images.
    """
    seed = held_out.seed
    part, train = some(held_out.images, most, seed), held_out.training(TRAINING)
    if len(part) < 10:
        return {}
    part, train = (replace(split, images=held_out.comparable(model, split.images)) for split in (part, train))
    samples = held_out.comparable(model, model.sample(len(part), seed + 1))
    metrics = _memorising(samples[:1000], train, part.images[:1000], seed)
    if held_out.features is not None and len(train) > 5:
        metrics |= _quality(held_out.features, samples, train, part, seed)
    return metrics


@METRICS.register
def sample_class_accuracy(model, held_out, most=10_000):
    """Return how often a classifier of images sees in a sample the label that it was decoded with (§4).

    What Shmelkov et al., arXiv 1807.09499, call GAN-test; of the classes of held-out images, each counting alike.

    Args:
        model: a model that samples by class.
        held_out: `HeldOut`.
        most: largest number of samples of all classes together; of one 1,000 at most.
    """
    split = held_out.images.labelled()
    if not held_out.data.element.learned_features or not len(split) or held_out.features is None:
        return {}
    classes, predict = np.unique(split.labels), held_out.features.predict_labels
    each = max(1, min(1_000, most // len(classes)))
    right = [
        np.mean(predict(model.sample(each, [held_out.seed + 2, int(label)], np.full(each, label))) == label)
        for label in classes
    ]
    usual = predict(split.images) == split.labels
    return {
        "sample_class_accuracy": {
            "value": float(np.mean(right)),
            "by_class": dict(zip(map(str, classes), np.round(right, 4).tolist(), strict=True)),
            "baseline": float(np.mean([usual[split.labels == label].mean() for label in classes])),
            "baseline_is": "held-out images, each class counting alike",
            "unit": "share of samples in which a classifier of this dataset's images sees the label asked for",
            "features": held_out.features.name,
            "n": each * len(classes),
        }
    }


def _memorising(samples, train, images, seed):
    near, usual = (np.median(evaluation.nearest(each, train.images)[1]) for each in (samples, images))
    about = {"n": len(samples), "training_images": len(train)}
    metrics = {
        "nearest_training_distance": {
            "value": float(near),
            "baseline": float(usual),
            "baseline_is": "held-out images",
            "unit": "median Euclidean distance of samples to their nearest training image",
            **about,
        },
    }
    copying = evaluation.copying(samples, train.images, images, seed)
    if np.isfinite(copying):  # not where held-out images are repeated among the training images
        metrics["copying"] = {
            "value": copying,
            "baseline": 1.0,
            "baseline_is": "held-out images for samples",
            "unit": "distance to training over distance to held-out images, over theirs; 0 for copies",
            **about,
        }
    return metrics


def _quality(features, samples, train, part, seed):
    seen = some(train, len(part), seed).images
    real, fake, seen = features(part.images), features(samples), features(seen)
    about = {"baseline_is": "training images for samples", "features": features.name, "n": len(fake), "seed": seed}
    kernel, spread = evaluation.kernel_distance(real, fake)
    metrics = {
        "frechet_distance": {
            "value": evaluation.frechet_distance(real, fake),
            "baseline": evaluation.frechet_distance(real, seen),
            "unit": "squared distance of features' Gaussians; low is good",
            **about,
        },
        "kernel_distance": {
            "value": kernel,
            "standard_error": spread,
            "baseline": evaluation.kernel_distance(real, seen)[0],
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
        metrics[name] = {"value": found[name], "baseline": usual[name], "unit": unit, **about}
    return metrics
