"""One contract for every model and every network: shapes, configs, files, dtype policies, steps, compilation.

A new model adds a line to MODEL_RECIPES, a new network a line to NETWORKS, and gets these checks.
"""

import dataclasses
import functools
import warnings

import numpy as np
import pytest
from conftest import SMALL
from hypothesis import given, settings
from hypothesis import strategies as st

import aae_tf
from aae_tf import models, networks, priors
from aae_tf.backend import keras, tf
from aae_tf.models.phases import ORDERS
from aae_tf.training import make_optimizer

SHAPE = (28, 28, 1)
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
MODEL_RECIPES = {
    "AAE": ("gaussian", {}),
    "AAE mixture, gaussian posterior": ("mixture", {"posterior": "gaussian"}),
    "AAE universal, batch norm, noises": (
        "likelihood",
        {"posterior": "universal", "batch_norm": True, "input_noise": 0.3, "discriminator_noise": 0.1},
    ),
    "label-informed, mixture": ("labelled_mixture", {}),
    "label-informed, swiss roll": ("labelled_swiss_roll", {"posterior": "gaussian"}),
    "supervised": ("style", {}),
    "semi-supervised": ("semi_supervised", {}),
    "clustering": ("clustering", {"clusters": 7}),
    "reduction": ("reduction", {}),
    "clustering, balanced heads": ("clustering", {"head_batch_norm": "balanced"}),
    "reduction without labels": ("reduction", {"labels": 0, "clusters": 5, "latent_dim": 3, "head_distance": 50.0}),
    "linear": ("linear_autoencoder", {"widths": ()}),
    "autoencoder": ("autoencoder", {}),
    "autoencoder, fitted mixture": ("autoencoder", {"prior": "fitted_mixture", "components": 3}),
    "denoising": ("denoising", {"input_noise": 0.5}),
    "contractive": ("contractive", {"activation": "tanh"}),
    "contractive, stochastic": ("contractive", {"contraction": "stochastic"}),
    "VAE": ("vae", {}),
    "VAE mixture": ("vae_mixture", {}),
    "conditional VAE": ("conditional_vae", {}),
    "GAN": ("gan", {}),
    "moment matching": ("wae_mmd", {}),
    "supervised, label in the game": ("style", {"label_in_game": True}),
    "supervised, joint": ("style_joint", {}),
    "AAE convolutional, standardized": (
        "gaussian",
        {"architecture": "convolutional", "filters": (8, 8), "image_scale": "standardized"},
    ),
    "AAE signed, least squares, dropout": (
        "gaussian",
        {"image_scale": "signed", "adversarial_loss": "least_squares", "input_dropout": 0.2},
    ),
}
NETWORKS = {
    "MLPBody": (lambda **kw: networks.MLPBody((16, 8), batch_norm=True, **kw), SHAPE, (8,)),
    "ConvolutionalBody": (lambda **kw: networks.ConvolutionalBody((4, 8), (8,), **kw), SHAPE, (8,)),
    "MLPDecoder": (lambda **kw: networks.MLPDecoder(SHAPE, (16,), **kw), (3,), SHAPE),
    "ConvolutionalDecoder": (
        lambda **kw: networks.ConvolutionalDecoder((30, 27, 3), (8, 4), (8,), batch_norm=True, **kw),
        (3,),
        (30, 27, 3),
    ),
    "MLPDiscriminator": (lambda **kw: networks.MLPDiscriminator((16, 8), **kw), (3,), (1,)),
}


def make(name, policy="float32", **more):
    recipe_name, options = MODEL_RECIPES[name]
    recipe = aae_tf.recipes()[recipe_name].with_options(**{**SMALL, **options, **more})
    prior = priors.named_prior(recipe.prior, recipe.latent_dim, recipe.prior_std, recipe.components)
    model = models.model_class(recipe.model).from_recipe(recipe, SHAPE, prior, policy, classes=10)
    model.build((None, *SHAPE))
    return model


@pytest.fixture(params=MODEL_RECIPES)
def name(request):
    return request.param


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]


def test_every_model_is_in_the_contract():
    assert {aae_tf.recipes()[recipe].model for recipe, _ in MODEL_RECIPES.values()} == set(models.MODELS)


def test_model_shapes_and_ranges(name, few):
    model = make(name)
    images = few[0][:7]
    labels = few[1][:7]
    codes = model.encode(images) if model.encodes else model.prior.sample(7, 0).numpy()
    assert codes.shape == (7, model.prior.dim)
    assert codes.dtype == np.float32
    decoded = model.decode(codes, labels % model.classes if model.classes else None)
    reconstructed = [model.reconstruct(images, labels)] if model.encodes else []
    for pictures in (decoded, model.sample(7, seed=3), *reconstructed):
        assert pictures.shape == (7, *SHAPE)
        assert pictures.dtype == np.float32
        assert pictures.min() >= 0
        assert pictures.max() <= 1
    np.testing.assert_array_equal(model.sample(5, seed=3), model.sample(5, seed=3))
    assert not np.array_equal(model.sample(5, seed=3), model.sample(5, seed=4))


