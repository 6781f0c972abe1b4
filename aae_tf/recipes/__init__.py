"""Recipes: every experiment by name, the paper's, the baselines', and a user's own.

`aae_tf.recipes()["gaussian"]` shows one, `aae_tf.train("gaussian", epochs=5)` runs it with a field changed, `--set
reconstruction.learning_rate=0.02` does the same on the command line. Nothing here imports TensorFlow.
"""

from aae_tf.config.training import OptimizerSettings
from aae_tf.errors import InputError, check_choice
from aae_tf.recipes.anomaly import ANOMALY
from aae_tf.recipes.augmented import VIEWS
from aae_tf.recipes.baselines import BASELINES
from aae_tf.recipes.paper import PAPER
from aae_tf.recipes.recipe import Recipe

__all__ = ["OptimizerSettings", "Recipe", "get_recipe", "recipes", "register_recipe"]

_HOUSE = {recipe.name: recipe for recipe in (*PAPER, *VIEWS, *ANOMALY, *BASELINES)}
_OWN = {}


def recipes():
    """Return the paper's experiments, the baselines it is compared with, and what was registered, by name.

    Returns:
        dict of name to `Recipe`, in the paper's order, those with views and for anomalies after it, then the baselines.

    Example:
        >>> import aae_tf
        >>> aae_tf.recipes()["gaussian"].latent_dim
        2
    """
    return {**_HOUSE, **_OWN}


def register_recipe(recipe):
    """Make a recipe known by its name, to `aae_tf.train`, `compare` and the command line.

    Args:
        recipe: a `Recipe`.

    Returns:
        The recipe.

    Raises:
        InputError: one of ours has that name.
    """
    if recipe.name in _HOUSE:
        raise InputError(f"there is a recipe '{recipe.name}' already; name yours otherwise")
    _OWN[recipe.name] = recipe
    return recipe


def get_recipe(recipe):
    """Return a `Recipe` from its name or from itself.

    Args:
        recipe: a recipe's name, or a `Recipe`.

    Raises:
        InputError: no recipe has that name.
    """
    if isinstance(recipe, Recipe):
        return recipe
    known = recipes()
    return known[check_choice("recipe", recipe, known)]
