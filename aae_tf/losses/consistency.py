"""Losses of consistency regularization: the class of an image does not depend on a view or a small perturbation.

Views (Sajjadi et al., 2016, arXiv 1606.04586; Xie et al., 2020, arXiv 1904.12848) need transformations that fit the
data; virtual adversarial training (Miyato et al., 2018, arXiv 1704.03976) needs none. The mutual information of image
and class (IMSAT, Hu et al., 2017, arXiv 1702.08720) encourages confident and balanced predictions. None uses labels.
"""

from collections.abc import Callable

from aae_tf.backend import tf

GRADIENT_FLOOR = 2.5e-4  # nats for a step of length 1; below it the class hardly changes in any direction


def divergence(logits: "tf.Tensor", others: "tf.Tensor") -> "tf.Tensor":
    """Return KL(p || q) in nats of logits of p and q [N, K], mean over rows, without a gradient through p: a scalar."""
    logits = tf.stop_gradient(logits)
    gap = tf.nn.log_softmax(logits) - tf.nn.log_softmax(others)
    return tf.reduce_mean(tf.reduce_sum(tf.nn.softmax(logits) * gap, -1))


def mutual_information_loss(y: "tf.Tensor", marginal_entropy_weight: float = 4.0) -> "tf.Tensor":
    """Return H(y|x) - marginal_entropy_weight · H(y) in nats, of q(y|x) [N, K]; H(y) is of the batch's mean. A scalar.

    Args:
        y: q(y|x), float32 [N, K].
        marginal_entropy_weight: factor on H(y), above 1 to use every class. The larger, the more equal the sizes of the
            classes, so that 16 clusters of ten classes mix some.

    Reference: Hu et al., 2017, arXiv 1702.08720, section 3.2.
    """

    def entropy(p):
        return -tf.reduce_sum(p * tf.math.log(p + 1e-8), -1)

    return tf.reduce_mean(entropy(y)) - marginal_entropy_weight * entropy(tf.reduce_mean(y, 0))


def adversarial_perturbation(
    logits_of: "Callable[[tf.Tensor], tf.Tensor]",
    images: "tf.Tensor",
    logits: "tf.Tensor",
    size: float,
    seed: "tf.Tensor",
    probe: float = 1.0,
) -> "tf.Tensor":
    """Return the VAT perturbation: the change of each image, of L2 norm `size`, that changes q(y|x) most.

    One step of the power method, from a random direction. Where the gradient g of the divergence is not much longer
    than `GRADIENT_FLOOR` the change is shorter, size · g / √(g² + GRADIENT_FLOOR²), whatever the number of images.

    Args:
        logits_of: function from images, float32 [N, ...], to `logits` of q(y|x), float32 [N, K].
        images: float32 [N, ...].
        logits: those of the images.
        size: L2 norm of the change.
        seed: int32 [2].
        probe: L2 norm of the step that finds the direction.

    Reference: Miyato et al., 2018, arXiv 1704.03976, section 3.3.
    """
    direction = _unit(tf.random.stateless_normal(tf.shape(images), seed))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(direction)
        mean = divergence(logits, logits_of(images + probe * direction))
        total = mean * tf.cast(tf.shape(images)[0], tf.float32)  # the gradient of a mean can underflow in float16
    return tf.stop_gradient(size * _unit(tape.gradient(total, direction), GRADIENT_FLOOR))


def _unit(rows, least=1e-6):
    """Return rows of L2 norm 1; shorter ones where their norm is not much more than `least`."""
    axes = list(range(1, rows.shape.rank))
    return rows * tf.math.rsqrt(tf.reduce_sum(tf.square(rows), axes, keepdims=True) + least**2)
