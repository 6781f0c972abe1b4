"""A generative adversarial network on images (Goodfellow et al., 2014, arXiv 1406.2661), the decoder as generator.

The game is played on images instead of codes, and nothing is encoded: a baseline of table 1.
"""

import math

from aae_tf.backend import keras, tf
from aae_tf.errors import InputError
from aae_tf.models.adversarial import AdversarialModel
from aae_tf.models.games import AdversarialObjective, regularization
from aae_tf.utils.random import as_seed


class ImageObjective(AdversarialObjective):
    """The game between images and decoded prior samples, both flat and in the networks' scale.

    Args:
        image_scale: the model's `ImageScale`.
        discriminator: Keras model from flat images [N, H W C] to one logit a row.
        **kwargs: as for `AdversarialObjective`.
    """

    def __init__(self, image_scale, discriminator, **kwargs):
        super().__init__(None, discriminator, code="images", **kwargs)
        self.image_scale = image_scale

    def real(self, batch, count, seed):
        """Return the batch's images, float32 [N, H W C]."""
        return _flat(self.image_scale(batch["images"]))


def _flat(images):
    return tf.reshape(images, [tf.shape(images)[0], math.prod(images.shape[1:])])


@keras.saving.register_keras_serializable("aae_tf")
class GAN(AdversarialModel):
    """A generator of images and a discriminator of images (arXiv 1406.2661); it has no encoder.

    Args:
        decoder: Keras model from prior samples [N, D] to images [N, H, W, C] in the networks' scale: the generator.
        discriminator: Keras model from flat images [N, H W C] to one logit a row.
        prior: `aae_tf.priors.Prior` of dimension D.
        **kwargs: `adversarial_loss`, `discriminator_noise` and `discriminator_steps`, as for `AdversarialModel`;
            `image_scale` and `name`, as for `LatentModel`.

    Call arguments:
        images: float [N, H, W, C] in [0, 1] or uint8, for their number only. Returns as many samples, float32.

    Raises:
        InputError: a table with columns that are not real.
    """

    parts = ("decoder", "prior", "image_scale", "discriminator")
    builders = {part: AdversarialModel.builders[part] for part in ("decoder", "discriminator")}
    given = ("reconstruction_loss",)  # there is no reconstruction
    metrics = ("log_likelihood", "sample_quality")
    figures = ("samples", "manifold", "losses", "views")
    monitor = ""
    default_signature = "sample"

    def __init__(self, decoder, discriminator, prior, **kwargs):
        super().__init__(None, decoder, prior, discriminator=discriminator, **kwargs)
        if self.image_scale.kinds != ("real",):
            raise InputError(
                f"a GAN is of images or of real columns; the table has {', '.join(self.image_scale.kinds)} columns, "
                "so use an autoencoder"
            )

    def codes(self, batch, seed=None, training=False):
        """Return prior samples z, as many as the batch has images, and the flat 'images' they are decoded to."""
        z = self.prior.sample(tf.shape(batch["images"])[0], as_seed(0) if seed is None else seed)
        images = tf.cast(self.decoder(z, training=training), tf.float32)
        return {"z": z, "images": _flat(images)}

    def updates(self):
        """Return the discriminator's update and the generator's."""
        game = ImageObjective(self.image_scale, self.discriminator, **self.objective_options)
        return regularization([game], self.decoder.trainable_variables)

    def validate(self, split):
        """Return nothing: without an encoder there is no error to watch."""
        return {}

    def build(self, input_shape):
        """Build both networks for images of shape (N, H, W, C)."""
        if not self.built:
            super().build(input_shape)
            self.discriminator(tf.zeros((2, math.prod(input_shape[1:]))))

    def encode(self, images, seed=None, batch_size=1000, code="z"):
        """Refuse: there is no encoder."""
        raise InputError("a GAN has no encoder: it can sample and decode only")

    def reconstruct(self, images, labels=None, batch_size=1000):
        """Refuse: there is no encoder."""
        raise InputError("a GAN has no encoder: it can sample and decode only")

    def score(self, images, labels=None, batch_size=1000):
        """Refuse: there is no encoder."""
        raise InputError("a GAN has no encoder: it can sample and decode only")

    def interpolate(self, start, end, n=10, labels=None):
        """Refuse: there is no encoder."""
        raise InputError("a GAN has no encoder: it can sample and decode only")

    def get_config(self):
        """Return the arguments that make this model again; it has no encoder."""
        config = super().get_config()
        del config["encoder"]
        return config

    def signatures(self):
        """Return 'decode' and 'sample'."""
        found = super().signatures()
        return {name: found[name] for name in ("decode", "sample")}
