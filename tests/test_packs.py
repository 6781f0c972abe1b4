"""Packs: what is written once is what is read by index, whole or not at all, within little memory."""

import collections
import itertools
import json
import os
import runpy
import tracemalloc
from pathlib import Path

import command_line
import numpy as np
import pytest
from conftest import QUICK
from PIL import Image

import aae_tf
from aae_tf import InputError, data
from aae_tf.backend import tf
from aae_tf.data import reading
from aae_tf.data.large import held_out
from aae_tf.data.large import packed as packs
from aae_tf.training.data_source import Indexed, InMemory


def parts_of(found):
    """Return [(image bytes, class name or None)] of the training, the validation and the test images."""
    splits = [found.train.take(slice(None)), found.validation, found.test]
    named = []
    for split in splits:
        labels = np.full(len(split), -1) if split.labels is None else split.labels
        names = [found.class_names[label] if label >= 0 else None for label in labels]
        named.append([(image.tobytes(), name) for image, name in zip(split.images, names, strict=True)])
    return named


def write_folder(folder, images, names=None, suffix="png"):
    for number, image in enumerate(images):
        place = folder if names is None else folder / names[number]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(place / f"{number:04d}.{suffix}")
    return folder


NAMES = np.array(list("abcdefghij"))


@pytest.fixture
def source(request, few, tmp_path):
    """A source by its kind, and the images and class names that it holds."""
    images, names = few[0], NAMES[few[1]]
    partly = np.where(np.arange(400) % 3, few[1], -1)
    np.save(tmp_path / "images.npy", images)
    return {
        "folder": lambda: (write_folder(tmp_path / "mine", images, names), images, names),
        "flat": lambda: (write_folder(tmp_path / "mine", images), images, None),
        "npy": lambda: (str(tmp_path / "images.npy"), images, None),
        "arrays": lambda: ((images / 255.0, names), images, names),
        "map": lambda: (np.load(tmp_path / "images.npy", mmap_mode="r"), images, None),
        "tf.data": lambda: (tf.data.Dataset.from_tensor_slices((images, names)).batch(30), images, names),
        "partly": lambda: (
            tf.data.Dataset.from_tensor_slices({"image": images, "label": partly}),
            images,
            [str(label) if label >= 0 else None for label in partly],
        ),
    }[request.param]()


KINDS = ["folder", "flat", "npy", "arrays", "map", "tf.data", "partly"]


@pytest.mark.parametrize("source", KINDS, indirect=True)
def test_a_pack_holds_every_image_once_with_its_class(source, tmp_path, monkeypatch):
    monkeypatch.setattr(packs, "BLOCK", 64)
    given, images, names = source
    found = data.load(data.pack(given, tmp_path / "packed"))
    parts = parts_of(found)
    names = [None] * len(images) if names is None else names
    whole = collections.Counter((image.tobytes(), name) for image, name in zip(images, names, strict=True))
    assert collections.Counter(itertools.chain(*parts)) == whole
    assert [len(part) for part in parts] == [360, 20, 20]
    places = {image.tobytes(): place for place, image in enumerate(images)}
    assert np.ptp([places[image] for image, _ in parts[2]]) > 200  # drawn from everywhere
    again = data.load(str(data.pack(given, tmp_path / "again")))
    assert again.fingerprint() == found.fingerprint()


def test_the_parts_of_a_dataset_are_kept(few, tmp_path):
    given = {"train": few, "validation": (few[0][:30], few[1][:30]), "test": few[0][::10]}
    found, expected = data.load(data.pack(given, tmp_path / "packed")), data.load(given)
    assert parts_of(found) == parts_of(expected)
    assert found.class_names == expected.class_names
    where = (tmp_path / "packed" / "images.npy").resolve()
    assert repr(found.train) == f"Packed(400 of shape (28, 28, 1), 400 with labels, in '{where}')"
    with pytest.raises(InputError, match="table"):
        data.pack("wine", tmp_path / "other")
    with pytest.raises(InputError, match="no images"):
        data.pack(few[0][:0], tmp_path / "other")


