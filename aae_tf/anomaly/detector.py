"""Anomaly detection: images that are unlike the training images.

An image is unusual if its reconstruction is poor (score *reconstruction*) or its code has a low density under the prior
(score *prior*); *both* is their sum (Pidhorskyi et al., 2018, arXiv 1807.02588). Scores are standardised on normal
images that were not trained on, and the threshold is the quantile of these images' scores that keeps the accepted
false-positive rate. No abnormal images are needed.

*reconstruction* is the error of slightly blurred images, so that a shift by half a pixel counts little, divided by the
root mean square of the image, because the error grows with the content of an image and a blank image would always pass
for normal. It is the default because it performs best on the digits.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from aae_tf import evaluation
from aae_tf.backend import tf
from aae_tf.data import check_images
from aae_tf.errors import InputError, check_choice
from aae_tf.utils.files import write_json

if TYPE_CHECKING:
    from aae_tf.models import LatentModel

Labels = ArrayLike | None
Outputs = dict[str, tf.Tensor]
PARTS = ("reconstruction", "prior")
SCORES = (*PARTS, "both")
ROUNDING = 1e-4  # in standard deviations; a score depends less than this on the batch of its image


class Detector:
    """Classifies images as normal or abnormal; made by `Detector.on` or `aae_tf.Run.detector`.

    Args:
        model: a trained `LatentModel` with an encoder.
        score: 'reconstruction', 'prior', 'both', or another score of the model (see `LatentModel.scores`).
        scales: dict of score to its [mean, standard deviation] on normal images.
        calibration: dict that `aae_tf.evaluation.conformal_threshold` returned for their scores.

    Attributes:
        threshold: score above which an image is classified as abnormal.
    """

    def __init__(self, model: "LatentModel", score: str, scales: dict[str, list[float]], calibration: dict):
        self.model, self.score, self.scales, self.calibration = model, score, scales, calibration
        self.threshold = calibration["threshold"]

    @classmethod
    def on(
        cls,
        model: "LatentModel",
        images: ArrayLike,
        labels: Labels = None,
        false_alarm: float = 0.01,
        score: str = "reconstruction",
        confidence: float = 0.95,
    ) -> "Detector":
        """Return a detector whose threshold is set on normal images that the model was not trained on.

        Args:
            model: a trained `LatentModel` with an encoder.
            images: uint8 or float [N, H, W(, C)], at least as many as the rate needs.
            labels: int [N], for models that read labels.
            false_alarm: highest accepted false-positive rate, in (0, 1).
            score: 'reconstruction', 'prior', 'both', or another score of the model.
            confidence: of the intervals, in (0, 1).
        """
        check_score(model, score)
        raw = model.over_images("raw", lambda *batch: _raw(model, *batch)[0], images, labels)
        names = dict.fromkeys([*PARTS, score] if score != "both" else PARTS)
        scales = {name: [float(raw[name].mean()), float(raw[name].std()) or 1.0] for name in names}
        scores = _standardised(raw, scales)[score] + ROUNDING
        return cls(model, score, scales, evaluation.conformal_threshold(scores, false_alarm, confidence))

    def detect(self, images: ArrayLike, labels: Labels = None, batch_size: int = 1000) -> dict[str, np.ndarray]:
        """Classify images as normal or abnormal.

        Args:
            images: uint8 or float [N, H, W(, C)].
            labels: int [N], for models that read labels.
            batch_size: images per pass.

        Returns:
            dict of 'abnormal', bool [N]; 'score', float32 [N], which is compared with the threshold; 'reconstruction',
            'prior' and 'both', float32 [N], in standard deviations from the mean of normal images; 'error_map', float32
            [N, H, W, C], the squared error of each pixel.
        """
        key = f"detect {self.score} {self.scales} {self.threshold}"
        return self.model.over_images(key, self.graph, images, labels, batch_size)

    def measure(self, images: ArrayLike, abnormal: ArrayLike, labels: Labels = None) -> dict[str, dict]:
        """Return `aae_tf.evaluation.detection_quality` by score; only the detector's own has rates at the threshold.

        Images are as for `detect`, `abnormal` is bool [N].
        """
        found = self.detect(images, labels)
        limits = {self.score: self.threshold}
        return {
            name: evaluation.detection_quality(found[name], abnormal, limits.get(name), self.calibration["confidence"])
            for name in (*self.scales, "both")
        }

    def save(self, path: str | Path) -> None:
        """Write everything except the model to a JSON file, atomically."""
        write_json(path, {"score": self.score, "scales": self.scales, "calibration": self.calibration})

    @classmethod
    def load(cls, model: "LatentModel", path: str | Path) -> "Detector":
        """Return the detector of a model that `save` wrote.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            saved = json.loads(Path(path).read_text())
            return cls(model, saved["score"], saved["scales"], saved["calibration"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"'{path}' cannot be read ({error}); make it again: run.detector(normal)") from None

    def graph(self, images: tf.Tensor, labels: tf.Tensor | None = None) -> Outputs:
        """Return the outputs of `detect` for images, float32 [N, H, W, C] in [0, 1], as tensors, for use in a graph."""
        raw, error_map = _raw(self.model, images, labels)
        scores = _standardised(raw, self.scales)
        score = scores[self.score]
        return {"abnormal": score > self.threshold, "score": score, **scores, "error_map": error_map}

    def signature(self) -> tuple[Callable, list[tf.TensorSpec]]:
        """Return the serving signature of `detect`: `graph` and the specs of its inputs."""
        return self.graph, self.model.signatures()["score"][1]


def check_score(model: "LatentModel", score: str) -> None:
    """Refuse a model without an encoder, and a score that the model does not have."""
    signatures = model.signatures()
    if "encode" not in signatures:
        raise InputError(f"{type(model).__name__} has no encoder, so it cannot detect unusual images")
    if score not in SCORES:
        graph, specs = signatures["score"]
        names = tf.function(graph, specs, autograph=False).get_concrete_function().structured_outputs
        check_choice("score", score, [*SCORES, *names])


def _raw(model: "LatentModel", images: tf.Tensor, labels: tf.Tensor | None = None) -> tuple[Outputs, tf.Tensor]:
    """Return the scores of images, dict of name to float32 [N], and their error maps, float32 [N, H, W, C]."""
    batch = {"images": images} | ({} if labels is None else {"labels": labels})
    codes = model.codes(batch)
    comparable = model.image_scale.comparable
    difference = comparable(images) - comparable(model.to_images(codes))
    if images.shape.rank == 4:
        error_map = tf.square(_blurred(difference))
        content = tf.sqrt(tf.reduce_mean(tf.square(_blurred(images)), [1, 2, 3]) + 1e-6)
    else:  # the magnitude of a row does not measure its content
        error_map, content = tf.square(difference), 1.0
    reconstruction = tf.reduce_mean(error_map, list(range(1, error_map.shape.rank))) / content
    prior = tf.add_n([model.priors[name].negative_log_likelihood(codes[name]) for name in model.drawn])
    scores = model.scores(batch)
    if "prior_logit" in scores:  # high for codes that resemble prior samples
        scores["prior_logit"] = -scores["prior_logit"]
    return {**scores, "reconstruction": reconstruction, "prior": prior}, error_map


def _blurred(images: tf.Tensor) -> tf.Tensor:
    """Return images [N, H, W, C] blurred by a Gaussian with a standard deviation of 1/28 of the longer side."""
    std = max(images.shape[1:3]) / 28
    steps = np.arange(-int(3 * std + 0.5), int(3 * std + 0.5) + 1)
    weights = np.exp(-0.5 * np.square(steps / std)).astype("float32")
    line = np.tile((weights / weights.sum())[:, None, None, None], (1, 1, images.shape[-1], 1))
    for kernel in (line, line.transpose(1, 0, 2, 3)):
        images = tf.nn.depthwise_conv2d(images, kernel, [1, 1, 1, 1], "SAME")
    return images


def _standardised(raw: dict, scales: dict[str, list[float]]) -> dict:
    """Return scores in standard deviations from the mean of normal images, with the sum of the two as 'both'."""
    scores = {name: (raw[name] - mean) / std for name, (mean, std) in scales.items()}
    return {**scores, "both": scores["reconstruction"] + scores["prior"]}


def unseen(
    normal: ArrayLike, trained: Iterable[np.ndarray], labels: Labels = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return normal images [N, ...] and labels without the images in blocks of trained ones, reconstructed too well."""
    given, known = None, set()
    for images in trained:
        if given is None:
            read = check_images(normal) if images.dtype == np.uint8 else np.asarray(normal, images.dtype)
            given = [image.tobytes() for image in read]
        known |= {*given} & {image.tobytes() for image in images}
    kept = [number for number, image in enumerate(given) if image not in known]
    if not kept:
        advice = "give others, or none for the validation images"
        raise InputError(f"all {len(normal)} normal images were trained on; {advice}")
    return np.asarray(normal)[kept], None if labels is None else np.asarray(labels)[kept]
