"""`Recipe`: one experiment as a frozen dataclass, every number of it checked and in one place.

Nothing here imports TensorFlow.
"""

import dataclasses
import typing
from dataclasses import dataclass, field, replace

from aae_tf.errors import InputError, check_choice


def _choice(default, *options):
    return field(default=default, metadata={"choices": options})


def _number(default, minimum, maximum=None):
    return field(default=default, metadata={"range": (minimum, maximum)})


class _Checked:
    """Checks each field of a dataclass against the choices or the range in its metadata."""

    def __post_init__(self):
        for spec in dataclasses.fields(self):
            value = getattr(self, spec.name)
            if "choices" in spec.metadata:
                check_choice(spec.name, value, spec.metadata["choices"])
            if "range" in spec.metadata:
                low, high = spec.metadata["range"]
                for number in value if isinstance(value, tuple) else (value,):
                    numeric = isinstance(number, int | float) and not isinstance(number, bool)
                    if not numeric or not (low <= number and (high is None or number <= high)):
                        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
                        raise InputError(f"{spec.name}={value!r} is out of range; accepted: numbers {bounds}")


@dataclass(frozen=True)
class OptimizerSettings(_Checked):
    """One kind of phase's optimizer: a Keras optimizer's name, its rate, and how the rate falls over epochs.

    Attributes:
        name: 'sgd', 'adam' or 'adamw' (Keras optimizers).
        learning_rate: rate of the first epoch.
        momentum: SGD momentum, or Adam's beta_1.
        schedule: 'constant', 'cosine' (to zero over the run's epochs) or 'steps' (divided by 10 after each epoch
            in `drops`).
        drops: epochs after which 'steps' divides the rate by 10.
    """

    name: str = _choice("sgd", "sgd", "adam", "adamw")
    learning_rate: float = _number(0.01, 0.0)
    momentum: float = _number(0.9, 0.0, 0.999999)
    schedule: str = _choice("constant", "constant", "cosine", "steps")
    drops: tuple[int, ...] = _number((50, 1000), 1)


