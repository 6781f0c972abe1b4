"""Consistency regularization of models with the logits of a class or cluster; see `aae_tf.losses.consistency`."""

from collections.abc import Sequence
from typing import Annotated, Any

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.losses import adversarial_perturbation, divergence, mutual_information_loss
from aae_tf.models.specs import TrainingSpec
from aae_tf.training.updates import Phase, Update
from aae_tf.utils.random import fold

PHASES = ("consistency", "perturbation", "mutual_information")  # each enabled by the option of its name


class Consistent:
    """A model whose codes have `y_logits`, of classes or clusters; named first among the bases.

    Args:
        consistency: whether augmentations of an image are to have its class (a phase 'consistency').
        perturbation: L2 norm, in pixels of [0, 1], of a virtual adversarial perturbation that is to leave the class
            unchanged (a phase 'perturbation'), see `adversarial_perturbation`; 0 for none.
        mutual_information: whether to maximize the mutual information between image and class, which encourages
            confident and balanced predictions (a phase 'mutual_information').
        marginal_entropy_weight: factor on the marginal entropy, see `mutual_information_loss`; lower where clusters may
            differ in size.
        **kwargs: further arguments of the model.
    """

    def __init__(
        self,
        *args: Any,
        consistency: bool = False,
        perturbation: Annotated[float, Range(0.0)] = 0.0,
        mutual_information: bool = False,
        marginal_entropy_weight: Annotated[float, Range(1.0)] = 4.0,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.consistency, self.perturbation, self.mutual_information = consistency, perturbation, mutual_information
        self.marginal_entropy_weight = marginal_entropy_weight

    @property
    def training_spec(self) -> TrainingSpec:
        """Training needs views for consistency with them; phases that the options disable are named."""
        views = ("views",) if self.consistency else ()
        disabled = [name for name in PHASES if not getattr(self, name)]
        return super().training_spec.extended(required_inputs=views, disabled_phases=disabled)

    def consistency_updates(
        self, variables: "Sequence[keras.Variable]", optimizer: str = "classification"
    ) -> list[Update]:
        """Return the updates of `variables` that the options enable, by the settings of a kind of optimizer."""

        def logits_of(images, seed):
            return self.codes({"images": images}, seed=seed, training=True)["y_logits"]

        def consistency(batch, codes, seed):
            return divergence(codes["y_logits"], logits_of(batch["views"], seed))

        def perturbation(batch, codes, seed):
            images, logits = batch["images"], codes["y_logits"]
            noise, start = fold(seed, 0), fold(seed, 1)

            def logits_at(steps):
                return logits_of(self.image_scale.moved(images, steps), noise)

            steps = adversarial_perturbation(logits_at, tf.zeros_like(images), logits, self.perturbation, start)
            return divergence(logits, logits_at(steps))

        def mutual_information(batch, codes, seed):
            y = codes["y"] if "y" in codes else tf.nn.softmax(codes["y_logits"])
            return mutual_information_loss(y, self.marginal_entropy_weight)

        return [
            Update(Phase(name, loss, variables), optimizer=optimizer)
            for name, loss in zip(PHASES, (consistency, perturbation, mutual_information), strict=True)
            if getattr(self, name)
        ]
