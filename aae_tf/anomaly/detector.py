"""Verdicts on images: is this one like those the model was trained on?

    detector = run.detector(normal, false_alarm=0.01)    # from held-out normal images alone
    detector.detect(images)["abnormal"]

Two things make an image unusual to an autoencoder with a prior: it does not come back from its code (*reconstruction*,
the error of each pixel), and its code lies where the prior has little mass (*prior*). Pidhorskyi et al. (2018, arXiv
1807.02588) join the two for an adversarial autoencoder. Each is standardised on normal images that trained nothing, so
that they can be added (*both*), and the threshold is the quantile of these images' scores that keeps the false-alarm
rate asked for. No abnormal image is needed anywhere.

The error is that of slightly blurred images, so that a stroke which comes back half a pixel aside counts little, over
the root of the image's own mean square: an image with more in it has more to get wrong, and a nearly blank one would
pass for normal by the error alone. It decides unless another score is asked for: it tells most on the digits.
"""

import json
from pathlib import Path

import numpy as np

from aae_tf import evaluation
from aae_tf.backend import tf
from aae_tf.data import check_images
from aae_tf.errors import InputError, check_choice
from aae_tf.utils.files import write_json

PARTS = ("reconstruction", "prior")
SCORES = (*PARTS, "both")
ROUNDING = 1e-4  # a score, in standard deviations, changes by less with the batch that an image is in


