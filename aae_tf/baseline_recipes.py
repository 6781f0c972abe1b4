"""Recipes of the models the paper is compared with: the networks of §2, with the rates their own papers' code has.

Nothing here imports TensorFlow.
"""

from aae_tf.recipe import OptimizerSettings, Recipe

_ADAM = OptimizerSettings("adam", 1e-3, 0.9, "cosine")

BASELINES = (
    Recipe(
        "linear_autoencoder",
        "an autoencoder without hidden layers: the subspace of PCA",
        model="Autoencoder",
        prior="fitted_gaussian",
        widths=(),
        image_scale="centred",
        epochs=60,
        reconstruction=_ADAM,
    ),
    Recipe(
        "autoencoder",
        "an autoencoder without a prior, sampled from a Gaussian fitted to its codes",
        model="Autoencoder",
        prior="fitted_gaussian",
        epochs=60,
        reconstruction=_ADAM,
    ),
    Recipe(
        "denoising",
        "a denoising autoencoder: the clean image from a corrupted one",
        model="DenoisingAutoencoder",
        prior="fitted_gaussian",
        input_noise=0.5,
        epochs=60,
        reconstruction=_ADAM,
    ),
    Recipe(
        "contractive",
        "a contractive autoencoder: codes that change little with the image",
        model="ContractiveAutoencoder",
        prior="fitted_gaussian",
        penalty_weight=0.1,
        epochs=60,
        reconstruction=_ADAM,
    ),
    Recipe(
        "vae",
        "a variational autoencoder with a Gaussian prior: figure 2c",
        model="VariationalAutoencoder",
        posterior="gaussian",
        prior_std=1.0,
        reconstruction_loss="binary_crossentropy",
        epochs=60,
        reconstruction=_ADAM,
    ),
    Recipe(
        "vae_mixture",
        "a variational autoencoder with a mixture of ten Gaussians as prior: figure 2d",
        model="VariationalAutoencoder",
        posterior="gaussian",
        prior="mixture",
        reconstruction_loss="binary_crossentropy",
        epochs=60,
        reconstruction=_ADAM,
    ),
    Recipe(
        "conditional_vae",
        "a variational autoencoder whose decoder gets the label, beside 'style'",
        model="ConditionalVAE",
        posterior="gaussian",
        prior_std=1.0,
        latent_dim=15,
        reconstruction_loss="binary_crossentropy",
        epochs=60,
        reconstruction=_ADAM,
    ),
    Recipe(
        "gan",
        "a generative adversarial network on images, the decoder its generator",
        model="GAN",
        prior_std=1.0,
        latent_dim=8,
        epochs=60,
        discriminator_noise=0.3,
        regularization=OptimizerSettings("adam", 2e-4, 0.5, "constant"),
    ),
    Recipe(
        "wae_mmd",
        "moment matching in place of the game (GMMN + AE, WAE-MMD)",
        model="MomentMatchingAutoencoder",
        prior_std=1.0,
        penalty_weight=100.0,
        epochs=60,
        reconstruction=_ADAM,
    ),
)
