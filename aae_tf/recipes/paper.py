"""The paper's experiments. Nothing here imports TensorFlow.

Numbers follow Makhzani et al., 2016 (arXiv 1511.05644), appendix A; comments name the exceptions.
"""

from aae_tf.config.training import OptimizerSettings
from aae_tf.recipes.recipe import FUSED, Recipe

NORMAL = {"name": "gaussian", "std": 1.0}

# Figure 2 on the embedded digits: the paper's momenta and reconstruction rate; the rest was chosen on their validation
# images for the match of q(z) to p(z). Noise on the input and rates that fall to zero fill the gaps that 3,500 images
# leave.
_FIGURE_2 = {
    "epochs": 80,
    "options": {"input_noise": 0.3},
    "optimizers": {
        "reconstruction": OptimizerSettings("sgd", 0.01, 0.9, "cosine"),
        "regularization": OptimizerSettings("sgd", 0.2, 0.1, "cosine"),
    },
}

# Label-conditioned discriminator, chosen on validation images: with SGD the codes settle before the labels have an
# effect (4 to 46 % of codes in their own petal on the embedded digits), with Adam and a fast discriminator 82 %. The
# discriminator's noise keeps a class from settling in another's petal, where the gradient vanishes.
SECTION_2_3 = {
    "model": "LabelInformedAAE",
    "labels": "20%",
    "options": {"input_noise": 0.3, "discriminator_noise": 0.1, "discriminator_widths": (500, 500)},
    "optimizers": {
        "reconstruction": OptimizerSettings("adam", 3e-4, 0.9, "cosine"),
        "regularization": OptimizerSettings("adam", 3e-3, 0.5, "cosine"),
    },
}

# §5's settings as in the paper (rates divided by 10 after epochs 50 and 1000), and averaged weights. The
# recipes add batch normalisation in the encoder and on the head of y, chosen on MNIST's validation images: 10.2 % wrong
# after 3 epochs with 100 labels, against 14.8 % with it on both heads and 15.5 % without.
_GAMES = {
    "reconstruction": OptimizerSettings("sgd", 0.01, 0.9, "piecewise_constant"),
    "regularization": OptimizerSettings("sgd", 0.1, 0.1, "piecewise_constant"),
}
_SECTION_5 = {
    "prior": NORMAL,
    "weight_ema": 0.999,
    "optimizers": {**_GAMES, "classification": OptimizerSettings("sgd", 0.1, 0.9, "piecewise_constant")},
}
_WITH_LABELS = {"input_noise": 0.3, "batch_norm": True, "head_batch_norm": "y"}

