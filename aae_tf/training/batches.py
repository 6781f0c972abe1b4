"""The mini-batch of a step, gathered from a chunk."""

from typing import Any

from aae_tf.backend import tf
from aae_tf.training.data_source import Chunk
from aae_tf.utils.images import max_pixel_value
from aae_tf.utils.random import fold


def make_batch(chunk: Chunk, rows: "tf.Tensor", seed: Any, epoch: "tf.Tensor", views: Any, labelled: bool) -> dict:
    """Return the mini-batch of a chunk's `rows` [batch], scaled, with views and labelled elements where needed."""
    # A gather, not a slice: XLA would fuse a slice into the matrix product.
    batch = {"images": _scaled(tf.gather(chunk.images, rows)), "labels": tf.gather(chunk.labels, rows), "epoch": epoch}
    if views is not None:
        batch["views"] = views(batch["images"], fold(seed, 102))
    if labelled:
        pool = chunk.pool
        drawn = tf.random.stateless_uniform(tf.shape(rows), fold(seed, 101), 0, pool.count, tf.int32)
        chosen = tf.gather(pool.rows, drawn)
        images = _scaled(tf.gather(pool.images, chosen))
        batch["labelled_images"] = images if views is None else views(images, fold(seed, 103))
        batch["labelled_labels"] = tf.gather(pool.labels, chosen)
    return batch


def _scaled(images):
    return tf.cast(images, tf.float32) / max_pixel_value(images.dtype.as_numpy_dtype)
