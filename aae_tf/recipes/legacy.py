"""Recipes as version 0.1.0 wrote them: one flat class of 45 fields, most of which most models ignored."""

import dataclasses

from aae_tf.recipes.recipe import JOINT, USUAL_OPTIMIZERS, OptimizerSettings, Recipe, with_tuples


def upgraded(values):
    """Return the `Recipe` that a recipe.json of 0.1.0 describes; fields that its model ignored are left out.

    Args:
        values: dict, as 0.1.0 wrote it.
    """
    from aae_tf.priors import prior_options

    values = with_tuples(values)
    own = {each.name for each in dataclasses.fields(Recipe)} - {"prior", "joint", "optimizers"}
    name, components = values["prior"], values["components"]
    arguments = {"std": values["prior_std"], "components": components, "classes": components}
    weights = {phase: values[f"{phase}_weight"] for phase in ("reconstruction", "generator")}
    recipe = Recipe(
        **{field: value for field, value in values.items() if field in own},
        prior={"name": name, **_taken(arguments, prior_options(name))},
        optimizers={kind: OptimizerSettings(**with_tuples(values[kind])) for kind in USUAL_OPTIMIZERS},
        weights={phase: weight for phase, weight in weights.items() if weight != 1.0},
        joint=JOINT if values["joint"] else (),
    )
    return dataclasses.replace(recipe, options=_taken(values, recipe.accepted()))


def _taken(values, accepted):
    return {name: accepted[name].read(value) for name, value in values.items() if name in accepted}