# §5 on colour photographs, as the paper does SVHN: convolutions, batch normalisation, standardised dimensions.
_PHOTOGRAPHS = {
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

# §7 without labels, chosen on MNIST's validation images (docs/results.md has the steps).
_UNLABELLED_MAP = {
    "head_batch_norm": "balanced",
    "decoder_batch_norm": True,
    "centroid_distance": 2.0,
    "input_noise": 0.0,
    "input_dropout": 0.2,
}

_FUSED_ADAM = {
    "fused": FUSED,
    "batch_size": 250,
    "epochs": 80,
    "weight_ema": 0.999,
    "optimizers": {
        "reconstruction": OptimizerSettings("adam", 2e-3, 0.9, "cosine"),
        "regularization": OptimizerSettings("adam", 2e-3, 0.5, "cosine"),
    },
}
_LABELLED = {"model": "SupervisedAAE", "latent_dim": 15, "prior": NORMAL}

# §4, chosen on MNIST's validation images for a z of 15 dimensions without information on the class (docs/results.md has
# the steps): deterministic codes lie on a surface of fewer dimensions, whose position depends on the class.
_STYLE = {
    "options": {
        "label_conditioned": True,
        "posterior": "gaussian",
        "discriminator_steps": 2,
        "batch_norm": True,
        "decoder_batch_norm": True,
    },
    "weights": {"generator": 8.0},
    "variants": {"many": {"epochs": 30}},
    **_FUSED_ADAM,
}

PAPER = (
    Recipe(
        "gaussian",
        "2-D Gaussian prior (std 5): the latent plane of figure 2a and the manifold of figure 2e",
        **_FIGURE_2,
    ),
    Recipe(
        "mixture",
        "mixture of ten 2-D Gaussians, in petals, as prior: figure 2b",
        prior={"name": "mixture"},
        **_FIGURE_2,
    ),
    Recipe(
        "likelihood",
        "8-D Gaussian prior, the paper's networks: table 1 and figure 5",
        epochs=40,
        latent_dim=8,
        options={"input_noise": 0.3},
        optimizers={
            "reconstruction": OptimizerSettings("sgd", 0.01, 0.9, "cosine"),
            "regularization": OptimizerSettings("sgd", 0.1, 0.1, "cosine"),
        },
    ),
    # not the paper's numbers: chosen on MNIST's validation images for their likelihood (docs/results.md has the steps)
    Recipe(
        "likelihood_joint",
        "6-D Gaussian prior, larger networks, one update for reconstruction and generator: table 1",
        latent_dim=6,
        options={"widths": (1000, 1000, 1000), "batch_norm": True, "decoder_batch_norm": True, "input_noise": 0.3},
        weights={"generator": 2.0},
        variants={"many": {"epochs": 60}},
        **_FUSED_ADAM,
    ),
    Recipe(
        "labelled_mixture",
        "label-conditioned discriminator, each digit one petal of the mixture: figures 4a and 4b",
        prior={"name": "mixture"},
        epochs=12,
        **SECTION_2_3,
    ),
    Recipe(
        "labelled_swiss_roll",
        "label-conditioned discriminator, each digit one segment of a swiss roll: figures 4c and 4d",
        prior={"name": "swiss_roll"},
        epochs=22,
        **SECTION_2_3,
    ),
    Recipe("style", "the decoder gets the label, the code keeps the style: figure 7", **_LABELLED, **_STYLE),
    Recipe(
        "style_joint",
        "the same by the second published recipe: one update for reconstruction and generator",
        epochs=40,
        options={
            "widths": (512, 512),
            "discriminator_widths": (512, 256),
            "activation": "leaky_relu",
            "batch_norm": (2,),
            "decoder_batch_norm": (2,),
            "image_scale": "signed",
            "reconstruction_loss": "mean_squared_error",
        },
        order="simultaneous",
        fused=FUSED,
        weights={"reconstruction": 0.995, "generator": 0.005},
        optimizers={
            "reconstruction": OptimizerSettings("adam", 2e-4, 0.5),
            "regularization": OptimizerSettings("adam", 2e-4, 0.5),
        },
        **_LABELLED,
    ),
    Recipe(
        "semi_supervised",
        "class and style, from few labels: figure 8, table 2",
        "SemiSupervisedAAE",
        labels=100,
        epochs=12,
        latent_dim=10,
        options=_WITH_LABELS,
        variants={"colour": _PHOTOGRAPHS},
        **_SECTION_5,
    ),
    Recipe(
        "clustering",
        "cluster and style, without labels: figure 9, table 3",
        "ClusteringAAE",
        epochs=25,
        latent_dim=5,
        options={"input_dropout": 0.2, "batch_norm": True, "head_batch_norm": "both"},
        **{**_SECTION_5, "optimizers": _GAMES},
    ),
    Recipe(
        "reduction",
        "a low-dimensional map, cluster centroids plus style: figures 10 and 11",
        "DimensionalityReductionAAE",
        labels=1000,
        epochs=12,
        options={**_WITH_LABELS, "clusters": 20},
        variants={"unlabelled": _UNLABELLED_MAP},
        **_SECTION_5,
    ),
)
