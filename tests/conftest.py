"""Shared fixtures: real digits in small numbers, small networks, and the optional shared data."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import aae_tf
from aae_tf import data

# Tests run in as many processes as there are cores, so each keeps to one: a fifth of the time less than with more.
for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
gc.set_threshold(50_000, 20, 20)  # graphs are many small objects, and looking through them all often takes a while

LONGEST = ("test_notebooks", "test_notebooks_further", "test_training", "test_code_blocks")
SMALL = {
    "widths": (32, 32),
    "discriminator_widths": (32, 32),
    "epochs": 2,
    "precision": "float32",
    "input_noise": 0.0,
    "reconstruction": {"learning_rate": 0.01, "schedule": "constant"},
    "regularization": {"learning_rate": 0.1, "schedule": "constant"},
}
QUICK = {"progress": False, "jit_compile": False}  # a few steps take less time than to compile them
TRAINED = SMALL | {
    "epochs": 30,
    "widths": (128, 128),
    "batch_size": 20,
    "reconstruction": {"name": "adam", "learning_rate": 2e-3, "schedule": "constant"},
}


def small(name, **more):
    """Return as much of SMALL as a recipe's model takes, and more options, for `train` and `with_options`."""
    recipe = aae_tf.recipes()[name]
    taken = {"epochs", "precision", *recipe.accepted(), *recipe.optimizers}
    return {option: value for option, value in SMALL.items() if option in taken} | more


def model_of(recipe, shape=(28, 28, 1), prior=None, dtype="float32"):
    """Return the model that a `Recipe` describes, built for images of a shape in ten classes."""
    from aae_tf import models, priors

    prior = priors.as_prior(recipe.prior if prior is None else prior, recipe.latent_dim)
    model = models.MODELS[recipe.model].from_recipe(recipe, shape, prior, dtype, classes=10)
    model.build((None, *shape))
    return model


def optimizers_of(updates, make):
    """Return what `make(update)` gives for each optimizer that updates share, built for all that they move."""
    moved = {}
    for update in updates:
        moved.setdefault(update.optimizer_key, []).append(update)
    made = {state: make(those[0]) for state, those in moved.items()}
    for state, those in moved.items():
        variables = {id(variable): variable for update in those for variable in update.variables}
        made[state].build(list(variables.values()))
    return made


def pytest_collection_modifyitems(items):
    """Start with the longest files, so that no process has one of them left when the other is done."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def pytest_collection_finish():
    """Keep the collector from all that has been imported, which stays."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def coarse_pictures():
    """Draw pictures of a third of their resolution, for half the time: nobody looks at them."""
    drawn = Figure.savefig
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda *args, dpi=50, **options: drawn(*args, dpi=min(dpi, 50), **options))
        yield


@pytest.fixture(scope="session")
def digits():
    """The embedded digits, whole."""
    return data.load("mnist_5k")


@pytest.fixture(scope="session")
def few(digits):
    """400 digits with labels: (images, labels)."""
    rows = np.arange(0, 3500, 8.75).astype(int)  # 40 of each digit: the training images are in their order
    return digits.train.images[rows], digits.train.labels[rows]


@pytest.fixture(scope="session")
def batch(few):
    """One training batch of 50 digits, as the loop makes it."""
    from aae_tf.backend import tf

    images, labels = (tf.constant(array[::8]) for array in few)
    images = tf.cast(images, tf.float32) / 255.0
    return {
        "images": images,
        "labels": labels,
        "labelled_images": images[:20],
        "labelled_labels": labels[:20],
        "views": tf.roll(images, 1, 2),
        "epoch": tf.constant(100.0),  # whatever rises in training has risen
    }


@pytest.fixture(scope="session")
def trained(few, tmp_path_factory):
    """A small trained run on 400 digits."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    return aae_tf.train("gaussian", few, out_dir=folder, progress=False, **TRAINED)


@pytest.fixture(scope="session")
def exported(trained, tmp_path_factory):
    """A served model's folder with version 1, PNG signatures included; not to be changed."""
    dest = tmp_path_factory.mktemp("served") / "digits"
    trained.export(dest, png=True)
    return dest


@pytest.fixture(scope="session")
def shared():
    """The folder of shared development data; tests that need it skip without it."""
    folder = Path(os.environ.get("AAE_TF_SHARED", Path(__file__).parents[2] / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("shared data is not here")
    return folder


@pytest.fixture
def eagerly():
    """Steps as they stand in Python: where they are few that takes less time than to trace them."""
    from aae_tf.backend import tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def training_alone(monkeypatch):
    """Leave out the figures, numbers and export that end a training."""
    monkeypatch.setattr("aae_tf.runs.train._finish", lambda run, *_: run.save_model())


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Each test runs in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    np.random.seed(0)
