"""The models of §2.3 and §4-§7, each by its recipe on few digits: what they learn, measure, draw and serve."""

import numpy as np
import pytest
from conftest import QUICK, eager, model_of, mostly_e2e, small
from scipy.spatial.distance import pdist

import aae_tf
from aae_tf import priors, reporting
from aae_tf.backend import tf
from aae_tf.losses import centroid_distance_loss
from aae_tf.models import LabelConditionedObjective

RECIPES = {
    "labelled_mixture": ({}, {"prior_class_accuracy"}, {"axes", "manifold"}),
    "labelled_swiss_roll_views": ({}, {"prior_class_accuracy"}, {"axes", "manifold", "views"}),
    "style": (
        {},
        {
            "class_probe_z_linear",
            "class_probe_z_nearest",
            "class_probe_sampled_z_linear",
            "class_probe_sampled_z_nearest",
            "sample_class_accuracy",
        },
        {"style_grid"},
    ),
    "semi_supervised": ({"labels": 40}, {"classification_error", "sample_class_accuracy"}, {"style_grid", "confusion"}),
    "clustering": (
        {"clusters": 6},
        {"clustering_error", "majority_error", "assignment_error", "nmi", "ari", "clusters_used"},
        {"clusters"},
    ),
    "reduction": (
        {"labels": 40},
        {"classification_error", "map_trustworthiness", "map_nearest_accuracy"},
        {"map", "confusion"},
    ),
}


@pytest.fixture(scope="module", params=mostly_e2e(RECIPES, []))
def run(request, few, tmp_path_factory):
    options, metrics, figures = RECIPES[request.param]
    folder = tmp_path_factory.mktemp(request.param) / "run"
    adam = {"name": "adam", "learning_rate": 2e-3, "schedule": "constant"}
    options = {**small(request.param, **options), **QUICK, "batch_size": 160, "reconstruction": adam}
    with eager():
        made = aae_tf.train(request.param, few, out_dir=folder, report=False, **options)
        made.evaluate("validation", likelihood_samples=0)
        made.figures("validation")
        made.export()
    return made, metrics, figures


def test_every_recipe_trains_measures_and_draws(run):
    made, metrics, figures = run
    report = made.last_report("validation")["metrics"]
    assert metrics | {"reconstruction_error", "mmd"} <= set(report)
    for name in metrics:
        assert np.isfinite(report[name]["value"]), name
    pictures = {path.stem for path in (made.out_dir / "figures").glob("*.png")}
    assert figures | {"latent_plane", "samples", "reconstructions", "losses"} <= pictures
    assert made.history[-1]["reconstruction"] < made.history[0]["reconstruction"]


def test_the_labelled_images_are_recorded(run, few):
    made, *_ = run
    if not set(made.model.training_spec.required_inputs) & {"labels", "labelled"}:
        assert not (made.out_dir / "labelled.csv").exists()
        return
    rows = np.loadtxt(made.out_dir / "labelled.csv", delimiter=",", skiprows=1, dtype=int)
    np.testing.assert_array_equal(made.data.train.labels[rows[:, 0]], rows[:, 1])
    expected = {"20%": 64, "all": 320}.get(made.recipe.labels, made.recipe.labels)
    assert len(rows) == expected


def test_a_loaded_run_gives_the_same_report(run, few, eagerly):
    made, *_ = run
    loaded = aae_tf.load_run(made.out_dir, dataset=few)
    expected, found = made.last_report("validation")["metrics"], loaded.report("validation", likelihood_samples=0)
    assert expected.keys() == found["metrics"].keys()
    for name, metric in found["metrics"].items():
        assert metric["value"] == pytest.approx(expected[name]["value"], abs=1e-5), name


