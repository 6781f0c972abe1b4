"""A user's own images: arrays, (images, labels), folders, npz files and tf.data datasets."""

from pathlib import Path

import numpy as np

from aae_tf.data.dataset import Dataset, Split, Stream, check_images, check_labels, split_own
from aae_tf.errors import InputError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
MEMORY_BYTES = 2 * 1024**3


def from_arrays(images, labels=None, image_size=0):
    """Return a `Dataset` of images, [N, H, W(, C)], and labels, [N]; see `check_images` and `check_labels`."""
    images = check_images(images)
    if image_size:
        images = np.stack([fit_image(image, image_size) for image in images])
    labels, names = (None, ()) if labels is None else check_labels(labels, len(images))
    return split_own(images, labels, names, "own", f"own arrays, {len(images):,} images")


def from_folder(folder, image_size=0):
    """Return a `Dataset` of the image files in a folder: `folder/class/*.png|jpg`, or flat.

    Args:
        folder: path. With subfolders that hold images, each is a class, in alphabetical order.
        image_size: side to which images are cropped (centre square) and resized; 0: they must all have one size.

    Raises:
        InputError: no folder, no images, an unreadable file, or images of several sizes without `image_size`.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"'{folder}' holds no images ({', '.join(sorted(SUFFIXES))})")
    classes = [path.relative_to(folder).parts[0] if path.parent != folder else None for path in files]
    if None in classes and any(classes):
        flat = classes.count(None)
        raise InputError(
            f"'{folder}' holds {flat} images beside class folders; put every image in a class folder, or none"
        )
    images = _read_files(files, image_size)
    labels, names = (None, ()) if None in classes else check_labels(classes, len(files))
    return split_own(images, labels, names, "own", f"folder '{folder.name}', {len(images):,} images")


def _read_files(files, image_size):
    from PIL import Image, UnidentifiedImageError

    def open_image(path):
        try:
            with Image.open(path) as image:
                return np.asarray(image.convert("L" if image.mode in ("1", "L", "I;16") else "RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise InputError(f"'{path}' cannot be read as an image: {error}") from None

    images = [open_image(path) for path in files]
    if any(image.ndim == 3 for image in images):
        images = [np.repeat(image[..., None], 3, -1) if image.ndim == 2 else image for image in images]
    if image_size:
        images = [fit_image(image, image_size) for image in images]
    sizes = {image.shape[:2] for image in images}
    if len(sizes) > 1:
        some = ", ".join(f"{height}x{width}" for height, width in sorted(sizes)[:3])
        raise InputError(f"the images have {len(sizes)} sizes ({some}, ...); resize them: --set image_size=64")
    return check_images(np.stack(images))


def fit_image(image, side):
    """Return an image, uint8 [H, W(, C)], cropped to its centre square and resized to uint8 [side, side, C]."""
    from PIL import Image, ImageOps

    image = np.asarray(image)
    flat = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    fitted = np.asarray(ImageOps.fit(Image.fromarray(flat), (side, side), Image.Resampling.LANCZOS))
    return fitted[..., None] if fitted.ndim == 2 else fitted


def from_npz(path):
    """Return a `Dataset` of an .npz file.

    Args:
        path: a file with 'images' (or 'x') and, optionally, 'labels' (or 'y'), split as a folder is; or, as Keras
            writes its datasets, with 'x_train', 'y_train', 'x_test', 'y_test': its own test split is then kept and
            the last tenth of the training images validates.
    """
    with np.load(path, allow_pickle=False) as arrays:
        found = {name.lower(): name for name in arrays.files}

        def get(*names):
            return next((arrays[found[name]] for name in names if name in found), None)

        if "x_train" in found and "x_test" in found:
            return _own_test(get("x_train"), get("y_train"), get("x_test"), get("y_test"), Path(path).name)
        if get("images", "x") is None:
            raise InputError(f"'{path}' holds {', '.join(arrays.files)}; needed: 'images' and, if any, 'labels'")
        return from_arrays(get("images", "x"), get("labels", "y"))


def _own_test(images, labels, test_images, test_labels, name):
    """Return a `Dataset` that keeps a given test split."""
    images, test_images = check_images(images, "x_train"), check_images(test_images, "x_test")
    if images.shape[1:] != test_images.shape[1:]:
        raise InputError(f"x_train has images of shape {images.shape[1:]}, x_test of {test_images.shape[1:]}")
    count, names = len(images), ()
    if labels is not None and test_labels is not None:
        both = np.concatenate([np.ravel(labels), np.ravel(test_labels)])
        both, names = check_labels(both, count + len(test_images))
        labels, test_labels = both[:count], both[count:]
    else:
        labels = test_labels = None
    whole, held_out = Split(images, labels), max(1, count // 10)
    source = f"{name}, {count:,} images; the last tenth of its training images validates; its own test split"
    train, validation = whole.take(slice(0, -held_out)), whole.take(slice(-held_out, None))
    return Dataset("own", train, validation, Split(test_images, test_labels), names, source)


def from_tf_data(dataset, memory_bytes=None):
    """Return a `Dataset` of a `tf.data.Dataset`, read into memory if it fits and streamed if it does not.

    Elements are images, (image, label) or dicts with 'image' and 'label', batched or not; images uint8 or floats in
    [0, 1]. A streamed dataset must be finite; its first tenth (10,000 images at most) is held out, half for
    validation and half for test, and it is read in its own order, so shuffle it yourself with a fixed seed if you
    want exact resumption.

    Args:
        dataset: the `tf.data.Dataset`.
        memory_bytes: largest size to hold in memory as uint8 (2 GiB by default).

    Raises:
        InputError: elements of another structure, no images, or an infinite dataset.
    """
    from aae_tf.backend import tf

    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise InputError("the tf.data.Dataset is infinite; pass a finite one (without repeat())")
    pairs, labelled = _as_pairs(dataset)
    memory_bytes = MEMORY_BYTES if memory_bytes is None else memory_bytes
    images, labels, size, fits = [], [], 0, True
    for element in pairs.batch(256).as_numpy_iterator():
        images.append(check_images(element["image"], "the dataset's images"))
        labels.append(element["label"])
        size += images[-1].nbytes
        if size > memory_bytes:
            fits = False
            break
    if not images:
        raise InputError("the tf.data.Dataset holds no images")
    if fits:
        images = np.concatenate(images)
        labels, names = check_labels(np.concatenate(labels), len(images)) if labelled else (None, ())
        return split_own(images, labels, names, "own", f"tf.data.Dataset, {len(images):,} images")
    del images, labels
    return _stream(pairs, labelled)


def _stream(pairs, labelled):
    from aae_tf.backend import tf

    top, count = -1, 0
    for labels in pairs.map(lambda element: element["label"]).batch(10_000).as_numpy_iterator():
        count, top = count + len(labels), max(top, int(labels.max()))
    held_out = max(1, min(count // 20, 5_000))
    parts = []
    for start in (0, held_out):
        chunk = list(pairs.skip(start).take(held_out).as_numpy_iterator())
        images = check_images(np.stack([element["image"] for element in chunk]))
        labels = np.array([element["label"] for element in chunk], np.int32) if labelled else None
        parts.append(Split(images, labels))

    def to_uint8(element):
        image = element["image"]
        if image.dtype != tf.uint8:
            image = tf.cast(tf.round(tf.clip_by_value(tf.cast(image, tf.float32), 0.0, 1.0) * 255.0), tf.uint8)
        return {"image": tf.ensure_shape(image, parts[0].images.shape[1:]), "label": element["label"]}

    rest = count - 2 * held_out
    stream = Stream(
        pairs.skip(2 * held_out).map(to_uint8, tf.data.AUTOTUNE, deterministic=True),
        rest,
        parts[0].images.shape[1:],
        labelled,
    )
    names = tuple(str(number) for number in range(top + 1)) if labelled else ()
    source = f"tf.data.Dataset, streamed; its first {held_out:,} images validate, the next {held_out:,} test"
    return Dataset("own", stream, parts[0], parts[1], names, source)


def _as_pairs(dataset):
    """Return the dataset as single {'image', 'label'} elements, and whether it has labels."""
    from aae_tf.backend import tf

    spec = dataset.element_spec
    if isinstance(spec, dict) and "image" in spec:
        labelled = "label" in spec

        def pair(element):
            return element["image"], element["label"] if labelled else None
    elif isinstance(spec, tuple) and len(spec) == 2:
        labelled = True

        def pair(image, label):
            return image, label
    elif isinstance(spec, tf.TensorSpec):
        labelled = False

        def pair(image):
            return image, None
    else:
        raise InputError(
            f"the tf.data.Dataset has elements {spec}; accepted: images, (image, label), or dicts with 'image', 'label'"
        )
    image_spec = spec["image"] if isinstance(spec, dict) else spec[0] if labelled else spec
    rank = image_spec.shape.rank
    channels_last = rank is not None and rank >= 3 and image_spec.shape[-1] in (1, 3, 4)
    batched = rank == 4 or (rank == 3 and not channels_last)
    if rank not in (2, 3, 4):
        raise InputError(
            f"the tf.data.Dataset has images of shape {image_spec.shape}; accepted: [H, W, C], batched or not"
        )
    if batched:
        dataset = dataset.unbatch()

    def to_dict(*element):
        image, label = pair(*element)
        image = image[..., None] if image.shape.rank == 2 else image
        return {"image": image, "label": tf.constant(-1) if label is None else tf.cast(label, tf.int32)}

    return dataset.map(to_dict), labelled
