"""What is asked of `train()`, checked: the recipe's numbers, the data, the built model and its trainer: a `Training`.

Whatever cannot be used is refused here, before anything is trained.
"""

import dataclasses
from pathlib import Path
from typing import Any

from rich.console import Console

from aae_tf import data, priors
from aae_tf.backend import keras, tf
from aae_tf.config.training import CHECKPOINT_MINUTES
from aae_tf.errors import InputError, check_choice
from aae_tf.models import MODELS, ORDERS
from aae_tf.recipes import Recipe, get_recipe
from aae_tf.recipes.data_defaults import for_data
from aae_tf.runs import directory as run_directory
from aae_tf.runs.warm_start import start_warm
from aae_tf.training import Trainer, TrainingSettings, dtype_policy
from aae_tf.training.callbacks import check_callbacks
from aae_tf.training.distribution import as_strategy, broadcast, is_chief
from aae_tf.training.updates import configured


@dataclasses.dataclass(frozen=True)
class Training:
    """A training that is all checked, and of which nothing is written yet but an empty directory.

    Attributes:
        recipe: `Recipe`, every number said.
        dataset: `aae_tf.data.Dataset`.
        images: its training images with the labels that the recipe grants: `Split`, `Packed` or `Stream`.
        trainer: `Trainer` of the built model.
        callbacks: list of `keras.callbacks.Callback`, the recipe's own among them.
        out_dir: Path of the run directory.
        identity: dict, by which the run is told from others, see `run_directory.identity`.
        split: held-out images to report on, 'validation' or 'test'.
        from_last_good: whether other learning rates than the run's are accepted.
        console: `rich.console.Console` for progress and results.
    """

    recipe: Recipe
    dataset: data.Dataset
    images: Any
    trainer: Trainer
    callbacks: list
    out_dir: Path
    identity: dict
    split: str
    from_last_good: bool
    console: Console


def prepare(
    recipe,
    dataset,
    *,
    out_dir=None,
    prior=None,
    model=None,
    callbacks=(),
    strategy=None,
    jit_compile=None,
    split="validation",
    checkpoint_minutes=CHECKPOINT_MINUTES,
    from_last_good=False,
    progress=True,
    **options,
):
    """Check a training, load its data and build its model: a `Training`. Arguments and errors are those of `train`."""
    strategy = as_strategy(strategy)  # first: several workers have to meet before TensorFlow computes anything
    console = Console(stderr=True, quiet=not (progress and is_chief(strategy)))
    check_choice("split", split, ("validation", "test"))
    if not checkpoint_minutes >= 0:
        raise InputError(f"checkpoint_minutes={checkpoint_minutes} was given; accepted: a number of at least 0")
    if isinstance(callbacks, keras.callbacks.Callback):
        callbacks = [callbacks]
    if isinstance(prior, str | dict):
        options, prior = {**options, "prior": prior}, None
    recipe, dataset = _resolve(recipe, dataset, prior, model, options)
    policy = dtype_policy(recipe.precision)
    with strategy.scope():
        model = _build(_make_model(recipe, dataset, prior, policy) if model is None else model, dataset)
        started_from = start_warm(model, recipe.warm_start, out_dir, console)
        recipe = _with_used_optimizers(recipe, model, options)
        images = _training_images(recipe, model, dataset)
        if jit_compile is None and out_dir is not None:
            jit_compile = broadcast(strategy, lambda: (run_directory.read_record(out_dir) or {}).get("jit_compile"))
        compiled = _compiles_well(model) if jit_compile is None else jit_compile
        trainer = _make_trainer(recipe, model, images, policy, strategy=strategy, jit_compile=compiled)
    if recipe.views and not {"views", "labelled"} & set(model.required_inputs):
        raise InputError(
            f"views were set, but nothing of {type(model).__name__} looks at them; set consistency=true, or no views"
        )
    callbacks = [*_watching(recipe, model), *callbacks]
    check_callbacks(callbacks, lambda: [*trainer.names, *model.validate(dataset.validation)])
    identity = run_directory.identity(recipe, model, dataset, policy, compiled, started_from)
    out_dir = Path(
        broadcast(
            strategy, lambda: str(run_directory.choose_directory(out_dir, recipe, dataset, identity, from_last_good))
        )
    )
    trainer.checkpoint_folder = out_dir / "checkpoints"
    trainer.settings = dataclasses.replace(trainer.settings, checkpoint_minutes=checkpoint_minutes)
    return Training(recipe, dataset, images, trainer, callbacks, out_dir, identity, split, from_last_good, console)


