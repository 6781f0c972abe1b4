"""The dataset: three splits of uint8 images or of float32 rows, with or without labels."""

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Union

import numpy as np

from aae_tf.data.element import Element, element_of
from aae_tf.data.tables.columns import Columns
from aae_tf.errors import InputError

if TYPE_CHECKING:
    import tensorflow as tf

    from aae_tf.data.large.packed import Packed


@dataclass(frozen=True, repr=False)
class Split:
    """Images or rows in memory, with their labels.

    Attributes:
        images: uint8 array [N, H, W, C], or rows, float32 [N, D] in their own units.
        labels: int32 array [N], -1 for unlabelled elements; None without labels.
    """

    images: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Split({len(self):,} of shape {self.images.shape[1:]}, {self.known:,} with labels)"

    def take(self, indices: np.ndarray | slice) -> "Split":
        """Return the `Split` of some elements, by an int array [n] or a slice."""
        return Split(self.images[indices], None if self.labels is None else self.labels[indices])

    def labelled(self) -> "Split":
        """Return the `Split` of the labelled elements."""
        return self.take(labelled_rows(self.labels))

    @property
    def known(self) -> int:
        """Number of labelled elements."""
        return len(labelled_rows(self.labels))

    @property
    def sample(self) -> "Split":
        """The elements that are in memory: all."""
        return self


def labelled_rows(labels: np.ndarray | None) -> np.ndarray:
    """Return the indices of labelled elements, int array [M], of labels int [N] with -1 for unlabelled, or None."""
    return np.flatnonzero(labels >= 0) if labels is not None else np.arange(0)


def joined(*splits: Split) -> Split:
    """Return one `Split` of several; either all have labels or none."""
    labels = None if splits[0].labels is None else np.concatenate([split.labels for split in splits])
    return Split(np.concatenate([split.images for split in splits]), labels)


