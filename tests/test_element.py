"""The elements of a dataset: the checks of training are those of inference, of the estimators and of the client."""

import dataclasses

import numpy as np
import pytest
from conftest import model_of, small

import aae_tf
from aae_tf import data
from aae_tf.errors import InputError
from aae_tf.serving.client import _elements

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
REFUSED = {
    "floats in 0..255": (IMAGES.astype("float32"), "divide by 255"),
    "negative floats": (IMAGES / 127.5 - 1.0, "accepted: float in"),
    "16 bits": (IMAGES.astype("uint16") * 257, "divide by 65535"),
    "negative integers": (IMAGES.astype("int16") - 300, "accepted: integers in 0..255"),
    "NaN": (np.where(np.arange(8) == 3, np.nan, IMAGES / 255), "NaN or infinite"),
    "infinity": (np.where(np.arange(8) == 3, np.inf, IMAGES / 255), "NaN or infinite"),
    "1e30": (np.where(np.arange(8) == 3, 1e30, IMAGES / 255), "accepted: float in"),
    "objects": (IMAGES.astype(object), "dtype object"),
    "zeros and ones": ((IMAGES > 127).astype(int), "integers 0 and 1 alone"),
    "masked": (np.ma.masked_less(IMAGES, 9), "masked values"),
}


@pytest.fixture(scope="module")
def model():
    return model_of(aae_tf.recipes()["gaussian"].with_options(**small("gaussian")), (8, 8, 1))


@pytest.mark.parametrize("kind", REFUSED)
def test_images_are_refused_at_inference_as_in_training(model, kind):
    images, message = REFUSED[kind]
    calls = (
        data.check_images,
        model.element.check,
        model.encode,
        model.reconstruct,
        model.score,
        lambda images: model.interpolate(images[0], images[-1]),
        _elements,
    )
    for call in calls:
        with pytest.raises(InputError, match=message):
            call(images)


def test_accepted_images_are_those_of_training_and_keep_their_precision(model):
    element = model.element
    assert element == data.ImageElement((8, 8, 1))
    expected = IMAGES[..., None]
    for images in (IMAGES, expected, IMAGES.astype("int64"), list(IMAGES)):
        np.testing.assert_array_equal(element.check(images), expected)
    assert element.check(IMAGES > 9).max() == 255
    floats = np.random.default_rng(0).random((3, 8, 8))
    found = element.check(floats)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[..., 0], floats.astype("float32"))
    np.testing.assert_array_equal(data.check_images(floats), np.rint(floats[..., None] * 255))
    for shape in ((8, 8), (0, 8, 8), (3, 8, 9), (3, 8, 8, 3)):
        with pytest.raises(InputError, match=r"accepted: \[N, 8, 8, 1\] with N > 0"):
            element.check(np.zeros(shape))
    with pytest.raises(InputError, match="several shapes"):
        element.check([IMAGES[0], IMAGES[0, :4]])


def test_rows_are_checked_by_their_columns():
    wine = data.load("wine")
    element, rows = wine.element, wine.test.images
    assert (element.shape, element.plural, element.entries[0]) == ((13,), "rows", "alcohol")
    assert dataclasses.replace(wine).element == element == data.TableElement(wine.columns)
    np.testing.assert_array_equal(element.check(rows.astype("float64")), rows)
    for wrong, message in ((rows[:, :5], "accepted"), (rows * np.nan, "missing"), (rows * np.inf, "infinite|missing")):
        with pytest.raises(InputError, match=message):
            element.check(wrong)
