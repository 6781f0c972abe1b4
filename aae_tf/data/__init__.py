"""Data: named datasets, arrays, tables, folders, packs, tf.data; uint8 images or float32 rows, in three splits."""

import functools
from pathlib import Path

import numpy as np

from aae_tf.config.registry import Registry
from aae_tf.data.dataset import Dataset, Split, Stream
from aae_tf.data.element import TableElement
from aae_tf.data.images.checks import check_images, check_labels
from aae_tf.data.large.packed import Packed, pack
from aae_tf.data.tables.columns import Column, Columns
from aae_tf.errors import InputError

__all__ = [
    "DATASETS",
    "Column",
    "Columns",
    "Dataset",
    "Packed",
    "Split",
    "Stream",
    "check_images",
    "check_labels",
    "load",
    "pack",
    "prepare",
]

DATASETS = Registry("dataset")  # functions (image_size) to a `Dataset`; TFDS is asked for any other name


def load(dataset="mnist_5k", image_size=0, columns=None):
    """Return a `Dataset` from a name or from a user's own images or rows.

    Args:
        dataset: 'mnist_5k' (embedded), or another name in `DATASETS`; a TFDS name ('mnist', 'fashion_mnist',
            'svhn_cropped', ...); a folder of images (`folder/class/*.png|jpg`, or flat), a folder that `pack` wrote, an
            .npz or .npy file, as a path; an array [N, H, W(, C)], uint8 or float in [0, 1]; a `tf.data.Dataset`; a
            table: an array [N, D], a DataFrame, scipy sparse rows, or the path of a .csv, .tsv or .parquet file, or of
            a folder of those or of .npy files; a pair (images or rows, labels); a dict of 'train', 'validation' and
            'test', of images each; or a `Dataset`.
        image_size: side to which images are cropped (centre square) and resized, whatever they come from; 0 keeps
            them as they are.
        columns: how a table is read: a dict of the options in `aae_tf.data.tables.options.TableOptions`.

    Raises:
        InputError: none of these, data that cannot be used (see the readers), a `Dataset` of another size, or options
            of tables for what is none.
    """
    from aae_tf.data.reading import refuse_no_path
    from aae_tf.data.tables import files as table_files
    from aae_tf.data.tables import frames as tables

    if isinstance(dataset, str | Path):
        refuse_no_path(dataset)
    pair = isinstance(dataset, tuple | list) and len(dataset) == 2 and np.ndim(dataset[0]) >= 2
    rows, labels = dataset if pair else (dataset, None)
    if tables.is_table(rows):
        found = tables.from_table(rows, labels, columns)
    elif isinstance(dataset, str | Path) and dataset not in DATASETS and table_files.is_table_path(dataset):
        found = tables.from_path(Path(dataset).expanduser(), columns)
    elif columns and not isinstance(dataset, Dataset):
        why = (
            f"'{dataset}' is read as it is"
            if isinstance(dataset, str) and dataset in DATASETS
            else "the data is no table"
        )
        raise InputError(f"columns.{next(iter(columns))} was set, but {why}")
    else:
        return _load_images(dataset, image_size)
    return _of_size(found, image_size)


def _load_images(dataset, image_size):
    from aae_tf.data import parts
    from aae_tf.data.images import arrays
    from aae_tf.data.large import streams

    if isinstance(dataset, Dataset):
        return _of_size(dataset, image_size)
    if isinstance(dataset, dict):
        return parts.from_parts(dataset, image_size)
    if isinstance(dataset, str | Path):
        return _load_text(dataset, image_size)
    if isinstance(dataset, np.ndarray):
        return arrays.from_arrays(dataset, image_size=image_size)
    if isinstance(dataset, tuple | list) and len(dataset) == 2 and np.ndim(dataset[0]) >= 2:
        return arrays.from_arrays(dataset[0], dataset[1], image_size)
    if hasattr(dataset, "element_spec"):
        return streams.from_tf_data(dataset, image_size)
    if hasattr(dataset, "__array__"):
        return arrays.from_arrays(np.asarray(dataset), image_size=image_size)
    raise InputError(
        f"a {type(dataset).__name__} is not a dataset; accepted: a name, a folder, an array [N, H, W(, C)] or [N, D], "
        "a DataFrame, a CSV or Parquet file, (images or rows, labels), a tf.data.Dataset, or a dict of 'train', "
        "'validation' and 'test'"
    )


def _of_size(dataset, image_size):
    if image_size and isinstance(dataset.element, TableElement):
        raise InputError(f"image_size={image_size} was set, but the data is a table; leave it out")
    if image_size and dataset.image_shape[:2] != (image_size, image_size):
        height, width = dataset.image_shape[:2]
        raise InputError(
            f"image_size={image_size} was asked of a Dataset that is loaded, with images of {height}x{width}; give "
            "image_size to data.load instead"
        )
    return dataset


def _load_text(dataset, image_size):
    from aae_tf.data.images import arrays, folders
    from aae_tf.data.images import tfds as catalogue
    from aae_tf.data.large import packed as packs

    path = Path(dataset).expanduser()
    if isinstance(dataset, str) and dataset in DATASETS:
        return DATASETS[dataset](image_size)
    if packs.is_pack(path):
        return packs.from_pack(path, image_size)
    if path.suffix == ".npy":
        return arrays.from_npy(path, image_size)
    if path.is_dir():
        return folders.from_folder(path, image_size)
    if path.suffix == ".npz":
        if not path.exists():
            raise InputError(f"there is no file '{path}'")
        return arrays.from_npz(path, image_size)
    if isinstance(dataset, Path) or dataset.startswith((".", "/", "~")):
        raise InputError(f"there is no folder '{path}'")
    return catalogue.load_named(dataset, image_size)


@DATASETS.register("mnist_5k")
def _embedded(image_size):
    from aae_tf.data.images.embedded import load_mnist_5k

    return load_mnist_5k(image_size)


def _of_scikit_learn(name, image_size):
    from aae_tf.data.tables.scikit_learn import load_scikit_learn

    return _of_size(load_scikit_learn(name), image_size)


for _name in ("wine", "breast_cancer", "diabetes"):
    DATASETS.register(functools.partial(_of_scikit_learn, _name), _name)


def prepare(name, folder=None):
    """Prepare a TFDS dataset (in `TFDS_DATA_DIR`, or TFDS's own folder) and return its folder, a Path.

    Args:
        name: TFDS name, for example 'mnist'.
        folder: folder of the original files, which then need no network; None to download them.

    Raises:
        InputError: no such dataset, files missing or not the originals, or nothing to be had without a network.
    """
    from aae_tf.data.images import tfds as catalogue

    return catalogue.prepare(name, folder)
