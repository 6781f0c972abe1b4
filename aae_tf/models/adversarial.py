"""What every model with a discriminator shares: the discriminator itself and how its games are played."""

from typing import Annotated

from aae_tf.config.schema import Range
from aae_tf.losses import ADVERSARIAL
from aae_tf.models.base import LatentModel
from aae_tf.networks import discriminator_builder


class AdversarialModel(LatentModel):
    """A `LatentModel` with a discriminator; the base of the adversarial autoencoders and of the GAN.

    Args:
        *args: `encoder`, `decoder` and `prior`, as for `LatentModel`.
        discriminator: any Keras model from what the game shows it to one logit a row.
        adversarial_loss: a name in `ADVERSARIAL`: 'non_saturating', 'least_squares'.
        discriminator_noise: standard deviation of Gaussian noise on the discriminators' inputs, in training only.
        discriminator_steps: how often the discriminators are updated in a step, for each update of the encoder.
        **kwargs: as for `LatentModel`.

    Raises:
        InputError: an unknown loss or scale.
    """

    parts = (*LatentModel.parts, "discriminator")
    builders = {**LatentModel.builders, "discriminator": discriminator_builder()}

    def __init__(
        self,
        *args,
        discriminator,
        adversarial_loss: Annotated[str, ADVERSARIAL] = "non_saturating",
        discriminator_noise: Annotated[float, Range(0.0)] = 0.0,
        discriminator_steps: Annotated[int, Range(1)] = 1,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.discriminator = discriminator
        self.adversarial_loss = ADVERSARIAL.check("adversarial_loss", adversarial_loss)
        self.discriminator_noise, self.discriminator_steps = discriminator_noise, discriminator_steps

    @property
    def objective_options(self):
        """The loss and the noise that every game of this model is played with."""
        return {"loss": self.adversarial_loss, "noise": self.discriminator_noise, "steps": self.discriminator_steps}

    @property
    def equilibrium_loss(self):
        """Loss of a discriminator that cannot tell, float or None."""
        return ADVERSARIAL[self.adversarial_loss].equilibrium_loss
