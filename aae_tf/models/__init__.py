"""The paper's models, one file for each section, the baselines, and the games and phases they are made of."""

from aae_tf.errors import check_choice
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.autoencoder import Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder
from aae_tf.models.base import LatentModel
from aae_tf.models.clustering_aae import ClusteringAAE
from aae_tf.models.dimensionality_reduction_aae import ClusterHeads, DimensionalityReductionAAE
from aae_tf.models.games import AdversarialGame, LabelConditionedGame
from aae_tf.models.gan import GAN, ImageGame
from aae_tf.models.inputs import as_images
from aae_tf.models.label_informed_aae import LabelInformedAAE
from aae_tf.models.moment_matching_autoencoder import MomentMatchingAutoencoder
from aae_tf.models.phases import Phase
from aae_tf.models.semi_supervised_aae import CategoricalAAE, SemiSupervisedAAE
from aae_tf.models.supervised_aae import SupervisedAAE
from aae_tf.models.variational_autoencoder import ConditionalVAE, VariationalAutoencoder

MODELS = {
    model.__name__: model
    for model in (
        AdversarialAutoencoder,
        LabelInformedAAE,
        SupervisedAAE,
        SemiSupervisedAAE,
        ClusteringAAE,
        DimensionalityReductionAAE,
        Autoencoder,
        DenoisingAutoencoder,
        ContractiveAutoencoder,
        VariationalAutoencoder,
        ConditionalVAE,
        GAN,
        MomentMatchingAutoencoder,
    )
}

__all__ = [
    "GAN",
    "MODELS",
    "AdversarialAutoencoder",
    "AdversarialGame",
    "Autoencoder",
    "CategoricalAAE",
    "ClusterHeads",
    "ClusteringAAE",
    "ConditionalVAE",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "DimensionalityReductionAAE",
    "ImageGame",
    "LabelConditionedGame",
    "LabelInformedAAE",
    "LatentModel",
    "MomentMatchingAutoencoder",
    "Phase",
    "SemiSupervisedAAE",
    "SupervisedAAE",
    "VariationalAutoencoder",
    "as_images",
    "model_class",
]


def model_class(name):
    """Return the model class that a recipe names.

    Args:
        name: a model's name, as in `MODELS`.

    Raises:
        InputError: no model has that name.
    """
    return MODELS[check_choice("model", name, MODELS)]
