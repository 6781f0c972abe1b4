"""Models of tables: scales and losses by the kind of a column, what is measured, drawn, saved and served of rows."""

import io
import json

import numpy as np
import pytest
import scipy.special
import scipy.stats
from command_line import run as run_command
from conftest import QUICK, mostly_e2e, optimizers_of
from sklearn.datasets import load_digits, load_wine
from starlette.testclient import TestClient

import aae_tf
from aae_tf import data, figures, models, networks, priors
from aae_tf.backend import keras, tf
from aae_tf.data import Column, Columns
from aae_tf.errors import InputError
from aae_tf.losses.reconstruction import DEFAULT_LOSSES, losses_of
from aae_tf.models import ORDERS
from aae_tf.recipes.data_defaults import for_data
from aae_tf.serving.server.app import make_app
from aae_tf.serving.server.versions import Versions
from aae_tf.training.updates import configured

TINY = {"widths": (24,), "discriminator_widths": (24,)}


def columns_of(*kinds):
    categories = {"category": ("low", "middle", "high")}
    named = (Column(f"{kind}{n}", kind, categories.get(kind, ())) for n, kind in enumerate(kinds))
    return Columns(tuple(named))


def scale_of(rows, kind="standardized", *kinds):
    layer = networks.ColumnScale(columns_of(*kinds), kind)
    layer(tf.zeros((1, rows.shape[1])))
    layer.adapt(rows)
    return layer


@pytest.fixture(scope="module")
def wine():
    """178 wines with the name of the cultivar and a column of each kind."""
    frame = load_wine(as_frame=True).frame
    target = frame.target.map(dict(enumerate("abc")))
    return frame.assign(
        target=target, body=np.where(frame.alcohol > 13, "strong", "light"), cases=(frame.proline / 10).astype(int)
    )


@pytest.fixture(scope="module")
def run(wine, tmp_path_factory):
    """A small run on a CSV file."""
    folder = tmp_path_factory.mktemp("tables")
    wine.to_csv(folder / "wine.csv", index=False)
    columns = {"counts": ("cases",), "real": ("all",)}
    options = {"label": "target", "columns": columns, "labels": 30, "latent_dim": 2, **TINY, **QUICK}
    return aae_tf.train("semi_supervised", folder / "wine.csv", out_dir=folder / "run", epochs=15, **options)


# Scales and losses ----------------------------------------------------------------------------------------------


def test_a_scale_standardises_real_columns_and_the_logarithm_of_counts():
    chance = np.random.default_rng(0)
    rows = np.stack([chance.normal(50, 9, 400), chance.poisson(30, 400), chance.random(400) < 0.3], 1)
    rows = rows.astype("float32")
    layer = scale_of(rows, "standardized", "real", "count", "binary")
    scaled = layer(rows).numpy()
    np.testing.assert_allclose(scaled[:, :2].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled[:, :2].std(0), 1, atol=1e-5)
    np.testing.assert_array_equal(scaled[:, 2], rows[:, 2])
    back = layer.invert(scaled).numpy()
    np.testing.assert_allclose(back[:, 0], rows[:, 0], rtol=1e-5)
    np.testing.assert_allclose(back[:, 1], rows[:, 1] + 1, rtol=1e-4)  # e to the log(1 + count)
    again = networks.ColumnScale.from_config(layer.get_config())
    assert (again.columns, again.kind) == (layer.columns, layer.kind)
    steps = 0.01 * chance.normal(size=rows.shape).astype("float32")
    np.testing.assert_allclose(layer(layer.moved(rows, steps)) - scaled, steps, atol=1e-3)


