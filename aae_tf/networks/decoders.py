"""Decoders p(x|z): codes to images in the networks' scale. Any Keras model from [N, D] to [N, H, W, C] works."""

import math
from typing import Any

from aae_tf.backend import keras
from aae_tf.errors import InputError
from aae_tf.networks.layers import CHANNELS_LAST, SequentialNetwork, initializer
from aae_tf.utils.random import seeds


@keras.saving.register_keras_serializable("aae_tf")
class MLPDecoder(SequentialNetwork):
    """Codes [N, D] to images, float32 [N, H, W, C], by dense layers (the paper's: two of 1000 ReLU).

    Args:
        image_shape: (H, W, C), or (D,) of rows.
        widths: units of each hidden layer.
        output_activation: 'sigmoid', 'tanh' or 'linear', to fit the scale of the images.
        **kwargs: as for `SequentialNetwork`.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        widths: tuple[int, ...] = (1000, 1000),
        output_activation: str = "sigmoid",
        **kwargs: Any,
    ):
        super().__init__(widths, **kwargs)
        self.image_shape, self.output_activation = tuple(image_shape), output_activation
        hidden_seed, output_seed = seeds(self.seed, 2)
        start = initializer(self.kernel_initializer, output_seed)
        self.chain = [
            *self.dense(self.widths, hidden_seed),
            keras.layers.Dense(math.prod(self.image_shape), kernel_initializer=start, dtype=self.dtype_policy),
            keras.layers.Reshape(self.image_shape, dtype=self.dtype_policy),
            keras.layers.Activation(output_activation, dtype="float32"),
        ]


@keras.saving.register_keras_serializable("aae_tf")
class ConvolutionalDecoder(SequentialNetwork):
    """Codes [N, D] to images, float32 [N, H, W, C], by dense layers and transposed convolutions of stride 2.

    Args:
        image_shape: (H, W, C).
        filters: filters before each doubling of the resolution, coarse to fine.
        widths: units of each dense layer before them.
        output_activation: 'sigmoid', 'tanh' or 'linear', to fit the scale of the images.
        **kwargs: as for `SequentialNetwork`.

    Raises:
        InputError: elements that are not images.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        filters: tuple[int, ...] = (128, 64, 32),
        widths: tuple[int, ...] = (256,),
        output_activation: str = "sigmoid",
        **kwargs: Any,
    ):
        super().__init__(widths, **kwargs)
        self.image_shape, self.filters = tuple(image_shape), tuple(filters)
        self.output_activation = output_activation
        if len(self.image_shape) != 3:
            given = f"convolutions are for images (H, W, C), not for elements of shape {self.image_shape}"
            raise InputError(f"{given}; use architecture='mlp'")
        height, width, channels = self.image_shape
        coarse = [-(-side // 2 ** len(self.filters)) for side in (height, width)]
        dense_seed, *conv_seeds = seeds(self.seed, len(self.filters) + 1)
        layers = self.dense([*self.widths, math.prod(coarse) * self.filters[0]], dense_seed)
        layers.append(keras.layers.Reshape((*coarse, self.filters[0]), dtype=self.dtype_policy))
        for count, conv_seed in zip((*self.filters[1:], channels), conv_seeds, strict=True):
            start = initializer(self.kernel_initializer, conv_seed)
            form = {"kernel_initializer": start, "data_format": CHANNELS_LAST, "dtype": self.dtype_policy}
            layers += self.stage(keras.layers.Conv2DTranspose(count, 4, 2, "same", **form))
        while not isinstance(layers[-1], keras.layers.Conv2DTranspose):
            layers.pop()  # the last convolution gives the image, without normalisation and hidden activation
        fine = [side * 2 ** len(self.filters) for side in coarse]
        crop = [(extra // 2, extra - extra // 2) for extra in (fine[0] - height, fine[1] - width)]
        self.chain = [
            *layers,
            keras.layers.Cropping2D(crop, CHANNELS_LAST, dtype=self.dtype_policy),
            keras.layers.Activation(output_activation, dtype="float32"),
        ]
