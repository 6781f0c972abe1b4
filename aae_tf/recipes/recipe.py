"""`Recipe`: one experiment as a frozen dataclass, every number of it in one place.

A recipe's own fields say what is trained on what, and for how long. What belongs to the model, to its networks or to
the prior stands where those are defined, as the arguments of their constructors, and is set here by name (`options`,
`prior`). Nothing here imports TensorFlow until such a name has to be looked up.
"""

import dataclasses
from dataclasses import dataclass, field, replace
from typing import Annotated

from aae_tf.config.schema import Checked, Choices, Range, options_of
from aae_tf.config.training import DEFAULT_OPTIMIZERS, OptimizerSettings
from aae_tf.errors import InputError, check_choice

FUSED = ("reconstruction", "generator")  # what `fused=true` joins: the second published recipe of §4


@dataclass(frozen=True)
class Recipe(Checked):
    """One experiment: model, data, prior, optimizers and length.

    Attributes:
        name: the recipe's name.
        summary: one line on what it shows.
        model: name of the model class, as in `aae_tf.models.MODELS`; 'custom' if an object was passed.
        dataset: name of the dataset (see `aae_tf.data.load`); own data is recorded as 'custom'.
        image_size: side to which images are cropped and resized; 0 keeps them.
        columns: how a table is read, the arguments of `aae_tf.data.tables.options.TableOptions`; empty for images, and
            for tables of which nothing has to be said.
        epochs: passes over the training images.
        batch_size: images per update.
        seed: seed of everything random.
        latent_dim: dimension of the code z.
        labels: how many training images have labels, for models that use them: a number, a share ('20%') or 'all';
            drawn evenly over the classes by the seed.
        prior: p(z): dict of its 'name' in `aae_tf.priors.PRIORS` and the arguments of its constructor; 'custom' if an
            object was passed.
        options: what the model and its networks take, by name: the arguments of their constructors. `aae-tf recipes
            NAME` lists them; a name that the recipe's model does not take is refused.
        weights: factor on the loss of a phase, by the phase's name.
        ramps: epochs in which the weight of a phase rises from 0, by the phase's name.
        optimizers: `OptimizerSettings` by kind of update ('reconstruction', 'regularization', 'classification', ...).
        views: how much a random view of an image may differ from it, the arguments of `aae_tf.Views`; empty for none.
        joint: names of phases whose losses are summed into one update, by the first one's optimizer.
        order: 'alternating' (the paper's: codes recomputed before each update) or 'simultaneous'.
        precision: 'auto', 'float32', 'mixed_bfloat16' or 'mixed_float16'.
        weight_ema: decay of the exponential moving average of the weights (0 = off), used for evaluation,
            figures and export when on.
        keep: weights that are kept, 'last' or 'best' (of all epochs, by the watched validation measure).
        patience: epochs without a better watched validation measure after which training stops; 0: never.
        monitor: the validation measure that `keep` and `patience` watch, least is best; '': the model's own.
        warm_start: run directory whose weights training starts from, where they fit (`aae_tf.runs.warm_start`);
            '': none.
        variants: what changes by itself under a condition of `aae_tf.recipes.data_defaults` ('colour', 'unlabelled'),
            by the condition's name; not recorded, since what was taken is.
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

    def optimizer(self, kind):
        """Return the `OptimizerSettings` of a kind of update.

        Args:
            kind: 'reconstruction', 'regularization', 'classification', or another that the recipe sets.

        Raises:
            InputError: the recipe sets none of this kind.
        """
        if kind not in self.optimizers and kind not in DEFAULT_OPTIMIZERS:
            raise InputError(
                f"recipe '{self.name}' has no optimizer for updates of kind '{kind}'; set one: "
                f"{kind}.name=adam, {kind}.learning_rate=0.001"
            )
        return self.optimizers.get(kind) or DEFAULT_OPTIMIZERS[kind]

    def accepted(self, every=False):
        """Return what `options` may hold: dict of name to `aae_tf.config.schema.Option`, of the model and its networks.

        Args:
            every: whether the options of every architecture and posterior count, not only of those that are set.
        """
        from aae_tf.models import MODELS

        return {} if self.model == "custom" else MODELS[self.model].accepts(self.options, every)

    def resolved(self):
        """Return the recipe with every option of its model and prior said, so that it can be repeated as it is.

        Raises:
            InputError: an option that the model or the prior does not take, or a value that is not accepted.
        """
        from aae_tf.priors import prior_options

        accepted = self.accepted()
        for name in self.options:
            check_choice(f"option of {self.model}", name, accepted)
        options = {name: each.default for name, each in accepted.items()}
        options |= {name: accepted[name].read(value) for name, value in self.options.items()}
        accepted = prior_options(self.prior["name"])
        arguments = {name: each.default for name, each in accepted.items()}
        for name, value in self.prior.items():
            if name != "name":
                check_choice(f"option of prior '{self.prior['name']}'", name, accepted)
                arguments[name] = accepted[name].read(value)
        if self.views:
            from aae_tf.networks.augmentation import Views

            for name in self.views:
                check_choice("option of views", name, options_of(Views))
        return replace(self, options=options, prior={"name": self.prior["name"], **arguments})

    def flat(self):
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

    def to_dict(self):
        """Return the recipe as plain JSON values; `Recipe.from_dict` reads them back."""
        values = dataclasses.asdict(self)
        del values["variants"]
        return values

    @classmethod
    def from_dict(cls, values):
        """Return the recipe that `to_dict` wrote.

        Args:
            values: dict, as `to_dict` gave it or as read back from JSON.
        """
        optimizers = {kind: OptimizerSettings(**with_tuples(each)) for kind, each in values["optimizers"].items()}
        parts = {name: with_tuples(values.get(name, {})) for name in ("options", "prior", "columns")}
        return cls(**{**with_tuples(values), **parts, "optimizers": optimizers})

    def with_options(self, **options):
        """Return a copy with fields or options changed.

        Args:
            **options: names and values. A name is a field's, an option's of the model (see `options`), or dotted:
                `"prior.std"`, `"reconstruction.learning_rate"`, `"weights.generator"`, `"views.shift"`; a dict changes
                several parts. Wholes are set before their parts, in whatever order they are given (`prior="ring"`,
                then `"prior.radius"`). Strings are read as what they set.

        Returns:
            A new `Recipe`.

        Raises:
            InputError: an unknown name, or a value that is not accepted.
        """
        from aae_tf.recipes.changes import changed

        return changed(self, options)

    def with_likely(self, **options):
        """Return a copy as `with_options` does, with options too that another architecture or posterior would take.

        What data makes of a recipe may be another architecture; `resolved` then refuses what is left over.

        Args:
            **options: as for `with_options`.

        Raises:
            InputError: as `with_options`.
        """
        from aae_tf.recipes.changes import changed

        return changed(self, options, every=True)


def with_tuples(values):
    """Return a dict read from JSON with its lists as tuples again."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
