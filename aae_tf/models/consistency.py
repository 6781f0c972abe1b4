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
from aae_tf.losses import adversarial_perturbation, divergence, mutual_information_loss
from aae_tf.training.updates import Phase, Update
from aae_tf.utils.random import fold

CONSISTENCY = ("consistency", "perturbation", "mutual_information")  # phases, each by the option that asks for it


class Consistent:
    """What a model whose codes have `y_logits`, of classes or clusters, may ask of them; named first of its bases.

    Args:
        *args: as for the model.
        consistency: whether views of an image are to have its class (a phase 'consistency'; views are the recipe's).
        perturbation: L2 norm of a virtual adversarial perturbation that is to leave the class as it is (a phase
            'perturbation'), in pixels of [0, 1], see `adversarial_perturbation`; 0 for none.
        mutual_information: whether y is to tell the most of the image: sure of each, and every class used (a phase
            'mutual_information').
        marginal_entropy_weight: factor on the marginal entropy, see `mutual_information_loss`; less where
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
            return mutual_information_loss(y, self.marginal_entropy_weight)

        return [
            Update(Phase(name, loss, variables), optimizer=optimizer)
            for name, loss in zip(CONSISTENCY, (with_views, with_perturbation, information), strict=True)
            if name in self.asked
        ]