def test_a_robust_scale_does_not_see_what_lies_far_out():
    rows = np.random.default_rng(0).normal(5, 2, (1000, 2)).astype("float32")
    rows[:20, 0] = 1e6
    rows[:, 1] *= rows[:, 1] > 7  # more than three quarters are 0: their distance is no spread
    layer = scale_of(rows, "robust", "real", "real")
    np.testing.assert_allclose([layer.shift[0], layer.spread[0]], [5, 2], rtol=0.1)
    np.testing.assert_allclose(layer.spread[1], rows[:, 1].std(), rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "kinds", "message"),
    [
        (
            "standardized",
            ("real", "real"),
            r"same number in all training rows of real1.*columns.drop=real1.*scale=none",
        ),
        ("unit", ("real", "real"), r"'real0' goes from 1 to 9; scale 'unit' takes \[0, 1\]"),
        ("unit", ("real", "binary"), "scale 'unit' is for tables of real columns"),
        ("centred", ("real", "real"), "unknown scale of a table 'centred'; accepted: standardized"),
    ],
)
def test_scales_that_do_not_fit_are_refused(kind, kinds, message):
    rows = np.stack([np.linspace(1, 9, 20), np.ones(20)], 1).astype("float32")
    with pytest.raises(InputError, match=message):
        scale_of(rows, kind, *kinds)


def test_each_kind_of_column_has_its_own_loss():
    rows = tf.constant([[1.5, 3.0, 1.0, 0.0, 1.0, 0.0], [0.5, 0.0, 0.0, 1.0, 0.0, 0.0]])
    layer = networks.ColumnScale(columns_of("real", "count", "binary", "category"))
    outputs = tf.random.stateless_normal((2, 6), [1, 2])
    parts = {kind: (targets, given) for kind, targets, given, _ in layer.parts(rows, outputs)}
    assert list(parts) == ["real", "count", "binary", "category"]

    def loss(kind, name=None, *more):
        return models.RECONSTRUCTION[name or DEFAULT_LOSSES[kind]](*parts[kind], *more).numpy()

    def binomial(count, mean, dispersion):
        return scipy.stats.nbinom.logpmf(count, 1 / dispersion, 1 / (1 + dispersion * mean))

    _, mean, yes, *logits = outputs.numpy().T
    np.testing.assert_allclose(
        loss("category"), -scipy.special.log_softmax(logits, 0)[[1, 0], [0, 1]].mean(), rtol=1e-5
    )
    np.testing.assert_allclose(loss("binary"), np.mean(np.log1p(np.exp(yes)) - yes * [1, 0]), rtol=1e-5)
    expected = -binomial([3, 0], np.exp(mean), 0.5).mean()
    np.testing.assert_allclose(loss("count", None, np.log([0.5], dtype="float32")), expected, rtol=1e-5)
    expected = -scipy.stats.poisson.logpmf([3, 0], np.exp(mean)).mean()
    np.testing.assert_allclose(loss("count", "poisson"), expected, rtol=1e-5)
    expected = -scipy.stats.norm.logpdf([1.5, 0.5], outputs[:, 0], 2).mean()
    np.testing.assert_allclose(loss("real", "gaussian", np.log([2], dtype="float32")), expected, rtol=1e-5)
    probabilities = layer.invert(outputs).numpy()
    np.testing.assert_allclose(probabilities[:, 3:].sum(1), 1, rtol=1e-5)
    assert ((probabilities[:, 2:] > 0) & (probabilities[:, 2:] < 1)).all()
    with pytest.raises(InputError, match="'poisson' is for count numbers and the data has real"):
        losses_of(("real",), "poisson")


@pytest.mark.e2e
@pytest.mark.usefixtures("training_alone")
def test_a_learned_variance_is_that_of_what_is_left(tmp_path):
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(600, 1)) @ [[1.0, 1.0, 0.0]] + chance.normal(size=(600, 3)) * [0.1, 0.1, 3.0]
    fit = {"epochs": 60, "batch_size": 50, "latent_dim": 1, "reconstruction.schedule": "constant"}
    adam = {"reconstruction.name": "adam", "reconstruction.learning_rate": 5e-3}
    found = aae_tf.train(
        "autoencoder",
        rows,
        out_dir=tmp_path / "run",
        reconstruction_loss="gaussian",
        widths=(24,),
        **fit,
        **adam,
        **QUICK,
    )
    std = np.exp(found.model.log_scale.numpy())  # of scaled columns
    assert std[0] < 0.35 and std[1] < 0.35
    assert 0.7 < std[2] < 1.2
    loaded = keras.models.load_model(tmp_path / "run" / "model.keras")
    np.testing.assert_array_equal(loaded.log_scale, found.model.log_scale)


