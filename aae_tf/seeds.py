"""Seeds: everything random is a function of one of these, and nothing keeps a state."""

import numpy as np

from aae_tf.backend import tf


def as_seed(seed):
    """Return `seed` (an int, or an int32 tensor of shape [2]) as a stateless int32 seed of shape [2].

    Args:
        seed: int, two ints, or int32 tensor [2].
    """
    if isinstance(seed, int | np.integer):
        return tf.constant([int(seed) >> 31 & 0x7FFFFFFF, int(seed) & 0x7FFFFFFF], tf.int32)
    return tf.cast(seed, tf.int32)


def split_seed(seed, count):
    """Return `count` independent seeds, int32 [count, 2].

    Args:
        seed: int, or int32 [2].
        count: how many.
    """
    return tf.random.split(as_seed(seed), count)


def fold(seed, number):
    """Return a seed, int32 [2], that depends on `seed` and on `number`, an int or a scalar int tensor.

    Args:
        seed: int, or int32 [2].
        number: int, or a scalar integer tensor.
    """
    return tf.random.experimental.stateless_fold_in(as_seed(seed), number)


def seeds(seed, count):
    """Return `count` ints that depend on `seed` alone, for the initializers of a network's layers.

    Args:
        seed: int, or a list of ints.
        count: how many.
    """
    return [int(word) & 0x7FFFFFFF for word in np.random.SeedSequence(seed).generate_state(count)]
