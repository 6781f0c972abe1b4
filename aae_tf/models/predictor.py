"""Using a trained model: encode, decode, reconstruct, sample, interpolate, score.

Everything here is said of the model's codes by name, so it holds for models with any number of them.
"""

import numpy as np

from aae_tf.backend import tf
from aae_tf.data.element import Element, check_shape
from aae_tf.errors import InputError, check_choice
from aae_tf.models.inputs import as_images
from aae_tf.models.signatures import Signatures
from aae_tf.priors.base import choose_labels, known_labels
from aae_tf.utils.random import fold


class Predictor(Signatures):
    """What a `LatentModel` is used for once it is trained."""

    default_signature = "encode"

    @property
    def element(self) -> Element:
        """What the model is of, images or rows."""
        return self.image_scale.element

    @property
    def drawn(self):
        """Names of the codes that are numbers, 'z' first: all but the class y, which is given as a label."""
        return [name for name in self.priors if name != "y"]

    @property
    def reads_labels(self):
        """Whether an image comes with its label, which the decoder sees."""
        return "labels" in self.required_inputs

    def call(self, inputs, training=False):
        """Return reconstructions of images, or of (images, labels) for models that read labels."""
        images, labels = inputs if isinstance(inputs, tuple | list) else (inputs, None)
        batch = self._batch(as_images(self.image_scale.read(images)), labels)
        return self.to_images(self.codes(batch, training=training), training)

    def _batch(self, images, labels=None):
        if not self.reads_labels:
            return {"images": images}
        self._refuse_missing(labels)
        return {"images": images, "labels": tf.cast(labels, tf.int32)}

    def _refuse_missing(self, labels):
        if labels is None:
            raise InputError(f"{type(self).__name__} decodes with labels; give one for each of the images")

    def to_images(self, codes, training=False):
        """Return images, float32 tensor [N, H, W, C] in [0, 1], of a dict of codes.

        Args:
            codes: dict of codes, float32 [N, D].
            training: whether layers act as in training.
        """
        return self.image_scale.invert(tf.cast(self.decoder(self.decoder_input(codes), training=training), tf.float32))

    def encode(self, images, seed=None, batch_size=1000, code="z"):
        """Return the codes of images.

        Args:
            images: uint8 or float [N, H, W(, C)].
            seed: None for each image's representative code, an int for one sample of q(z|x).
            batch_size: images per pass.
            code: which code, for models with several.

        Returns:
            float32 array [N, D].
        """

        def run(images, *seed):
            return self.codes({"images": images}, seed=seed[0] if seed else None)[code]

        check_choice("code", code, self.priors)
        name = f"encode {code}" if seed is None else f"encode {code} sample"
        return self._over_images(name, run, batch_size, images, seed=seed)

    def decode(self, codes, labels=None, batch_size=1000):
        """Return images of codes.

        Args:
            codes: float [N, D], codes z; for models with further codes a dict of name to float [N, D].
            labels: int [N], each row's class or cluster, for models whose decoder sees one.
            batch_size: codes per pass.

        Returns:
            float32 array [N, H, W, C] in [0, 1].

        Raises:
            InputError: labels or a code are missing, or labels were given to a model whose decoder sees none.
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

    def decode_graph(self, codes, labels=None):
        """Return images of codes, as `decode` does, in the graph.

        Args:
            codes: dict of codes, float32 tensors [N, D], without y.
            labels: int32 tensor [N], for models whose decoder sees one.
        """
        y = {} if labels is None else {"y": self.y_of(labels)}
        return self.to_images({**codes, **y})

    def y_of(self, labels):
        """Return the code y of classes, or of clusters: float32 tensor [N, K].

        Args:
            labels: int32 tensor [N].
        """
        return tf.one_hot(labels, self.classes)

    def reconstruct(self, images, labels=None, batch_size=1000):
        """Return reconstructions, float32 array [N, H, W, C] in [0, 1].

        Args:
            images: uint8 or float [N, H, W(, C)].
            labels: int [N], for models that read labels; ignored by others.
            batch_size: images per pass.

        Raises:
            InputError: labels are missing, or are not one for each image, -1 (unknown) to K - 1.
        """
        labels = self._needed(labels, images)
        return self._over_images(
            "reconstruct", lambda *inputs: self(inputs if self.reads_labels else inputs[0]), batch_size, images, labels
        )

    def _needed(self, labels, images):
        if not self.reads_labels:
            return None
        self._refuse_missing(labels)
        check_shape(np.shape(images), self._element_shape)
        return known_labels(labels, len(images), self.classes)

    def sample(self, n, seed=0, labels=None, batch_size=1000):
        """Return `n` new images: decoded prior samples.

        Args:
            n: how many.
            seed: int; the same seed gives the same images.
            labels: int [n], the class of each, for models with labels or a prior with classes; drawn if not given.
            batch_size: images per pass.

        Returns:
            float32 array [n, H, W, C] in [0, 1].
        """
        codes, labels = self.draw(n, seed, labels)
        return self.decode({name: code.numpy() for name, code in codes.items()}, labels, batch_size)

    def draw(self, n, seed, labels=None):
        """Return samples of the priors, a dict of codes float32 [n, D], and the labels to decode them with.

        Args:
            n: how many.
            seed: int.
            labels: int [n], -1 to draw one; all are drawn if not given.

        Returns:
            (dict of codes, int32 [n] or None): the labels are None for models whose decoder sees none.
        """
        parts = None if self.classes else labels
        codes = {
            name: self.priors[name].sample(n, seed if number == 0 else fold(seed, 1 + number), parts)
            for number, name in enumerate(self.drawn)
        }
        if not self.classes:
            return codes, None
        return codes, choose_labels(n, fold(seed, 1), labels, self.classes)

    def interpolate(self, start, end, n=10, labels=None):
        """Return images on the way from one image to another: decoded from the codes between theirs.

        Each code goes as its prior says (`Prior.interpolate`): around the origin where it is Gaussian, else straight.

        Args:
            start: uint8 or float [H, W(, C)], the first image.
            end: uint8 or float [H, W(, C)], the last.
            n: how many, the reconstructions of both among them.
            labels: int [2], theirs, for models that read labels; ignored by others.

        Returns:
            float32 array [n, H, W, C] in [0, 1].

        Raises:
            InputError: images of another shape, or labels are missing.
        """
        if np.shape(start) != np.shape(end):
            raise InputError(f"images of shapes {np.shape(start)} and {np.shape(end)} were given; they must be equal")
        pair = tf.concat([as_images(self.element.check(np.asanyarray(each)[None])) for each in (start, end)], 0)
        labels, share = self._needed(labels, pair), tf.linspace(0.0, 1.0, n)
        codes = self.codes(self._batch(pair, labels))
        first, last = ({name: codes[name][row : row + 1] for name in self.priors} for row in range(2))
        return self.to_images(self._between(first, last, share)).numpy()

    def _between(self, start, end, share):
        return {name: prior.interpolate(start[name], end[name], share) for name, prior in self.priors.items()}

    def score(self, images, labels=None, batch_size=1000):
        """Return how unusual images are: dict of name to float32 array [N].

        Args:
            images: uint8 or float [N, H, W(, C)].
            labels: int [N], for models that read labels; ignored by others.
            batch_size: images per pass.
        """

        def run(images, *labels):
            return self.scores(self._batch(images, *labels))

        return self._over_images("score", run, batch_size, images, self._needed(labels, images))

    def scores(self, batch):
        """Return the scores in the graph, dict of name to float32 [N]: here the reconstruction error alone.

        Args:
            batch: dict with 'images', float32 [N, H, W, C] in [0, 1], and 'labels' for models that read them.
        """
        return {"reconstruction_error": self._error(batch["images"], self.codes(batch))}

    def _error(self, images, codes):
        """Return the mean squared error of what codes are decoded to, float32 tensor [N]."""
        images, outputs = map(self.image_scale.comparable, (images, self.to_images(codes)))
        return tf.reduce_mean(tf.square(images - outputs), list(range(1, outputs.shape.rank)))

    @property
    def _element_shape(self):
        return tuple(self.get_build_config()["input_shape"][1:])

    def _look(self, images, labels=None, batch_size=1000):
        """Return every code and the 'reconstruction_error' of images, by one pass."""

        def run(images, *labels):
            codes = self.codes(self._batch(images, *labels))
            return {**{name: codes[name] for name in self.priors}, "reconstruction_error": self._error(images, codes)}

        return self._over_images("look", run, batch_size, images, self._needed(labels, images))

    def _over_images(self, name, run, batch_size, images, labels=None, seed=None):
        """Return `run` of images, batch by batch; see `Batches`."""
        images = self.element.check(images)
        return self._batches(name, run, self._element_shape, batch_size, images, labels, seed)

    def _over_codes(self, name, run, batch_size, codes, size=None):
        """Return `run` of codes, float [N, size], batch by batch; see `Batches`."""
        codes = np.asarray(codes, "float32")
        return self._batches(name, run, (size or self.prior.dim,), batch_size, codes)
