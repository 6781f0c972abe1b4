"""A user's `tf.data.Dataset`: read into memory where it fits, else streamed.

A stream is read again in each epoch, so its splits are drawn by a hash of each element's index, which no pass changes.
"""

import functools
import re
from collections.abc import Iterator

import numpy as np

from aae_tf.backend import tf
from aae_tf.data import reading
from aae_tf.data.dataset import Dataset, Split, Stream, split_custom
from aae_tf.data.images.checks import as_uint8, check_labels, fit_image, refuse_binary
from aae_tf.data.large import held_out
from aae_tf.errors import InputError

OTHER_ORDER = (
    "the tf.data.Dataset gives other images, or another order, at each pass, so held-out images would be trained on; "
    "use shuffle(..., seed=0, reshuffle_each_iteration=False), and no random augmentation"
)
WHAT = "the tf.data.Dataset's images"


def from_tf_data(dataset: tf.data.Dataset, image_size: int = 0, memory_bytes: int | None = None) -> Dataset:
    """Return a `Dataset` of a `tf.data.Dataset`: in memory if its images fit (2 GiB by default), else streamed."""
    memory_bytes = reading.MOST_BYTES if memory_bytes is None else memory_bytes
    elements, labelled = single_elements(dataset, image_size)
    marked = elements.map(_marked, tf.data.AUTOTUNE, deterministic=True)
    found, kept = _scan(marked, memory_bytes)
    images = kept["image"]
    if images.nbytes > memory_bytes or len(images) < len(found["mark"]):
        return _stream(marked, found, kept, labelled)
    refuse_binary(images, WHAT)
    labels, names = check_labels(kept["label"], len(images)) if labelled else (None, ())
    return split_custom(images, labels, names, f"tf.data.Dataset, {len(images):,} images")


def _scan(marked, most_bytes):
    """Return hash, mark and label of all elements, and those kept in memory: all if they fit, else the least hashes."""
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
    """Return one block of the elements with the `most` least hashes of all, or of the labelled ones."""
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
    """Return a `Dataset` that streams all but the held-out elements, with a sample in memory."""
    draw, mark = found["draw"], found["mark"]
    ends = held_out.held_out(draw, kept["image"][0].nbytes)
    names = _class_names(found["label"]) if labelled else ()
    first = next(read(marked.batch(256)))["mark"]  # detects a changed order before training
    if not np.array_equal(first, mark[: len(first)]):
        raise InputError(OTHER_ORDER)
    part, labels = np.searchsorted(ends, kept["draw"]), kept["label"].astype(np.int32) if labelled else None
    images = Split(kept["image"], labels)
    validation, test, sample = (images.take(part == number) for number in range(3))
    refuse_binary(sample.images, WHAT)
    training, known, pool = draw > ends[1], 0, None
    if labelled:
        labelled_draws = draw[training & (found["label"] >= 0)]
        known = len(labelled_draws)
        last = held_out.least(labelled_draws, known if known <= len(sample) else held_out.SOME)
        pool = images.take((part > 1) & (labels >= 0) & (kept["draw"] <= last))
    elements = tf.data.Dataset.zip(marked, tf.data.Dataset.from_tensor_slices(training))
    elements = elements.filter(lambda element, trains: trains).map(_trained_on)
    held = f"{len(validation):,} images validate, {len(test):,} test, by a hash of their indices"
    stream = Stream(elements, mark[training], sample, known, pool)
    return Dataset("custom", stream, validation, test, names, f"tf.data.Dataset, streamed; {held}")


