"""Label-conditioned matching of the prior (§2.3): the label of an image decides its part of the prior.

The discriminator takes a code with a one-hot label, whose extra entry is "no label". The code of a labelled image is
matched to its class's part of the prior (a mixture component, an arc of the swiss roll), that of an unlabelled image to
the whole. Each part becomes one class, and the position within it is the style.

Labelled images are few in a mini-batch drawn from all (20 of 100 with the paper's 10,000 of 50,000). As in §5, each
mini-batch has a separate labelled mini-batch, whose codes take part in the objective. The class of a code is the part
of the prior around it, so that consistency regularization applies to images with and without labels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.backend import keras
from aae_tf.errors import InputError
from aae_tf.models.adversarial import AdversarialObjective, LabelConditionedObjective
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.consistency import PHASES, Consistent
from aae_tf.models.sampling import Codes
from aae_tf.models.specs import ReportSpec, TrainingSpec
from aae_tf.priors import Prior
from aae_tf.training.updates import Update
from aae_tf.utils.random import fold


@keras.saving.register_keras_serializable("aae_tf")
class LabelInformedAAE(Consistent, AdversarialAutoencoder):
    """The model of §2.3 (arXiv 1511.05644, figure 3).

    Arguments are those of `Consistent` and `AdversarialAutoencoder`; the prior has K classes and the discriminator
    D + K + 1 inputs.

    Raises:
        InputError: the prior has no classes.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if not self.prior.classes:
            accepted = "a prior that can be sampled by label, such as PetalMixture or SwissRoll"
            raise InputError(f"{type(self.prior).__name__} has no classes; accepted: {accepted}")

    @classmethod
    def from_data(cls, recipe: Any, classes: int, prior: Prior) -> dict[str, Any]:
        """Return no arguments, after a check that the prior's parts are the data's classes."""
        if not classes:
            raise InputError(f"recipe '{recipe.name}' needs labels; pass (images, labels) or folders by class")
        if recipe.prior["name"] != "custom" and prior.classes and prior.classes != classes:
            given = f"the prior has {prior.classes} parts but the data {classes} classes"
            raise InputError(f"{given}; set components={classes}")
        return {}

    @property
    def training_spec(self) -> TrainingSpec:
        """Training needs labelled images."""
        return super().training_spec.extended(required_inputs=("labelled",))

    @property
    def report_spec(self) -> ReportSpec:
        """What is reported, with the accuracy of the class by the prior's parts."""
        return super().report_spec.extended(metrics=("prior_class_accuracy",), figures=("axes",))

    def updates(self) -> list[Update]:
        """Return reconstruction, the updates of the objective, and consistency regularization of the prior's part.

        The last uses the optimizer of reconstruction: higher rates move all codes far away, where all views agree.
        """
        consistent = self.consistency_updates(self.encoder.trainable_variables, optimizer="reconstruction")
        return [*super().updates(), *consistent]

    def objectives(self) -> Sequence[AdversarialObjective]:
        """Return the label-conditioned objective on z."""
        options = {"classes": self.prior.classes, "labelled": True, **self.objective_options}
        return [LabelConditionedObjective(self.prior, self.discriminator, **options)]

    def codes(self, batch: dict[str, Any], seed: Any = None, training: bool = False) -> Codes:
        """Return z and, in training, 'labelled_z' of labelled images and, for consistency, the class's 'y_logits'."""
        codes = super().codes(batch, seed=seed, training=training)
        if training and any(getattr(self, phase) for phase in PHASES):
            codes["y_logits"] = self.prior.class_logits(codes["z"])
        if training and "labelled_images" in batch:
            labelled = {"images": batch["labelled_images"]}
            other = None if seed is None else fold(seed, 1)
            codes["labelled_z"] = super().codes(labelled, seed=other, training=training)["z"]
        return codes

    def predict_labels(self, images: ArrayLike) -> np.ndarray:
        """Return the class whose part of the prior is nearest to each image's code, int array [N]."""
        return self.prior.nearest_class(self.encode(images))
