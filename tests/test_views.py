"""Views: what each amount does when its draw is forced, and that they are a function of the seed alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aae_tf
from aae_tf import Views
from aae_tf.backend import keras, tf
from aae_tf.networks.augmentation import _displacement
from aae_tf.utils.random import as_seed

ALL = {
    "rotation": 30.0, "scale": 0.2, "shear": 0.2, "shift": 2.0, "flip": 0.5, "crop": 0.3, "brightness": 0.3,
    "contrast": 0.5, "noise": 0.2, "elastic": 1.0,
}  # fmt: skip
DRAWS = ("angle", "tall", "wide", "slide", "down", "right", "flip", "left", "top", "cut")


def pictures(count=3, height=6, width=6, channels=1):
    return np.random.default_rng(0).random((count, height, width, channels), "float32")


def force(monkeypatch, **draws):
    """Make every draw of the plane's map what is said (0 otherwise), in [-1, 1]."""

    def drawn(shape, seed, low=0.0, high=1.0, dtype=tf.float32):
        plane = isinstance(shape[0], int) and shape[0] == len(DRAWS)
        rows = tf.constant([[draws.get(name, 0.0)] for name in DRAWS]) if plane else 0.0
        return tf.fill(shape, 0.0) + rows

    monkeypatch.setattr(tf.random, "stateless_uniform", drawn)


def black_rolled(images, down, right):
    """Return images rolled by whole pixels, what comes in at the edges black."""
    rolled = np.roll(images, (down, right), (1, 2))
    keep = np.zeros(images.shape[1:3], bool)
    keep[max(down, 0) : images.shape[1] + min(down, 0), max(right, 0) : images.shape[2] + min(right, 0)] = True
    return rolled * keep[:, :, None]


def test_without_amounts_a_view_is_the_image():
    images = tf.constant(pictures())
    np.testing.assert_array_equal(Views()(images, as_seed(0)), images)


@pytest.mark.parametrize(("down", "right"), [(2, 0), (0, 2), (-2, 2), (2, -2)])
def test_a_shift_by_whole_pixels_is_a_roll_with_black_edges(down, right, monkeypatch):
    force(monkeypatch, down=down / 2, right=right / 2)
    images = pictures(height=7, width=5, channels=2)
    found = Views(shift=2)(tf.constant(images), as_seed(0))
    # a view's pixel is read `shift` further on, so the picture moves the other way
    np.testing.assert_allclose(found, black_rolled(images, -down, -right), atol=1e-6)


def test_half_a_pixel_is_between_two(monkeypatch):
    force(monkeypatch, right=0.5)
    images = pictures()
    found = Views(shift=1)(tf.constant(images), as_seed(0)).numpy()
    np.testing.assert_allclose(found[:, :, :-1], (images[:, :, :-1] + images[:, :, 1:]) / 2, atol=1e-6)


@pytest.mark.parametrize("turns", [-1, 1])
@pytest.mark.parametrize("side", [5, 6])
def test_a_rotation_by_a_right_angle_is_rot90(turns, side, monkeypatch):
    force(monkeypatch, angle=float(turns))
    images = pictures(height=side, width=side, channels=3)
    found = Views(rotation=90)(tf.constant(images), as_seed(0)).numpy()
    assert np.abs(found - images).max() > 0.1
    np.testing.assert_allclose(found, np.rot90(images, -turns, (1, 2)), atol=1e-4)


def test_a_flip_mirrors_left_and_right_and_some_images_at_a_half():
    images = pictures(200)
    np.testing.assert_allclose(Views(flip=1)(tf.constant(images), as_seed(0)), images[:, :, ::-1], atol=1e-5)
    found = Views(flip=0.5)(tf.constant(images), as_seed(0)).numpy()
    mirrored = np.isclose(found, images[:, :, ::-1], atol=1e-5).all((1, 2, 3))
    assert (mirrored | np.isclose(found, images, atol=1e-5).all((1, 2, 3))).all()
    assert 60 < mirrored.sum() < 140


def test_scale_and_crop_enlarge_about_the_place_they_should(monkeypatch):
    square = np.zeros((1, 9, 9, 1), "float32")
    square[:, 3:6, 3:6] = 1.0
    force(monkeypatch, tall=1.0, wide=-1.0)
    tall = Views(scale=0.5)(tf.constant(square), as_seed(0)).numpy()[0, ..., 0]
    assert tall.sum(0).max() > 3.4  # half as high again
    assert tall.sum(1).max() < 2.1  # and half as wide
    np.testing.assert_allclose(tall, tall[::-1, ::-1], atol=1e-5)


