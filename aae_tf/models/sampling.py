"""Sampling and decoding: what every generative model does once it is trained, and the signatures that it serves."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.backend import tf
from aae_tf.errors import InputError
from aae_tf.priors.base import choose_labels, known_labels
from aae_tf.utils.random import fold

Codes = dict[str, "tf.Tensor"]
Signature = tuple[Callable, list["tf.TensorSpec"]]


class Sampling:
    """The part of `GenerativeModel` that decodes codes and prior samples."""

    def y_of(self, labels: "tf.Tensor") -> "tf.Tensor":
        """Return the code y, float32 [N, K], of classes or clusters, int32 [N]."""
        return tf.one_hot(labels, self.classes)

    def decode_graph(self, codes: Codes, labels: "tf.Tensor | None" = None) -> "tf.Tensor":
        """Return images of codes (without y) and labels, int32 [N], as `decode` does, in the graph."""
        return self.to_images(codes if labels is None else {**codes, "y": self.y_of(labels)})

    def decode(
        self, codes: ArrayLike | dict[str, ArrayLike], labels: ArrayLike | None = None, batch_size: int = 1000
    ) -> np.ndarray:
        """Return images of codes, float32 array [N, H, W, C] in [0, 1].

        Args:
            codes: float [N, D], codes z; for models with further codes a dict of name to float [N, D].
            labels: int [N], each row's class or cluster, for models whose decoder takes one.
            batch_size: codes per pass.

        Raises:
            InputError: labels or a code are missing, or labels were given to a model whose decoder takes none.
        """
        codes = codes if isinstance(codes, dict) else {"z": codes}
        if set(codes) != set(self.drawn):
            raise InputError(
                f"codes {', '.join(codes)} were given; {type(self).__name__} decodes {', '.join(self.drawn)}"
            )
        if bool(self.classes) != (labels is not None):
            wanted = "decodes with labels; give one for each row" if self.classes else "decodes codes alone, no labels"
            raise InputError(f"{type(self).__name__} {wanted}")
        if labels is not None:
            codes = {**codes, "y": self.y_of(known_labels(labels, len(next(iter(codes.values()))), self.classes, 0))}
        names = sorted(codes)
        rows = np.concatenate([np.asarray(codes[name], "float32") for name in names], -1)
        sizes = [self.priors[name].dim for name in names]

        def run(rows):
            return self.to_images(dict(zip(names, tf.split(rows, sizes, -1), strict=True)))

        return self._over_codes("decode", run, batch_size, rows, sum(sizes))

    def sample(self, n: int, seed: int = 0, labels: ArrayLike | None = None, batch_size: int = 1000) -> np.ndarray:
        """Return new images, decoded prior samples: float32 array [n, H, W, C] in [0, 1].

        Args:
            n: number of images.
            seed: int; the same seed gives the same images.
            labels: int [n], the class of each, for models with labels or a prior with classes; drawn if not given.
            batch_size: images per pass.
        """
        codes, labels = self.draw(n, seed, labels)
        return self.decode({name: code.numpy() for name, code in codes.items()}, labels, batch_size)

    def draw(
        self, n: int, seed: "int | tf.Tensor", labels: ArrayLike | None = None
    ) -> "tuple[Codes, tf.Tensor | None]":
        """Return prior samples, float32 [n, D] by code, and the labels to decode them with; labels of -1 are drawn."""
        parts = None if self.classes else labels
        codes = {
            name: self.priors[name].sample(n, seed if number == 0 else fold(seed, 1 + number), parts)
            for number, name in enumerate(self.drawn)
        }
        return codes, choose_labels(n, fold(seed, 1), labels, self.classes) if self.classes else None

    def draw_each(self, seeds: "tf.Tensor", labels: "tf.Tensor | None" = None) -> "tuple[Codes, tf.Tensor | None]":
        """Return what `draw(1, seed, label)` returns for each of many seeds, int32 [N], and labels, in the graph."""
        given = tf.fill(tf.shape(seeds), -1) if labels is None else labels

        def draw(row):
            codes, label = self.draw(1, row[:2], row[2:] if self.classes else None)
            return codes if label is None else {**codes, "y": label}

        specs = {name: tf.TensorSpec((1, self.priors[name].dim), tf.float32) for name in self.drawn}
        specs |= {"y": tf.TensorSpec((1,), tf.int32)} if self.classes else {}
        rows = tf.stack([tf.bitwise.right_shift(seeds, 31) & 0x7FFFFFFF, seeds & 0x7FFFFFFF, given], -1)  # as as_seed
        found = {name: each[:, 0] for name, each in tf.map_fn(draw, rows, fn_output_signature=specs).items()}
        return {name: found[name] for name in self.drawn}, found.get("y")

    def signatures(self) -> dict[str, Signature]:
        """Return the functions to serve by name: (function of tensors to a dict of named tensors, their specs).

        A model server joins the rows of several requests into one batch and splits the outputs again, so every input
        and output has the same rows, and a row's outputs depend on that row alone.
        """
        output, codes = self.element.output_name, [self._code_spec(name) for name in self.drawn]
        labels = [tf.TensorSpec((None,), tf.int32, "labels")] if self.classes else []

        def decode(*inputs):
            codes = dict(zip(self.drawn, inputs, strict=False))
            return {output: self.decode_graph(codes, inputs[-1] if self.classes else None)}

        def sample(seeds, labels=None):
            found, labels = self.draw_each(seeds, labels)
            named = {spec.name: found[name] for name, spec in zip(self.drawn, codes, strict=True)}
            return {output: self.decode_graph(found, labels), **named, **({"labels": labels} if self.classes else {})}

        seeds = tf.TensorSpec((None,), tf.int32, "seeds")
        return {"decode": (decode, [*codes, *labels]), "sample": (sample, [seeds, *labels])}

    def _code_spec(self, name):
        return tf.TensorSpec((None, self.priors[name].dim), tf.float32, "codes" if name == "z" else name)

    def _over_codes(self, name, function, batch_size, codes, size=None):
        """Return `function` of codes, float [N, size], batch by batch; see `BatchedFunctions`."""
        return self._batched(name, function, (size or self.prior.dim,), batch_size, np.asarray(codes, "float32"))
