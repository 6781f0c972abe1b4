"""`tf.data.Dataset`s that do not fit in memory: known after one pass, and honest in every later one."""

import collections

import numpy as np
import pytest
from conftest import eager, model_of, mostly_e2e

import aae_tf
from aae_tf import InputError, data
from aae_tf.backend import keras, tf
from aae_tf.data import reading
from aae_tf.data.large import held_out, streams
from aae_tf.training import Trainer, TrainingSettings
from aae_tf.training.data_source import Streamed

ENDED = "has ended after about 360 training images; the first pass had 600; repair it"
KINDS = ["in class order", "partly labelled", "without labels", "few labels"]
SPEC = (tf.TensorSpec((4, 4, 1), tf.uint8), tf.TensorSpec((), tf.int32))


@pytest.fixture(scope="module")
def many():
    """640 images of noise, no two alike, in class order: (images, labels)."""
    images = np.random.default_rng(0).integers(0, 256, (640, 4, 4, 1), dtype=np.uint8)
    return images, np.repeat(np.arange(8), 80).astype(np.int32)


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    """At most 80 images are kept of a stream, so that most of what is read is let go again."""
    monkeypatch.setattr(held_out, "KEPT", 80)
    monkeypatch.setattr(held_out, "SOME", 12)
    monkeypatch.setattr(reading, "MOST_BYTES", 3_000)


class Source:
    """A dataset that counts what is read of it, and on which faults can come."""

    def __init__(self, images, labels):
        self.images, self.labels, self.read = images, labels, 0
        self.fault = None
        self.dataset = tf.data.Dataset.from_generator(self.elements, output_signature=SPEC)

    def elements(self):
        for number, element in enumerate(zip(self.images, self.labels, strict=True)):
            self.read += 1
            if number == 480 and self.fault == "raises":
                raise OSError("the disk is gone")
            if number == 480 and self.fault == "ends":
                return
            yield (255 - element[0], element[1]) if number >= 480 and self.fault == "changes" else element


def trained_on(train, epoch):
    """Return every image of an epoch, as bytes, in the order of training."""
    seen = []
    for chunk in Streamed(train, 40, seed=0, steps_per_chunk=3).chunks(epoch, None):
        rows = chunk.rows.numpy()[: chunk.count].ravel()
        seen += [image.tobytes() for image in chunk.images.numpy()[rows]]
    return seen


@pytest.mark.parametrize("kind", mostly_e2e(KINDS, [KINDS[0], *KINDS[2:]]))
def test_held_out_images_are_never_trained_on(many, kind):
    images, labels = many
    if kind != "in class order":
        every = {"partly labelled": 2, "few labels": 50, "without labels": 10_000}[kind]
        labels = np.where(np.arange(1, 641) % every, -1, labels).astype(np.int32)
    source = Source(images, labels)
    found = data.load(source.dataset)
    assert 640 < source.read < 640 + 256 + 100  # one pass, the first element, and the first 256 again
    parts = [[image.tobytes() for image in part.images] for part in (found.validation, found.test)]
    epochs = [trained_on(found.train, epoch) for epoch in (0, 1)]
    whole = collections.Counter(image.tobytes() for image in images)
    for epoch in epochs:
        assert collections.Counter([*epoch, *parts[0], *parts[1]]) == whole
    assert epochs[0] != epochs[1]
    assert len(parts[0]) == len(parts[1]) == 20 and len(found.train.sample) == 40
    assert {image.tobytes() for image in found.train.sample.images} <= {*epochs[0]}
    of_class = dict(zip((image.tobytes() for image in images), labels, strict=True))
    for part in (found.validation, found.test, found.train.sample, found.train.pool):
        assert [of_class[image.tobytes()] for image in part.images] == [*part.labels]
    assert found.train.known == sum(of_class[image] >= 0 for image in epochs[0])
    if kind == "in class order":
        assert len(set(found.test.labels)) > 5
    pool = {image.tobytes() for image in found.train.pool.images}
    assert pool <= {image for image in epochs[0] if of_class[image] >= 0}
    assert len(pool) == (found.train.known if kind in ("few labels", "without labels") else held_out.SOME)


def test_what_fits_is_read_once(many, monkeypatch):
    monkeypatch.setattr(reading, "MOST_BYTES", 10**9)
    source = Source(*many)
    data.load(source.dataset)
    assert source.read <= 640 + 1


def trainer_on(train, folder):
    recipe = aae_tf.recipes()["gaussian"].with_options(widths=(8,), discriminator_widths=(8,))
    model = model_of(recipe, (4, 4, 1))
    optimizers = {update.optimizer_key: keras.optimizers.SGD(0.01, momentum=0.9) for update in model.updates()}
    settings = TrainingSettings(batch_size=120, jit_compile=False)
    trainer = Trainer(model, train, settings, optimizers=optimizers, checkpoint_folder=folder)
    trainer.source = Streamed(train, 120, 0, steps_per_chunk=1)
    return trainer


@pytest.fixture(scope="module")
def never_broken(many):
    """The variables after an epoch without a fault."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "KEPT", 80)
        trainer = trainer_on(streams.from_tf_data(Source(*many).dataset, memory_bytes=3_000).train, None)
    with eager():
        trainer.fit(1)
    return [variable.numpy() for variable in trainer.variables]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("raises", "cannot be read: .*the disk is gone"),
        pytest.param("ends", ENDED, marks=pytest.mark.e2e),
        ("changes", "other images, or another order, at each pass.*reshuffle_each_iteration=False"),
    ],
)
def test_a_fault_at_a_later_pass_loses_nothing(many, never_broken, fault, message, tmp_path, eagerly):
    source = Source(*many)
    train = data.load(source.dataset).train
    source.fault = fault
    with pytest.raises(InputError, match=message):
        trainer_on(train, tmp_path).fit(1)
    source.fault = None
    resumed = trainer_on(train, tmp_path)
    assert resumed.restore() == 0 and resumed.begun == "step 3 of epoch 1"
    resumed.fit(1)
    for expected, found in zip(never_broken, resumed.variables, strict=True):
        np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda source: source.dataset.shuffle(2000), "another order.*use shuffle"),
        (lambda source: source.dataset.map(lambda image, label: (image, tf.strings.as_string(label))), "map these"),
        (lambda source: setattr(source, "fault", "raises") or source.dataset, "the disk is gone"),
        (lambda source: source.dataset.map(lambda image, label: (image // 255, label)), "pass booleans"),
    ],
)
def test_what_cannot_be_streamed_is_refused_before_training(many, spoil, message):
    with pytest.raises(InputError, match=message):
        data.load(spoil(Source(*many)))


def test_a_number_of_labels_needs_a_pack(many):
    found = data.load(Source(*many).dataset)
    with pytest.raises(InputError, match=r"labels=100 .* packed \(aae_tf.data.pack\)"):
        found.with_labels(100, seed=0)
