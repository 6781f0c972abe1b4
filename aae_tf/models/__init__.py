"""The paper's models, one file for each section, and the games and phases they are made of."""

from aae_tf.errors import check_choice
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.base import LatentModel, as_images
from aae_tf.models.games import AdversarialGame
from aae_tf.models.phases import Phase

MODELS = {model.__name__: model for model in (AdversarialAutoencoder,)}

__all__ = [
    "MODELS",
    "AdversarialAutoencoder",
    "AdversarialGame",
    "LatentModel",
    "Phase",
    "as_images",
    "model_class",
]


def model_class(name):
    """Return the model class that a recipe names.

    Raises:
        InputError: no model has that name.
    """
    return MODELS[check_choice("model", name, MODELS)]
