"""What every model with a discriminator shares: the discriminator itself and how its games are played."""

import math

from aae_tf.errors import check_choice
from aae_tf.models.base import LatentModel
from aae_tf.models.losses import ADVERSARIAL
from aae_tf.networks import discriminator_from_recipe


class AdversarialModel(LatentModel):
    """A `LatentModel` with a discriminator; the base of the adversarial autoencoders and of the GAN.

    Args:
        *args: `encoder`, `decoder` and `prior`, as for `LatentModel`.
        discriminator: any Keras model from what the game shows it to one logit a row.
        adversarial_loss: 'non_saturating' or 'least_squares'.
        discriminator_noise: standard deviation of Gaussian noise on the discriminator's inputs.
        **kwargs: as for `LatentModel`.

    Raises:
        InputError: an unknown loss or scale.
    """

    parts = (*LatentModel.parts, "discriminator")
    options = (*LatentModel.options, "adversarial_loss", "discriminator_noise")

    def __init__(self, *args, discriminator, adversarial_loss="non_saturating", discriminator_noise=0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.discriminator = discriminator
        self.adversarial_loss = check_choice("adversarial_loss", adversarial_loss, ADVERSARIAL)
        self.discriminator_noise = discriminator_noise

    @classmethod
    def own_parts(cls, recipe, dtype, classes):
        """Return the encoder, the discriminator and the games' options."""
        return {
            **super().own_parts(recipe, dtype, classes),
            "discriminator": discriminator_from_recipe(recipe, dtype),
            "adversarial_loss": recipe.adversarial_loss,
            "discriminator_noise": recipe.discriminator_noise,
        }

    @property
    def undecided(self):
        """The loss of a discriminator that cannot tell real from fake, or None."""
        return {"non_saturating": math.log(2)}.get(self.adversarial_loss)

    @property
    def game_options(self):
        """The loss and the noise that every game of this model is played with."""
        return {"loss": self.adversarial_loss, "noise": self.discriminator_noise}