def test_its_signatures_give_its_own_outputs(run, few, eagerly):
    made, *_ = run
    model, labels = made.model, few[1][:6]
    served = tf.saved_model.load(str(made.out_dir / "saved_model" / "1")).signatures
    images = tf.constant(few[0][:6] / 255.0, tf.float32)
    with_image = {"images": images, **({"labels": tf.constant(labels)} if model.reads_labels else {})}
    np.testing.assert_allclose(served["encode"](images=images)["codes"], model.encode(images), atol=1e-5)
    np.testing.assert_allclose(
        served["reconstruct"](**with_image)["images"], model.reconstruct(images, labels), atol=1e-5
    )
    assert served["score"](**with_image)["prior_logit"].shape == (6,)
    codes = model.prior.sample(4, 0)
    if model.classes:
        chosen = np.array([0, 3, -1, 1], np.int32)
        drawn = served["sample"](seeds=tf.range(4), labels=tf.constant(chosen))
        alone = [model.sample(1, seed, chosen[seed : seed + 1])[0] for seed in range(4)]
        np.testing.assert_allclose(drawn["images"], alone, atol=1e-5)
        np.testing.assert_array_equal(drawn["labels"].numpy()[[0, 1, 3]], [0, 3, 1])
        decoded = served["decode"](codes=codes, labels=drawn["labels"])
        np.testing.assert_allclose(decoded["images"], model.decode(codes, drawn["labels"]), atol=1e-5)
    else:
        np.testing.assert_allclose(served["decode"](codes=codes)["images"], model.decode(codes), atol=1e-5)
    if "classify" in model.signatures():
        found = served["classify"](images=images)
        np.testing.assert_allclose(found["probabilities"], model.classify(images), atol=1e-5)
        np.testing.assert_allclose(tf.reduce_sum(found["probabilities"], -1), np.ones(6), atol=1e-5)
        np.testing.assert_array_equal(found["labels"], model.predict_labels(images))
        np.testing.assert_allclose(
            served["encode"](images=images)["label_probabilities"], found["probabilities"], atol=1e-6
        )
    else:
        assert "classify" not in served


@pytest.mark.usefixtures("training_alone")
@pytest.mark.e2e
def test_labels_teach_the_semi_supervised_model(digits, tmp_path):
    """With 500 labels of 3,500 images, four epochs of a small network beat 0.35 by far; chance is 0.9."""
    made = aae_tf.train(
        "semi_supervised",
        digits,
        labels=500,
        epochs=6,
        widths=(128, 128),
        discriminator_widths=(64, 64),
        out_dir=tmp_path / "run",
        **QUICK,
    )
    assert made.history[-1]["val_classification_error"] < 0.25
    assert made.evaluate(likelihood_samples=0)["metrics"]["classification_error"]["value"] < 0.25


@pytest.mark.usefixtures("training_alone")
@pytest.mark.e2e
def test_labels_in_the_game_put_codes_into_their_petals(digits, tmp_path):
    made = aae_tf.train(
        "labelled_mixture", digits, labels="all", epochs=8, widths=(256, 256), discriminator_widths=(128, 128),
        out_dir=tmp_path / "run", **QUICK,
    )  # fmt: skip
    inside = made.evaluate(likelihood_samples=0)["metrics"]["prior_class_accuracy"]
    assert inside["value"] > 0.7 > 5 * inside["baseline"]


@pytest.mark.usefixtures("training_alone", "eagerly")
@pytest.mark.parametrize("recipe", mostly_e2e(["semi_supervised", "clustering"], ["clustering"]))
def test_partly_labelled_data_is_measured_on_the_images_that_have_labels(recipe, few, tmp_path):
    mine = few[0], np.where(np.arange(400) % 3, few[1], -1)
    options = {"batch_size": 320, **QUICK, "epochs": 1, "labels": "all"}
    made = aae_tf.train(recipe, mine, out_dir=tmp_path / "run", **small(recipe, **options))
    measure = "classification_error" if recipe == "semi_supervised" else "majority_error"
    metrics = made.evaluate(likelihood_samples=0)["metrics"]
    assert RECIPES[recipe][1] <= set(metrics)
    assert RECIPES[recipe][2] <= set(reporting.draw(made.model, made.held_out("test")))
    found = metrics[measure]
    assert found["n"] == (made.data.test.labels >= 0).sum() < len(made.data.test)
    assert 0 <= found["value"] <= 1


def test_maps_and_clusters_of_images_without_any_labels(few, tmp_path, eagerly):
    options = small("reduction", labels=0, clusters=4, latent_dim=10, batch_size=320, epochs=1)
    made = aae_tf.train("reduction", few[0], out_dir=tmp_path / "run", report=False, **QUICK, **options)
    assert {"map_trustworthiness"} <= set(made.evaluate(likelihood_samples=0)["metrics"])
    assert "classification" not in made.history[0]
    made.figures()
    assert (made.out_dir / "figures" / "map.png").exists()
    latent_points = made.model.represent(few[0][:5])
    assert latent_points.shape == (5, 10)
    assert made.model.decode_map(latent_points).shape == (5, 28, 28, 1)


