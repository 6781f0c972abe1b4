"""A user's folder of image files."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import numpy as np

from aae_tf.data.dataset import Dataset, split_custom
from aae_tf.data.images.checks import check_images, check_labels, fit_image
from aae_tf.data.reading import refuse_beyond_memory
from aae_tf.errors import InputError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")  # Pillow reads more formats, some through other programs
MOST_PIXELS = 2**26  # of a file, 67 million; Pillow warns above
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


def from_folder(folder: Path, image_size: int = 0) -> Dataset:
    """Return a `Dataset` of the image files in a folder: `folder/class/*.png|jpg`, or flat."""
    files, labels, names = _files_and_labels(folder)
    size = f" --image-size {image_size}" if image_size else ""
    advice = f"pack them once, and train on that: aae-tf data pack {folder} DEST{size}"
    images = check_images(_read_to_array(files, image_size, advice))
    return split_custom(images, labels, names, f"folder '{folder.name}', {len(images):,} images")


def read_blocks(
    folder: Path, image_size: int, size: int
) -> tuple[Iterator[tuple[np.ndarray, np.ndarray | None]], tuple[str, ...]]:
    """Return an iterator of blocks (images uint8 [n, H, W, C], labels int32 [n] or None), and the class names."""
    files, labels, names = _files_and_labels(folder)

    def blocks():
        images, first, channels = _read_all(files, image_size), 0, 1
        while block := list(itertools.islice(images, size)):
            stacked = _stacked(block, channels)
            if first and stacked.shape[-1] > channels:
                raise InputError(f"'{folder}' holds grey images, then colour images; convert all of them to one kind")
            yield stacked, None if labels is None else labels[first : first + len(block)]
            first, channels = first + len(block), stacked.shape[-1]

    return blocks(), names


def _files_and_labels(folder):
    """Return the image files in a folder, and their labels and class names by `check_labels`; None of a flat folder."""
    files = image_files(folder)
    classes = [path.relative_to(folder).parts[0] if path.parent != folder else None for path in files]
    if None not in classes:
        return files, *check_labels(classes, len(files))
    if any(classes):
        flat = classes.count(None)
        raise InputError(f"'{folder}' holds {flat} images beside class folders; put each image in one, or none")
    return files, None, ()


def image_files(folder: Path) -> list[Path]:
    """Return the image files in a folder and its subfolders, sorted; refuse links to folders and broken links."""
    try:
        found = sorted(folder.rglob("*"))
    except OSError as error:  # its content changes meanwhile
        raise InputError(f"'{folder}' cannot be searched: {error}") from None
    files = []
    for path in found:
        if path.is_dir():
            if path.is_symlink():
                raise InputError(f"'{path}' is a link to a folder; accepted: folders themselves, and links to files")
        elif path.suffix.lower() in SUFFIXES:
            if not path.is_file():
                raise InputError(f"'{path}' is not a file, or a broken link; remove it")
            files.append(path)
    if not files:
        raise InputError(f"'{folder}' holds no images ({', '.join(sorted(SUFFIXES))})")
    return files


def read_image(path: Path | IO[bytes], image_shape: tuple[int, ...], name: str | None = None) -> np.ndarray:
    """Return an image file as a model of (H, W, 1 or 3) takes it, uint8: cropped, resized, in grey or colours."""
    from PIL import Image

    height, width, channels = image_shape
    image = _open(path, name)
    if image.shape[:2] != (height, width):
        image = fit_image(image, height, width)
    if channels == 1 and image.shape[-1] == 3:
        image = np.asarray(Image.fromarray(image).convert("L"))[..., None]
    return np.repeat(image, channels // image.shape[-1], -1)


def _read(path, image_size):
    image = _open(path)
    return fit_image(image, image_size) if image_size else image


def _read_all(files, image_size):
    """Yield the images of files, read by several threads: Pillow decodes and resizes without Python's lock."""
    with ThreadPoolExecutor() as pool:
        for first in range(0, len(files), 256):
            yield from pool.map(_read, files[first : first + 256], itertools.repeat(image_size))


def _read_to_array(files, image_size, advice):
    """Return all images as one array, filled image by image to save memory."""

    def empty(*shape):
        refuse_beyond_memory(np.prod(shape, dtype=float), f"{len(files):,} images like '{files[0]}'", advice)
        return np.empty(shape, np.uint8)

    found, sizes = None, set()
    for place, image in enumerate(_read_all(files, image_size)):
        sizes.add(image.shape[:2])
        if found is None:
            found = empty(len(files), *image.shape)
        if len(sizes) > 1:
            continue
        if image.shape[-1] > found.shape[-1]:  # the first colour image: the others so far are grey
            grey, found = found, empty(len(files), *image.shape)
            found[:place] = grey[:place]
        found[place] = image
    _refuse_several(sizes)
    return found


def _refuse_several(sizes):
    if len(sizes) > 1:
        some = ", ".join(f"{height}x{width}" for height, width in sorted(sizes)[:3])
        advice = "resize them: --set image_size=64, or --image-size 64 of data pack"
        raise InputError(f"the images have {len(sizes)} sizes ({some}, ...); {advice}")


def _stacked(images, channels):
    """Return images [H, W, 1 or 3] as one array, with the most channels of any image, at least `channels`."""
    _refuse_several({image.shape[:2] for image in images})
    channels = max(channels, *(image.shape[-1] for image in images))
    return np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in images])


def _open(path, name=None):
    """Return an image file as uint8 [H, W, 1 or 3]."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path, formats=FORMATS) as file:
            if file.width * file.height > MOST_PIXELS:
                raise ValueError(f"it has {file.width * file.height:,} pixels, above {MOST_PIXELS:,}; make it smaller")
            pixels = _pixels(ImageOps.exif_transpose(file), file.format)
    except UnidentifiedImageError:
        kinds = ", ".join(sorted(SUFFIXES))
        raise InputError(f"'{name or path}' cannot be read as an image; accepted: {kinds}") from None
    except Exception as error:  # damaged files make decoders raise nearly anything
        raise InputError(f"'{name or path}' cannot be read as an image: {error}") from None
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _pixels(image, kind):
    if image.mode.startswith("I;16") or (image.mode == "I" and kind == "PNG"):
        return ((np.asarray(image).astype(np.int64) + 128) // 257).astype(np.uint8)
    if image.mode in ("I", "F"):
        raise ValueError("it has 32 bits a pixel; save it with 8 or 16, or pass an array in [0, 1]")
    grey = image.mode in ("1", "L") or image.mode.startswith("I;")
    return np.asarray(image.convert("L" if grey else "RGB"))
