"""Verdicts on images: from normal images alone, for every model with an encoder, the same wherever they are asked."""

import csv
import json
import shutil
from pathlib import Path

import command_line
import numpy as np
import pytest
from conftest import QUICK, model_of, mostly_e2e, only_signatures, small
from PIL import Image
from serving_processes import serving_here

import aae_tf
from aae_tf import priors
from aae_tf.backend import tf
from aae_tf.serving import export

ENCODING = sorted({recipe.model: name for name, recipe in aae_tf.recipes().items() if name != "gan"}.values())
TINY = {"widths": (16,), "discriminator_widths": (16,)}


@pytest.fixture(scope="module")
def normal(digits):
    """500 digits that `trained` has not seen."""
    return digits.validation.images


@pytest.fixture(scope="module")
def trained(trained, few, tmp_path_factory):
    """A copy of the small run, which gets a detector."""
    folder = shutil.copytree(trained.out_dir, tmp_path_factory.mktemp("detection") / "run")
    return aae_tf.load_run(folder, few)


@pytest.fixture(scope="module")
def detector(trained, normal):
    """A detector of the small run, which keeps it."""
    return trained.detector(normal, false_alarm=0.05, score="both")


def ink(images):
    """Black on white: what no digit of the training is."""
    return 255 - images


def test_it_keeps_its_guarantee_and_notices_what_is_no_digit(detector, digits):
    found = detector.measure(
        np.concatenate([digits.test.images, ink(digits.test.images)]), np.repeat([False, True], 1000)
    )
    low, high = detector.calibration["guaranteed_interval"]
    own = found["both"]
    assert own["false_positive_rate_interval"][0] < high
    assert own["false_positive_rate_interval"][1] > low
    assert own["detection_rate"] == 1.0
    assert own["auroc"] > 0.99
    assert set(found) == {"reconstruction", "prior", "both"}
    assert "false_positive_rate" not in found["prior"]


def test_scores_are_standardised_on_normal_images(detector, normal):
    found = detector.detect(normal)
    for name in ("reconstruction", "prior"):
        assert abs(found[name].mean()) < 1e-3
        assert abs(found[name].std() - 1) < 1e-3
    np.testing.assert_allclose(found["both"], found["reconstruction"] + found["prior"], atol=1e-5)
    np.testing.assert_array_equal(found["score"], found["both"])
    np.testing.assert_array_equal(found["abnormal"], found["score"] > detector.threshold)
    assert found["abnormal"].sum() == 24  # (24 + 1) / (500 + 1) is the most that 0.05 allows


def test_the_error_map_shows_where(detector, normal):
    spoilt = normal[:50].copy()
    spoilt[:, 2:7, 2:7] = 255
    before, after = (detector.detect(images)["error_map"] for images in (normal[:50], spoilt))
    assert before.shape == (50, 28, 28, 1)
    corner = (slice(None), slice(2, 7), slice(2, 7))
    share = after[corner].sum((1, 2, 3)) / after.sum((1, 2, 3))
    assert np.median(share) > 0.2 > 0.05 > np.median(before[corner].sum((1, 2, 3)) / before.sum((1, 2, 3)))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("recipe", mostly_e2e(ENCODING, ["one_class", "style_joint", "vae_mixture", "reduction_views"]))
def test_every_model_with_an_encoder_has_one(recipe, few):
    options = {name: value for name, value in TINY.items() if name in aae_tf.recipes()[recipe].accepted()}
    model = model_of(aae_tf.recipes()[recipe].with_options(**options))
    images, labels = few
    detector = aae_tf.Detector.on(model, images[:100], labels[:100], false_alarm=0.1)
    found = detector.detect(images, labels)
    assert found["abnormal"][:100].sum() == 9
    assert all(np.isfinite(value).all() for value in found.values())
    if model.reads_labels:
        with pytest.raises(aae_tf.InputError, match="decodes with labels; give one for each"):
            detector.detect(images)


def test_a_model_without_an_encoder_is_refused(few):
    with pytest.raises(aae_tf.InputError, match="GAN has no encoder"):
        aae_tf.Detector.on(model_of(aae_tf.recipes()["gan"].with_options(**TINY)), few[0])


