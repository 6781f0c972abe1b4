"""One contract for every model and every network: shapes, configs, files, dtype policies, steps, compilation.

The models in QUICK cover every model class, every update structure and every option of the networks. The other recipes
and settings are saved, loaded and trained for a step in the end-to-end tests.
"""

import dataclasses
import functools
import warnings
from unittest import mock

import numpy as np
import pytest
from conftest import model_of, mostly_e2e, optimizers_of
from hypothesis import given, settings
from hypothesis import strategies as st

import aae_tf
from aae_tf import models, networks, priors
from aae_tf.backend import keras, tf
from aae_tf.models import ORDERS, Update
from aae_tf.networks.normalization import BatchNormalization
from aae_tf.training import make_optimizer
from aae_tf.training.updates import configured, phases_of

SHAPE = (28, 28, 1)
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
VARIANTS = {
    "mixture, gaussian posterior": ("mixture", {"posterior": "gaussian"}),
    "likelihood, universal posterior, batch norm, noises": (
        "likelihood",
        {"posterior": "universal", "batch_norm": True, "input_noise": 0.3, "discriminator_noise": 0.1},
    ),
    "swiss roll, gaussian posterior": ("labelled_swiss_roll", {"posterior": "gaussian"}),
    "clustering, balanced heads": ("clustering", {"head_batch_norm": "balanced", "clusters": 7}),
    "reduction without labels": ("reduction", {"labels": 0, "clusters": 5, "latent_dim": 3, "centroid_distance": 50.0}),
    "autoencoder, fitted mixture": ("autoencoder", {"prior": "fitted_mixture", "components": 3}),
    "contractive, stochastic": ("contractive", {"contraction": "stochastic", "activation": "tanh"}),
    "label not in the game": ("style", {"label_conditioned": False, "batch_norm": False, "head_batch_norm": "none"}),
    "convolutional, standardized": (
        "gaussian",
        {"architecture": "convolutional", "filters": (8, 8), "image_scale": "standardized"},
    ),
    "signed, least squares, dropout, three discriminator steps": (
        "gaussian",
        {
            "image_scale": "signed",
            "adversarial_loss": "least_squares",
            "input_dropout": 0.2,
            "discriminator_steps": 3,
        },
    ),
}
CASES = {**{name: (name, {}) for name in aae_tf.recipes()}, **VARIANTS}
QUICK = (
    "likelihood, universal posterior, batch norm, noises",
    "convolutional, standardized",
    "signed, least squares, dropout, three discriminator steps",
    "labelled_swiss_roll_views",
    "style",
    "semi_supervised_views",
    "clustering, balanced heads",
    "reduction without labels",
    "autoencoder, fitted mixture",
    "denoising",
    "contractive, stochastic",
    "vae_mixture",
    "conditional_vae",
    "gan",
    "wae_mmd",
)
NETWORKS = {
    "MLPBackbone": (lambda **kw: networks.MLPBackbone((16, 8), batch_norm=True, **kw), SHAPE, (8,)),
    "ConvolutionalBackbone": (lambda **kw: networks.ConvolutionalBackbone((4, 8), (8,), **kw), SHAPE, (8,)),
    "MLPDecoder": (lambda **kw: networks.MLPDecoder(SHAPE, (16,), **kw), (3,), SHAPE),
    "ConvolutionalDecoder": (
        lambda **kw: networks.ConvolutionalDecoder((30, 27, 3), (8, 4), (8,), batch_norm=True, **kw),
        (3,),
        (30, 27, 3),
    ),
    "MLPDiscriminator": (lambda **kw: networks.MLPDiscriminator((16, 8), **kw), (3,), (1,)),
}


def make(name, policy="float32", **more):
    """Return a model of the contract, with small layers where it has hidden ones."""
    recipe_name, options = CASES[name]
    recipe = aae_tf.recipes()[recipe_name].with_options(**{**options, **more})
    hidden = ("widths", "discriminator_widths")
    small = {each: (24,) for each in hidden if recipe.resolved().options.get(each)}
    return model_of(recipe.with_options(**small), SHAPE, dtype=policy)


@functools.cache
def unchanged(name):
    """Return the model of `make`, built and traced once for all tests that leave it as it is."""
    return make(name)


def encodes(model):
    return "encode" in model.signatures()


@pytest.fixture(params=QUICK)
def name(request):
    return request.param


every_case = pytest.mark.parametrize("name", mostly_e2e(CASES, QUICK))


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]


def test_every_model_is_in_the_contract():
    quick = [CASES[name] for name in QUICK]
    assert {aae_tf.recipes()[recipe].model for recipe, _ in quick} == set(models.MODELS)


