"""Encoders: a backbone from images to features, and a head for each code (q(z|x), q(y|x)).

Any Keras model from images to features works as backbone. Any Keras model from images to codes works as the encoder of
a model; it becomes a backbone whose output is the code z.
"""

from typing import Any, Self

from aae_tf.backend import keras, tf
from aae_tf.networks.layers import CHANNELS_LAST, SequentialNetwork, initializer
from aae_tf.utils.random import fold, normal, seeds, uniform


@keras.saving.register_keras_serializable("aae_tf")
class MLPBackbone(SequentialNetwork):
    """Images [N, H, W, C] to features [N, widths[-1]] by dense layers; arguments as for `SequentialNetwork`."""

    def __init__(self, widths: tuple[int, ...] = (1000, 1000), **kwargs: Any):
        super().__init__(widths, **kwargs)
        self.chain = [keras.layers.Flatten(CHANNELS_LAST, dtype=self.dtype_policy), *self.dense(self.widths, self.seed)]


@keras.saving.register_keras_serializable("aae_tf")
class ConvolutionalBackbone(SequentialNetwork):
    """Images [N, H, W, C] to features [N, widths[-1]] by convolutions of stride 2, then dense layers.

    Args:
        filters: filters of each 4x4 convolution.
        widths: units of each dense layer after them.
        **kwargs: as for `SequentialNetwork`.
    """

    def __init__(self, filters: tuple[int, ...] = (32, 64, 128), widths: tuple[int, ...] = (256,), **kwargs: Any):
        super().__init__(widths, **kwargs)
        self.filters = tuple(filters)
        *conv_seeds, dense_seed = seeds(self.seed, len(self.filters) + 1)
        layers = []
        for count, conv_seed in zip(self.filters, conv_seeds, strict=True):
            start = initializer(self.kernel_initializer, conv_seed)
            form = {"kernel_initializer": start, "data_format": CHANNELS_LAST, "dtype": self.dtype_policy}
            layers += self.stage(keras.layers.Conv2D(count, 4, 2, "same", **form))
        flatten = keras.layers.Flatten(CHANNELS_LAST, dtype=self.dtype_policy)
        self.chain = [*layers, flatten, *self.dense(self.widths, dense_seed)]


@keras.saving.register_keras_serializable("aae_tf")
class Encoder(keras.Model):
    """q(·|x): a backbone and one head for each code.

    Args:
        backbone: Keras model from images [N, H, W, C] to features [N, F] (or to the code, without heads).
        heads: dict of code name to a posterior layer; None: the backbone's output is the code 'z'.
        input_noise: standard deviation of Gaussian noise added to the images when a seed is given.
        input_dropout: share of image values set to 0 (the others scaled up) when a seed is given.

    Call arguments:
        images: float [N, H, W, C] in the networks' scale; training: bool;
        seed: int32 [2] for random codes and input noise, None for representatives of q.
        Returns a dict of code name to float32 [N, dim].
    """

    def __init__(
        self, backbone: Any, heads: Any = None, input_noise: float = 0.0, input_dropout: float = 0.0, **kwargs: Any
    ):
        kwargs.setdefault("dtype", "float32")  # of images and codes; the backbone has its own policy
        super().__init__(**kwargs)
        self.backbone, self.heads = backbone, heads
        self.input_noise, self.input_dropout = input_noise, input_dropout

    def features(self, images: "tf.Tensor", training: bool = False, seed: Any = None) -> "tf.Tensor":
        """Return the backbone's features [N, F] of images, corrupted if a seed is given.

        Args:
            images: float [N, H, W, C], in the networks' scale.
            training: whether layers act as in training.
            seed: int32 [2] or None.
        """
        if seed is not None and self.input_dropout:
            kept = uniform(tf.shape(images), fold(seed, 1), images.dtype) >= self.input_dropout
            images = tf.where(kept, images * (1 / (1 - self.input_dropout)), 0)
        if seed is not None and self.input_noise:
            noise = normal(tf.shape(images), fold(seed, 2), images.dtype)
            images = images + tf.cast(self.input_noise, images.dtype) * noise
        return self.backbone(images, training=training)

    def call(self, images: "tf.Tensor", training: bool = False, seed: Any = None) -> "dict[str, tf.Tensor]":
        """Return the codes by name."""
        features = self.features(images, training, seed)
        if self.heads is None:
            return {"z": tf.cast(features, tf.float32)}
        codes = {}
        for position, (name, head) in enumerate(self.heads.items()):
            draw = None if seed is None else fold(seed, 3 + position)
            codes[name] = head(features, seed=draw, training=training)
        return codes

    def variables_of(self, *codes: str) -> "list[keras.Variable]":
        """Return the trainable variables that the named codes depend on: the backbone's and those heads'."""
        heads = [variable for code in codes for variable in self.heads[code].trainable_variables]
        return self.backbone.trainable_variables + heads

    def build(self, input_shape: tuple) -> None:
        """Build the backbone, then each head on its features."""
        features = self.backbone(tf.zeros((1, *input_shape[1:]))).shape
        for head in (self.heads or {}).values():
            if not head.built:
                head.build(features)
        self.built = True

    def compute_output_shape(self, input_shape: tuple) -> dict[str, tuple]:
        """Return the shape of each code by name."""
        features = self.backbone.compute_output_shape(input_shape)
        if self.heads is None:
            return {"z": features}
        return {name: head.compute_output_shape(features) for name, head in self.heads.items()}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this encoder again, backbone and heads included."""
        serialize = keras.saving.serialize_keras_object
        heads = None if self.heads is None else {name: serialize(head) for name, head in self.heads.items()}
        noise = {"input_noise": self.input_noise, "input_dropout": self.input_dropout}
        return {**super().get_config(), "backbone": serialize(self.backbone), "heads": heads, **noise}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the encoder that `get_config` describes."""
        restore = keras.saving.deserialize_keras_object
        config = dict(config, backbone=restore(config["backbone"]))
        if config["heads"] is not None:
            config["heads"] = {name: restore(head) for name, head in config["heads"].items()}
        return cls(**config)


def as_encoder(network: keras.Model) -> Encoder:
    """Return an `Encoder` as it is, and a Keras model from images [N, H, W, C] to codes [N, D] as an `Encoder`."""
    return network if isinstance(network, Encoder) else Encoder(network)
