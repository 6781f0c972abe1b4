"""Types and completion, as a user's editor has them."""

import json
import subprocess
import sys
import typing
from pathlib import Path

import jedi
import pytest

import aae_tf
from aae_tf.config.schema import Choices
from aae_tf.recipes.changes import settable
from aae_tf.recipes.options import OptimizerOptions, RecipeOptions

SCRIPT = """
import numpy as np

import aae_tf
from aae_tf import AAEClassifier, AAEClusterer, AAEDetector, AAETransformer
from aae_tf.data import load
from aae_tf.networks import MLPDecoder
from aae_tf.priors import Gaussian
from aae_tf.serving import Client

run = aae_tf.train("gaussian", epochs=2, widths=(64, 64), seed=1, reconstruction={"learning_rate": 0.02})
run = aae_tf.load_run(run.out_dir)
images = load("mnist_5k").test.images[:10]
codes = run.model.encode(images)
print(codes.mean(), run.model.decode(codes).shape, run.model.sample(64, seed=0).shape)
report = run.evaluate("test")
print(report["metrics"], list(run.figures()), run.export("saved_models/gaussian"))
found = run.detector(false_alarm=0.1).detect(images)
print(found["abnormal"].mean())
table = aae_tf.compare(["gaussian", "vae"], epochs=2).rows()
table = aae_tf.sweep(["gaussian"], seeds=(0, 1), grid={"latent_dim": [2, 8]}).rows()
z = AAETransformer(latent_dim=8, image_shape=(28, 28)).fit_transform(images.reshape(10, -1))
clusters = AAEClusterer(n_clusters=12).fit(images).labels_
labels = AAEClassifier(epochs=1).fit(images, np.arange(10)).predict(images)
scores = AAEDetector(false_alarm=0.2).fit(images).score_samples(images)
answer = Client("http://localhost:8501").sample(4, seed=0)
recipe = aae_tf.recipes()["gaussian"].with_options(epochs=3)
model = aae_tf.AdversarialAutoencoder
prior, decoder = Gaussian(2, std=5.0), MLPDecoder
print(prior.sample(3, seed=0).shape, table, z, clusters, labels, scores, answer, recipe.epochs)
"""
# a misspelled method of a model is not reported: a checker does not know what keras.Model inherits
WRONG = """
import aae_tf

aae_tf.train("gaussian", epochs="two")
aae_tf.train("gaussian", no_such_option=2)
aae_tf.train("gaussian", report="yes")
aae_tf.trian("gaussian")
aae_tf.load_run("runs/gaussian").exprot("served")
aae_tf.load_run("runs/gaussian").evaluate(splt="test")
aae_tf.AAEClusterer(clusters=3)
aae_tf.serving.Client("http://localhost:8501").sample("four")
"""


@pytest.mark.e2e
def test_a_type_checker_accepts_a_users_script_and_reports_wrong_arguments(tmp_path):
    (tmp_path / "right.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(WRONG)
    settings = {"typeCheckingMode": "basic", "extraPaths": [str(Path(aae_tf.__file__).parents[1])]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, "-p", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [each for each in json.loads(done.stdout)["generalDiagnostics"] if each["severity"] == "error"]
    assert [each["message"] for each in found if each["file"].endswith("right.py")] == []
    lines = {each["range"]["start"]["line"] for each in found if each["file"].endswith("wrong.py")}
    assert lines == {number for number, line in enumerate(WRONG.splitlines()) if line.startswith("aae_tf.")}


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("import aae_tf\naae_tf.", set(aae_tf.__all__)),
        ("import aae_tf\naae_tf.models.", set(aae_tf.models.__all__)),
        ("import aae_tf\naae_tf.serving.", set(aae_tf.serving.__all__)),
        (
            "import aae_tf\nrun = aae_tf.train()\nrun.",
            {"model", "evaluate", "figures", "export", "detector", "history"},
        ),
        (
            "import aae_tf\nrun = aae_tf.train()\nrun.model.",
            {"encode", "decode", "reconstruct", "sample", "interpolate"},
        ),
    ],
)
def test_an_editor_completes_the_public_names(written, names):
    assert names <= {each.name for each in jedi.Script(written).complete()}


def plain(kind):
    """Return what a checker knows of an option's type: alternatives, sequences as `tuple`, names as `str`."""
    if typing.get_origin(kind) is typing.Literal:
        return {str}
    alternatives = typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, type(int | str)) else (kind,)
    names = {"Sequence": tuple, "Mapping": dict}
    return {
        names.get(typing.get_origin(each).__name__, typing.get_origin(each)) if typing.get_origin(each) else each
        for each in alternatives
    }


def test_the_typed_options_are_those_that_recipes_accept():
    accepted = {}
    models = aae_tf.models.MODELS  # other tests of the process may have registered recipes with their own models
    recipes = [each for each in aae_tf.recipes().values() if models[each.model].__module__.startswith("aae_tf.")]
    for recipe in recipes:
        accepted |= {name: each for name, each in settable(recipe).items() if "." not in name}
        accepted |= recipe.accepted(every=True)
    typed = typing.get_type_hints(RecipeOptions)
    kinds = {kind for recipe in recipes for kind in recipe.optimizers}
    assert set(typed) == {*accepted, *kinds, "components", "label", "prior"}
    for name, option in accepted.items():
        assert plain(typed[name]) == plain(option.kind), name
        choices = [check.names for check in option.checks if isinstance(check, Choices)]
        if typing.get_origin(typed[name]) is typing.Literal:
            assert [typing.get_args(typed[name])] == choices
    settings = typing.get_type_hints(aae_tf.OptimizerSettings)
    assert {name: plain(kind) for name, kind in typing.get_type_hints(OptimizerOptions).items()} == {
        name: plain(kind) for name, kind in settings.items()
    }
