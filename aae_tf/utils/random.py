"""Stateless randomness: every draw is a function of a seed."""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from aae_tf.backend import tf

Seed = int | Sequence[int] | tf.Tensor


def as_seed(seed: Seed) -> tf.Tensor:
    """Return a seed as an int32 tensor of shape [2], for `tf.random.stateless_*`."""
    if isinstance(seed, int | np.integer):
        return tf.constant([int(seed) >> 31 & 0x7FFFFFFF, int(seed) & 0x7FFFFFFF], tf.int32)
    return tf.cast(seed, tf.int32)


def split_seed(seed: Seed, count: int) -> tf.Tensor:
    """Return `count` independent seeds, int32 [count, 2]."""
    return tf.random.split(as_seed(seed), count)


def fold(seed: Seed, number: int | tf.Tensor) -> tf.Tensor:
    """Return a seed, int32 [2], that depends on another seed and a number."""
    seed = as_seed(seed)
    if not isinstance(number, int):
        return tf.random.experimental.stateless_fold_in(seed, number)
    return _once(lambda: tf.random.experimental.stateless_fold_in(seed, number), seed, number)


def _drawn(draw: Callable, shape: Sequence[int] | tf.Tensor, seed: tf.Tensor, dtype: str = "float32") -> tf.Tensor:
    """Return random numbers of a shape; within one graph the draws of one seed share a tensor."""
    known = tf.get_static_value(tf.convert_to_tensor(shape))
    if known is None:
        return draw(shape, seed, dtype=dtype)
    return _once(lambda: draw(known, seed, dtype=dtype), seed, draw, tuple(known), dtype)


normal = functools.partial(_drawn, tf.random.stateless_normal)
uniform = functools.partial(_drawn, tf.random.stateless_uniform)  # in [0, 1)


def _once(draw: Callable, seed: tf.Tensor, *key: object) -> tf.Tensor:
    """Return `draw()`, or within one graph the earlier tensor of the same seed and key.

    XLA does not merge two equal draws, so it would compute each of them and everything that depends on it again.
    """
    if tf.executing_eagerly():
        return draw()
    graph = tf.compat.v1.get_default_graph()
    if not hasattr(graph, "aae_tf_drawn"):
        graph.aae_tf_drawn = {}
    drawn, key = graph.aae_tf_drawn, (id(seed), *key)
    if key not in drawn:
        drawn[key] = (draw(), seed)  # keeps the seed alive, so that its id stays unique
    return drawn[key][0]


def seeds(seed: int | Sequence[int], count: int) -> list[int]:
    """Return `count` ints that depend on a seed, for the initializers of layers."""
    return [int(word) & 0x7FFFFFFF for word in np.random.SeedSequence(seed).generate_state(count)]
