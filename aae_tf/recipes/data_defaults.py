"""Defaults of a recipe that depend on the data and its labels, where they are others than the recipe was chosen for.

Each rule prevents a failure that was seen without it. Values that the user sets are never changed, and recipe.json has
the values that were used. Nothing here imports TensorFlow until an option of a model is looked up.
"""

import math
from typing import Any

import numpy as np

from aae_tf.data import Dataset
from aae_tf.recipes import Recipe, recipes

MNIST_PIXELS = 28 * 28
USUAL_IMAGES = 3500  # training images of mnist_5k
MANY = 10_000  # training elements from which on a recipe may have fewer epochs
TABLE_UPDATES = 2000  # minimum for a table


def _all_labelled(recipe, dataset):
    images = len(dataset.train)
    return recipe.labels in ("all", "100%", images) and dataset.train.known == images


def _mostly_mean(dataset):
    """Return whether the mean image has most of the images' energy: 0.40 in MNIST, 0.79 in photos, 0.90 in faces."""
    images = dataset.training_images(2000, 0).images
    pixels = images.reshape(len(images), -1).astype("float32")
    return np.square(pixels.mean(0)).sum() > 0.5 * np.square(pixels).sum(1).mean()


# the conditions of a recipe's `variants`, by name
CONDITIONS = {
    "colour": lambda recipe, dataset: dataset.element.channels == 3,
    "many": lambda recipe, dataset: len(dataset.train) >= MANY,
    "unlabelled": lambda recipe, dataset: recipe.labels == 0,
    "many labelled": lambda recipe, dataset: len(dataset.train) >= MANY and _all_labelled(recipe, dataset),
    "mostly mean": lambda recipe, dataset: dataset.element.channels > 0 and _mostly_mean(dataset),
}


def for_data(recipe: Recipe, dataset: Dataset, given: dict[str, Any]) -> Recipe:
    """Return the recipe with its defaults for this data; a recipe whose name is not registered stays as it is.

    Options of the user (`given`) stay, and so do values in which the recipe differs from the registered one.
    """
    usual = recipes().get(recipe.name)
    if usual is None:
        return recipe
    theirs = usual.flat()
    parts = {f"{name}.{part}" for name, value in given.items() if isinstance(value, dict) for part in value}
    kept = {*given, *parts} | {name for name, value in recipe.flat().items() if theirs.get(name) != value}
    own = [name for name in recipe.variants if CONDITIONS[name](recipe, dataset)]
    if dataset.element.defaults == "columns":
        changed = _table(recipe, dataset, kept)
    else:
        changed = _length(recipe, len(dataset.train))
        if "colour" not in own:
            changed |= _rates(recipe, dataset.image_shape)
            changed |= {} if "image_scale" in kept else _scale(recipe, dataset)
    changed |= {option: value for name in own for option, value in recipe.variants[name].items()}
    return recipe.with_likely(**{name: value for name, value in changed.items() if name not in kept})


def _table(recipe, dataset, kept):
    """Return the options for rows: scaled columns, Adam, networks by the number of columns, batches by that of rows."""
    # Outputs are linear, see `_scale`. Wider networks and longer training overfit, by validation rows (docs/tables.md).
    rows, columns = len(dataset.train), len(dataset.columns)
    batch = recipe.batch_size if "batch_size" in kept else min(rows, recipe.batch_size, max(16, rows // 10))
    found = {"image_scale": "standardized", "batch_size": batch}
    found["epochs"] = max(recipe.epochs, math.ceil(TABLE_UPDATES / max(1, rows // batch)))
    for kind, momentum in (("reconstruction", 0.9), ("regularization", 0.5), ("classification", 0.9)):
        if recipe.optimizer(kind).name == "sgd":
            adam = {"name": "adam", "learning_rate": 1e-3, "momentum": momentum}
            found |= {f"{kind}.{part}": value for part, value in adam.items()}
    loss, real = recipe.options.get("reconstruction_loss"), len(dataset.columns.of_kind("real"))
    if loss == "binary_crossentropy" or (loss and not real):  # for numbers in [0, 1], or for real numbers only
        found["reconstruction_loss"] = "gaussian" if real else "squared_error"
    if recipe.latent_dim > 2:
        found["latent_dim"] = max(2, min(recipe.latent_dim, columns // 2))
    width = min(1000, max(64, 4 * columns))
    for name in {"widths", "discriminator_widths"} & set(recipe.accepted()):
        usual = recipe.options.get(name, (1000, 1000))
        found[name] = tuple(min(width, each) for each in usual)
    return found


def _length(recipe, images):
    """Return up to ten times the epochs for few images, for as many updates, and a mini-batch of at most all images."""
    usual, steps = (max(1, count // recipe.batch_size) for count in (USUAL_IMAGES, images))
    longer = {"epochs": math.ceil(recipe.epochs * min(10, usual / steps))} if steps < usual else {}
    return longer | ({"batch_size": images} if 0 < images < recipe.batch_size else {})


def _rates(recipe, image_shape):
    """More pixels make larger gradients, of the summed loss and of the first layer: SGD with MNIST's rates diverges."""
    longer = max(1, math.prod(image_shape) / MNIST_PIXELS)
    summed = recipe.options.get("reconstruction_loss") != "mean_squared_error"
    settings = {kind: recipe.optimizer(kind) for kind in ("reconstruction", "regularization")[not summed :]}
    return {
        f"{kind}.learning_rate": each.learning_rate / longer
        for kind, each in settings.items()
        if each.name == "sgd" and longer > 1
    }


def _scale(recipe, dataset):
    """Return options that subtract the mean image if it has most of the energy (faces); hidden units die otherwise."""
    # The decoder's output is then linear. No single rate of SGD suits its gradients, so Adam is used.
    unit = recipe.options.get("image_scale", "unit") == "unit"
    if unit and recipe.options.get("reconstruction_loss") != "binary_crossentropy" and _mostly_mean(dataset):
        return {"image_scale": "centred", "reconstruction.name": "adam", "reconstruction.learning_rate": 1e-3}
    return {}
