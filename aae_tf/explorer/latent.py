"""The data of the explorer: held-out images in the latent space, and the decoder's output anywhere in it.

A latent point is the vector of all continuous codes (z alone in most models). A model with a map (section 7, the
signature `represent`) is explored on its map.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from aae_tf.anomaly.detector import Detector
from aae_tf.errors import InputError
from aae_tf.reporting.held_out import some_rows
from aae_tf.runs.directory import class_names

if TYPE_CHECKING:
    from aae_tf.runs.run import Run

MARGIN = 0.06  # beyond the outermost latent points, as a share of their range


class LatentSpace:
    """A run's latent space with held-out images in it.

    Args:
        run: a run with data and a model with an encoder.
        split: held-out images that are shown, 'validation' or 'test'.
        most: largest number of them.

    Attributes:
        names: name of each dimension, a list of D.
        held_out: `aae_tf.data.Split` of the images that are shown.
        rows: int [N], their rows in the split.
        latent_points: float32 [N, D], their latent points.
        errors: float32 [N], their reconstruction errors.
        prior_points: float32 [M, D], latent points drawn from the prior.
        entries: names of the classes or clusters.
        choices: those of them that condition the decoder; empty for a decoder without a condition.
        centroids: float32 [K, D], the cluster centroids of a map; None without a map.
    """

    def __init__(self, run: "Run", split: str = "validation", most: int = 2_000):
        self.run, self.model = run, run.model
        signatures = self.model.signatures()
        if "encode" not in signatures:
            raise InputError(f"{type(self.model).__name__} has no encoder, so images have no place in its latent space")
        held_out = run.held_out(split)
        self.what, self.element = held_out.what, held_out.data.element
        self.rows = some_rows(held_out.images, most, run.recipe.seed)
        self.held_out, self.class_names = held_out.images.take(self.rows), held_out.data.class_names
        self.has_map, self._classifies = "represent" in signatures, "classify" in signatures
        sizes = {name: self.model.priors[name].dim for name in self.model.drawn}
        dimensions = {"map ": self.model.prior.dim} if self.has_map else sizes
        self.names = [f"{name}{number + 1}" for name, size in dimensions.items() for number in range(size)]
        self._ends = np.cumsum(list(sizes.values()))[:-1]
        self.latent_points = self._encode(self.held_out.images)
        self.errors = self.model.score(self.held_out.images, self.held_out.labels)["reconstruction_error"]
        clusters = [f"cluster {number}" for number in range(self.model.classes)]
        self.entries = list(class_names(run.out_dir, self.model) or clusters)
        self.choices = [] if self.has_map else self.entries[: self.model.classes]
        predicts = self._classifies and self.choices
        self._predicted = self.model.classify(self.held_out.images).argmax(-1) if predicts else None
        self.prior_points = self._joined(*self.model.draw(2_000, run.recipe.seed))
        self.centroids = None
        if self.has_map:
            origin = {"z": np.zeros((self.model.classes, self.model.prior.dim), "float32")}
            self.centroids = self._joined(origin, np.arange(self.model.classes))

    @cached_property
    def limits(self) -> np.ndarray:
        """Lowest and highest value that is shown in each dimension, float32 [2, D]."""
        both = np.concatenate([self.latent_points, self.prior_points])
        low, high = np.quantile(both, [0.002, 0.998], axis=0)
        margin = np.maximum(high - low, 1e-3) * MARGIN
        return np.stack([low - margin, high + margin]).astype("float32")

    @property
    def center(self) -> np.ndarray:
        """The median of the prior, float32 [D]."""
        return np.median(self.prior_points, 0)

    def decode(self, latent_points: np.ndarray, choice: int | None = None) -> np.ndarray:
        """Return images [N, H, W, C] in [0, 1], or rows [N, D'], of latent points [N, D] and the class `choice`."""
        if self.has_map:
            return self.model.decode_map(latent_points)
        return self.model.decode(self._codes(latent_points), self._labels(len(latent_points), choice))

    def interpolate(self, start: np.ndarray, end: np.ndarray, n: int = 12) -> np.ndarray:
        """Return latent points from `start` [D] to `end` [D], both included, [n, D], by the priors' interpolation."""
        share = np.linspace(0, 1, n, dtype="float32")
        start, end = (np.asarray(point, "float32")[None] for point in (start, end))
        if self.has_map:
            return start + share[:, None] * (end - start)
        ends = zip(self._codes(start).items(), self._codes(end).values(), strict=True)
        parts = [self.model.priors[name].interpolate(first, last, share) for (name, first), last in ends]
        return np.concatenate(parts, -1)

    def sample(self, n: int, seed: int, choice: int | None = None) -> np.ndarray:
        """Return `n` samples of the model, of class or cluster `choice` if there are `choices`."""
        return self.model.sample(n, seed, self._labels(n, choice))

    def nearest(self, latent_point: np.ndarray, n: int = 1, choice: int | None = None) -> np.ndarray:
        """Return the rows of the held-out images nearest to a point [D], int [n], those of another class last."""
        distance = np.square(self.latent_points - latent_point).sum(-1)
        use_class = self._predicted is not None and choice is not None
        other = self._predicted != choice if use_class else np.zeros(len(distance), bool)
        return np.lexsort((distance, other))[:n]

    def analyse(self, image: np.ndarray, choice: int | None = None) -> dict[str, Any]:
        """Return the model's outputs for an image.

        Args:
            image: uint8 [H, W, C].
            choice: the image's class, for models that read labels.

        Returns:
            'latent_point' [D], 'choice' (the condition of the decoder), 'output' (the reconstruction), 'error', 'share'
            (of held-out images with a lower error), and 'probabilities' [K] of `entries` and the 'verdict' of the run's
            detector, each None without its classifier or detector.
        """
        labels = np.array([choice], "int32") if self.model.reads_labels else None
        error = float(self.model.score(image[None], labels)["reconstruction_error"][0])
        verdict, path = None, self.run.out_dir / "detector.json"
        if path.exists():  # read each time, since `aae-tf detect` may replace it
            detector = Detector.load(self.model, path)
            found = detector.detect(image[None], labels)
            verdict = {name: found[name][0].item() for name in ("abnormal", "score")} | {
                "threshold": detector.threshold
            }
        probabilities = self.model.classify(image[None])[0] if self._classifies else None
        return {
            "latent_point": self._encode(image[None])[0],
            "choice": int(probabilities.argmax()) if self._classifies and self.choices else choice,
            "output": self.model.reconstruct(image[None], labels)[0],
            "error": error,
            "share": float((self.errors < error).mean()),
            "probabilities": probabilities,
            "verdict": verdict,
        }

    def _labels(self, count, choice):
        return np.full(count, choice, "int32") if self.choices else None

    def _encode(self, images):
        if self.has_map:
            return self.model.represent(images)
        return np.concatenate([self.model.encode(images, code=name) for name in self.model.drawn], -1)

    def _codes(self, latent_points):
        parts = np.split(np.asarray(latent_points, "float32"), self._ends, -1)
        return dict(zip(self.model.drawn, parts, strict=True))

    def _joined(self, codes, labels):
        """Return the latent points of codes; on a map, with the centroids of these labels."""
        if self.has_map:
            return np.asarray(self.model.decoder_input({**codes, "y": self.model.y_of(labels)}))
        return np.concatenate([np.asarray(code) for code in codes.values()], -1)
