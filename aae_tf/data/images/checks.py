"""Checks of images and labels, and their conversion to uint8 images of one size and to class numbers."""

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.data.reading import refuse_beyond_memory
from aae_tf.errors import InputError


def check_images(images: ArrayLike, what: str = "images") -> np.ndarray:
    """Return images as uint8 [N, H, W, C].

    Args:
        images: uint8 (or other integers) in 0..255, booleans, or floats in [0, 1]; [N, H, W] or [N, H, W, C].
        what: what they are called in messages.

    Raises:
        InputError: another shape, no images, masked, NaN or infinite pixels, values out of range, or integers that are
            all 0 or 1.
    """
    images = as_uint8(images, what)
    refuse_binary(images, what)
    return images


def as_uint8(images: ArrayLike, what: str = "images") -> np.ndarray:
    """Return images as `check_images` does, but accept integers that are all 0 or 1."""
    images = as_array(images, what)
    if images.ndim not in (3, 4):
        hint = " (reshape flat rows to height and width)" if images.ndim == 2 else ""
        raise InputError(f"{what} have shape {images.shape}; accepted: [N, H, W] or [N, H, W, C]{hint}")
    if 0 in images.strides:  # a broadcast view may have any size
        refuse_beyond_memory(images.nbytes, f"{what} of shape {images.shape}, in full,")
    if images.ndim == 3:
        images = images[..., None]
    if images.size and images.shape[-1] not in (1, 2, 3, 4):
        hint = " (move the channels from axis 1 to the end)" if images.shape[1] in (1, 3) else ""
        raise InputError(f"{what} have shape {images.shape}; accepted: 1 to 4 channels, last ([N, H, W, C]){hint}")
    images = _check_range(images, what)
    return images if images.dtype == np.uint8 else np.rint(images * 255.0).astype(np.uint8)


def as_array(images: ArrayLike, what: str = "images") -> np.ndarray:
    """Return images as an array; refuse masked values."""
    if np.ma.is_masked(images):
        raise InputError(f"{what} have {np.ma.count_masked(images)} masked values; fill them in first")
    try:
        return np.asarray(images)
    except ValueError:
        raise InputError(f"{what} have several shapes; accepted: one array, [N, H, W] or [N, H, W, C]") from None


def check_pixels(images: np.ndarray, what: str = "images") -> np.ndarray:
    """Return images of any shape as uint8, or as float32 in [0, 1], by the rules of `check_images`."""
    images = _check_range(images, what)
    if images.dtype != np.uint8:
        return images.astype("float32", copy=False)
    refuse_binary(images, what)
    return images


def _check_range(images, what):
    """Return images as uint8, or as floats in [0, 1]; refuse other dtypes and values, and empty arrays."""
    if not images.size:
        raise InputError(f"{what} are empty: shape {images.shape}")
    if images.dtype == np.uint8:
        return images
    if images.dtype == bool:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind not in "iuf":
        raise InputError(f"{what} have dtype {images.dtype}; accepted: uint8 in 0..255 or float in [0, 1]")
    low, high = images.min(), images.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int((~np.isfinite(images)).sum())
        raise InputError(f"{what} hold {bad} NaN or infinite values; clean them first")
    floats = images.dtype.kind == "f"
    top, slack, accepted = (1, 1e-3, "float in [0, 1]") if floats else (255, 0, "integers in 0..255")
    if low < -slack or high > top + slack:
        most, hint = (255, "divide by 255, or pass uint8") if floats else (65535, "of 16 bits: divide by 65535")
        hint = f" ({hint})" if low >= 0 and high <= most else ""
        raise InputError(f"{what} hold values from {low:g} to {high:g}; accepted: {accepted}{hint}")
    return np.clip(images, 0.0, 1.0) if floats else images.astype(np.uint8)


def refuse_binary(images: np.ndarray, what: str = "images") -> None:
    """Refuse uint8 images whose pixels are all 0 or 1, which is black in 0..255; the dtype decides, not the values."""
    if images.max() == 1:
        advice = "for black and white pass booleans or floats (images > 0), to encode() as well"
        raise InputError(f"{what} hold the integers 0 and 1 alone, black as 0..255; {advice}")


def fit_image(image: np.ndarray, side: int, width: int = 0) -> np.ndarray:
    """Return an image, uint8 [H, W(, C)], cropped to its centre and resized to uint8 [side, width or side, C]."""
    from PIL import Image, ImageOps

    image = np.asarray(image)
    flat = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    fitted = np.asarray(ImageOps.fit(Image.fromarray(flat), (width or side, side), Image.Resampling.LANCZOS))
    return fitted[..., None] if fitted.ndim == 2 else fitted


def fit_images(images: np.ndarray, side: int) -> np.ndarray:
    """Return images, uint8 [N, H, W, C], each through `fit_image`; unchanged for side 0."""
    return np.stack([fit_image(image, side) for image in images]) if side else images


def check_labels(labels: ArrayLike, count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels as int32 [N] of 0..K-1 or -1, and the names of the K classes, a tuple.

    Args:
        labels: class names or integers [N]; -1, or None among names, marks an unlabelled image.
        count: number of images, N.

    Raises:
        InputError: another length or shape, or numbers that are not integers from -1.
    """
    try:
        labels = np.asarray(labels)
    except ValueError:
        raise InputError(f"labels are lists of several lengths; accepted: one label for each of {count}") from None
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or len(labels) != count:
        raise InputError(f"labels have shape {labels.shape} for {count} images; accepted: one label an image")
    if labels.dtype.kind in "USO":
        known = np.array([each is not None and each == each for each in labels], bool)  # None and NaN are no names
        texts = (each.decode(errors="backslashreplace") if isinstance(each, bytes) else each for each in labels[known])
        return _codes(np.array([*map(str, texts)], str), known)
    integers = labels.dtype.kind in "biu" or (labels.dtype.kind == "f" and bool(np.all(labels == np.rint(labels))))
    if not integers or np.any(labels < -1) or np.any(labels >= 2.0**63):
        raise InputError("labels are not integers from 0 (or -1 for unlabelled); accepted: class numbers or names")
    labels = labels.astype(np.int64)
    known = labels >= 0
    found = np.unique(labels[known])
    if len(found) and found[-1] >= 10 * len(found) + 10:
        return _codes(labels[known], known)
    return labels.astype(np.int32), tuple(map(str, range(found[-1] + 1 if len(found) else 0)))


def _codes(values, known):
    """Return class numbers int32 [N], -1 where not known, and the classes' names, of the known labels' values."""
    names, found = np.unique(values, return_inverse=True)
    codes = np.full(len(known), -1, np.int32)
    codes[known] = found
    return codes, tuple(map(str, names))
