"""Consistency: what is class y is class y however it is looked at.

An encoder that gives a class to an image should give the same one to a view of it (Sajjadi et al., 2016, arXiv
1606.04586; Xie et al., 2020, arXiv 1904.12848), and to the image moved in the direction that changes the answer most
(virtual adversarial training, Miyato et al., 2018, arXiv 1704.03976), which needs no knowledge of the data. Beside them
the mutual information of image and class (IMSAT, Hu et al., 2017, arXiv 1702.08720) asks for sure answers and for all
classes. None of it reads a label.
"""

from typing import Annotated

from aae_tf.backend import tf
from aae_tf.config.schema import Range
from aae_tf.training.updates import Phase, Update
from aae_tf.utils.random import fold

HARDLY = 2.5e-4  # nats for a step of length 1: where the class hardly changes there is no direction to go
CONSISTENCY = ("consistency", "perturbation", "mutual_information")  # phases, each by the option that asks for it


def divergence(logits, others):
    """Return KL(p || q) in nats, mean over rows, with no gradient through p: a scalar, at least 0.

    Args:
        logits: float32 [N, K], of p.
        others: float32 [N, K], of q.
    """
    logits = tf.stop_gradient(logits)
    gap = tf.nn.log_softmax(logits) - tf.nn.log_softmax(others)
    return tf.reduce_mean(tf.reduce_sum(tf.nn.softmax(logits) * gap, -1))


def negative_information(y, spread=4.0):
    """Return H(y|x) - spread · H(y) in nats, of q(y|x), float32 [N, K]; H(y) is of the batch's mean. A scalar.

    Args:
        y: float32 [N, K], rows that sum to 1.
        spread: factor on H(y), above 1 to use every class. The more, the more nearly are all used alike, which 16
            clusters of ten classes cannot be without mixing some.

    Reference:
        Hu et al., 2017, arXiv 1702.08720, section 3.2.
    """

    def entropy(p):
        return -tf.reduce_sum(p * tf.math.log(p + 1e-8), -1)

    return tf.reduce_mean(entropy(y)) - spread * entropy(tf.reduce_mean(y, 0))


def adversarial_perturbation(logits_of, images, logits, size, seed, probe=1.0):
    """Return the change of each image, of L2 norm `size`, that changes q(y|x) most: float32 like the images.

    One step of the power method, from a random direction. Where the divergence's own gradient is not much longer than
    `HARDLY` the change is shorter: size · g / √(g² + HARDLY²), which does not hang on how many images there are.

    Args:
        logits_of: function from images to logits of q(y|x), float32 [N, K].
        images: float32 [N, ...].
        logits: float32 [N, K], of the images as they are.
        size: L2 norm of the change.
        seed: int32 [2].
        probe: L2 norm of the step that finds the direction.

    Reference:
        Miyato et al., 2018, arXiv 1704.03976, section 3.3.
    """
    direction = _unit(tf.random.stateless_normal(tf.shape(images), seed))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(direction)
        mean = divergence(logits, logits_of(images + probe * direction))
        total = mean * tf.cast(tf.shape(images)[0], tf.float32)  # a mean's gradient can be less than float16 has
    return tf.stop_gradient(size * _unit(tape.gradient(total, direction), HARDLY))


def _unit(rows, least=1e-6):
    """Return rows of L2 norm 1; shorter ones where theirs is not much more than `least`."""
    axes = list(range(1, rows.shape.rank))
    return rows * tf.math.rsqrt(tf.reduce_sum(tf.square(rows), axes, keepdims=True) + least**2)


class Consistent:
    """What a model whose codes have `y_logits`, of classes or clusters, may ask of them; named first of its bases.

    Args:
        *args: as for the model.
        consistency: whether views of an image are to have its class (a phase 'consistency'; views are the recipe's).
        perturbation: L2 norm of a virtual adversarial perturbation that is to leave the class as it is (a phase
            'perturbation'), in pixels of [0, 1], see `adversarial_perturbation`; 0 for none.
        mutual_information: whether y is to tell the most of the image: sure of each, and every class used (a phase
            'mutual_information').
        marginal_entropy_weight: weight of the second of these against the first, see `negative_information`; less where
            clusters need not be of one size.
        **kwargs: as for the model.
    """

    def __init__(
        self,
        *args,
        consistency: bool = False,
        perturbation: Annotated[float, Range(0.0)] = 0.0,
        mutual_information: bool = False,
        marginal_entropy_weight: Annotated[float, Range(1.0)] = 4.0,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.consistency, self.perturbation, self.mutual_information = consistency, perturbation, mutual_information
        self.marginal_entropy_weight = marginal_entropy_weight

    @property
    def required_inputs(self):
        """Views, where an image is to be consistent with them, beside what the model brings."""
        return (*super().required_inputs, *(["views"] if self.consistency else []))

    @property
    def asked(self):
        """The phases of consistency that the options ask for."""
        return [name for name in CONSISTENCY if getattr(self, name)]

    @property
    def absent(self):
        """Those that they do not ask for."""
        return [name for name in CONSISTENCY if name not in self.asked]

    def consistency_updates(self, variables, optimizer="classification"):
        """Return the updates that the options ask for: consistency with views, with a virtual adversarial perturbation,
        and mutual information.

        Args:
            variables: what they move.
            optimizer: the kind of optimizer settings that they take from the recipe.
        """

        def logits_of(images, seed):
            return self.codes({"images": images}, seed=seed, training=True)["y_logits"]

        def with_views(batch, codes, seed):
            return divergence(codes["y_logits"], logits_of(batch["views"], seed))

        def with_perturbation(batch, codes, seed):
            images, logits = batch["images"], codes["y_logits"]
            noise, start = fold(seed, 0), fold(seed, 1)

            def logits_at(steps):
                return logits_of(self.image_scale.moved(images, steps), noise)

            steps = adversarial_perturbation(logits_at, tf.zeros_like(images), logits, self.perturbation, start)
            return divergence(logits, logits_at(steps))

        def information(batch, codes, seed):
            y = codes["y"] if "y" in codes else tf.nn.softmax(codes["y_logits"])
            return negative_information(y, self.marginal_entropy_weight)

        return [
            Update(Phase(name, loss, variables), optimizer=optimizer)
            for name, loss in zip(CONSISTENCY, (with_views, with_perturbation, information), strict=True)
            if name in self.asked
        ]
