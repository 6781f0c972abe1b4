"""A generative adversarial network on images (Goodfellow et al., 2014, arXiv 1406.2661), the decoder as generator.

The adversarial objective is on images instead of codes, and there is no encoder: a baseline of table 1.
"""

import math
from typing import Any, ClassVar

from aae_tf.backend import keras, tf
from aae_tf.errors import InputError
from aae_tf.models.adversarial import AdversarialModel, AdversarialObjective, regularization
from aae_tf.models.base import GenerativeModel
from aae_tf.models.sampling import Codes
from aae_tf.models.specs import BuildSpec
from aae_tf.networks import ImageScale
from aae_tf.priors import Prior
from aae_tf.training.updates import Update
from aae_tf.utils.random import as_seed


class ImageObjective(AdversarialObjective):
    """The objective between images and decoded prior samples, both flat, [N, H W C], and in the networks' scale."""

    def __init__(self, image_scale: ImageScale, discriminator: keras.Model, **kwargs: Any):
        super().__init__(None, discriminator, code="images", **kwargs)
        self.image_scale = image_scale

    def real(self, batch: dict[str, Any], count: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return the batch's images, float32 [N, H W C]."""
        return _flat(self.image_scale(batch["images"]))


def _flat(images):
    return tf.reshape(images, [tf.shape(images)[0], math.prod(images.shape[1:])])


@keras.saving.register_keras_serializable("aae_tf")
class GAN(AdversarialModel, GenerativeModel):
    """A generator of images and a discriminator of images (arXiv 1406.2661), without an encoder.

    Args:
        decoder: Keras model from prior samples [N, D] to images [N, H, W, C] in the networks' scale: the generator.
        discriminator: Keras model from flat images [N, H W C] to one logit a row.
        prior: `aae_tf.priors.Prior` of dimension D.
        **kwargs: `adversarial_loss`, `discriminator_noise` and `discriminator_steps`, as for `AdversarialModel`;
            `image_scale` and `name`, as for `GenerativeModel`.

    Call arguments:
        images: float [N, H, W, C] in [0, 1] or uint8, of which only N matters. Returns N samples, float32.

    Raises:
        InputError: a table with columns that are not real.
    """

    build_spec: ClassVar[BuildSpec] = GenerativeModel.build_spec.extended(submodels=AdversarialModel.submodels)

    def __init__(self, decoder: keras.Model, discriminator: keras.Model, prior: Prior, **kwargs: Any):
        super().__init__(decoder, prior, discriminator=discriminator, **kwargs)
        if self.image_scale.kinds != ("real",):
            kinds = ", ".join(self.image_scale.kinds)
            raise InputError(f"a GAN is for images or real columns; the table has {kinds} columns: use an autoencoder")

    def codes(self, batch: dict[str, Any], seed: Any = None, training: bool = False) -> Codes:
        """Return prior samples z, as many as the batch has images, and the flat 'images' decoded from them."""
        z = self.prior.sample(tf.shape(batch["images"])[0], as_seed(0) if seed is None else seed)
        images = tf.cast(self.decoder(z, training=training), tf.float32)
        return {"z": z, "images": _flat(images)}

    def updates(self) -> list[Update]:
        """Return the updates of the discriminator and of the generator."""
        objective = ImageObjective(self.image_scale, self.discriminator, **self.objective_options)
        return regularization([objective], self.decoder.trainable_variables)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build both networks for images of shape (N, H, W, C)."""
        if not self.built:
            super().build(input_shape)
            self.discriminator(tf.zeros((2, math.prod(input_shape[1:]))))
