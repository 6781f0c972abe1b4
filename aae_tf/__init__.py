"""Adversarial autoencoders (Makhzani et al., 2016, arXiv 1511.05644) for TensorFlow and Keras.

    import aae_tf
    run = aae_tf.train()                 # recipe "gaussian" on 5,000 embedded MNIST digits
    run.model.sample(64, seed=0)         # new images
    run.evaluate(); run.figures(); run.export("saved_models/gaussian")

Importing this package is quick: TensorFlow is loaded when a name that needs it is first used.
"""

import importlib

from aae_tf._version import __version__
from aae_tf.errors import InputError, NonFiniteLossError, ServingError, WorkerLostError
from aae_tf.models import __all__ as _models
from aae_tf.recipes import OptimizerSettings, Recipe, recipes, register_recipe

_LAZY = {
    "train": "aae_tf.runs.train",
    **dict.fromkeys(("AAEClassifier", "AAEClusterer", "AAEDetector", "AAETransformer"), "aae_tf.estimators"),
    "Comparison": "aae_tf.runs.comparison",
    "Detector": "aae_tf.anomaly.detector",
    "Run": "aae_tf.runs.run",
    "Sweep": "aae_tf.runs.experiments",
    "Views": "aae_tf.networks.augmentation",
    "compare": "aae_tf.runs.comparison",
    "load_run": "aae_tf.runs.run",
    "sweep": "aae_tf.runs.experiments",
    **dict.fromkeys((name for name in _models if name[:2].istitle() or name == "GAN"), "aae_tf.models"),
}
_MODULES = ("data", "evaluation", "figures", "models", "networks", "priors", "reporting", "serving", "training")

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
    *_MODULES,
]


def __getattr__(name):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"aae_tf.{name}")
    raise AttributeError(f"module 'aae_tf' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)
