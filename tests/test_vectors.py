"""What is trained on has any shape: elements that are vectors, with dense networks, through all a model does."""

import itertools

import numpy as np
import pytest
from conftest import mostly_e2e, optimizers_of

import aae_tf
from aae_tf import models, networks, priors
from aae_tf.backend import keras, tf
from aae_tf.models import ORDERS
from aae_tf.serving import export
from aae_tf.training.updates import configured

SIZE = 12
KINDS = ("gaussian", "vae", "style", "gan")  # others take steps on the rows of test_table_models


def rows(count=60):
    """Vectors in [0, 1] that lie near a plane."""
    chance = np.random.default_rng(0)
    return (1 / (1 + np.exp(-chance.normal(size=(count, 2)) @ chance.normal(size=(2, SIZE))))).astype("float32")


def make(recipe, size=SIZE, **options):
    recipe = aae_tf.recipes()[recipe].with_options(**options)
    hidden = ("widths", "discriminator_widths")
    recipe = recipe.with_options(**{name: (16, 16) for name in hidden if name in recipe.accepted()})
    prior = priors.as_prior(recipe.prior, recipe.latent_dim)
    model = models.MODELS[recipe.model].from_recipe(recipe, (size,), prior, classes=3)
    model.build((None, size))
    return model


@pytest.fixture
def batch():
    vectors, labels = tf.constant(rows()), tf.constant(np.arange(60) % 3, tf.int32)
    brought = {"labelled_images": vectors[:9], "labelled_labels": labels[:9], "views": vectors}
    return {"images": vectors, "labels": labels, **brought, "epoch": tf.constant(100.0)}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("recipe", "order"),
    mostly_e2e([*zip(KINDS, itertools.cycle(ORDERS))], [("gaussian", "alternating"), ("vae", "simultaneous")]),
)
def test_a_model_of_vectors_takes_steps(recipe, order, batch):
    model = make(recipe)
    updates = configured(model.updates())
    optimizers = optimizers_of(updates, lambda update: keras.optimizers.Adam(1e-2))
    step = tf.function(lambda seed: ORDERS[order](model, updates, optimizers, batch, seed), autograph=False)
    losses = [{name: float(loss) for name, loss in step(priors.as_seed(number)).items()} for number in range(12)]
    assert np.isfinite([list(each.values()) for each in losses]).all()
    if "reconstruction" in losses[0]:
        first, last = (np.mean([each["reconstruction"] for each in part]) for part in (losses[:3], losses[-3:]))
        assert last < first


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("recipe", mostly_e2e([*KINDS, "reduction"], ["gan"]))
def test_a_model_of_vectors_encodes_decodes_saves_and_exports(recipe, tmp_path):
    model = make(recipe)
    vectors, labels = rows(), np.arange(60, dtype=np.int32) % 3
    drawn, classes = model.draw(7, 0)
    codes = {name: code.numpy() for name, code in drawn.items()}
    assert model.decode(codes, classes).shape == model.sample(7, 0).shape == (7, SIZE)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.sample(5, 1), model.sample(5, 1), atol=1e-6)
    served = tf.saved_model.load(str(export(model, tmp_path / "served"))).signatures
    if "encode" not in model.signatures():
        return
    encoded = model.encode(vectors)
    assert encoded.shape == (60, model.prior.dim)
    np.testing.assert_allclose(loaded.encode(vectors), encoded, atol=1e-6)
    np.testing.assert_allclose(served["encode"](images=tf.constant(vectors))["codes"], encoded, atol=1e-5)
    outputs = model.reconstruct(vectors, labels)
    assert outputs.shape == vectors.shape
    errors = model.score(vectors, labels)["reconstruction_error"]
    np.testing.assert_allclose(errors, ((vectors - outputs) ** 2).mean(1), atol=1e-5)
    if "classify" in served:
        assert served["classify"](images=tf.constant(vectors))["labels"].shape == (60,)
    with pytest.raises(aae_tf.InputError, match=rf"accepted: \[N, {SIZE}\] with N > 0"):
        model.encode(vectors[:, :5])


@pytest.mark.parametrize("scale", ["signed", "centred", "standardized"])
def test_the_scales_of_images_are_scales_of_vectors(scale, batch):
    model = make("gaussian", image_scale=scale)
    model.image_scale.adapt(rows())
    scaled = model.image_scale(batch["images"])
    np.testing.assert_allclose(model.image_scale.invert(scaled), rows(), atol=1e-5)
    if scale != "signed":
        np.testing.assert_allclose(tf.reduce_mean(scaled, 0), np.zeros(SIZE), atol=1e-4)
    assert model.reconstruct(rows()).shape == (60, SIZE)


def test_any_keras_networks_of_vectors_make_a_model():
    dense = keras.layers.Dense
    model = models.AdversarialAutoencoder(
        keras.Sequential([keras.Input((SIZE,)), dense(8, "relu"), dense(2)]),
        keras.Sequential([keras.Input((2,)), dense(8, "relu"), dense(SIZE, "sigmoid")]),
        networks.MLPDiscriminator((8,)),
        priors.Gaussian(2),
    )
    model.build((None, SIZE))
    assert model.reconstruct(rows()).shape == (60, SIZE)


def test_what_only_images_have_is_refused_of_vectors(tmp_path):
    with pytest.raises(aae_tf.InputError, match=r"convolutions are for images.*not.*\(12,\); use architecture='mlp'"):
        make("gaussian", architecture="convolutional")
    for size in (SIZE, 3):
        with pytest.raises(
            aae_tf.InputError, match=r"PNG files hold images of 1 or 3 channels, not of shape \(" + str(size)
        ):
            export(make("gaussian", size=size), tmp_path / "served", png=True)
    assert not list((tmp_path / "served").glob("[0-9]*"))
