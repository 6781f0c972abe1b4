"""What a dataset is here: three splits of uint8 images or of float32 rows, with labels where there are any."""

import functools
import hashlib
import json
from dataclasses import dataclass, replace

import numpy as np

from aae_tf.data.element import Element, element_of
from aae_tf.data.tables.columns import Columns
from aae_tf.errors import InputError


@dataclass(frozen=True, repr=False)
class Split:
    """Images, or rows of a table, and labels that fit in memory.

    Attributes:
        images: uint8 array [N, H, W, C], or rows, float32 [N, D] in their own units.
        labels: int32 array [N], -1 for unlabelled images; None without labels.
    """

    images: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        return f"Split({len(self):,} of shape {self.images.shape[1:]}, {self.known:,} with labels)"

    def take(self, indices):
        """Return the `Split` of some rows.

        Args:
            indices: int array [n], or a slice.
        """
        return Split(self.images[indices], None if self.labels is None else self.labels[indices])

    def labelled(self):
        """Return the `Split` of the rows that have labels; empty without any."""
        return self.take(labelled_rows(self.labels))

    @property
    def known(self):
        """How many have labels."""
        return len(labelled_rows(self.labels))

    @property
    def sample(self):
        """Those that are in memory: all."""
        return self


def labelled_rows(labels):
    """Return the rows that have labels, int array [M].

    Args:
        labels: int array [N], -1 for unlabelled; None without labels.
    """
    return np.flatnonzero(labels >= 0) if labels is not None else np.arange(0)


def joined(*splits):
    """Return one `Split` of several.

    Args:
        *splits: `Split`, all with labels or none.
    """
    labels = None if splits[0].labels is None else np.concatenate([split.labels for split in splits])
    return Split(np.concatenate([split.images for split in splits]), labels)


@dataclass(frozen=True, repr=False)
class Stream:
    """Training images that do not fit in memory, read through tf.data, epoch after epoch in the dataset's order.

    Attributes:
        dataset: `tf.data.Dataset` of dicts with 'image', uint8 [H, W, C], 'label', int32 [], and 'mark'.
        marks: int64 [N], hash of each element, by which another order is noticed.
        sample: `Split` of some of these images, in memory, for what compares with training images.
        known: how many of these images have labels.
        pool: `Split` of labelled ones, in memory: all, or a few where there are many. None without labels.
    """

    dataset: object
    marks: np.ndarray
    sample: Split
    known: int = 0
    pool: Split | None = None

    def __len__(self):
        return len(self.marks)

    def __repr__(self):
        return f"Stream({len(self):,} of shape {self.sample.images.shape[1:]}, {self.known:,} with labels)"

    @property
    def digest(self):
        """Hash of all images and labels in their order."""
        return hashlib.blake2b(self.marks.tobytes(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test images.

    Attributes:
        name: name of the dataset, 'custom' for a user's arrays, folder or stream.
        train: `Split`, or `Packed` or `Stream` for what does not fit in memory.
        validation: held out of the training images, for every choice.
        test: touched to report, never to choose.
        class_names: name of each class, in label order; empty without labels.
        source: one line on where it came from and how it was split.
        columns: what the numbers of a row are, `Columns`; None for images.
    """

    name: str
    train: object
    validation: Split
    test: Split
    class_names: tuple[str, ...] = ()
    source: str = ""
    columns: Columns | None = None

    @property
    def image_shape(self):
        """Shape of one element: (H, W, C) of an image, (D,) of a row."""
        return self.validation.images.shape[1:]

    @property
    def classes(self):
        """Number of classes, 0 without labels."""
        return len(self.class_names)

    def with_labels(self, labels, seed):
        """Return the dataset with only some of its training labels, the others -1.

        Args:
            labels: a number, a share such as '20%', or 'all'; drawn evenly over the classes, as far as each has so
                many.
            seed: int; which images keep their label.

        Raises:
            InputError: more labels than there are, fewer than classes, or streamed data.
        """
        if labels == "all":
            return self
        if isinstance(self.train, Stream):
            raise InputError(
                f"labels={labels!r} needs data that fits in memory or is packed (aae_tf.data.pack); streamed data "
                "takes 'all'"
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

    def training_images(self, most, seed):
        """Return a `Split` of at most `most` training images, drawn by the seed; of what is not in memory, of a sample.

        Args:
            most: int; all are returned, in their own order, if there are no more.
            seed: int.
        """
        known = self.train.sample
        return known if len(known) <= most else known.take(np.random.default_rng(seed).permutation(len(known))[:most])

    def training_blocks(self):
        """Yield the training images, arrays [n, ...]; of a stream its sample alone, which is what memory has of it."""
        train = self.train.sample if isinstance(self.train, Stream) else self.train
        for first in range(0, len(train), 1000):
            yield train.take(slice(first, first + 1000)).images

    @property
    def element(self) -> Element:
        """What its elements are, images or rows."""
        return element_of(self.image_shape, self.columns)

    def fingerprint(self):
        """Return a hash of all images, labels and class names, by which the data is recognised."""
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self):
        images, whole = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
        for split in (self.train, self.validation, self.test):
            images.update(str(len(split)).encode())
            if not isinstance(split, Split):
                whole.update(split.digest.encode())
                continue
            images.update(np.ascontiguousarray(split.images))
            whole.update(b"none" if split.labels is None else np.ascontiguousarray(split.labels, np.int32))
        about = [images.hexdigest(), self.image_shape, self.class_names]
        about += [self.columns.get_config()] if self.columns else []
        whole.update(json.dumps(about).encode())
        return whole.hexdigest()


def _even_shares(total, available, draw):
    """Return how many to take of each class, as even as `available` allows, `total` in all; `draw` breaks ties."""
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


def split_own(images, labels, class_names, source, test=None, what="images"):
    """Return a `Dataset` of a user's images: a fixed shuffle, then 80 % train, 10 % validation, 10 % test.

    With a test split of its own, 90 % train and 10 % validation.

    Raises:
        InputError: fewer than 10 images.
    """
    if len(images) < 10:
        raise InputError(f"{len(images)} {what} are too few to train, validate and test on; at least 10 are needed")
    order = np.random.RandomState(0).permutation(len(images))
    held_out = max(1, len(images) // 10)
    whole = Split(images, labels)
    parts = "90 % train, 10 % validation by a fixed shuffle; its own test split"
    if test is None:
        test, order = whole.take(order[:held_out]), order[held_out:]
        parts = "80 % train, 10 % validation, 10 % test by a fixed shuffle"
    train, validation = whole.take(order[held_out:]), whole.take(order[:held_out])
    return Dataset("custom", train, validation, test, class_names, f"{source}; {parts}")
