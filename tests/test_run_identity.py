"""A directory is one run: everything that decides its weights is compared before anything is trained or returned."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import QUICK, SMALL
from PIL import Image

import aae_tf
from aae_tf import models, networks, priors
from aae_tf.backend import keras, tf, tfp
from aae_tf.runs import directory as run_directory
from aae_tf.utils.files import locked, write_json

tfd = tfp.distributions
ONE = {**SMALL, **QUICK, "epochs": 1, "batch_size": 320}
SMALL_SEMI = {**ONE, "labels": 40, "weight_ema": 0.0}

pytestmark = pytest.mark.usefixtures("training_alone", "eagerly")


def train(few, recipe="gaussian", **options):
    return aae_tf.train(recipe, few, **{**ONE, **options})


def test_two_processes_do_not_train_into_one_directory(few, tmp_path):
    run = train(few, out_dir=tmp_path / "run")
    words = rf"process {os.getpid()} is training into '.*run'"
    # to the system a lock of another open file is another process's
    with locked(run.out_dir, "is training into"), pytest.raises(aae_tf.InputError, match=words):
        train(few, out_dir=run.out_dir, epochs=2)
    assert run_directory.read_record(run.out_dir)["recipe"]["epochs"] == 1  # who was refused has written nothing
    assert len(train(few, out_dir=run.out_dir, epochs=2).history) == 2


def test_checkpoints_without_a_record_are_nobodys(few):
    run = train(few)
    Path("alone").mkdir()
    (run.out_dir / "checkpoints").rename("alone/checkpoints")
    with pytest.raises(aae_tf.InputError, match="alone' has checkpoints and no recipe"):
        train(few, out_dir="alone", epochs=2, seed=1)  # whose weights would fit
    assert [path.name for path in Path("alone").iterdir()] == ["checkpoints"]


def test_a_run_killed_before_its_record_was_written_begins_again(few, monkeypatch):
    def killed(path, value):
        write_json(path, value)
        Path(f"begun/.{path.name}.partial-1").write_text("{")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("aae_tf.runs.directory.write_json", killed)
        train(few, out_dir="begun")
    assert (Path("begun") / "model.json").exists() and not (Path("begun") / "recipe.json").exists()
    assert len(train(few, out_dir="begun", widths=(16,)).history) == 1
    assert aae_tf.load_run("begun", few).recipe.flat()["widths"] == (16,)


def test_another_prior_is_another_run(few):
    near = train(few, prior=tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]))
    far = train(few, prior=tfd.MultivariateNormalDiag([50.0, 50.0], [1.0, 1.0]))
    again = train(few, prior=tfd.MultivariateNormalDiag([50.0, 50.0], [1.0, 1.0]))
    assert [run.out_dir.name for run in (near, far, again)] == ["gaussian", "gaussian-2", "gaussian-2"]
    assert not np.allclose(near.model.encode(few[0][:5]), far.model.encode(few[0][:5]))
    with pytest.raises(aae_tf.InputError, match=r"holds another run \(model: .*0.0 there, 50.0 now"):
        train(few, prior=tfd.MultivariateNormalDiag([50.0, 50.0], [1.0, 1.0]), out_dir="runs/gaussian")


def test_another_prior_function_is_another_run(few):
    """Keras does not know what is in a function, but what it draws is seen."""

    def around(place):
        return lambda n, seed: place + tf.random.stateless_normal([n, 2], seed)

    train(few, prior=around(0.0), out_dir="runs/near")
    with pytest.raises(aae_tf.InputError, match="the prior of z draws other samples"):
        train(few, prior=around(50.0), out_dir="runs/near")
    assert train(few, prior=around(0.0), out_dir="runs/near").history


def test_a_directory_with_a_prior_that_is_not_known_here_is_passed_over(few):
    run = train(few)
    record = json.loads((run.out_dir / "recipe.json").read_text())
    record["recipe"]["prior"] = {"name": "hoop", "radius": 3.0}
    (run.out_dir / "recipe.json").write_text(json.dumps(record))
    assert train(few).out_dir == Path("runs/gaussian-2").absolute()
    with pytest.raises(aae_tf.InputError, match="unknown prior 'hoop'"):
        train(few, out_dir="runs/gaussian")


def test_a_folder_by_another_name_is_the_same_data(few, tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    for number, image in enumerate(few[0][:60]):
        Image.fromarray(image[..., 0]).save(tmp_path / "pictures" / f"{number}.png")
    options = {**ONE, "batch_size": 20, "dataset": "pictures/"}
    run = aae_tf.train("gaussian", out_dir=tmp_path / "run", **options)
    again = aae_tf.train("gaussian", out_dir=tmp_path / "run", **{**options, "dataset": str(tmp_path / "pictures")})
    assert again.history == run.history
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert aae_tf.load_run(tmp_path / "run").data is not None


def test_other_labels_are_another_run(few):
    images, labels = few
    options = {"recipe": "semi_supervised", **SMALL_SEMI}
    first = train(few, **options)
    second = train((images, (labels + 1) % 10), **options)
    assert [run.out_dir.name for run in (first, second)] == ["semi_supervised", "semi_supervised-2"]
    with pytest.raises(aae_tf.InputError, match="trained on other images or labels"):
        train((images, (labels + 1) % 10), out_dir=first.out_dir, **options)


def own_model(width):
    encoder = networks.Encoder(networks.MLPBackbone((width,)), {"z": networks.DeterministicPosterior(2)})
    networks_ = (networks.MLPDecoder((28, 28, 1), (8,)), networks.MLPDiscriminator((8,)))
    return models.AdversarialAutoencoder(encoder, *networks_, priors.Gaussian(2))


def own(few, model, **options):
    settings = {name: ONE[name] for name in ("epochs", "batch_size", "progress", "jit_compile")}
    return aae_tf.train("gaussian", few, model=model, **{**settings, **options})


def with_encoder(body):
    """Return the model of `own_model` with another network for its encoder."""
    model = own_model(8)
    return models.AdversarialAutoencoder(body, model.decoder, model.discriminator, priors.Gaussian(2))


def test_another_model_is_another_run_and_the_same_one_made_again_is_not(few):
    runs = [own(few, own_model(width)) for width in (8, 8, 9)]
    assert [run.out_dir.name for run in runs] == ["gaussian", "gaussian", "gaussian-2"]
    assert runs[0].recipe.model == "custom"
    with pytest.raises(aae_tf.InputError, match="model: widths 8 there, 9 now"):
        own(few, own_model(9), out_dir="runs/gaussian")


def test_options_of_a_model_that_was_given_are_set_on_it(few):
    with pytest.raises(aae_tf.InputError, match="the model is an object of yours, so widths cannot be set here"):
        own(few, own_model(8), widths=(5,))


def test_another_compilation_is_another_run(few):
    run = train(few)
    with pytest.raises(aae_tf.InputError, match="jit_compile: False there, True now"):
        train(few, jit_compile=True, out_dir=run.out_dir)


def test_another_argument_of_the_prior_is_said(few):
    run = train(few)
    assert json.loads((run.out_dir / "recipe.json").read_text())["recipe"]["prior"] == {"name": "gaussian", "std": 5.0}
    with pytest.raises(aae_tf.InputError, match=r"prior\.std: 5\.0 there, 2\.0 now"):
        train(few, **{"prior.std": 2.0}, out_dir=run.out_dir)


@pytest.mark.parametrize(
    "prior",
    [
        tfd.TransformedDistribution(tfd.MultivariateNormalDiag([0.0, 0.0]), tfp.bijectors.Exp()),
        tfd.MultivariateNormalLinearOperator([0.0, 0.0], tf.linalg.LinearOperatorDiag([1.0, 1.0])),
    ],
    ids=["transformed", "linear operator"],
)
def test_what_cannot_be_saved_is_refused_before_it_is_trained(prior, few, tmp_path):
    with pytest.raises(aae_tf.InputError, match="cannot be saved"):
        train(few, prior=prior, epochs=50, out_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_mixture_of_distributions_comes_back(few, tmp_path):
    parts = [tfd.MultivariateNormalDiag([place, 0.0], [1.0, 1.0]) for place in (-3.0, 3.0)]
    prior = tfd.Mixture(tfd.Categorical(probs=[0.5, 0.5]), parts)
    run = train(few, prior=prior, out_dir=tmp_path / "run")
    loaded = aae_tf.load_run(tmp_path / "run", few)
    codes = run.model.encode(few[0][:4])
    np.testing.assert_allclose(loaded.model.prior.log_prob(codes), run.model.prior.log_prob(codes), rtol=1e-5)


def test_a_prior_beside_a_model_of_ones_own_is_refused(few):
    with pytest.raises(aae_tf.InputError, match="has its prior"):
        own(few, own_model(8), prior="mixture")
    with pytest.raises(aae_tf.InputError, match="latent_dim=9 was set, but the model's prior has 2"):
        own(few, own_model(8), latent_dim=9)


@keras.saving.register_keras_serializable()
class SetLater(keras.layers.Layer):
    """Its weights have a size that was set after the constructor, and is not in its config."""

    size = None

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.size))

    def call(self, inputs):
        return inputs @ self.kernel


@pytest.mark.parametrize("unknown", [keras.layers.Lambda(lambda x: x * 0.5), SetLater()])
def test_a_network_that_is_saved_but_not_loaded_again_is_refused_before_it_is_trained(unknown, few, tmp_path):
    unknown.size = 3
    body = keras.Sequential([keras.layers.Flatten(), unknown, keras.layers.Dense(2)])
    with pytest.raises(aae_tf.InputError, match="cannot be saved and loaded again"):
        own(few, with_encoder(body), out_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Unsaveable(keras.layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


def test_a_network_that_keras_cannot_save_is_refused_before_it_is_trained(few, tmp_path):
    body = keras.Sequential([keras.layers.Flatten(), Unsaveable(lambda x: x * 2), keras.layers.Dense(2)])
    with pytest.raises(aae_tf.InputError, match="cannot be saved"):
        own(few, with_encoder(body), out_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
