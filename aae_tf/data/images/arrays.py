"""A user's own arrays: images, (images, labels), and .npz files of them."""

from pathlib import Path

import numpy as np

from aae_tf.data.dataset import Split, split_own
from aae_tf.data.images.checks import check_images, check_labels, fit_images
from aae_tf.data.reading import open_npy, read_npy, read_npz
from aae_tf.data.tables.columns import listed
from aae_tf.errors import InputError, printable

NAMES = {"images", "x", "labels", "y", "x_train", "y_train", "x_test", "y_test"}


def from_arrays(images, labels=None, image_size=0, source="custom arrays"):
    """Return a `Dataset` of images, [N, H, W(, C)], and labels, [N]; see `check_images` and `check_labels`."""
    images = fit_images(check_images(images), image_size)
    labels, names = (None, ()) if labels is None else check_labels(labels, len(images))
    return split_own(images, labels, names, f"{source}, {len(images):,} images")


def read_rows(file, rows):
    """Return rows of an .npy file by their index, array [n, ...].

    They are read and not mapped: the pages of a map count as memory of the process, large ones whole for each row.

    Args:
        file: Path.
        rows: int array [n].

    Raises:
        InputError: the file is not there, is damaged, cannot be read, or holds columns after columns.
    """
    whole = open_npy(file)
    if not whole.flags.c_contiguous:
        raise InputError(f"'{file}' is in Fortran's order; save it again: np.save(file, np.ascontiguousarray(images))")
    found = np.empty((len(rows), *whole.shape[1:]), whole.dtype)
    try:
        with open(file, "rb", buffering=0) as opened:
            for place in np.argsort(rows):
                opened.seek(whole.offset + int(rows[place]) * found[place].nbytes)
                if opened.readinto(found[place]) < found[place].nbytes:
                    raise OSError("it ends early")
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror or error}") from None
    return found


def from_npy(path, image_size=0):
    """Return a `Dataset` of an .npy file of images, [N, H, W(, C)].

    Args:
        path: of the file.
        image_size: side to which images are cropped (centre square) and resized; 0 keeps them as they are.

    Raises:
        InputError: a file that cannot be read, or more images than are read into memory.
    """
    images = read_npy(path, f"pack it once, and train on that: aae-tf data pack {path} DEST")
    return from_arrays(images, image_size=image_size)


def from_npz(path, image_size=0):
    """Return a `Dataset` of an .npz file.

    Args:
        path: a file with 'images' (or 'x') and, optionally, 'labels' (or 'y'), split as a folder is; or, as Keras
            writes its datasets, with 'x_train', 'y_train', 'x_test', 'y_test': its own test split is then kept and
            a tenth of the training images, drawn by a fixed shuffle, validates.
        image_size: side to which images are cropped (centre square) and resized; 0 keeps them as they are.

    Raises:
        InputError: a file that cannot be read, that holds none of these, or more than memory should.
    """
    names, arrays = read_npz(path, NAMES)

    def get(*names):
        return next((arrays[name] for name in names if name in arrays), None)

    if "x_train" in arrays and "x_test" in arrays:
        given = get("x_train"), get("y_train"), get("x_test"), get("y_test")
        return _own_test(*given, Path(path).name, image_size)
    if get("images", "x") is None:
        raise InputError(f"'{path}' holds {listed(names)}; needed: 'images' and, if any, 'labels'")
    labels = get("labels", "y")
    unread = [name for name in names if name.lower() not in NAMES] if labels is None else ()
    source = f"custom arrays without 'labels' ({printable(listed(unread))}: not read)" if unread else "custom arrays"
    return from_arrays(get("images", "x"), labels, image_size, source)


def _own_test(images, labels, test_images, test_labels, name, image_size):
    """Return a `Dataset` that keeps a given test split."""
    images = fit_images(check_images(images, "x_train"), image_size)
    test_images = fit_images(check_images(test_images, "x_test"), image_size)
    if images.shape[1:] != test_images.shape[1:]:
        raise InputError(f"x_train has images of shape {images.shape[1:]}, x_test of {test_images.shape[1:]}")
    count, names = len(images), ()
    if labels is not None and test_labels is not None:
        both = np.concatenate([np.ravel(labels), np.ravel(test_labels)])
        both, names = check_labels(both, count + len(test_images))
        labels, test_labels = both[:count], both[count:]
    else:
        labels = test_labels = None
    return split_own(images, labels, names, f"{name}, {count:,} images", Split(test_images, test_labels))
