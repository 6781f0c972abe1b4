"""What every model of the paper shares: networks in, phases out, and the ways to use a trained one."""

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.errors import InputError, check_choice
from aae_tf.models.losses import RECONSTRUCTION
from aae_tf.models.phases import Phase
from aae_tf.networks import ImageScale, as_encoder
from aae_tf.priors import fold


def as_images(images):
    """Return images as float32 [N, H, W, C] in [0, 1].

    Args:
        images: uint8 [N, H, W(, C)] in 0..255, or float in [0, 1]; array or tensor.
    """
    images = tf.convert_to_tensor(images)
    scale = 255.0 if images.dtype == tf.uint8 else 1.0
    images = tf.cast(images, tf.float32) / scale
    return images[..., None] if images.shape.rank == 3 else images


class LatentModel(keras.Model):
    """An encoder, a decoder and a prior, trained by phases; the base of every model here.

    A subclass adds networks (named in `parts` so that they are saved) and defines `phases`; most also define
    `from_recipe`.

    Args:
        encoder: `Encoder`, or a Keras model from images [N, H, W, C] to codes [N, D].
        decoder: Keras model from codes [N, D] to images [N, H, W, C] in the networks' scale.
        prior: `aae_tf.priors.Prior` of z.
        image_scale: 'unit', 'signed' or 'standardized', or an `ImageScale`.
        reconstruction_loss: 'squared_error', 'mean_squared_error' or 'binary_crossentropy'.

    Call arguments:
        images: float [N, H, W, C] in [0, 1] (or uint8); training: bool.
        Returns the reconstruction, float32 [N, H, W, C] in [0, 1].
    """

    parts = ("encoder", "decoder", "prior", "image_scale")
    options = ("reconstruction_loss",)

    def __init__(self, encoder, decoder, prior, image_scale="unit", reconstruction_loss="squared_error", **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder, self.prior = as_encoder(encoder), decoder, prior
        self.image_scale = ImageScale(image_scale) if isinstance(image_scale, str) else image_scale
        self.reconstruction_loss = check_choice("reconstruction_loss", reconstruction_loss, RECONSTRUCTION)
        self._compiled = {}

    # Training ---------------------------------------------------------------------------------------------

    def phases(self):
        """Return the ordered list of `Phase` that trains this model (built before)."""
        raise InputError(f"{type(self).__name__} does not define its phases()")

    def codes(self, batch, seed=None, training=False):
        """Return the encoder's codes, a dict of float32 [N, D], of a batch.

        Args:
            batch: dict with 'images', float32 [N, H, W, C] in [0, 1].
            seed: int32 [2] for noise and sampling, None for representatives.
            training: whether layers act as in training.
        """
        return self.encoder(self.image_scale(batch["images"]), training=training, seed=seed)

    def decoder_input(self, codes, batch):
        """Return what the decoder sees, float32 [N, D]: here the code z."""
        return codes["z"]

    def reconstruction_phase(self, weight=1.0):
        """Return the phase in which encoder and decoder minimise the reconstruction error of the clean image."""

        def loss(batch, codes, seed):
            outputs = tf.cast(self.decoder(self.decoder_input(codes, batch), training=True), tf.float32)
            return RECONSTRUCTION[self.reconstruction_loss](self.image_scale(batch["images"]), outputs)

        variables = self.encoder.trainable_variables + self.decoder.trainable_variables
        return Phase("reconstruction", loss, variables, "reconstruction", weight)

    def build(self, input_shape):
        """Build every network for images of shape (N, H, W, C) and check that their shapes fit.

        Raises:
            InputError: the encoder's codes, the prior and the decoder's images do not fit together.
        """
        if self.built:
            return
        shape = (None, *input_shape[1:])
        images = self.image_scale(tf.zeros((2, *shape[1:])))
        codes = self.encoder(images)
        if codes["z"].shape[-1] != self.prior.dim:
            raise InputError(
                f"the encoder gives codes of dimension {codes['z'].shape[-1]} but the prior has {self.prior.dim}"
            )
        outputs = self.build_decoder(codes, images)
        if outputs.shape[1:] != images.shape[1:]:
            raise InputError(
                f"the decoder gives images of shape {tuple(outputs.shape[1:])}, not {tuple(images.shape[1:])}"
            )
        self.built = True

    def build_decoder(self, codes, images):
        """Build and run the decoder once; models whose decoder sees more than z override this."""
        return self.decoder(codes["z"])

    # Use ----------------------------------------------------------------------------------------------------

    def call(self, images, training=False):
        """Return reconstructions."""
        batch = {"images": as_images(images)}
        codes = self.codes(batch, training=training)
        outputs = self.decoder(self.decoder_input(codes, batch), training=training)
        return self.image_scale.invert(tf.cast(outputs, tf.float32))

    def encode(self, images, seed=None, batch_size=1000):
        """Return the codes z of images.

        Args:
            images: uint8 or float [N, H, W(, C)].
            seed: None for each image's representative code, an int for one sample of q(z|x).
            batch_size: images per pass.

        Returns:
            float32 array [N, D].
        """

        if seed is None:
            return self._in_batches("encode", lambda images: self.codes({"images": images})["z"], batch_size, images)

        def run(images, seed):
            return self.codes({"images": images}, seed=seed)["z"]

        return self._in_batches("encode sample", run, batch_size, images, seed)

    def decode(self, codes, batch_size=1000):
        """Return images, float32 array [N, H, W, C] in [0, 1], of codes, float [N, D]."""

        def run(codes):
            outputs = self.decoder(codes, training=False)
            return self.image_scale.invert(tf.cast(outputs, tf.float32))

        return self._in_batches("decode", run, batch_size, np.asarray(codes, "float32"))

    def reconstruct(self, images, batch_size=1000):
        """Return reconstructions, float32 array [N, H, W, C] in [0, 1], of images, uint8 or float."""
        return self._in_batches("reconstruct", self.call, batch_size, images)

    def sample(self, n, seed=0, batch_size=1000):
        """Return `n` new images, float32 array [n, H, W, C] in [0, 1]: decoded prior samples.

        Args:
            n: how many.
            seed: int; the same seed gives the same images.
            batch_size: images per pass.
        """
        return self.decode(self.prior.sample(n, seed).numpy(), batch_size)

    def _in_batches(self, name, run, batch_size, inputs, seed=None):
        """Run a compiled function over chunks of `inputs` and return the joined array.

        Raises:
            InputError: no rows, or rows of another shape than the model's images or codes.
        """
        inputs = inputs if hasattr(inputs, "dtype") else np.asarray(inputs)
        wanted = (self.prior.dim,) if name == "decode" else tuple(self.get_build_config()["input_shape"][1:])
        accepted = (wanted, wanted[:-1]) if name != "decode" and wanted[-1] == 1 else (wanted,)
        if len(inputs) == 0 or tuple(inputs.shape[1:]) not in accepted:
            named = ", ".join(str(size) for size in wanted)
            raise InputError(f"an array of shape {tuple(inputs.shape)} was given; accepted: [N, {named}] with N > 0")
        if name not in self._compiled:
            specs = [tf.TensorSpec((None, *wanted), tf.float32)]
            specs += [] if seed is None else [tf.TensorSpec((2,), tf.int32)]
            self._compiled[name] = tf.function(run, input_signature=specs)
        results = []
        for start in range(0, len(inputs), batch_size):
            chunk = inputs[start : start + batch_size]
            chunk = tf.cast(chunk, tf.float32) if name == "decode" else as_images(chunk)
            draw = [] if seed is None else [fold(seed, start)]
            results.append(self._compiled[name](chunk, *draw).numpy())
        return np.concatenate(results)

    # Keras --------------------------------------------------------------------------------------------------

    def get_config(self):
        """Return the arguments that make this model again, networks and prior included."""
        config = super().get_config()
        for part in self.parts:
            config[part] = keras.saving.serialize_keras_object(getattr(self, part))
        return {**config, **{option: getattr(self, option) for option in self.options}}

    @classmethod
    def from_config(cls, config):
        """Return the model that `get_config` describes."""
        parts = {part: keras.saving.deserialize_keras_object(config[part]) for part in cls.parts}
        return cls(**{**config, **parts})
