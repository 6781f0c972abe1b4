"""A consistency phase: what the class of an image is must not depend on how it is looked at.

KL(q(y|x) ‖ q(y|view)), with no gradient through the first, over all images, labelled or not: Makhzani et al., 2016
(arXiv 1511.05644, §5) with the term of Xie et al., 2020 (arXiv 1904.12848). The views are the recipe's (shifts, turns:
`views.shift`, ...), with a square erased (DeVries and Taylor, 2017, arXiv 1708.04552), which is this file's own: a view
is a function of images and a seed, inside the compiled step.

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
    """Return images, float32 [N, H, W, C], each with a black square at a place of its own."""
    inside = []
    for size, place in zip(images.shape[1:3], tf.unstack(split_seed(seed, 2)), strict=True):
        start = tf.random.stateless_uniform([tf.shape(images)[0], 1], place, 0, size - side + 1, tf.int32)
        inside.append((tf.range(size) >= start) & (tf.range(size) < start + side))
    rows, columns = inside
    return tf.where((rows[:, :, None] & columns[:, None, :])[..., None], 0.0, images)


@MODELS.register
@keras.saving.register_keras_serializable("examples")
class ConsistentAAE(aae_tf.SemiSupervisedAAE):
    """The model of §5 with a consistency phase.

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
        place, noise = tf.unstack(split_seed(seed, 2))
        views = erase(batch["views"], self.erased, place)
        seen = tf.nn.log_softmax(self.codes({"images": views}, seed=noise, training=True)["y_logits"])
        clean = tf.nn.log_softmax(tf.stop_gradient(codes["y_logits"]))
        return tf.reduce_mean(tf.reduce_sum(tf.exp(clean) * (clean - seen), -1))


USUAL = aae_tf.recipes()["semi_supervised"]
aae_tf.register_recipe(
    dataclasses.replace(
        USUAL,
        name="consistent",
        summary="100 labels, and a class that must not change with the view",
        model="ConsistentAAE",
        views={"rotation": 12.0, "scale": 0.12, "shear": 0.15, "shift": 2.0},
        optimizers={**USUAL.optimizers, "same_class": aae_tf.OptimizerSettings("sgd", 0.1, 0.9)},
    )
)
