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
    seed = as_seed(seed)
    if not isinstance(number, int):
        return tf.random.experimental.stateless_fold_in(seed, number)
    return _once(lambda: tf.random.experimental.stateless_fold_in(seed, number), seed, number)


def normal(shape, seed, dtype="float32"):
    """Return standard normal numbers; in a graph those of one seed are drawn once.

    Args:
        shape: of the numbers, ints or an int tensor.
        seed: int32 tensor [2].
        dtype: float dtype.
    """
    return _drawn(tf.random.stateless_normal, shape, seed, dtype)


def uniform(shape, seed, dtype="float32"):
    """Return numbers uniform in [0, 1); in a graph those of one seed are drawn once.

    Args:
        shape: of the numbers, ints or an int tensor.
        seed: int32 tensor [2].
        dtype: float dtype.
    """
    return _drawn(tf.random.stateless_uniform, shape, seed, dtype)


def _drawn(draw, shape, seed, dtype):
    known = tf.get_static_value(tf.convert_to_tensor(shape))
    if known is None:
        return draw(shape, seed, dtype=dtype)
    return _once(lambda: draw(known, seed, dtype=dtype), seed, draw, tuple(known), dtype)


def _once(draw, seed, *what):
    """Return `draw()`; within one graph the tensor that it gave before for this seed and whatever else it hangs on.

    XLA does not see that two draws are one. It would draw again, and take again all passes that hang on the draw. What
    was drawn is kept on the graph itself, and goes with it.
    """
    if tf.executing_eagerly():
        return draw()
    graph = tf.compat.v1.get_default_graph()
    if not hasattr(graph, "aae_tf_drawn"):
        graph.aae_tf_drawn = {}
    drawn, key = graph.aae_tf_drawn, (id(seed), *what)
    if key not in drawn:
        drawn[key] = (draw(), seed)  # the seed is kept, so that no other has its id
    return drawn[key][0]


def seeds(seed, count):
    """Return `count` ints that depend on `seed` alone, for the initializers of a network's layers.

    Args:
        seed: int, or a list of ints.
        count: how many.
    """
    return [int(word) & 0x7FFFFFFF for word in np.random.SeedSequence(seed).generate_state(count)]
