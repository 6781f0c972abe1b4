"""The paper's models, one file for each section, the baselines, and the games, phases and updates they are made of.

A model is found by its line in `_FILES`, and imported when it is first asked for.
"""

import importlib

from aae_tf.config.registry import Registry

_FILES = {
    "AdversarialAutoencoder": "adversarial_autoencoder",
    "LabelInformedAAE": "label_informed_aae",
    "SupervisedAAE": "supervised_aae",
    "SemiSupervisedAAE": "semi_supervised_aae",
    "ClusteringAAE": "clustering_aae",
    "DimensionalityReductionAAE": "dimensionality_reduction_aae",
    "Autoencoder": "baselines.autoencoder",
    "DenoisingAutoencoder": "baselines.autoencoder",
    "ContractiveAutoencoder": "baselines.autoencoder",
    "VariationalAutoencoder": "baselines.variational_autoencoder",
    "ConditionalVAE": "baselines.variational_autoencoder",
    "GAN": "baselines.gan",
    "MomentMatchingAutoencoder": "baselines.moment_matching_autoencoder",
}
MODELS = Registry("model", modules={name: f"{__name__}.{file}" for name, file in _FILES.items()})

_PARTS = {
    "ADVERSARIAL": "aae_tf.losses.losses",
    "AdversarialObjective": "games",
    "AdversarialLoss": "aae_tf.losses.losses",
    "CategoricalAAE": "semi_supervised_aae",
    "ClusterCentroids": "dimensionality_reduction_aae",
    "ImageObjective": "baselines.gan",
    "LabelConditionedObjective": "games",
    "LatentModel": "base",
    "Likelihood": "aae_tf.losses.losses",
    "ORDERS": "aae_tf.training.updates",
    "Phase": "aae_tf.training.updates",
    "RECONSTRUCTION": "aae_tf.losses.losses",
    "Update": "aae_tf.training.updates",
    "as_images": "inputs",
    "regularization": "games",
}

__all__ = ["MODELS", *_FILES, *_PARTS]


def __getattr__(name):
    if name in _FILES:
        return MODELS[name]
    if name in _PARTS:
        return getattr(
            importlib.import_module(
                _PARTS[name]
                if "." in _PARTS[name] and _PARTS[name].startswith("aae_tf")
                else f"{__name__}.{_PARTS[name]}"
            ),
            name,
        )
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)
