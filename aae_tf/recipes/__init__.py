"""Recipes: the experiments of the paper, those of its baselines, and registered ones, by name.

`aae_tf.recipes()["gaussian"]` is one, `aae_tf.train("gaussian", epochs=5)` runs it with a changed field, and `--set
reconstruction.learning_rate=0.02` changes one on the command line. Nothing here imports TensorFlow.
"""

from aae_tf.config.training import OptimizerSettings
from aae_tf.errors import InputError, check_choice
from aae_tf.recipes.anomaly import ANOMALY
from aae_tf.recipes.augmented import VIEWS
from aae_tf.recipes.baselines import BASELINES
from aae_tf.recipes.paper import PAPER
from aae_tf.recipes.recipe import Recipe

__all__ = ["OptimizerSettings", "Recipe", "get_recipe", "recipes", "register_recipe"]

_BUILT_IN = {recipe.name: recipe for recipe in (*PAPER, *VIEWS, *ANOMALY, *BASELINES)}
_REGISTERED = {}


def recipes() -> dict[str, Recipe]:
    """Return all recipes by name: the paper's in its order, with augmentations, for anomalies, baselines, registered.

    Example:
        >>> import aae_tf
        >>> aae_tf.recipes()["gaussian"].latent_dim
        2
    """
    return {**_BUILT_IN, **_REGISTERED}


def register_recipe(recipe: Recipe) -> Recipe:
    """Return a recipe after adding it under its name, for `aae_tf.train`, `compare` and the command line.

    Raises:
        InputError: a recipe of the library has that name.
    """
    if recipe.name in _BUILT_IN:
        raise InputError(f"there is a recipe '{recipe.name}' already; give yours another name")
    _REGISTERED[recipe.name] = recipe
    return recipe


def get_recipe(recipe: str | Recipe) -> Recipe:
    """Return a `Recipe` by its name, or the `Recipe` itself; an unknown name raises `InputError`."""
    if isinstance(recipe, Recipe):
        return recipe
    known = recipes()
    return known[check_choice("recipe", recipe, known)]
