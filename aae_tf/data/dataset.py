"""What a dataset is here: three splits of uint8 images, with labels where there are any."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from aae_tf.errors import InputError


@dataclass(frozen=True)
class Split:
    """Images and labels that fit in memory.

    Attributes:
        images: uint8 array [N, H, W, C].
        labels: int32 array [N], -1 for unlabelled images; None without labels.
    """

    images: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self):
        return len(self.images)

    def take(self, indices):
        """Return the `Split` of some rows.

        Args:
            indices: int array [n], or a slice.
        """
        return Split(self.images[indices], None if self.labels is None else self.labels[indices])

    def labelled(self):
        """Return the `Split` of the rows that have labels; empty without any."""
        return self.take(slice(0, 0) if self.labels is None else np.flatnonzero(self.labels >= 0))


@dataclass(frozen=True)
class Stream:
    """Training images that do not fit in memory, read through tf.data, epoch after epoch in the dataset's order.

    Attributes:
        dataset: `tf.data.Dataset` of dicts with 'image', uint8 [H, W, C], and 'label', int32 [].
        count: images in an epoch.
        image_shape: (H, W, C).
        labelled: whether the labels mean anything.
    """

    dataset: object
    count: int
    image_shape: tuple
    labelled: bool

    def __len__(self):
        return self.count


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test images.

    Attributes:
        name: name of the dataset, 'own' for a user's arrays, folder or stream.
        train: `Split`, or `Stream` for what does not fit in memory.
        validation: held out of the training images, for every choice.
        test: touched to report, never to choose.
        class_names: name of each class, in label order; empty without labels.
        source: one line on where it came from and how it was split.
    """

    name: str
    train: Split | Stream
    validation: Split
    test: Split
    class_names: tuple[str, ...] = ()
    source: str = ""

    @property
    def image_shape(self):
        """Shape of one image, (H, W, C)."""
        return self.validation.images.shape[1:]

    @property
    def classes(self):
        """Number of classes, 0 without labels."""
        return len(self.class_names)

    def training_images(self, most, seed):
        """Return at most `most` training images, drawn by the seed: a `Split`.

        Args:
            most: largest number of images.
            seed: int.
        """
        train = self.train if isinstance(self.train, Split) else self.validation
        return train if len(train) <= most else train.take(np.random.default_rng(seed).permutation(len(train))[:most])

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
            raise InputError(f"labels={labels!r} needs data that fits in memory; streamed data takes 'all'")
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
        return replace(self, train=Split(self.train.images, kept))

    def fingerprint(self):
        """Return a hash of the held-out and (unless streamed) training images, to know the data again."""
        digest = hashlib.blake2b(digest_size=16)
        for split in (self.train, self.validation, self.test):
            digest.update(str(len(split)).encode())
            if isinstance(split, Split):
                digest.update(np.ascontiguousarray(split.images))
        return digest.hexdigest()


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


def check_images(images, what="images"):
    """Return images as uint8 [N, H, W, C].

    Args:
        images: uint8 (or other whole numbers) in 0..255, booleans, or floats in [0, 1]; [N, H, W] or [N, H, W, C].
        what: what they are called in messages.

    Raises:
        InputError: another shape, no images, NaN or infinite pixels, or values outside the range.
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4):
        raise InputError(
            f"{what} have shape {images.shape}; accepted: [N, H, W] or [N, H, W, C]"
            + (" (reshape flat rows to height and width)" if images.ndim == 2 else "")
        )
    if 0 in images.shape:
        raise InputError(f"{what} are empty: shape {images.shape}")
    images = images[..., None] if images.ndim == 3 else images
    if images.shape[-1] not in (1, 2, 3, 4):
        raise InputError(
            f"{what} have shape {images.shape}; accepted: 1 to 4 channels, last ([N, H, W, C])"
            + (" (move the channels from axis 1 to the end)" if images.shape[1] in (1, 3) else "")
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype == bool:
        return images.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(images.dtype, np.number) or np.iscomplexobj(images):
        raise InputError(f"{what} have dtype {images.dtype}; accepted: uint8 in 0..255 or float in [0, 1]")
    low, high = images.min(), images.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int((~np.isfinite(images)).sum())
        raise InputError(f"{what} hold {bad} NaN or infinite values; clean them first")
    top, kind = (1.0, "float in [0, 1]") if np.issubdtype(images.dtype, np.floating) else (255, "whole in 0..255")
    slack = 1e-3 * (top == 1.0)
    if low < -slack or high > top + slack:
        raise InputError(
            f"{what} hold values from {low:g} to {high:g}; accepted: {kind}"
            + (" (divide by 255, or pass uint8)" if top == 1.0 and low >= 0 and high <= 255 else "")
        )
    if top == 255:
        return images.astype(np.uint8)
    return np.rint(np.clip(images, 0.0, 1.0) * 255.0).astype(np.uint8)


def check_labels(labels, count):
    """Return labels as int32 [N], and the name of each class.

    Args:
        labels: class names or whole numbers [N]; -1 marks an unlabelled image.
        count: number of images, N.

    Returns:
        (int32 array [N] of 0..K-1 or -1, tuple of K names).

    Raises:
        InputError: another length or shape, or numbers that are not whole.
    """
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or len(labels) != count:
        raise InputError(f"labels have shape {labels.shape} for {count} images; accepted: one label an image")
    if labels.dtype.kind in "US" or labels.dtype == object:
        names, codes = np.unique(labels.astype(str), return_inverse=True)
        return codes.astype(np.int32), tuple(str(name) for name in names)
    if not np.all(np.isfinite(labels)) or np.any(labels != np.rint(labels)) or labels.min() < -1:
        raise InputError("labels are not whole numbers from 0 (or -1 for unlabelled); accepted: class numbers or names")
    labels = labels.astype(np.int64)
    found = np.unique(labels[labels >= 0])
    if len(found) and found[-1] >= 10 * len(found) + 10:
        names, codes = np.unique(labels[labels >= 0], return_inverse=True)
        compact = np.full(count, -1, np.int32)
        compact[labels >= 0] = codes
        return compact, tuple(str(name) for name in names)
    return labels.astype(np.int32), tuple(str(number) for number in range(found[-1] + 1 if len(found) else 0))


def split_own(images, labels, class_names, name, source):
    """Return a `Dataset` of a user's images: a fixed shuffle, then 80 % train, 10 % validation, 10 % test.

    Raises:
        InputError: fewer than 10 images.
    """
    if len(images) < 10:
        raise InputError(f"{len(images)} images are too few to train, validate and test on; at least 10 are needed")
    order = np.random.RandomState(0).permutation(len(images))
    held_out = max(1, len(images) // 10)
    whole = Split(images, labels)
    return Dataset(
        name,
        train=whole.take(order[2 * held_out :]),
        validation=whole.take(order[held_out : 2 * held_out]),
        test=whole.take(order[:held_out]),
        class_names=class_names,
        source=f"{source}; 80 % train, 10 % validation, 10 % test by a fixed shuffle",
    )
