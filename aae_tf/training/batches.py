"""The mini-batch of a step, gathered from a chunk."""

from typing import Any

from aae_tf.backend import tf
from aae_tf.training.data_source import Chunk
from aae_tf.utils.images import max_pixel_value
from aae_tf.utils.random import fold


def make_batch(chunk: Chunk, rows: "tf.Tensor", seed: Any, epoch: "tf.Tensor", views: Any, labelled: bool) -> dict:
    """Return a mini-batch, gathered and scaled (a gather, not a slice: XLA would fuse a slice into the matrix product).

    Args:
        chunk: holds the elements, as tensors.
        rows: int32 [batch], the chunk's rows in this batch.
        seed: int32 [2], the seed of the step.
        epoch: float32 scalar, the epochs done so far.
        views: `aae_tf.Views`, or None; with views, the labelled elements are seen through them.
        labelled: whether to draw a mini-batch of labelled elements too.

    Returns:
        dict of 'images' float32 [batch, ...], 'labels' int32 [batch], 'epoch' and, where asked for, 'views',
        'labelled_images' and 'labelled_labels'.
    """
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
