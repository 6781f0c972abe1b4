"""A user's own `tf.data.Dataset`: read into memory where it fits, streamed where it does not.

A stream is read anew for every pass, so its parts must be known by something that no pass changes: each element's
index, given before anything else. A hash of the index draws the parts, spread over the whole stream whatever its order.
"""

import functools
import hashlib
import re

import numpy as np

from aae_tf.data.checks import as_uint8, check_labels, fit_image, refuse_binary
from aae_tf.data.dataset import Dataset, Split, Stream, split_own
from aae_tf.errors import InputError

MEMORY_BYTES = 2 * 1024**3
SAMPLE = 10_000  # training images of a stream that are kept in memory, and labelled ones at most
SOME = 256  # labelled images that are kept where there are more, for stretches without any
WHAT = "the tf.data.Dataset's images"


def from_tf_data(dataset, image_size=0, memory_bytes=None):
    """Return a `Dataset` of a `tf.data.Dataset`, read into memory if it fits and streamed if it does not.

    Elements are images, (image, label) or dicts with 'image' and 'label', batched or not (one element is looked at);
    images uint8 or other whole numbers in 0..255, booleans, or floats in [0, 1]. A streamed dataset must be finite and
    give the same elements in the same order at each pass: shuffle it, if at all, with
    `shuffle(..., seed=0, reshuffle_each_iteration=False)`. A tenth of it (10,000 images at most), drawn by a hash of
    the elements' indices, is held out: half for validation and half for test.

    Args:
        dataset: the `tf.data.Dataset`.
        image_size: side to which images are cropped (centre square) and resized; 0: they must all have one size.
        memory_bytes: largest size to hold in memory as uint8 (2 GiB by default).

    Raises:
        InputError: elements of another structure, no images, images that cannot be used, an infinite dataset, or a
            stream of another order at each pass.
    """
    from aae_tf.backend import tf

    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise InputError("the tf.data.Dataset is infinite; pass a finite one (without repeat())")
    elements, labelled = _elements(dataset, image_size)
    read = _in_memory(elements, MEMORY_BYTES if memory_bytes is None else memory_bytes)
    if read is None:
        return _stream(elements, labelled)
    images, labels = read
    refuse_binary(images, WHAT)
    labels, names = check_labels(labels, len(images)) if labelled else (None, ())
    return split_own(images, labels, names, f"tf.data.Dataset, {len(images):,} images")


def _in_memory(elements, most_bytes):
    """Return images and labels as two arrays, or None if the images take more than `most_bytes`."""
    images, labels, size = [], [], 0
    for block in _read(elements.batch(256)):
        images.append(block["image"])
        labels.append(block["label"])
        size += images[-1].nbytes
        if size > most_bytes:
            return None
    return np.concatenate(images), np.concatenate(labels)


