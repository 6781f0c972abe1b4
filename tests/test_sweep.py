"""A sweep: every setting with every seed, chosen on validation images, resumed, in one process or several."""

import json

import numpy as np
import pytest
from command_line import run as command
from conftest import QUICK, SMALL, default_options, eager, without_likelihood
from PIL import Image

import aae_tf
from aae_tf import figures
from aae_tf.runs.experiment_results import spread
from aae_tf.runs.experiments import values_of

NETWORKS = {name: SMALL[name] for name in ("widths", "discriminator_widths", "precision")}
TINY = {**NETWORKS, **QUICK, "epochs": 2, "batch_size": 320}
RATES = {"reconstruction.learning_rate": [1e-6, 0.02]}


@pytest.fixture(scope="module")
def swept(few, tmp_path_factory):
    """A sweep of two settings and two seeds, its runs measured without the likelihood and not drawn or exported."""
    folder = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch, eager():
        patch.setitem(default_options(), "report", False)
        without_likelihood(patch)

        def sweep():
            return aae_tf.sweep(["gaussian"], few, seeds=(0, 1), grid=RATES, out_dir=folder, **TINY)

        for run in sweep().settings[1].runs.values():  # of the setting that is chosen
            run.evaluate("validation")
        return sweep()


def test_every_setting_is_trained_with_every_seed_and_one_is_chosen(swept):
    slow, fast = swept.settings
    assert [setting.name for setting in swept.settings] == [
        "gaussian reconstruction.learning_rate=1e-06",
        "gaussian reconstruction.learning_rate=0.02",
    ]
    assert [list(setting.runs) for setting in swept.settings] == [[0, 1], [0, 1]]
    for setting in swept.settings:
        found = [run.history[-1]["val_reconstruction_error"] for run in setting.runs.values()]
        np.testing.assert_array_equal(setting.validated(), found)
        assert found[0] != found[1]  # another seed is another training
    assert (slow.chosen, fast.chosen) == (False, True)


def test_its_table_has_means_and_deviations_and_its_files_are_written(swept):
    heading, slow, fast = swept.rows()
    errors = swept.settings[1].validated()
    cell = fast[heading.index("val_reconstruction_error")]
    assert cell == f"{errors.mean():.4f} ± {errors.std(ddof=1):.4f}"
    measured = [json.loads((run.out_dir / "evaluation.json").read_text()) for run in swept.settings[1].runs.values()]
    values = [report["metrics"]["two_sample_accuracy"]["value"] for report in measured]
    assert fast[heading.index("two-sample accuracy")] == spread(values, 3)
    assert slow[heading.index("chosen")] == "" and fast[heading.index("chosen")] == "yes"
    kept = json.loads((swept.out_dir / "sweep.json").read_text())
    assert kept["settings"][1]["metrics"]["two_sample_accuracy"] == values
    assert (swept.out_dir / "sweep.md").read_text().count("\n") == 4
    assert np.asarray(Image.open(swept.out_dir / "sweep.png")).std() > 5


@pytest.mark.usefixtures("no_likelihood", "eagerly")
def test_test_images_are_looked_at_for_the_chosen_setting_alone_and_nothing_is_trained_again(swept, few, monkeypatch):
    monkeypatch.setattr("aae_tf.training.trainer.Trainer.fit", None)  # would fail
    again = aae_tf.sweep(["gaussian"], few, seeds=(0, 1), grid=RATES, out_dir=swept.out_dir, split="test", **TINY)
    slow, fast = again.settings
    assert slow.reports == [] and len(fast.reports) == 2
    for run in slow.runs.values():
        assert run.last_report("test") is None
    assert all(run.last_report("test") for run in fast.runs.values())


@pytest.mark.usefixtures("training_alone", "no_likelihood", "eagerly")
def test_a_training_that_diverges_is_noted_and_the_others_go_on(few, tmp_path):
    rates = {"reconstruction.learning_rate": [1e30, 0.02]}
    found = aae_tf.sweep(["gaussian"], few, seeds=[3], grid=rates, out_dir=tmp_path / "sweep", **TINY)
    wild, sane = found.settings
    assert "reconstruction" in wild.failed[3] and not wild.runs
    assert sane.chosen and not wild.chosen
    assert found.rows()[1][2] == "0 (1 failed)"


