"""Parts that the user keeps apart: a dict of 'train', 'validation' and 'test', each of any kind that `load` takes."""

from dataclasses import replace

import numpy as np

from aae_tf.data.dataset import Dataset, Split, joined
from aae_tf.data.element import TableElement
from aae_tf.errors import InputError

PARTS = ("train", "validation", "test")


def from_parts(parts, image_size=0):
    """Return a `Dataset` of parts given one by one; a part that is not given is drawn from the training images.

    Args:
        parts: dict with 'train' and 'validation', 'test' or both: arrays, (images, labels), folders, names of .npz
            files or a `tf.data.Dataset` each. All of each is taken, but of a streamed or packed training part what is
            usually held out (10,000 images at most) is not trained on. Classes are told by their names.
        image_size: side to which images are cropped and resized; 0 keeps them as they are.

    Raises:
        InputError: other names, a table, images of another size than the training images, or a class that none of
            these has.
    """
    from aae_tf.data import load

    strange = [name for name in parts if name not in PARTS]
    if strange or "train" not in parts or len(parts) < 2:
        given = ", ".join(map(str, parts)) or "none"
        raise InputError(f"parts {given} were given; accepted: 'train' with 'validation', 'test' or both")
    found = {}
    for name, part in parts.items():
        try:
            found[name] = load(part, image_size)
        except InputError as error:
            raise InputError(f"the part '{name}': {error}") from None
    kept = found["train"]
    tables = [name for name, each in found.items() if isinstance(each.element, TableElement)]
    if tables:
        raise InputError(f"'{tables[0]}' is a table; give one table, whose parts are drawn from its rows")
    whole = {name: _whole(name, each, kept) for name, each in found.items() if name != "train"}
    source = "; ".join(f"{name}: {each.source.partition(';')[0]}" for name, each in found.items())
    train, others = _with_all(kept, [name for name in PARTS[1:] if name in parts])
    return Dataset("custom", train, **{**others, **whole}, class_names=kept.class_names, source=source)


def _with_all(kept, given):
    """Return the training part with what was held out of it for parts that are given, and the parts that are not."""
    others = {name: getattr(kept, name) for name in PARTS[1:] if name not in given}
    if not isinstance(kept.train, Split):
        return kept.train, others
    return joined(kept.train, *(getattr(kept, name) for name in given)), others


def _whole(name, found, kept):
    """Return all images of a part, its labels those of the training part's classes."""
    if not isinstance(found.train, Split):
        raise InputError(f"'{name}' is packed or does not fit in memory; give its images themselves, 10,000 do")
    if found.image_shape != kept.image_shape:
        raise InputError(f"'{name}' has images of shape {found.image_shape}, 'train' of {kept.image_shape}")
    split = joined(found.train, found.validation, found.test)
    strange = [each for each in found.class_names if each not in kept.class_names]
    if split.labels is None:
        return split
    if not kept.class_names:
        raise InputError(f"'{name}' has labels and 'train' has none; leave them out of both, or label some images")
    if strange:
        raise InputError(f"'{name}' has the class '{strange[0]}', which no training image has")
    codes = np.array([kept.class_names.index(each) for each in found.class_names] + [-1], np.int32)
    return replace(split, labels=codes[split.labels])
