"""Encoders, posteriors, decoders and discriminators, as Keras models and layers.

The paper's are dense (two layers of 1000 ReLU); convolutional ones are here for photographs. `from_recipe`
functions turn a recipe's numbers into networks; every class can be used by itself.
"""

from aae_tf.networks.decoders import ConvolutionalDecoder, MLPDecoder
from aae_tf.networks.discriminators import MLPDiscriminator
from aae_tf.networks.encoders import ConvolutionalBody, Encoder, MLPBody, as_encoder
from aae_tf.networks.layers import ImageScale, seeds
from aae_tf.networks.posteriors import (
    DeterministicPosterior,
    GaussianPosterior,
    UniversalPosterior,
    posterior,
)

__all__ = [
    "ConvolutionalBody",
    "ConvolutionalDecoder",
    "DeterministicPosterior",
    "Encoder",
    "GaussianPosterior",
    "ImageScale",
    "MLPBody",
    "MLPDecoder",
    "MLPDiscriminator",
    "UniversalPosterior",
    "as_encoder",
    "decoder_from_recipe",
    "discriminator_from_recipe",
    "encoder_from_recipe",
    "posterior",
]


# A logit of unit variance that is high for one image in K has it sqrt(K) above the others'; three times that makes the
# softmax all but one-hot.
BALANCED_LOGIT_STD = 3.0


def _seed(recipe, role):
    return seeds([recipe.seed, role], 1)[0]


def _shared(recipe, dtype):
    return {
        "activation": recipe.activation,
        "kernel_initializer": recipe.initializer,
        "dtype": dtype,
    }


def encoder_from_recipe(recipe, dtype="float32", classes=0):
    """Return the `Encoder` of a recipe, with its posterior as the head 'z'.

    Args:
        recipe: an `aae_tf.Recipe`.
        dtype: Keras dtype policy of the body; codes are float32.
        classes: entries of a second head, the logits of q(y|x) under 'y_logits'; 0 for none.
    """
    body_seed, head_seed = _seed(recipe, 1), _seed(recipe, 2)
    body = {
        "widths": recipe.widths,
        "batch_norm": recipe.batch_norm,
        "seed": body_seed,
        **_shared(recipe, dtype),
    }
    body = MLPBody(**body) if recipe.architecture == "mlp" else ConvolutionalBody(filters=recipe.filters, **body)
    options = {"kernel_initializer": recipe.initializer, "seed": head_seed}
    norm = _head_norm(recipe, "z", recipe.prior_std) if recipe.posterior == "deterministic" else {}
    heads = {"z": posterior(recipe.posterior, recipe.latent_dim, name="z", **norm, **options)}
    if classes:
        options["seed"] += 1
        norm = _head_norm(recipe, "y", BALANCED_LOGIT_STD)
        heads["y_logits"] = DeterministicPosterior(classes, name="y_logits", **norm, **options)
    return Encoder(body, heads, recipe.input_noise, recipe.input_dropout, name="encoder")


def _head_norm(recipe, head, balanced_std):
    """Return the arguments of one head's batch normalisation, 'z' or 'y'."""
    balanced = recipe.head_batch_norm == "balanced"
    normalised = balanced or recipe.head_batch_norm in (head, "both")
    return {"batch_norm": normalised, "norm_std": balanced_std if balanced else None}


def decoder_from_recipe(recipe, image_shape, dtype="float32"):
    """Return the decoder of a recipe for images of shape (H, W, C), its output in the recipe's image scale.

    Args:
        recipe: an `aae_tf.Recipe`.
        image_shape: (H, W, C).
        dtype: Keras dtype policy.
    """
    options = {
        "image_shape": image_shape,
        "widths": recipe.widths[::-1],
        "output_activation": ImageScale(recipe.image_scale).output_activation,
        "batch_norm": recipe.decoder_batch_norm,
        "seed": _seed(recipe, 3),
        "name": "decoder",
        **_shared(recipe, dtype),
    }
    if recipe.architecture == "mlp":
        return MLPDecoder(**options)
    return ConvolutionalDecoder(filters=recipe.filters[::-1], **options)


def discriminator_from_recipe(recipe, dtype="float32", name="discriminator", role=4):
    """Return a discriminator of a recipe.

    Args:
        recipe: an `aae_tf.Recipe`.
        dtype: Keras dtype policy.
        name: the network's name.
        role: number that separates the initial weights of several discriminators.
    """
    return MLPDiscriminator(recipe.discriminator_widths, seed=_seed(recipe, role), name=name, **_shared(recipe, dtype))
