"""A phase of consistency regularization, with an augmentation of its own.

The model of Makhzani et al., 2016 (arXiv 1511.05644, §5) with the loss of Xie et al., 2020 (arXiv 1904.12848):
KL(q(y|x) ‖ q(y|view)), without a gradient through the first, over labelled and unlabelled images. The views are
those of the recipe (`views.shift`, ...) with a square erased (DeVries and Taylor, 2017, arXiv 1708.04552), a function
of images and a seed inside the compiled step.

    aae-tf --plugin examples/consistent_views.py train consistent --labels 100 --set views.shift=1 --set erased=8
"""

import dataclasses
from typing import Annotated

import aae_tf
from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.models import MODELS
from aae_tf.utils.random import split_seed


def erase(images, side, seed):
    """Return images, float32 [N, H, W, C], each with a black square at a random position."""
    inside = []
    for size, draw in zip(images.shape[1:3], tf.unstack(split_seed(seed, 2)), strict=True):
        start = tf.random.stateless_uniform([tf.shape(images)[0], 1], draw, 0, size - side + 1, tf.int32)
        inside.append((tf.range(size) >= start) & (tf.range(size) < start + side))
    rows, columns = inside
    return tf.where((rows[:, :, None] & columns[:, None, :])[..., None], 0.0, images)


@MODELS.register
@keras.saving.register_keras_serializable("examples")
class ConsistentAAE(aae_tf.SemiSupervisedAAE):
    """The model of §5 with a phase 'same_class'.

    Args:
        *args: as for `SemiSupervisedAAE`.
        erased: side of the square, in pixels; 0 for none.
        **kwargs: as for `SemiSupervisedAAE`.
    """

    def __init__(self, *args, erased: Annotated[int, Range(0)] = 6, **kwargs):
        super().__init__(*args, **kwargs)
        self.erased = erased

    @property
    def training_spec(self):
        """Training needs views of the images."""
        return super().training_spec.extended(required_inputs=("views",))

    def updates(self):
        """Return the updates of §5, and the new one."""
        phase = aae_tf.Phase("same_class", self.same_class_loss, self.encoder.variables_of("y_logits"))
        return [*super().updates(), aae_tf.Update(phase, optimizer="same_class")]

    def same_class_loss(self, batch, codes, seed):
        """Return KL(q(y|x) ‖ q(y|view)) in nats, mean over the batch: a scalar, at least 0."""
        position, noise = tf.unstack(split_seed(seed, 2))
        views = erase(batch["views"], self.erased, position)
        of_views = tf.nn.log_softmax(self.codes({"images": views}, seed=noise, training=True)["y_logits"])
        of_images = tf.nn.log_softmax(tf.stop_gradient(codes["y_logits"]))
        return tf.reduce_mean(tf.reduce_sum(tf.exp(of_images) * (of_images - of_views), -1))


base = aae_tf.recipes()["semi_supervised"]
aae_tf.register_recipe(
    dataclasses.replace(
        base,
        name="consistent",
        summary="100 labels, and the same class for each view",
        model="ConsistentAAE",
        views={"rotation": 12.0, "scale": 0.12, "shear": 0.15, "shift": 2.0},
        optimizers={**base.optimizers, "same_class": aae_tf.OptimizerSettings("sgd", 0.1, 0.9)},
    )
)
