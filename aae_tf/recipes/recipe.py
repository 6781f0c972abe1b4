"""`Recipe`: one experiment as a frozen dataclass, with every number of it.

A recipe's own fields are the data, the length and the optimizers of a training. Options of the model, its networks and
the prior are the arguments of their constructors; the recipe holds their values by name (`options`, `prior`). Nothing
here imports TensorFlow until such a name is looked up.
"""

import dataclasses
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from aae_tf.config.schema import Checked, Choices, Option, Range, options_of
from aae_tf.config.training import OptimizerSettings, optimizer_of
from aae_tf.errors import InputError, check_choice

FUSED = ("reconstruction", "generator")  # the second published recipe of §4


@dataclass(frozen=True)
class Recipe(Checked):
    """One experiment: model, data, prior, optimizers and length.

    Attributes:
        name: name of the recipe.
        summary: one line on what it shows.
        model: name of the model class in `aae_tf.models.MODELS`; 'custom' if a model object was passed.
        dataset: name or path of the dataset (see `aae_tf.data.load`); 'custom' if the data was passed.
        image_size: side to which images are cropped and resized; 0 keeps them.
        columns: how a table is read: arguments of `aae_tf.data.tables.options.TableOptions`.
        epochs: passes over the training data.
        batch_size: elements per update.
        seed: seed of everything random.
        latent_dim: dimension of the code z.
        labels: number of labelled training elements, for models that use labels: an integer, a share ('20%') or 'all';
            drawn evenly over the classes by the seed.
        prior: p(z): dict of its 'name' in `aae_tf.priors.PRIORS` and the arguments of its constructor; the name is
            'custom' if a prior object was passed.
        options: options of the model and its networks, by name: arguments of their constructors. `aae-tf recipes NAME`
            lists them.
        weights: factor on the loss of a phase, by phase name.
        ramps: epochs in which the weight of a phase rises from 0, by phase name.
        optimizers: `OptimizerSettings` by kind of update ('reconstruction', 'regularization', 'classification', ...).
        views: ranges of the random augmentations of an image: arguments of `aae_tf.Views`; empty for none.
        fused: names of phases whose losses are summed into one update, with the optimizer of the first one.
        order: 'alternating' (as in the paper: codes are computed again before each update) or 'simultaneous'.
        precision: 'auto' (Keras' global dtype policy), 'float32', 'mixed_bfloat16' or 'mixed_float16'.
        weight_ema: decay of the exponential moving average of the weights, which is then used for evaluation, figures
            and export; 0 for none.
        keep: weights that are kept: 'last', or 'best' of all epochs by the monitored validation metric.
        patience: epochs without a better monitored validation metric after which training stops; 0 for never.
        monitor: name of the validation metric for `keep` and `patience`, lower is better; '' for the model's own.
        warm_start: run directory with the initial weights, where they fit (`aae_tf.runs.warm_start`); '' for none.
        variants: conditional overrides, by condition name in `aae_tf.recipes.data_defaults`. Only the resolved values
            are saved.
    """

    name: str
    summary: str = ""
    model: str = "AdversarialAutoencoder"
    dataset: str = "mnist_5k"
    image_size: Annotated[int, Range(0)] = 0
    epochs: Annotated[int, Range(1)] = 60
    batch_size: Annotated[int, Range(1)] = 100
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    latent_dim: Annotated[int, Range(1)] = 2
    labels: int | str = "all"
    prior: dict = field(default_factory=lambda: {"name": "gaussian", "std": 5.0})
    options: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)
    ramps: dict = field(default_factory=dict)
    optimizers: dict = field(default_factory=dict)
    views: dict = field(default_factory=dict)
    columns: dict = field(default_factory=dict)
    fused: tuple[str, ...] = ()
    order: str = "alternating"
    precision: str = "auto"
    weight_ema: Annotated[float, Range(0.0, 0.999999)] = 0.0
    keep: Annotated[str, Choices(("last", "best"))] = "last"
    patience: Annotated[int, Range(0)] = 0
    monitor: str = ""
    warm_start: str = ""
    variants: dict = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self):
        super().__post_init__()
        labels = self.labels
        share = isinstance(labels, str) and labels.endswith("%") and labels[:-1].replace(".", "", 1).isdigit()
        number = isinstance(labels, int) and not isinstance(labels, bool) and labels >= 0
        if not (labels == "all" or number or (share and 0 <= float(labels[:-1]) <= 100)):
            raise InputError(f"labels={labels!r} cannot be read; accepted: a number, a share such as '20%', or 'all'")

    def optimizer(self, kind: str) -> OptimizerSettings:
        """Return the settings of the optimizer for a kind of update; errors are those of `optimizer_of`."""
        return optimizer_of(self.optimizers, kind)

    def accepted(self, every: bool = False) -> dict[str, Option]:
        """Return the options of the model and its networks: dict of name to `aae_tf.config.schema.Option`.

        Args:
            every: whether to include the options of all architectures and posteriors, not only of those that are set.
        """
        from aae_tf.models import MODELS

        return {} if self.model == "custom" else MODELS[self.model].accepts(self.options, every)

    def resolved(self) -> "Recipe":
        """Return the recipe with a value for every option of its model and prior.

        Raises:
            InputError: an unknown option of the model or the prior, or a value that is not accepted.
        """
        from aae_tf.priors import prior_options

        prior = {name: value for name, value in self.prior.items() if name != "name"}
        kind = self.prior["name"]
        if self.views:
            from aae_tf.networks.augmentation import Views

            for name in self.views:
                check_choice("option of views", name, options_of(Views))
        return replace(
            self,
            options=_completed(f"option of {self.model}", self.options, self.accepted()),
            prior={"name": kind, **_completed(f"option of prior '{kind}'", prior, prior_options(kind))},
        )

    def flat(self) -> dict[str, Any]:
        """Return every number of the recipe by the name that sets it: 'epochs', 'widths', 'prior.std', ..."""
        found = {}
        for name, value in self.to_dict().items():
            if name == "options":
                found |= value
            elif name in ("prior", "weights", "ramps", "views", "columns"):
                found |= {f"{name}.{part}": each for part, each in value.items()}
            elif name == "optimizers":
                found |= {f"{kind}.{part}": each for kind, settings in value.items() for part, each in settings.items()}
            else:
                found[name] = value
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain JSON values; `Recipe.from_dict` reads them back."""
        values = dataclasses.asdict(self)
        del values["variants"]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """Return the recipe that `to_dict` wrote, also as read back from JSON."""
        optimizers = {kind: OptimizerSettings(**with_tuples(each)) for kind, each in values["optimizers"].items()}
        parts = {name: with_tuples(values.get(name, {})) for name in ("options", "prior", "columns")}
        return cls(**{**with_tuples(values), **parts, "optimizers": optimizers})

    def with_options(self, **options: Any) -> "Recipe":
        """Return a copy with fields or options changed.

        Args:
            **options: values by name. A name is a field's, an option's of the model (see `options`), or dotted:
                `"prior.std"`, `"reconstruction.learning_rate"`, `"weights.generator"`, `"views.shift"`; a dict changes
                several parts. A whole is set before its parts, in any order of the arguments (`prior="ring"`, then
                `"prior.radius"`). Text is read as the type of what it sets.

        Raises:
            InputError: an unknown name, or a value that is not accepted.
        """
        from aae_tf.recipes.changes import changed

        return changed(self, options)

    def with_likely(self, **options: Any) -> "Recipe":
        """Return a copy as `with_options` does, also with options of other architectures and posteriors.

        The architecture may still depend on the data; `resolved` then refuses options that do not apply.
        """
        from aae_tf.recipes.changes import changed

        return changed(self, options, every=True)


def _completed(what, given, accepted):
    """Return a value for each accepted option, the given one or the default."""
    for name in given:
        check_choice(what, name, accepted)
    return {name: each.read(given[name]) if name in given else each.default for name, each in accepted.items()}


def with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Return a dict read from JSON with its lists as tuples again."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