@pytest.mark.e2e
@pytest.mark.usefixtures("training_alone")
def test_counts_of_negative_binomials_give_their_means_and_dispersions_back(tmp_path):
    """Three kinds of cells, 20 genes: the truth that the counts were drawn from is recovered."""
    chance = np.random.default_rng(0)
    means = np.exp(chance.normal(2.0, 1.0, (3, 20)))
    kinds, dispersion = chance.integers(0, 3, 1500), 0.2
    counts = chance.negative_binomial(1 / dispersion, 1 / (1 + dispersion * means[kinds]))
    adam = {"reconstruction.name": "adam", "reconstruction.learning_rate": 5e-3, "reconstruction.schedule": "cosine"}
    run = aae_tf.train(
        "autoencoder",
        counts,
        columns={"counts": "all"},
        out_dir=tmp_path / "run",
        **{"widths": (32,), "latent_dim": 2, "epochs": 40, "batch_size": 50, **adam, **QUICK},
    )
    assert run.model.losses_by_kind == {"count": "negative_binomial"}
    found = run.model.reconstruct(counts.astype("float32"))
    of_kind = np.stack([found[kinds == kind].mean(0) for kind in range(3)])
    error = np.abs(np.log(of_kind / means))
    assert np.median(error) < 0.1
    assert np.corrcoef(np.log(of_kind).ravel(), np.log(means).ravel())[0, 1] > 0.98
    assert 0.1 < np.median(np.exp(run.model.log_scale)) < 0.3


