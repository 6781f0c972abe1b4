"""`load`: a `Dataset` of whatever a user has."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aae_tf.config.registry import Registry
from aae_tf.data.dataset import Dataset, Split, joined
from aae_tf.data.element import TableElement
from aae_tf.data.images import arrays, embedded, folders, tfds
from aae_tf.data.large import packed
from aae_tf.data.reading import read_npy, refuse_no_path
from aae_tf.data.tables import files, frames
from aae_tf.errors import InputError

DATASETS = Registry("dataset")  # functions (image_size) to a `Dataset`; other names are TFDS's
DATASETS.register(embedded.load_mnist_5k, "mnist_5k")
PARTS = ("train", "validation", "test")


def load(dataset: Any = "mnist_5k", image_size: int = 0, columns: Mapping[str, Any] | None = None) -> Dataset:
    """Return a `Dataset` of a name, or of a user's images or rows.

    Args:
        dataset: 'mnist_5k' (embedded), or another name in `DATASETS`; a TFDS name ('mnist', 'fashion_mnist',
            'svhn_cropped', ...); a folder of images (`folder/class/*.png|jpg`, or flat), a folder that `pack` wrote, an
            .npz or .npy file, as a path; an array [N, H, W(, C)], uint8 or float in [0, 1]; a `tf.data.Dataset`; a
            table: an array [N, D], a DataFrame, scipy sparse rows, or the path of a .csv, .tsv or .parquet file, or of
            a folder of those or of .npy files; a pair (images or rows, labels); a dict of 'train', 'validation' and
            'test', of images each; or a `Dataset`.
        image_size: side to which images are cropped (centre square) and resized, from any source; 0 keeps their size.
        columns: how a table is read: a dict of the options in `aae_tf.data.tables.options.TableOptions`.

    Raises:
        InputError: another kind of dataset, data that cannot be used, a `Dataset` of another size, or options of tables
            for other data.
    """
    text = isinstance(dataset, str | Path)
    if text:
        refuse_no_path(dataset)
    pair = isinstance(dataset, tuple | list) and len(dataset) == 2 and np.ndim(dataset[0]) >= 2
    rows, labels = dataset if pair else (dataset, None)
    if getattr(rows, "ndim", None) == 2 or hasattr(rows, "to_pandas"):
        dataset = frames.from_table(rows, labels, columns)
    elif text and dataset not in DATASETS and files.is_table_path(dataset):
        path = Path(dataset).expanduser()
        what = f"{'folder' if path.is_dir() else 'file'} '{path.name}'"
        dataset = frames.from_table(files.read_path(path), None, columns, what)
    if isinstance(dataset, Dataset):
        return _of_size(dataset, image_size)
    if columns:
        why = f"'{dataset}' is read as it is" if text and dataset in DATASETS else "the data is no table"
        raise InputError(f"columns.{next(iter(columns))} was set, but {why}")
    if isinstance(dataset, dict):
        return from_parts(dataset, image_size)
    if text:
        return _load_text(dataset, image_size)
    if hasattr(dataset, "element_spec"):
        from aae_tf.data.large.streams import from_tf_data

        return from_tf_data(dataset, image_size)
    if pair or hasattr(dataset, "__array__"):
        return arrays.from_arrays(rows, labels, image_size)
    raise InputError(
        f"a {type(dataset).__name__} is not a dataset; accepted: a name, a folder, an array [N, H, W(, C)] or [N, D], "
        "a DataFrame, a CSV or Parquet file, (images or rows, labels), a tf.data.Dataset, or a dict of 'train', "
        "'validation' and 'test'"
    )


def _of_size(dataset, image_size):
    """Return a dataset that is loaded; refuse another `image_size` than its own."""
    if image_size and isinstance(dataset.element, TableElement):
        raise InputError(f"image_size={image_size} was set, but the data is a table; leave it out")
    if image_size and dataset.image_shape[:2] != (image_size, image_size):
        height, width = dataset.image_shape[:2]
        given = f"image_size={image_size} was set for a Dataset that is loaded, with images of {height}x{width}"
        raise InputError(f"{given}; give image_size to data.load instead")
    return dataset


def _load_text(dataset, image_size):
    """Return the `Dataset` of a name or of a path."""
    path = Path(dataset).expanduser()
    if dataset in DATASETS:
        return DATASETS[dataset](image_size)
    if packed.is_pack(path):
        return packed.from_pack(path, image_size)
    if path.suffix == ".npy":
        images = read_npy(path, f"pack it once, and train on that: aae-tf data pack {path} DEST")
        return arrays.from_arrays(images, image_size=image_size)
    if path.is_dir():
        return folders.from_folder(path, image_size)
    if path.suffix == ".npz":
        return arrays.from_npz(path, image_size)
    if isinstance(dataset, Path) or dataset.startswith((".", "/", "~")):
        raise InputError(f"there is no folder '{path}'")
    return tfds.load_named(dataset, image_size)


for _name in ("wine", "breast_cancer", "diabetes"):
    DATASETS.register(lambda image_size, name=_name: _of_size(frames.load_scikit_learn(name), image_size), _name)


def from_parts(parts: Mapping[str, Any], image_size: int = 0) -> Dataset:
    """Return a `Dataset` of 'train' with 'validation', 'test' or both; missing ones are drawn from 'train'."""
    if set(parts) - set(PARTS) or "train" not in parts or len(parts) < 2:
        given = ", ".join(map(str, parts)) or "none"
        raise InputError(f"parts {given} were given; accepted: 'train' with 'validation', 'test' or both")
    found = {}
    for name, part in parts.items():
        try:
            found[name] = load(part, image_size)
        except InputError as error:
            raise InputError(f"the part '{name}': {error}") from None
    tables = [name for name, each in found.items() if isinstance(each.element, TableElement)]
    if tables:
        raise InputError(f"'{tables[0]}' is a table; give one table, whose parts are drawn from its rows")
    first = found["train"]
    splits = {name: getattr(first, name) for name in PARTS}
    given = {name: _all_of(name, each, first) for name, each in found.items() if name != "train"}
    if isinstance(first.train, Split):
        splits["train"] = joined(first.train, *(splits[name] for name in PARTS if name in given))
    source = "; ".join(f"{name}: {each.source.partition(';')[0]}" for name, each in found.items())
    return Dataset("custom", **{**splits, **given}, class_names=first.class_names, source=source)


def _all_of(name, found, first):
    """Return all images of a part as a `Split`, with the class numbers of the training part."""
    if not isinstance(found.train, Split):
        raise InputError(f"'{name}' is packed or does not fit in memory; give its images as arrays, 10,000 are enough")
    if found.image_shape != first.image_shape:
        raise InputError(f"'{name}' has images of shape {found.image_shape}, 'train' of {first.image_shape}")
    split = joined(found.train, found.validation, found.test)
    if split.labels is None:
        return split
    if not first.class_names:
        raise InputError(f"'{name}' has labels and 'train' has none; leave them out of both, or label some images")
    unknown = [each for each in found.class_names if each not in first.class_names]
    if unknown:
        raise InputError(f"'{name}' has the class '{unknown[0]}', which no training image has")
    codes = np.array([first.class_names.index(each) for each in found.class_names] + [-1], np.int32)
    return replace(split, labels=codes[split.labels])
