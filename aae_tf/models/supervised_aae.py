"""Style apart from content (§4): the decoder also takes the label, so the code keeps the information beyond the label.

With the class known, handwriting (MNIST) or background and colours (SVHN) is left for z. Decoding one z with each
label in turn shows the same style in every class (figures 6-7).

The paper's discriminator takes z alone, which matches the codes of all classes together to the prior: each class may
still occupy a region of its own. A label-conditioned discriminator (as in §2.3) matches the codes of each class.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aae_tf.backend import keras, tf
from aae_tf.errors import InputError
from aae_tf.models.adversarial import AdversarialObjective, LabelConditionedObjective
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.sampling import Codes
from aae_tf.models.specs import ReportSpec, TrainingSpec
from aae_tf.priors import Categorical, Prior


class ReadsLabels:
    """A `LatentModel` whose code y is the label of the image, one of `classes`; named first among the bases."""

    def __init__(self, *args: Any, classes: int, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.head_size = classes

    @classmethod
    def from_data(cls, recipe: Any, classes: int, prior: Prior) -> dict[str, Any]:
        """Return the data's number of classes, where every training image has a label."""
        if not classes:
            raise InputError(f"recipe '{recipe.name}' needs labels; pass (images, labels) or folders by class")
        if recipe.labels != "all":
            raise InputError(f"recipe '{recipe.name}' decodes with all labels; labels='all', not {recipe.labels!r}")
        return {"classes": classes}

    @property
    def training_spec(self) -> TrainingSpec:
        """Training needs the label of every image."""
        return super().training_spec.extended(required_inputs=("labels",))

    @property
    def report_spec(self) -> ReportSpec:
        """What is reported, with the accuracy of the class in samples and of probes on z."""
        figures = ("samples", "latent_plane", "reconstructions", "style_grid", "losses", "views")
        metrics = ("sample_class_accuracy", "class_probe_z")
        return replace(super().report_spec.extended(metrics=metrics), figures=figures)

    @property
    def priors(self) -> dict[str, Prior]:
        """The priors of z and of the label."""
        return {**super().priors, "y": Categorical(self.head_size)}

    def codes(self, batch: dict[str, Any], seed: Any = None, training: bool = False) -> Codes:
        """Return the codes of the image and, where the batch has its label, the one-hot label y, float32 [N, K]."""
        codes = super().codes(batch, seed=seed, training=training)
        return {**codes, "y": tf.one_hot(batch["labels"], self.head_size)} if "labels" in batch else codes


@keras.saving.register_keras_serializable("aae_tf")
class SupervisedAAE(ReadsLabels, AdversarialAutoencoder):
    """The model of §4 (arXiv 1511.05644, figure 6), called with (images, labels int [N]).

    Args:
        *args: `encoder`, `decoder` (of K + D inputs, label first), `discriminator` and `prior`, as for
            `AdversarialAutoencoder`.
        label_conditioned: whether the discriminator takes the label with z (D + K + 1 inputs), so that z is
            independent of the label (the paper's takes z alone).
        **kwargs: `classes`, K; and as for `AdversarialAutoencoder`.
    """

    def __init__(self, *args: Any, label_conditioned: bool = False, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.label_conditioned = label_conditioned

    def objectives(self) -> Sequence[AdversarialObjective]:
        """Return the objective on z, label-conditioned where that is set."""
        if not self.label_conditioned:
            return super().objectives()
        options = {"classes": self.head_size, "parts": False, **self.objective_options}
        return [LabelConditionedObjective(self.prior, self.discriminator, **options)]