def _resolve(recipe, dataset, prior, model, options):
    """Return the recipe with its options, every number said, and the loaded `Dataset`."""
    recipe = get_recipe(recipe)
    if model is not None:
        if prior is not None or any(name.startswith("prior") for name in options):
            raise InputError("the model is an object of yours and has its prior; give it another one there")
        own = {"model": "custom", "options": {}, "prior": {"name": "custom"}, "latent_dim": model.prior.dim}
        recipe = dataclasses.replace(recipe, **own)
    recipe = recipe.with_likely(**options)
    if recipe.warm_start:
        recipe = recipe.with_options(warm_start=str(Path(recipe.warm_start).expanduser().resolve()))
    if model is not None and recipe.latent_dim != model.prior.dim:
        raise InputError(f"latent_dim={recipe.latent_dim} was set, but the model's prior has {model.prior.dim}")
    if isinstance(dataset, str | Path):
        path = Path(dataset).expanduser()
        recipe = recipe.with_options(dataset=str(path.resolve() if path.exists() else dataset))
    elif dataset is not None:
        recipe = recipe.with_options(dataset="custom")
    elif recipe.dataset == "custom":
        raise InputError(f"recipe '{recipe.name}' is for own data; pass dataset=...")
    if prior is not None:
        recipe = dataclasses.replace(recipe, prior={"name": "custom"})
    elif recipe.prior["name"] == "custom" and model is None:
        raise InputError("prior 'custom' needs the object: train(prior=...)")
    if recipe.model == "custom" and model is None:
        raise InputError("model 'custom' needs the object: train(model=...)")
    ORDERS.check("order", recipe.order)
    dtype_policy(recipe.precision)
    if isinstance(dataset, data.Dataset) and recipe.columns:
        raise InputError(f"columns.{next(iter(recipe.columns))} was set, but the Dataset is read; give it to data.load")
    dataset = data.load(recipe.dataset if dataset is None else dataset, recipe.image_size, recipe.columns)
    if recipe.views and not dataset.element.views:
        raise InputError(f"recipe '{recipe.name}' is trained on views, which are of images and not of rows")
    return (recipe if model is not None else for_data(recipe, dataset, options)).resolved(), dataset


def _make_model(recipe, dataset, prior, policy):
    prior = priors.as_prior(recipe.prior if prior is None else prior, recipe.latent_dim)
    return MODELS[recipe.model].from_recipe(
        recipe, dataset.image_shape, prior, policy, dataset.classes, dataset.columns
    )


def _build(model, dataset):
    """Return the model, built for the dataset's images, its image scale adapted to them."""
    shape = (None, *dataset.image_shape)
    if model.built and tuple(model.get_build_config()["input_shape"][1:]) != shape[1:]:
        raise InputError(
            f"the model is built for images of shape {model.get_build_config()['input_shape'][1:]}, "
            f"the data has {shape[1:]}"
        )
    if model.element.columns != dataset.columns:
        code = dataset.element.scale_code
        raise InputError(f"the model's image_scale is not of this data; give the model image_scale={code}")
    model.build(shape)
    model.image_scale.adapt(dataset.training_images(10**9, 0).images)
    return model


def _compiles_well(model):
    """Return whether XLA's steps are the faster ones: its convolutions on a CPU take many times as long as others."""
    convolutional = any(len(weight.shape) == 4 for weight in model.trainable_weights)
    return not convolutional or bool(tf.config.list_physical_devices("GPU"))


def _with_used_optimizers(recipe, model, given):
    """Return the recipe with the optimizers that the model's updates take, and no others."""
    updates = configured(model.updates(), fused=recipe.fused, disabled=model.absent)
    used = {update.optimizer: recipe.optimizer(update.optimizer) for update in updates}
    for name in given:
        kind = name.partition(".")[0]
        if kind in recipe.optimizers and kind not in used:
            raise InputError(f"{name} was set, but {type(model).__name__} has updates of {', '.join(used)} only")
    return dataclasses.replace(recipe, optimizers=used)


def _make_trainer(recipe, model, training, policy, strategy, jit_compile):
    """Return the `Trainer` of a built model by a recipe's numbers."""
    fields = ("epochs", "batch_size", "seed", "order", "optimizers", "weights", "ramps", "fused", "views", "weight_ema")
    numbers = {name: getattr(recipe, name) for name in fields}
    settings = TrainingSettings(**numbers, precision=policy, jit_compile=jit_compile)
    return Trainer(model, training, settings, strategy=strategy)


def _watching(recipe, model):
    """Return the callback that keeps the best weights or stops early, where the recipe asks for either."""
    if recipe.keep == "last" and not recipe.patience:
        return []
    watch = recipe.monitor or model.monitor
    if not watch:
        raise InputError(f"{type(model).__name__} has no validation measure to watch; use keep='last' and patience=0")
    patience = recipe.patience or recipe.epochs + 1
    return [
        keras.callbacks.EarlyStopping(watch, patience=patience, mode="min", restore_best_weights=recipe.keep == "best")
    ]


def _training_images(recipe, model, dataset):
    """Return the training images with the labels the recipe grants, checked against what the model needs."""
    name = type(model).__name__
    if not set(model.required_inputs) & {"labels", "labelled"}:
        if recipe.labels not in ("all", 0):
            raise InputError(f"labels={recipe.labels!r} was asked for, but {name} trains without labels")
        return dataset.train
    train = dataset.with_labels(recipe.labels, recipe.seed).train
    if "labels" in model.required_inputs and train.known < len(train):
        missing = len(train) - train.known
        raise InputError(f"{name} decodes with every image's label; {missing} training images have none")
    if "labelled" in model.required_inputs and not train.known:
        raise InputError(f"{name} learns classes from labels, and no training image has one; set labels")
    return train
