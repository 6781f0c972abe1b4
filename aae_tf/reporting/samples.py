"""Metrics of a model's samples: likelihood, quality, copies of training images, and agreement with their labels."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from aae_tf import evaluation
from aae_tf.data import Split
from aae_tf.reporting.held_out import HeldOut, some
from aae_tf.reporting.metrics import METRICS, metric

if TYPE_CHECKING:
    from aae_tf.models import LatentModel

CHUNK = 10_000  # samples decoded at a time; the seed of a chunk depends on its number alone
TRAINING = 60_000  # training images that are searched for copies


@METRICS.register
def log_likelihood(model: "LatentModel", held_out: HeldOut, most: int = 1_000) -> dict[str, dict]:
    """Return the log-likelihood of held-out images under a Parzen window on samples (§3, table 1).

    The bandwidth is chosen on at most `most` images; `held_out.likelihood_samples` is the number of samples.
    """
    count, seed = held_out.likelihood_samples, held_out.seed
    parts = some(held_out.choosing, most, seed), held_out.measuring, held_out.training(10_000)
    choosing, images, train = (held_out.comparable(model, part.images) for part in parts)
    if not count or not len(choosing) or not len(images):
        return {}

    def chunks() -> Iterator[np.ndarray]:
        for number, start in enumerate(range(0, count, CHUNK)):
            yield held_out.comparable(model, model.sample(min(CHUNK, count - start), [seed, number]))

    found = evaluation.parzen_log_likelihood(images, chunks, choosing, held_out.progress)
    true = evaluation.parzen_log_likelihood(images, train, choosing)
    chosen = "validation images" if held_out.split == "test" else "the other half of the validation images"
    about = {"standard_error": found["standard_error"], "bandwidth": found["bandwidth"], "samples": found["samples"]}
    unit = f"nats; Parzen window on {found['samples']:,} samples, bandwidth chosen on {chosen}"
    baseline = true["mean"], f"{true['samples']:,} training images for samples"
    return {"log_likelihood": metric(found["mean"], unit, len(images), baseline, **about, seed=seed)}


@METRICS.register
def sample_quality(model: "LatentModel", held_out: HeldOut, most: int = 5_000) -> dict[str, dict]:
    """Return how near at most `most` samples are to training images and, where features exist, how good they are."""
    seed = held_out.seed
    part, train = some(held_out.images, most, seed), held_out.training(TRAINING)
    if len(part) < 10:
        return {}
    part, train = (replace(split, images=held_out.comparable(model, split.images)) for split in (part, train))
    samples = held_out.comparable(model, model.sample(len(part), seed + 1))
    found = _memorising(samples[:1000], train, part.images[:1000], seed)
    if held_out.features is not None and len(train) > 5:
        found |= _quality(held_out.features, samples, train, part, seed)
    return found


@METRICS.register
def sample_class_accuracy(model: "LatentModel", held_out: HeldOut, most: int = 10_000) -> dict[str, dict]:
    """Return the share of samples that a classifier of images assigns to the label they were decoded with (§4).

    It is the mean over the classes of held-out images (GAN-test of Shmelkov et al., arXiv 1807.09499). `most` is the
    largest number of samples of all classes together; at most 1,000 are of one class.
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
    real = predict(split.images) == split.labels
    usual = float(np.mean([real[split.labels == label].mean() for label in classes]))
    unit = "share of samples that a classifier of this dataset assigns to the label they were decoded with"
    baseline = usual, "held-out images, mean over classes"
    by_class = dict(zip(map(str, classes), np.round(right, 4).tolist(), strict=True))
    about = {"by_class": by_class, "features": held_out.features.name}
    return {"sample_class_accuracy": metric(float(np.mean(right)), unit, each * len(classes), baseline, **about)}


def _memorising(samples: np.ndarray, train: Split, images: np.ndarray, seed: int) -> dict[str, dict]:
    near, usual = (float(np.median(evaluation.nearest(each, train.images)[1])) for each in (samples, images))
    unit = "median Euclidean distance of samples to their nearest training image"
    about = {"n": len(samples), "training_images": len(train)}
    found = {"nearest_training_distance": metric(near, unit, baseline=(usual, "held-out images"), **about)}
    copying = evaluation.copying(samples, train.images, images, seed)
    if np.isfinite(copying):  # not where held-out images are also training images
        unit = "distance to training over distance to held-out images, over theirs; 0 for copies"
        found["copying"] = metric(copying, unit, baseline=(1.0, "held-out images for samples"), **about)
    return found


def _quality(features: Callable, samples: np.ndarray, train: Split, part: Split, seed: int) -> dict[str, dict]:
    seen = some(train, len(part), seed).images
    real, fake, seen = features(part.images), features(samples), features(seen)
    (kernel, error), (usual_kernel, _) = (evaluation.kernel_distance(real, each) for each in (fake, seen))
    balls, usual_balls = (evaluation.precision_recall(real, each) for each in (fake, seen))
    frechet = (evaluation.frechet_distance(real, each) for each in (fake, seen))
    found = {
        "frechet_distance": (*frechet, "squared distance of Gaussians fitted to features; low is good"),
        "kernel_distance": (kernel, usual_kernel, "squared MMD of features, cubic kernel; low is good"),
    }
    units = {
        "precision": "share of samples among the images",
        "recall": "share of images among the samples",
        "density": "density of images around samples; 1 for equal distributions",
        "coverage": "share of images that have a sample near",
    }
    found |= {name: (balls[name], usual_balls[name], unit) for name, unit in units.items()}
    found = {
        name: metric(value, unit, len(fake), (usual, "training images for samples"), features=features.name, seed=seed)
        for name, (value, usual, unit) in found.items()
    }
    found["kernel_distance"]["standard_error"] = error
    return found
