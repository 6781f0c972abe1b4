"""The base of every model, `GenerativeModel`: a decoder, a prior, and the updates that train them.

A model declares what is built (`build_spec`), optimised (`updates`, `training_spec`) and reported (`report_spec`), its
codes (`priors`, `codes`) and what it serves (`signatures`). Training, reports and export read these declarations.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from numpy.typing import ArrayLike

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Option, arguments_of
from aae_tf.data.element import Element, element_of
from aae_tf.errors import InputError
from aae_tf.models.batching import BatchedFunctions, as_images
from aae_tf.models.keras_training import KerasTraining
from aae_tf.models.sampling import Codes, Sampling
from aae_tf.models.specs import BuildSpec, ReportSpec, TrainingSpec
from aae_tf.networks import ImageScale, NetworkSpec, accepted_by, make, make_decoder
from aae_tf.networks.scales import SCALES
from aae_tf.priors import Prior

if TYPE_CHECKING:
    from aae_tf.data import Columns, Split
    from aae_tf.recipes import Recipe
    from aae_tf.training.updates import Update


class GenerativeModel(KerasTraining, Sampling, keras.Model):
    """A decoder and a prior, trained by updates: a generator without an encoder, and the base of `LatentModel`.

    The options of a model in a recipe are the constructor's arguments with defaults, and those of its builders.

    Args:
        decoder: Keras model from codes [N, D] to images [N, H, W, C] in the networks' scale.
        prior: `aae_tf.priors.Prior` of z.
        image_scale: 'unit' [0, 1], 'signed' [-1, 1] (tanh output), 'centred' (minus the training set's mean image,
            linear output), 'standardized' (per dimension over the training set, linear output), or a layer: an
            `ImageScale`, or a `ColumnScale` of rows.

    Call arguments:
        inputs: images, float32 [N, H, W, C] in [0, 1] or uint8; training: bool.

    Raises:
        InputError: a prior that is fitted after training, for a model that matches it in training; an unknown scale.
    """

    build_spec: ClassVar[BuildSpec] = BuildSpec({"decoder": make_decoder, "prior": None, "image_scale": None})

    def __init__(self, decoder: keras.Model, prior: Prior, image_scale: Annotated[str, SCALES] = "unit", **kwargs: Any):
        kwargs.setdefault("dtype", "float32")  # codes, losses and images; each network has its own policy
        super().__init__(**kwargs)
        if prior.fitted_after and not self.build_spec.accepts_fitted_prior:
            raise InputError(
                f"{type(self).__name__} matches its prior in training, so the prior cannot be fitted afterwards; use "
                "'gaussian', 'mixture', 'uniform' or a custom prior"
            )
        self.decoder, self.prior = decoder, prior
        self.image_scale = ImageScale(image_scale) if isinstance(image_scale, str) else image_scale
        self._batched = BatchedFunctions()

    # From a recipe --------------------------------------------------------------------------------------------

    @classmethod
    def from_recipe(
        cls,
        recipe: "Recipe",
        image_shape: tuple[int, ...],
        prior: Prior,
        dtype: str = "float32",
        classes: int = 0,
        columns: "Columns | None" = None,
    ) -> Self:
        """Return the model that a recipe describes, of images (H, W, C) or rows (D,); `classes` is 0 without labels."""
        options = recipe.options
        more = make(cls.from_data, options, recipe, classes, prior)
        element, classes = element_of(image_shape, columns), more.get("classes", 0)
        spec = NetworkSpec(element, recipe.latent_dim, classes, prior.code_std, recipe.seed, dtype)
        builders = {name: builder for name, builder in cls.build_spec.submodels.items() if builder is not None}
        networks = {name: make(builder, options, spec) for name, builder in builders.items()}
        scale = spec.scale(options.get("image_scale", "unit"))
        return make(cls, options, **networks, prior=prior, image_scale=scale, **more)

    @classmethod
    def from_data(cls, recipe: "Recipe", classes: int, prior: Prior) -> dict[str, Any]:
        """Return the constructor's arguments that depend on the data: here none. `classes` is 0 without labels."""
        return {}

    @classmethod
    def accepts(cls, options: Mapping[str, Any], every: bool = False) -> dict[str, Option]:
        """Return the options of a recipe by name, with those of what `options` name (architectures), or of `every`."""
        builders = [builder for builder in cls.build_spec.submodels.values() if builder is not None]
        return accepted_by([cls, cls.from_data, *builders], options, every)

    # What it declares -----------------------------------------------------------------------------------------

    @property
    def training_spec(self) -> TrainingSpec:
        """What training needs."""
        return TrainingSpec()

    @property
    def report_spec(self) -> ReportSpec:
        """What is measured, drawn and monitored."""
        return ReportSpec(("log_likelihood", "sample_quality"), ("samples", "manifold", "losses", "views"))

    @property
    def element(self) -> Element:
        """The kind of data: images or rows."""
        return self.image_scale.element

    @property
    def priors(self) -> dict[str, Prior]:
        """The prior of each code by name, 'z' first; 'y' is a class or cluster."""
        return {"z": self.prior}

    @property
    def drawn(self) -> list[str]:
        """Names of the continuous codes, 'z' first: all but y, which is given as a label."""
        return [name for name in self.priors if name != "y"]

    @property
    def classes(self) -> int:
        """Number of classes or clusters that the decoder takes, 0 for none."""
        return self.priors["y"].dim if "y" in self.priors else 0

    @property
    def reads_labels(self) -> bool:
        """Whether the decoder takes the label of each image."""
        return "labels" in self.training_spec.required_inputs

    @property
    def needs_finalizing(self) -> bool:
        """Whether `finalize` fits something after training."""
        return self.prior.fitted_after

    def finalize(self, images: ArrayLike, seed: int) -> None:
        """Fit to the training images, uint8 or float [N, H, W(, C)], what follows from the weights: here nothing."""

    def updates(self) -> "list[Update]":
        """Return the updates of one training step of this model, which is built; a subclass defines them."""
        raise InputError(f"{type(self).__name__} does not define its updates()")

    def validate(self, split: "Split") -> dict[str, float]:
        """Return the validation metrics by names that begin with 'val_'; lower is better. The model is not changed."""
        return {}

    # Codes and images -----------------------------------------------------------------------------------------

    def codes(self, batch: Mapping[str, Any], seed: Any = None, training: bool = False) -> Codes:
        """Return the codes of a batch, a dict of float32 [N, D].

        Args:
            batch: dict with 'images', float32 [N, H, W, C] in [0, 1], and, in training, the required inputs.
            seed: int32 [2] for noise and sampling, None for representatives.
            training: whether layers act as in training.

        Raises:
            InputError: a subclass that does not define its codes.
        """
        raise InputError(f"{type(self).__name__} does not define its codes()")

    def decoder_input(self, codes: Codes) -> "tf.Tensor":
        """Return the decoder's input, float32 [N, D'], of codes: y where there is one, then z, then any others."""
        names = sorted(self.priors, key=lambda name: name != "y")
        return codes["z"] if names == ["z"] else tf.concat([codes[name] for name in names], -1)

    def to_images(self, codes: Codes, training: bool = False) -> "tf.Tensor":
        """Return images, float32 tensor [N, H, W, C] in [0, 1], of codes, float32 [N, D] by name."""
        return self.image_scale.invert(tf.cast(self.decoder(self.decoder_input(codes), training=training), tf.float32))

    def call(self, inputs: Any, training: bool = False) -> "tf.Tensor":
        """Return the images decoded from the codes of `inputs`."""
        images, labels = inputs if isinstance(inputs, tuple | list) else (inputs, None)
        batch = self._batch(as_images(self.image_scale.read(images)), labels)
        return self.to_images(self.codes(batch, training=training), training)

    def _batch(self, images, labels=None):
        if not self.reads_labels:
            return {"images": images}
        self._check_labels_given(labels)
        return {"images": images, "labels": tf.cast(labels, tf.int32)}

    def _check_labels_given(self, labels):
        if labels is None:
            raise InputError(f"{type(self).__name__} decodes with labels; give one for each of the images")

    # Keras --------------------------------------------------------------------------------------------------

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every network for images of shape (N, H, W, C) and check that their shapes fit.

        Raises:
            InputError: codes, priors and the decoder's images that do not fit together.
        """
        if self.built:
            return
        images = tf.zeros((2, *input_shape[1:]))
        self.image_scale(images)
        codes = self.codes({"images": images, "labels": tf.zeros(2, tf.int32)})
        for name, prior in self.priors.items():
            given = codes[name].shape[-1]
            if given != prior.dim:
                raise InputError(f"the encoder gives codes {name} of dimension {given} but the prior has {prior.dim}")
        given, shape = (tuple(each.shape[1:]) for each in (self.decoder(self.decoder_input(codes)), images))
        if given != shape:
            raise InputError(f"the decoder gives images of shape {given}, not {shape}")
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the images, which is that of the inputs."""
        pair = isinstance(input_shape[0], tuple | list)
        return tuple(input_shape[0] if pair else input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, networks and prior included."""
        config = super().get_config()
        for name in arguments_of(type(self)):
            value = getattr(self, name)
            config[name] = keras.saving.serialize_keras_object(value) if name in self.build_spec.submodels else value
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the model that `get_config` describes."""
        restored = {name: keras.saving.deserialize_keras_object(config[name]) for name in cls.build_spec.submodels}
        return cls(**{**config, **restored})
