"""Which images of a source too large for memory are held out or kept: by a hash of each image's index, in any order.

A twentieth validates and a twentieth tests, at most 5,000 each. Up to 10,000 of the training images are kept in memory
too, for comparisons. Of large images fewer.
"""

from collections.abc import Callable

import numpy as np

from aae_tf.errors import InputError

KEPT = 20_000  # images in memory: a quarter validates, a quarter tests, the others are a sample of the training images
KEPT_BYTES = 2**30  # their maximum size
SOME = 256  # labelled images that are kept where there are more than that sample, for blocks without any


def most_kept(image_bytes: int) -> int:
    """Return the maximum number of images of a size that are kept in memory."""
    return max(4, min(KEPT, KEPT_BYTES // image_bytes))


def hashes() -> Callable[[int], np.ndarray]:
    """Return the function (n) to the hashes of the next n indices, uint64 [n], from index 0."""
    return np.random.Philox(key=0).random_raw  # Philox is counter-based: the n-th number depends on n alone


def held_out(draws: np.ndarray, image_bytes: int) -> np.ndarray:
    """Return the largest hash of validation, test and sample images, [3], of the hashes of all images, uint64 [N]."""
    count, most = len(draws), most_kept(image_bytes)
    if count < 10:
        raise InputError(f"{count} images are too few to train, validate and test on; at least 10 are needed")
    part = max(1, min(count // 20, most // 4))
    return np.sort(draws)[np.cumsum([part, part, min(most // 2, count - 2 * part)]) - 1]


def least(draws: np.ndarray, most: int) -> int:
    """Return the largest of the `most` least hashes, 0 where there are none."""
    return np.sort(draws)[:most].max(initial=0)
