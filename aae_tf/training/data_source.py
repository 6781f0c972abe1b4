"""Sources of training data: memory, a packed dataset read by index, or a stream.

All of them yield *chunks*: a block of elements on the device and, for each step, the rows of the block in its batch. In
memory the block is the whole training set, otherwise a part of the epoch. Every shuffle is a function of (seed, epoch).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from aae_tf.backend import tf
from aae_tf.data import Packed, Split, Stream
from aae_tf.data.large import streams
from aae_tf.errors import InputError

BLOCK_BYTES = 64 * 2**20  # size of a block; up to three exist at a time


class Pool(NamedTuple):
    """Labelled elements, of which each step draws a mini-batch."""

    images: Any  # uint8 [P, H, W, C]
    labels: Any  # int32 [P]
    rows: Any  # int32 [R], the rows that have labels, padded to a fixed length
    count: Any  # int32 [], number of these rows without the padding


class Chunk(NamedTuple):
    """Some steps of an epoch, ready for one compiled call."""

    images: Any  # uint8 [M, H, W, C], the elements of a block
    labels: Any  # int32 [M], -1 for unlabelled
    pool: Pool
    rows: Any  # int32 [S, batch], rows of the block for each of its steps
    offset: int  # step of the epoch that rows[0] belongs to
    first: int  # first step of the epoch to take
    count: int  # number of steps to take

    def as_tensors(self) -> "Chunk":
        """Return this chunk with its numbers as int32 tensors, so that one trace serves all chunks."""
        numbers = {name: tf.constant(getattr(self, name), tf.int32) for name in ("offset", "first", "count")}
        return self._replace(**numbers)


class InMemory:
    """A `Split` on the device, as uint8."""

    def __init__(self, split: Split, batch_size: int, seed: int):
        self.steps = _steps(len(split), batch_size)
        self.batch_size, self.seed, self.count = batch_size, seed, len(split)
        self.images, self.labels = tf.constant(split.images), tf.constant(_labels(split))
        self.pool = _pool(self.images, self.labels)

    def chunks(self, epoch: int, length: Callable[[], int], first: int = 0) -> Iterator[Chunk]:
        """Yield the chunks of an epoch (from 0) from step `first` on; `length()` is the size of the next one."""
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        rows = tf.constant(order[: self.steps * self.batch_size].reshape(self.steps, self.batch_size), tf.int32)
        while first < self.steps:
            count = min(length(), self.steps - first)
            yield Chunk(self.images, self.labels, self.pool, rows, 0, first, count)
            first += count


class _InBlocks:
    """Data that does not fit in memory: blocks of some steps; the next one is read while the device trains."""

    def __init__(self, train: Packed | Stream, batch_size: int, seed: int, steps_per_chunk: int = 20):
        self.steps = _steps(len(train), batch_size)
        self.train, self.batch_size, self.seed = train, batch_size, seed
        most = BLOCK_BYTES // (batch_size * train.sample.images[0].nbytes)
        self.block = max(1, min(steps_per_chunk, self.steps, most))
        self.size = self.block * batch_size
        self.pool, self.pool_is_all, self.readers = None, False, 1
        if train.known:
            self.pool_is_all = train.known == len(train.pool)
            self.pool = _pool(tf.constant(train.pool.images), tf.constant(train.pool.labels))

    def chunks(self, epoch: int, length: Callable[[], int], first: int = 0) -> Iterator[Chunk]:
        """Yield the chunks of an epoch from step `first` on; a chunk is a block, `length` is ignored."""
        rows = tf.reshape(tf.range(self.size), [self.block, self.batch_size])
        for split in self.blocks(epoch, first * self.batch_size, self.steps * self.batch_size):
            missing, count = self.size - len(split), len(split) // self.batch_size
            images = tf.constant(_padded(split.images, missing, 0))
            labels = tf.constant(_padded(_labels(split), missing, -1))
            yield Chunk(images, labels, self._pool_of(images, labels, len(split)), rows, first, first, count)
            first += count

    def _pool_of(self, images, labels, size):
        """Return the labelled elements of the block if it has enough of them, otherwise those in memory."""
        if self.pool is None:
            return _pool(images, labels)
        enough = min(int(self.pool.count), size // self.readers // 2)
        return self.pool if self.pool_is_all or np.sum(labels.numpy() >= 0) < enough else _pool(images, labels)


class Indexed(_InBlocks):
    """A `Packed`, shuffled as a whole by (seed, epoch); its batches equal those of the same data in memory.

    A worker, `share` = (its index, number of workers), reads its own part of each batch; the rest of its block is black
    and without labels.
    """

    def __init__(
        self, train: Packed, batch_size: int, seed: int, steps_per_chunk: int = 20, share: tuple[int, int] = (0, 1)
    ):
        super().__init__(train, batch_size, seed, steps_per_chunk)
        number, self.readers = share
        self.own = np.arange(self.size) % batch_size * self.readers // batch_size == number

    def blocks(self, epoch: int, first: int, last: int) -> Iterator[Split]:
        """Yield the elements at positions `first` to `last` of an epoch's order; no others are read."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.train))[first:last]
        blocks = [order[start : start + self.size] for start in range(0, len(order), self.size)]
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._read, blocks[0]) if blocks else None
            for following in [*blocks[1:], None]:
                split = coming.result()
                coming = None if following is None else reader.submit(self._read, following)
                yield split

    def _read(self, positions):
        own = self.own[: len(positions)]
        read = self.train.take(positions[own])
        if own.all():
            return read
        images = np.zeros((len(positions), *read.images.shape[1:]), np.uint8)
        labels = np.full(len(positions), -1, np.int32)
        images[own], labels[own] = read.images, _labels(read)
        return Split(images, labels)


class Streamed(_InBlocks):
    """A `Stream` in its own order; (seed, epoch) shuffles the elements of each block."""

    def blocks(self, epoch: int, first: int, last: int) -> Iterator[Split]:
        """Yield the elements at positions `first` to `last` of the stream; earlier ones are read and dropped."""
        for split in streams.blocks(self.train, first, last, self.size):
            yield split.take(np.random.default_rng([self.seed, epoch, first]).permutation(len(split)))
            first += len(split)


def source_of(
    train: Split | Packed | Stream, batch_size: int, seed: int, share: tuple[int, int] = (0, 1)
) -> InMemory | Indexed | Streamed:
    """Return the data source of a training set; of a `Packed` each worker reads its own elements only."""
    if isinstance(train, Packed):
        return Indexed(train, batch_size, seed, share=share)
    return {Split: InMemory, Stream: Streamed}[type(train)](train, batch_size, seed)


def _labels(split):
    """Return the labels of a split, int32 [N]; -1 for all without labels."""
    return np.full(len(split), -1, np.int32) if split.labels is None else split.labels


def _padded(array, missing, value):
    return np.pad(array, [[0, missing], *[[0, 0]] * (array.ndim - 1)], constant_values=value) if missing else array


def _pool(images, labels):
    """Return the `Pool` of a block; its rows have the length of the block, so that one trace serves all blocks."""
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