def test_the_labelled_game_shows_labels_to_the_discriminator_and_samples_by_them():
    game = LabelConditionedObjective(priors.PetalMixture(10), None, classes=10)
    labels = tf.constant([3, -1, 0])
    seen = game.conditioned(tf.zeros((3, 2)), {"labels": labels}).numpy()
    assert seen.shape == (3, 13)
    np.testing.assert_array_equal(seen[:, 2:].argmax(1), [3, 10, 0])
    np.testing.assert_array_equal(np.count_nonzero(seen[:, 2:], axis=1), [1, 1, 1])
    real = game.real({"labels": tf.fill([500], 7)}, 500, priors.as_seed(0))
    assert np.mean(game.prior.nearest_class(real) == 7) > 0.9


def test_an_image_can_be_asked_to_lie_where_its_views_lie(few, tmp_path, eagerly):
    recipe = "labelled_mixture_views"
    options = small(recipe, mutual_information=True, weights={"mutual_information": 0.1}, batch_size=320, epochs=1)
    made = aae_tf.train(recipe, few, out_dir=tmp_path / "run", report=False, **QUICK, **options)
    assert all(np.isfinite(made.history[-1][name]) for name in ("consistency", "perturbation", "mutual_information"))
    assert "prior_class_accuracy" in made.evaluate("validation", likelihood_samples=0)["metrics"]
    assert {"axes", "manifold", "views"} <= set(reporting.draw(made.model, made.held_out("test", views=made.views)))
    again = aae_tf.load_run(made.out_dir, few).model
    assert again.get_config()["consistency"] is True
    np.testing.assert_array_equal(again.predict_labels(few[0][:9]), made.model.predict_labels(few[0][:9]))


def test_the_head_distance_cost_is_its_definition():
    heads = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    expected = np.maximum(0, 1.5 - pdist(heads)).sum()
    np.testing.assert_allclose(centroid_distance_loss(tf.constant(heads), 1.5), expected, rtol=1e-4)
    assert centroid_distance_loss(tf.constant(100 * heads), 1.5) == 0


def test_models_refuse_what_they_cannot_use(few):
    def refused(words, recipe, dataset=few, **options):
        with pytest.raises(aae_tf.InputError, match=words):
            aae_tf.train(recipe, dataset, **QUICK, batch_size=40, **small(recipe, **options))

    for recipe in ("labelled_mixture", "style", "semi_supervised", "reduction"):
        refused(r"needs labels|needs data with labels|has none", recipe, few[0])
    refused("training images have none", "style", (few[0], np.where(np.arange(400) % 2, few[1], -1)))
    refused("no training image has one", "semi_supervised", labels=0)
    refused("set components=10", "labelled_mixture", components=8)
    refused("Gaussian has no classes", "labelled_mixture", prior=priors.Gaussian(2))
    refused("labels='all', not 50", "style", labels=50)
    refused("trains without labels", "clustering", labels=50)
    refused("labels='some' cannot be read", "semi_supervised", labels="some")


def test_labels_are_asked_for_where_the_decoder_needs_them(few):
    model = model_of(aae_tf.recipes()["style"].with_options(**small("style")))
    with pytest.raises(aae_tf.InputError, match="decodes with labels; give one for each row"):
        model.decode(np.zeros((3, 15)))
    with pytest.raises(aae_tf.InputError, match="decodes with labels; give one for each of the images"):
        model.reconstruct(few[0][:3])
    first, second = (model.decode(np.zeros((1, 15)), [label]) for label in (1, 2))
    assert not np.allclose(first, second)
    plain = model_of(aae_tf.recipes()["gaussian"].with_options(**small("gaussian")))
    with pytest.raises(aae_tf.InputError, match="decodes codes alone, no labels"):
        plain.decode(np.zeros((3, 2)), [1, 2, 3])
    with pytest.raises(aae_tf.InputError, match="codes z, style were given; AdversarialAutoencoder decodes z"):
        plain.decode({"z": np.zeros((3, 2)), "style": np.zeros((3, 2))})


@pytest.mark.usefixtures("training_alone")
@pytest.mark.e2e
def test_semi_supervised_on_colour_photographs(shared, tmp_path):
    with np.load(shared / "colour_objects_32.npz") as arrays:
        mine = arrays["x_train"][:600], arrays["y_train"][:600]
    made = aae_tf.train(
        "semi_supervised", mine, labels=200, epochs=2, filters=(8, 16), widths=(32,), discriminator_widths=(32,),
        out_dir=tmp_path / "run", **QUICK, batch_size=40,
    )  # fmt: skip
    assert made.recipe.options["architecture"] == "convolutional"
    assert made.history[-1]["classification"] < made.history[0]["classification"]