def test_files_are_resized_and_become_colours_on_the_way(few, tmp_path, monkeypatch):
    monkeypatch.setattr(packs, "BLOCK", 16)
    mixed = [np.repeat(few[0][0], 3, -1), *few[0][1:40]]  # one in colours, the others grey
    folder = write_folder(tmp_path / "mine", mixed)
    found = data.load(data.pack(folder, tmp_path / "packed", image_size=12))
    assert found.image_shape == (12, 12, 3)
    in_memory = data.load(folder, image_size=12)
    assert sorted(itertools.chain(*parts_of(found))) == sorted(itertools.chain(*parts_of(in_memory)))
    with pytest.raises(InputError, match=r"image_size=16 was asked of .* 12x12"):
        data.load(tmp_path / "packed", image_size=16)
    with pytest.raises(InputError, match="grey images, then colour images"):
        data.pack(write_folder(tmp_path / "turned", mixed[::-1]), tmp_path / "other")
    Image.new("L", (40, 30)).save(tmp_path / "turned" / "0030.png")
    with pytest.raises(InputError, match=r"2 sizes \(28x28, 30x40, ...\); resize them"):
        data.pack(tmp_path / "turned", tmp_path / "other")
    assert not list(tmp_path.glob(".*")) and not (tmp_path / "other").exists()


@pytest.fixture(scope="module")
def packed(few, tmp_path_factory):
    """The path of 400 packed digits with labels."""
    return data.pack(few, tmp_path_factory.mktemp("packs") / "digits")


def batches(source, epoch, first=0):
    """Return (images, labels) of every step of an epoch."""
    steps = []
    for chunk in source.chunks(epoch, lambda: 4, first):
        for step in range(chunk.first, chunk.first + chunk.count):
            rows = chunk.rows.numpy()[step - chunk.offset]
            steps.append((chunk.images.numpy()[rows], chunk.labels.numpy()[rows]))
    return steps


def test_batches_are_those_of_memory_and_from_any_step_on(packed, monkeypatch):
    train = data.load(packed).train
    whole, source = InMemory(train.take(slice(None)), 50, seed=3), Indexed(train, 50, 3, steps_per_chunk=2)
    for epoch in (0, 1):
        for expected, found in zip(batches(whole, epoch), batches(source, epoch), strict=True):
            for one, other in zip(expected, found, strict=True):
                np.testing.assert_array_equal(one, other)
    read, take = [], data.Packed.take
    monkeypatch.setattr(data.Packed, "take", lambda train, rows: read.extend(rows) or take(train, rows))
    for expected, found in zip(batches(whole, 1)[3:], batches(source, 1, first=3), strict=True):
        np.testing.assert_array_equal(expected[0], found[0])
    assert len(read) == 4 * 50  # of seven steps the four that were left


def test_each_of_several_workers_reads_its_own_part_of_every_batch(packed, monkeypatch):
    train, read, take = data.load(packed).train, [], data.Packed.take
    monkeypatch.setattr(data.Packed, "take", lambda train, rows: read.append([*rows]) or take(train, rows))
    whole = batches(Indexed(train, 60, 3, steps_per_chunk=2), 0)
    everywhere = {row for rows in read for row in rows}
    shares = []
    for number in range(3):
        read.clear()
        found = batches(Indexed(train, 60, 3, share=(number, 3)), 0)
        shares.append({row for rows in read for row in rows})
        own = slice(20 * number, 20 * (number + 1))  # where its replicas look
        for expected, (images, labels) in zip(whole, found, strict=True):
            np.testing.assert_array_equal(images[own], expected[0][own])
            np.testing.assert_array_equal(labels[own], expected[1][own])
            assert (np.delete(labels, range(60)[own]) == -1).all()  # so that no black image counts as labelled
    assert set.union(*shares) == everywhere and sum(map(len, shares)) == len(everywhere)