@dataclass(frozen=True)
class Recipe(_Checked):
    """One experiment: data, networks, prior, optimizers and length.

    Attributes:
        name: the recipe's name.
        summary: one line on what it shows.
        model: name of the model class in `aae_tf.models`.
        dataset: name of the dataset (see `aae_tf.data.load`); own data is recorded as 'own'.
        image_size: side to which images of a folder or a TFDS set are cropped and resized; 0 keeps them.
        epochs: passes over the training images.
        batch_size: images per update.
        seed: seed of everything random.
        latent_dim: dimension of the code z.
        prior: p(z) by name ('gaussian', 'mixture', 'uniform', 'swiss_roll'), or 'own' if an object was passed; for
            models that do not match one in training also 'fitted_gaussian' or 'fitted_mixture', fitted to the
            training images' codes afterwards.
        prior_std: standard deviation of the Gaussian prior (the paper's figure 2 and table 1 use 5).
        components: number of components of the mixture priors.
        posterior: q(z|x): 'deterministic', 'gaussian' or 'universal' (§2).
        architecture: 'mlp' or 'convolutional'.
        widths: units of the dense hidden layers of encoder and decoder (decoder: reversed).
        filters: 'convolutional' only: filters of the stride-2 convolutions before the encoder's dense layers
            (decoder: reversed, after them).
        discriminator_widths: units of the discriminator's hidden layers.
        activation: hidden activation, a Keras name.
        initializer: kernel initializer, a Keras name, or 'normal' for the paper's N(0, 0.01).
        batch_norm: batch normalisation in the encoder's hidden layers: of all, of none, or of those with these numbers
            (from 1).
        decoder_batch_norm: likewise in the decoder's.
        input_noise: standard deviation of Gaussian noise on the encoder's input, in training only.
        input_dropout: share of input pixels dropped, in training only.
        discriminator_noise: standard deviation of Gaussian noise on the discriminators' inputs, in training only.
        image_scale: what the networks see: 'unit' [0, 1], 'signed' [-1, 1] (tanh output), 'centred' (less the training
            set's mean image, linear output) or 'standardized' (per dimension over the training set, linear output).
        reconstruction_loss: 'squared_error' (half the sum over pixels, mean over the batch), 'mean_squared_error'
            (mean over pixels) or 'binary_crossentropy' (sum over pixels; 'unit' images only).
        adversarial_loss: 'non_saturating' or 'least_squares'.
        reconstruction_weight: factor on the reconstruction loss.
        generator_weight: factor on the encoder's loss against the discriminators.
        penalty_weight: factor on what a baseline adds to the reconstruction (KL divergence, contraction, MMD).
        contraction: 'jacobian' or 'stochastic', the contractive autoencoder's penalty.
        joint: the generator's loss joins the reconstruction's in one update, by the reconstruction's optimizer (§4's
            second recipe).
        order: 'alternating' (the paper's: codes recomputed before each phase) or 'simultaneous'.
        precision: 'auto', 'float32', 'mixed_bfloat16' or 'mixed_float16'.
        weight_average: decay of the exponential moving average of the weights (0 = off), used for evaluation,
            figures and export when on.
        head_batch_norm: batch normalisation on the encoder's heads: 'none', 'y', 'both' (§6), or 'balanced': both, with
            no scale and shift learned, so that every cluster keeps its share of the images.
        labels: how many training images have labels, for models that use them: a number, a share ('20%') or 'all';
            drawn evenly over the classes by the seed.
        label_in_game: whether the discriminator of `SupervisedAAE` sees the label beside z, so that z tells nothing of
            it (the paper's sees z alone).
        clusters: number of clusters (§6, and §7 without labels).
        head_distance: distance below which cluster heads repel each other (§7).
        reconstruction: optimizer of the reconstruction phase.
        regularization: optimizer of both sides of every adversarial game.
        classification: optimizer of the semi-supervised classification phase (§5).
    """

    name: str
    summary: str = ""
    model: str = "AdversarialAutoencoder"
    dataset: str = "mnist_5k"
    image_size: int = _number(0, 0)
    epochs: int = _number(60, 1)
    batch_size: int = _number(100, 1)
    seed: int = _number(0, 0, 2**31 - 1)
    latent_dim: int = _number(2, 1)
    prior: str = _choice(
        "gaussian", "gaussian", "mixture", "uniform", "swiss_roll", "fitted_gaussian", "fitted_mixture", "own"
    )
    prior_std: float = _number(5.0, 1e-6)
    components: int = _number(10, 1)
    posterior: str = _choice("deterministic", "deterministic", "gaussian", "universal")
    architecture: str = _choice("mlp", "mlp", "convolutional")
    widths: tuple[int, ...] = _number((1000, 1000), 1)
    filters: tuple[int, ...] = _number((32, 64, 128), 1)
    discriminator_widths: tuple[int, ...] = _number((1000, 1000), 1)
    activation: str = "relu"
    initializer: str = "glorot_uniform"
    batch_norm: bool | tuple[int, ...] = False
    decoder_batch_norm: bool | tuple[int, ...] = False
    input_noise: float = _number(0.0, 0.0)
    input_dropout: float = _number(0.0, 0.0, 0.99)
    discriminator_noise: float = _number(0.0, 0.0)
    image_scale: str = _choice("unit", "unit", "signed", "centred", "standardized")
    reconstruction_loss: str = _choice("squared_error", "squared_error", "mean_squared_error", "binary_crossentropy")
    adversarial_loss: str = _choice("non_saturating", "non_saturating", "least_squares")
    reconstruction_weight: float = _number(1.0, 0.0)
    generator_weight: float = _number(1.0, 0.0)
    penalty_weight: float = _number(1.0, 0.0)
    contraction: str = _choice("jacobian", "jacobian", "stochastic")
    joint: bool = False
    order: str = _choice("alternating", "alternating", "simultaneous")
    precision: str = _choice("auto", "auto", "float32", "mixed_bfloat16", "mixed_float16")
    weight_average: float = _number(0.0, 0.0, 0.999999)
    head_batch_norm: str = _choice("none", "none", "y", "both", "balanced")
    labels: int | str = "all"
    label_in_game: bool = False
    clusters: int = _number(16, 2)
    head_distance: float = _number(5.0, 0.0)
    reconstruction: OptimizerSettings = OptimizerSettings("sgd", 0.01, 0.9)
    regularization: OptimizerSettings = OptimizerSettings("sgd", 0.1, 0.1)
    classification: OptimizerSettings = OptimizerSettings("sgd", 0.1, 0.9)

    def __post_init__(self):
        super().__post_init__()
        if self.prior in ("mixture", "swiss_roll") and self.latent_dim != 2:
            raise InputError(
                f"the prior '{self.prior}' is two-dimensional but latent_dim is {self.latent_dim}; "
                "use latent_dim=2 or the prior 'gaussian' or 'uniform'"
            )
        labels = self.labels
        share = isinstance(labels, str) and labels.endswith("%") and labels[:-1].replace(".", "", 1).isdigit()
        number = isinstance(labels, int) and not isinstance(labels, bool) and labels >= 0
        if not (labels == "all" or number or (share and 0 <= float(labels[:-1]) <= 100)):
            raise InputError(f"labels={labels!r} cannot be read; accepted: a number, a share such as '20%', or 'all'")
        if self.reconstruction_loss == "binary_crossentropy" and self.image_scale != "unit":
            raise InputError(
                f"reconstruction_loss 'binary_crossentropy' needs image_scale 'unit', not '{self.image_scale}'"
            )

    def to_dict(self):
        """Return the recipe as plain JSON values; `Recipe.from_dict` reads them back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values):
        """Return the recipe that `to_dict` wrote.

        Args:
            values: dict, as `to_dict` gave it or as read back from JSON.
        """
        return cls(**{name: _restore(_TYPES[name], value) for name, value in values.items()})

    def with_options(self, **options):
        """Return a copy with fields changed.

        Args:
            **options: field names and values. Strings are read as the field's type; a dotted name
                (`"reconstruction.learning_rate"`) or a dict changes an optimizer's fields.

        Returns:
            A new `Recipe`.

        Raises:
            InputError: an unknown field, or a value that the field does not accept.
        """
        recipe = self
        for name, value in options.items():
            recipe = _with_option(recipe, name, value)
        return recipe


_TYPES = typing.get_type_hints(Recipe)


def _with_option(settings, name, value):
    head, _, rest = name.partition(".")
    fields = typing.get_type_hints(type(settings))
    check_choice("option", head, sorted(set(fields) - {"name", "summary", "model"}) + ["name"] * bool(rest == ""))
    if head == "name" and isinstance(settings, Recipe):
        raise InputError("a recipe's name cannot be set; pass the recipe's name as the first argument")
    current = getattr(settings, head)
    if rest:
        if not dataclasses.is_dataclass(current):
            raise InputError(f"'{head}' has no part '{rest}'; set it as a whole: {head}=VALUE")
        return replace(settings, **{head: _with_option(current, rest, value)})
    if dataclasses.is_dataclass(current) and isinstance(value, dict):
        for part, part_value in value.items():
            current = _with_option(current, part, part_value)
        return replace(settings, **{head: current})
    return replace(settings, **{head: _read(head, fields[head], value)})


_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _read(name, kind, value):
    """Read `value` (a Python value, or text from the command line) as the type `kind`."""
    try:
        if typing.get_origin(kind) is tuple:
            parts = value.replace("(", "").replace(")", "").split(",") if isinstance(value, str) else value
            item = typing.get_args(kind)[0]
            return tuple(_read(name, item, part) for part in parts if part != "")
        if kind == bool | tuple[int, ...]:
            words = isinstance(value, bool) or (isinstance(value, str) and value.lower() in _TRUTH)
            return _read(name, bool if words and value not in ("0", "1") else tuple[int, ...], value)
        if kind is bool:
            return _TRUTH[value.lower()] if isinstance(value, str) else {True: True, False: False}[value]
        if kind == int | str:
            return int(value) if str(value).isdigit() else value
        if kind is int:
            number = float(value)
            if isinstance(value, bool) or number != int(number):
                raise ValueError
            return int(number)
        if kind is float:
            return float(value)
        if isinstance(value, kind):
            return value
        raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        wanted = {int: "a whole number", float: "a number", bool: "true or false", str: "a name"}.get(kind, kind)
        if typing.get_origin(kind) is tuple:
            wanted = "whole numbers separated by commas"
        raise InputError(f"{name}={value!r} cannot be read; accepted: {wanted}") from None


def _restore(kind, value):
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _restore(hints[name], part) for name, part in value.items()})
    return tuple(value) if isinstance(value, list) else value
