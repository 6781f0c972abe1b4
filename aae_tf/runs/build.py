"""From a `Plan` to the built model and its trainer; what needs the model to be refused is refused here."""

import dataclasses
from typing import TYPE_CHECKING, Any

from aae_tf import priors
from aae_tf.backend import keras, tf
from aae_tf.errors import InputError
from aae_tf.models import MODELS
from aae_tf.recipes import Recipe
from aae_tf.runs.directory import read_record
from aae_tf.training import Trainer
from aae_tf.training.checks import check_labels
from aae_tf.training.distribution import broadcast
from aae_tf.training.updates import configured

if TYPE_CHECKING:
    from aae_tf.models import LatentModel
    from aae_tf.runs.plan import Plan
    from aae_tf.runs.warm_start import WarmStart


def build(
    plan: "Plan", strategy: "tf.distribute.Strategy", start: "WarmStart | None" = None
) -> tuple["LatentModel", Trainer]:
    """Return the model of a plan, with the weights of a warm start where there is one, and its trainer."""
    with strategy.scope():
        model = _fitted_to(plan, _make_model(plan) if plan.model is None else plan.model)
        if start is not None:
            start.give(model)
        _check_options(plan, model)
        train, compiled = _training_elements(plan, model), plan.jit_compile
        if compiled is None and plan.out_dir is not None:
            compiled = broadcast(strategy, lambda: (read_record(plan.out_dir) or {}).get("jit_compile"))
        compiled = _compiles_well(model) if compiled is None else compiled
        return model, Trainer(model, train, plan.settings(compiled), strategy=strategy)


def _make_model(plan):
    recipe, dataset = plan.recipe, plan.dataset
    prior = priors.as_prior(recipe.prior if plan.prior is None else plan.prior, recipe.latent_dim)
    return MODELS[recipe.model].from_recipe(
        recipe, dataset.image_shape, prior, plan.precision, dataset.classes, dataset.columns
    )


def _fitted_to(plan, model):
    """Return the model, built for the data's elements, its scale adapted to them."""
    dataset, shape = plan.dataset, (None, *plan.dataset.image_shape)
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


def _check_options(plan, model):
    """Refuse options that the model has no use for."""
    used = used_optimizers(plan.recipe, model)
    for name in plan.given:
        kind = name.partition(".")[0]
        if kind in plan.recipe.optimizers and kind not in used:
            raise InputError(f"{name} was set, but {type(model).__name__} has updates of {', '.join(used)} only")
    if plan.recipe.views and not {"views", "labelled"} & set(model.training_spec.required_inputs):
        raise InputError(
            f"views were set, but nothing of {type(model).__name__} looks at them; set consistency=true, or no views"
        )


def used_optimizers(recipe: Recipe, model: "LatentModel") -> dict:
    """Return the `OptimizerSettings` of the updates that a model has, by kind."""
    updates = configured(model.updates(), fused=recipe.fused, disabled=model.training_spec.disabled_phases)
    return {update.optimizer: recipe.optimizer(update.optimizer) for update in updates}


def _compiles_well(model):
    """Return whether XLA makes the steps faster: it makes convolutions on a CPU many times slower."""
    convolutional = any(len(weight.shape) == 4 for weight in model.trainable_weights)
    return not convolutional or bool(tf.config.list_physical_devices("GPU"))


def _training_elements(plan, model):
    """Return the training elements with the labels that the recipe grants, checked against what the model needs."""
    name, labels, needed = type(model).__name__, plan.recipe.labels, model.training_spec.required_inputs
    if not {"labels", "labelled"} & set(needed):
        if labels not in ("all", 0):
            raise InputError(f"labels={labels!r} was asked for, but {name} trains without labels")
        return plan.dataset.train
    check_labels(model, plan.train)
    return plan.train


def early_stopping(recipe: Recipe, model: "LatentModel") -> list[Any]:
    """Return the callback that keeps the best weights or stops early, in a list; none where the recipe has neither."""
    if recipe.keep == "last" and not recipe.patience:
        return []
    monitor = recipe.monitor or model.report_spec.monitor
    if not monitor:
        raise InputError(f"{type(model).__name__} has no validation metric to monitor; use keep='last' and patience=0")
    patience = recipe.patience or recipe.epochs + 1
    best = recipe.keep == "best"
    return [keras.callbacks.EarlyStopping(monitor, patience=patience, mode="min", restore_best_weights=best)]


def recorded(plan: "Plan", model: "LatentModel") -> Recipe:
    """Return the recipe of a run as it is recorded: with the optimizers that its model uses."""
    return dataclasses.replace(plan.recipe, optimizers=used_optimizers(plan.recipe, model))