def test_some_labels_of_a_pack(packed, monkeypatch):
    found = data.load(packed)
    few_labels = found.with_labels(20, seed=1)
    train = few_labels.train
    assert train.known == 20 and [*np.bincount(train.labels[train.labels >= 0])] == [2] * 10
    taught = {image.tobytes() for image in train.take(train.labels >= 0).images}
    for most, size in ((20_000, 20), (20, 10)):  # all of them in memory, or as many as the sample has
        monkeypatch.setattr(held_out, "KEPT", most)
        monkeypatch.setattr(held_out, "SOME", 5)
        source = Indexed(data.load(packed).with_labels(20, seed=1).train, 50, 0, steps_per_chunk=1)
        assert len(source.train.pool) == size
        for chunk in source.chunks(0, None):
            assert int(chunk.pool.count) == size  # a block has three, which one mini-batch would repeat
            rows = chunk.pool.rows.numpy()[: int(chunk.pool.count)]
            assert {image.tobytes() for image in chunk.pool.images.numpy()[rows]} <= taught
            assert (chunk.pool.labels.numpy()[rows] >= 0).all()


@pytest.mark.usefixtures("eagerly")
def test_a_pack_is_trained_on_by_its_path(packed, tmp_path, training_alone):
    options = {"widths": (16,), "discriminator_widths": (16,), "epochs": 2, "batch_size": 180, **QUICK}
    run = aae_tf.train("semi_supervised", packed, labels=50, out_dir="run", **options)
    assert run.history[1]["reconstruction"] < run.history[0]["reconstruction"]
    assert len((tmp_path / "run" / "labelled.csv").read_text().splitlines()) == 1 + 50
    loaded = aae_tf.load_run("run")
    assert loaded.data.fingerprint() == run.data.fingerprint()
    other = data.pack(data.load(packed).train.take(slice(None)).images, tmp_path / "other")
    with pytest.raises(InputError, match="it was trained on other images or labels: pack 'digits' of custom arrays"):
        aae_tf.load_run("run", other)


def test_the_command_packs_a_folder(few, tmp_path, capsys, monkeypatch):
    write_folder(tmp_path / "photos", few[0][:60], NAMES[few[1][:60]], "jpg")
    assert command_line.run("data", "pack", "photos", "packed", "--image-size", "8") == 0
    assert capsys.readouterr().out == "packed\n"
    assert data.load("packed").image_shape == (8, 8, 1)
    assert command_line.run("data", "pack", "photos", "packed") == 2
    assert "'packed' exists already" in capsys.readouterr().err

    def interrupted(path, image_size):
        raise KeyboardInterrupt

    monkeypatch.setattr("aae_tf.data.images.folders._read", interrupted)
    assert command_line.run("data", "pack", "photos", "other") == 130
    assert capsys.readouterr().err == "interrupted; 'other' was not written: pack it again\n"
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "packed"}


def test_half_a_pack_is_never_taken_for_whole(few, tmp_path):
    def broken():
        yield from few[0][:300]
        raise OSError("the disk is gone")

    spec = tf.TensorSpec((28, 28, 1), tf.uint8)
    with pytest.raises(InputError, match="the disk is gone"):
        data.pack(tf.data.Dataset.from_generator(broken, output_signature=spec), tmp_path / "packed")
    assert not os.listdir(tmp_path)
    (tmp_path / ".packed.partial").mkdir()  # as a process that is killed leaves it
    with pytest.raises(InputError, match="'packed' is incomplete: packing it was interrupted"):
        data.load("packed")
    with pytest.raises(InputError, match=r"'.packed.partial' exists: .* remove it"):
        data.pack(few, "packed")
    os.rename(data.pack(few, "another"), tmp_path / ".another.partial")  # killed when all was written
    for name in ("another", ".another.partial"):
        with pytest.raises(InputError, match=f"'{name}' is incomplete"):
            data.load(name)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda pack: os.truncate(pack / "images.npy", 10_000), "cannot be read"),
        (lambda pack: (pack / "pack.json").write_text("{"), "pack.json' is damaged"),
        (lambda pack: np.save(pack / "labels.npy", np.zeros(7, np.int32)), "not of 400 images"),
        (lambda pack: (pack / "parts.npy").unlink(), "there is no file"),
    ],
)
def test_a_damaged_pack_is_refused(few, damage, message, tmp_path):
    damage(data.pack(few, tmp_path / "packed"))
    with pytest.raises(InputError, match=message):
        data.load(tmp_path / "packed")


