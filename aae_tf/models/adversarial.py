"""Adversarial objectives: a discriminator distinguishes prior samples from codes, which the encoder prevents (§2)."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.losses import ADVERSARIAL
from aae_tf.models.sampling import Codes
from aae_tf.models.specs import ReportSpec
from aae_tf.networks import discriminator_builder
from aae_tf.priors import Prior
from aae_tf.training.updates import Phase, Update
from aae_tf.utils.random import fold


class AdversarialModel:
    """A model with a discriminator; named before `LatentModel` or `GenerativeModel` among the bases.

    Args:
        *args: as for the other base.
        discriminator: Keras model from the input of the objective to one logit a row.
        adversarial_loss: a name in `ADVERSARIAL`: 'non_saturating', 'least_squares'.
        discriminator_noise: standard deviation of Gaussian noise on the discriminators' inputs, in training only.
        discriminator_steps: updates of the discriminators in a step, for each update of the encoder.
        **kwargs: as for the other base.
    """

    submodels: ClassVar[dict[str, Any]] = {"discriminator": discriminator_builder()}

    def __init__(
        self,
        *args: Any,
        discriminator: keras.Model,
        adversarial_loss: Annotated[str, ADVERSARIAL] = "non_saturating",
        discriminator_noise: Annotated[float, Range(0.0)] = 0.0,
        discriminator_steps: Annotated[int, Range(1)] = 1,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.discriminator = discriminator
        self.adversarial_loss = ADVERSARIAL.check("adversarial_loss", adversarial_loss)
        self.discriminator_noise, self.discriminator_steps = discriminator_noise, discriminator_steps

    @property
    def objective_options(self) -> dict[str, Any]:
        """The loss, the noise and the steps of every objective of this model."""
        return {"loss": self.adversarial_loss, "noise": self.discriminator_noise, "steps": self.discriminator_steps}

    @property
    def report_spec(self) -> ReportSpec:
        """What is reported, with the equilibrium loss of the discriminator."""
        return super().report_spec.extended(equilibrium_loss=ADVERSARIAL[self.adversarial_loss].equilibrium_loss)


class AdversarialObjective:
    """Matches q(code) to a prior: a discriminator distinguishes the two, and the encoder learns to fool it.

    Args:
        prior: an `aae_tf.priors.Prior`, the real samples.
        discriminator: Keras model from codes [N, D] to one logit a row.
        code: name of the code that is the fake sample.
        suffix: end of the phase's name, for models with several objectives ('_y').
        loss: a name in `ADVERSARIAL`.
        noise: standard deviation of Gaussian noise on the discriminator's inputs.
        steps: updates of the discriminator in a step.
    """

    def __init__(
        self,
        prior: Prior | None,
        discriminator: keras.Model,
        code: str = "z",
        suffix: str = "",
        loss: str = "non_saturating",
        noise: float = 0.0,
        steps: int = 1,
    ):
        self.prior, self.discriminator, self.code, self.suffix = prior, discriminator, code, suffix
        self.loss, self.noise, self.steps = ADVERSARIAL[loss], noise, steps

    def logits(self, codes: "tf.Tensor", batch: dict[str, Any], seed: "tf.Tensor") -> "tf.Tensor":
        """Return the discriminator's logits, float32 [N], of codes [N, D] with noise."""
        if self.noise:
            codes = codes + self.noise * tf.random.stateless_normal(tf.shape(codes), seed)
        inputs = self.conditioned(codes, batch)
        return tf.reshape(tf.cast(self.discriminator(inputs, training=True), tf.float32), [-1])

    def conditioned(self, codes: "tf.Tensor", batch: dict[str, Any]) -> "tf.Tensor":
        """Return the discriminator's input, float32 [N, D'], of codes [N, D] of a batch: here the codes."""
        return codes

    def fake(self, codes: Codes) -> "tf.Tensor":
        """Return the fake samples, float32 [N, D]."""
        return codes[self.code]

    def real(self, batch: dict[str, Any], count: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return the real samples, float32 [count, D]: here prior samples, for any batch."""
        return self.prior.sample(count, seed)

    def discriminator_loss(self, batch: dict[str, Any], codes: Codes, seed: "tf.Tensor") -> "tf.Tensor":
        """Return the discriminator's loss on fake samples and as many real ones: a scalar float32, as for `Phase`."""
        fake = tf.stop_gradient(self.fake(codes))
        real = self.real(batch, tf.shape(fake)[0], fold(seed, 0))
        logits = self.logits(real, batch, fold(seed, 1)), self.logits(fake, batch, fold(seed, 2))
        return self.loss.discriminator(*logits)

    def generator_loss(self, batch: dict[str, Any], codes: Codes, seed: "tf.Tensor") -> "tf.Tensor":
        """Return the loss of the encoder, as the generator of the fake samples: a scalar float32, as for `Phase`."""
        return self.loss.generator(self.logits(self.fake(codes), batch, fold(seed, 0)))

    def discriminator_update(self) -> Update:
        """Return the update of the discriminator."""
        phase = Phase(f"discriminator{self.suffix}", self.discriminator_loss, self.discriminator.trainable_variables)
        return Update(phase, optimizer="regularization", repeat=self.steps)


class LabelConditionedObjective(AdversarialObjective):
    """The objective of §2.3: the discriminator also takes a one-hot label of K+1 entries, the last for "no label".

    Real samples of class k come from the k-th part of the prior, those without label from the whole prior. With
    `parts=False` all come from the whole prior, so that the codes of each class match it: z then holds no information
    about the label.

    Args:
        *args: as for `AdversarialObjective`.
        classes: K.
        label_scale: height of the one-hot entry, comparable to codes that spread over several units.
        parts: whether each class is a part of the prior, which then must have K classes.
        labelled: whether the labelled images of each batch take part (their codes are 'labelled_z').
        **kwargs: as for `AdversarialObjective`.
    """

    def __init__(
        self,
        *args: Any,
        classes: int,
        label_scale: float = 5.0,
        parts: bool = True,
        labelled: bool = False,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.classes, self.label_scale, self.parts, self.labelled = classes, label_scale, parts, labelled

    def conditioned(self, codes: "tf.Tensor", batch: dict[str, Any]) -> "tf.Tensor":
        """Return codes joined with their labels, float32 [N, D + K + 1]."""
        labels = self.labels(batch)
        entry = tf.where(labels >= 0, labels, self.classes)
        return tf.concat([codes, tf.one_hot(entry, self.classes + 1, on_value=self.label_scale)], -1)

    def real(self, batch: dict[str, Any], count: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return prior samples, of the batch's labels where classes are parts of the prior, float32 [count, D]."""
        return self.prior.sample(count, seed, self.labels(batch) if self.parts else None)

    def fake(self, codes: Codes) -> "tf.Tensor":
        """Return the codes of the batch's images, and of its labelled images where they take part: float32 [N, D]."""
        return tf.concat([codes["z"], codes["labelled_z"]], 0) if self.labelled else codes["z"]

    def labels(self, batch: dict[str, Any]) -> "tf.Tensor":
        """Return the labels of the fake samples, int32 [N], -1 for unlabelled images."""
        more = [batch["labelled_labels"]] if self.labelled and "labelled_labels" in batch else []
        return tf.concat([batch["labels"], *more], 0)


def regularization(
    objectives: Sequence[AdversarialObjective], generator_variables: "Sequence[keras.Variable]"
) -> list[Update]:
    """Return the updates of objectives that share one encoder: each discriminator, then the encoder against all."""

    def loss(batch, codes, seed):
        return sum(each.generator_loss(batch, codes, fold(seed, number)) for number, each in enumerate(objectives))

    generator = Update(Phase("generator", loss, generator_variables), optimizer="regularization")
    return [*(each.discriminator_update() for each in objectives), generator]
