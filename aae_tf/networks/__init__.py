"""Encoders, posteriors, decoders and discriminators, as Keras models and layers.

The paper's are dense (two layers of 1000 ReLU); convolutional ones are here for photographs. `build` turns a recipe's
numbers into networks; every class can be used by itself.
"""

from aae_tf.networks.build import (
    ARCHITECTURES,
    NetworkSpec,
    accepted_by,
    discriminator_builder,
    encoder_builder,
    make,
    make_decoder,
)
from aae_tf.networks.decoders import ConvolutionalDecoder, MLPDecoder
from aae_tf.networks.discriminators import MLPDiscriminator
from aae_tf.networks.encoders import ConvolutionalBackbone, Encoder, MLPBackbone, as_encoder
from aae_tf.networks.posteriors import (
    POSTERIORS,
    ConstantVariancePosterior,
    DeterministicPosterior,
    GaussianPosterior,
    UniversalPosterior,
)
from aae_tf.networks.scales import ColumnScale, ImageScale

__all__ = ["ColumnScale", "ConvolutionalBackbone", "ConvolutionalDecoder", "Encoder", "ImageScale", "as_encoder"]
__all__ += ["MLPBackbone", "MLPDecoder", "MLPDiscriminator"]
__all__ += [
    "POSTERIORS",
    "ConstantVariancePosterior",
    "DeterministicPosterior",
    "GaussianPosterior",
    "UniversalPosterior",
]
__all__ += [
    "ARCHITECTURES",
    "NetworkSpec",
    "accepted_by",
    "discriminator_builder",
    "encoder_builder",
    "make",
    "make_decoder",
]
