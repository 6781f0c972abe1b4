"""The commands of the command line: what is read, what is written, and that a run and its export answer alike."""

import csv
import shutil

import numpy as np
import pytest
from command_line import run
from conftest import QUICK, eager, only_signatures, small
from PIL import Image

import aae_tf
from aae_tf import priors
from aae_tf.serving.client import row_seeds


@pytest.fixture(scope="module")
def labelled(few, tmp_path_factory):
    """A run that classifies, and its export; the classes are called a to j."""
    folder, options = tmp_path_factory.mktemp("labelled") / "run", small("semi_supervised", epochs=1)
    named = few[0], np.array(list("abcdefghij"))[few[1]]
    options |= {"labels": 100, "batch_size": 320, "report": False}
    with eager():
        trained = aae_tf.train("semi_supervised", named, out_dir=folder, **QUICK, **options)
    with only_signatures("encode", "classify", "sample"):
        trained.export(folder / "exported")
    return trained, folder / "exported"


@pytest.fixture(scope="module")
def photos(few, tmp_path_factory):
    """A folder of 300 digits in folders by class, one of them a larger photograph in colours."""
    photos = tmp_path_factory.mktemp("photos")
    for number, (image, label) in enumerate(zip(few[0][:300], few[1], strict=False)):
        folder = photos / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{number:03d}.png")
    Image.new("RGB", (60, 40), (200, 30, 30)).save(photos / "0" / "000.jpg")
    return photos


def read_table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def numbers(rows, name, count):
    return np.array([[float(row[f"{name}_{number}"]) for number in range(count)] for row in rows])


