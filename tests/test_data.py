import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import aae_tf
from aae_tf import InputError, data
from aae_tf.backend import tf
from aae_tf.data import own
from aae_tf.models import as_images
from aae_tf.pixels import to_unit
from aae_tf.serving import client


def test_embedded_digits_are_stratified_disjoint_and_real(digits):
    assert [len(part) for part in (digits.train, digits.validation, digits.test)] == [3500, 500, 1000]
    for part, each in ((digits.train, 350), (digits.validation, 50), (digits.test, 100)):
        np.testing.assert_array_equal(np.bincount(part.labels), np.full(10, each))
        assert part.images.dtype == np.uint8
        assert part.images.shape[1:] == (28, 28, 1)
    rows = [image.tobytes() for part in (digits.train, digits.validation, digits.test) for image in part.images]
    assert len(set(rows)) > 4990  # hardly a repeated image: the parts do not overlap
    ones, zeros = (digits.test.images[digits.test.labels == digit].mean() for digit in (1, 0))
    assert zeros > 1.5 * ones  # a zero has more ink than a one


def test_embedded_digits_without_a_writable_cache(monkeypatch, digits):
    monkeypatch.setenv("AAE_TF_CACHE", "/proc/nowhere")
    assert data.load("mnist_5k").fingerprint() == digits.fingerprint()


def test_a_broken_cache_is_read_anew(monkeypatch, tmp_path, digits):
    monkeypatch.setenv("AAE_TF_CACHE", str(tmp_path))
    (tmp_path / "mnist_5k.npz").write_bytes(b"PK half a file")
    assert data.load("mnist_5k").fingerprint() == digits.fingerprint()
    assert data.load("mnist_5k").fingerprint() == digits.fingerprint()


def test_full_mnist_holds_out_its_last_training_images(shared, monkeypatch, digits):
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared / "tfds"))
    mnist = data.load("mnist")
    assert [len(part) for part in (mnist.train, mnist.validation, mnist.test)] == [50_000, 10_000, 10_000]
    test = {image.tobytes() for image in mnist.test.images}
    assert not any(image.tobytes() in test for image in digits.train.images)  # the embedded digits leave it untouched


def test_a_dataset_to_download_without_network_ends_soon_in_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    def no_network():
        raise ConnectionError("no route")

    monkeypatch.setattr("aae_tf.data.catalogue._reach", no_network)
    start = time.monotonic()
    with pytest.raises(InputError, match=r"mnist_5k.*TFDS_DATA_DIR.*aae-tf data prepare fashion_mnist"):
        data.load("fashion_mnist")
    assert time.monotonic() - start < 10


def test_a_network_that_never_answers_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("aae_tf.data.catalogue._reach", lambda: time.sleep(8))
    monkeypatch.setattr("aae_tf.data.catalogue._CHECK_SECONDS", 1)
    start = time.monotonic()
    with pytest.raises(InputError, match="cannot be downloaded"):
        data.load("fashion_mnist")
    assert time.monotonic() - start < 7


@pytest.mark.parametrize(
    ("folder", "message"), [("nowhere", "is not a folder"), (".", "lacks .*train-images-idx3-ubyte.gz")]
)
def test_prepare_from_a_folder_without_the_originals(folder, message, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    with pytest.raises(InputError, match=message):
        data.prepare("mnist", folder)


@pytest.mark.slow
def test_prepare_refuses_files_that_are_not_the_originals(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (tmp_path / f"{part}-{kind}-ubyte.gz").write_bytes(b"not the file")
    with pytest.raises(InputError, match="mnist"):
        data.prepare("mnist", tmp_path)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((10, 784)), "reshape flat rows"),
        (np.zeros((0, 28, 28)), "empty"),
        (np.zeros((10, 3, 28, 28)), "channels from axis 1"),
        (np.full((10, 8, 8), np.nan), "640 NaN or infinite"),
        (np.full((10, 8, 8), 200.0), "divide by 255"),
        (np.full((10, 8, 8), -1.0), "from -1 to -1"),
        (np.full((10, 8, 8), 70000), "whole in 0..255"),
        (np.full((10, 8, 8), "a"), "dtype"),
        (np.zeros((5, 8, 8)), "at least 10"),
    ],
)
def test_images_that_cannot_be_used_are_refused(images, message):
    with pytest.raises(InputError, match=message):
        data.load(images)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(9), "for 20 images"),
        (np.zeros((20, 10)), "one label an image"),
        (np.full(20, 0.5), "not whole"),
        (np.full(20, -3), "not whole numbers from 0"),
        (np.full(20, np.nan), "not whole"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(labels, message):
    with pytest.raises(InputError, match=message):
        data.load((np.zeros((20, 8, 8), np.uint8), labels))


@given(
    shape=st.tuples(st.integers(10, 40), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])),
    seed=st.integers(0, 99),
    kind=st.sampled_from(["uint8", "float32", "float64", "int64", "bool"]),
)
@settings(max_examples=40, deadline=None)
def test_the_split_is_a_partition_of_the_users_images(shape, seed, kind):
    whole = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    given_images = {
        "uint8": whole,
        "float32": (whole / 255).astype("float32"),
        "float64": whole / 255,
        "int64": whole.astype("int64"),
        "bool": whole > 127,
    }[kind]
    expected = np.where(whole > 127, 255, 0).astype(np.uint8) if kind == "bool" else whole
    found = data.load(given_images)
    parts = [found.train.images, found.validation.images, found.test.images]
    assert sorted(image.tobytes() for part in parts for image in part) == sorted(image.tobytes() for image in expected)
    assert found.fingerprint() == data.load(given_images).fingerprint()


