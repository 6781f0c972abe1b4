"""Semi-supervised learning (§5): an encoder that gives a class y beside the style z, and learns from few labels.

Two games make q(y) a uniform categorical distribution and q(z) a Gaussian; the decoder sees both. Each mini-batch has
three phases: reconstruction, regularization (both games), and classification on a few labelled images of its own.
"""

from aae_tf.backend import keras, tf
from aae_tf.errors import InputError
from aae_tf.models.adversarial_autoencoder import AdversarialAutoencoder
from aae_tf.models.games import AdversarialGame
from aae_tf.models.losses import cross_entropy
from aae_tf.models.phases import Phase
from aae_tf.networks import discriminator_from_recipe, encoder_from_recipe
from aae_tf.priors import Categorical


class CategoricalAAE(AdversarialAutoencoder):
    """An encoder with heads 'z' and 'y_logits' and a game on each: what §5, §6 and §7 share.

    Args:
        *args: `encoder` (heads 'z' and 'y_logits'), `decoder` (of K + D inputs, y first), `discriminator` of z and
            `prior` of z, as for `AdversarialAutoencoder`.
        discriminator_y: Keras model from y [N, K] to one logit a row.
        classes: K, the entries of y.
        **kwargs: as for `AdversarialAutoencoder`.

    Call arguments:
        inputs: images, float [N, H, W, C] in [0, 1] or uint8. Returns reconstructions, float32 [N, H, W, C].
    """

    parts = (*AdversarialAutoencoder.parts, "discriminator_y")
    options = (*AdversarialAutoencoder.options, "classes")

    def __init__(self, *args, discriminator_y, classes, **kwargs):
        super().__init__(*args, **kwargs)
        self.discriminator_y, self.classes = discriminator_y, classes

    @classmethod
    def entries(cls, recipe, classes):
        """Return K for a recipe and the data's number of classes.

        Args:
            recipe: `aae_tf.Recipe`.
            classes: number of classes of the data, 0 without labels.

        Raises:
            InputError: the model cannot have as many entries as the recipe or the data has it.
        """
        raise InputError(f"{cls.__name__} does not say how many entries y has")

    @classmethod
    def own_parts(cls, recipe, dtype, classes):
        """Return the encoder with its two heads and the discriminator of y."""
        entries = cls.entries(recipe, classes)
        return {
            **super().own_parts(recipe, dtype, classes),
            "encoder": encoder_from_recipe(recipe, dtype, entries),
            "discriminator_y": discriminator_from_recipe(recipe, dtype, "discriminator_y", role=5),
            "classes": entries,
        }

    def games(self):
        """Return the games on z and on y."""
        return [
            AdversarialGame(self.prior, self.discriminator, suffix="_z", **self.game_options),
            AdversarialGame(Categorical(self.classes), self.discriminator_y, "y", "_y", **self.game_options),
        ]

    def codes(self, batch, seed=None, training=False):
        """Return z, y (the softmax output itself) and y_logits."""
        codes = super().codes(batch, seed=seed, training=training)
        return {**codes, "y": tf.nn.softmax(codes["y_logits"])}

    def classify(self, images, batch_size=1000):
        """Return q(y|x) of images, float32 array [N, K].

        Args:
            images: uint8 or float [N, H, W(, C)].
            batch_size: images per pass.
        """
        return self._over_images("classify", lambda images: self.codes({"images": images})["y"], batch_size, images)

    def predict_labels(self, images):
        """Return the most probable entry of y, int array [N].

        Args:
            images: uint8 or float [N, H, W(, C)].
        """
        return self.classify(images).argmax(-1)


@keras.saving.register_keras_serializable("aae_tf")
class SemiSupervisedAAE(CategoricalAAE):
    """The model of §5 (arXiv 1511.05644, figure 8): y is the class; arguments as for `CategoricalAAE`."""

    measures = (*CategoricalAAE.measures, "classification_error")
    figures = ("samples", "latent_plane", "reconstructions", "style_grid", "confusion", "losses")
    brings = ("labelled",)
    trains_on_labels = True
    wants_labelled = True

    @classmethod
    def entries(cls, recipe, classes):
        """Return the number of the data's classes."""
        if not classes:
            raise InputError(f"recipe '{recipe.name}' needs labels; pass (images, labels) or folders by class")
        return classes

    def phases(self):
        """Return reconstruction, both discriminators, the generator, and classification."""
        return [*super().phases(), classification_phase(self)]


def classification_phase(model):
    """Return the phase in which the encoder minimises the cross-entropy of q(y|x) on labelled images.

    Args:
        model: a `CategoricalAAE` whose batches bring 'labelled_images' and 'labelled_labels'.
    """

    def loss(batch, codes, seed):
        labelled = {"images": batch["labelled_images"]}
        logits = model.codes(labelled, seed=seed, training=True)["y_logits"]
        return cross_entropy(batch["labelled_labels"], logits)

    return Phase("classification", loss, model.encoder.variables_of("y_logits"), "classification")
