"""Adversarial autoencoders (Makhzani et al., 2016, arXiv 1511.05644) for TensorFlow and Keras.

    import aae_tf
    run = aae_tf.train()                 # recipe "gaussian" on 5,000 embedded MNIST digits
    run.model.sample(64, seed=0)         # new images
    run.evaluate(); run.figures(); run.export("saved_models/gaussian")

`import aae_tf` does not load TensorFlow: names that need it are imported when they are first used.
"""

from typing import TYPE_CHECKING

from aae_tf._version import __version__ as __version__
from aae_tf.errors import InputError as InputError
from aae_tf.errors import NonFiniteLossError as NonFiniteLossError
from aae_tf.errors import ServingError as ServingError
from aae_tf.errors import WorkerLostError as WorkerLostError
from aae_tf.models import HOMES
from aae_tf.recipes import OptimizerSettings as OptimizerSettings
from aae_tf.recipes import Recipe as Recipe
from aae_tf.recipes import recipes as recipes
from aae_tf.recipes import register_recipe as register_recipe
from aae_tf.utils.lazy import lazy_names, register_on_import

_MODULES = ("data", "evaluation", "figures", "models", "networks", "priors", "reporting", "serving", "training")
_LAZY = {
    "train": "aae_tf.runs.train",
    **dict.fromkeys(("AAEClassifier", "AAEClusterer", "AAEDetector", "AAETransformer"), "aae_tf.estimators"),
    "Comparison": "aae_tf.runs.experiments",
    "Detector": "aae_tf.anomaly.detector",
    "Run": "aae_tf.runs.run",
    "Sweep": "aae_tf.runs.experiments",
    "Views": "aae_tf.networks.augmentation",
    "compare": "aae_tf.runs.experiments",
    "load_run": "aae_tf.runs.load",
    "sweep": "aae_tf.runs.experiments",
    **{name: home for name, home in HOMES.items() if name == "GAN" or not (name.isupper() or name.islower())},
    **{name: f"aae_tf.{name}" for name in _MODULES},
}
register_on_import("aae_tf", HOMES)  # so that Keras loads models without their modules being imported first

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from aae_tf import data as data
    from aae_tf import evaluation as evaluation
    from aae_tf import figures as figures
    from aae_tf import models as models
    from aae_tf import networks as networks
    from aae_tf import priors as priors
    from aae_tf import reporting as reporting
    from aae_tf import serving as serving
    from aae_tf import training as training
    from aae_tf.anomaly.detector import Detector as Detector
    from aae_tf.estimators import AAEClassifier as AAEClassifier
    from aae_tf.estimators import AAEClusterer as AAEClusterer
    from aae_tf.estimators import AAEDetector as AAEDetector
    from aae_tf.estimators import AAETransformer as AAETransformer
    from aae_tf.models import GAN as GAN
    from aae_tf.models import AdversarialAutoencoder as AdversarialAutoencoder
    from aae_tf.models import AdversarialLoss as AdversarialLoss
    from aae_tf.models import AdversarialObjective as AdversarialObjective
    from aae_tf.models import Autoencoder as Autoencoder
    from aae_tf.models import BuildSpec as BuildSpec
    from aae_tf.models import CategoricalAAE as CategoricalAAE
    from aae_tf.models import ClusterCentroids as ClusterCentroids
    from aae_tf.models import ClusteringAAE as ClusteringAAE
    from aae_tf.models import ConditionalVAE as ConditionalVAE
    from aae_tf.models import ContractiveAutoencoder as ContractiveAutoencoder
    from aae_tf.models import DenoisingAutoencoder as DenoisingAutoencoder
    from aae_tf.models import DimensionalityReductionAAE as DimensionalityReductionAAE
    from aae_tf.models import GenerativeModel as GenerativeModel
    from aae_tf.models import ImageObjective as ImageObjective
    from aae_tf.models import LabelConditionedObjective as LabelConditionedObjective
    from aae_tf.models import LabelInformedAAE as LabelInformedAAE
    from aae_tf.models import LatentModel as LatentModel
    from aae_tf.models import Likelihood as Likelihood
    from aae_tf.models import MomentMatchingAutoencoder as MomentMatchingAutoencoder
    from aae_tf.models import Phase as Phase
    from aae_tf.models import ReportSpec as ReportSpec
    from aae_tf.models import SemiSupervisedAAE as SemiSupervisedAAE
    from aae_tf.models import SupervisedAAE as SupervisedAAE
    from aae_tf.models import TrainingSpec as TrainingSpec
    from aae_tf.models import Update as Update
    from aae_tf.models import VariationalAutoencoder as VariationalAutoencoder
    from aae_tf.networks.augmentation import Views as Views
    from aae_tf.runs.experiments import Comparison as Comparison
    from aae_tf.runs.experiments import Sweep as Sweep
    from aae_tf.runs.experiments import compare as compare
    from aae_tf.runs.experiments import sweep as sweep
    from aae_tf.runs.load import load_run as load_run
    from aae_tf.runs.run import Run as Run
    from aae_tf.runs.train import train as train
else:
    __getattr__, __dir__ = lazy_names(__name__, _LAZY)

__all__ = [
    "InputError",
    "NonFiniteLossError",
    "OptimizerSettings",
    "Recipe",
    "ServingError",
    "WorkerLostError",
    "__version__",
    "recipes",
    "register_recipe",
    *_LAZY,
]
