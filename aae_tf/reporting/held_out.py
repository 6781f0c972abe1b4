"""Held-out images: those on which something may be chosen, those on which it is measured, and which is which."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aae_tf.data import Dataset
from aae_tf.errors import check_choice


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What metrics and figures of a trained model are given.

    Attributes:
        data: `aae_tf.data.Dataset`.
        split: 'test' to report, 'validation' to choose.
        seed: seed of samples, draws and halves.
        likelihood_samples: N of the Parzen-window likelihood, 0 for none.
        progress: function (what for, samples seen), called on the way of the likelihood, or None.
        history: list of dicts, one an epoch.
        views: `aae_tf.Views` that it was trained with, or None.

    Raises:
        InputError: an unknown split.
    """

    data: Dataset
    split: str = "test"
    seed: int = 0
    likelihood_samples: int = 10_000
    progress: object = None
    history: object = ()
    views: object = None

    def __post_init__(self):
        check_choice("split", self.split, ("test", "validation"))

    @property
    def images(self):
        """All held-out images of the split, with their labels: a `Split`."""
        return getattr(self.data, self.split)

    @property
    def what(self):
        """What titles call them: 'test images', 'validation rows'."""
        return f"{self.split} {self.data.element.plural}"

    @property
    def choosing(self):
        """The images on which clusters are named, a bandwidth is chosen, probes are taught: never those measured.

        A `Split`: the validation images, or one half of them where they are what is measured.
        """
        return self._parts[0]

    @property
    def measuring(self):
        """The images on which what was chosen is measured, a `Split`: the test images, or the other half."""
        return self._parts[1]

    @cached_property
    def _parts(self):
        if self.split == "test":
            return self.data.validation, self.data.test
        order = np.random.default_rng([self.seed, 13]).permutation(len(self.images))
        half = len(order) // 2
        return self.images.take(order[:half]), self.images.take(order[half:])

    def comparable(self, model, elements):
        """Return elements in the units in which errors and distances are measured: images as they are, rows scaled.

        Args:
            model: a `LatentModel`.
            elements: uint8 or float array [N, ...].
        """
        return np.asarray(model.image_scale.comparable(elements))

    @cached_property
    def features(self):
        """The features of the data (`aae_tf.reporting.features`), or None where no classifier can be taught."""
        from aae_tf.reporting.features import features_of

        return features_of(self.data)

    def training(self, most):
        """Return at most `most` training images, drawn by the seed: a `Split`.

        Args:
            most: largest number of images.
        """
        return self.data.training_images(most, self.seed)


def some(split, most, seed):
    """Return at most `most` images of a `Split`, drawn by the seed: their own order may be that of the labels.

    Args:
        split: `aae_tf.data.Split`.
        most: largest number of images.
        seed: int.
    """
    return split.take(some_rows(split, most, seed))


def some_rows(split, most, seed):
    """Return which images `some` takes, int array [n].

    Args:
        split: as for `some`.
        most: as for `some`.
        seed: as for `some`.
    """
    return np.random.default_rng(seed).permutation(len(split))[:most]


def declared(things, registry):
    """Yield (name, function) of what a model declares.

    Args:
        things: names of the registry, or functions of a user's own.
        registry: `aae_tf.config.registry.Registry`.

    Raises:
        InputError: a name that the registry does not know.
    """
    for each in things:
        yield (each.__name__, each) if callable(each) else (each, registry[each])
