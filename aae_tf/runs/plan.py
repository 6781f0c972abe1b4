"""From a recipe, data and options to a `Plan`, in which every number of a run is decided.

`resolve` builds nothing and writes no file. What can be refused without TensorFlow is refused first. TensorFlow is
imported, and nothing is computed with it, to look up the options of models, priors and views, which are the arguments
of their constructors; data that TensorFlow reads (tf.data, TFDS) needs it earlier.
"""

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aae_tf import data
from aae_tf.config.training import CHECKPOINT_MINUTES, ORDERS, PRECISIONS, TrainingSettings
from aae_tf.errors import InputError, check_choice
from aae_tf.recipes import Recipe, get_recipe
from aae_tf.recipes.changes import renamed
from aae_tf.recipes.data_defaults import for_data

if TYPE_CHECKING:
    from aae_tf.models import LatentModel


@dataclasses.dataclass(frozen=True)
class Plan:
    """A run of which everything is decided that needs no model; the last six fields are arguments of `aae_tf.train`."""

    recipe: Recipe  # with a value for every option
    dataset: data.Dataset
    train: Any  # training elements with the labels that the recipe grants: `Split`, `Packed` or `Stream`
    given: dict  # the options that the user gave, by their names
    out_dir: Path | None  # absolute; None to choose one
    prior: Any = None  # an object in place of the recipe's
    model: "LatentModel | None" = None
    jit_compile: bool | None = None
    split: str = "validation"
    checkpoint_minutes: float = CHECKPOINT_MINUTES
    from_last_good: bool = False

    @functools.cached_property
    def precision(self) -> str:
        """The Keras dtype policy of the networks."""
        from aae_tf.training.optimizers import dtype_policy

        return dtype_policy(self.recipe.precision)

    def settings(self, jit_compile: bool) -> TrainingSettings:
        """Return the settings of the training loop."""
        names = {each.name for each in dataclasses.fields(TrainingSettings)}
        shared = {name: value for name, value in vars(self.recipe).items() if name in names}
        shared |= {"precision": self.precision, "checkpoint_minutes": self.checkpoint_minutes}
        return TrainingSettings(**shared, jit_compile=jit_compile)


def resolve(
    recipe,
    dataset=None,
    *,
    out_dir=None,
    prior=None,
    model=None,
    jit_compile=None,
    split="validation",
    checkpoint_minutes=CHECKPOINT_MINUTES,
    from_last_good=False,
    **options,
) -> Plan:
    """Return the `Plan` of a run; arguments and errors are those of `aae_tf.train`."""
    check_choice("split", split, ("validation", "test"))
    if not checkpoint_minutes >= 0:
        raise InputError(f"checkpoint_minutes={checkpoint_minutes} was given; accepted: a number of at least 0")
    if isinstance(prior, str | dict):
        options, prior = {**options, "prior": prior}, None
    options = renamed(options)
    recipe = _requested(get_recipe(recipe), dataset, prior, model, options)
    dataset = _loaded(recipe, dataset)
    train = dataset.with_labels(recipe.labels, recipe.seed).train
    recipe = (recipe if model is not None else for_data(recipe, dataset, options)).resolved()
    out_dir = None if out_dir is None else Path(out_dir).absolute()
    last = (prior, model, jit_compile, split, checkpoint_minutes, from_last_good)
    return Plan(recipe, dataset, train, options, out_dir, *last)


def _requested(recipe, dataset, prior, model, options):
    """Return the recipe with the user's options, which names the data, the model and the prior."""
    if model is not None:
        if prior is not None or any(name.startswith("prior") for name in options):
            raise InputError("the model is an object of yours and has its prior; give it another one there")
        own = {"model": "custom", "options": {}, "prior": {"name": "custom"}, "latent_dim": model.prior.dim}
        recipe = dataclasses.replace(recipe, **own)
    named = _data_name(recipe, dataset)
    if start := options.get("warm_start", recipe.warm_start):
        named["warm_start"] = str(Path(start).expanduser().resolve())
    recipe = recipe.with_likely(**{**options, **named})
    if prior is not None:
        recipe = dataclasses.replace(recipe, prior={"name": "custom"})
    if model is not None and recipe.latent_dim != model.prior.dim:
        raise InputError(f"latent_dim={recipe.latent_dim} was set, but the model's prior has {model.prior.dim}")
    if model is None and recipe.model == "custom":
        raise InputError("model 'custom' needs the object: train(model=...)")
    if model is None and prior is None and recipe.prior["name"] == "custom":
        raise InputError("prior 'custom' needs the object: train(prior=...)")
    ORDERS.check("order", recipe.order)
    check_choice("precision", recipe.precision, PRECISIONS)
    return recipe


def _data_name(recipe, dataset):
    """Return how the recipe names the data, a dict to change it by."""
    if isinstance(dataset, str | Path):
        path = Path(dataset).expanduser()
        return {"dataset": str(path.resolve() if path.exists() else dataset)}
    if dataset is None and recipe.dataset == "custom":
        raise InputError(f"recipe '{recipe.name}' is for own data; pass dataset=...")
    return {} if dataset is None else {"dataset": "custom"}


def _loaded(recipe, dataset):
    """Return the `Dataset` that the recipe is trained on."""
    if isinstance(dataset, data.Dataset) and recipe.columns:
        raise InputError(f"columns.{next(iter(recipe.columns))} was set, but the Dataset is read; give it to data.load")
    found = data.load(recipe.dataset if dataset is None else dataset, recipe.image_size, recipe.columns)
    if recipe.views and not found.element.views:
        raise InputError(f"recipe '{recipe.name}' is trained on views, which are of images and not of rows")
    return found
