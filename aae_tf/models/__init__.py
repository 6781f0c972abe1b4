"""The paper's models, one file for each section, the baselines, and the objectives, phases and updates they consist of.

Each model is registered by its line in `_MODELS` and imported when it is first used.
"""

from typing import TYPE_CHECKING

from aae_tf.config.registry import Registry
from aae_tf.utils.lazy import lazy_names

_MODELS = {
    "AdversarialAutoencoder": "aae_tf.models.adversarial_autoencoder",
    "LabelInformedAAE": "aae_tf.models.label_informed_aae",
    "SupervisedAAE": "aae_tf.models.supervised_aae",
    "SemiSupervisedAAE": "aae_tf.models.semi_supervised_aae",
    "ClusteringAAE": "aae_tf.models.clustering_aae",
    "DimensionalityReductionAAE": "aae_tf.models.dimensionality_reduction_aae",
    "Autoencoder": "aae_tf.models.baselines.autoencoder",
    "DenoisingAutoencoder": "aae_tf.models.baselines.autoencoder",
    "ContractiveAutoencoder": "aae_tf.models.baselines.autoencoder",
    "VariationalAutoencoder": "aae_tf.models.baselines.variational_autoencoder",
    "ConditionalVAE": "aae_tf.models.baselines.variational_autoencoder",
    "GAN": "aae_tf.models.baselines.gan",
    "MomentMatchingAutoencoder": "aae_tf.models.baselines.moment_matching_autoencoder",
}
MODELS = Registry("model", modules=_MODELS)
HOMES = {
    **_MODELS,
    "ADVERSARIAL": "aae_tf.losses",
    "AdversarialObjective": "aae_tf.models.adversarial",
    "AdversarialLoss": "aae_tf.losses",
    "CategoricalAAE": "aae_tf.models.semi_supervised_aae",
    "ClusterCentroids": "aae_tf.models.dimensionality_reduction_aae",
    "ImageObjective": "aae_tf.models.baselines.gan",
    "BuildSpec": "aae_tf.models.specs",
    "GenerativeModel": "aae_tf.models.base",
    "LabelConditionedObjective": "aae_tf.models.adversarial",
    "LatentModel": "aae_tf.models.latent_model",
    "Likelihood": "aae_tf.losses",
    "ORDERS": "aae_tf.config.training",
    "Phase": "aae_tf.training.updates",
    "RECONSTRUCTION": "aae_tf.losses",
    "ReportSpec": "aae_tf.models.specs",
    "TrainingSpec": "aae_tf.models.specs",
    "Update": "aae_tf.training.updates",
    "as_images": "aae_tf.models.batching",
    "regularization": "aae_tf.models.adversarial",
}

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from aae_tf.config.training import ORDERS as ORDERS
    from aae_tf.losses import ADVERSARIAL as ADVERSARIAL
    from aae_tf.losses import RECONSTRUCTION as RECONSTRUCTION
    from aae_tf.losses import AdversarialLoss as AdversarialLoss
    from aae_tf.losses import Likelihood as Likelihood
    from aae_tf.models.adversarial import AdversarialObjective as AdversarialObjective
    from aae_tf.models.adversarial import LabelConditionedObjective as LabelConditionedObjective
    from aae_tf.models.adversarial import regularization as regularization
    from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder as AdversarialAutoencoder
    from aae_tf.models.base import GenerativeModel as GenerativeModel
    from aae_tf.models.baselines.autoencoder import Autoencoder as Autoencoder
    from aae_tf.models.baselines.autoencoder import ContractiveAutoencoder as ContractiveAutoencoder
    from aae_tf.models.baselines.autoencoder import DenoisingAutoencoder as DenoisingAutoencoder
    from aae_tf.models.baselines.gan import GAN as GAN
    from aae_tf.models.baselines.gan import ImageObjective as ImageObjective
    from aae_tf.models.baselines.moment_matching_autoencoder import (
        MomentMatchingAutoencoder as MomentMatchingAutoencoder,
    )
    from aae_tf.models.baselines.variational_autoencoder import ConditionalVAE as ConditionalVAE
    from aae_tf.models.baselines.variational_autoencoder import VariationalAutoencoder as VariationalAutoencoder
    from aae_tf.models.batching import as_images as as_images
    from aae_tf.models.clustering_aae import ClusteringAAE as ClusteringAAE
    from aae_tf.models.dimensionality_reduction_aae import ClusterCentroids as ClusterCentroids
    from aae_tf.models.dimensionality_reduction_aae import DimensionalityReductionAAE as DimensionalityReductionAAE
    from aae_tf.models.label_informed_aae import LabelInformedAAE as LabelInformedAAE
    from aae_tf.models.latent_model import LatentModel as LatentModel
    from aae_tf.models.semi_supervised_aae import CategoricalAAE as CategoricalAAE
    from aae_tf.models.semi_supervised_aae import SemiSupervisedAAE as SemiSupervisedAAE
    from aae_tf.models.specs import BuildSpec as BuildSpec
    from aae_tf.models.specs import ReportSpec as ReportSpec
    from aae_tf.models.specs import TrainingSpec as TrainingSpec
    from aae_tf.models.supervised_aae import SupervisedAAE as SupervisedAAE
    from aae_tf.training.updates import Phase as Phase
    from aae_tf.training.updates import Update as Update
else:
    __getattr__, __dir__ = lazy_names(__name__, HOMES)

__all__ = ["MODELS", *HOMES]
