"""A user's own `tf.data.Dataset`: read into memory where it fits, streamed where it does not.

A stream is read anew for every pass, so its parts must be known by something that no pass changes: each element's
index, given before anything else. A hash of the index draws the parts, spread over the whole stream whatever its order.
"""

import functools
import re

import numpy as np

from aae_tf.data import reading
from aae_tf.data.dataset import Dataset, Split, Stream, split_own
from aae_tf.data.images.checks import as_uint8, check_labels, fit_image, refuse_binary
from aae_tf.data.large import held_out
from aae_tf.errors import InputError

OTHER_ORDER = (
    "the tf.data.Dataset gives other images, or another order, at each pass, so held-out images would be trained on; "
    "use shuffle(..., seed=0, reshuffle_each_iteration=False), and no random augmentation"
)
WHAT = "the tf.data.Dataset's images"


def from_tf_data(dataset, image_size=0, memory_bytes=None):
    """Return a `Dataset` of a `tf.data.Dataset`, read into memory if it fits and streamed if it does not.

    Elements are images, (image, label) or dicts with 'image' and 'label', batched or not (one element is looked at);
    images uint8 or other integers in 0..255, booleans, or floats in [0, 1]. A streamed dataset must be finite and
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

    memory_bytes = reading.MOST_BYTES if memory_bytes is None else memory_bytes
    elements, labelled = single_elements(dataset, image_size)
    marked = elements.map(_marked, tf.data.AUTOTUNE, deterministic=True)
    found, kept = _look_through(marked, memory_bytes)
    images = kept["image"]
    if images.nbytes > memory_bytes or len(images) < len(found["mark"]):
        return _stream(marked, found, kept, labelled)
    refuse_binary(images, WHAT)
    labels, names = check_labels(kept["label"], len(images)) if labelled else (None, ())
    return split_own(images, labels, names, f"tf.data.Dataset, {len(images):,} images")


def _look_through(marked, most_bytes):
    """Return what one pass finds: all elements' hashes, marks and labels, and the elements that are kept in memory.

    These are all of them, until they take more than `most_bytes`: then those that may be held out, be in the sample or
    teach, which are the ones of the least hashes.

    Returns:
        (dict of arrays [N], dict of arrays [n] with 'image' beside).
    """
    draw, about, kept, size = held_out.hashes(), [], [], 0
    for block in read(marked.batch(256)):
        block["draw"] = draw(len(block["mark"]))
        about.append({name: block[name] for name in ("draw", "mark", "label")})
        kept.append(block)
        size += block["image"].nbytes
        most = held_out.most_kept(block["image"][0].nbytes)
        if size > max(most_bytes, 2 * most * block["image"][0].nbytes):
            kept = _least(kept, most)
            size = sum(block["image"].nbytes for block in kept)
    return _joined(about), _joined(kept)


def _least(blocks, most):
    """Return one block of the elements whose hash is among the `most` least, of all or of the labelled ones."""
    draw = np.concatenate([block["draw"] for block in blocks])
    known = np.concatenate([_known(block["label"]) for block in blocks])
    last, last_known = (held_out.least(each, most) for each in (draw, draw[known]))

    def kept(block):
        return (block["draw"] <= last) | (_known(block["label"]) & (block["draw"] <= last_known))

    return [_joined([{name: block[name][kept(block)] for name in block} for block in blocks])]


def _joined(blocks):
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _known(labels):
    return labels >= 0 if labels.dtype.kind in "iuf" else np.ones(len(labels), bool)


def _stream(marked, found, kept, labelled):
    """Return a `Dataset` that streams all but the held-out elements, a sample of the others beside it."""
    from aae_tf.backend import tf

    draw, mark = found["draw"], found["mark"]
    ends = held_out.held_out(draw, kept["image"][0].nbytes)
    names = _class_names(found["label"]) if labelled else ()
    first = next(read(marked.batch(256)))["mark"]  # what is shuffled anew is noticed here, before training
    if not np.array_equal(first, mark[: len(first)]):
        raise InputError(OTHER_ORDER)
    part, labels = np.searchsorted(ends, kept["draw"]), kept["label"].astype(np.int32) if labelled else None
    images = Split(kept["image"], labels)
    validation, test, sample = (images.take(part == number) for number in range(3))
    refuse_binary(sample.images, WHAT)
    training, known, pool = draw > ends[1], 0, None
    if labelled:
        teaching = draw[training & (found["label"] >= 0)]
        known = len(teaching)
        last = held_out.least(teaching, known if known <= len(sample) else held_out.SOME)
        pool = images.take((part > 1) & (labels >= 0) & (kept["draw"] <= last))
    elements = tf.data.Dataset.zip(marked, tf.data.Dataset.from_tensor_slices(training))
    elements = elements.filter(lambda element, trains: trains).map(_trained_on)
    held = f"{len(validation):,} images validate, {len(test):,} test, by a hash of their indices"
    stream = Stream(elements, mark[training], sample, known, pool)
    return Dataset("custom", stream, validation, test, names, f"tf.data.Dataset, streamed; {held}")


def blocks(stream, first, last, size):
    """Yield a stream's images one block after the other, a `Split` each, while the next is read.

    Every element is compared with the one that was there when parts were drawn, so that a held-out image is never
    trained on.

    Args:
        stream: `aae_tf.data.Stream`.
        first: image to begin with; those before it are read and dropped.
        last: image to end before.
        size: images a block.

    Raises:
        InputError: it cannot be read to there, or gives another element, or ends early.
    """
    for block in read(stream.dataset.skip(first).take(last - first).batch(size).prefetch(1)):
        expected = stream.marks[first : first + len(block["mark"])]
        if not np.array_equal(block["mark"], expected):
            raise InputError(OTHER_ORDER)
        if len(expected) < min(size, last - first):
            break  # a part of a block would be trained on in another order than when the dataset is whole again
        first += len(expected)
        yield Split(block["image"], None if stream.pool is None else block["label"])
    if first < last:
        raise InputError(
            f"the tf.data.Dataset has ended after some {first:,} training images; {len(stream):,} were there "
            "at first; mend it, and start again to go on from here"
        )


def _trained_on(element, trains):
    """Return a training element, its label an integer."""
    from aae_tf.backend import tf

    return element | {"label": tf.ensure_shape(tf.cast(element["label"], tf.int32), [])}


def _marked(element):
    """Return an element with a hash of its content."""
    from aae_tf.backend import tf

    content = tf.strings.join([tf.io.serialize_tensor(value) for value in element.values()])
    return element | {"mark": tf.strings.to_hash_bucket_fast(content, 2**63 - 1)}


def _class_names(labels):
    codes, names = check_labels(labels, len(labels))
    if labels.dtype.kind not in "iuf" or not np.array_equal(codes, labels):
        raise InputError(
            f"a streamed dataset's labels go from 0 to {len(names) - 1} for {len(names)} classes (-1: unlabelled); "
            f"map these first, for example {labels[0]!r}"
        )
    return names


def single_elements(dataset, image_size):
    """Return the dataset as single {'image': uint8 [H, W, C], 'label': []} elements, and whether it has labels."""
    from aae_tf.backend import tf

    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise InputError("the tf.data.Dataset is infinite; pass a finite one (without repeat())")
    spec = dataset.element_spec
    pick = _picker(spec)
    first = next(read(dataset.take(1)), None)
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


def read(dataset):
    """Yield a dataset's elements as NumPy arrays; an error on the way is an InputError."""
    from aae_tf.backend import tf

    try:
        yield from dataset.as_numpy_iterator()
    except tf.errors.OpError as error:
        reason = re.sub(r"^({{.*?}} )?(Error in .* transformation with iterator: [\w:]+: )?", "", error.message)
        reason = reason.partition("\n")[0].removeprefix("InputError: ")
        advice = "; for images of several sizes: --set image_size=64" if "expected shape" in reason else ""
        raise InputError(f"the tf.data.Dataset cannot be read: {reason}{advice}") from error
