"""What a model serves: the functions of `Predictor` on tensors, every row of an answer made of its own row alone.

A model server puts the rows of several requests into one batch and takes the answer apart again, so each input and each
output has rows, and as many.
"""

from aae_tf.backend import tf


class Signatures:
    """The signatures of a `LatentModel`."""

    def draw_each(self, seeds, labels=None):
        """Return what `draw` gives for each of many seeds, in the graph: a row depends on its own seed alone.

        Args:
            seeds: int32 tensor [N]; row i is that of `draw(1, seeds[i])`.
            labels: int32 tensor [N], -1 to draw one, for models whose decoder sees one.

        Returns:
            (dict of codes, int32 [N] or None), as of `draw`.
        """
        given = tf.fill(tf.shape(seeds), -1) if labels is None else labels

        def draw(row):
            codes, label = self.draw(1, row[:2], row[2:] if self.classes else None)
            return codes if label is None else {**codes, "y": label}

        specs = {name: tf.TensorSpec((1, self.priors[name].dim), tf.float32) for name in self.drawn}
        specs |= {"y": tf.TensorSpec((1,), tf.int32)} if self.classes else {}
        rows = tf.stack([tf.bitwise.right_shift(seeds, 31) & 0x7FFFFFFF, seeds & 0x7FFFFFFF, given], -1)  # as as_seed
        found = {name: each[:, 0] for name, each in tf.map_fn(draw, rows, fn_output_signature=specs).items()}
        return {name: found[name] for name in self.drawn}, found.get("y")

    def signatures(self):
        """Return the functions to serve.

        Returns:
            dict of signature name to (function of tensors to a dict of named tensors, list of `tf.TensorSpec`). Every
            input and output has the same rows, and a row's outputs depend on that row alone.
        """
        images = tf.TensorSpec((None, *self._element_shape), tf.float32, self.element.input_name)
        output = self.element.output_name
        labels = tf.TensorSpec((None,), tf.int32, "labels")
        codes = [self._code_spec(name) for name in self.drawn]
        seeds = tf.TensorSpec((None,), tf.int32, "seeds")
        with_image = [images, labels] if self.reads_labels else [images]

        def encode(images):
            found = self.codes({"images": images})
            return {spec.name: found[name] for name, spec in zip(self.drawn, codes, strict=True)}

        def decode(*inputs):
            drawn = dict(zip(self.drawn, inputs, strict=False))
            return {output: self.decode_graph(drawn, inputs[-1] if self.classes else None)}

        def reconstruct(*inputs):
            return {output: self(inputs if self.reads_labels else inputs[0])}

        def sample(seeds, labels=None):
            found, labels = self.draw_each(seeds, labels)
            given = {spec.name: found[name] for name, spec in zip(self.drawn, codes, strict=True)}
            return {output: self.decode_graph(found, labels), **given, **({"labels": labels} if self.classes else {})}

        def interpolate(images, images_to, share, labels=None, labels_to=None):
            first, last = self.codes(self._batch(images, labels)), self.codes(self._batch(images_to, labels_to))
            return {output: self.to_images(self._between(first, last, share))}

        def score(images, labels=None):
            return self.scores(self._batch(images, labels))

        way = [images, _renamed(images), tf.TensorSpec((None,), tf.float32, "share")]
        return {
            "encode": (encode, [images]),
            "decode": (decode, [*codes, labels] if self.classes else codes),
            "reconstruct": (reconstruct, with_image),
            "sample": (sample, [seeds, labels] if self.classes else [seeds]),
            "interpolate": (interpolate, [*way, labels, _renamed(labels)] if self.reads_labels else way),
            "score": (score, with_image),
        }

    def _code_spec(self, name):
        return tf.TensorSpec((None, self.priors[name].dim), tf.float32, "codes" if name == "z" else name)


def _renamed(spec):
    return tf.TensorSpec(spec.shape, spec.dtype, f"{spec.name}_to")
