"""What a recipe's numbers become on other data or labels than they were chosen for, unless the user gives them.

Each rule mends something that goes wrong otherwise. A user's own numbers are never touched, and what was taken is
written to recipe.json. Nothing here imports TensorFlow.
"""

import dataclasses
import math

import numpy as np

from aae_tf.recipes import recipes

MNIST_PIXELS = 28 * 28
USUAL_IMAGES = 3500  # training images of mnist_5k

# §5 on colour photographs, as the paper has SVHN: convolutions, batch normalisation, standardised dimensions.
COLOUR = {
    "semi_supervised": {
        "architecture": "convolutional",
        "widths": (512,),
        "latent_dim": 20,
        "batch_norm": True,
        "decoder_batch_norm": True,
        "head_batch_norm": "both",
        "image_scale": "standardized",
        "input_noise": 0.0,
        "input_dropout": 0.2,
        "reconstruction.learning_rate": 1e-4,
    }
}

# §7 without labels, chosen on MNIST's validation images (docs/results.md has the steps).
UNLABELLED_MAP = {
    "head_batch_norm": "balanced",
    "decoder_batch_norm": True,
    "head_distance": 2.0,
    "input_noise": 0.0,
    "input_dropout": 0.2,
}


def for_data(recipe, dataset, given):
    """Return the recipe with its defaults for this data.

    Args:
        recipe: a `Recipe`.
        dataset: `aae_tf.data.Dataset`.
        given: names of the options the user gave, which stay; so do the numbers of a `Recipe` of the user's own.
    """
    known = dataset.train if hasattr(dataset.train, "images") else dataset.validation  # of a stream, what is in memory
    variant = _length(recipe, len(dataset.train)) | _unlabelled(recipe)
    if dataset.image_shape[-1] == 3 and recipe.name in COLOUR:
        variant |= COLOUR[recipe.name]
    else:
        variant |= _rates(recipe, dataset.image_shape) | _scale(recipe, known.images)
    given = {name.partition(".")[0] for name in given} | _own_numbers(recipe)
    return recipe.with_options(
        **{name: value for name, value in variant.items() if name.partition(".")[0] not in given}
    )


def _own_numbers(recipe):
    """Return the fields in which a recipe differs from the known one of its name; all of them if there is none."""
    names = {field.name for field in dataclasses.fields(recipe)}
    usual = recipes().get(recipe.name)
    return names if usual is None else {name for name in names if getattr(recipe, name) != getattr(usual, name)}


def _length(recipe, images):
    """Fewer images take up to ten times the epochs, for as many updates: a game of a few hundred is no game."""
    usual, steps = (max(1, count // recipe.batch_size) for count in (USUAL_IMAGES, images))
    return {"epochs": math.ceil(recipe.epochs * min(10, usual / steps))} if steps < usual else {}


def _unlabelled(recipe):
    """A map without labels takes what was chosen for it: without balanced heads half of its clusters fall silent."""
    unlabelled = recipe.name == "reduction" and recipe.labels == 0
    return UNLABELLED_MAP if unlabelled else {}


def _rates(recipe, image_shape):
    """More pixels make longer gradients, of their sum and of the first layer: SGD at MNIST's rates ends in NaN."""
    longer = max(1, math.prod(image_shape) / MNIST_PIXELS)
    summed = recipe.reconstruction_loss != "mean_squared_error"
    settings = {kind: getattr(recipe, kind) for kind in ("reconstruction", "regularization")[not summed :]}
    return {
        f"{kind}.learning_rate": each.learning_rate / longer for kind, each in settings.items() if each.name == "sgd"
    }


def _scale(recipe, images):
    """Where the mean image is most of every image (faces, photographs), it is subtracted: hidden units die of it.

    The decoder's output is then linear, with gradients that no one rate of SGD suits, so Adam takes its place.
    """
    if recipe.image_scale != "unit" or recipe.reconstruction_loss == "binary_crossentropy" or not len(images):
        return {}
    pixels = images[:2000].reshape(len(images[:2000]), -1).astype("float32")
    share = np.square(pixels.mean(0)).sum() / max(np.square(pixels).sum(1).mean(), 1e-9)
    if share <= 0.5:  # MNIST 0.40; faces 0.90, photographs 0.79
        return {}
    return {"image_scale": "centred", "reconstruction.name": "adam", "reconstruction.learning_rate": 1e-3}
