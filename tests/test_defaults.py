"""A recipe on other data than digits: what changes by itself, and that what the user gives never does."""

import numpy as np
import pytest
from conftest import QUICK

import aae_tf
from aae_tf.data import Dataset, Split
from aae_tf.recipes.data_defaults import for_data


def dataset(count, shape, brightness=0):
    """Images that are mostly black, like digits, but for the brightness that is added."""
    chance = np.random.default_rng(0)
    images = chance.integers(0, 100, (count, *shape)) * (chance.random((count, *shape)) < 0.2) + brightness
    images = images.astype(np.uint8)
    split = Split(images)
    return Dataset("custom", split, split, split)


def test_the_digits_keep_every_number(digits):
    for recipe in aae_tf.recipes().values():
        assert for_data(recipe, digits, {}) == recipe


def test_few_images_take_more_epochs_for_as_many_updates():
    recipe = aae_tf.recipes()["gaussian"]
    assert for_data(recipe, dataset(700, (8, 8, 1)), {}).epochs == 5 * recipe.epochs
    assert for_data(recipe, dataset(5, (8, 8, 1)), {}).epochs == 10 * recipe.epochs
    assert for_data(recipe, dataset(5000, (8, 8, 1)), {}).epochs == recipe.epochs
    assert for_data(recipe, dataset(60, (8, 8, 1)), {}).batch_size == 60
    assert for_data(recipe, dataset(60, (8, 8, 1)), {"batch_size": 100}).batch_size == 100  # which training refuses
    assert for_data(recipe, dataset(700, (8, 8, 1)), {"epochs": 80}).epochs == 80
    assert for_data(recipe.with_options(epochs=7), dataset(700, (8, 8, 1)), {}).epochs == 7
    mine = aae_tf.Recipe("mine", epochs=5)
    assert for_data(mine, dataset(700, (8, 8, 1), brightness=150), {}) == mine


def test_many_images_take_fewer_passes_where_a_recipe_says_so(digits):
    recipe = aae_tf.recipes()["semi_supervised_views"]
    many = dataset(10_000, (4, 4, 1))
    assert (for_data(recipe, digits, {}).epochs, for_data(recipe, many, {}).epochs) == (80, 12)
    assert for_data(recipe.with_options(epochs=30), many, {"epochs": 30}).epochs == 30
    assert for_data(aae_tf.recipes()["gaussian"], many, {}).epochs == 80
    assert for_data(recipe.with_options(labels="all"), digits, {"labels": "all"}).epochs == 80


@pytest.mark.parametrize(
    ("labels", "known", "epochs"), [("all", 10_000, 60), ("100%", 10_000, 60), (10_000, 10_000, 60), ("all", 100, 12)]
)
def test_where_many_images_all_have_labels_none_is_guessed(labels, known, epochs):
    images = np.zeros((10_000, 4, 4, 1), np.uint8)
    split = Split(images, np.where(np.arange(len(images)) < known, 3, -1))
    recipe = aae_tf.recipes()["semi_supervised_views"].with_options(labels=labels)
    found = for_data(recipe, Dataset("custom", split, split, split), {"labels": labels})
    guesses = {} if epochs == 60 else {"perturbation": 1.5, "mutual_information": True}
    assert found.epochs == epochs
    assert found.options == {**recipe.options, "perturbation": 0.0, "mutual_information": False, **guesses}
    mine = {"labels": labels, "epochs": 5, "perturbation": 1.0}
    kept = for_data(recipe.with_options(**mine), Dataset("custom", split, split, split), mine)
    assert (kept.epochs, kept.options["perturbation"]) == (5, 1.0)


