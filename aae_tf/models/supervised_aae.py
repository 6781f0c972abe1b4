"""Style apart from content (§4): the decoder also gets the label, so the code keeps only what the label does not say.

With the class known, handwriting (MNIST) or background and colours (SVHN) is what is left for z. Decoding one z with
each label in turn shows the same style in every class (figures 6-7).

The paper's discriminator sees z alone, which asks of the codes of all classes together that they match the prior: each
class may still keep to its own region of it. With the label in the game (as in §2.3) it is asked of each class.
"""

from aae_tf.backend import keras, tf
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.games import LabelConditionedGame
from aae_tf.models.inputs import every_label


@keras.saving.register_keras_serializable("aae_tf")
class SupervisedAAE(AdversarialAutoencoder):
    """The model of §4 (arXiv 1511.05644, figure 6).

    Args:
        *args: `encoder`, `decoder` (of K + D inputs, label first), `discriminator` and `prior`, as for
            `AdversarialAutoencoder`.
        classes: K.
        label_in_game: whether the discriminator sees the label beside z (it then has D + K + 1 inputs).
        **kwargs: as for `AdversarialAutoencoder`.

    Call arguments:
        inputs: (images, labels int [N]). Returns reconstructions, float32 [N, H, W, C].
    """

    options = (*AdversarialAutoencoder.options, "classes", "label_in_game")
    measures = (*AdversarialAutoencoder.measures, "label_in_z")
    figures = ("samples", "latent_plane", "reconstructions", "style_grid", "losses")
    brings = ("labels",)
    reads_labels = True
    trains_on_labels = True

    def __init__(self, *args, classes, label_in_game=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.classes, self.label_in_game = classes, label_in_game

    @classmethod
    def own_parts(cls, recipe, dtype, classes):
        """Return the parts of `AdversarialAutoencoder`, the number of classes, and whether labels are in the game."""
        parts = super().own_parts(recipe, dtype, classes)
        return {**parts, "classes": every_label(recipe, classes), "label_in_game": recipe.label_in_game}

    def games(self):
        """Return the game on z, with its label where that is in the game."""
        if not self.label_in_game:
            return super().games()
        return [
            LabelConditionedGame(self.prior, self.discriminator, classes=self.classes, parts=False, **self.game_options)
        ]

    def codes(self, batch, seed=None, training=False):
        """Return the code z and the given label as one-hot y, float32 [N, K]."""
        return {
            **super().codes(batch, seed=seed, training=training),
            "y": tf.one_hot(batch["labels"], self.classes),
        }