@pytest.mark.usefixtures("eagerly")
def test_model_shapes_and_ranges(name, few):
    model = unchanged(name)
    images, labels = few[0][:7], few[1][:7]
    drawn, classes = model.draw(7, 0)
    codes = {code: model.encode(images, code=code) for code in model.drawn} if encodes(model) else drawn
    assert set(codes) == set(drawn) == set(model.priors) - {"y"}
    for code, values in codes.items():
        assert values.shape == drawn[code].shape == (7, model.priors[code].dim)
        assert values.dtype == np.float32
    decoded = model.decode({code: np.asarray(values) for code, values in codes.items()}, classes)
    reconstructed = [model.reconstruct(images, labels)] if encodes(model) else []
    if reconstructed and model.reads_labels:
        for wrong in (labels + 10, labels[1:], labels[0]):
            with pytest.raises(aae_tf.InputError, match="labels were given for 7 rows"):
                model.reconstruct(images, wrong)
    for pictures in (decoded, model.sample(7, seed=3), *reconstructed):
        assert pictures.shape == (7, *SHAPE)
        assert pictures.dtype == np.float32
        assert pictures.min() >= 0
        assert pictures.max() <= 1
    np.testing.assert_array_equal(model.sample(5, seed=3), model.sample(5, seed=3))
    assert not np.array_equal(model.sample(5, seed=3), model.sample(5, seed=4))


@pytest.mark.usefixtures("eagerly")
def test_uint8_and_float_images_give_the_same_codes(name, few):
    model = unchanged(name)
    if not encodes(model):
        assert not any(hasattr(model, name) for name in ("encode", "reconstruct", "score", "interpolate"))
        return
    images = few[0][:5]
    as_float = (images / 255.0).astype("float32")
    np.testing.assert_allclose(model.encode(images), model.encode(as_float), atol=1e-5)
    np.testing.assert_allclose(model.encode(images), model.encode(images[..., 0]), atol=1e-5)


def test_model_config_round_trip(name):
    model = unchanged(name)
    config = model.get_config()
    again = type(model).from_config(config)
    assert again.get_config() == config
    again.build((None, *SHAPE))
    assert declared(again) == declared(model)


def declared(model):
    """Return what tells whether a model trains as another does: each update's optimizer, and each of its phases'
    name, weight and variables."""
    return [
        (
            (update.optimizer, update.optimizer_key, update.repeat),
            [(each.name, each.weight, [tuple(v.shape) for v in each.variables]) for each in update.phases],
        )
        for update in model.updates()
    ]


@every_case
@pytest.mark.usefixtures("eagerly")
def test_model_saves_and_loads(name, few, tmp_path):
    model = unchanged(name)
    make(name).save(tmp_path / "model.keras")  # of the same weights, as one that was never called
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    images, labels = few[0][:5], few[1][:5]
    if encodes(model):
        np.testing.assert_allclose(loaded.encode(images), model.encode(images), atol=1e-6)
        np.testing.assert_allclose(loaded.reconstruct(images, labels), model.reconstruct(images, labels), atol=1e-6)
    np.testing.assert_allclose(loaded.sample(5, seed=1), model.sample(5, seed=1), atol=1e-6)
    if "classify" in model.signatures():
        np.testing.assert_allclose(loaded.classify(images), model.classify(images), atol=1e-6)
    assert declared(loaded) == declared(model)


def test_summary_counts_every_network(name):
    lines = []
    model = make(name)
    model.summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    for part in {"encoder", "decoder", "discriminator"} & set(model.build_spec.submodels):
        assert part in text


@pytest.mark.parametrize("policy", mostly_e2e(POLICIES[1:], ["mixed_bfloat16"]))
def test_every_policy_trains_with_float32_losses_and_codes(name, policy, batch):
    model = make(name, policy)
    codes = model.codes(batch, seed=priors.as_seed(0), training=True)
    assert {values.dtype for values in codes.values()} == {tf.float32}
    settings = aae_tf.OptimizerSettings("sgd", 1e-3, 0.0)
    updates = configured(model.updates())
    optimizers = optimizers_of(updates, lambda update: make_optimizer(settings, policy))
    before = [variable.numpy() for variable in model.trainable_variables]
    losses = ORDERS["alternating"](model, updates, optimizers, batch, priors.as_seed(0))
    assert list(losses) == list(phases_of(updates))
    for loss in losses.values():
        assert loss.dtype == tf.float32
        assert np.isfinite(loss)
    for variable in model.trainable_variables:
        assert variable.dtype == "float32"
    if policy != "mixed_float16":  # dynamic loss scaling may skip the very first step
        moved = [np.any(old != new.numpy()) for old, new in zip(before, model.trainable_variables, strict=True)]
        assert np.mean(moved) > 0.6


