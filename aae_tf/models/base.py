"""What every model of the paper shares: networks in, phases out, and the ways to use a trained one."""

import numpy as np

from aae_tf import evaluation
from aae_tf.backend import keras, tf
from aae_tf.errors import InputError, check_choice
from aae_tf.models.batches import Batches
from aae_tf.models.inputs import as_images
from aae_tf.models.losses import RECONSTRUCTION
from aae_tf.models.phases import Phase
from aae_tf.networks import ImageScale, as_encoder, decoder_from_recipe, encoder_from_recipe
from aae_tf.priors import Categorical, fold


class LatentModel(keras.Model):
    """An encoder, a decoder and a prior, trained by phases; the base of every model here.

    A subclass adds networks (named in `parts` so that they are saved) and defines `phases`; most also define
    `from_recipe`.

    Args:
        encoder: `Encoder`, or a Keras model from images [N, H, W, C] to codes [N, D].
        decoder: Keras model from codes [N, D] to images [N, H, W, C] in the networks' scale.
        prior: `aae_tf.priors.Prior` of z.
        image_scale: 'unit', 'signed' or 'standardized', or an `ImageScale`.
        reconstruction_loss: 'squared_error', 'mean_squared_error' or 'binary_crossentropy'.

    Call arguments:
        inputs: images, float [N, H, W, C] in [0, 1] or uint8, or (images, labels int [N]); training: bool.
        Returns the reconstruction, float32 [N, H, W, C] in [0, 1].

    Raises:
        InputError: a prior that is fitted after training, for a model that matches it in training; an unknown loss or
            scale.
    """

    parts = ("encoder", "decoder", "prior", "image_scale")
    matches_prior = True  # whether training pulls the codes towards the prior, so that it must be known before
    options = ("reconstruction_loss",)
    measures = ("reconstruction_error", "prior_match", "log_likelihood", "sample_quality")
    figures = ("samples", "latent_plane", "reconstructions", "manifold", "losses")
    brings = ()
    undecided = None
    classes = 0  # entries of the label y that the decoder sees
    reads_labels = False  # whether the decoder's y is given with the image, rather than inferred from it
    trains_on_labels = False  # whether training uses labels, so that `labels=` of a recipe means something
    wants_labelled = False  # whether a batch brings labelled images of its own ('labelled_images')

    def __init__(self, encoder, decoder, prior, image_scale="unit", reconstruction_loss="squared_error", **kwargs):
        super().__init__(**kwargs)
        if self.matches_prior and prior.fitted_after:
            raise InputError(
                f"{type(self).__name__} matches its prior in training, so the prior cannot be fitted afterwards; use "
                "'gaussian', 'mixture', 'uniform' or one of your own"
            )
        self.encoder = None if encoder is None else as_encoder(encoder)
        self.decoder, self.prior = decoder, prior
        self.image_scale = ImageScale(image_scale) if isinstance(image_scale, str) else image_scale
        self.reconstruction_loss = check_choice("reconstruction_loss", reconstruction_loss, RECONSTRUCTION)
        self._batches = Batches()

    @classmethod
    def from_recipe(cls, recipe, image_shape, prior, dtype="float32", classes=0):
        """Return the model a recipe describes.

        Args:
            recipe: `aae_tf.Recipe`.
            image_shape: (H, W, C).
            prior: `aae_tf.priors.Prior` of dimension `recipe.latent_dim`.
            dtype: Keras dtype policy of the networks.
            classes: number of classes of the data, 0 without labels.

        Raises:
            InputError: the model needs labels and the data has none, or another field that it cannot do with.
        """
        return cls(
            decoder=decoder_from_recipe(recipe, image_shape, dtype),
            prior=prior,
            image_scale=recipe.image_scale,
            reconstruction_loss=recipe.reconstruction_loss,
            **cls.own_parts(recipe, dtype, classes),
        )

    @classmethod
    def own_parts(cls, recipe, dtype, classes):
        """Return the arguments in which a subclass's `from_recipe` differs; here the encoder alone.

        Args:
            recipe: `aae_tf.Recipe`.
            dtype: Keras dtype policy of the networks.
            classes: number of classes of the data, 0 without labels.

        Raises:
            InputError: the model needs labels and the data has none, or another field that it cannot do with.
        """
        return {"encoder": encoder_from_recipe(recipe, dtype)}

    # Training ---------------------------------------------------------------------------------------------

    def phases(self):
        """Return the ordered list of `Phase` that trains this model (built before).

        Raises:
            InputError: a subclass that does not define its phases.
        """
        raise InputError(f"{type(self).__name__} does not define its phases()")

    def codes(self, batch, seed=None, training=False):
        """Return the encoder's codes, a dict of float32 [N, D], of a batch.

        Args:
            batch: dict with 'images', float32 [N, H, W, C] in [0, 1].
            seed: int32 [2] for noise and sampling, None for representatives.
            training: whether layers act as in training.
        """
        return self.encoder(self.image_scale(batch["images"]), training=training, seed=seed)

    def decoder_input(self, codes):
        """Return what the decoder sees, float32 [N, D'], of codes: z, and before it y for models that have one.

        Args:
            codes: dict of codes, float32 [N, D]: 'z', and 'y' where there is one.
        """
        return tf.concat([codes["y"], codes["z"]], -1) if "y" in codes else codes["z"]

    def reconstruction_phase(self):
        """Return the phase in which encoder and decoder minimise the reconstruction error of the clean image."""

        def loss(batch, codes, seed):
            outputs = tf.cast(self.decoder(self.decoder_input(codes), training=True), tf.float32)
            return RECONSTRUCTION[self.reconstruction_loss](self.image_scale(batch["images"]), outputs)

        variables = self.encoder.trainable_variables + self.decoder.trainable_variables
        return Phase("reconstruction", loss, variables, "reconstruction")

    def build(self, input_shape):
        """Build every network for images of shape (N, H, W, C) and check that their shapes fit.

        Raises:
            InputError: the encoder's codes, the prior and the decoder's images do not fit together.
        """
        if self.built:
            return
        shape = (None, *input_shape[1:])
        images = tf.zeros((2, *shape[1:]))
        self.image_scale(images)
        codes = self.codes({"images": images, "labels": tf.zeros(2, tf.int32)})
        if codes["z"].shape[-1] != self.prior.dim:
            raise InputError(
                f"the encoder gives codes of dimension {codes['z'].shape[-1]} but the prior has {self.prior.dim}"
            )
        outputs = self.decoder(self.decoder_input(codes))
        if outputs.shape[1:] != images.shape[1:]:
            raise InputError(
                f"the decoder gives images of shape {tuple(outputs.shape[1:])}, not {tuple(images.shape[1:])}"
            )
        self.built = True

    @property
    def priors(self):
        """The priors by code name, 'z' first."""
        return {"z": self.prior} | ({"y": Categorical(self.classes)} if self.classes else {})

    def validate(self, split):
        """Return the numbers that are watched after every epoch, by name, on a `Split` of validation images.

        Args:
            split: `aae_tf.data.Split`.
        """
        if not self.encodes:
            return {}
        errors = evaluation.reconstruction_error(split.images, self.reconstruct(split.images, split.labels))
        numbers, known = {"val_reconstruction_error": float(errors.mean())}, split.labelled()
        if len(known) and self.wants_labelled:
            numbers["val_classification_error"], _ = evaluation.error_rate(
                known.labels, self.predict_labels(known.images)
            )
        return numbers

    @property
    def encodes(self):
        """Whether the model has an encoder."""
        return self.encoder is not None

    # Use ----------------------------------------------------------------------------------------------------

    def call(self, inputs, training=False):
        """Return reconstructions of images, or of (images, labels) for models that read labels."""
        images, labels = inputs if isinstance(inputs, tuple | list) else (inputs, None)
        batch = {"images": as_images(images)}
        if self.reads_labels:
            batch["labels"] = self._labels(labels, tf.shape(images)[0])
        return self.to_images(self.codes(batch, training=training), training)

    def to_images(self, codes, training=False):
        """Return images, float32 tensor [N, H, W, C] in [0, 1], of a dict of codes.

        Args:
            codes: dict of codes, float32 [N, D].
            training: whether layers act as in training.
        """
        return self.image_scale.invert(tf.cast(self.decoder(self.decoder_input(codes), training=training), tf.float32))

    def _labels(self, labels, count):
        if labels is None:
            raise InputError(f"{type(self).__name__} decodes with labels; give one for each of the {count} rows")
        return tf.cast(labels, tf.int32)

    def encode(self, images, seed=None, batch_size=1000):
        """Return the codes z of images.

        Args:
            images: uint8 or float [N, H, W(, C)].
            seed: None for each image's representative code, an int for one sample of q(z|x).
            batch_size: images per pass.

        Returns:
            float32 array [N, D].
        """

        def run(images, *seed):
            return self.encoder(self.image_scale(images), seed=seed[0] if seed else None)["z"]

        return self._over_images("encode" if seed is None else "encode sample", run, batch_size, images, seed=seed)

    def decode(self, codes, labels=None, batch_size=1000):
        """Return images of codes.

        Args:
            codes: float [N, D], codes z.
            labels: int [N], each row's class or cluster, for models whose decoder sees one.
            batch_size: codes per pass.

        Returns:
            float32 array [N, H, W, C] in [0, 1].

        Raises:
            InputError: labels are missing, or given to a model whose decoder sees none.
        """
        if not self.classes and labels is not None:
            raise InputError(f"{type(self).__name__} decodes codes alone; it takes no labels here")
        labels = self._labels(labels, len(codes)) if self.classes else None
        return self._over_codes("decode", self.decode_graph, batch_size, codes, labels)

    def decode_graph(self, codes, labels=None):
        """Return images of codes, as `decode` does, in the graph.

        Args:
            codes: float32 tensor [N, D].
            labels: int32 tensor [N], for models whose decoder sees one.
        """
        y = {} if labels is None else {"y": tf.one_hot(labels, self.classes)}
        return self.to_images({"z": codes, **y})

    def reconstruct(self, images, labels=None, batch_size=1000):
        """Return reconstructions, float32 array [N, H, W, C] in [0, 1].

        Args:
            images: uint8 or float [N, H, W(, C)].
            labels: int [N], for models that read labels (`reads_labels`); ignored by others.
            batch_size: images per pass.
        """
        labels = self._labels(labels, len(images)) if self.reads_labels else None
        return self._over_images(
            "reconstruct", lambda *inputs: self(inputs if self.reads_labels else inputs[0]), batch_size, images, labels
        )

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
        return self.decode(codes, labels, batch_size)

    def draw(self, n, seed, labels=None):
        """Return codes z of the prior, float32 [n, D], and the labels to decode them with, int32 [n] or None.

        Args:
            n: how many.
            seed: int.
            labels: int [n], -1 to draw one; all are drawn if not given.
        """
        if not self.classes:
            return self.prior.sample(n, seed, labels), None
        drawn = tf.random.stateless_uniform([n], fold(seed, 1), 0, self.classes, tf.int32)
        if labels is not None:
            drawn = tf.where(tf.cast(labels, tf.int32) >= 0, tf.cast(labels, tf.int32), drawn)
        return self.prior.sample(n, seed), drawn

    def _over_images(self, name, run, batch_size, images, labels=None, seed=None):
        """Return `run` of images, batch by batch; see `Batches`."""
        shape = tuple(self.get_build_config()["input_shape"][1:])
        return self._batches(name, run, shape, batch_size, images, labels, seed)

    def _over_codes(self, name, run, batch_size, codes, labels=None):
        """Return `run` of codes, batch by batch; see `Batches`."""
        return self._batches(name, run, (self.prior.dim,), batch_size, np.asarray(codes, "float32"), labels)

    # Keras --------------------------------------------------------------------------------------------------

    def get_config(self):
        """Return the arguments that make this model again, networks and prior included."""
        config = super().get_config()
        for part in self.parts:
            config[part] = keras.saving.serialize_keras_object(getattr(self, part))
        return {**config, **{option: getattr(self, option) for option in self.options}}

    @classmethod
    def from_config(cls, config):
        """Return the model that `get_config` describes."""
        parts = {part: keras.saving.deserialize_keras_object(config[part]) for part in cls.parts}
        return cls(**{**config, **parts})