@pytest.mark.usefixtures("training_alone")
def test_digits_as_vectors_equal_digits_as_images_bit_for_bit(tmp_path):
    grey = np.arange(256, dtype="float32")
    # of these the quotient by 255 is the product with 1/255, which TensorFlow's graphs take for it
    same = np.flatnonzero(grey / np.float32(255) == grey * np.float32(1 / 255)).astype(np.uint8)
    images = same[:: len(same) // 17][load_digits().images[:400].astype(int)]
    rows = images.reshape(-1, 64).astype("float32") / np.float32(255)
    options = {**TINY, **QUICK, "epochs": 3, "batch_size": 50, "image_scale": "unit", "input_noise": 0.3}
    sgd = {"name": "sgd", "learning_rate": 0.01, "momentum": 0.5, "schedule": "constant"}
    optimizers = {"reconstruction": sgd, "regularization": sgd}
    both = [
        aae_tf.train("gaussian", given, out_dir=tmp_path / name, **options, **optimizers)
        for name, given in (("images", images), ("rows", rows))
    ]
    for one, other in zip(*(each.model.trainable_variables for each in both), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(both[0].model.encode(images), both[1].model.encode(rows))
    np.testing.assert_array_equal(both[0].model.reconstruct(images).reshape(-1, 64), both[1].model.reconstruct(rows))


# A run on a file -----------------------------------------------------------------------------------------------


def test_a_run_is_measured_and_drawn_as_rows(run):
    metrics = run.last_report()["metrics"]
    error = metrics["reconstruction_error"]
    assert error["value"] < error["baseline"]
    assert set(error["explained"]) == set(run.data.columns.entries)
    assert {"two_sample_accuracy", "log_likelihood", "copying", "coverage", "classification_error"} <= set(metrics)
    assert metrics["classification_error"]["value"] < metrics["classification_error"]["baseline"]
    said = [text for each in metrics.values() for text in (each.get("unit"), each.get("baseline_is")) if text]
    assert not [text for text in said if "image" in text]
    drawn = {path.stem for path in (run.out_dir / "figures").glob("*.png")}
    assert drawn == {"samples", "latent_plane", "reconstructions", "losses", "confusion"}


def test_a_run_is_found_again_with_its_file(run, wine):
    loaded = aae_tf.load_run(run.out_dir)
    assert loaded.data.columns == run.data.columns
    rows = wine.drop(columns="target")
    np.testing.assert_array_equal(loaded.model.encode(rows), run.model.encode(rows))
    assert loaded.model.classify(rows).shape == (178, 3)
    assert (loaded.recipe.columns["label"], loaded.recipe.columns["counts"]) == ("target", ("cases",))
    with pytest.raises(InputError, match="in another order"):
        loaded.model.encode(rows[rows.columns[::-1]])
    with pytest.raises(InputError, match="accepted: \\[N, 16\\]"):
        loaded.model.encode(np.zeros((3, 13)))


def test_samples_are_rows_in_their_own_units(run, wine):
    samples = run.model.sample(500, seed=0)
    names = list(run.data.columns.entries)
    proline = samples[:, names.index("proline")]
    assert wine.proline.min() * 0.5 < proline.mean() < wine.proline.max()
    body = samples[:, [names.index("body=light"), names.index("body=strong")]]
    np.testing.assert_allclose(body.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(run.model.encode(samples).shape, (500, 2))
    assert (samples[:, names.index("cases")] > 0).all()


def test_what_is_exported_names_its_columns_and_scales_within_the_graph(run, wine):
    version = next((run.out_dir / "saved_model").glob("[0-9]*"))
    table = json.loads((version / "signatures.json").read_text())
    assert table["encode"]["inputs"]["inputs"]["columns"] == list(run.data.columns.entries)
    assert table["reconstruct"]["outputs"]["outputs"]["columns"] == list(run.data.columns.entries)
    card = (version / "model_card.md").read_text()
    assert "Rows: 16 numbers" in card and "| body=light | category |" in card
    assert "image" not in card.partition("## Columns")[2]
    rows = run.data.columns.encode(wine.drop(columns="target"))
    served = tf.saved_model.load(str(version)).signatures
    np.testing.assert_allclose(served["encode"](inputs=tf.constant(rows))["codes"], run.model.encode(rows), atol=1e-4)
    np.testing.assert_allclose(
        served["reconstruct"](inputs=tf.constant(rows))["outputs"], run.model.reconstruct(rows), rtol=1e-3, atol=1e-3
    )


def test_a_served_model_refuses_rows_of_another_width(run, wine):
    rows = run.data.columns.encode(wine.drop(columns="target"))[:3]
    client = TestClient(make_app(Versions(run.out_dir / "saved_model"), "wines"), "http://localhost")
    for given, status in ((rows, 200), (rows[:, :5], 400)):
        body = {"signature_name": "classify", "inputs": {"inputs": given.tolist()}}
        answer = client.post("/v1/models/wines:predict", json=body)
        assert answer.status_code == status
    assert "'inputs' has shape [3, 5]; accepted: [-1, 16]" in answer.json()["error"]


def test_the_client_sends_rows(run, wine):
    rows = run.data.columns.encode(wine.drop(columns="target"))[:5]
    with aae_tf.serving.Client("http://served/v1/models/wines") as client:
        client._transport.http = TestClient(make_app(Versions(run.out_dir / "saved_model"), "wines", ["served"]))
        codes = client.encode(rows)
        np.testing.assert_allclose(codes, run.model.encode(rows), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(client.reconstruct(rows), run.model.reconstruct(rows), rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(client.classify(rows)[0], run.model.predict_labels(rows))
        assert client.score(rows)[0].shape == (5,)
        assert client.sample(labels=[0, 1, 2]).shape == (3, 16)


# From recipes and the command line -------------------------------------------------------------------------------


def test_defaults_of_tables_go_by_rows_and_columns_and_leave_what_is_given():
    chance = np.random.default_rng(0)
    few, many = (data.load(chance.normal(size=shape)) for shape in ((150, 6), (20_000, 300)))
    recipe = aae_tf.recipes()["likelihood"]
    small, large = (for_data(recipe, each, {}) for each in (few, many))
    assert small.options["image_scale"] == large.options["image_scale"] == "standardized"
    assert small.options["widths"] < large.options["widths"]
    assert small.epochs > large.epochs
    assert small.batch_size < large.batch_size
    assert (small.latent_dim, large.latent_dim) == (3, 8)
    given = {"widths": (7,), "epochs": 5, "image_scale": "robust", "latent_dim": 5}
    found = for_data(recipe.with_options(**given), few, given)
    assert (found.options["widths"], found.epochs, found.latent_dim) == ((7,), 5, 5)
    assert found.options["image_scale"] == "robust"


@pytest.mark.usefixtures("training_alone", "uncompiled", "eagerly")
def test_models_that_read_labels_are_asked_about_a_file_with_them(wine, tmp_path, capsys):
    wine.drop(columns="cases").to_csv("wine.csv", index=False)
    quick = ["--epochs", "1", "--set", "widths=8", "--set", "discriminator_widths=8", "--set", "columns.real=all"]
    quick += ["--set", "batch_size=64"]
    assert run_command("train", "style", "--dataset", "wine.csv", "--label", "target", "--out", "run", *quick) == 0
    assert run_command("reconstruct", "run", "wine.csv", "--labels", "0,1", "--out", "a.npz") == 0
    capsys.readouterr()
    assert run_command("reconstruct", "run", "wine.csv", "--out", "b.npz") == 2
    assert "needs each row's label; give --labels\n" in capsys.readouterr().err
    (tmp_path / "parts").mkdir()
    for number, part in enumerate((wine[:100], wine[100:])):
        part.to_parquet(tmp_path / "parts" / f"{number}.parquet")
    assert run_command("encode", "run", "parts", "--out", "codes.csv") == 0
    assert len((tmp_path / "codes.csv").read_text().splitlines()) == 179
    frame = wine.drop(columns=["cases", "target"])  # with names of categories
    model, labels = aae_tf.load_run("run").model, np.arange(len(frame)) % 2
    rows = model.reconstruct(model.element.check(frame), labels)
    np.testing.assert_array_equal(model.reconstruct(frame, labels), rows)


@pytest.mark.usefixtures("eagerly")
def test_a_small_table_is_trained_measured_and_mapped(tmp_path):
    """Fewer rows than a mini-batch, and held-out ones too few for ten neighbours."""
    rows = np.random.default_rng(0).normal(size=(15, 3))
    options = {**QUICK, "epochs": 1, "widths": (8,), "discriminator_widths": (8,)}
    labelled = (np.repeat(rows, 8, 0), np.arange(120) % 2)
    clusters = {"labels": "all", "clusters": 2, "batch_size": 50}
    for recipe, given, more in (("gaussian", rows, {}), ("reduction", labelled, clusters)):
        run = aae_tf.train(recipe, given, out_dir=tmp_path / recipe, report=False, **options, **more)
        metrics = run.evaluate(likelihood_samples=0)["metrics"]
        assert np.isfinite([measure["value"] for measure in metrics.values()]).all()


def test_columns_of_a_loaded_dataset_cannot_be_set_anew(wine, tmp_path):
    found = data.load(wine, columns={"label": "target", "counts": "cases"})
    with pytest.raises(InputError, match=r"columns.drop was set, but the Dataset is read"):
        aae_tf.train("gaussian", found, columns={"drop": "ash"}, out_dir=tmp_path / "run", **QUICK)


@pytest.mark.usefixtures("training_alone", "uncompiled", "eagerly")
def test_the_command_line_trains_on_a_file(wine, tmp_path, capsys):
    wine.drop(columns="cases").to_csv("wine.csv", index=False)
    quick = ["--epochs", "1", "--set", "widths=8", "--set", "discriminator_widths=8", "--out", "run"]
    arguments = ["train", "--dataset", "wine.csv", "--label", "target", "--set", "columns.real=all", *quick]
    assert run_command(*arguments) == 0
    record = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert record["recipe"]["columns"] == {"label": "target", "real": ["all"]}
    assert record["recipe"]["options"]["image_scale"] == "standardized"
    said = capsys.readouterr().err
    assert "rows/s" in said
    assert run_command("train", "--dataset", "wine.csv", "--label", "vintage", *quick) == 2
    assert capsys.readouterr().err.startswith("error: label names vintage; the table has alcohol")
    assert run_command("train", "semi_supervised_views", "--dataset", "wine.csv", "--set", "columns.real=all") == 2
    assert "views, which are of images and not of rows" in capsys.readouterr().err
    assert run_command("train", "--dataset", "wine.csv", "--set", "columns.labels=target") == 2
    assert "unknown option of columns 'labels'" in capsys.readouterr().err


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("recipe", mostly_e2e(["vae", "semi_supervised_vat", "reduction", "contractive"], ["vae"]))
def test_models_take_steps_on_mixed_rows(recipe, wine):
    found = data.load(wine, columns={"label": "target", "counts": ("cases",)})
    recipe = aae_tf.recipes()[recipe].with_options(widths=(16,), reconstruction_loss="squared_error")
    prior = priors.as_prior(recipe.prior, recipe.latent_dim)
    kind = models.MODELS[recipe.model]
    model = kind.from_recipe(recipe.with_options(image_scale="standardized"), (16,), prior, "float32", 3, found.columns)
    model.build((None, 16))
    model.image_scale.adapt(found.train.images)
    rows, labels = tf.constant(found.train.images[:50]), tf.constant(found.train.labels[:50])
    batch = {"images": rows, "labels": labels, "labelled_images": rows[:9], "labelled_labels": labels[:9]}
    batch["epoch"] = tf.constant(100.0)
    updates = configured(model.updates())
    optimizers = optimizers_of(updates, lambda update: keras.optimizers.Adam(0.01))
    step = tf.function(lambda seed: ORDERS["alternating"](model, updates, optimizers, batch, seed), autograph=False)
    losses = [{name: float(loss) for name, loss in step(priors.as_seed(n)).items()} for n in range(4)]
    assert np.isfinite([list(each.values()) for each in losses]).all()
    assert losses[-1]["reconstruction"] < losses[0]["reconstruction"]


@pytest.mark.usefixtures("training_alone")
def test_networks_of_ones_own_train_on_rows_with_the_scale_of_their_columns(wine, tmp_path):
    rows = wine[["alcohol", "ash", "hue"]]
    dense = keras.layers.Dense

    def model(**more):
        return models.Autoencoder(
            keras.Sequential([keras.Input((3,)), dense(2)]),
            keras.Sequential([keras.Input((2,)), dense(3)]),
            priors.Gaussian(2),
            **more,
        )

    given = {"out_dir": tmp_path / "run", "epochs": 20, "batch_size": 20, **QUICK}
    with pytest.raises(InputError, match="not of this data; give the model image_scale="):
        aae_tf.train("autoencoder", rows, model=model(), **given)
    scale = networks.ColumnScale(data.load(rows).columns, "robust")
    run = aae_tf.train("autoencoder", rows, model=model(image_scale=scale), **given)
    assert run.history[-1]["reconstruction"] < run.history[0]["reconstruction"]
    np.testing.assert_allclose(run.model.image_scale.shift, np.median(run.data.train.images, 0), rtol=1e-5)


def test_figures_of_rows_are_drawn_for_any_number_of_columns():
    chance = np.random.default_rng(0)
    rows, names = chance.normal(size=(36, 7)), [f"column {number}" for number in range(7)]
    drawn = {
        "pairs": figures.pair_plot(rows[:, :3], rows[::2, :3], names[:3], "pairs"),
        "truth": figures.reconstruction_scatter(rows, rows, names, "truth"),
        "plane": figures.column_maps(rows, 6, names, "plane", keep=rows[:, 0] > -1),
        "profiles": figures.profiles(rows[:4], names, "abcd", "profiles"),
        "codes": figures.side_by_side([{"plane": None, "samples": None, "title": "a", "caption": "b"}]),
    }
    visible = {name: sum(axes.get_visible() for axes in figure.axes) for name, figure in drawn.items()}
    assert visible == {"pairs": 6, "truth": 7, "plane": 14, "profiles": 2, "codes": 2}  # colour bars counted
    titles = [axes.get_title() for axes in drawn["truth"].axes]
    assert titles[0] == "column 0  (R² 1.00)"
    for figure in drawn.values():
        figure.savefig(io.BytesIO(), format="png", dpi=40)


def test_a_gan_of_categories_is_refused(wine):
    with pytest.raises(InputError, match="a GAN is for images or real columns; the table has real, count, category"):
        aae_tf.train("gan", wine, label="target", columns={"counts": "cases"}, **QUICK)