@pytest.mark.usefixtures("training_alone", "no_likelihood", "eagerly")
def test_errors_of_differently_scaled_columns_are_not_compared(tmp_path):
    rows = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    options = {**TINY, "epochs": 1, "batch_size": 160, "seeds": [0], "out_dir": tmp_path / "sweep"}
    found = aae_tf.sweep(["gaussian"], rows, grid={"image_scale": ["standardized", "none"]}, **options)
    assert [setting.chosen for setting in found.settings] == [False, False]
    assert all(np.isfinite(setting.validated()).all() for setting in found.settings)


@pytest.mark.e2e
def test_several_processes_train_at_once(few, tmp_path):
    options = {"seeds": (0, 1), "out_dir": tmp_path / "sweep", "processes": 2, **TINY, "epochs": 1}
    (setting,) = aae_tf.sweep(["gaussian"], few, **options).settings
    assert (list(setting.runs), setting.chosen, len(setting.reports)) == ([0, 1], True, 2)


def test_the_command_reads_seeds_and_values(monkeypatch):
    asked = []

    def stand_in(recipes, dataset, **options):
        asked.append((recipes, dataset, options))
        raise KeyboardInterrupt

    monkeypatch.setattr("aae_tf.runs.experiments.sweep", stand_in)
    given = ["--set", "latent_dim=2,8", "--set", "widths=500,500;1000,1000", "--set", "posterior=gaussian"]
    code = command("sweep", "gaussian", "vae", "--seeds", "0-2,7", "--labels", "100,all", "--epochs", 3, *given)
    assert code == 130
    ((recipes, dataset, options),) = asked
    assert (recipes, dataset, options["seeds"], options["epochs"]) == (["gaussian", "vae"], None, [0, 1, 2, 7], 3)
    assert options["grid"] == {
        "labels": ["100", "all"],
        "latent_dim": ["2", "8"],
        "widths": ["500,500", "1000,1000"],
    }
    assert options["posterior"] == "gaussian"
    assert values_of(["gaussian"], "widths", "500,500") == ["500,500"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gaussian", "--seeds", "0-x"], "0-4 or 0,3,7"),
        (["gaussian", "--seeds", "3-1"], "a sweep needs seeds"),
        (["gaussian", "--set", "latent_dim=2,many"], "latent_dim='many' cannot be read"),
        (["gaussian", "--set", "clusters=3,4"], "unknown option of AdversarialAutoencoder 'clusters'"),
        (["gaussian", "--set", "seed=3,4"], "seeds of a sweep"),
        (["gaussian", "gaussian"], "each once"),
    ],
)
def test_what_a_sweep_refuses(arguments, words, capsys, tmp_path):
    assert command("sweep", *arguments, "--out", tmp_path / "none") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_curves_have_a_line_for_each_setting():
    figure = figures.curves(
        {"val_classification_error": {"one": [[0.3, 0.2], [0.4, 0.1, 0.1]], "two": [[0.5]]}}, "title"
    )
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.35, 0.15])
    assert axes.get_ylabel() == "classification error (share of images)"


@pytest.mark.e2e
@pytest.mark.usefixtures("training_alone", "no_likelihood", "eagerly")
def test_what_watches_nothing_is_swept_beside_what_does_and_none_is_chosen_for_it(few, tmp_path):
    options = {**NETWORKS, **QUICK, "epochs": 1, "batch_size": 320}
    found = aae_tf.sweep(["gan", "gaussian"], few[0], seeds=[0], out_dir=tmp_path / "sweep", **options)
    assert [setting.chosen for setting in found.settings] == [False, True]
    assert json.loads((tmp_path / "sweep" / "sweep.json").read_text())["settings"][0]["validation"] == {"0": None}
    again = aae_tf.sweep(
        ["gaussian", "semi_supervised"], few, seeds=[0], labels=40, out_dir=tmp_path / "two", **options
    )
    assert "trains without labels" in again.settings[0].failed[0]
    assert again.settings[1].runs
    for wrong in ({"split": "tests"}, {"processes": 0}, {"grid": {"latent_dim": [2, 2]}}):
        with pytest.raises(aae_tf.InputError):
            aae_tf.sweep(["gaussian"], few, out_dir=tmp_path / "none", **wrong)
    assert not (tmp_path / "none").exists()