@pytest.mark.parametrize(
    "prior",
    [
        priors.as_prior("swiss_roll", 2),
        priors.Uniform(2, -1.0, 1.0),
        priors.as_prior(lambda n, seed: tf.random.stateless_normal([n, 2], priors.as_seed(seed)), 2),
    ],
    ids=["roll", "uniform", "sampler"],
)
def test_codes_far_from_a_priors_mass_are_improbable(prior):
    near, far = (
        prior.negative_log_likelihood(prior.sample(200, 5)).numpy(),
        prior.negative_log_likelihood(50.0 + prior.sample(200, 5)).numpy(),
    )
    assert np.isfinite([near, far]).all()
    assert near.max() < far.min()


def test_another_score_of_the_model_can_decide(trained, normal):
    detector = aae_tf.Detector.on(trained.model, normal, false_alarm=0.05, score="reconstruction_error")
    found = detector.detect(normal)
    np.testing.assert_array_equal(found["score"], found["reconstruction_error"])
    assert found["abnormal"].sum() == 24
    with pytest.raises(aae_tf.InputError, match="unknown score 'errors'; accepted: reconstruction, prior, both, "):
        aae_tf.Detector.on(trained.model, normal, score="errors")


def test_it_is_kept_with_the_run(trained, detector, few, normal, tmp_path):
    loaded = aae_tf.load_run(trained.out_dir, few)
    again = loaded.detector()
    for name, value in detector.detect(normal).items():
        np.testing.assert_allclose(again.detect(normal)[name], value, rtol=1e-4, atol=1e-4)
    (tmp_path / "detector.json").write_text("{}")
    with pytest.raises(aae_tf.InputError, match=r"detector.json' cannot be read .*; make it again"):
        aae_tf.Detector.load(trained.model, tmp_path / "detector.json")


def test_images_that_were_trained_on_set_no_threshold(trained, digits, few, normal):
    seen = trained.data.train.images
    with pytest.raises(aae_tf.InputError, match="all 320 normal images were trained on"):
        trained.detector(seen)
    mixed = trained.detector(np.concatenate([seen, normal]), false_alarm=0.05)
    assert mixed.calibration["n"] == 500


def test_validation_images_are_the_normal_ones_where_none_are_given(trained):
    with pytest.raises(aae_tf.InputError, match=r"40 normal images are too few for false_alarm=0.01; give at least 99"):
        trained.detector(false_alarm=0.01)
    assert trained.detector(false_alarm=0.1).calibration["n"] == 40


def test_what_is_served_decides_as_what_was_measured(trained, detector, normal, digits, tmp_path):
    trained.detector(normal, false_alarm=0.05, score="both")
    with only_signatures("encode"):
        version = trained.export(tmp_path / "served", png=True)
    served = tf.saved_model.load(str(version)).signatures
    images = np.concatenate([digits.test.images[::10], ink(digits.test.images[::10])])
    expected = detector.detect(images)
    answer = {
        name: value.numpy() for name, value in served["detect"](images=tf.constant(images / 255.0, tf.float32)).items()
    }
    assert set(answer) == {"abnormal", "score", "reconstruction", "prior", "both", "error_map"}
    np.testing.assert_allclose(answer["score"], expected["score"], rtol=1e-3, atol=1e-3)
    clear = np.abs(expected["score"] - detector.threshold) > 1e-3
    np.testing.assert_array_equal(answer["abnormal"][clear], expected["abnormal"][clear])
    assert clear.mean() > 0.95
    assert all(len(value) == len(images) for value in answer.values())  # rows in common, as a server's batching wants
    file = served["detect_png"](image_bytes=tf.constant([tf.io.encode_png(images[0]).numpy()]))
    np.testing.assert_allclose(file["score"], answer["score"][:1], rtol=1e-3, atol=1e-3)


def test_models_that_read_labels_are_served_with_them(few, tmp_path):
    model = model_of(aae_tf.recipes()["style"].with_options(**TINY))
    images, labels = few
    detector = aae_tf.Detector.on(model, images, labels, false_alarm=0.1)
    with only_signatures("encode"):
        version = export(model, tmp_path / "served", png=True, detector=detector)
    served = tf.saved_model.load(str(version)).signatures
    answer = served["detect"](images=tf.constant(images / 255.0, tf.float32), labels=tf.constant(labels))
    np.testing.assert_allclose(answer["score"], detector.detect(images, labels)["score"], rtol=1e-3, atol=1e-3)
    assert "detect_png" not in served  # a file comes without its label