@dataclass(frozen=True, repr=False)
class Stream:
    """Training images that do not fit in memory, read through tf.data in the same order in each epoch.

    Attributes:
        dataset: `tf.data.Dataset` of dicts with 'image', uint8 [H, W, C], 'label', int32 [], and 'mark'.
        marks: int64 [N], hash of each element, which detects a changed order.
        sample: `Split` of some of these images, in memory, for comparisons with training images.
        known: number of labelled images.
        pool: `Split` of labelled images, in memory: all, or some of many. None without labels.
    """

    dataset: "tf.data.Dataset"
    marks: np.ndarray
    sample: Split
    known: int = 0
    pool: Split | None = None

    def __len__(self) -> int:
        return len(self.marks)

    def __repr__(self) -> str:
        return f"Stream({len(self):,} of shape {self.sample.images.shape[1:]}, {self.known:,} with labels)"

    @property
    def digest(self) -> str:
        """Hash of all images and labels in their order."""
        return hashlib.blake2b(self.marks.tobytes(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test images or rows.

    Attributes:
        name: name of the dataset, 'custom' for a user's arrays, folder or stream.
        train: `Split`, or `Packed` or `Stream` for data that does not fit in memory.
        validation: held out of the training data, for every choice.
        test: used to report, never to choose.
        class_names: name of each class, in label order; empty without labels.
        source: one line on where the data came from and how it was split.
        columns: `Columns` of a table; None for images.
    """

    name: str
    train: Union[Split, "Packed", Stream]
    validation: Split
    test: Split
    class_names: tuple[str, ...] = ()
    source: str = ""
    columns: Columns | None = None

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one element: (H, W, C) of an image, (D,) of a row."""
        return self.validation.images.shape[1:]

    @property
    def classes(self) -> int:
        """Number of classes, 0 without labels."""
        return len(self.class_names)

    def with_labels(self, labels: int | str, seed: int) -> "Dataset":
        """Return the dataset with some of its training labels, the others -1.

        Args:
            labels: a number, a share such as '20%', or 'all'; drawn as evenly over the classes as possible.
            seed: selects the elements that keep their label.

        Raises:
            InputError: more labels than there are, fewer than classes, or streamed data.
        """
        if labels == "all":
            return self
        if isinstance(self.train, Stream) and labels == 0:
            return replace(self, train=replace(self.train, known=0, pool=None))
        if isinstance(self.train, Stream):
            raise InputError(
                f"labels={labels!r} needs data in memory or packed (aae_tf.data.pack); a stream takes 'all'"
            )
        if self.train.labels is None:
            if labels == 0:
                return self
            raise InputError(f"labels={labels!r} was asked for, but the data has none")
        if isinstance(labels, str):
            labels = round(float(labels[:-1]) / 100 * len(self.train))
        if 0 < labels < self.classes:
            raise InputError(f"labels={labels} is fewer than the {self.classes} classes; give at least one for each")
        draw = np.random.default_rng([seed, 5])
        rows = [draw.permutation(np.flatnonzero(self.train.labels == number)) for number in range(self.classes)]
        if labels > sum(map(len, rows)):
            raise InputError(f"labels={labels} is more than the {sum(map(len, rows)):,} labelled training images")
        kept = np.full(len(self.train), -1, np.int32)
        for number, count in enumerate(_even_shares(labels, [len(each) for each in rows], draw)):
            kept[rows[number][:count]] = number
        return replace(self, train=replace(self.train, labels=kept))

    def training_images(self, most: int, seed: int) -> Split:
        """Return a `Split` of at most `most` training images in memory, drawn by the seed; all in order if fewer."""
        known = self.train.sample
        return known if len(known) <= most else known.take(np.random.default_rng(seed).permutation(len(known))[:most])

    def training_blocks(self) -> Iterator[np.ndarray]:
        """Yield the training images, arrays [n, ...]; of a stream only its sample in memory."""
        train = self.train.sample if isinstance(self.train, Stream) else self.train
        for first in range(0, len(train), 1000):
            yield train.take(slice(first, first + 1000)).images

    @property
    def element(self) -> Element:
        """The kind of its elements, images or rows."""
        return element_of(self.image_shape, self.columns)

    def fingerprint(self) -> str:
        """Return a hash of all images, labels, class names and columns, which identifies the data."""
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self):
        images, everything = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
        for split in (self.train, self.validation, self.test):
            images.update(str(len(split)).encode())
            if not isinstance(split, Split):
                everything.update(split.digest.encode())
                continue
            images.update(np.ascontiguousarray(split.images))
            everything.update(b"none" if split.labels is None else np.ascontiguousarray(split.labels, np.int32))
        about = [images.hexdigest(), self.image_shape, self.class_names]
        about += [self.columns.get_config()] if self.columns else []
        everything.update(json.dumps(about).encode())
        return everything.hexdigest()


def _even_shares(total, available, draw):
    """Return the number to take of each class, as even as `available` allows, `total` in all; `draw` breaks ties."""
    shares = np.zeros(len(available), int)
    available = np.array(available)
    while (left := total - shares.sum()) > 0:
        open_classes = np.flatnonzero(shares < available)
        if left < len(open_classes):
            shares[draw.permutation(open_classes)[:left]] += 1
        else:
            room = (available - shares)[open_classes]
            shares[open_classes] += np.minimum(room, left // len(open_classes))
    return shares


def split_custom(
    images: np.ndarray, labels: np.ndarray | None, class_names: tuple[str, ...], source: str, test: Split | None = None
) -> Dataset:
    """Return a `Dataset` of a user's data by a fixed shuffle: 80 % train (90 % with a given test split), 10 % each."""
    if len(images) < 10:
        what = "rows" if images.ndim == 2 else "images"
        raise InputError(f"{len(images)} {what} are too few to train, validate and test on; at least 10 are needed")
    order = np.random.RandomState(0).permutation(len(images))
    held_out = max(1, len(images) // 10)
    every = Split(images, labels)
    parts = "90 % train, 10 % validation by a fixed shuffle; its own test split"
    if test is None:
        test, order = every.take(order[:held_out]), order[held_out:]
        parts = "80 % train, 10 % validation, 10 % test by a fixed shuffle"
    train, validation = every.take(order[held_out:]), every.take(order[:held_out])
    return Dataset("custom", train, validation, test, class_names, f"{source}; {parts}")
