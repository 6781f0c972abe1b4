"""Style apart from content (§4): the decoder also gets the label, so the code keeps only what the label does not say.

With the class known, handwriting (MNIST) or background and colours (SVHN) is what is left for z. Decoding one z with
each label in turn shows the same style in every class (figures 6-7).

The paper's discriminator sees z alone, which asks of the codes of all classes together that they match the prior: each
class may still keep to its own region of it. With the label in the game (as in §2.3) it is asked of each class.
"""

from aae_tf.backend import keras
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.games import LabelConditionedObjective
from aae_tf.models.label_reading import ReadsLabels


@keras.saving.register_keras_serializable("aae_tf")
class SupervisedAAE(ReadsLabels, AdversarialAutoencoder):
    """The model of §4 (arXiv 1511.05644, figure 6).

    Args:
        *args: `encoder`, `decoder` (of K + D inputs, label first), `discriminator` and `prior`, as for
            `AdversarialAutoencoder`.
        label_conditioned: whether the discriminator sees the label besides z (D + K + 1 inputs), so that z tells
            nothing of it (the paper's sees z alone).
        **kwargs: `classes`, K; and as for `AdversarialAutoencoder`.

    Call arguments:
        inputs: (images, labels int [N]). Returns reconstructions, float32 [N, H, W, C].
    """

    def __init__(self, *args, label_conditioned=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.label_conditioned = label_conditioned

    def objectives(self):
        """Return the game on z, with its label where that is in the game."""
        if not self.label_conditioned:
            return super().objectives()
        options = {"classes": self.entries, "parts": False, **self.objective_options}
        return [LabelConditionedObjective(self.prior, self.discriminator, **options)]
