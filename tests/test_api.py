import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import QUICK, SMALL, TRAINED
from PIL import Image

import aae_tf
from aae_tf import priors, reporting
from aae_tf.backend import keras, tf, tfp

FEW_STEPS = {**SMALL, **QUICK, "batch_size": 320}  # a step an epoch
RUN_FILES = (
    "recipe.json",
    "history.csv",
    "evaluation.json",
    "model.keras",
    "figures/latent_plane.png",
    "figures/manifold.png",
    "figures/samples.png",
    "figures/reconstructions.png",
    "figures/losses.png",
    "saved_model/1/saved_model.pb",
)


def test_a_run_directory_holds_what_it_should(trained):
    for name in RUN_FILES:
        assert (trained.out_dir / name).stat().st_size > 100, name
    assert list((trained.out_dir / "events").glob("events.out.tfevents.*"))
    assert list((trained.out_dir / "checkpoints").glob("epoch-000030.npz"))
    for picture in (trained.out_dir / "figures").glob("*.png"):
        assert np.asarray(Image.open(picture).convert("L")).std() > 5
    assert not [path for path in trained.out_dir.rglob("*") if "partial" in path.name]


def test_the_history_names_every_phase(trained):
    assert len(trained.history) == 30
    assert {"epoch", "reconstruction", "discriminator", "generator", "val_reconstruction_error", "seconds"} == set(
        trained.history[0]
    )


def test_evaluation_has_values_beside_baselines(trained):
    metrics = json.loads((trained.out_dir / "evaluation.json").read_text())["metrics"]
    assert {"reconstruction_error", "mmd", "two_sample_accuracy"} <= set(metrics)
    for measure in metrics.values():
        assert {"value", "baseline", "baseline_is", "unit", "n"} <= set(measure)
    assert 0.4 < metrics["two_sample_accuracy"]["baseline"] < 0.65


def test_reconstructions_are_better_than_the_mean_image(trained):
    as_test = dataclasses.replace(trained.data, test=trained.data.train)
    error = reporting.metrics.reconstruction_error(trained.model, reporting.HeldOut(as_test))["reconstruction_error"]
    assert 0 < error["value"] < 0.95 * error["baseline"]  # about 0.8 with one seed, 0.87 with another


@pytest.mark.usefixtures("no_likelihood", "eagerly")
def test_training_reports_on_validation_images_and_a_report_on_others_leaves_it_there(few, tmp_path, monkeypatch):
    monkeypatch.setattr(aae_tf.Run, "figures", lambda *_: {})
    monkeypatch.setattr(aae_tf.Run, "export", lambda *_, **__: None)
    run = aae_tf.train("gaussian", few, out_dir=tmp_path / "run", **{**FEW_STEPS, "epochs": 1})
    chosen_by = run.last_report()
    assert (chosen_by["split"], chosen_by["metrics"]["reconstruction_error"]["n"]) == ("validation", 40)
    reported = run.evaluate()
    assert json.loads((run.out_dir / "evaluation.json").read_text()) == reported
    assert reported["split"] == "test"
    assert run.last_report("validation") == chosen_by
    assert run.last_report("test") == reported


def test_other_images_than_held_out_ones_are_no_split(trained, few):
    with pytest.raises(aae_tf.InputError, match="accepted: validation, test"):
        aae_tf.train("gaussian", few, split="train", progress=False)
    with pytest.raises(aae_tf.InputError, match="accepted: test, validation"):
        trained.evaluate("train")


@pytest.mark.usefixtures("eagerly")
def test_load_run_gives_the_same_model(few, tmp_path):
    run = aae_tf.train("gaussian", few, out_dir=tmp_path / "run", report=False, **FEW_STEPS)
    loaded = aae_tf.load_run(run.out_dir, dataset=few)
    np.testing.assert_allclose(loaded.model.encode(few[0]), run.model.encode(few[0]), atol=1e-6)
    assert loaded.recipe == run.recipe
    assert loaded.history == run.history
    found, expected = (each.evaluate(likelihood_samples=0)["metrics"]["mmd"] for each in (loaded, run))
    assert found["value"] == pytest.approx(expected["value"], abs=1e-6)


