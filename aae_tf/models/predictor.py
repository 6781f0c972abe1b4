"""Using a trained model with an encoder: encode, reconstruct, interpolate and score images."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.backend import tf
from aae_tf.errors import InputError, check_choice
from aae_tf.models.batching import as_images
from aae_tf.models.sampling import Signature
from aae_tf.priors.base import known_labels


class Predictor:
    """The part of `LatentModel` that takes images once the model is trained."""

    def encode(self, images: ArrayLike, seed: int | None = None, batch_size: int = 1000, code: str = "z") -> np.ndarray:
        """Return the codes of images, float32 array [N, D].

        Args:
            images: uint8 or float [N, H, W(, C)].
            seed: None for each image's representative code, an int for one sample of q(z|x).
            batch_size: images per pass.
            code: name of the code, for models with several.

        Raises:
            InputError: an unknown code.
        """

        def run(images, *seed):
            return self.codes({"images": images}, seed=seed[0] if seed else None)[code]

        check_choice("code", code, self.priors)
        name = f"encode {code}" if seed is None else f"encode {code} sample"
        return self._over_images(name, run, batch_size, images, seed=seed)

    def reconstruct(self, images: ArrayLike, labels: ArrayLike | None = None, batch_size: int = 1000) -> np.ndarray:
        """Return reconstructions, float32 array [N, H, W, C] in [0, 1].

        Args:
            images: uint8 or float [N, H, W(, C)].
            labels: int [N], for models that read labels; ignored by others.
            batch_size: images per pass.

        Raises:
            InputError: labels are missing, or are not one for each image, -1 (unknown) to K - 1.
        """
        return self.over_images("reconstruct", lambda *inputs: self(self._inputs(*inputs)), images, labels, batch_size)

    def _inputs(self, images, labels=None):
        return (images, labels) if self.reads_labels else images

    def interpolate(self, start: ArrayLike, end: ArrayLike, n: int = 10, labels: ArrayLike | None = None) -> np.ndarray:
        """Return the images decoded between the codes of two images, float32 [n, H, W, C]; see `Prior.interpolate`.

        Args:
            start: uint8 or float [H, W(, C)], the first image.
            end: uint8 or float [H, W(, C)], the last.
            n: number of images, the reconstructions of both included.
            labels: int [2], for models that read labels; ignored by others.

        Raises:
            InputError: images of another shape, or labels are missing.
        """
        if np.shape(start) != np.shape(end):
            raise InputError(f"images of shapes {np.shape(start)} and {np.shape(end)} were given; they must be equal")
        pair = tf.concat([as_images(self.element.check(np.asanyarray(each)[None])) for each in (start, end)], 0)
        labels, share = self._checked_labels(labels, pair), tf.linspace(0.0, 1.0, n)
        codes = self.codes(self._batch(pair, labels))
        first, last = ({name: codes[name][row : row + 1] for name in self.priors} for row in range(2))
        return self.to_images(self._interpolate_codes(first, last, share)).numpy()

    def _interpolate_codes(self, start, end, share):
        return {name: prior.interpolate(start[name], end[name], share) for name, prior in self.priors.items()}

    def score(
        self, images: ArrayLike, labels: ArrayLike | None = None, batch_size: int = 1000
    ) -> dict[str, np.ndarray]:
        """Return how unusual images are, float32 array [N] by name; arguments as of `reconstruct`."""
        return self.over_images("score", lambda *inputs: self.scores(self._batch(*inputs)), images, labels, batch_size)

    def scores(self, batch: dict[str, Any]) -> "dict[str, tf.Tensor]":
        """Return the scores of a batch of `codes` in the graph, float32 [N] by name: here the reconstruction error."""
        return {"reconstruction_error": self._error(batch["images"], self.codes(batch))}

    def _error(self, images, codes):
        """Return the mean squared error of the images decoded from codes, float32 tensor [N]."""
        images, outputs = map(self.image_scale.comparable, (images, self.to_images(codes)))
        return tf.reduce_mean(tf.square(images - outputs), list(range(1, outputs.shape.rank)))

    def _outputs_of(self, images, labels=None, batch_size=1000):
        """Return every code and the 'reconstruction_error' of images, in one pass."""

        def run(*inputs):
            batch = self._batch(*inputs)
            codes = self.codes(batch)
            error = self._error(batch["images"], codes)
            return {**{name: codes[name] for name in self.priors}, "reconstruction_error": error}

        return self.over_images("outputs", run, images, labels, batch_size)

    def over_images(
        self,
        name: str,
        function: Callable[..., Any],
        images: ArrayLike,
        labels: ArrayLike | None = None,
        batch_size: int = 1000,
    ) -> Any:
        """Return a function of images batch by batch, an array or a dict of arrays; compiled once under its name.

        Args:
            name: the key of the compiled function.
            function: of images, float32 [n, H, W, C], and labels, int32 [n], where the model reads them.
            images: uint8 or float [N, H, W(, C)].
            labels: int [N], for models that read labels; ignored by others.
            batch_size: images per pass.
        """
        images = self.element.check(images)
        return self._over_images(name, function, batch_size, images, self._checked_labels(labels, images))

    def _over_images(self, name, function, batch_size, images, labels=None, seed=None):
        images = self.element.check(images)
        return self._batched(name, function, self._element_shape, batch_size, images, labels, seed)

    def _checked_labels(self, labels, images):
        if not self.reads_labels:
            return None
        self._check_labels_given(labels)
        return known_labels(labels, len(images), self.classes)

    @property
    def _element_shape(self):
        return tuple(self.get_build_config()["input_shape"][1:])

    def signatures(self) -> dict[str, Signature]:
        """Return the functions to serve: those of `GenerativeModel`, and those of images."""
        images = tf.TensorSpec((None, *self._element_shape), tf.float32, self.element.input_name)
        labels = [tf.TensorSpec((None,), tf.int32, "labels")] if self.reads_labels else []
        output, codes = self.element.output_name, [self._code_spec(name) for name in self.drawn]

        def encode(images):
            found = self.codes({"images": images})
            return {spec.name: found[name] for name, spec in zip(self.drawn, codes, strict=True)}

        def reconstruct(*inputs):
            return {output: self(self._inputs(*inputs))}

        def interpolate(images, images_to, share, labels=None, labels_to=None):
            first, last = self.codes(self._batch(images, labels)), self.codes(self._batch(images_to, labels_to))
            return {output: self.to_images(self._interpolate_codes(first, last, share))}

        def score(*inputs):
            return self.scores(self._batch(*inputs))

        def renamed(spec):
            return tf.TensorSpec(spec.shape, spec.dtype, f"{spec.name}_to")

        share = tf.TensorSpec((None,), tf.float32, "share")
        return {
            "encode": (encode, [images]),
            "reconstruct": (reconstruct, [images, *labels]),
            "interpolate": (interpolate, [images, renamed(images), share, *labels, *map(renamed, labels)]),
            "score": (score, [images, *labels]),
            **super().signatures(),
        }