def test_larger_images_take_smaller_steps():
    recipe = aae_tf.recipes()["gaussian"]
    large = dataset(10, (56, 56, 1))
    found = for_data(recipe, large, {}).optimizer("reconstruction").learning_rate
    assert found == pytest.approx(recipe.optimizer("reconstruction").learning_rate / 4)
    found = for_data(recipe, large, {}).optimizer("regularization").learning_rate
    assert found == pytest.approx(recipe.optimizer("regularization").learning_rate / 4)
    given = {"reconstruction.learning_rate": 0.5}
    assert for_data(recipe.with_options(**given), large, given).optimizer("reconstruction").learning_rate == 0.5


def test_a_part_of_an_optimizer_that_is_given_leaves_the_rule_for_the_others():
    """At 64 x 64 x 3 SGD's usual rate ends in NaN, whatever its momentum."""
    recipe, large = aae_tf.recipes()["gaussian"], dataset(10, (64, 64, 3))
    given = {"reconstruction.momentum": 0.8}
    found = for_data(recipe.with_options(**given), large, given).optimizer("reconstruction")
    assert found.momentum == 0.8
    assert found.learning_rate < 0.001
    given = {"reconstruction": {"momentum": 0.8}}
    assert for_data(recipe.with_options(**given), large, given).optimizer("reconstruction") == found


def test_images_that_are_mostly_their_mean_are_centred():
    recipe = aae_tf.recipes()["gaussian"]
    bright = dataset(10, (8, 8, 1), brightness=150)
    found = for_data(recipe, bright, {})
    assert (found.options["image_scale"], found.optimizer("reconstruction").name) == ("centred", "adam")
    assert for_data(recipe, bright, {"image_scale": "unit"}).options.get("image_scale", "unit") == "unit"
    crossed = recipe.with_options(reconstruction_loss="binary_crossentropy")
    assert "image_scale" not in for_data(crossed, bright, {}).options


def test_a_gan_of_images_that_are_mostly_their_mean_sees_them_through_less_noise(digits):
    recipe = aae_tf.recipes()["gan"]
    noise = {
        name: for_data(recipe, each, {}).options["discriminator_noise"]
        for name, each in {"bright": dataset(10, (8, 8, 1), brightness=150), "digits": digits}.items()
    }
    assert noise["bright"] < noise["digits"] == recipe.options["discriminator_noise"]
    assert for_data(recipe, dataset(10_000, (4, 4, 1)), {}).epochs < recipe.epochs


def test_colour_images_take_the_colour_variant_unless_told_otherwise():
    recipe = aae_tf.recipes()["semi_supervised"]
    colour = for_data(recipe, dataset(10, (32, 32, 3)), {"latent_dim": 5})
    assert (colour.options["architecture"], colour.options["image_scale"], colour.latent_dim) == (
        "convolutional",
        "standardized",
        10,
    )


def test_a_map_without_labels_has_balanced_heads():
    digits = dataset(5000, (28, 28, 1))
    recipe = aae_tf.recipes()["reduction"]
    unlabelled = recipe.with_options(labels=0)
    found = for_data(unlabelled, digits, {"labels": 0})
    assert (found.options["head_batch_norm"], found.options["decoder_batch_norm"]) == ("balanced", True)
    assert for_data(recipe, digits, {}).options["head_batch_norm"] == "y"
    given = {"labels": 0, "head_batch_norm": "both"}
    assert for_data(recipe.with_options(**given), digits, given).options["head_batch_norm"] == "both"


@pytest.mark.usefixtures("training_alone")
@pytest.mark.e2e
def test_faces_find_their_place_in_the_plane(shared, tmp_path):
    """Without the rules the first epochs end in NaN, or every face has the same code."""
    with np.load(shared / "faces_48.npz") as arrays:
        faces = arrays["images"]
    run = aae_tf.train("gaussian", faces, epochs=60, widths=(300, 300), out_dir=tmp_path / "run", **QUICK)
    assert run.model.encode(faces).std(0).min() > 2
    error = run.evaluate(likelihood_samples=0)["metrics"]["reconstruction_error"]
    assert error["value"] < 0.9 * error["baseline"]