def test_a_loaded_run_of_own_data_asks_for_it(trained, few):
    loaded = aae_tf.load_run(trained.out_dir)
    assert loaded.model.sample(3).shape == (3, 28, 28, 1)
    with pytest.raises(aae_tf.InputError, match="give it again"):
        loaded.evaluate()
    with pytest.raises(aae_tf.InputError, match="other images or labels"):
        aae_tf.load_run(trained.out_dir, dataset=few[0][::-1])


def test_training_into_a_finished_run_says_so_and_changes_nothing(trained, few, capsys):
    before = {path: path.stat().st_mtime_ns for path in trained.out_dir.rglob("*") if path.is_file()}
    again = aae_tf.train("gaussian", few, out_dir=trained.out_dir, **TRAINED, progress=True)
    assert "is finished: 30 epochs" in capsys.readouterr().err
    np.testing.assert_array_equal(again.model.encode(few[0][:5]), trained.model.encode(few[0][:5]))
    changed = [path for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert {path.name for path in changed} <= {".lock"}


@pytest.mark.usefixtures("training_alone", "eagerly")
def test_a_finished_run_can_be_made_longer_exactly(few, tmp_path):
    whole = aae_tf.train("gaussian", few, out_dir=tmp_path / "whole", **{**FEW_STEPS, "epochs": 3})
    aae_tf.train("gaussian", few, out_dir=tmp_path / "parts", **{**FEW_STEPS, "epochs": 1})
    parts = aae_tf.train("gaussian", few, out_dir=tmp_path / "parts", **{**FEW_STEPS, "epochs": 3})
    assert len(parts.history) == 3
    for first, second in zip(whole.model.weights, parts.model.weights, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.usefixtures("training_alone", "eagerly")
def test_a_run_with_a_cosine_schedule_cannot_be_made_longer(few, tmp_path):
    options = {**FEW_STEPS, "reconstruction": {"schedule": "cosine"}}
    aae_tf.train("gaussian", few, out_dir=tmp_path / "run", **{**options, "epochs": 1})
    with pytest.raises(aae_tf.InputError, match="epochs: 1 there, 2 now"):
        aae_tf.train("gaussian", few, out_dir=tmp_path / "run", **{**options, "epochs": 2})


@pytest.mark.usefixtures("training_alone", "eagerly")
def test_without_out_dir_another_recipe_gets_another_directory(few):
    first = aae_tf.train("gaussian", few, **{**FEW_STEPS, "epochs": 1})
    second = aae_tf.train("gaussian", few, **{**FEW_STEPS, "epochs": 1, "seed": 1})
    third = aae_tf.train("gaussian", few, **{**FEW_STEPS, "epochs": 1, "seed": 1})
    assert [run.out_dir for run in (first, second, third)] == [
        Path("runs", name).absolute() for name in ("gaussian", "gaussian-2", "gaussian-2")
    ]


@pytest.mark.usefixtures("training_alone", "eagerly")
def test_the_seed_decides_everything(few, tmp_path):
    runs = [
        aae_tf.train("mixture", few, out_dir=tmp_path / name, **{**FEW_STEPS, "epochs": 1, "seed": seed})
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    codes = [run.model.encode(few[0][:9]) for run in runs]
    np.testing.assert_array_equal(codes[0], codes[1])
    assert not np.allclose(codes[0], codes[2])


@pytest.mark.usefixtures("training_alone", "eagerly")
def test_averaged_weights_are_the_ones_used_and_saved(few, tmp_path):
    options = {**FEW_STEPS, "epochs": 2}
    plain = aae_tf.train("gaussian", few, out_dir=tmp_path / "plain", **options)
    averaged = aae_tf.train("gaussian", few, out_dir=tmp_path / "averaged", weight_ema=0.9, **options)
    losses = [[row["reconstruction"] for row in run.history] for run in (plain, averaged)]
    np.testing.assert_allclose(*losses, rtol=1e-6)  # the training itself is the same
    assert not np.allclose(plain.model.encode(few[0][:5]), averaged.model.encode(few[0][:5]))
    loaded = aae_tf.load_run(tmp_path / "averaged", few)
    np.testing.assert_allclose(loaded.model.encode(few[0][:5]), averaged.model.encode(few[0][:5]), atol=1e-6)


@keras.saving.register_keras_serializable("aae_tf_tests")
def registered_sampler(n, seed):
    return tf.random.stateless_uniform([n, 2], seed)


@pytest.mark.usefixtures("eagerly")
def test_a_prior_by_an_unregistered_function_is_given_again(few, tmp_path):
    def sampler(n, seed):
        return tf.random.stateless_uniform([n, 2], seed)

    run = aae_tf.train(
        "gaussian", few, out_dir=tmp_path / "run", prior=sampler, report=False, **{**FEW_STEPS, "epochs": 1}
    )
    loaded = aae_tf.load_run(tmp_path / "run", few)
    np.testing.assert_allclose(loaded.model.encode(few[0][:4]), run.model.encode(few[0][:4]), atol=1e-6)
    with pytest.raises(aae_tf.InputError, match=r"load_run\(out_dir, prior=...\)"):
        loaded.model.sample(4)
    loaded = aae_tf.load_run(tmp_path / "run", few, prior=sampler)
    np.testing.assert_allclose(loaded.model.sample(4, seed=2), run.model.sample(4, seed=2), atol=1e-6)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "prior",
    [
        tfp.distributions.MultivariateNormalDiag([0.0, 1.0], [1.0, 2.0]),
        registered_sampler,
        priors.SwissRoll(),
    ],
    ids=["tfp", "registered function", "swiss roll"],
)
def test_any_prior(few, prior, tmp_path):
    options = {**FEW_STEPS, "epochs": 1, "report": False}
    run = aae_tf.train("gaussian", few, out_dir=tmp_path / "run", prior=prior, **options)
    if not isinstance(prior, priors.Prior):
        assert np.isfinite(run.evaluate(likelihood_samples=0)["metrics"]["mmd"]["value"])
        run.export()
    assert run.recipe.prior == {"name": "custom"}
    loaded = aae_tf.load_run(tmp_path / "run", few)
    np.testing.assert_allclose(loaded.model.sample(4, seed=2), run.model.sample(4, seed=2), atol=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_colour_images_of_odd_sizes_with_a_convolutional_model(shared, tmp_path):
    with np.load(shared / "colour_objects_32.npz") as arrays:
        images, labels = arrays["x_train"][:300, :31, :27], arrays["y_train"][:300]
    options = {**FEW_STEPS, "architecture": "convolutional", "filters": (4, 8), "batch_norm": True}
    options |= {"batch_size": 120, "report": False}
    options["reconstruction"] = {"name": "adam", "learning_rate": 1e-3}
    run = aae_tf.train("likelihood", (images, labels), out_dir=tmp_path / "run", image_scale="standardized", **options)
    assert run.model.reconstruct(images[:3]).shape == (3, 31, 27, 3)
    run.figures()
    assert run.history[-1]["reconstruction"] < run.history[0]["reconstruction"]


def test_a_model_keeps_its_shape_errors_clear(trained):
    with pytest.raises(aae_tf.InputError, match=r"accepted: \[N, 28, 28, 1\]"):
        trained.model.encode(np.zeros((3, 20, 20, 1)))
    with pytest.raises(aae_tf.InputError, match=r"shape \(3, 5\)"):
        trained.model.decode(np.zeros((3, 5)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": "gausian"}, "unknown recipe 'gausian'.*Did you mean 'gaussian'"),
        ({"widht": (3,)}, "unknown option of AdversarialAutoencoder 'widht'.*Did you mean 'widths'"),
        ({"clusters": 5}, "unknown option of AdversarialAutoencoder 'clusters'"),
        ({"filters": (8,)}, "unknown option of AdversarialAutoencoder 'filters'"),
        ({"classification": {"momentum": 0.5}}, "updates of reconstruction, regularization only"),
        ({"weights.kl": 0.5}, "weights: the model has no phase 'kl'; it has: reconstruction, discriminator, gen"),
        ({"fused": "reconstruction,kl"}, "fused: the model has no phase 'kl'"),
        ({"prior.radius": 3}, "unknown option of prior 'gaussian' 'radius'"),
        ({"views.shift": 3}, "views were set, but nothing of AdversarialAutoencoder looks at them"),
        ({"views.turn": 3}, "unknown option of views 'turn'"),
        ({"keep": "first"}, "unknown keep 'first'"),
        (
            {"monitor": "val_loss", "keep": "best"},
            "EarlyStopping monitors 'val_loss', which is unknown; accepted: rec",
        ),
        ({"labels": 100}, "AdversarialAutoencoder trains without labels"),
        ({"epochs": 0}, "epochs=0 is out of range"),
        ({"epochs": "many"}, "epochs='many' cannot be read"),
        ({"order": "random"}, "unknown order 'random'"),
        ({"posterior": "normal"}, "unknown posterior"),
        ({"latent_dim": 3, "recipe": "mixture"}, "prior has dimension 2 but the code has 3; set latent_dim=2"),
        ({"activation": "reluu"}, "unknown activation 'reluu'"),
        ({"initializer": "nothing"}, "unknown initializer 'nothing'"),
        ({"batch_size": 5000}, "batch_size 5000 is larger than the 320 training images"),
        ({"reconstruction_loss": "binary_crossentropy", "image_scale": "signed"}, "needs image_scale 'unit'"),
        ({"reconstruction": {"learning_rate": -1}}, "learning_rate=-1.0 is out of range"),
        ({"reconstruction": {"rate": 1}}, "unknown option of reconstruction 'rate'"),
        ({"prior": 5}, "a prior is a name, an aae_tf.priors.Prior"),
        ({"prior": "gausian"}, "Did you mean 'gaussian'"),
        ({"prior": priors.Gaussian(5)}, "dimension 5 but the code has 2"),
        ({"name": "mine"}, "name cannot be set"),
        ({"callbacks": [keras.callbacks.BackupAndRestore("x")]}, "runs resume by themselves"),
        ({"callbacks": [keras.callbacks.SwapEMAWeights()]}, "weight_ema"),
        ({"callbacks": [keras.callbacks.EarlyStopping("loss")]}, "monitors 'loss', which is unknown; accepted: rec"),
        ({"callbacks": [print]}, "is not a callback"),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_anything_is_written(few, options, message):
    with pytest.raises(aae_tf.InputError, match=message):
        aae_tf.train(**{"dataset": few, "progress": False, **options})
    assert not os.path.exists("runs")


def test_directories_that_cannot_be_used_are_refused(trained, few, tmp_path):
    with pytest.raises(aae_tf.InputError, match="seed: 0 there, 9 now"):
        aae_tf.train("gaussian", few, out_dir=trained.out_dir, seed=9, **TRAINED)
    with pytest.raises(aae_tf.InputError, match=r"prior\.name: 'gaussian' there, 'mixture' now"):
        aae_tf.train("gaussian", few, prior="mixture", out_dir=trained.out_dir, **TRAINED)
    with pytest.raises(aae_tf.InputError, match="other images or labels"):
        aae_tf.train("gaussian", (few[0][::-1], few[1]), out_dir=trained.out_dir, **TRAINED)
    with pytest.raises(aae_tf.InputError, match="already has 30 epochs"):
        aae_tf.train("gaussian", few, out_dir=trained.out_dir, **{**TRAINED, "epochs": 1})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    with pytest.raises(aae_tf.InputError, match="not empty and holds no run"):
        aae_tf.train("gaussian", few, out_dir=tmp_path / "full", **FEW_STEPS)
    with pytest.raises(aae_tf.InputError, match="cannot write to"):
        aae_tf.train("gaussian", few, out_dir="/proc/nowhere/run", **FEW_STEPS)
    with pytest.raises(aae_tf.InputError, match="holds no run"):
        aae_tf.load_run(tmp_path)


def test_recipe_round_trip_and_text_options():
    for recipe in aae_tf.recipes().values():
        assert aae_tf.Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    changed = aae_tf.recipes()["gaussian"].with_options(
        **{"widths": "300,200", "batch_norm": "true", "reconstruction.learning_rate": "0.5", "epochs": "7"}
    )
    assert changed.options["widths"] == (300, 200)
    assert changed.options["batch_norm"] is True
    assert changed.optimizer("reconstruction").learning_rate == 0.5
    assert changed.optimizer("reconstruction").momentum == 0.9
    assert changed.epochs == 7
