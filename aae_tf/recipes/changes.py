"""Changing a recipe by names and values, as Python and the command line give them.

Nothing here imports TensorFlow until an option of the model or of the prior is looked up.
"""

import sys
import warnings
from dataclasses import replace
from typing import Any

from aae_tf.config.schema import Choices, Option, Range, fields_of, options_of, read
from aae_tf.config.training import DEFAULT_OPTIMIZERS, ORDERS, PRECISIONS, OptimizerSettings
from aae_tf.errors import InputError, check_choice
from aae_tf.recipes.recipe import Recipe

# Options and phases under their names of 0.1, and a schedule. The old names work until 0.3.
RENAMED = {
    "joint": "fused",
    "drops": "boundaries",
    "watch": "monitor",
    "weight_average": "weight_ema",
    "information": "mutual_information",
    "information_spread": "marginal_entropy_weight",
    "head_distance": "centroid_distance",
    "label_in_game": "label_conditioned",
    "entries": "overclustering",
    "heads": "centroids",
}
SCHEDULES = {"steps": "piecewise_constant"}
FIXED = ("name", "summary", "model")
OWN = {name: each for name, each in fields_of(Recipe).items() if name not in ("prior", "options", "variants", *FIXED)}
OPTIMIZER = fields_of(OptimizerSettings)
NUMBERS, NUMBER = ("weights", "ramps", "views"), Range(0.0)  # fields of numbers by name, and what each may be


def renamed(options: dict[str, Any]) -> dict[str, Any]:
    """Return options with old names of options, phases and schedules replaced, each with a `DeprecationWarning`."""
    found = {}
    for name, value in options.items():
        name = "columns.label" if name == "label" else name
        if name.partition(".")[0] not in ("prior", "columns", "views"):
            name = ".".join(map(_new, name.split(".")))
            if isinstance(value, dict):
                value = renamed(value)
            elif name.endswith("schedule"):
                value = _new(value, SCHEDULES)
            elif name == "fused" and isinstance(value, str | tuple | list):
                parts = value.split(",") if isinstance(value, str) else value
                value = tuple(_new(part.strip()) for part in parts)
        found[name] = value
    return found


def _new(name, table=RENAMED):
    if name not in table:
        return name
    depth, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("aae_tf"):
        depth, frame = depth + 1, frame.f_back
    text = f"'{name}' is called '{table[name]}'; the old name works until 0.3"
    warnings.warn(text, DeprecationWarning, stacklevel=depth)
    return table[name]


def changed(recipe: Recipe, options: dict[str, Any], every: bool = False) -> Recipe:
    """Return a recipe with fields and options changed, see `Recipe.with_options` and `Recipe.with_likely`."""
    of_model = {}
    for name, value in sorted(renamed(options).items(), key=lambda each: "." in each[0]):  # a whole before its parts
        found = _with_field(recipe, name, value)
        if found is None:
            of_model[name] = value
        recipe = found or recipe
    return _with_model_options(recipe, of_model, every) if of_model else recipe


def settable(recipe: Recipe) -> dict[str, Option]:
    """Return what each value of a recipe accepts: dict of the name that sets it, as of `Recipe.flat`, to `Option`."""
    from aae_tf.networks.augmentation import Views
    from aae_tf.priors import PRIORS, prior_options

    parts = {"prior": prior_options(recipe.prior["name"]), "views": options_of(Views)}
    parts |= dict.fromkeys(recipe.optimizers, OPTIMIZER)
    dotted = {f"{whole}.{part}": each for whole, options in parts.items() for part, each in options.items()}
    checked = {"prior.name": PRIORS, "order": ORDERS, "precision": Choices(PRECISIONS)}
    named = {name: Option(name, None, str, (check,)) for name, check in checked.items()}
    numbers = [f"{field}.{name}" for field in ("weights", "ramps") for name in getattr(recipe, field)]
    return OWN | recipe.accepted() | dotted | named | {name: Option(name, None, float, (NUMBER,)) for name in numbers}


