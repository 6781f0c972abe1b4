"""What several networks share: initializers with explicit seeds, hidden layers, the scale of images."""

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Choices
from aae_tf.data.element import ImageElement
from aae_tf.errors import InputError
from aae_tf.networks.normalization import BatchNormalization
from aae_tf.utils.images import max_pixel_value

IMAGE_SCALES = Choices(("unit", "signed", "centred", "standardized"))
SCALES = Choices((*IMAGE_SCALES.names, "robust", "none"))  # those of columns too, see `ColumnScale`


def initializer(name, seed):
    """Return a Keras initializer with its own seed.

    Args:
        name: a Keras initializer's name, or 'normal' for the paper's N(0, 0.01).
        seed: int; the same seed gives the same weights.

    Raises:
        InputError: Keras has no initializer of that name.
    """
    if name == "normal":
        return keras.initializers.RandomNormal(0.0, 0.01, seed=seed)
    try:
        found = keras.initializers.get(name)
    except ValueError:
        raise InputError(f"unknown initializer '{name}'; accepted: 'normal' or a Keras initializer's name") from None
    config = found.get_config()
    return type(found).from_config({**config, "seed": seed} if "seed" in config else config)


def hidden(layer, activation, batch_norm, dtype):
    """Return the layers [layer, batch normalisation if asked, activation] of one hidden stage.

    Raises:
        InputError: Keras has no activation of that name.
    """
    try:
        activate = keras.layers.Activation(activation, dtype=dtype)
    except ValueError:
        raise InputError(f"unknown activation '{activation}'; accepted: a Keras activation's name") from None
    norm = [BatchNormalization(dtype=dtype)] if batch_norm else []
    return [layer, *norm, activate]


@keras.saving.register_keras_serializable("aae_tf")
class ImageScale(keras.layers.Layer):
    """What the networks see of an image in [0, 1]: (image - shift) / spread, per dimension or for all.

    Args:
        kind: 'unit' (as is), 'signed' ([-1, 1]), 'centred' (after `adapt`, mean 0 in each dimension of the training
            set) or 'standardized' (mean 0 and variance 1).

    Call arguments:
        images: float32 [N, H, W, C] in [0, 1]. Returns float32 of the same shape.

    Attributes:
        element: `aae_tf.data.ImageElement`; its shape is None until the layer is built.
        kinds: the kind of number that a pixel is, as those of columns.

    Raises:
        InputError: an unknown kind.
    """

    kinds = ("real",)

    def __init__(self, kind="unit", **kwargs):
        super().__init__(**kwargs)
        self.kind = IMAGE_SCALES.check("image_scale", kind)
        self.element = ImageElement()

    def build(self, input_shape):
        """Make the two constants; per dimension where `adapt` sets them."""
        self.element = ImageElement(tuple(input_shape[1:]))
        shape = self.element.shape if self.kind in ("centred", "standardized") else ()
        start = 0.5 if self.kind == "signed" else None
        constant = keras.initializers.Constant
        self.shift = self.add_weight(name="shift", shape=shape, initializer=constant(start or 0.0), trainable=False)
        self.spread = self.add_weight(name="spread", shape=shape, initializer=constant(start or 1.0), trainable=False)

    def adapt(self, images):
        """Take mean and standard deviation of each dimension from uint8 or float images [N, H, W, C].

        Dimensions that hardly vary (std under 0.1 of the mean std) get that floor, so that border pixels that are
        set once in thousands of images do not dominate the error.

        Args:
            images: uint8, or float in [0, 1], [N, H, W, C].
        """
        if self.kind not in ("centred", "standardized"):
            return
        scale = max_pixel_value(images.dtype)
        mean = images.mean(0, dtype=np.float64) / scale
        self.shift.assign(mean)
        if self.kind == "centred":
            return
        chunks = np.array_split(images, max(1, len(images) // 1000))
        square = sum(((chunk / scale) ** 2).sum(0) for chunk in chunks) / len(images)
        std = np.sqrt(np.maximum(square - mean**2, 0))
        self.spread.assign(np.maximum(std, 0.1 * std.mean() + 1e-6))

    def call(self, images):
        """Return images in the networks' scale."""
        return (images - self.shift) / self.spread

    def invert(self, outputs):
        """Return images in [0, 1], float32, from what the decoder gave in the networks' scale.

        Args:
            outputs: float [N, H, W, C], in the networks' scale.
        """
        return tf.clip_by_value(outputs * self.spread + self.shift, 0.0, 1.0)

    def read(self, images):
        """Return images as they are: integers are read by `aae_tf.models.as_images`.

        Args:
            images: array or tensor [N, ...].
        """
        return images

    def comparable(self, images):
        """Return images in the units in which their errors and distances are measured: as they are, in [0, 1].

        Args:
            images: array or tensor [N, ...].
        """
        return images

    def moved(self, images, steps):
        """Return images moved by steps.

        Args:
            images: float32 [N, ...] in [0, 1].
            steps: float32 [N, ...].
        """
        return images + steps

    def parts(self, images, outputs):
        """Return what a reconstruction loss compares, as `ColumnScale.parts`: all of the image at once.

        Args:
            images: float32 [N, ...] in [0, 1].
            outputs: float32 [N, ...], in the networks' scale.
        """
        return [("real", self(images), outputs, ...)]

    @property
    def output_activation(self):
        """The decoder's output activation that fits this scale."""
        return {"unit": "sigmoid", "signed": "tanh"}.get(self.kind, "linear")

    def get_config(self):
        """Return the arguments that make this layer again."""
        return {**super().get_config(), "kind": self.kind}