def test_a_folders_codes_stand_beside_its_files_names(trained, photos, few, capsys):
    assert run("encode", trained.out_dir, photos, "--out", "codes.csv") == 0
    assert capsys.readouterr().out == "codes.csv\n"
    rows = read_table("codes.csv")
    assert [row["name"] for row in rows[:2]] == ["0/000.jpg", "0/000.png"]
    assert len(rows) == 301  # more than one batch
    by_name = {row["name"].rpartition("/")[2]: row for row in rows}
    found = numbers([by_name[f"{number:03d}.png"] for number in range(300)], "codes", 2)
    np.testing.assert_allclose(found, trained.model.encode(few[0][:300]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", ["npy", "npz", "float", "a file", "files"])
def test_arrays_and_single_files_are_read_too(form, trained, few, tmp_path, capsys):
    images = few[0][:3]
    data = [tmp_path / f"digits.{'npz' if form == 'npz' else 'npy'}"]
    if form == "npz":
        np.savez(data[0], images=images, labels=few[1][:3])
    elif form in ("npy", "float"):
        np.save(data[0], images[..., 0] if form == "npy" else (images / 255).astype("float32"))
    else:
        data = [tmp_path / f"{number}.png" for number in range(1 if form == "a file" else 3)]
        for path, image in zip(data, images, strict=False):
            Image.fromarray(image[..., 0]).save(path)
    assert run("encode", trained.out_dir, *data) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "name,codes_0,codes_1"
    found = np.array([line.split(",")[1:] for line in lines], "float32")
    np.testing.assert_allclose(found, trained.model.encode(images[: len(lines)]), atol=1e-4)
    assert len(lines) == (1 if form == "a file" else 3)


def test_codes_go_back_into_images_by_csv_and_by_npz(trained, photos, few):
    for suffix in ("csv", "npz"):
        assert run("encode", trained.out_dir, photos, "--out", f"codes.{suffix}") == 0
        assert run("decode", trained.out_dir, f"codes.{suffix}", "--out", f"from_{suffix}.npz") == 0
    assert run("reconstruct", trained.out_dir, photos, "--out", "again.npz") == 0
    with np.load("from_csv.npz") as one, np.load("from_npz.npz") as other, np.load("again.npz") as third:
        assert one["images"].shape == (301, 28, 28, 1)
        assert one["name"].tolist() == third["name"].tolist()
        np.testing.assert_allclose(one["images"], third["images"], atol=1e-4)
        np.testing.assert_allclose(other["images"], third["images"], atol=1e-5)


def test_reconstructions_are_drawn_or_written_one_by_one(trained, photos, tmp_path):
    few_photos = shutil.copytree(photos / "3", tmp_path / "threes")
    count = len(list(few_photos.iterdir()))
    assert run("reconstruct", trained.out_dir, few_photos, "--out", "grid.png") == 0
    grid = np.asarray(Image.open("grid.png")) / 255
    assert grid.shape == (2 * 28 * -(-count // 10), 28 * 10)
    first = np.asarray(Image.open(min(few_photos.iterdir()))) / 255
    np.testing.assert_allclose(grid[:28, :28], first, atol=1e-6)
    expected = trained.model.reconstruct(first[None].astype("float32"))[0, ..., 0]
    np.testing.assert_allclose(grid[28:56, :28], expected, atol=0.003)
    assert run("reconstruct", trained.out_dir, few_photos, "--out", "each") == 0
    assert {path.name for path in few_photos.iterdir()} == {path.name for path in few_photos.parent.glob("each/*")}
    assert run("reconstruct", trained.out_dir, few_photos, "--out", few_photos) == 2  # never over what is there


def test_a_run_and_its_export_answer_alike_with_the_classes_names(labelled, photos, few):
    trained, export = labelled
    assert run("classify", export / "1", photos, "--out", "version.csv") == 0
    for name, model in (("run", trained.out_dir), ("export", export)):
        assert run("classify", model, photos, "--out", f"{name}.csv") == 0
        assert run("sample", model, "--count", 12, "--seed", 5, "--labels", "0,1,2", "--out", f"{name}.npz") == 0
    rows = read_table("run.csv")
    for other in ("export", "version"):
        again = read_table(f"{other}.csv")
        assert [row["class_name"] for row in again] == [row["class_name"] for row in rows]
        np.testing.assert_allclose(numbers(again, "probabilities", 10), numbers(rows, "probabilities", 10), atol=1e-5)
    digits = [row for row in rows if row["name"].endswith(".png")]
    order = [int(row["name"][-7:-4]) for row in digits]
    expected = ["abcdefghij"[label] for label in trained.model.predict_labels(few[0][order])]
    assert [row["class_name"] for row in digits] == expected
    with np.load("run.npz") as one, np.load("export.npz") as other:
        np.testing.assert_allclose(one["images"], other["images"], atol=1e-5)
        assert one["class_name"].tolist() == list("abc") * 4
        expected = trained.model.sample(1, seed=row_seeds(5, 12)[7], labels=[1])
        np.testing.assert_allclose(one["images"][7:8], expected, atol=1e-5)


def test_codes_with_probable_labels_are_decoded_by_them(labelled, photos):
    trained, _ = labelled
    assert run("encode", trained.out_dir, photos, "--out", "codes.csv") == 0
    assert run("decode", trained.out_dir, "codes.csv", "--out", "images.npz") == 0
    table = read_table("codes.csv")
    codes = numbers(table, "codes", trained.model.prior.dim)
    probable = numbers(table, "label_probabilities", 10)
    with np.load("images.npz") as found:
        np.testing.assert_allclose(found["images"], trained.model.decode(codes, probable.argmax(-1)), atol=1e-4)
    assert run("decode", trained.out_dir, "codes.csv", "--labels", "4", "--out", "fours.npz") == 0
    with np.load("fours.npz") as found:
        np.testing.assert_allclose(found["images"], trained.model.decode(codes, [4] * 301), atol=1e-4)


def test_walks_between_images_as_a_strip_and_as_a_film(trained, photos, few):
    files = [min(photos.glob(f"{digit}/*.png")) for digit in (0, 1, 7)]
    assert run("interpolate", trained.out_dir, *files, "--steps", 5, "--out", "walk.gif") == 0
    film = Image.open("walk.gif")
    assert film.n_frames == 9
    assert min(film.size) >= 128
    assert run("interpolate", trained.out_dir / "saved_model", *files, "--steps", 5, "--out", "walk.npz") == 0
    first, second, third = (np.asarray(Image.open(file)) for file in files)
    walk = np.concatenate([trained.interpolate(first, second, 5), trained.interpolate(second, third, 5)[1:]])
    with np.load("walk.npz") as found:
        np.testing.assert_allclose(found["images"], walk, atol=1e-5)
    np.testing.assert_allclose(walk[::4], trained.model.reconstruct(np.stack([first, second, third])), atol=1e-5)
    codes = trained.model.encode(np.stack([first, second]))
    middle = trained.model.prior.interpolate(*(code[None] for code in codes), np.array([0.5], "float32"))
    np.testing.assert_allclose(walk[2:3], trained.model.decode(middle), atol=1e-5)
    assert np.abs(walk[2] - (walk[0] + walk[4]) / 2).max() > 0.05  # not one faded into the other
    with pytest.raises(aae_tf.InputError, match="must be equal"):
        trained.interpolate(first, second[:10])


def test_a_walk_is_round_where_the_prior_is_gaussian_and_straight_elsewhere():
    chance = np.random.default_rng(0)
    start, end = chance.normal(size=(2, 50, 30)).astype("float32")
    share = np.full(50, 0.5, "float32")
    around = priors.Gaussian(30).interpolate(start, end, share).numpy()
    straight = priors.Uniform(30).interpolate(start, end, share)
    np.testing.assert_allclose(straight, (start + end) / 2, atol=1e-6)
    lengths = [np.linalg.norm(each, axis=-1).mean() for each in (start, around, straight)]
    assert lengths[1] == pytest.approx(lengths[0], rel=0.03)
    assert lengths[2] < 0.8 * lengths[0]  # where the prior has hardly any mass
    opposite = priors.Gaussian(30).interpolate(start, -0.3 * start + 0.05 * end, share).numpy()
    ends = [np.linalg.norm(each, axis=-1) for each in (start, -0.3 * start + 0.05 * end)]
    np.testing.assert_allclose(np.linalg.norm(opposite, axis=-1), np.mean(ends, 0), rtol=1e-3)  # and not beyond both
    one, other = np.array([[3.0, 0.0]], "float32"), np.array([[0.0, 3.0]], "float32")
    for third, expected in ((1 / 3, [2.598, 1.5]), (1.0, [0.0, 3.0])):
        found = priors.Gaussian(2).interpolate(one, other, np.array([third], "float32"))
        np.testing.assert_allclose(found, [expected], atol=1e-3)
    for same in (one, -one, 0 * one):  # no angle, or no way around: the straight line
        np.testing.assert_allclose(priors.Gaussian(2).interpolate(one, same, share[:1]), (one + same) / 2, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "nowhere", "{photos}"], "holds no trained model"),
        (["classify", "{run}", "{photos}"], "cannot classify: it has decode"),
        (["encode", "{run}", "nowhere.png"], "no file or folder 'nowhere.png'"),
        (["encode", "{run}", "{run}/recipe.json"], "cannot be read; accepted: images"),
        (["encode", "{run}", "{run}/checkpoints"], "holds no images"),
        (["encode", "{run}", "wrong.npy"], "the images of 'wrong.npy': an array of shape (2, 8, 8) was given"),
        (["encode", "{run}", "huge.npy"], "divide by 255"),
        (["encode", "{run}", "wrong.npy", "{photos}"], "given beside others"),
        (["encode", "{run}", "broken.png"], "'broken.png' cannot be read as an image"),
        (["encode", "{run}", "broken.npz"], "'broken.npz' cannot be read"),
        (["encode", "{run}", "broken.csv"], "cannot be read"),
        (["decode", "{run}", "{photos}"], "holds no codes"),
        (["decode", "{run}", "other.npz"], "holds other, more; needed: codes"),
        (["decode", "{run}", "codes.npy", "--out", "a.npz"], "codes have shape (3,) a row; the model takes (2,)"),
        (["decode", "{run}", "codes.npy", "--labels", "x"], "--labels x cannot be read"),
        (["encode", "{run}", "{photos}", "--out", "a.txt"], "unknown suffix"),
        (["encode", "{run}", "{photos}", "--out", "a.png"], "codes cannot be drawn"),
        (["reconstruct", "{run}", "{photos}"], "give --out NAME.png"),
        (["reconstruct", "{run}", "{photos}", "--labels", "1"], "takes no labels"),
        (["sample", "{run}", "--count", "401", "--out", "a.png"], "401 images are too many"),
        (["sample", "{labelled}", "--labels", "10", "--out", "a.png"], "accepted: -1 to 9"),
        (["interpolate", "{run}", "{photos}/0/000.jpg", "--out", "a.gif"], "1 image was given"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(arguments, message, trained, labelled, photos, capsys, tmp_path):
    np.save("wrong.npy", np.full((2, 8, 8), 9, np.uint8))
    np.save("huge.npy", np.full((2, 28, 28), 7.5, "float32"))
    np.save("codes.npy", np.zeros((2, 3), "float32"))
    np.savez("other.npz", other=np.zeros(2), more=np.zeros(2))
    for name in ("broken.png", "broken.npz", "broken.csv"):
        (tmp_path / name).write_bytes(b"broken")
    places = {"photos": photos, "run": trained.out_dir, "labelled": labelled[0].out_dir}
    before = set(tmp_path.iterdir())
    capsys.readouterr()
    assert run(*(each.format(**places) for each in arguments)) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("error: ")
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
    assert set(tmp_path.iterdir()) == before
