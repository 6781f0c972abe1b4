"""What every model shares: networks in, updates out, and what it says of itself.

A model says in its own file what it can do: which codes it has and what they should look like (`priors`), how a step
trains it (`updates`), what a mini-batch must bring (`required_inputs`), what is measured and drawn of it (`metrics`,
`figures`), what is watched (`errors`) and what is served (`signatures`). Nobody else decides by its class.
"""

from typing import Annotated

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.config.schema import arguments_of
from aae_tf.data.element import element_of
from aae_tf.errors import InputError
from aae_tf.losses import RECONSTRUCTION, losses_of
from aae_tf.models.batches import Batches
from aae_tf.models.predictor import Predictor
from aae_tf.networks import ImageScale, NetworkSpec, accepted_by, as_encoder, encoder_builder, make, make_decoder
from aae_tf.networks.scales import SCALES
from aae_tf.training.updates import Phase


class LatentModel(Predictor, keras.Model):
    """An encoder, a decoder and a prior, trained by updates; the base of every model here.

    A subclass adds networks (named in `parts` so that they are saved, and made from a recipe by the functions in
    `builders`), and defines `updates`. What can be set of it in a recipe are the arguments of its constructor that have
    defaults, and those of its builders.

    Args:
        encoder: `Encoder`, or a Keras model from images [N, H, W, C] to codes [N, D].
        decoder: Keras model from codes [N, D] to images [N, H, W, C] in the networks' scale.
        prior: `aae_tf.priors.Prior` of z.
        image_scale: 'unit' [0, 1], 'signed' [-1, 1] (tanh output), 'centred' (less the training set's mean image,
            linear output), 'standardized' (per dimension over the training set, linear output), or a layer: an
            `ImageScale`, or a `ColumnScale` of rows.
        reconstruction_loss: a name in `RECONSTRUCTION`: 'squared_error' (half the sum over pixels, mean over the
            batch), 'mean_squared_error' (mean over pixels), 'binary_crossentropy' (sum over pixels; 'unit' only) or
            'gaussian' (of learned variance); of counts 'negative_binomial' or 'poisson'. Of the columns of a table,
            those that it is not for take their usual one, see `losses_of`.

    Attributes:
        parts: names of the constructor's arguments that are Keras objects.
        builders: dict of part to the function (plan, options) that makes it.
        required_inputs: what a mini-batch must hold besides images: 'labels' (one an image, for the decoder),
            'labelled' (a mini-batch of labelled images) or 'views' (random views of the images).
        least_batch: how many images of a mini-batch its losses need to be defined, on each replica.
        metrics: names in `aae_tf.reporting.METRICS`, or functions (model, held_out).
        figures: names in `aae_tf.reporting.FIGURES`, or functions (model, held_out).
        absent: names of phases that its options leave out, for recipes that weigh or join them.
        watched: the number of `validate` that `keep` and `patience` watch.
        equilibrium_loss: loss of a discriminator that cannot tell, None without a game.

    Call arguments:
        inputs: images, float [N, H, W, C] in [0, 1] or uint8, or (images, labels int [N]); training: bool.
        Returns the reconstruction, float32 [N, H, W, C] in [0, 1].

    Raises:
        InputError: a prior that is fitted after training, for a model that matches it in training; an unknown loss or
            scale.
    """

    parts = ("encoder", "decoder", "prior", "image_scale")
    builders = {"encoder": encoder_builder(), "decoder": make_decoder}
    given = ()  # arguments with defaults that are no options of a recipe
    found = ()  # arguments of which training makes others, so that they do not tell one model from another
    fits_prior = False  # whether the prior may be one that is fitted to the codes of the trained model
    required_inputs = ()
    least_batch = 1
    absent = ()
    metrics = ("reconstruction_error", "prior_match", "log_likelihood", "sample_quality")
    figures = ("samples", "latent_plane", "reconstructions", "manifold", "losses", "views")
    monitor = "val_reconstruction_error"
    equilibrium_loss = None

    def __init__(
        self,
        encoder,
        decoder,
        prior,
        image_scale: Annotated[str, SCALES] = "unit",
        reconstruction_loss: Annotated[str, RECONSTRUCTION] = "squared_error",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if prior.fitted_after and not self.fits_prior:
            raise InputError(
                f"{type(self).__name__} matches its prior in training, so the prior cannot be fitted afterwards; use "
                "'gaussian', 'mixture', 'uniform' or one of your own"
            )
        self.encoder = None if encoder is None else as_encoder(encoder)
        self.decoder, self.prior = decoder, prior
        self.image_scale = ImageScale(image_scale) if isinstance(image_scale, str) else image_scale
        self.reconstruction_loss = RECONSTRUCTION.check("reconstruction_loss", reconstruction_loss)
        if reconstruction_loss == "binary_crossentropy" and self.image_scale.kind != "unit":
            raise InputError(
                f"reconstruction_loss 'binary_crossentropy' needs image_scale 'unit', not '{self.image_scale.kind}'"
            )
        self.losses_by_kind = losses_of(self.image_scale.kinds, reconstruction_loss)
        self.log_scale = None
        self._batches = Batches()

    # From a recipe --------------------------------------------------------------------------------------------

    @classmethod
    def from_recipe(cls, recipe, image_shape, prior, dtype="float32", classes=0, columns=None):
        """Return the model a recipe describes.

        Args:
            recipe: `aae_tf.Recipe`.
            image_shape: (H, W, C), or (D,) of rows.
            prior: `aae_tf.priors.Prior` of dimension `recipe.latent_dim`.
            dtype: Keras dtype policy of the networks.
            classes: number of classes of the data, 0 without labels.
            columns: `aae_tf.data.Columns` of rows, None for images.

        Raises:
            InputError: the model needs labels and the data has none, or another option that it cannot do with.
        """
        options = recipe.options
        more = make(cls.from_data, options, recipe, classes, prior)
        plan = NetworkSpec(
            element_of(image_shape, columns),
            recipe.latent_dim,
            more.get("classes", 0),
            spread=prior.code_std,
            seed=recipe.seed,
            dtype=dtype,
        )
        networks = {part: make(maker, options, plan) for part, maker in cls.builders.items()}
        scale = plan.scale(options.get("image_scale", "unit"))
        return make(cls, options, **networks, prior=prior, image_scale=scale, **more)

    @classmethod
    def from_data(cls, recipe, classes, prior):
        """Return the constructor's arguments that depend on the data: a dict, here empty.

        Args:
            recipe: `aae_tf.Recipe`.
            classes: number of classes of the data, 0 without labels.
            prior: the prior of z.

        Raises:
            InputError: data that the model cannot do with.
        """
        return {}

    @classmethod
    def accepts(cls, options, every=False):
        """Return what a recipe may set of this model and its networks: dict of name to `aae_tf.config.schema.Option`.

        Args:
            options: dict of what is set, which names further things that take options (an architecture).
            every: whether the options of every architecture and posterior count.
        """
        return accepted_by([cls, cls.from_data, *cls.builders.values()], options, every)

    # What it is ---------------------------------------------------------------------------------------------

    @property
    def priors(self):
        """What its codes should look like: dict of code name to `Prior`, 'z' first; 'y' is a class or cluster."""
        return {"z": self.prior}

    @property
    def classes(self):
        """Classes, or clusters, that the decoder is told, 0 for none."""
        return self.priors["y"].dim if "y" in self.priors else 0

    def validate(self, split):
        """Return the numbers that are watched after every epoch, by names that begin with 'val_'; least is best.

        Args:
            split: validation images, an `aae_tf.data.Split`.

        Returns:
            dict of name to float; here 'val_reconstruction_error', mean squared error per pixel, or per scaled column.
        """
        return self.errors(split, self._look(split.images, split.labels))

    def errors(self, split, seen):
        """Return the numbers of `validate`, from one look at the images.

        Args:
            split: validation images, an `aae_tf.data.Split`.
            seen: dict of what the model makes of them: every code, float32 [N, D], by its name, and
                'reconstruction_error', float32 [N].
        """
        return {"val_reconstruction_error": float(np.mean(seen["reconstruction_error"], dtype="float64"))}

    # Training ---------------------------------------------------------------------------------------------

    @property
    def needs_finalizing(self):
        """Whether something of it is fitted once training has ended (`finalize`)."""
        return self.prior.fitted_after

    def finalize(self, images, seed):
        """Fit what follows from the trained weights, where something does: here the prior.

        Args:
            images: training images, uint8 or float [N, H, W(, C)].
            seed: int.
        """
        self.prior.fit(self.encode(images, seed=seed), seed)

    def updates(self):
        """Return the step that trains this model (built before), a list of `Update`.

        Raises:
            InputError: a subclass that does not define its updates.
        """
        raise InputError(f"{type(self).__name__} does not define its updates()")

    @property
    def random_codes(self):
        """Names of the codes whose q(·|x) is random, so that an image has another one for every seed."""
        heads = getattr(self.encoder, "heads", None) or {}
        return tuple(name for name, head in heads.items() if getattr(head, "random", False))

    def codes(self, batch, seed=None, training=False):
        """Return the encoder's codes, a dict of float32 [N, D], of a batch. Everything that encodes comes here.

        Args:
            batch: dict with 'images', float32 [N, H, W, C] in [0, 1], and, in training, what `required_inputs` names.
            seed: int32 [2] for noise and sampling, None for representatives.
            training: whether layers act as in training.
        """
        return self.encoder(self.image_scale(batch["images"]), training=training, seed=seed)

    def decoder_input(self, codes):
        """Return what the decoder sees, float32 [N, D'], of codes: y where there is one, then z, then any others.

        Args:
            codes: dict of codes, float32 [N, D].
        """
        names = sorted(self.priors, key=lambda name: name != "y")
        return codes["z"] if names == ["z"] else tf.concat([codes[name] for name in names], -1)

    def reconstruction_phase(self, variables=()):
        """Return the phase in which encoder and decoder minimise the reconstruction error of the clean image.

        Args:
            variables: what it moves beside them.
        """

        def loss(batch, codes, seed):
            outputs = tf.cast(self.decoder(self.decoder_input(codes), training=True), tf.float32)
            return self.reconstruction_cost(batch["images"], outputs)

        moved = self.encoder.trainable_variables + self.decoder.trainable_variables
        moved = moved if self.log_scale is None else [*moved, self.log_scale]
        return Phase("reconstruction", loss, [*moved, *variables])

    def reconstruction_cost(self, images, outputs):
        """Return the reconstruction loss, a scalar float32: the sum over kinds of numbers, each by its own loss.

        Args:
            images: float32 [N, H, W, C] in [0, 1], or rows [N, D] in their own units.
            outputs: float32 [N, ...] of the same shape, what the decoder gave, in the networks' scale.
        """
        total = 0.0
        for kind, targets, given, where in self.image_scale.parts(images, outputs):
            loss = RECONSTRUCTION[self.losses_by_kind[kind]]
            if not _learns(loss):
                total += loss(targets, given)
            elif where is ...:
                total += loss(targets, given, self.log_scale)
            else:  # by the second axis, along which the gradient is dense
                total += loss(targets, given, tf.gather(self.log_scale[None], where, axis=1))
        return total

    def build(self, input_shape):
        """Build every network for images of shape (N, H, W, C) and check that their shapes fit.

        Raises:
            InputError: the encoder's codes, the priors and the decoder's images do not fit together.
        """
        if self.built:
            return
        images = tf.zeros((2, *input_shape[1:]))
        self.image_scale(images)
        if any(_learns(RECONSTRUCTION[name]) for name in self.losses_by_kind.values()):
            self.log_scale = self.add_weight(name="log_scale", shape=tuple(input_shape[1:]), initializer="zeros")
        codes = self.codes({"images": images, "labels": tf.zeros(2, tf.int32)})
        for name, prior in self.priors.items():
            if codes[name].shape[-1] != prior.dim:
                raise InputError(
                    f"the encoder gives codes {name} of dimension {codes[name].shape[-1]} but the prior has {prior.dim}"
                )
        outputs = self.decoder(self.decoder_input(codes))
        if outputs.shape[1:] != images.shape[1:]:
            raise InputError(
                f"the decoder gives images of shape {tuple(outputs.shape[1:])}, not {tuple(images.shape[1:])}"
            )
        self.built = True

    # Keras --------------------------------------------------------------------------------------------------

    def get_config(self):
        """Return the arguments that make this model again, networks and prior included."""
        config = super().get_config()
        for name in arguments_of(type(self)):
            value = getattr(self, name)
            config[name] = keras.saving.serialize_keras_object(value) if name in self.parts else value
        return config

    @classmethod
    def from_config(cls, config):
        """Return the model that `get_config` describes."""
        parts = {part: keras.saving.deserialize_keras_object(config[part]) for part in cls.parts}
        return cls(**{**config, **parts})


def _learns(loss):
    """Return whether a reconstruction loss has a learned scale; a plain function has not."""
    return getattr(loss, "learned", False)
