"""Datasets by name from TensorFlow Datasets (TFDS).

`tfds.load` retries for minutes without a network. So a prepared copy is used first (in TFDS_DATA_DIR or TFDS's default
folder), then the network is tried for a few seconds, and only then does TFDS download.
"""

import concurrent.futures
import os
from pathlib import Path

import numpy as np

from aae_tf.data.dataset import Dataset, Split
from aae_tf.data.images.checks import fit_image, refuse_binary
from aae_tf.data.reading import first_line
from aae_tf.errors import InputError

_CHECK_SECONDS = 5


def load_named(name: str, image_size: int = 0) -> Dataset:
    """Return a TFDS image dataset; the last training images validate, 10,000 of at least 50,000, else a tenth."""
    builder = _downloaded(name)
    features = builder.info.features
    if "image" not in features:
        raise InputError(f"'{name}' has no images (its features: {', '.join(features)}); pass an image dataset")
    train = _read(builder, "train", image_size)
    held_out = 10_000 if len(train) >= 50_000 else max(1, len(train) // 10)
    if "test" in builder.info.splits:
        test, rest, note = _read(builder, "test", image_size), train, "its own test split"
    else:
        test, rest = train.take(slice(-held_out, None)), train.take(slice(0, -held_out))
        note = f"its last {held_out:,} training images for test"
    names = tuple(features["label"].names) if "label" in features else ()
    source = f"TFDS {builder.info.full_name}; the last {held_out:,} training images validate; {note}"
    return Dataset(name, rest.take(slice(0, -held_out)), rest.take(slice(-held_out, None)), test, names, source)


def prepare(name: str, folder: str | Path | None = None) -> Path:
    """Return the folder of a TFDS dataset, in `TFDS_DATA_DIR` or TFDS's own, after preparing it.

    Args:
        name: TFDS name, for example 'mnist'.
        folder: folder of the original files, as published (checked by size and sha256), so that no network is needed;
            None to download them.

    Raises:
        InputError: an unknown name, a missing folder, files that are missing or not the originals, no network.
    """
    if folder is None:
        return Path(_downloaded(name).data_dir)
    tfds, builder, folder = _tfds(), _builder(name), Path(folder)
    if _prepared(builder):
        return Path(builder.data_dir)
    if not folder.is_dir():
        raise InputError(f"'{folder}' is not a folder; pass the folder of {name}'s original files")
    expected = [Path(url).name for url in builder.url_infos]
    missing = [file for file in expected if not (folder / file).exists()]
    if missing:
        raise InputError(f"'{folder}' lacks {', '.join(missing)}: {name}'s original files, named as published")
    config = tfds.download.DownloadConfig(manual_dir=folder)
    try:
        builder.download_and_prepare(download_config=config)
    except (OSError, ValueError, AssertionError, tfds.download.DownloadError) as error:
        raise InputError(f"{name} could not be prepared from '{folder}': {first_line(error)}") from error
    except Exception as error:  # TFDS's checksum error class has moved between versions
        if "hecksum" not in f"{type(error).__name__} {error}":
            raise
        raise InputError(f"a file in '{folder}' is not {name}'s original: {first_line(error)}") from error
    return Path(builder.data_dir)


def _tfds():
    """Return tensorflow_datasets, imported after TensorFlow so that TensorFlow stays quiet."""
    from aae_tf import backend  # noqa: F401

    import tensorflow_datasets as tfds  # isort: skip

    return tfds


def _builder(name):
    tfds = _tfds()
    try:
        return tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR") or None)
    except (tfds.core.DatasetNotFoundError, ValueError, ImportError, FileNotFoundError) as error:
        known = "mnist_5k, mnist, fashion_mnist, svhn_cropped, any TFDS image dataset, or your own images"
        raise InputError(f"unknown dataset '{name}' ({first_line(error)}); accepted: {known}") from None


def _prepared(builder):
    return bool(builder.info.splits) and Path(builder.data_dir).exists()


def _downloaded(name):
    """Return the builder of a dataset, which is downloaded unless it is prepared."""
    builder = _builder(name)
    if not _prepared(builder):
        _refuse_without_network(name)
        builder.download_and_prepare()
    return builder


def _refuse_without_network(name):
    """Refuse a download that cannot start, within a few seconds."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    try:
        import requests

        reached = pool.submit(requests.head, "https://storage.googleapis.com", timeout=_CHECK_SECONDS - 1)
        reached.result(timeout=_CHECK_SECONDS)
    except Exception as error:
        raise InputError(
            f"'{name}' is not prepared here and cannot be downloaded ({type(error).__name__}: no network). "
            "Offline choices: dataset 'mnist_5k' (embedded); TFDS_DATA_DIR set to a prepared folder; "
            f"'aae-tf data prepare {name} --from FOLDER' with its original files"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _read(builder, split, image_size):
    """Return a split, read in chunks."""
    count = builder.info.splits[split].num_examples
    feature = builder.info.features["image"]
    if feature.np_dtype != np.uint8:
        raise InputError(f"'{builder.name}' has images of {feature.np_dtype}; accepted: uint8, or arrays in [0, 1]")
    shape = (image_size, image_size, feature.shape[-1]) if image_size else feature.shape
    if None in shape:
        raise InputError(f"'{builder.name}' has images of several sizes; give one: --set image_size=64")
    labelled = "label" in builder.info.features
    images = np.empty((count, *shape), np.uint8)
    labels = np.empty(count, np.int32) if labelled else None
    records = builder.as_dataset(split=split, shuffle_files=False)
    start = 0
    for chunk in (records if image_size else records.batch(1000)).as_numpy_iterator():
        pixels = fit_image(chunk["image"], image_size)[None] if image_size else chunk["image"]
        images[start : start + len(pixels)] = pixels
        if labelled:
            labels[start : start + len(pixels)] = chunk["label"]
        start += len(pixels)
    refuse_binary(images, f"the images of '{builder.name}'")
    return Split(images, labels)