@pytest.mark.parametrize(("place", "edge"), [(-1.0, slice(0, 6)), (1.0, slice(3, 9))])
def test_a_crop_cuts_off_its_share_at_either_end(place, edge, monkeypatch):
    force(monkeypatch, cut=1.0, left=place, top=place)
    ramp = np.tile(np.linspace(0, 1, 9, dtype="float32"), (9, 1))[None, :, :, None]
    for images in (ramp, ramp.transpose(0, 2, 1, 3)):
        found = Views(crop=0.375)(tf.constant(images), as_seed(0)).numpy()
        kept = images[:, edge, edge]
        np.testing.assert_allclose([found.min(), found.max()], [kept.min(), kept.max()], atol=1e-5)


def test_an_elastic_displacement_has_its_size_everywhere_and_is_smooth():
    field = _displacement(4000, (28, 20), as_seed(0)).numpy().reshape(4000, 28, 20, 2)
    np.testing.assert_allclose(field.mean(0), 0, atol=0.1)
    np.testing.assert_allclose(field.std(0), 1, atol=0.06)
    assert np.diff(field, axis=1).std() < 0.25 and np.diff(field, axis=2).std() < 0.25  # a pixel further: much the same
    far = [np.corrcoef(field[:, 3, 3, axis], field[:, 24, 16, axis])[0, 1] for axis in (0, 1)]
    assert np.abs(far).max() < 0.1
    ramp = tf.constant(np.broadcast_to(np.linspace(0, 1, 28, dtype="float32"), (50, 28, 28))[..., None])
    moved = Views(elastic=1.0)(ramp, as_seed(1)).numpy()[:, 8:20, 8:20] - ramp[:, 8:20, 8:20]
    assert 0.7 / 27 < np.std(moved) < 1.3 / 27  # a pixel is 1/27 of the ramp


def test_a_crop_shows_no_black_edge():
    white = tf.ones((50, 12, 9, 1))
    np.testing.assert_allclose(Views(crop=0.5)(white, as_seed(1)), white, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_every_amount_changes_images_and_keeps_them_in_range(name):
    images = tf.constant(pictures(20, 8, 10, 3))
    views = Views(**{name: ALL[name]})
    found = views(images, as_seed(3)).numpy()
    assert found.shape == images.shape
    assert found.dtype == np.float32
    assert np.abs(found - images).max() > 0.02
    assert found.min() >= -1e-6
    assert found.max() <= 1 + 1e-6
    np.testing.assert_array_equal(found, views(images, as_seed(3)))
    assert not np.allclose(found, views(images, as_seed(4)))
    assert not np.allclose(found[0] - images[0], found[1] - images[1])  # each image has a draw of its own


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 4),
    count=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=15, deadline=None)
def test_images_of_any_size_stay_in_range(height, width, channels, count, seed):
    images = pictures(count, height, width, channels)
    found = Views(**ALL)(tf.constant(images), as_seed(seed)).numpy()
    assert found.shape == images.shape
    assert np.isfinite(found).all()
    assert 0 <= found.min() <= found.max() <= 1


def test_compiled_views_are_the_eager_ones_for_the_same_draws(monkeypatch):
    force(monkeypatch, angle=0.3, tall=-0.4, wide=0.7, slide=0.5, down=0.8, right=-0.3, left=0.2, top=-0.9, flip=0.1)
    monkeypatch.setattr(tf.random, "stateless_normal", lambda shape, seed: tf.fill(shape, 0.25))
    images, views = tf.constant(pictures(4, 9, 7, 2)), Views(**ALL)
    compiled = tf.function(lambda images: views(images, as_seed(0)), jit_compile=True)
    np.testing.assert_allclose(compiled(images), views(images, as_seed(0)), atol=1e-5)


def test_a_graph_of_any_number_of_images_draws_as_outside():
    views = Views(**ALL)
    graph = tf.function(lambda images, seed: views(images, seed)).get_concrete_function(
        tf.TensorSpec((None, 6, 6, 1)), tf.TensorSpec((2,), tf.int32)
    )
    images = tf.constant(pictures(5))
    np.testing.assert_allclose(graph(images, as_seed(7)), views(images, as_seed(7)), atol=1e-5)


def test_views_come_back_from_their_config_and_refuse_what_is_no_amount():
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(Views(**ALL)))
    assert again.get_config() == Views(**ALL).get_config() == ALL
    with pytest.raises(aae_tf.InputError, match=r"shift=-1.0 is out of range"):
        Views(shift=-1.0)
    with pytest.raises(aae_tf.InputError, match=r"flip=2.0 is out of range"):
        Views(flip=2)
    with pytest.raises(aae_tf.InputError, match=r"not of elements of shape \(7,\)"):
        Views(shift=1)(tf.zeros((3, 7)), as_seed(0))
