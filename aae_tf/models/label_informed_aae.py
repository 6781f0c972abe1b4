"""Labels in the game (§2.3): which part of the prior an image's code belongs to is told by its label.

The discriminator sees a code with a one-hot label, whose extra entry says "no label". For a labelled image the code
must look like a sample of its class's part of the prior (a mixture component, a stretch of the swiss roll), for an
unlabelled one like a sample of the whole. So each part becomes one class, and the place within it style.
"""

from aae_tf.backend import keras
from aae_tf.errors import InputError
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.games import LabelConditionedGame


@keras.saving.register_keras_serializable("aae_tf")
class LabelInformedAAE(AdversarialAutoencoder):
    """The model of §2.3 (arXiv 1511.05644, figure 3).

    Args:
        *args: `encoder`, `decoder`, `discriminator` (of D + K + 1 inputs) and `prior`, as for
            `AdversarialAutoencoder`; the prior must have K classes.
        **kwargs: as for `AdversarialAutoencoder`.

    Raises:
        InputError: the prior has no classes.
    """

    trains_on_labels = True

    @classmethod
    def own_parts(cls, recipe, dtype, classes):
        """Return the parts of `AdversarialAutoencoder`, after a check that the prior's parts are the data's classes."""
        if not classes:
            raise InputError(f"recipe '{recipe.name}' needs labels; pass (images, labels) or folders by class")
        if recipe.prior != "own" and recipe.components != classes:
            raise InputError(
                f"the prior has {recipe.components} parts but the data {classes} classes; set components={classes}"
            )
        return super().own_parts(recipe, dtype, classes)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.prior.classes:
            raise InputError(
                f"{type(self.prior).__name__} has no classes; accepted: a prior that can be sampled by label, such as "
                "PetalMixture or SwissRoll"
            )

    def games(self):
        """Return the game on z with its label."""
        return [LabelConditionedGame(self.prior, self.discriminator, classes=self.prior.classes, **self.game_options)]

    def predict_labels(self, images):
        """Return the class whose part of the prior each image's code is nearest to, int array [N]."""
        return self.prior.nearest_class(self.encode(images))
