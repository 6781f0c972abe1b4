"""Labels in the game (§2.3): which part of the prior an image's code belongs to is told by its label.

The discriminator sees a code with a one-hot label, whose extra entry says "no label". For a labelled image the code
must look like a sample of its class's part of the prior (a mixture component, a stretch of the swiss roll), for an
unlabelled one like a sample of the whole. So each part becomes one class, and the place within it style.

Labelled images are few in a mini-batch drawn from all (20 of 100 with the paper's 10,000 of 50,000): as in §5, each
mini-batch brings a labelled one of its own, whose codes join the game.

A code's class is the part of the prior that it lies in, so an image, labelled or not, can be asked to be of the class
of its views (`aae_tf.models.consistency`).
"""

from aae_tf.backend import keras
from aae_tf.errors import InputError
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.consistency import Consistent
from aae_tf.models.games import LabelConditionedObjective
from aae_tf.utils.random import fold


@keras.saving.register_keras_serializable("aae_tf")
class LabelInformedAAE(Consistent, AdversarialAutoencoder):
    """The model of §2.3 (arXiv 1511.05644, figure 3).

    Args:
        *args: `encoder`, `decoder`, `discriminator` (of D + K + 1 inputs) and `prior`, as for
            `AdversarialAutoencoder`; the prior must have K classes.
        **kwargs: as for `Consistent` and `AdversarialAutoencoder`.

    Raises:
        InputError: the prior has no classes.
    """

    metrics = (*AdversarialAutoencoder.metrics, "prior_class_accuracy")
    figures = (*AdversarialAutoencoder.figures, "axes")

    @classmethod
    def from_data(cls, recipe, classes, prior):
        """Return nothing, after a check that the prior's parts are the data's classes."""
        if not classes:
            raise InputError(f"recipe '{recipe.name}' needs labels; pass (images, labels) or folders by class")
        if recipe.prior["name"] != "custom" and prior.classes and prior.classes != classes:
            raise InputError(
                f"the prior has {prior.classes} parts but the data {classes} classes; set components={classes}"
            )
        return {}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.prior.classes:
            raise InputError(
                f"{type(self.prior).__name__} has no classes; accepted: a prior that can be sampled by label, such as "
                "PetalMixture or SwissRoll"
            )

    @property
    def required_inputs(self):
        """Labelled images, and views where an image is to be consistent with them."""
        return ("labelled", *super().required_inputs)

    def updates(self):
        """Return reconstruction, the game's updates, and what asks for a consistent part of the prior.

        The last by the optimizer of reconstruction: a faster one sends all codes to where every view agrees, far away.
        """
        consistent = self.consistency_updates(self.encoder.trainable_variables, optimizer="reconstruction")
        return [*super().updates(), *consistent]

    def objectives(self):
        """Return the game on z with its label."""
        options = {"classes": self.prior.classes, "labelled": True, **self.objective_options}
        return [LabelConditionedObjective(self.prior, self.discriminator, **options)]

    def codes(self, batch, seed=None, training=False):
        """Return the code z and, in training, 'labelled_z', that of the labelled images that the batch brings, and
        'y_logits', how much z lies in each class's part of the prior, where that is to be consistent.
        """
        codes = super().codes(batch, seed=seed, training=training)
        if training and self.asked:
            codes["y_logits"] = self.prior.class_logits(codes["z"])
        if training and "labelled_images" in batch:
            labelled = {"images": batch["labelled_images"]}
            other = None if seed is None else fold(seed, 1)
            codes["labelled_z"] = super().codes(labelled, seed=other, training=training)["z"]
        return codes

    def predict_labels(self, images):
        """Return the class whose part of the prior each image's code is nearest to, int array [N].

        Args:
            images: uint8 or float [N, H, W(, C)].
        """
        return self.prior.nearest_class(self.encode(images))
