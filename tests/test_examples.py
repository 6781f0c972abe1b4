"""Each example trains, resumes, saves, exports and answers to `--set`, and touches nothing of the package."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import command_line
import numpy as np
import pytest
from conftest import QUICK, eager, mostly_e2e

import aae_tf
from aae_tf import models, reporting
from aae_tf.backend import tf
from aae_tf.cli import main as cli
from aae_tf.training import Trainer, TrainingSettings, make_optimizer
from aae_tf.training.updates import configured

ROOT = Path(__file__).parents[1]
EXAMPLES = [path for path in sorted((ROOT / "examples").glob("*.py")) if path.stem != "aae_from_scratch"]
SMALL = {
    "epochs": 2,
    "batch_size": 280,  # a step an epoch
    "widths": (32,),
    "discriminator_widths": (32,),
    "reconstruction.schedule": "constant",
    "regularization.schedule": "constant",
}
MORE_STEPS = {"anomaly": {"batch_size": 40}}  # by name, where two steps are too few
RUNS = {  # name: (example, recipe, what is set of it)
    "ring": ("ring_prior", "gaussian", {"prior": "ring", "prior.radius": 3}),
    "hinge": ("other_games", "gaussian", {"adversarial_loss": "hinge"}),
    "wasserstein": ("other_games", "wasserstein", {"gradient_penalty": 3}),
    "two codes": ("second_code", "two_codes", {"w_dim": 3}),
    "consistent": ("consistent_views", "consistent", {"views.shift": 1, "erased": 8}),
    "anomaly": ("anomaly_score", "anomaly", {"prior_share": 0.2}),
}


@pytest.fixture(scope="module", autouse=True)
def plugins(few):
    """Every example imported as the command line imports it, and 400 digits by a name."""
    for path in EXAMPLES:
        cli.load_plugin(str(path))
    whole = aae_tf.data.load(few)
    rest = whole.train.take(np.flatnonzero(whole.train.labels != 1))
    aae_tf.data.DATASETS.register(lambda image_size: whole, "few")
    aae_tf.data.DATASETS.register(lambda image_size: dataclasses.replace(whole, train=rest), "few_without_1")


@pytest.fixture(scope="module")
def runs(plugins, tmp_path_factory):
    """Every example trained for two epochs, by name, and those with metrics of their own measured."""
    folder = tmp_path_factory.mktemp("examples")
    with eager():
        made = {name: train(name, folder / name.replace(" ", "_"), report=False) for name in RUNS}
        for name in ("two codes", "anomaly"):
            made[name].evaluate("validation", likelihood_samples=0)
    return made


def dataset(name):
    return "few_without_1" if name == "anomaly" else "few"


def train(name, out_dir, **more):
    _, recipe, chosen = RUNS[name]
    return aae_tf.train(
        recipe, dataset(name), out_dir=out_dir, **QUICK, **{**SMALL, **MORE_STEPS.get(name, {}), **chosen, **more}
    )


@pytest.fixture(params=RUNS)
def name(request):
    return request.param


def test_there_are_five_and_each_is_short():
    assert {path.stem for path in EXAMPLES} == {example for example, _, _ in RUNS.values()}
    assert len(EXAMPLES) == 5
    for path in EXAMPLES:
        assert len(path.read_text().splitlines()) < 80
        assert f"aae-tf --plugin examples/{path.name} train" in path.read_text()


@pytest.mark.usefixtures("eagerly")
def test_what_was_set_is_recorded_and_comes_back(name, runs):
    run = runs[name]
    recorded = json.loads((run.out_dir / "recipe.json").read_text())["recipe"]
    loaded = aae_tf.load_run(run.out_dir)
    for option, value in RUNS[name][2].items():
        part, _, argument = {"prior": "prior.name"}.get(option, option).rpartition(".")
        assert recorded[part or "options"][argument] == value
        assert loaded.recipe.flat()[f"{part}.{argument}".lstrip(".")] == value
    np.testing.assert_array_equal(loaded.model.sample(5, seed=1), run.model.sample(5, seed=1))
    assert reporting.compute_metrics(loaded.model, reporting.HeldOut(loaded.data, likelihood_samples=0)).keys()


@pytest.mark.usefixtures("eagerly", "training_alone", "uncompiled")
@pytest.mark.parametrize("name", mostly_e2e(RUNS, ["two codes"]))
def test_the_command_line_sets_options_and_a_resumed_run_is_the_same(name, runs, tmp_path):
    example, recipe, chosen = RUNS[name]
    options = {**SMALL, **MORE_STEPS.get(name, {}), **chosen, "widths": 32, "discriminator_widths": 32, "epochs": 1}
    settings = [word for option, value in options.items() for word in ("--set", f"{option}={value}")]
    plugin = ("--plugin", ROOT / "examples" / f"{example}.py")
    out = tmp_path / "run"
    assert command_line.run(*plugin, "train", recipe, "--dataset", dataset(name), "--out", out, *settings) == 0
    resumed = train(name, out)
    assert len(resumed.history) == 2
    for first, second in zip(runs[name].model.weights, resumed.model.weights, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", mostly_e2e(RUNS, ["two codes"]))
def test_exported_signatures_answer(name, runs, few, tmp_path):
    run = runs[name]
    served = tf.saved_model.load(str(run.export(tmp_path / "served")))
    images = few[0][::60][:6] / 255.0
    answers = {}
    for signature, (_, specs) in run.model.signatures().items():
        inputs = {spec.name: known(spec, images, run.model) for spec in specs}
        answers[signature] = served.signatures[signature](**inputs)
    np.testing.assert_allclose(answers["reconstruct"]["images"], run.model.reconstruct(images), atol=1e-5)
    np.testing.assert_allclose(answers["encode"]["codes"], run.model.encode(images), atol=1e-5)
    for score, values in run.model.score(images).items():
        np.testing.assert_allclose(answers["score"][score], values, rtol=1e-3, atol=1e-4)
    if name == "two codes":
        codes = {code: run.model.encode(images, code=code) for code in ("z", "w")}
        np.testing.assert_allclose(answers["encode"]["w"], codes["w"], atol=1e-5)
        np.testing.assert_allclose(run.model.decode(codes), run.model.reconstruct(images), atol=1e-5)


def known(spec, images, model):
    """Return six rows, or what stands in their place, for one input of a signature."""
    codes = model.priors.get("z" if spec.name == "codes" else spec.name)
    if spec.name == "images":
        return tf.constant(images, tf.float32)
    if codes is not None:
        return codes.sample(6, 0)
    return tf.fill([6 if size is None else size for size in spec.shape], tf.constant(6, spec.dtype))


@pytest.mark.e2e
def test_a_fresh_process_says_what_is_missing_and_loads_them_with_their_plugins(runs, few, tmp_path):
    np.savez("few.npz", images=few[0], labels=few[1])
    plugins = "".join(f"cli.load_plugin({str(path)!r})\n" for path in EXAMPLES)
    folders = {name: str(run.out_dir) for name, run in runs.items()}
    script = "import numpy as np, aae_tf\nfrom aae_tf.cli import main as cli\nfrom aae_tf.backend import keras\n"
    script += f"try:\n    aae_tf.load_run({folders['ring']!r}, 'few.npz')\n"
    script += "except aae_tf.InputError as error:\n    print(error)\n"
    script += plugins
    script += f"for name, folder in {folders!r}.items():\n"
    script += "    samples = keras.models.load_model(folder + '/model.keras').sample(5, seed=1)\n"
    script += "    np.save(name + '.npy', samples)\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "needs Ring, which is not known here" in done.stdout
    for name, run in runs.items():
        np.testing.assert_allclose(np.load(f"{name}.npy"), run.model.sample(5, seed=1), atol=1e-6)


def test_a_plugins_recipe_is_listed_with_all_that_can_be_set_of_it(capsys):
    assert command_line.run("--plugin", ROOT / "examples" / "ring_prior.py", "recipes", "ring") == 0
    assert {"prior.radius", "prior.noise"} <= set(capsys.readouterr().out.split())
    assert aae_tf.recipes()["ring"].with_options(**{"prior.radius": "3"}).prior == {"name": "ring", "radius": 3.0}


def test_a_plugin_refuses_what_its_options_do_not_take(capsys):
    command = ("--plugin", ROOT / "examples" / "ring_prior.py", "train", "gaussian", "--set", "prior=ring")
    assert command_line.run(*command, "--set", "prior.radius=-1") == 2
    assert "radius=-1.0 is out of range" in capsys.readouterr().err


def test_a_ring_is_a_ring():
    ring = aae_tf.priors.PRIORS["ring"](radius=3.0, noise=0.1)
    codes = ring.sample(2000, 0).numpy()
    np.testing.assert_allclose(np.linalg.norm(codes, axis=-1), 3.0, atol=0.5)
    np.testing.assert_array_equal(codes, ring.sample(2000, 0))


@pytest.mark.usefixtures("eagerly")
def test_a_critics_optimizer_counts_five_updates_a_step():
    recipe = aae_tf.recipes()["wasserstein"].with_options(**SMALL)
    prior = aae_tf.priors.Gaussian(2, 5.0)
    model = models.MODELS["WassersteinAAE"].from_recipe(recipe.resolved(), (28, 28, 1), prior)
    model.build((None, 28, 28, 1))
    train = aae_tf.data.load("few").train
    optimizers = {
        update.optimizer_key: make_optimizer(recipe.optimizer(update.optimizer), "float32")
        for update in configured(model.updates())
    }
    trainer = Trainer(model, train, TrainingSettings(batch_size=160, jit_compile=False), optimizers=optimizers)
    trainer.fit(1)
    steps = len(train) // 160
    counted = {name: int(optimizer.iterations) for name, optimizer in optimizers.items()}
    assert counted == {"reconstruction": steps, "discriminator": 5 * steps, "generator": steps}


def test_a_second_code_is_measured_beside_the_first(runs):
    metrics = runs["two codes"].last_report()["metrics"]
    assert {"mmd", "mmd_w", "prior_coverage_gap_w", "sliced_wasserstein_w", "two_sample_accuracy_w"} <= set(metrics)
    assert {"discriminator", "discriminator_w"} <= set(runs["two codes"].history[-1])
    images = runs["two codes"].data.test.images
    assert runs["two codes"].model.encode(images, code="w").shape == (len(images), 3)


def test_a_view_with_a_square_erased_differs_there_alone(digits):
    erase = tf.function(sys.modules["aae_tf_plugin_consistent_views"].erase, jit_compile=True)  # as within the step
    images = tf.ones((50, 28, 28, 1))
    gone = 1 - erase(images, 6, tf.constant([1, 2])).numpy()[..., 0]
    np.testing.assert_array_equal(gone.sum((1, 2)), 36)
    assert len(np.unique(gone.argmax(1).argmax(1))) > 5  # not all at one place
    np.testing.assert_array_equal(erase(images, 0, tf.constant([1, 2])), images)


def test_anomalies_are_measured_where_training_lacks_a_class(runs):
    run = runs["anomaly"]
    found = json.loads((run.out_dir / "evaluation.json").read_text())["metrics"]["anomaly_auroc"]
    assert 0 < found["value"] < 1
    assert found["n"] == len(run.data.validation)
    whole = reporting.HeldOut(aae_tf.data.load("few"))
    assert sys.modules["aae_tf_plugin_anomaly_score"].anomaly_auroc(run.model, whole) == {}


def test_the_anomaly_score_tells_ink_from_digits(runs):
    images = runs["anomaly"].data.test.images / 255.0
    usual, inverted = (runs["anomaly"].model.score(each)["anomaly"] for each in (images, 1 - images))
    assert inverted.min() > usual.max()


def test_a_detector_decides_by_the_examples_score(runs):
    run = runs["anomaly"]
    detector = run.detector(false_alarm=0.1, score="anomaly")
    assert detector.detect(1 - run.data.test.images / 255.0)["abnormal"].all()
    found = detector.detect(run.data.validation.images)
    np.testing.assert_array_equal(found["score"], found["anomaly"])
    assert found["abnormal"].sum() == 3  # of 40: one more is one in ten of 41
