"""Recipes of the baselines of the paper: the networks of §2, with the learning rates of the baselines' own code.

The GAN's numbers were chosen on MNIST's validation images (docs/results.md). Nothing here imports TensorFlow.
"""

from aae_tf.config.training import OptimizerSettings
from aae_tf.recipes.paper import NORMAL
from aae_tf.recipes.recipe import Recipe

_ADAM = {"epochs": 60, "optimizers": {"reconstruction": OptimizerSettings("adam", 1e-3, 0.9, "cosine")}}
_VAE = {**_ADAM, "options": {"posterior": "gaussian", "reconstruction_loss": "binary_crossentropy"}}
_PLAIN = {**_ADAM, "prior": {"name": "fitted_gaussian"}}
# for images that are mostly their mean; chosen on validation images of 1,965 faces (docs/results.md)
_GAN_OF_FACES = {
    "decoder_batch_norm": False,
    "discriminator_noise": 0.1,
    "regularization.learning_rate": 2e-4,
    "regularization.schedule": "constant",
}

BASELINES = (
    Recipe(
        "linear_autoencoder",
        "an autoencoder without hidden layers: the subspace of PCA",
        "Autoencoder",
        options={"widths": (), "image_scale": "centred"},
        **_PLAIN,
    ),
    Recipe(
        "autoencoder",
        "an autoencoder without a prior, sampled from a Gaussian fitted to its codes",
        "Autoencoder",
        **_PLAIN,
    ),
    Recipe(
        "denoising",
        "a denoising autoencoder: the clean image from a corrupted one",
        "DenoisingAutoencoder",
        options={"input_noise": 0.5},
        **_PLAIN,
    ),
    Recipe(
        "contractive",
        "a contractive autoencoder: codes that change little with the image",
        "ContractiveAutoencoder",
        options={"penalty_weight": 0.1},
        **_PLAIN,
    ),
    Recipe(
        "vae",
        "a variational autoencoder with a Gaussian prior: figure 2c",
        "VariationalAutoencoder",
        prior=NORMAL,
        **_VAE,
    ),
    Recipe(
        "vae_mixture",
        "a variational autoencoder with a mixture of ten Gaussians as prior: figure 2d",
        "VariationalAutoencoder",
        prior={"name": "mixture"},
        **_VAE,
    ),
    Recipe(
        "conditional_vae",
        "a variational autoencoder whose decoder gets the label, to compare with 'style'",
        "ConditionalVAE",
        prior=NORMAL,
        latent_dim=15,
        **_VAE,
    ),
    Recipe(
        "gan",
        "a generative adversarial network on images, the decoder its generator",
        "GAN",
        prior=NORMAL,
        latent_dim=8,
        epochs=60,
        options={"discriminator_noise": 0.6, "decoder_batch_norm": True},
        optimizers={"regularization": OptimizerSettings("adam", 4e-4, 0.5, "cosine")},
        weight_ema=0.999,
        variants={"many": {"epochs": 30}, "mostly mean": _GAN_OF_FACES},
    ),
    Recipe(
        "wae_mmd",
        "moment matching instead of a discriminator (GMMN + AE, WAE-MMD)",
        "MomentMatchingAutoencoder",
        prior=NORMAL,
        options={"penalty_weight": 100.0},
        **_ADAM,
    ),
)
