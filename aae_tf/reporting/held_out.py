"""Held-out data: what choices are made on, and what is measured."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from aae_tf.config.registry import Registry
from aae_tf.data import Dataset, Split
from aae_tf.errors import check_choice

if TYPE_CHECKING:
    from aae_tf.models import LatentModel
    from aae_tf.networks.augmentation import Views


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The data and settings that metrics and figures of a trained model need.

    Attributes:
        data: `aae_tf.data.Dataset`.
        split: 'test' to report, 'validation' to choose.
        seed: seed of samples, draws and halves.
        likelihood_samples: number of samples of the Parzen-window likelihood, 0 to leave it out.
        progress: function (purpose, samples so far) that the likelihood calls, or None.
        history: list of dicts, one for each epoch.
        views: `aae_tf.Views` of the training, or None.
    """

    data: Dataset
    split: str = "test"
    seed: int = 0
    likelihood_samples: int = 10_000
    progress: Callable[[str, int], None] | None = None
    history: Sequence[dict] = ()
    views: "Views | None" = None

    def __post_init__(self):
        check_choice("split", self.split, ("test", "validation"))

    @property
    def images(self) -> Split:
        """All elements of the split, with their labels."""
        return getattr(self.data, self.split)

    @property
    def what(self) -> str:
        """Name of the elements in titles: 'test images', 'validation rows'."""
        return f"{self.split} {self.data.element.plural}"

    @property
    def choosing(self) -> Split:
        """Validation elements (half of them, if the split is 'validation') to choose on; never those of `measuring`."""
        return self._parts[0]

    @property
    def measuring(self) -> Split:
        """Elements to measure on what was chosen: the test elements, or the other half of the validation elements."""
        return self._parts[1]

    @cached_property
    def _parts(self) -> tuple[Split, Split]:
        if self.split == "test":
            return self.data.validation, self.data.test
        order = np.random.default_rng([self.seed, 13]).permutation(len(self.images))
        half = len(order) // 2
        return self.images.take(order[:half]), self.images.take(order[half:])

    @cached_property
    def features(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """Features of the data (`aae_tf.reporting.features`), or None where no classifier can be trained."""
        from aae_tf.reporting.features import features_of

        return features_of(self.data)

    def comparable(self, model: "LatentModel", elements: np.ndarray) -> np.ndarray:
        """Return elements [N, ...] in the units of errors and distances: images as they are, rows scaled."""
        return np.asarray(model.image_scale.comparable(elements))

    def training(self, most: int) -> Split:
        """Return at most `most` training elements, drawn by the seed."""
        return self.data.training_images(most, self.seed)


def some(split: Split, most: int, seed: int) -> Split:
    """Return at most `most` elements drawn by the seed, because a split may be in the order of its labels."""
    return split.take(some_rows(split, most, seed))


def some_rows(split: Split, most: int, seed: int) -> np.ndarray:
    """Return the positions of the elements of `some`, int array [n]."""
    return np.random.default_rng(seed).permutation(len(split))[:most]


def declared(names: Sequence[str | Callable], registry: Registry) -> Iterator[tuple[str, Callable]]:
    """Yield (name, function) of what a model declares: names in a registry, or functions."""
    for each in names:
        yield (each.__name__, each) if callable(each) else (each, registry[each])
