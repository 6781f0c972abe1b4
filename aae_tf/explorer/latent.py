"""What the explorer shows: where held-out images lie in the latent space, and what lies anywhere else in it.

A place is a vector of all codes that are numbers, side by side (most models have z alone). A model that has a map of
its own (`represent` among its signatures, §7) is explored on that.
"""

from functools import cached_property

import numpy as np

from aae_tf.anomaly.detector import Detector
from aae_tf.errors import InputError
from aae_tf.reporting.held_out import some_rows
from aae_tf.runs.run import class_names

MARGIN = 0.06  # of the reach, beyond the outermost places that are shown


class LatentSpace:
    """A run's latent space with held-out images in it.

    Args:
        run: `aae_tf.Run` with data and a model that encodes.
        split: held-out images that are shown, 'validation' or 'test'.
        most: largest number of them.

    Attributes:
        names: name of each dimension, a list of D.
        held_out: `aae_tf.data.Split` of the images that are shown.
        rows: int [N], which of the split's they are.
        latent_points: float32 [N, D], theirs.
        errors: float32 [N], their reconstruction errors.
        prior_points: float32 [M, D], of codes that were drawn from the prior.
        choices: names of what the decoder is told beside a place (classes or clusters); empty where nothing is.
        heads: float32 [K, D], the places of the heads of a map's clusters; None without a map.

    Raises:
        InputError: a model without an encoder, an unknown split, or no data (see `aae_tf.load_run`).
    """

    def __init__(self, run, split="validation", most=2_000):
        self.run, self.model = run, run.model
        signatures = self.model.signatures()
        if "encode" not in signatures:
            raise InputError(f"{type(self.model).__name__} has no encoder, so there is nothing to show images in")
        held_out = run.held_out(split)
        self.what, self.element = held_out.what, held_out.data.element
        self.rows = some_rows(held_out.images, most, run.recipe.seed)
        self.held_out = held_out.images.take(self.rows)
        self.class_names = held_out.data.class_names
        self.has_map = "represent" in signatures
        sizes = {name: self.model.priors[name].dim for name in self.model.drawn}
        self.names = [
            f"{name}{number + 1}"
            for name, size in (("map ", self.model.prior.dim),) * self.has_map or sizes.items()
            for number in range(size)
        ]
        self._ends = np.cumsum(list(sizes.values()))[:-1]
        self.latent_points = self._latent_points(self.held_out.images)
        labels = self.held_out.labels
        self.errors = self.model.score(self.held_out.images, labels)["reconstruction_error"]
        entries = [f"cluster {number}" for number in range(self.model.classes)]
        self.entries = list(class_names(run.out_dir, self.model) or entries)
        self.choices = [] if self.has_map else self.entries[: self.model.classes]
        self._tells = "classify" in signatures
        self._told = self.model.classify(self.held_out.images).argmax(-1) if self._tells and self.choices else None
        codes, drawn = self.model.draw(2_000, run.recipe.seed)
        self.prior_points = self._joined(codes, drawn)
        self.heads = None
        if self.has_map:
            still = {"z": np.zeros((self.model.classes, self.model.prior.dim), "float32")}
            self.heads = self._joined(still, np.arange(self.model.classes))

    @cached_property
    def reach(self):
        """Lowest and highest place that is shown along each dimension, float32 [2, D]."""
        both = np.concatenate([self.latent_points, self.prior_points])
        low, high = np.quantile(both, [0.002, 0.998], axis=0)
        room = np.maximum(high - low, 1e-3) * MARGIN
        return np.stack([low - room, high + room]).astype("float32")

    @property
    def middle(self):
        """The place in the middle of the prior, float32 [D]."""
        return np.median(self.prior_points, 0)

    def decode(self, latent_points, choice=None):
        """Return what lies at latent points, float32 [N, H, W, C] in [0, 1], or rows [N, D'].

        Args:
            latent_points: float [N, D].
            choice: int, the class or cluster that the decoder is told, where there are `choices`.
        """
        if self.has_map:
            return self.model.decode_map(latent_points)
        labels = np.full(len(latent_points), choice, "int32") if self.choices else None
        return self.model.decode(self._codes(latent_points), labels)

    def way(self, start, end, n=12):
        """Return the places between two, both ends among them, float32 [n, D]: as the priors of the codes have it.

        Args:
            start: float [D].
            end: float [D].
            n: how many.
        """
        share = np.linspace(0, 1, n, dtype="float32")
        start, end = (np.asarray(place, "float32")[None] for place in (start, end))
        if self.has_map:
            return start + share[:, None] * (end - start)
        ends = zip(self._codes(start).items(), self._codes(end).values(), strict=True)
        parts = [self.model.priors[name].interpolate(first, last, share) for (name, first), last in ends]
        return np.concatenate(parts, -1)

    def sample(self, n, seed, choice=None):
        """Return new images as `aae_tf` models sample them; of one class or cluster, where there are `choices`.

        Args:
            n: how many.
            seed: int.
            choice: as for `decode`.
        """
        return self.model.sample(n, seed, np.full(n, choice, "int32") if self.choices else None)

    def nearest(self, place, n=1, choice=None):
        """Return the rows of the held-out images whose places are nearest, int array [n], nearest first.

        Args:
            place: float [D].
            n: how many.
            choice: as for `decode`; images that the model takes for another come after all that it takes for this.
        """
        distance = np.square(self.latent_points - place).sum(-1)
        other = np.zeros(len(distance), bool) if self._told is None or choice is None else self._told != choice
        return np.lexsort((distance, other))[:n]

    def ask(self, image, choice=None):
        """Return what the model makes of an image.

        Args:
            image: uint8 [H, W, C].
            choice: as for `decode`; the image's class, for models that read labels.

        Returns:
            dict with 'place' [D], 'choice' (what the decoder was told), 'output' (its reconstruction), 'error', 'share'
            (of held-out images that have a lower error), 'probabilities' [K] of `entries` (None of models that do not
            tell) and 'verdict' (what the run's detector says, None where it has none).
        """
        labels = np.array([choice], "int32") if self.model.reads_labels else None
        error = float(self.model.score(image[None], labels)["reconstruction_error"][0])
        verdict = None
        if (self.run.out_dir / "detector.json").exists():  # another one perhaps than a moment ago
            detector = Detector.load(self.model, self.run.out_dir / "detector.json")
            found = detector.detect(image[None], labels)
            verdict = {
                "abnormal": bool(found["abnormal"][0]),
                "score": float(found["score"][0]),
                "threshold": detector.threshold,
            }
        probabilities = self.model.classify(image[None])[0] if self._tells else None
        return {
            "place": self._latent_points(image[None])[0],
            "choice": int(probabilities.argmax()) if self._tells and self.choices else choice,
            "output": self.model.reconstruct(image[None], labels)[0],
            "error": error,
            "share": float((self.errors < error).mean()),
            "probabilities": probabilities,
            "verdict": verdict,
        }

    def _latent_points(self, images):
        if self.has_map:
            return self.model.represent(images)
        return np.concatenate([self.model.encode(images, code=name) for name in self.model.drawn], -1)

    def _codes(self, latent_points):
        parts = np.split(np.asarray(latent_points, "float32"), self._ends, -1)
        return dict(zip(self.model.drawn, parts, strict=True))

    def _joined(self, codes, labels):
        """Return the places of codes, of a map with the heads of these labels."""
        if self.has_map:
            return np.asarray(self.model.decoder_input({**codes, "y": self.model.y_of(labels)}))
        return np.concatenate([np.asarray(code) for code in codes.values()], -1)
