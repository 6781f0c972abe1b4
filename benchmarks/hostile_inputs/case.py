"""A case: what is given to `aae_tf.data.load`, and what must come of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

KINDS = {}


@dataclass
class Case:
    """Something to load.

    Attributes:
        given: what `load` is given.
        must: 'right', 'refused' or 'either'.
        right: (elements, label names or None) that it holds, in any order; None where any content will do.
        named: texts of which a refusal must hold one, so that it says what was given.
        options: further arguments of `load`.
    """

    given: object
    must: str = "either"
    right: tuple | None = None
    named: tuple[str, ...] = ("",)
    options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A kind of cases: a function (random generator, empty folder) to a `Case`, and how many there are at most."""

    make: Callable
    most: int = 10**6


def kind(name, most=10**6):
    """Register a maker of cases."""
    return lambda make: KINDS.setdefault(name, Kind(make, most)).make


def pictures(chance, channels=None, count=None, side=24):
    """Return different random images, uint8 [N, H, W, C]."""
    channels = channels or int(chance.choice([1, 3]))
    count = count or int(chance.integers(10, 15))
    images = chance.integers(0, 256, (count, *chance.integers(2, side, 2), channels), dtype=np.uint8)
    images[0, 0, 0] = 200  # not all 0 and 1
    return images