def blocks(stream: Stream, first: int, last: int, size: int) -> Iterator[Split]:
    """Yield the images of a stream in blocks; refuse other elements than those of the first pass."""
    for block in read(stream.dataset.skip(first).take(last - first).batch(size).prefetch(1)):
        expected = stream.marks[first : first + len(block["mark"])]
        if not np.array_equal(block["mark"], expected):
            raise InputError(OTHER_ORDER)
        if len(expected) < min(size, last - first):
            break  # a partial block would be trained on in another order than after a repair of the dataset
        first += len(expected)
        yield Split(block["image"], None if stream.pool is None else block["label"])
    if first < last:
        given = f"the tf.data.Dataset has ended after about {first:,} training images; the first pass had"
        raise InputError(f"{given} {len(stream):,}; repair it, and start again to resume from here")


def _trained_on(element, trains):
    """Return a training element with an integer label."""
    return element | {"label": tf.ensure_shape(tf.cast(element["label"], tf.int32), [])}


def _marked(element):
    """Return an element with a hash of its content."""
    content = tf.strings.join([tf.io.serialize_tensor(value) for value in element.values()])
    return element | {"mark": tf.strings.to_hash_bucket_fast(content, 2**63 - 1)}


def _class_names(labels):
    codes, names = check_labels(labels, len(labels))
    if labels.dtype.kind not in "iuf" or not np.array_equal(codes, labels):
        accepted = f"from 0 to {len(names) - 1} for {len(names)} classes (-1: unlabelled)"
        raise InputError(f"a stream's labels go {accepted}; map these first, for example {labels[0]!r}")
    return names


def single_elements(dataset: tf.data.Dataset, image_size: int) -> tuple[tf.data.Dataset, bool]:
    """Return the dataset as single {'image': uint8 [H, W, C], 'label': []} elements, and whether it has labels."""
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
    shape, unchanged = convert(image).shape, image.dtype == np.uint8 and not image_size

    def element(*parts):
        pixels, number = pick(parts if isinstance(spec, tuple) else parts[0])
        if not unchanged:
            pixels = tf.numpy_function(convert, [pixels], tf.uint8)
        elif image.ndim == 2:
            pixels = pixels[..., None]
        number = tf.constant(-1) if number is None else tf.squeeze(number)
        return {"image": tf.ensure_shape(pixels, shape), "label": number}

    return dataset.map(element, tf.data.AUTOTUNE, deterministic=True), label is not None


def _picker(spec):
    """Return the function from an element to its (image, label or None)."""
    if isinstance(spec, dict) and "image" in spec:
        return lambda element: (element["image"], element.get("label"))
    if isinstance(spec, tuple) and len(spec) == 2:
        return lambda element: element
    if isinstance(spec, tf.TensorSpec):
        return lambda element: (element, None)
    accepted = "images, (image, label), or dicts with 'image', 'label'"
    raise InputError(f"the tf.data.Dataset has elements {spec}; accepted: {accepted}")


def _is_batch(image, label):
    """Return whether an element is a batch, by its label, else by its shape (the static shape may be unknown)."""
    if label is not None:
        return np.ndim(label) > 0 and len(label) == len(image)
    if image.ndim != 3 or image.shape[-1] in (1, 2, 3, 4):
        return image.ndim == 4
    if image.shape[0] in (1, 2, 3, 4):
        raise InputError(f"{WHAT} have shape {image.shape}; accepted: channels last, [H, W, C] or [N, H, W, C]")
    return True


def _convert(image, side):
    image = as_uint8(image[None], WHAT)[0]
    return fit_image(image, side) if side else image


def read(dataset: tf.data.Dataset) -> Iterator:
    """Yield the elements of a dataset as NumPy arrays; errors become `InputError`."""
    try:
        yield from dataset.as_numpy_iterator()
    except tf.errors.OpError as error:
        reason = re.sub(r"^({{.*?}} )?(Error in .* transformation with iterator: [\w:]+: )?", "", error.message)
        reason = reason.partition("\n")[0].removeprefix("InputError: ")
        advice = "; for images of several sizes: --set image_size=64" if "expected shape" in reason else ""
        raise InputError(f"the tf.data.Dataset cannot be read: {reason}{advice}") from error