@pytest.mark.parametrize(
    ("source", "dest", "message"),
    [
        (np.zeros(()), "new", r"shape \(\)"),
        (np.zeros(5), "new", r"shape \(5,\)"),
        ("digits", "~nobody-is-called-so/new", "cannot be the name"),
        ("digits", "n" * 300, "cannot be the name"),
        (tf.data.Dataset.from_tensor_slices(np.zeros((12, 8, 8), np.uint8)).repeat(), "new", "is infinite"),
    ],
    ids=["no dimension", "one dimension", "no such user", "too long", "infinite"],
)
def test_what_cannot_be_packed_is_said_before_anything_is_written(source, dest, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if isinstance(source, np.ndarray):
        np.save("mine.npy", source)
        source = "mine.npy"
    with pytest.raises(InputError, match=message):
        data.pack(source, dest)
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.npy"}


def test_a_pack_that_is_cut_under_way_is_said(few, tmp_path):
    train = data.load(data.pack(few, tmp_path / "packed")).train
    os.truncate(tmp_path / "packed" / "images.npy", 10_000)
    with pytest.raises(InputError, match="cannot be read"):
        batches(Indexed(train, 50, 0), 0)


@pytest.mark.parametrize("kind", ["folder", "npy"])
def test_what_is_too_large_for_memory_is_told_to_be_packed(few, kind, tmp_path, monkeypatch):
    source = write_folder(tmp_path / "mine", few[0][:20]) if kind == "folder" else tmp_path / "mine.npy"
    np.save(tmp_path / "mine.npy", few[0][:20])
    assert data.load(source).image_shape == (28, 28, 1)
    monkeypatch.setattr(reading, "MOST_BYTES", 20 * 784 - 1)
    with pytest.raises(InputError, match=r"aae-tf data pack .*mine"):
        data.load(source)
    assert len(data.load(data.pack(source, "packed")).train) == 18


def test_memory_does_not_grow_with_the_images(tmp_path, monkeypatch):
    monkeypatch.setattr(held_out, "KEPT_BYTES", 2**20)
    count, side = 4_000, 64
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (count, side, side))
    images[:] = np.arange(count)[:, None, None] % 251
    del images
    tracemalloc.start()
    found = data.load(data.pack(tmp_path / "images.npy", tmp_path / "packed"))
    source = Indexed(found.train, 20, 0, steps_per_chunk=4)
    seen = sum(int(chunk.images[0, 0, 0, 0]) > -1 for chunk in source.chunks(0, None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen > 40 and peak < count * side * side / 2, peak
    assert json.loads((tmp_path / "packed" / "pack.json").read_text())["images"] == [count, side, side, 1]


@pytest.mark.e2e
def test_the_benchmark_of_a_million_images_runs_in_small(tmp_path, capsys, uncompiled):
    million = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "million.py"))
    million["pack"](str(tmp_path / "packed"), 3_000)
    million["train"](str(tmp_path / "packed"), 21, "4", str(tmp_path / "run"))
    made, trained = map(json.loads, capsys.readouterr().out.splitlines())
    assert made["seconds"] < trained["first_step"] and trained["steps_per_second"] > 0
    assert len(data.load(tmp_path / "packed").train) == 2_700
    assert (tmp_path / "run" / "recipe.json").exists()