def test_uint8_and_float_images_give_the_same_codes(name, few):
    model = make(name)
    if not model.encodes:
        with pytest.raises(aae_tf.InputError, match="no encoder"):
            model.encode(few[0][:5])
        return
    images = few[0][:5]
    as_float = (images / 255.0).astype("float32")
    np.testing.assert_allclose(model.encode(images), model.encode(as_float), atol=1e-5)
    np.testing.assert_allclose(model.encode(images), model.encode(images[..., 0]), atol=1e-5)


def test_model_config_round_trip(name):
    model = make(name)
    config = model.get_config()
    again = type(model).from_config(config)
    assert again.get_config() == config
    again.build((None, *SHAPE))
    assert declared(again) == declared(model)


def declared(model):
    """Return what tells whether a model trains as another does: each phase's name, kind, weight and variables."""
    return [(phase.name, phase.kind, phase.weight, len(phase.variables)) for phase in model.phases()]


def test_model_saves_and_loads(name, few, tmp_path):
    model = make(name)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    images, labels = few[0][:5], few[1][:5]
    if model.encodes:
        np.testing.assert_allclose(loaded.encode(images), model.encode(images), atol=1e-6)
        np.testing.assert_allclose(loaded.reconstruct(images, labels), model.reconstruct(images, labels), atol=1e-6)
    np.testing.assert_allclose(loaded.sample(5, seed=1), model.sample(5, seed=1), atol=1e-6)
    if hasattr(model, "classify"):
        np.testing.assert_allclose(loaded.classify(images), model.classify(images), atol=1e-6)
    assert [phase.name for phase in loaded.phases()] == [phase.name for phase in model.phases()]


def test_summary_counts_every_network(name):
    lines = []
    model = make(name)
    model.summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    for part in {"encoder", "decoder", "discriminator"} & set(model.parts):
        assert part in text


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_trains_with_float32_losses_and_codes(name, policy, batch):
    model = make(name, policy)
    codes = model.codes(batch, seed=priors.as_seed(0), training=True)
    assert codes["z"].dtype == tf.float32
    settings = aae_tf.OptimizerSettings("sgd", 1e-3, 0.0)
    optimizers = {phase.name: make_optimizer(settings, policy) for phase in model.phases()}
    for phase in model.phases():
        optimizers[phase.name].build(phase.variables)
    before = [variable.numpy() for variable in model.trainable_variables]
    losses = ORDERS["alternating"](model, model.phases(), optimizers, batch, priors.as_seed(0))
    for loss in losses:
        assert loss.dtype == tf.float32
        assert np.isfinite(loss)
    for variable in model.trainable_variables:
        assert variable.dtype == "float32"
    if policy != "mixed_float16":  # dynamic loss scaling may skip the very first step
        moved = [np.any(old != new.numpy()) for old, new in zip(before, model.trainable_variables, strict=True)]
        assert np.mean(moved) > 0.6


@pytest.mark.parametrize("order", ORDERS)
def test_one_step_lowers_each_phases_loss(name, order, batch):
    model = make(name)
    seed = priors.as_seed(7)
    for phase in model.phases():
        optimizer = keras.optimizers.SGD(1e-3)
        optimizer.build(phase.variables)
        joins, phase = phase.joins, dataclasses.replace(phase, weight=1.0)
        with warnings.catch_warnings():
            # Keras warns of a variable that the loss does not reach; one that joins another may leave some to that
            warnings.simplefilter("ignore" if joins else "error")
            step = [ORDERS[order](model, [phase], {phase.name: optimizer}, batch, seed)[0].numpy() for _ in range(2)]
        assert step[1] < step[0], phase.name


