"""Packed datasets: folders of images that are written once and then read by index, without holding them in memory.

The folder has `images.npy` (uncompressed, so that any image is one read), `parts.npy`, `labels.npy` where there are
labels, and `pack.json`.
"""

import dataclasses
import functools
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aae_tf.data.dataset import Dataset, Split, Stream, labelled_rows
from aae_tf.data.element import TableElement
from aae_tf.data.images import folders
from aae_tf.data.images.arrays import read_rows
from aae_tf.data.images.checks import as_uint8, check_labels, fit_images, refuse_binary
from aae_tf.data.large import held_out
from aae_tf.data.reading import open_npy, refuse_no_path
from aae_tf.data.tables import files as table_files
from aae_tf.errors import InputError
from aae_tf.utils.files import atomic_write, write_json

BLOCK = 256  # images that are packed at a time


@dataclasses.dataclass(frozen=True, repr=False)
class Packed:
    """Training images in a packed dataset, read by index.

    Attributes:
        file: .npy file of uint8 [M, H, W, C].
        rows: int [N], indices of these images in the file.
        labels: int32 [N], -1 for unlabelled images; None without labels.
        sample: `Split` of some of these images, in memory, for comparisons with training images.
        digest: hash of the whole packed dataset.
    """

    file: Path
    rows: np.ndarray
    labels: np.ndarray | None
    sample: Split
    digest: str

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        shape = self.sample.images.shape[1:]
        return f"Packed({len(self):,} of shape {shape}, {self.known:,} with labels, in '{self.file}')"

    def take(self, indices: np.ndarray | slice) -> Split:
        """Return some images as a `Split`, read from the file, by an int array [n] or a slice."""
        return Split(read_rows(self.file, self.rows[indices]), None if self.labels is None else self.labels[indices])

    @property
    def known(self) -> int:
        """Number of labelled images."""
        return len(labelled_rows(self.labels))

    @functools.cached_property
    def pool(self) -> Split:
        """`Split` of labelled images, in memory: all, or as many as the sample has."""
        rows = labelled_rows(self.labels)
        if len(rows) > len(self.sample):
            rows = np.sort(np.random.default_rng(0).permutation(rows)[: len(self.sample)])
        return self.take(rows)


def is_pack(path: Path) -> bool:
    """Return whether a path is a packed dataset, or one that is incomplete."""
    return (path / "pack.json").exists() or _is_partial(path)


def _is_partial(path):
    """Return whether packing to a path is in progress or was interrupted."""
    return path.match(_partial(Path("*")).name) or (not path.exists() and _partial(path).exists())


