"""What is kept in memory of a source too large for it: drawn by a hash of each image's index, whatever the order.

A twentieth validates and a twentieth tests, 5,000 at most each; beside them up to 10,000 of the training images are
kept, for whatever compares with those. Of large images fewer.
"""

import numpy as np

from aae_tf.errors import InputError

KEPT = 20_000  # images in memory: a quarter validates, a quarter tests, the others are a sample of the training images
KEPT_BYTES = 2**30  # that these take at most
SOME = 256  # labelled images that are kept where there are more than that sample, for blocks without any


def most_kept(image_bytes):
    """Return how many images are kept in memory at most, an int.

    Args:
        image_bytes: size of one.
    """
    return max(4, min(KEPT, KEPT_BYTES // image_bytes))


def hashes():
    """Return the function (n) to the next n indices' hashes, uint64 [n], beginning with index 0."""
    return np.random.Philox(key=0).random_raw  # Philox is a function of a counter: the n-th number depends on n alone


def held_out(draws, image_bytes):
    """Return up to which hash an image validates, up to which it tests, and up to which it is in the sample; [3].

    Args:
        draws: hashes of all images, uint64 [N].
        image_bytes: size of one.

    Raises:
        InputError: fewer than 10 images.
    """
    count, most = len(draws), most_kept(image_bytes)
    if count < 10:
        raise InputError(f"{count} images are too few to train, validate and test on; at least 10 are needed")
    part = max(1, min(count // 20, most // 4))
    return np.sort(draws)[np.cumsum([part, part, min(most // 2, count - 2 * part)]) - 1]


def least(draws, most):
    """Return up to which hash the `most` least of some lie, 0 where there are none.

    Args:
        draws: uint64 [n].
        most: int.
    """
    return np.sort(draws)[:most].max(initial=0)