def _stream(elements, labelled):
    """Return a `Dataset` that streams all but the held-out elements and a sample of the others."""
    from aae_tf.backend import tf

    drawn = tf.data.Dataset.zip(elements, _draws())
    marked = drawn.map(_marked, tf.data.AUTOTUNE, deterministic=True)
    marks = marked.map(lambda element: {name: element[name] for name in ("draw", "mark", "label")})
    _refuse_another_order(*(_columns(marks.take(256))["mark"] for _ in range(2)))
    found = _columns(marks)
    count, draws = len(found["draw"]), found["draw"]
    if count < 10:
        raise InputError(f"{count} images are too few to train, validate and test on; at least 10 are needed")
    names = _class_names(found["label"]) if labelled else ()
    held_out = max(1, min(count // 20, 5_000))
    sizes = [held_out, held_out, min(SAMPLE, count - 2 * held_out)]
    ends = np.sort(draws)[np.cumsum(sizes) - 1]
    taught = np.sort(draws[(draws > ends[1]) & (found["label"] >= 0)]) if labelled else draws[:0]
    most = len(taught) if len(taught) <= SAMPLE else SOME
    last = taught[most - 1] if most else ends[1]  # labelled images up to this draw are kept

    def is_kept(draw, label):
        return (draw <= ends[-1]) | ((draw <= last) & (label >= 0)) if labelled else draw <= ends[-1]

    kept = _columns(marked.filter(lambda element: is_kept(element["draw"], element["label"])))
    _refuse_another_order(found["mark"][is_kept(draws, found["label"])], kept["mark"])
    part = np.searchsorted(ends, kept["draw"])
    labels = kept["label"].astype(np.int32) if labelled else None
    images = Split(kept["image"], labels)
    validation, test, sample = (images.take(part == number) for number in range(3))
    pool = images.take((kept["draw"] > ends[1]) & (kept["draw"] <= last) & (labels >= 0)) if labelled else None
    refuse_binary(sample.images, WHAT)
    training = drawn.filter(lambda element, draw: draw > ends[1]).map(
        lambda element, draw: {"image": element["image"], "label": _number(element["label"])}
    )
    digest = hashlib.blake2b(found["mark"][draws > ends[1]].tobytes(), digest_size=16).hexdigest()
    stream = Stream(training, count - 2 * held_out, sample, digest, len(taught), pool)
    source = f"tf.data.Dataset, streamed; {held_out:,} images validate, {held_out:,} test, by a hash of their indices"
    return Dataset("own", stream, validation, test, names, source)


def _number(label):
    from aae_tf.backend import tf

    return tf.ensure_shape(tf.cast(label, tf.int32), [])


def _marked(element, draw):
    """Return an element with its draw and a hash of its content."""
    from aae_tf.backend import tf

    content = tf.strings.join([tf.io.serialize_tensor(value) for value in element.values()])
    return element | {"draw": draw, "mark": tf.strings.to_hash_bucket_fast(content, 2**63 - 1)}


def _columns(dataset):
    """Return all of a dataset of dicts, as a dict of arrays."""
    blocks = list(_read(dataset.batch(256)))
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _draws():
    """Return an endless dataset of numbers that depend on their index alone, int64 over the whole range."""
    from aae_tf.backend import tf

    def thousand(number):  # at a time: of single elements, drawing would take longer than reading
        return tf.random.stateless_uniform([1000], tf.stack([0, number]), None, None, tf.int64, alg="philox")

    return tf.data.Dataset.counter().map(thousand).unbatch()


def _refuse_another_order(marks, again):
    if not np.array_equal(marks, again):
        raise InputError(
            "the tf.data.Dataset gives other images, or another order, at each pass, so held-out images would be "
            "trained on; use shuffle(..., seed=0, reshuffle_each_iteration=False), and no random augmentation"
        )


def _class_names(labels):
    codes, names = check_labels(labels, len(labels))
    if labels.dtype.kind not in "iuf" or not np.array_equal(codes, labels):
        raise InputError(
            f"a streamed dataset's labels go from 0 to {len(names) - 1} for {len(names)} classes (-1: unlabelled); "
            f"map these first, for example {labels[0]!r}"
        )
    return names


def _elements(dataset, image_size):
    """Return the dataset as single {'image': uint8 [H, W, C], 'label': []} elements, and whether it has labels."""
    from aae_tf.backend import tf

    spec = dataset.element_spec
    pick = _picker(spec)
    first = next(_read(dataset.take(1)), None)
    if first is None:
        raise InputError("the tf.data.Dataset holds no images")
    image, label = pick(first)
    if _is_batch(image, label):
        dataset, image = dataset.unbatch(), image[0]
    if image.ndim not in (2, 3):
        raise InputError(f"{WHAT} have shape {image.shape}; accepted: [H, W] or [H, W, C], batched or not")
    convert = functools.partial(_convert, side=image_size)
    shape, as_it_is = convert(image).shape, image.dtype == np.uint8 and not image_size

    def element(*parts):
        pixels, number = pick(parts if isinstance(spec, tuple) else parts[0])
        if not as_it_is:
            pixels = tf.numpy_function(convert, [pixels], tf.uint8)
        elif image.ndim == 2:
            pixels = pixels[..., None]
        number = tf.constant(-1) if number is None else tf.squeeze(number)
        return {"image": tf.ensure_shape(pixels, shape), "label": number}

    return dataset.map(element, tf.data.AUTOTUNE, deterministic=True), label is not None


def _picker(spec):
    """Return the function from an element to its (image, label or None)."""
    from aae_tf.backend import tf

    if isinstance(spec, dict) and "image" in spec:
        return lambda element: (element["image"], element.get("label"))
    if isinstance(spec, tuple) and len(spec) == 2:
        return lambda element: element
    if isinstance(spec, tf.TensorSpec):
        return lambda element: (element, None)
    raise InputError(
        f"the tf.data.Dataset has elements {spec}; accepted: images, (image, label), or dicts with 'image', 'label'"
    )


def _is_batch(image, label):
    """Return whether an element is a batch: by its labels where it has any, else by its shape.

    The static shape does not tell: decoded files and batches of grey images both have (None, None, None).
    """
    if label is not None:
        return np.ndim(label) > 0 and len(label) == len(image)
    if image.ndim != 3 or image.shape[-1] in (1, 2, 3, 4):
        return image.ndim == 4
    if image.shape[0] in (1, 2, 3, 4):
        raise InputError(
            f"{WHAT} have shape {image.shape}; accepted: channels last, [H, W, C], or batches of [N, H, W, C]"
        )
    return True


def _convert(image, side):
    image = as_uint8(image[None], WHAT)[0]
    return fit_image(image, side) if side else image


def _read(dataset):
    """Yield a dataset's elements as NumPy arrays; an error on the way is an InputError."""
    from aae_tf.backend import tf

    try:
        yield from dataset.as_numpy_iterator()
    except tf.errors.OpError as error:
        reason = re.sub(r"^({{.*?}} )?(Error in .* transformation with iterator: [\w:]+: )?", "", error.message)
        reason = reason.partition("\n")[0].removeprefix("InputError: ")
        advice = "; for images of several sizes: --set image_size=64" if "expected shape" in reason else ""
        raise InputError(f"the tf.data.Dataset cannot be read: {reason}{advice}") from error
