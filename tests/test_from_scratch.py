"""The example in plain Keras takes the same training step as the library."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import model_of, optimizers_of

import aae_tf
from aae_tf.models import ORDERS
from aae_tf.training import make_optimizer
from aae_tf.training.updates import configured

PATH = Path(__file__).parents[1] / "examples" / "aae_from_scratch.py"
NETWORKS = ("encoder", "decoder", "discriminator")
WIDTHS = (32, 24)


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("aae_from_scratch", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_short_and_does_not_use_the_library():
    text = PATH.read_text()
    assert len(text.splitlines()) <= 150
    assert "import aae_tf" not in text and "from aae_tf" not in text


def test_its_settings_are_those_of_the_recipe(example):
    recipe = aae_tf.recipes()["gaussian"]
    assert recipe.prior == {"name": "gaussian", "std": example.PRIOR_STD}
    assert recipe.options["input_noise"] == example.INPUT_NOISE
    assert recipe.latent_dim == example.LATENT_DIM
    kinds = {"reconstruction": "reconstruction", "discriminator": "regularization", "generator": "regularization"}
    settings = {name: recipe.optimizer(kind) for name, kind in kinds.items()}
    assert {each.schedule for each in settings.values()} == {"cosine"}
    assert {name: (each.learning_rate, each.momentum) for name, each in settings.items()} == example.OPTIMIZERS


@pytest.mark.usefixtures("eagerly")
def test_both_take_the_same_steps(example, batch):
    """The same initial weights, images and prior samples give the same losses and weights, step after step."""
    from aae_tf.backend import tf

    drawn = tf.random.stateless_normal([len(batch["images"]), 2], [1, 2])
    recipe = aae_tf.recipes()["gaussian"].with_options(widths=WIDTHS, discriminator_widths=WIDTHS, input_noise=0.0)
    model = model_of(recipe, prior=lambda n, seed: 5.0 * drawn)
    updates = configured(model.updates())
    optimizers = optimizers_of(updates, lambda update: make_optimizer(recipe.optimizer(update.optimizer)))
    scratch = example.AdversarialAutoencoder((28, 28, 1), WIDTHS, input_noise=0.0)
    scratch.compile()
    scratch.prior_samples = lambda count: 5.0 * drawn
    for name in NETWORKS:
        getattr(scratch, name).set_weights(getattr(model, name).get_weights())
    for step in range(3):
        images = tf.roll(batch["images"], step, 1)
        losses = ORDERS["alternating"](model, updates, optimizers, batch | {"images": images}, aae_tf.priors.as_seed(0))
        scratch.reset_metrics()
        ours = scratch.train_step(images)
        assert set(ours) == set(losses)
        for name, loss in losses.items():
            np.testing.assert_allclose(ours[name], loss, rtol=1e-5)
        for name in NETWORKS:
            for own, other in zip(getattr(scratch, name).weights, getattr(model, name).weights, strict=True):
                np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-7)


@pytest.mark.e2e
def test_it_trains_from_the_command_line(example, few, monkeypatch, capsys, tmp_path):
    np.savez("few.npz", x_train=few[0][..., 0], x_test=few[0][:50, ..., 0])
    monkeypatch.setattr(sys, "argv", [str(PATH), "few.npz", "--epochs", "1"])
    exec(compile(PATH.read_text(), str(PATH), "exec"), {"__name__": "__main__"})
    assert "mean squared error per pixel" in capsys.readouterr().out
    assert (tmp_path / "samples.png").stat().st_size > 1000
