"""Augmented variants of the models of §2.3 and §5-§7, with consistency regularization, which the paper does not have.

Networks and adversarial objectives are the same. In addition the class of an image is trained to equal that of its
augmentations (digits keep their class when moved, turned and sheared a little) and of the image under a virtual
adversarial perturbation, and the mutual information of image and class is maximized (`aae_tf.losses.consistency`). All
losses of the encoder are one update by Adam; in §2.3, where the class is the part of the prior, all but the adversarial
one. Without labels y has more entries than clusters (`aae_tf.models.cluster_merging`). docs/results.md has what was
tried. Nothing here imports TensorFlow.
"""

from aae_tf.config.training import OptimizerSettings
from aae_tf.recipes.paper import NORMAL, SECTION_2_3
from aae_tf.recipes.recipe import Recipe

# augmentations that keep the class of a digit, and of a photograph
DIGITS = {"rotation": 12.0, "scale": 0.12, "shear": 0.15, "shift": 2.0}
ELASTIC_DIGITS = {**DIGITS, "elastic": 1.0}
PHOTOGRAPHS = {"shift": 3.0, "flip": 0.5, "crop": 0.2, "brightness": 0.1, "contrast": 0.2}
_COLOUR = {
    "views": PHOTOGRAPHS,
    "architecture": "convolutional",
    "widths": (512,),
    "latent_dim": 20,
    "decoder_batch_norm": True,
    "image_scale": "standardized",
}
_MANY = {"epochs": 12}  # on 50,000 images, as many updates as 170 epochs of 3,500
# where all images are labelled; chosen on MNIST's validation images (docs/results.md)
_MANY_LABELLED = {"epochs": 60, "perturbation": 0.0, "mutual_information": False}
_CONSISTENT = {
    "prior": NORMAL,
    "batch_size": 250,
    "order": "simultaneous",
    "fused": ("reconstruction", "generator", "consistency", "perturbation", "mutual_information"),
    "weights": {"reconstruction": 0.01, "generator": 0.02, "mutual_information": 0.1},
    "views": DIGITS,
    "variants": {"colour": _COLOUR, "many": _MANY},
}
_OPTIONS = {"batch_norm": True, "consistency": True, "perturbation": 1.5, "mutual_information": True}
_ADAM = {
    "reconstruction": OptimizerSettings("adam", 0.002, 0.9, "cosine"),
    "regularization": OptimizerSettings("sgd", 0.1, 0.1),
}
_LABELS = {"optimizers": {**_ADAM, "classification": OptimizerSettings("adam", 0.001, 0.9, "cosine")}}

# §2.3, chosen on MNIST's validation images: with a small weight of the reconstruction the classes separate; averaged
# weights and two updates of the discriminator stabilize the adversarial training
_PARTS = {
    **SECTION_2_3,
    "epochs": 80,
    "options": {
        **SECTION_2_3["options"],
        "input_noise": 0.0,
        "discriminator_steps": 2,
        "batch_norm": True,
        "consistency": True,
        "perturbation": 1.5,
    },
    "fused": ("reconstruction", "consistency", "perturbation"),
    "weights": {"reconstruction": 0.2, "consistency": 3.0, "perturbation": 2.0},
    "views": ELASTIC_DIGITS,
    "weight_ema": 0.999,
    "variants": {"colour": {**_COLOUR, "latent_dim": 2}, "many": {"epochs": 16}},
}

VIEWS = (
    Recipe(
        "labelled_mixture_views",
        "label-conditioned discriminator and augmentations, each class one petal of the mixture: figure 4a",
        prior={"name": "mixture", "tangential_std": 0.15},
        **_PARTS,
    ),
    Recipe(
        "labelled_swiss_roll_views",
        "label-conditioned discriminator and augmentations, each class one segment of a swiss roll: figure 4c",
        prior={"name": "swiss_roll"},
        **_PARTS,
    ),
    Recipe(
        "semi_supervised_views",
        "a class from few labels and augmentations: table 2",
        "SemiSupervisedAAE",
        labels=100,
        epochs=80,
        latent_dim=10,
        options=_OPTIONS,
        **_LABELS,
        **{
            **_CONSISTENT,
            "views": ELASTIC_DIGITS,
            "variants": {**_CONSISTENT["variants"], "many labelled": _MANY_LABELLED},
        },
    ),
    Recipe(
        "semi_supervised_vat",
        "a class from few labels and adversarial perturbations, without assumptions on the data",
        "SemiSupervisedAAE",
        labels=100,
        epochs=80,
        latent_dim=10,
        options={**_OPTIONS, "consistency": False},
        **_LABELS,
        **{
            **_CONSISTENT,
            "views": {},
            "variants": {"colour": {name: value for name, value in _COLOUR.items() if name != "views"}, "many": _MANY},
        },
    ),
    Recipe(
        "clustering_views",
        "clusters without labels, from augmentations: table 3",
        "ClusteringAAE",
        epochs=80,
        latent_dim=5,
        options={**_OPTIONS, "overclustering": 30},
        optimizers=_ADAM,
        **_CONSISTENT,
    ),
    Recipe(
        "reduction_views",
        "a map from few labels or none, with augmentations: figure 11",
        "DimensionalityReductionAAE",
        labels=0,
        epochs=80,
        options={**_OPTIONS, "clusters": 20, "overclustering": 40},
        **_LABELS,
        **_CONSISTENT,
    ),
)
