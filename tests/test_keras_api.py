"""Models as Keras models: compile, fit, evaluate, save and load, and Keras' global settings."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import mostly_e2e

import aae_tf
from aae_tf import networks, priors
from aae_tf.backend import keras, tf
from aae_tf.runs.plan import resolve

SHAPE = (8, 8, 1)
CHANCE = np.random.default_rng(0)
IMAGES = CHANCE.integers(0, 256, (60, *SHAPE), dtype=np.uint8)
LABELS = np.where(np.arange(60) % 3 == 0, np.arange(60) % 2, -1)


def backbone():
    return networks.MLPBackbone((8,))


def gaussian():
    parts = (backbone(), {"z": networks.DeterministicPosterior(2, name="z")})
    return aae_tf.AdversarialAutoencoder(
        networks.Encoder(*parts), networks.MLPDecoder(SHAPE, (8,)), networks.MLPDiscriminator((8,)), priors.Gaussian(2)
    )


def semi_supervised():
    heads = {name: networks.DeterministicPosterior(2, name=name) for name in ("z", "y_logits")}
    return aae_tf.SemiSupervisedAAE(
        networks.Encoder(backbone(), heads),
        networks.MLPDecoder(SHAPE, (8,)),
        networks.MLPDiscriminator((8,)),
        priors.Gaussian(2),
        discriminator_y=networks.MLPDiscriminator((8,)),
        classes=2,
    )


def weights_of(model):
    return [weight.numpy() for weight in model.weights]


@pytest.fixture(scope="module")
def fitted_once():
    return fitted(gaussian)


def fitted(make, images=IMAGES, *labels, epochs=2, **options):
    keras.utils.set_random_seed(0)
    model = make()
    model.compile(keras.optimizers.Adam(0.01), run_eagerly=True, **options)
    return model, model.fit(images, *labels, batch_size=20, epochs=epochs, verbose=0)


def test_fit_trains_every_network_by_the_models_updates_and_reports_each_phase(fitted_once):
    keras.utils.set_random_seed(0)
    start = gaussian()
    start.build((None, *SHAPE))
    model, history = fitted_once
    assert set(history.history) == {"reconstruction", "discriminator", "generator"}
    assert np.isfinite(history.history["generator"]).all() and len(history.history["generator"]) == 2
    for old, new in zip(start.trainable_variables, model.trainable_variables, strict=True):
        assert np.any(old.numpy() != new.numpy()), new.path


def test_the_same_seed_gives_the_same_weights(fitted_once):
    for one, other in zip(weights_of(fitted_once[0]), weights_of(fitted(gaussian)[0]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_evaluate_gives_the_numbers_of_validate():
    model, history = fitted(semi_supervised, IMAGES, LABELS, epochs=1)
    found = model.evaluate(IMAGES, LABELS, return_dict=True)
    expected = model.validate(aae_tf.data.Split(IMAGES, LABELS.astype("int32")))
    assert {f"val_{name}": value for name, value in found.items()} == expected
    assert model.evaluate(IMAGES, LABELS) == list(expected.values())
    assert set(history.history) >= {"classification", "discriminator_y"}


def test_datasets_and_validation_data():
    model = semi_supervised()
    model.compile({"reconstruction": "adam", "regularization": "sgd", "classification": "adam"}, jit_compile=False)
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS[:, None])).batch(20)
    history = model.fit(dataset, epochs=1, validation_data=(IMAGES, LABELS), verbose=0).history
    assert {"val_reconstruction_error", "val_classification_error", "classification"} <= set(history)
    assert model.evaluate(dataset, return_dict=True)["reconstruction_error"] == history["val_reconstruction_error"][0]


def test_what_the_updates_cannot_use_is_refused():
    model = gaussian()
    with pytest.raises(aae_tf.InputError, match="loss was given; AdversarialAutoencoder has its own losses"):
        model.compile("adam", "mse")
    model.compile("adam")
    with pytest.raises(aae_tf.InputError, match="accepted: integers"):
        model.fit(IMAGES, IMAGES / 255.0)
    for batches in (iter([IMAGES]), keras.utils.PyDataset()):
        with pytest.raises(aae_tf.InputError, match="was given; accepted: an array or"):
            model.fit(batches)
    with pytest.raises(aae_tf.InputError, match="use batch_size=60 or smaller"):
        model.fit(IMAGES)
    unlabelled = semi_supervised()
    unlabelled.compile("adam")
    with pytest.raises(aae_tf.InputError, match="no training image has one"):
        unlabelled.fit(IMAGES, np.full(60, -1), batch_size=20)


@pytest.mark.e2e
def test_a_compiled_model_is_saved_with_its_optimizers_and_loads_in_another_process(tmp_path):
    model, _ = fitted(gaussian)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.optimizers["generator"].iterations == model.optimizers["generator"].iterations == 6
    for one, other in zip(weights_of(model), weights_of(again), strict=True):
        np.testing.assert_array_equal(one, other)
    again.fit(IMAGES, batch_size=20, verbose=0)
    code = f"import aae_tf, sys; assert 'tensorflow' not in sys.modules; import keras; print(keras.models.load_model(r'{tmp_path / 'model.keras'}').sample(1).shape)"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "(1, 8, 8, 1)", done.stderr[-500:]


@pytest.mark.parametrize("policy", mostly_e2e(["mixed_bfloat16", "mixed_float16"], ["mixed_float16"]))
def test_a_global_dtype_policy_is_that_of_the_networks(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model, history = fitted(gaussian, epochs=1)
        assert model.decoder.dtype_policy.name == policy
        assert np.isfinite(history.history["reconstruction"]).all()
        assert model.encode(IMAGES).dtype == model.reconstruct(IMAGES).dtype == np.float32
        assert resolve("gaussian", IMAGES).precision == policy
    finally:
        keras.config.set_dtype_policy(before)


def test_images_have_their_channels_last_whatever_keras_default():
    network = networks.ConvolutionalBackbone((4,), (8,), seed=1)
    decoder = networks.ConvolutionalDecoder(SHAPE, (4,), (8,), seed=1)
    expected = network(IMAGES / 255.0).numpy(), decoder(np.ones((2, 2), "float32")).numpy()
    keras.config.set_image_data_format("channels_first")
    try:
        network = networks.ConvolutionalBackbone((4,), (8,), seed=1)
        decoder = networks.ConvolutionalDecoder(SHAPE, (4,), (8,), seed=1)
        np.testing.assert_allclose(network(IMAGES / 255.0), expected[0], atol=1e-5)
        np.testing.assert_allclose(decoder(np.ones((2, 2), "float32")), expected[1], atol=1e-5)
    finally:
        keras.config.set_image_data_format("channels_last")
