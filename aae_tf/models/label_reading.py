"""Decoders that see each image's own label: what the models of §4 and their rival share."""

from aae_tf.backend import tf
from aae_tf.errors import InputError
from aae_tf.models.base import LatentModel
from aae_tf.priors import Categorical


class ReadsLabels:
    """A `LatentModel` whose code y is the label that comes with the image.

    Args:
        *args: as for the model.
        classes: K.
        **kwargs: as for the model.
    """

    required_inputs = ("labels",)
    metrics = (*LatentModel.metrics, "sample_class_accuracy", "class_probe_z")
    figures = ("samples", "latent_plane", "reconstructions", "style_grid", "losses", "views")

    def __init__(self, *args, classes, **kwargs):
        super().__init__(*args, **kwargs)
        self.entries = classes

    @classmethod
    def from_data(cls, recipe, classes, prior):
        """Return the data's number of classes, every training image having its label."""
        if not classes:
            raise InputError(f"recipe '{recipe.name}' needs labels; pass (images, labels) or folders by class")
        if recipe.labels != "all":
            raise InputError(
                f"recipe '{recipe.name}' decodes with every image's label; labels='all', not {recipe.labels!r}"
            )
        return {"classes": classes}

    @property
    def priors(self):
        """The priors of z and of the label."""
        return {**super().priors, "y": Categorical(self.entries)}

    def codes(self, batch, seed=None, training=False):
        """Return the codes of the image and, where it comes with its label, that as one-hot y, float32 [N, K]."""
        codes = super().codes(batch, seed=seed, training=training)
        return {**codes, "y": tf.one_hot(batch["labels"], self.entries)} if "labels" in batch else codes