class Detector:
    """What tells abnormal images from normal ones; made by `Detector.on`, or by `aae_tf.Run.detector`.

    Args:
        model: a trained `LatentModel` with an encoder.
        score: 'reconstruction', 'prior', 'both', or another score of the model (see `LatentModel.scores`).
        scales: dict of score to its [mean, standard deviation] on normal images.
        calibration: what `aae_tf.evaluation.conformal_threshold` found on their scores.

    Attributes:
        threshold: the score above which an image is called abnormal.
    """

    def __init__(self, model, score, scales, calibration):
        self.model, self.score, self.scales, self.calibration = model, score, scales, calibration
        self.threshold = calibration["threshold"]

    @classmethod
    def on(cls, model, images, labels=None, false_alarm=0.01, score="reconstruction", confidence=0.95):
        """Return a detector with its threshold set on normal images that the model was not trained on.

        Args:
            model: a trained `LatentModel` with an encoder.
            images: uint8 or float [N, H, W(, C)]: normal images.
            labels: int [N], for models that read labels.
            false_alarm: the share of normal images that may be called abnormal, in (0, 1).
            score: 'reconstruction', 'prior', 'both', or another score of the model.
            confidence: of the intervals, in (0, 1).

        Raises:
            InputError: a model without an encoder, an unknown score, or too few images for such a share.
        """
        if "encode" not in model.signatures():
            raise InputError(f"{type(model).__name__} has no encoder, so it cannot say how unusual an image is")
        raw = _over(model, "raw", lambda *batch: _raw(model, *batch)[0], images, labels)
        check_choice("score", score, dict.fromkeys([*SCORES, *raw]))
        names = dict.fromkeys([*PARTS, score] if score != "both" else PARTS)
        scales = {name: [float(raw[name].mean()), float(raw[name].std()) or 1.0] for name in names}
        scores = _standardised(raw, scales)[score] + ROUNDING
        return cls(model, score, scales, evaluation.conformal_threshold(scores, false_alarm, confidence))

    def detect(self, images, labels=None, batch_size=1000):
        """Return verdicts on images.

        Args:
            images: uint8 or float [N, H, W(, C)].
            labels: int [N], for models that read labels; ignored by others.
            batch_size: images per pass.

        Returns:
            dict of 'abnormal' bool [N]; 'score' float32 [N], by which it is; 'reconstruction', 'prior' and 'both',
            float32 [N], in standard deviations from the mean of normal images; 'error_map' float32 [N, H, W, C], the
            squared error of each pixel, of which 'reconstruction' is the mean over the root of the image's own.

        Raises:
            InputError: images of another shape, or labels are missing.
        """
        key = f"detect {self.score} {self.scales} {self.threshold}"
        return _over(self.model, key, self.graph, images, labels, batch_size)

    def measure(self, images, abnormal, labels=None):
        """Return how well each score tells abnormal images, see `aae_tf.evaluation.detection_quality`.

        Args:
            images: uint8 or float [N, H, W(, C)].
            abnormal: bool [N], which of them are.
            labels: int [N], for models that read labels.

        Returns:
            dict of score to a dict; that of this detector's own score has the shares of false alarms and detections.
        """
        found = self.detect(images, labels)
        limits = {self.score: self.threshold}
        return {
            name: evaluation.detection_quality(found[name], abnormal, limits.get(name), self.calibration["confidence"])
            for name in (*self.scales, "both")
        }

    def save(self, path):
        """Write everything but the model as JSON, whole or not at all.

        Args:
            path: of the file.
        """
        write_json(path, {"score": self.score, "scales": self.scales, "calibration": self.calibration})

    @classmethod
    def load(cls, model, path):
        """Return the detector that `save` wrote.

        Args:
            model: the model it was made of.
            path: of the file.

        Raises:
            InputError: the file is not what was written.
        """
        try:
            kept = json.loads(Path(path).read_text())
            return cls(model, kept["score"], kept["scales"], kept["calibration"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"'{path}' cannot be read ({error}); make it again: run.detector(normal)") from None

    def graph(self, images, labels=None):
        """Return what `detect` does, in the graph: dict of name to tensor.

        Args:
            images: float32 [N, H, W, C] in [0, 1].
            labels: int32 [N], for models that read labels.
        """
        raw, error_map = _raw(self.model, images, labels)
        scores = _standardised(raw, self.scales)
        score = scores[self.score]
        return {"abnormal": score > self.threshold, "score": score, **scores, "error_map": error_map}

    def signature(self):
        """Return the function to serve, with a list of its `tf.TensorSpec`: what `detect` says, of a batch."""
        return self.graph, self.model.signatures()["score"][1]


def _raw(model, images, labels=None):
    """Return each score of images, dict of name to float32 [N], and the map of their errors, float32 [N, H, W, C]."""
    batch = {"images": images, **({} if labels is None else {"labels": labels})}
    codes = model.codes(batch)
    comparable = model.image_scale.comparable
    difference = comparable(images) - comparable(model.to_images(codes))
    if images.shape.rank == 4:
        error_map = tf.square(_blurred(difference))
        content = tf.sqrt(tf.reduce_mean(tf.square(_blurred(images)), [1, 2, 3]) + 1e-6)
    else:  # a row's size says nothing of how much there is to get wrong
        error_map, content = tf.square(difference), 1.0
    reconstruction = tf.reduce_mean(error_map, list(range(1, error_map.shape.rank))) / content
    prior = tf.add_n([model.priors[name].negative_log_likelihood(codes[name]) for name in model.drawn])
    scores = model.scores(batch)
    if "prior_logit" in scores:  # high for what looks like the prior
        scores["prior_logit"] = -scores["prior_logit"]
    return {**scores, "reconstruction": reconstruction, "prior": prior}, error_map


def _blurred(images):
    """Return images [N, H, W, C] through a Gaussian of a 28th of their longer side."""
    std = max(images.shape[1:3]) / 28
    steps = np.arange(-int(3 * std + 0.5), int(3 * std + 0.5) + 1)
    weights = np.exp(-0.5 * np.square(steps / std)).astype("float32")
    line = np.tile((weights / weights.sum())[:, None, None, None], (1, 1, images.shape[-1], 1))
    for kernel in (line, line.transpose(1, 0, 2, 3)):
        images = tf.nn.depthwise_conv2d(images, kernel, [1, 1, 1, 1], "SAME")
    return images


def _standardised(raw, scales):
    """Return scores in standard deviations from the mean of normal images, and the sum of the two as 'both'."""
    scores = {name: (raw[name] - mean) / std for name, (mean, std) in scales.items()}
    return {**scores, "both": scores["reconstruction"] + scores["prior"]}


def _over(model, key, graph, images, labels, batch_size=1000):
    """Return what a function in the graph gives for images, batch by batch."""
    if model.reads_labels and labels is None:
        raise InputError(f"{type(model).__name__} reads labels; give one for each of the images")
    return model._over_images(key, graph, batch_size, images, model._needed(labels, images))


def unseen(normal, trained, labels=None):
    """Return the normal images, and labels, that are none of those trained on: what was learned comes back too well.

    Args:
        normal: uint8 or float [N, H, W(, C)].
        trained: arrays [M, H, W, C], as in the run's data, one after the other.
        labels: int [N] or None.

    Raises:
        InputError: all of them were trained on.
    """
    given, known = None, set()
    for images in trained:
        if given is None:
            read = check_images(normal) if images.dtype == np.uint8 else np.asarray(normal, images.dtype)
            given = [image.tobytes() for image in read]
        known |= {*given} & {image.tobytes() for image in images}
    kept = [number for number, image in enumerate(given) if image not in known]
    if not kept:
        raise InputError(
            f"all {len(normal)} normal images were trained on; give others, or none for the validation images"
        )
    return np.asarray(normal)[kept], None if labels is None else np.asarray(labels)[kept]