@given(labels=st.one_of(st.integers(10, 3000), st.sampled_from(["1%", "20%", "all", 0])), seed=st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_labels_are_kept_evenly_over_the_classes(digits, labels, seed):
    kept = digits.with_labels(labels, seed).train
    np.testing.assert_array_equal(kept.images, digits.train.images)
    rows = kept.labels >= 0
    np.testing.assert_array_equal(kept.labels[rows], digits.train.labels[rows])
    expected = {"1%": 35, "20%": 700, "all": 3500}.get(labels, labels)
    assert rows.sum() == expected
    counts = np.bincount(kept.labels[rows], minlength=10)
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(digits.with_labels(labels, seed).train.labels, kept.labels)


@pytest.mark.parametrize(
    ("labels", "message"), [(5, "fewer than the 10 classes"), (3600, "more than the 3,500 labelled")]
)
def test_labels_that_are_not_there_are_refused(digits, labels, message):
    with pytest.raises(InputError, match=message):
        digits.with_labels(labels, 0)


def test_a_rare_class_gives_all_it_has_and_the_others_the_rest():
    labels = np.repeat([0, 1, 2], [4, 100, 100])
    found = data.Dataset("own", data.Split(np.zeros((204, 2, 2, 1), np.uint8), labels), None, None, tuple("abc"))
    counts = np.bincount(found.with_labels(61, 0).train.labels + 1)[1:]
    assert counts[0] == 4
    assert sorted(counts[1:]) == [28, 29]


def write_images(folder, images, labels=None):
    for number, image in enumerate(images):
        place = folder if labels is None else folder / f"digit-{labels[number]}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(place / f"{number:04d}.png")


@pytest.mark.parametrize("labelled", [True, False])
def test_a_folder_of_images(tmp_path, few, labelled):
    images, labels = few[0][:30], few[1][:30] if labelled else None
    write_images(tmp_path / "mine", images, labels)
    found = data.load(tmp_path / "mine")
    assert found.image_shape == (28, 28, 1)
    assert len(found.train) + len(found.validation) + len(found.test) == 30
    assert found.class_names == (tuple(f"digit-{k}" for k in np.unique(labels)) if labelled else ())
    if labelled:
        by_pixels = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
        for image, label in zip(found.train.images, found.train.labels, strict=True):
            assert found.class_names[label] == f"digit-{by_pixels[image.tobytes()]}"


def test_folders_that_cannot_be_used_are_refused(tmp_path, few):
    with pytest.raises(InputError, match="there is no folder"):
        data.load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        data.load(tmp_path / "empty")
    write_images(tmp_path / "mixed", few[0][:12], few[1][:12])
    write_images(tmp_path / "mixed", few[0][:2])
    with pytest.raises(InputError, match="2 images beside class folders"):
        data.load(tmp_path / "mixed")
    write_images(tmp_path / "sizes", few[0][:12])
    Image.new("RGB", (40, 30)).save(tmp_path / "sizes" / "other.jpg")
    with pytest.raises(InputError, match=r"2 sizes.*image_size"):
        data.load(tmp_path / "sizes")
    assert data.load(tmp_path / "sizes", image_size=16).image_shape == (16, 16, 3)
    (tmp_path / "sizes" / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"broken\.png"):
        data.load(tmp_path / "sizes", image_size=16)


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("form", ["image", "pair", "dict"])
def test_tf_data_in_memory(few, form, batched):
    images, labels = few[0][:40], few[1][:40]
    pieces = {"image": images, "pair": (images, labels), "dict": {"image": images, "label": labels}}[form]
    dataset = tf.data.Dataset.from_tensor_slices(pieces)
    found = data.load(dataset.batch(7) if batched else dataset)
    reference = data.load(images if form == "image" else (images, labels))
    np.testing.assert_array_equal(found.train.images, reference.train.images)
    assert found.class_names == reference.class_names


def test_tf_data_that_does_not_fit_is_streamed_and_trains(few, tmp_path):
    images = (few[0] / 255.0).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices((images, few[1]))
    streamed = own.from_tf_data(dataset, memory_bytes=50_000)
    assert isinstance(streamed.train, data.Stream)
    assert len(streamed.train) + len(streamed.validation) + len(streamed.test) == len(images)
    run = aae_tf.train(
        "gaussian", streamed, out_dir=tmp_path / "run", widths=(32,), epochs=3, batch_size=30, progress=False
    )
    assert run.history[-1]["reconstruction"] < run.history[0]["reconstruction"]


def test_an_infinite_dataset_and_other_things_are_refused(few):
    with pytest.raises(InputError, match="infinite"):
        data.load(tf.data.Dataset.from_tensor_slices(few[0]).repeat())
    with pytest.raises(InputError, match="a dict is not a dataset"):
        data.load({"images": few[0]})
    with pytest.raises(InputError, match="unknown dataset 'mnits'"):
        data.load("mnits")


def test_an_npz_file(few, tmp_path):
    np.savez(tmp_path / "mine.npz", images=few[0], labels=few[1])
    assert data.load(str(tmp_path / "mine.npz")).fingerprint() == data.load(few).fingerprint()
    parts = {"x_train": few[0][:300], "y_train": few[1][:300, None], "x_test": few[0][300:], "y_test": few[1][300:]}
    np.savez(tmp_path / "keras.npz", **parts)
    found = data.load(tmp_path / "keras.npz")
    np.testing.assert_array_equal(found.test.images, few[0][300:])
    assert (len(found.train), len(found.validation), found.classes) == (270, 30, 10)
    np.savez(tmp_path / "other.npz", pictures=few[0])
    with pytest.raises(InputError, match="holds pictures; needed: 'images'"):
        data.load(tmp_path / "other.npz")


def test_colour_photographs_and_faces(shared):
    photographs = data.load(shared / "colour_objects_32.npz")
    assert photographs.image_shape == (32, 32, 3)
    assert photographs.classes == 10
    assert len(photographs.test) == 2000
    assert data.load(shared / "faces_48.npz").image_shape[:2] == (48, 48)


def test_tfds_does_not_bring_tensorflows_noise_to_the_terminal(shared):
    code = "from aae_tf import data; data.load('mnist')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**__import__("os").environ, "TFDS_DATA_DIR": str(shared / "tfds")},
    )
    assert done.stderr == ""
    assert done.stdout == ""


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int32", "int64", "bool", "float32", "float64"])
def test_a_pixels_type_alone_says_what_it_means_everywhere(few, kind):
    whole = few[0][:20]
    given_images = {"bool": whole > 127, "float32": whole / np.float32(255), "float64": whole / 255}.get(kind)
    given_images = whole.astype(kind) if given_images is None else given_images
    expected = ((whole > 127) if kind == "bool" else whole / 255).astype("float32")
    loaded = data.load(given_images)
    taken = np.concatenate([part.images for part in (loaded.train, loaded.validation, loaded.test)])
    assert taken.mean() / 255 == pytest.approx(expected.mean(), rel=1e-5)
    for found in (
        to_unit(given_images),
        as_images(given_images).numpy(),
        as_images(tf.constant(given_images)).numpy(),
        client._images(given_images),
    ):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert aae_tf.evaluation.reconstruction_error(given_images, expected).max() < 1e-12
    assert aae_tf.evaluation.nearest_distances(given_images, expected).max() < 1e-3
    np.testing.assert_array_equal(aae_tf.figures.nearest(expected, given_images), np.arange(20))