def from_pack(path: Path, image_size: int = 0) -> Dataset:
    """Return the `Dataset` of a packed folder; refuse one that is incomplete, damaged or of another image size."""
    if _is_partial(path):
        raise InputError(f"'{path}' is incomplete: packing it was interrupted, or is under way; pack it again")
    try:
        about = json.loads((path / "pack.json").read_text())
        kinds = {"images": list, "labelled": bool, "class_names": list, "digest": str, "source": str}
        shape, labelled, names, digest, source = (about[key] for key in kinds)
        if not all(isinstance(about[key], kind) for key, kind in kinds.items()):
            raise ValueError("an entry is of another type")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path / 'pack.json'}' is damaged ({error}); pack it again") from None
    file = (path / "images.npy").resolve()
    images, parts = open_npy(file), np.array(open_npy(path / "parts.npy"))
    labels = np.array(open_npy(path / "labels.npy")) if labelled else None
    if list(images.shape) != shape or len(parts) != shape[0] or (labels is not None and len(labels) != shape[0]):
        raise InputError(f"'{path}' is damaged: its files are not of {shape[0]:,} images; pack it again")
    if image_size and shape[1:3] != [image_size, image_size]:
        raise InputError(f"image_size={image_size} was asked of '{path}', packed with images of {shape[1]}x{shape[2]}")

    def split(rows):
        return Split(read_rows(file, rows), None if labels is None else labels[rows])

    rows, validation, test = (np.flatnonzero(parts == part) for part in range(3))
    draws = held_out.hashes()(len(parts))[rows]
    sample = rows[draws <= held_out.least(draws, held_out.most_kept(images[0].nbytes) // 2)]
    train = Packed(file, rows, None if labels is None else labels[rows], split(sample), digest)
    source = f"pack '{path.name}' of {source}"
    return Dataset("custom", train, split(validation), split(test), tuple(names), source)


class Opened(NamedTuple):
    """A source to pack; without `sizes`, a hash of the index splits it into training, validation and test images."""

    blocks: Iterable[tuple[np.ndarray, np.ndarray | None]]  # images [n, H, W(, C)], labels [n]
    source: str
    names: tuple[str, ...] | None = None
    sizes: list[int] | None = None


def pack(source: Any, dest: str | Path, image_size: int = 0, progress: Callable[[int], object] | None = None) -> Path:
    """Write a dataset into a folder, from which later runs read it by index.

    A folder of image files, an .npy file, arrays and a `tf.data.Dataset` may be larger than memory: they are read once,
    256 images at a time. A twentieth of them validates and a twentieth tests, 5,000 at most each, drawn by a hash of
    each index; other sources keep their splits. The folder appears when it is complete.

    Args:
        source: any dataset that `load` takes, except tables; an .npy file, or a memory-mapped array.
        dest: the folder to make.
        image_size: side to which images are cropped (centre square) and resized; 0: they must all have one size.
        progress: function (number of images written so far), called from time to time.

    Returns:
        The folder.

    Raises:
        InputError: a source that cannot be used, a folder that exists, or no space for it.
    """
    for path in (source, dest):
        if isinstance(path, str | Path):
            refuse_no_path(path)
    if image_size < 0:
        raise InputError(f"image_size={image_size} was given; accepted: 0 and above")
    dest = Path(dest).expanduser()
    if dest.exists():
        raise InputError(f"'{dest}' exists already; remove it, or pack into another folder")
    opened, partial, made = _opened(source, image_size), _partial(dest), False
    try:
        if partial.exists():
            raise InputError(f"'{partial}' exists: '{dest}' is being packed, or packing was killed; if so, remove it")
        dest.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        made = True
        _write(partial, opened, progress or (lambda count: None))
        os.rename(partial, dest)
    except OSError as error:
        raise InputError(f"cannot write '{dest}': {error.strerror or error}") from None
    finally:
        if made:
            shutil.rmtree(partial, ignore_errors=True)
    return dest


def _partial(dest):
    """Return the folder that is written before it is renamed."""
    return dest.with_name(f".{dest.name}.partial")


def _write(folder, opened, progress):
    """Write the files of a packed dataset, pack.json last."""
    digest = hashlib.blake2b(digest_size=16)
    shape, labels = _write_images(folder / "images.npy", opened.blocks, digest, progress)
    names, source, draws = opened.names or (), opened.source, held_out.hashes()(shape[0])
    if labels is not None and not names:
        labels, names = check_labels(labels, shape[0])
    if opened.sizes is None:
        ends = held_out.held_out(draws, int(np.prod(shape[1:])))
        parts = np.array([1, 2, 0, 0], np.uint8)[np.searchsorted(ends, draws)]
        source += f"; {np.sum(parts == 1):,} images validate, {np.sum(parts == 2):,} test, by a hash of their indices"
    else:
        parts = np.repeat(np.arange(3, dtype=np.uint8), opened.sizes)
    for name, array in {"parts": parts, "labels": labels}.items():
        if array is not None:
            atomic_write(folder / f"{name}.npy", lambda file, array=array: np.save(file, array))
            digest.update(array)
    about = {"images": shape, "labelled": labels is not None, "class_names": names, "source": source}
    write_json(folder / "pack.json", about | {"digest": digest.hexdigest()})


def _write_images(path, blocks, digest, progress):
    """Write blocks of images [n, H, W, C]; return their shape [4] and labels [N] or None."""
    labels, shape, highest = [], None, 0
    with open(path, "wb") as file:
        for images, numbers in blocks:
            if shape is None:
                shape = [0, *images.shape[1:]]
                _write_header(file, shape)
            if [*images.shape[1:]] != shape[1:]:
                sizes = " and ".join(f"{height}x{width}" for height, width, *_ in (shape[1:], images.shape[1:]))
                raise InputError(f"the images have several sizes ({sizes}); resize them: --image-size 64")
            images = np.ascontiguousarray(images)
            file.write(images)
            digest.update(images)
            labels.append(numbers)
            highest = max(highest, images.max())
            shape[0] += len(images)
            progress(shape[0])
        if shape is None:
            raise InputError("there are no images to pack")
        file.seek(0)
        _write_header(file, shape)
        file.flush()
        os.fsync(file.fileno())
    refuse_binary(np.array(highest))
    return shape, None if labels[0] is None else np.concatenate(labels)


def _write_header(file, shape):
    """Write the header of an .npy file, of the same length for any number of images."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)})


def _opened(source, image_size):
    """Return a source as `Opened`."""
    from aae_tf.data.loading import load

    path = Path(source).expanduser() if isinstance(source, str | Path) else None
    pair = isinstance(source, tuple | list) and len(source) == 2 and np.ndim(source[0]) >= 3
    if path is not None and path.is_dir() and not is_pack(path) and not table_files.is_table_path(path):
        blocks, names = folders.read_blocks(path, image_size, BLOCK)
        return Opened(blocks, f"folder '{path.name}'", names)
    if hasattr(source, "element_spec"):
        from aae_tf.data.large import streams

        elements, labelled = streams.single_elements(source, image_size)
        blocks = streams.read(elements.batch(BLOCK).prefetch(1))
        return Opened(((block["image"], block["label"] if labelled else None) for block in blocks), "a tf.data.Dataset")
    if path is not None and path.suffix == ".npy":
        shape = open_npy(path).shape
        if len(shape) not in (3, 4):
            raise InputError(f"'{path}' has shape {shape}; accepted: images [N, H, W] or [N, H, W, C]")
        rows = _slices(np.arange(shape[0]))
        return Opened(((_fitted(read_rows(path, each), image_size), None) for each in rows), f"'{path.name}'")
    if pair or np.ndim(source) >= 3:
        images, labels = source if pair else (source, None)
        if labels is not None:
            check_labels(labels, len(images))
        parts = _slices(images), itertools.repeat(None) if labels is None else _slices(np.ravel(labels))
        return Opened(((_fitted(part, image_size), each) for part, each in zip(*parts, strict=False)), "custom arrays")
    found = load(source, image_size)
    if isinstance(found.element, TableElement):
        raise InputError("a table is read into memory and is not packed; pass it to train as it is")
    parts = [found.train, found.validation, found.test]
    return Opened(_blocks_of(parts, found.classes), found.source, found.class_names, [len(part) for part in parts])


def _slices(array):
    return (array[first : first + BLOCK] for first in range(0, len(array), BLOCK))


def _fitted(images, image_size):
    return fit_images(as_uint8(images), image_size)


def _blocks_of(parts, labelled):
    """Yield (images, labels or None) of the splits of a dataset; where some have labels, others have -1."""
    for part in parts:
        if isinstance(part, Stream):
            from aae_tf.data.large import streams

            splits = streams.blocks(part, 0, len(part), BLOCK)
        else:
            splits = (part.take(slice(first, first + BLOCK)) for first in range(0, len(part), BLOCK))
        for split in splits:
            unlabelled = np.full(len(split), -1, np.int32) if labelled else None
            yield split.images, unlabelled if split.labels is None else split.labels