@pytest.mark.parametrize("order", ORDERS)
def test_eager_and_compiled_steps_agree(order, batch):
    """With a prior and a posterior that draw nothing: XLA's random numbers are not eager TensorFlow's."""

    def fixed(n, seed):
        angle = tf.cast(tf.range(n), tf.float32)
        return tf.stack([tf.cos(angle), tf.sin(angle)], -1)

    results = []
    for compiled in (False, True):
        model = make("AAE")
        model.prior = priors.SamplerPrior(fixed, 2)
        phases = model.phases()
        optimizers = {phase.name: keras.optimizers.Adam(1e-3) for phase in phases}
        for phase in phases:
            optimizers[phase.name].build(phase.variables)

        step = functools.partial(ORDERS[order], model, phases, optimizers, batch, priors.as_seed(0))
        run = compile_step(step) if compiled else step
        losses = [np.array([loss.numpy() for loss in run()]) for _ in range(3)]
        results.append((losses, [variable.numpy() for variable in model.trainable_variables]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-4)
    for eager, xla in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(eager, xla, atol=2e-4)


def compile_step(step):
    return tf.function(lambda: step(), jit_compile=True)


def test_network_shapes_and_config(network):
    maker, inputs, outputs = network
    made = maker(seed=3)
    result = made(tf.random.stateless_normal((4, *inputs), [1, 2]))
    assert tuple(result.shape) == (4, *outputs)
    again = type(made).from_config(made.get_config())
    assert again.get_config() == made.get_config()
    again(tf.zeros((1, *inputs)))
    for first, second in zip(made.weights, again.weights, strict=True):
        np.testing.assert_array_equal(first, second)  # the seed is part of the config


def test_network_saves_and_loads(network, tmp_path):
    maker, inputs, _ = network
    made, sample = maker(seed=3), tf.random.stateless_normal((4, *inputs), [1, 2])
    made(sample)
    made.save(tmp_path / "network.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "network.keras")(sample), made(sample), atol=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_network_policies(network, policy):
    maker, inputs, _ = network
    made = maker(dtype=policy)
    sample = tf.random.stateless_uniform((4, *inputs), [1, 2])
    reference = maker()(sample)
    result = tf.cast(made(sample), tf.float32)
    np.testing.assert_allclose(result, reference, atol=0.05 * float(tf.reduce_max(tf.abs(reference))) + 0.02)


@pytest.mark.parametrize("kind", networks.posteriors.POSTERIORS)
def test_posteriors(kind):
    layer = networks.posterior(kind, 3, seed=1)
    features = tf.random.stateless_normal((2000, 8), [1, 2])
    mode = layer(features)
    assert tuple(mode.shape) == (2000, 3)
    drawn, again = (layer(features, seed=priors.as_seed(4)) for _ in range(2))
    np.testing.assert_array_equal(drawn, again)
    assert np.allclose(drawn, mode) == (kind == "deterministic")
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


@given(scale=st.floats(1, 100), std=st.floats(0.5, 5))
@settings(max_examples=10, deadline=None)
def test_a_balanced_head_keeps_its_spread_whatever_it_sees(scale, std):
    head = networks.DeterministicPosterior(3, batch_norm=True, norm_std=std, seed=1)
    codes = head(scale * tf.random.stateless_normal((500, 8), [1, 2]), training=True).numpy()
    np.testing.assert_allclose(codes.std(0), std, rtol=0.03)
    np.testing.assert_allclose(codes.mean(0), 0, atol=1e-3)
    assert head.norm.trainable_variables == []
    assert type(head).from_config(head.get_config()).norm_std == std


def test_gaussian_posterior_samples_have_its_moments():
    layer = networks.posterior("gaussian", 2, seed=1)
    features = tf.repeat(tf.random.stateless_normal((1, 8), [1, 2]), 20_000, 0)
    mean, log_variance = (value[0].numpy() for value in layer_parameters(layer, features))
    drawn = layer(features, seed=priors.as_seed(5)).numpy()
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(drawn.var(0), np.exp(log_variance), rtol=0.05)


def layer_parameters(layer, features):
    layer(features[:1])
    return layer.parameters(features)


def test_any_keras_model_can_take_each_place(few, tmp_path):
    """Plain Sequential networks, as a user would bring them, train and come back from a file."""
    dense = keras.layers.Dense
    encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), dense(16, "tanh"), dense(4)])
    decoder = keras.Sequential([keras.Input((4,)), dense(784, "sigmoid"), keras.layers.Reshape(SHAPE)])
    discriminator = keras.Sequential([keras.Input((4,)), dense(16, "relu"), dense(1)])
    model = models.AdversarialAutoencoder(encoder, decoder, discriminator, priors.Gaussian(4))
    run = aae_tf.train(
        "gaussian", few, model=model, out_dir=tmp_path / "run", progress=False, epochs=2, batch_size=50, latent_dim=4
    )
    assert run.history[1]["reconstruction"] < run.history[0]["reconstruction"]
    loaded = aae_tf.load_run(tmp_path / "run", dataset=few)
    np.testing.assert_allclose(loaded.model.encode(few[0][:5]), model.encode(few[0][:5]), atol=1e-6)


def test_networks_that_do_not_fit_are_refused():
    parts = {"discriminator": networks.MLPDiscriminator((8,))}
    encoder = networks.Encoder(networks.MLPBody((8,)), {"z": networks.posterior("deterministic", 3)})
    model = models.AdversarialAutoencoder(
        encoder, decoder=networks.MLPDecoder(SHAPE, (8,)), prior=priors.Gaussian(2), **parts
    )
    with pytest.raises(aae_tf.InputError, match="dimension 3 but the prior has 2"):
        model.build((None, *SHAPE))
    encoder = networks.Encoder(networks.MLPBody((8,)), {"z": networks.posterior("deterministic", 2)})
    model = models.AdversarialAutoencoder(
        encoder, decoder=networks.MLPDecoder((8, 8, 1), (8,)), prior=priors.Gaussian(2), **parts
    )
    with pytest.raises(aae_tf.InputError, match=r"images of shape \(8, 8, 1\)"):
        model.build((None, *SHAPE))
