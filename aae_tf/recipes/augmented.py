"""The models of §2.3 and §5-§7 with what the paper does not have: views of the images, and consistency with them.

Same networks, same games; beside them an image's class is asked to be that of its views (which assumes that views
leave the class alone: true of digits moved, turned and sheared a little) and of the image under a virtual adversarial
perturbation, and y is asked to tell the most of the image (`aae_tf.models.consistency`). All of the encoder's losses
are one update by Adam; in §2.3, where the class is the part of the prior, all but the game's. Without labels y has
more entries than there are to be clusters (`aae_tf.models.cluster_merging`). docs/results.md has what was tried;
nothing here imports TensorFlow.
"""

from aae_tf.config.training import OptimizerSettings
from aae_tf.recipes.paper import NORMAL, SECTION_2_3
from aae_tf.recipes.recipe import Recipe

# views that leave a digit's class alone, and a photograph's
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
# where every image has its label; chosen on MNIST's validation images (docs/results.md)
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

# §2.3, chosen on MNIST's validation images: weak reconstruction lets a class have its part to itself, averaged weights
# and two updates of the discriminator hold still what the game moves
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
        "labels in the game, and views of every image, each class one petal of the mixture: figure 4a",
        prior={"name": "mixture", "tangential_std": 0.15},
        **_PARTS,
    ),
    Recipe(
        "labelled_swiss_roll_views",
        "labels in the game, and views of every image, each class one stretch of a swiss roll: figure 4c",
        prior={"name": "swiss_roll"},
        **_PARTS,
    ),
    Recipe(
        "semi_supervised_views",
        "a class from few labels, and from views of every image: table 2",
        model="SemiSupervisedAAE",
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
        "a class from few labels and adversarial perturbations, which assume nothing of the data",
        model="SemiSupervisedAAE",
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
        "clusters without labels, from views of every image: table 3",
        model="ClusteringAAE",
        epochs=80,
        latent_dim=5,
        options={**_OPTIONS, "entries": 30},
        optimizers=_ADAM,
        **_CONSISTENT,
    ),
    Recipe(
        "reduction_views",
        "a map from few labels or none, and from views of every image: figure 11",
        model="DimensionalityReductionAAE",
        labels=0,
        epochs=80,
        options={**_OPTIONS, "clusters": 20, "entries": 40},
        **_LABELS,
        **_CONSISTENT,
    ),
)
