"""Run directories of version 0.1.0 (tests/fixtures/runs_0_1_0, made at commit 817ccad) still load, and go on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import QUICK

import aae_tf
from aae_tf.backend import keras
from aae_tf.run_directory import read_record

RUNS = Path(__file__).parent / "fixtures" / "runs_0_1_0"


@pytest.fixture
def kept(digits):
    rows = np.arange(0, 3500, 35)
    return digits.train.images[rows], digits.train.labels[rows]


@pytest.mark.parametrize("name", ["semi_supervised", "reduction"])
def test_a_run_of_0_1_0_loads_and_gives_the_codes_it_gave(name, digits, kept):
    run = aae_tf.load_run(RUNS / name, kept if name == "semi_supervised" else None)
    images = digits.test.images[::100]
    with np.load(RUNS / name / "expected.npz") as expected:
        np.testing.assert_allclose(run.model.encode(images), expected["codes"], atol=1e-4)
        np.testing.assert_allclose(run.model.classify(images), expected["classes"], atol=1e-4)
        decoded = run.model.decode(np.zeros((3, run.model.prior.dim)), [0, 1, 2])
        np.testing.assert_allclose(decoded, expected["images"], atol=1e-4)
    assert run.recipe.epochs == 2
    assert run.recipe.options["widths"] == (8,)
    assert run.report(likelihood_samples=0)["measures"]["reconstruction_error"]["n"] > 5


def test_its_recipe_says_what_it_said(kept):
    recipe = aae_tf.load_run(RUNS / "semi_supervised", kept).recipe
    assert recipe.labels == 20
    assert recipe.prior == {"name": "gaussian", "std": 1.0}
    assert recipe.options["head_batch_norm"] == "y"
    assert recipe.optimizer("classification").learning_rate == 0.1
    assert "clusters" not in recipe.options  # 0.1.0 wrote down what this model has not


@pytest.mark.usefixtures("training_alone")
def test_a_run_of_0_1_0_that_was_stopped_goes_on_to_the_weights_it_would_have_had(kept, tmp_path):
    shutil.copytree(RUNS / "semi_supervised", tmp_path / "run")
    finished = keras.models.load_model(tmp_path / "run" / "model.keras")
    for name in ("model.keras", "evaluation.json"):
        (tmp_path / "run" / name).unlink()
    options = {"labels": 20, "widths": (8,), "discriminator_widths": (8,), "epochs": 2, "batch_size": 20}
    options |= {"precision": "float32", "progress": False, "jit_compile": True}
    recipe = aae_tf.Recipe.from_dict(read_record(tmp_path / "run")["recipe"])
    assert recipe.epochs == 2
    run = aae_tf.train("semi_supervised", kept, out_dir=tmp_path / "run", **options)
    assert [row["epoch"] for row in run.history] == [1, 2]
    for ours, theirs in zip(run.model.trainable_weights, finished.trainable_weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_run_of_0_1_0_is_not_resumed_by_another_recipe(kept, tmp_path):
    shutil.copytree(RUNS / "semi_supervised", tmp_path / "run")
    with pytest.raises(aae_tf.InputError, match="widths"):
        aae_tf.train("semi_supervised", kept, labels=20, batch_size=20, out_dir=tmp_path / "run", **QUICK)


def test_a_recipe_that_says_it_starts_once_is_read():
    recipe = aae_tf.recipes()["gaussian"]
    assert aae_tf.Recipe.from_dict({**recipe.to_dict(), "starts": 1}) == recipe