@every_case
def test_one_step_lowers_each_phases_loss(name, batch):
    """Each update alone, for which the two orders are one.

    Of classes as sharp as narrow petals a step moves the perturbation, looked for anew, too: ten lower its loss.
    """
    model, steps = make(name), ORDERS["alternating"]
    seed = priors.as_seed(7)
    for update in configured(model.updates()):
        for phase in update.phases:
            alone = [Update(dataclasses.replace(phase, weight=1.0))]
            sharp = (name, phase.name) == ("labelled_mixture_views", "perturbation")
            rate, count = (1e-2, 10) if sharp else (1e-4, 2)  # adversaries turn
            optimizers = optimizers_of(alone, lambda update, rate=rate: keras.optimizers.SGD(rate))
            with warnings.catch_warnings():
                # Keras warns of a variable that the loss does not reach; of several phases one may leave some to others
                warnings.simplefilter("ignore" if len(update.phases) > 1 else "error")
                step = [steps(model, alone, optimizers, batch, seed)[phase.name].numpy() for _ in range(count)]
            assert step[-1] < step[0], phase.name


@pytest.mark.parametrize("order", mostly_e2e(ORDERS, ["simultaneous"]))
def test_eager_and_compiled_steps_agree(order, batch):
    """With a prior and a posterior that draw nothing: XLA's random numbers are not eager TensorFlow's."""

    def fixed(n, seed):
        angle = tf.cast(tf.range(n), tf.float32)
        return tf.stack([tf.cos(angle), tf.sin(angle)], -1)

    results = []
    for compiled in (False, True):
        model = make("gaussian", input_noise=0.0)
        model.prior = priors.SamplerPrior(fixed, 2)
        updates = configured(model.updates())
        optimizers = optimizers_of(updates, lambda update: keras.optimizers.Adam(1e-3))
        step = functools.partial(ORDERS[order], model, updates, optimizers, batch, priors.as_seed(0))
        run = compile_step(step) if compiled else step
        losses = [np.array([loss.numpy() for loss in run().values()]) for _ in range(3)]
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


@pytest.mark.parametrize("how", mostly_e2e(["eager", "compiled"], ["eager"]))
@pytest.mark.parametrize(
    ("policy", "mean", "std"),
    [*((policy, 1.0, 2.0) for policy in (*POLICIES, "bfloat16", "float16", "float64")), ("float32", 100.0, 0.1)],
)
def test_batch_normalisation_is_kerass(policy, mean, std, how):
    """Of images: outputs, statistics, gradients and theirs in turn (of a contraction), trained, frozen and asked."""
    images = tf.random.stateless_normal((3, 5, 6, 4), [1, 2], mean, std)
    found = []
    for kind in (keras.layers.BatchNormalization, BatchNormalization):
        layer = kind(dtype=policy)
        layer.build(images.shape)
        layer.gamma.assign([0.5, 1.0, 1.5, -2.0])
        layer.beta.assign([0.1, -0.2, 0.3, 0.0])
        inputs = tf.cast(images, layer.compute_dtype)

        def run(layer=layer, inputs=inputs):
            with tf.GradientTape() as outer:
                outer.watch(inputs)
                with tf.GradientTape() as tape:
                    tape.watch(inputs)
                    outputs = layer(inputs, training=True)
                    loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 3)
                gradients = tape.gradient(loss, [inputs, *layer.trainable_variables])
                contraction = tf.reduce_sum(tf.cast(gradients[0], tf.float32) ** 2)
            return outputs, *gradients, outer.gradient(contraction, inputs)

        values = [*(run if how == "eager" else tf.function(run, jit_compile=True))()]
        values += [*layer.non_trainable_variables, layer(inputs)]
        layer.trainable = False
        values += [layer(inputs, training=True), layer.moving_mean]
        found.append([tf.cast(value, tf.float32).numpy() for value in values])
    for theirs, ours in zip(*found, strict=True):
        scale = np.abs(theirs).max()
        exact = policy in ("float32", "float64") and mean == 1
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=1e-5 if exact else 1e-2)


@pytest.mark.parametrize(
    "options", [{"scale": False}, {"center": False}, {"axis": 1}, {"momentum": 0.5, "epsilon": 0.1}]
)
def test_batch_normalisation_takes_kerass_arguments(options, tmp_path):
    images = tf.random.stateless_normal((3, 5, 6, 4), [1, 2], 1.0, 2.0)
    made = [
        keras.Sequential([keras.Input(images.shape[1:]), kind(**options)])
        for kind in (keras.layers.BatchNormalization, BatchNormalization)
    ]
    outputs = [model(images, training=True) for model in made]
    np.testing.assert_allclose(outputs[1], outputs[0], atol=1e-5)
    made[1].save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.layers[0]) is BatchNormalization
    np.testing.assert_allclose(again(images), made[0](images), atol=1e-5)