@pytest.mark.usefixtures("eagerly")
def test_a_longer_run_has_no_verdicts_of_the_shorter_one(few, tmp_path, training_alone):
    options = {**small("gaussian"), **QUICK, "batch_size": 320, "out_dir": tmp_path / "run"}
    run = aae_tf.train("gaussian", few, **{**options, "epochs": 1})
    run.detector(false_alarm=0.1)
    assert (tmp_path / "run" / "detector.json").exists()
    aae_tf.train("gaussian", few, **options)
    assert not (tmp_path / "run" / "detector.json").exists()


def test_the_command_writes_a_table_of_verdicts(trained, few, digits, tmp_path, capsys):
    asked = {"normal": digits.validation.images[:200], "some/asked": np.concatenate([few[0][:2], ink(few[0][:3])])}
    for name, images in asked.items():
        (tmp_path / name).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(image[..., 0]).save(tmp_path / name / f"{number:03d}.png")
    options = ("--normal", "normal", "--false-alarm", 0.05)
    assert command_line.run("detect", trained.out_dir, "some", "--out", "found.csv", *options) == 0
    captured = capsys.readouterr()
    assert captured.out == "found.csv\n"
    assert captured.err.startswith("expected false-positive rate: ")
    with open("found.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"asked/{number:03d}.png" for number in range(5)]
    assert [row["abnormal"] for row in rows] == ["False"] * 2 + ["True"] * 3
    expected = aae_tf.Detector.load(trained.model, trained.out_dir / "detector.json").detect(asked["some/asked"])[
        "score"
    ]
    np.testing.assert_allclose([float(row["score"]) for row in rows], expected, rtol=1e-4)
    assert json.loads((trained.out_dir / "detector.json").read_text())["calibration"]["n"] == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["detect", "nowhere", ".", "--out", "found.csv"], "holds no trained model"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert command_line.run(*arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1


@pytest.mark.e2e
def test_photographs_are_no_faces(shared, tmp_path):
    faces = aae_tf.data.load(shared / "faces_48.npz")
    found = aae_tf.data.load(shared / "colour_objects_32.npz").test.images[:200]
    grey = [np.asarray(Image.fromarray(each).convert("L").resize((48, 48))) for each in found]
    options = {"widths": (128,), "epochs": 15, "latent_dim": 8, "report": False, **QUICK}
    run = aae_tf.train("one_class", faces, out_dir=tmp_path / "run", **options)
    images = np.concatenate([faces.test.images, np.stack(grey)[..., None]])
    detector = run.detector(false_alarm=0.05)
    quality = detector.measure(images, np.arange(240) >= 40)[detector.score]
    assert quality["auroc"] > 0.9
    assert quality["false_positive_rate_interval"][0] < detector.calibration["guaranteed_interval"][1]


@pytest.mark.e2e
def test_rows_of_a_table_have_verdicts_in_the_scale_of_their_columns(tmp_path):
    """A column in the thousands does not decide alone: an odd value in the smallest one is noticed."""
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(600, 2))
    rows = (hidden @ draw.normal(size=(2, 5)) + 0.05 * draw.normal(size=(600, 5))) * [1e4, 1e2, 1, 1e-2, 1e-3]
    quick = {**TINY, **QUICK, "epochs": 25, "widths": (32, 32)}
    run = aae_tf.train("gaussian", rows.astype("float32"), out_dir=tmp_path / "run", report=False, **quick)
    detector = run.detector(false_alarm=0.1)
    odd = run.data.test.images.copy()
    odd[:, 4] += 8e-3  # eight standard deviations of the smallest column
    found = detector.measure(np.concatenate([run.data.test.images, odd]), np.repeat([False, True], len(odd)))
    assert found["reconstruction"]["auroc"] > 0.9


@pytest.mark.usefixtures("eagerly")
def test_rows_without_a_real_number_are_alike_by_chance_and_none_is_left_out(tmp_path):
    rows = np.random.default_rng(0).random((300, 4)) > 0.5  # sixteen different rows
    quick = {**TINY, **QUICK, "epochs": 1, "batch_size": 200, "report": False}
    run = aae_tf.train("gaussian", rows, out_dir=tmp_path / "run", **quick)
    assert run.detector(rows[:100], false_alarm=0.1).calibration["n"] == 100


@pytest.mark.e2e
@pytest.mark.usefixtures("eagerly")
def test_a_model_that_reads_labels_is_asked_from_the_shell_with_them(few, tmp_path, capsys):
    np.savez("few.npz", images=few[0], labels=few[1])
    quick = {**TINY, **QUICK, "epochs": 1, "batch_size": 200, "report": False, "labels": "all"}
    run = aae_tf.train("style", "few.npz", out_dir=tmp_path / "run", **quick)
    np.savez("some.npz", images=few[0][:50], labels=few[1][:50])
    np.save("bare.npy", few[0][:50])
    assert command_line.run("detect", run.out_dir, "some.npz", "--false-alarm", 0.1, "--out", "found.csv") == 0
    assert command_line.run("detect", run.out_dir, "bare.npy") == 2
    assert "needs each row's label; give --labels" in capsys.readouterr().err
    assert command_line.run("detect", run.out_dir, "bare.npy", "--labels", "3", "--out", "threes.csv") == 0
    normal = ["--normal", "some.npz", "--false-alarm", 0.1]
    assert command_line.run("detect", run.out_dir, "some.npz", *normal, "--out", "again.csv") == 0


@pytest.mark.usefixtures("eagerly")
def test_what_an_export_decides_is_asked_of_it_and_a_table_is_read_by_its_columns(tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    draw = np.random.default_rng(0)
    table = pandas.DataFrame(draw.normal(size=(300, 3)), columns=["x", "y", "z"]).assign(species="a")
    table["y"] = table["x"] + 0.1 * table["y"]
    table.to_csv("table.csv", index=False)
    quick = {**TINY, **QUICK, "epochs": 1, "batch_size": 50, "report": False}
    run = aae_tf.train("gaussian", "table.csv", label="species", out_dir=tmp_path / "run", **quick)
    assert command_line.run("detect", run.out_dir, "table.csv", "--false-alarm", 0.2, "--out", "all.csv") == 0
    table[["z", "x", "y"]].to_csv("other.csv", index=False)
    with only_signatures("encode"):
        exported = run.export(tmp_path / "served")
    for trained in (run.out_dir, exported):
        assert command_line.run("encode", trained, "other.csv", "--out", "codes.csv") == 2
        assert "another order" in capsys.readouterr().err
    for name, trained in (("run", run.out_dir), ("export", exported)):  # the export has its columns beside it
        assert command_line.run("encode", trained, "table.csv", "--out", f"{name}.csv") == 0
    assert Path("run.csv").read_text() == Path("export.csv").read_text()
    found = pandas.read_csv("all.csv")
    assert len(found) == 300 and {"name", "abnormal", "score", "error_map_2"} <= set(found.columns)
    served = tf.saved_model.load(str(exported)).signatures["detect"]
    rows = table[["x", "y", "z"]].to_numpy("float32")
    np.testing.assert_allclose(served(inputs=tf.constant(rows))["score"], found["score"], rtol=1e-3, atol=1e-3)
    assert command_line.run("detect", tmp_path / "served", "table.csv", "--false-alarm", 0.1) == 2
    assert "whose detector is fixed" in capsys.readouterr().err


def test_a_logit_is_turned_round_for_the_verdict(trained, normal):
    found = aae_tf.Detector.on(trained.model, normal, false_alarm=0.1, score="prior_logit").detect(normal)
    logits = trained.model.score(normal)["prior_logit"]
    assert np.corrcoef(found["prior_logit"], logits)[0, 1] < -0.99


@pytest.mark.e2e
def test_verdicts_are_served_and_a_failed_command_leaves_the_detector(trained, normal, tmp_path):
    made = trained.detector(normal, false_alarm=0.05)
    trained.export(tmp_path / "served" / "digits")
    with serving_here(tmp_path / "served" / "digits") as url, aae_tf.serving.Client(url) as client:
        found = client.predict("detect", images=(normal[:50] / 255.0).astype("float32"))
    assert found["abnormal"].dtype == bool
    np.testing.assert_array_equal(found["abnormal"], made.detect(normal[:50])["abnormal"])
    np.save("some.npy", normal[:200])
    before = (trained.out_dir / "detector.json").read_text()
    assert command_line.run("detect", trained.out_dir, "some.npy", "--false-alarm", 0.3, "--out", "bad.txt") == 2
    assert command_line.run("detect", trained.out_dir, "none.npy", "--false-alarm", 0.3) == 2
    assert (trained.out_dir / "detector.json").read_text() == before
