"""Where a training step's images come from: memory, a pack read by index, or a stream.

All give the loop the same thing: *chunks*, each a block of uint8 images on the device and, for every step, the
rows of that block which make its batch. In memory the block is the whole training set, else a part of the
epoch. Every shuffle is a function of (seed, epoch).
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from aae_tf.backend import tf
from aae_tf.data import Packed, Split, Stream
from aae_tf.data.large import streams
from aae_tf.errors import InputError

BLOCK_BYTES = 64 * 2**20  # of a block, of which there are up to three at a time


class Pool(NamedTuple):
    """Images with labels, of which each step draws a mini-batch.

    Attributes:
        images: uint8 [P, H, W, C].
        labels: int32 [P].
        rows: int32 [R], those of the images that have labels.
        count: int32 [], how many of these rows count; what follows them only keeps the shape.
    """

    images: Any
    labels: Any
    rows: Any
    count: Any


class Chunk(NamedTuple):
    """Some steps of an epoch, ready for one compiled call.

    Attributes:
        images: uint8 [M, H, W, C], the elements of a block.
        labels: int32 [M], -1 for unlabelled.
        pool: `Pool`.
        rows: int32 [S, batch], rows of the block for each of its steps.
        offset: step of the epoch that rows[0] belongs to.
        first: first step of the epoch to take.
        count: number of steps to take.
    """

    images: Any
    labels: Any
    pool: Pool
    rows: Any
    offset: int
    first: int
    count: int

    def as_tensors(self) -> "Chunk":
        """Return this chunk with its numbers as int32 tensors, so that one trace serves all chunks."""
        numbers = {name: tf.constant(getattr(self, name), tf.int32) for name in ("offset", "first", "count")}
        return self._replace(**numbers)


class InMemory:
    """A `Split`, held on the device as uint8.

    Args:
        split: `aae_tf.data.Split`.
        batch_size: images a step.
        seed: seed of the shuffles.

    Raises:
        InputError: fewer images than a batch.
    """

    def __init__(self, split, batch_size, seed):
        self.steps = _steps(len(split), batch_size)
        self.batch_size, self.seed, self.count = batch_size, seed, len(split)
        labels = np.full(len(split), -1, np.int32) if split.labels is None else split.labels
        self.images, self.labels = tf.constant(split.images), tf.constant(labels)
        self.pool = _pool(self.images, self.labels)

    def chunks(self, epoch, length, first=0):
        """Yield the chunks of an epoch.

        Args:
            epoch: counted from 0.
            length: function to how many steps the next should have.
            first: step of the epoch to begin with.
        """
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        rows = order[: self.steps * self.batch_size].reshape(self.steps, self.batch_size)
        rows = tf.constant(rows, tf.int32)
        while first < self.steps:
            count = min(length(), self.steps - first)
            yield Chunk(self.images, self.labels, self.pool, rows, 0, first, count)
            first += count


class _InBlocks:
    """What does not fit in memory: blocks of some steps, of which the next is read while the device trains on one.

    Args:
        train: `aae_tf.data.Packed` or `Stream`.
        batch_size: images a step.
        seed: seed of the shuffles.
        steps_per_chunk: steps of a block, of large images fewer.

    Raises:
        InputError: fewer images than a batch.
    """

    def __init__(self, train, batch_size, seed, steps_per_chunk=20):
        self.steps = _steps(len(train), batch_size)
        self.train, self.batch_size, self.seed = train, batch_size, seed
        most = BLOCK_BYTES // (batch_size * train.sample.images[0].nbytes)
        self.block = max(1, min(steps_per_chunk, self.steps, most))
        self.size = self.block * batch_size
        self.pool, self.pool_is_all, self.readers = None, False, 1  # of a block
        if train.known:
            self.pool_is_all = train.known == len(train.pool)
            self.pool = _pool(tf.constant(train.pool.images), tf.constant(train.pool.labels))

    def chunks(self, epoch, length, first=0):
        """Yield the chunks of an epoch; their length is the block's.

        Args:
            epoch: counted from 0.
            length: not looked at.
            first: step of the epoch to begin with.
        """
        rows = tf.reshape(tf.range(self.size), [self.block, self.batch_size])
        for split in self.blocks(epoch, first * self.batch_size, self.steps * self.batch_size):
            missing, count = self.size - len(split), len(split) // self.batch_size
            labels = np.full(len(split), -1, np.int32) if split.labels is None else split.labels
            images = tf.constant(_padded(split.images, missing, 0))
            labels = tf.constant(_padded(labels, missing, -1))
            yield Chunk(images, labels, self._pool_of(images, labels, len(split)), rows, first, first, count)
            first += count

    def _pool_of(self, images, labels, size):
        """Return the labelled images of the block, if it has more than memory has or half of it has labels; else those
        in memory."""
        if self.pool is None:
            return _pool(images, labels)
        enough = min(int(self.pool.count), size // self.readers // 2)
        return self.pool if self.pool_is_all or np.sum(labels.numpy() >= 0) < enough else _pool(images, labels)


class Indexed(_InBlocks):
    """A `Packed`, shuffled as a whole by (seed, epoch): the batches are those it would give from memory.

    Args:
        train: `aae_tf.data.Packed`.
        batch_size: images a step.
        seed: seed of the shuffles.
        steps_per_chunk: steps of a block, of large images fewer.
        share: (which of several workers this is, how many there are). Of each batch a worker reads its own part; the
            rest of its block is black and without labels.
    """

    def __init__(self, train, batch_size, seed, steps_per_chunk=20, share=(0, 1)):
        super().__init__(train, batch_size, seed, steps_per_chunk)
        number, self.readers = share
        self.own = np.arange(self.size) % batch_size * self.readers // batch_size == number

    def blocks(self, epoch, first, last):
        """Yield `Split`s of the images at some places of an epoch's order.

        Args:
            epoch: counted from 0.
            first: place to begin with; nothing before it is read.
            last: place to end before.
        """
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.train))[first:last]
        blocks = [order[start : start + self.size] for start in range(0, len(order), self.size)]
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._read, blocks[0]) if blocks else None
            for following in [*blocks[1:], None]:
                split = coming.result()
                coming = None if following is None else reader.submit(self._read, following)
                yield split

    def _read(self, places):
        own = self.own[: len(places)]
        read = self.train.take(places[own])
        if own.all():
            return read
        images, labels = np.zeros((len(places), *read.images.shape[1:]), np.uint8), np.full(len(places), -1, np.int32)
        images[own], labels[own] = read.images, -1 if read.labels is None else read.labels
        return Split(images, labels)


class Streamed(_InBlocks):
    """A `Stream`, in its own order but for the images of each block, which (seed, epoch) shuffles."""

    def blocks(self, epoch, first, last):
        """Yield `Split`s of the images at some places of the stream.

        Args:
            epoch: counted from 0.
            first: place to begin with; what comes before it is read and dropped.
            last: place to end before.
        """
        for split in streams.blocks(self.train, first, last, self.size):
            yield split.take(np.random.default_rng([self.seed, epoch, first]).permutation(len(split)))
            first += len(split)


def source_of(train, batch_size, seed, share=(0, 1)):
    """Return the source of a `Split`, a `Packed` or a `Stream`.

    Args:
        train: one of these.
        batch_size: images a step.
        seed: seed of the shuffles.
        share: (which of several workers this is, how many there are): of a `Packed` each reads its own images alone.

    Raises:
        InputError: fewer images than a batch.
    """
    if isinstance(train, Packed):
        return Indexed(train, batch_size, seed, share=share)
    return {Split: InMemory, Stream: Streamed}[type(train)](train, batch_size, seed)


def _padded(array, missing, value):
    return np.pad(array, [[0, missing], *[[0, 0]] * (array.ndim - 1)], constant_values=value) if missing else array


def _pool(images, labels):
    """Return the `Pool` of a block, its rows as many as the block has, so that a step is traced once for all blocks."""
    rows = np.flatnonzero(labels.numpy() >= 0).astype(np.int32)
    padded = np.zeros(len(labels), np.int32)
    padded[: len(rows)] = rows
    return Pool(images, labels, tf.constant(padded), tf.constant(max(1, len(rows)), tf.int32))


def _steps(count, batch_size):
    if count < batch_size:
        raise InputError(
            f"batch_size {batch_size} is larger than the {count} training images; use batch_size={count} or smaller"
        )
    return count // batch_size
