"""A user's arrays: images, (images, labels), and .npy and .npz files of them."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.data.dataset import Dataset, Split, split_custom
from aae_tf.data.images.checks import check_images, check_labels, fit_images
from aae_tf.data.reading import open_npy, read_npz
from aae_tf.data.tables.columns import listed
from aae_tf.errors import InputError, printable

NAMES = {"images", "x", "labels", "y", "x_train", "y_train", "x_test", "y_test"}


def from_arrays(
    images: ArrayLike, labels: ArrayLike | None = None, image_size: int = 0, source: str = "custom arrays"
) -> Dataset:
    """Return a `Dataset` of images [N, H, W(, C)] and labels [N]; see `check_images` and `check_labels`."""
    images = fit_images(check_images(images), image_size)
    labels, names = (None, ()) if labels is None else check_labels(labels, len(images))
    return split_custom(images, labels, names, f"{source}, {len(images):,} images")


def read_rows(file: Path, rows: np.ndarray) -> np.ndarray:
    """Return rows of an .npy file by index, array [n, ...]; read and not mapped: mapped pages count as memory."""
    mapped = open_npy(file)
    if not mapped.flags.c_contiguous:
        raise InputError(f"'{file}' is in Fortran order; save it again: np.save(file, np.ascontiguousarray(images))")
    found = np.empty((len(rows), *mapped.shape[1:]), mapped.dtype)
    try:
        with open(file, "rb", buffering=0) as opened:
            for place in np.argsort(rows):
                opened.seek(mapped.offset + int(rows[place]) * found[place].nbytes)
                if opened.readinto(found[place]) < found[place].nbytes:
                    raise OSError("it ends early")
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror or error}") from None
    return found


def from_npz(path: Path, image_size: int = 0) -> Dataset:
    """Return a `Dataset` of 'images' and 'labels' in an .npz file, or of the 'x_train', ... of Keras's datasets."""
    names, arrays = read_npz(path, NAMES)
    if "x_train" in arrays and "x_test" in arrays:
        return _with_test(arrays, path.name, image_size)
    images, labels = arrays.get("images", arrays.get("x")), arrays.get("labels", arrays.get("y"))
    if images is None:
        raise InputError(f"'{path}' holds {listed(names)}; needed: 'images' and, if any, 'labels'")
    unread = [name for name in names if name.lower() not in NAMES] if labels is None else ()
    source = f"custom arrays without 'labels' ({printable(listed(unread))}: not read)" if unread else "custom arrays"
    return from_arrays(images, labels, image_size, source)


def _with_test(arrays, name, image_size):
    """Return a `Dataset` that keeps a given test split."""
    images, test_images = (fit_images(check_images(arrays[key], key), image_size) for key in ("x_train", "x_test"))
    labels, test_labels = arrays.get("y_train"), arrays.get("y_test")
    if images.shape[1:] != test_images.shape[1:]:
        raise InputError(f"x_train has images of shape {images.shape[1:]}, x_test of {test_images.shape[1:]}")
    count, names = len(images), ()
    if labels is not None and test_labels is not None:
        both = np.concatenate([np.ravel(labels), np.ravel(test_labels)])
        both, names = check_labels(both, count + len(test_images))
        labels, test_labels = both[:count], both[count:]
    else:
        labels = test_labels = None
    return split_custom(images, labels, names, f"{name}, {count:,} images", Split(test_images, test_labels))
