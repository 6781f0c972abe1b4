"""The adversarial game between an encoder and a discriminator over one code (§2), in two phases."""

from aae_tf.backend import tf
from aae_tf.losses import ADVERSARIAL
from aae_tf.training.updates import Phase, Update
from aae_tf.utils.random import fold


class AdversarialObjective:
    """Makes q(code) match a prior: a discriminator tells the two apart, the encoder learns to fool it.

    Args:
        prior: an `aae_tf.priors.Prior`: what is real.
        discriminator: Keras model from codes [N, D] to one logit a row.
        code: which of the encoder's codes is the fake.
        suffix: ends the phase's name, for models with several games ('_y').
        loss: a name in `ADVERSARIAL`.
        noise: standard deviation of Gaussian noise on the discriminator's inputs.
        steps: how often the discriminator is updated in a step.

    Raises:
        InputError: an unknown loss.
    """

    def __init__(self, prior, discriminator, code="z", suffix="", loss="non_saturating", noise=0.0, steps=1):
        self.prior, self.discriminator, self.code, self.suffix = prior, discriminator, code, suffix
        self.loss = ADVERSARIAL[loss]
        self.noise, self.steps = noise, steps

    def logits(self, codes, batch, seed):
        """Return the discriminator's logits, float32 [N], of codes [N, D], noise added.

        Args:
            codes: float32 [N, D].
            batch: the batch that the codes are of (or are set against), a dict of tensors.
            seed: int32 [2], of the noise.
        """
        if self.noise:
            codes = codes + self.noise * tf.random.stateless_normal(tf.shape(codes), seed)
        seen = self.conditioned(codes, batch)
        return tf.reshape(tf.cast(self.discriminator(seen, training=True), tf.float32), [-1])

    def conditioned(self, codes, batch):
        """Return what the discriminator sees, float32 [N, D'], of codes [N, D]: here the codes alone.

        Args:
            codes: float32 [N, D].
            batch: dict of tensors, from which a subclass takes what the discriminator is told beside the codes.
        """
        return codes

    def fake(self, codes):
        """Return the codes that are to pass for prior samples, float32 [N, D].

        Args:
            codes: dict of codes, float32 [N, D].
        """
        return codes[self.code]

    def real(self, batch, count, seed):
        """Return prior samples, float32 [count, D].

        Args:
            batch: dict of tensors, for games whose real samples depend on it.
            count: how many.
            seed: int32 [2].
        """
        return self.prior.sample(count, seed)

    def discriminator_loss(self, batch, codes, seed):
        """Return the discriminator's loss between codes and as many prior samples: a scalar float32.

        Args:
            batch: dict of tensors, as for `Phase`.
            codes: dict of codes, float32 [N, D].
            seed: int32 [2].
        """
        fake = tf.stop_gradient(self.fake(codes))
        real = self.real(batch, tf.shape(fake)[0], fold(seed, 0))
        logits = self.logits(real, batch, fold(seed, 1)), self.logits(fake, batch, fold(seed, 2))
        return self.loss.discriminator(*logits)

    def generator_loss(self, batch, codes, seed):
        """Return the loss of the encoder, which wants its codes taken for prior samples: a scalar float32.

        Args:
            batch: dict of tensors, as for `Phase`.
            codes: dict of codes, float32 [N, D].
            seed: int32 [2].
        """
        return self.loss.generator(self.logits(self.fake(codes), batch, fold(seed, 0)))

    def discriminator_update(self):
        """Return the update that moves the discriminator."""
        variables = self.discriminator.trainable_variables
        phase = Phase(f"discriminator{self.suffix}", self.discriminator_loss, variables)
        return Update(phase, optimizer="regularization", repeat=self.steps)


class LabelConditionedObjective(AdversarialObjective):
    """The game of §2.3: the discriminator also sees a one-hot label of K+1 entries, the last for "no label".

    Real samples of class k come from the prior's k-th part, those without label from the whole prior; the fake is the
    code of an image with its own label, or without. With `parts=False` every class has the whole prior instead, so
    that the codes of each class, and not only all codes together, come to match it: z then says nothing of the label.

    The one-hot entry is `label_scale` instead of 1, so that beside codes that spread over several units the label is
    not lost on the discriminator.

    Args:
        classes: K.
        label_scale: height of the one-hot entry.
        parts: whether a class is a part of the prior, which then must have K classes, or has the whole of it.
        labelled: whether the labelled images that each batch brings play too (their codes are 'labelled_z'), so that
            labels are heard in every step, however few they are.
        **kwargs: as for `AdversarialObjective`.
    """

    def __init__(self, *args, classes, label_scale=5.0, parts=True, labelled=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.classes, self.label_scale = classes, label_scale
        self.parts, self.labelled = parts, labelled

    def conditioned(self, codes, batch):
        """Return codes joined with their labels, float32 [N, D + K + 1]."""
        labels = self.labels(batch)
        entry = tf.where(labels >= 0, labels, self.classes)
        return tf.concat([codes, tf.one_hot(entry, self.classes + 1, on_value=self.label_scale)], -1)

    def real(self, batch, count, seed):
        """Return prior samples, of the batch's labels where classes are parts of the prior, float32 [count, D]."""
        return self.prior.sample(count, seed, self.labels(batch) if self.parts else None)

    def fake(self, codes):
        """Return the codes of the batch's images, and of the labelled ones that it required_inputs: float32 [N, D]."""
        return tf.concat([codes["z"], codes["labelled_z"]], 0) if self.labelled else codes["z"]

    def labels(self, batch):
        """Return the labels of what `fake` returns, int32 [N], -1 for unlabelled images.

        Args:
            batch: dict of tensors.
        """
        brought = [batch["labelled_labels"]] if self.labelled and "labelled_labels" in batch else []
        return tf.concat([batch["labels"], *brought], 0)


def regularization(games, generator_variables):
    """Return the updates of one or more games over one encoder: each discriminator, then the encoder against all.

    Args:
        games: list of `AdversarialObjective`.
        generator_variables: the encoder's variables.
    """

    def loss(batch, codes, seed):
        return sum(game.generator_loss(batch, codes, fold(seed, number)) for number, game in enumerate(games))

    generator = Update(Phase("generator", loss, generator_variables), optimizer="regularization")
    return [*(game.discriminator_update() for game in games), generator]
