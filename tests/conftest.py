"""Shared fixtures: real digits in small numbers, small networks, and the optional shared data.

A plain `pytest` leaves out the tests marked `e2e` and has to end within six minutes on two cores. Building and tracing
models takes most of that time, so tests share what they train, do not compile it, and take a few steps eagerly
(`eager()` and the fixture `eagerly`).
"""

import contextlib
import gc
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from matplotlib.figure import Figure

import aae_tf
from aae_tf import data

# There are as many processes as cores, and each has one thread: this takes a fifth less time than more threads.
for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
gc.set_threshold(50_000, 20, 20)  # graphs are many small objects, and frequent collections take long

LONGEST = ("test_code_blocks", "test_notebooks", "test_notebooks_further", "test_distribution", "test_contract")
LONGEST += ("test_training", "test_models")
SMALL = {
    "widths": (32,),
    "discriminator_widths": (32,),
    "epochs": 2,
    "precision": "float32",
    "input_noise": 0.0,
    "reconstruction": {"learning_rate": 0.01, "schedule": "constant"},
    "regularization": {"learning_rate": 0.1, "schedule": "constant"},
}
QUICK = {"progress": False, "jit_compile": False}  # a few steps take less time than to compile them
TRAINED = SMALL | {
    "jit_compile": False,
    "epochs": 30,
    "widths": (128, 128),
    "discriminator_widths": (32, 32),
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


def mostly_e2e(cases, quick):
    """Return cases for `parametrize`, values or tuples of them, all but the quick ones marked as end-to-end tests."""
    assert set(quick) <= set(cases)
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [
        pytest.param(*each, marks=() if case in quick else pytest.mark.e2e)
        for case, each in zip(cases, values, strict=True)
    ]


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
    """Start with the longest files, so that both processes end at about the same time."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


def pytest_collection_finish():
    """Leave what has been imported out of garbage collections."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def graphs_as_they_are(request):
    """Do not optimize small graphs (a sixth of the time), but in end-to-end tests."""
    from aae_tf.backend import tf

    if request.config.getoption("markexpr") == "not e2e":
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Let SIGINT interrupt this process, also where a shell has started it in the background and SIGINT is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def coarse_pictures(request):
    """Draw pictures of a third of their resolution, and plainly without a layout, for a quarter of the time."""
    drawn, plain = Figure.savefig, request.config.getoption("markexpr") == "not e2e"

    def draw(figure, *args, dpi=50, **options):
        if plain:
            figure.set_layout_engine("none")
        drawn(figure, *args, dpi=min(dpi, 50), **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", draw)
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
def once(tmp_path_factory):
    """Function (name, make): the folder that `make(folder)` fills, once for all processes of the tests."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name, make):
        with FileLock(base / f"{name}.lock"):
            if not (base / name).exists():
                make(base / "unfinished" / name)
                (base / "unfinished" / name).rename(base / name)
        return base / name

    return folder


@pytest.fixture(scope="session")
def trained(few, once):
    """A small trained run on 400 digits, loaded; not to be changed."""

    def train(folder):
        aae_tf.train("gaussian", few, out_dir=folder, progress=False, **TRAINED)

    return aae_tf.load_run(once("small", train), few)


@pytest.fixture(scope="session")
def exported(trained, once):
    """A served model's folder with version 1, PNG signatures included; not to be changed."""
    return once("digits", lambda folder: trained.export(folder, png=True))


@pytest.fixture(scope="session")
def shared():
    """The folder of shared development data; tests that need it skip without it."""
    folder = Path(os.environ.get("AAE_TF_SHARED", Path(__file__).parents[2] / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("shared data is not here")
    return folder


@contextlib.contextmanager
def only_signatures(*names):
    """Have exports hold some of the model's signatures alone, which takes less time."""

    def kept(model):
        return {name: model.signatures()[name] for name in names}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aae_tf.export.saved_model.signatures", kept)
        yield


@contextlib.contextmanager
def eager():
    """Run steps as Python instead of tracing them, which is quicker for less than about ten steps."""
    from aae_tf.backend import tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def eagerly():
    """Run the steps of a test eagerly."""
    with eager():
        yield


@pytest.fixture
def training_alone(monkeypatch):
    """Leave out the report (figures, metrics, export) at the end of trainings: `report=False` by default."""
    monkeypatch.setitem(default_options(), "report", False)


@pytest.fixture
def uncompiled(monkeypatch):
    """Do not compile the steps of trainings: `jit_compile=False` by default."""
    monkeypatch.setitem(default_options(), "jit_compile", False)


@pytest.fixture
def no_likelihood(monkeypatch):
    """Evaluate without the likelihood: `likelihood_samples=0` by default, also of sweeps and comparisons."""
    without_likelihood(monkeypatch)


def without_likelihood(patch):
    from aae_tf.runs.run import Run

    for method in (Run.evaluate, Run.report):
        patch.setattr(method, "__defaults__", ("test", 0, None))


def default_options():
    """Return the defaults of `aae_tf.train`, a dict that can be changed, also for the command line and sweeps."""
    from aae_tf.runs.train import train

    return train.__kwdefaults__


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Each test runs in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    np.random.seed(0)