def test_files_of_kerass_batch_normalisation_are_read(tmp_path):
    def make_backbone(seed):
        backbone = networks.ConvolutionalBackbone((4, 8), (8,), batch_norm=True, seed=seed)
        backbone.build((None, *SHAPE))
        return backbone

    with mock.patch("aae_tf.networks.layers.BatchNormalization", keras.layers.BatchNormalization):
        theirs = make_backbone(1)
    theirs(tf.random.stateless_normal((4, *SHAPE), [1, 2]), training=True)  # so that its statistics are not the first
    theirs.save_weights(tmp_path / "backbone.weights.h5")
    ours = make_backbone(2)
    ours.load_weights(tmp_path / "backbone.weights.h5")
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("kind", networks.POSTERIORS)
def test_posteriors(kind):
    layer = networks.POSTERIORS[kind](3, seed=1)
    features = tf.random.stateless_normal((2000, 8), [1, 2])
    mode = layer(features)
    assert tuple(mode.shape) == (2000, 3)
    drawn, again = (layer(features, seed=priors.as_seed(4)) for _ in range(2))
    np.testing.assert_array_equal(drawn, again)
    assert layer.random == (not np.allclose(drawn, mode)) == (kind != "deterministic")
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
    layer = networks.POSTERIORS["gaussian"](2, seed=1)
    features = tf.repeat(tf.random.stateless_normal((1, 8), [1, 2]), 20_000, 0)
    mean, log_variance = (value[0].numpy() for value in layer_parameters(layer, features))
    drawn = layer(features, seed=priors.as_seed(5)).numpy()
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(drawn.var(0), np.exp(log_variance), rtol=0.05)


@given(std=st.floats(0.1, 3.0), head=st.sampled_from((None, 1.0, 2.0)))
@settings(max_examples=8, deadline=None)
def test_a_constant_variance_posterior_adds_noise_of_its_spread_and_no_other(std, head):
    options = {} if head is None else {"batch_norm": True, "norm_std": head}
    layer = networks.ConstantVariancePosterior(3, posterior_std=std, seed=1, **options)
    features = tf.random.stateless_normal((10_000, 8), [1, 2])
    noise = layer(features, seed=priors.as_seed(5)).numpy() - layer(features).numpy()
    np.testing.assert_allclose(noise.mean(0), 0, atol=0.04 * std)
    np.testing.assert_allclose(np.cov(noise.T), std**2 * np.eye(3), atol=0.04 * std**2)


def layer_parameters(layer, features):
    layer(features[:1])
    return layer.parameters(features)


@pytest.mark.usefixtures("eagerly")
def test_any_keras_model_can_take_each_place(few, tmp_path):
    """Plain Sequential networks, as a user would bring them, train and come back from a file."""
    dense = keras.layers.Dense
    encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), dense(16, "tanh"), dense(4)])
    decoder = keras.Sequential([keras.Input((4,)), dense(784, "sigmoid"), keras.layers.Reshape(SHAPE)])
    discriminator = keras.Sequential([keras.Input((4,)), dense(16, "relu"), dense(1)])
    model = models.AdversarialAutoencoder(encoder, decoder, discriminator, priors.Gaussian(4))
    options = {"epochs": 2, "batch_size": 160, "latent_dim": 4, "report": False, "progress": False}
    run = aae_tf.train("gaussian", few, model=model, out_dir=tmp_path / "run", jit_compile=False, **options)
    assert run.history[1]["reconstruction"] < run.history[0]["reconstruction"]
    loaded = aae_tf.load_run(tmp_path / "run", dataset=few)
    np.testing.assert_allclose(loaded.model.encode(few[0][:5]), model.encode(few[0][:5]), atol=1e-6)


def test_networks_that_do_not_fit_are_refused():
    parts = {"discriminator": networks.MLPDiscriminator((8,))}
    encoder = networks.Encoder(networks.MLPBackbone((8,)), {"z": networks.POSTERIORS["deterministic"](3)})
    model = models.AdversarialAutoencoder(
        encoder, decoder=networks.MLPDecoder(SHAPE, (8,)), prior=priors.Gaussian(2), **parts
    )
    with pytest.raises(aae_tf.InputError, match="dimension 3 but the prior has 2"):
        model.build((None, *SHAPE))
    encoder = networks.Encoder(networks.MLPBackbone((8,)), {"z": networks.POSTERIORS["deterministic"](2)})
    model = models.AdversarialAutoencoder(
        encoder, decoder=networks.MLPDecoder((8, 8, 1), (8,)), prior=priors.Gaussian(2), **parts
    )
    with pytest.raises(aae_tf.InputError, match=r"images of shape \(8, 8, 1\)"):
        model.build((None, *SHAPE))