def _with_field(recipe, name, value):
    """Return the recipe with one field changed, or None if the name is not of a field."""
    head, _, rest = name.partition(".")
    kinds = {*DEFAULT_OPTIMIZERS, *recipe.optimizers}
    if name in FIXED:
        raise InputError(f"a recipe's {name} cannot be set; pass another recipe's name, or a Recipe")
    if head == "prior":
        return replace(recipe, prior=_prior(recipe.prior, rest, value))
    if head == "columns":
        from aae_tf.data.tables.options import read_options

        return replace(recipe, columns=read_options(_whole("columns", "VALUE", recipe.columns, rest, value)))
    if head in NUMBERS:
        whole = _whole(head, "NUMBER", getattr(recipe, head), rest, value)
        numbers = {part: NUMBER.check(part, read(f"{head}.{part}", float, each)) for part, each in whole.items()}
        return replace(recipe, **{head: numbers})
    if head == "optimizers" and isinstance(value, dict):
        for kind, settings in value.items():
            recipe = _with_optimizer(recipe, kind, settings)
        return recipe
    if head in OWN:
        if rest:
            raise InputError(f"'{head}' has no part '{rest}'; set it as a whole: {head}=VALUE")
        return replace(recipe, **{head: _field(head, value)})
    if rest in OPTIMIZER:
        return _with_optimizer(recipe, head, {rest: value})
    if isinstance(value, OptimizerSettings) or (isinstance(value, dict) and head in kinds):
        return _with_optimizer(recipe, head, value)
    if rest or head in kinds:
        accepted = ", ".join(f"{head}.{part}" for part in OPTIMIZER)
        raise InputError(f"unknown option '{name}'; of an optimizer accepted: {accepted}")
    return None


def _with_optimizer(recipe, kind, value):
    if not isinstance(value, OptimizerSettings):
        for part in value:
            check_choice(f"option of {kind}", part, OPTIMIZER)
        parts = {part: OPTIMIZER[part].read(each) for part, each in value.items()}
        start = recipe.optimizers.get(kind) or DEFAULT_OPTIMIZERS.get(kind) or OptimizerSettings("adam", 1e-3)
        value = replace(start, **parts)
    return replace(recipe, optimizers={**recipe.optimizers, kind: value})


def _with_model_options(recipe, given, every):
    if recipe.model == "custom":
        names = ", ".join(given)
        raise InputError(f"the model is an object of yours, so {names} cannot be set here; set it on the model")
    if "components" in given:
        from aae_tf.priors import prior_options

        prior = recipe.prior["name"]
        parts = [part for part in ("components", "classes") if part in prior_options(prior)]
        if not parts:
            raise InputError(f"the prior '{prior}' has no parts, so components cannot be set")
        recipe = _with_field(recipe, f"prior.{parts[0]}", given.pop("components"))
    accepted = replace(recipe, options={**recipe.options, **given}).accepted(every)
    for name in given:
        if name not in accepted:
            check_choice(f"option of {recipe.model}", name, [*accepted, *sorted(OWN)])
    chosen = {name: accepted[name].read(value) for name, value in given.items()}
    kept = {name: value for name, value in recipe.options.items() if name in accepted}
    return replace(recipe, options={**kept, **chosen})


def _prior(prior, part, value):
    """Return the prior's dict, changed as a whole by a name or a dict, or in one argument of its constructor."""
    from aae_tf.priors import prior_options

    if part and part != "name":
        value = {**prior, part: value}
    elif isinstance(value, str):
        value = prior if value == prior["name"] else {"name": value}
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise InputError(f"prior={value!r} cannot be read; accepted: a name, or a dict with 'name' and its arguments")
    accepted = prior_options(value["name"])
    arguments = {name: each for name, each in value.items() if name != "name"}
    for name in arguments:
        check_choice(f"option of prior '{value['name']}'", name, accepted)
    return {"name": value["name"], **{name: accepted[name].read(each) for name, each in arguments.items()}}


def _whole(field, kind, current, part, value):
    if not part and not isinstance(value, dict):
        raise InputError(f"{field}={value!r} cannot be read; accepted: {field}.NAME={kind}, or a dict")
    return {**current, part: value} if part else value


def _field(name, value):
    if name == "labels":
        return int(value) if str(value).isdecimal() else value
    value = OWN[name].read(value)
    if name == "fused" and len(value) == 1:
        raise InputError(f"fused={value!r} joins nothing; accepted: two or more phases, or an empty value")
    return value
