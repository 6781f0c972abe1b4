"""Style apart from content (§4): the decoder also gets the label, so the code keeps only what the label does not say.

With the class known, handwriting (MNIST) or background and colours (SVHN) is what is left for z. Decoding one z with
each label in turn shows the same style in every class (figures 6-7).
"""

from aae_tf.backend import keras, tf
from aae_tf.errors import InputError
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.networks import encoder_from_recipe


@keras.saving.register_keras_serializable("aae_tf")
class SupervisedAAE(AdversarialAutoencoder):
    """The model of §4 (arXiv 1511.05644, figure 6).

    Args:
        *args: `encoder`, `decoder` (of K + D inputs, label first), `discriminator` and `prior`, as for
            `AdversarialAutoencoder`.
        classes: K.
        **kwargs: as for `AdversarialAutoencoder`.

    Call arguments:
        inputs: (images, labels int [N]). Returns reconstructions, float32 [N, H, W, C].
    """

    options = (*AdversarialAutoencoder.options, "classes")
    reads_labels = True
    trains_on_labels = True

    def __init__(self, *args, classes, **kwargs):
        super().__init__(*args, **kwargs)
        self.classes = classes

    @classmethod
    def own_parts(cls, recipe, dtype, classes):
        """Return the encoder and the number of classes."""
        if not classes:
            raise InputError(f"recipe '{recipe.name}' needs labels; pass (images, labels) or folders by class")
        if recipe.labels != "all":
            raise InputError(
                f"recipe '{recipe.name}' decodes with every image's label; labels='all', not {recipe.labels!r}"
            )
        return {"encoder": encoder_from_recipe(recipe, dtype), "classes": classes}

    def codes(self, batch, seed=None, training=False):
        """Return the code z and the given label as one-hot y, float32 [N, K]."""
        return {
            **super().codes(batch, seed=seed, training=training),
            "y": tf.one_hot(batch["labels"], self.classes),
        }
