"""The models the paper is compared with: laws they obey, what they refuse, and comparing them."""

import dataclasses
import json

import numpy as np
import pytest
from conftest import QUICK, SMALL, model_of, only_signatures, optimizers_of
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import aae_tf
from aae_tf import networks, priors
from aae_tf.backend import keras, tf
from aae_tf.losses import maximum_mean_discrepancy
from aae_tf.models import ORDERS
from aae_tf.training.updates import configured


def make(recipe, **options):
    return model_of(aae_tf.recipes()[recipe].with_options(**{"widths": (24,), **options}))


@pytest.mark.e2e
@pytest.mark.usefixtures("training_alone")
def test_linear_autoencoder_spans_pca(digits, tmp_path):
    """Baldi and Hornik, 1989: the decoder's columns span the first principal components.

    The third of three is slow to be told from the fourth, whose variance is nearly the same, so the first two are
    looked for in the span: 0.2 degrees away at most with four seeds.
    """
    images = digits.train.images[::5]
    run = aae_tf.train(
        "linear_autoencoder", images, out_dir=tmp_path / "run", **QUICK, latent_dim=3, epochs=150, batch_size=70
    )
    train = run.data.train.images.reshape(-1, 784) / 255.0
    pca = PCA(3).fit(train)
    kernel = run.model.decoder.chain[0].kernel.numpy()  # [3, 784]
    assert np.degrees(subspace_angles(kernel.T, pca.components_[:2].T).max()) < 3
    held_out = run.data.test.images
    flat = held_out.reshape(-1, 784) / 255.0
    best = np.clip(pca.inverse_transform(pca.transform(flat)), 0, 1)
    ours = run.model.reconstruct(held_out).reshape(-1, 784)
    assert ((ours - flat) ** 2).mean() == pytest.approx(((best - flat) ** 2).mean(), rel=0.04)


def test_contraction_is_the_jacobians_norm(few):
    model = make("contractive", activation="tanh", latent_dim=3)
    images = tf.cast(few[0][:6], tf.float32) / 255.0
    with tf.GradientTape() as tape:
        tape.watch(images)
        codes = model.encoder(images)["z"]
    jacobian = tape.batch_jacobian(codes, images).numpy().reshape(6, -1)
    expected = (jacobian**2).sum(1).mean()
    batch = {"images": images}
    exact = model.contraction_loss(batch, None, priors.as_seed(0))
    assert float(exact) == pytest.approx(expected, rel=1e-4)
    model.contraction = "stochastic"
    loss = tf.function(lambda seed: model.contraction_loss(batch, None, seed))
    drawn = [float(loss(priors.as_seed(seed))) for seed in range(300)]
    assert np.mean(drawn) == pytest.approx(expected, abs=4 * np.std(drawn) / np.sqrt(300))


@pytest.mark.e2e
@pytest.mark.usefixtures("training_alone")
def test_contraction_contracts(few, tmp_path):
    """With the penalty codes move less for the same change of the image, relative to their spread."""
    found = {}
    for weight in (0.0, 10.0):
        run = aae_tf.train(
            "contractive", few, out_dir=tmp_path / str(weight), **QUICK, widths=(64,), epochs=10,
            batch_size=20, penalty_weight=weight,
        )  # fmt: skip
        found[weight] = run.history[-1]["contraction"]
    assert found[10.0] < 0.5 * found[0.0]


def test_kl_is_closed_form_for_gaussians_and_estimated_without_bias_for_mixtures():
    mean, log_variance = np.array([[0.5, -2.0]], "float32"), np.array([[0.3, -1.0]], "float32")
    model = make("vae", **{"prior.std": 2.0})
    codes = {"z": tf.zeros((1, 2)), "mean": mean, "log_variance": log_variance}
    variance = np.exp(log_variance)
    by_hand = 0.5 * ((variance + mean**2) / 4 - 1 - log_variance + np.log(4)).sum()
    assert model.kl_divergence(codes).numpy()[0] == pytest.approx(by_hand, rel=1e-5)
    mixture = make("vae_mixture")
    count = 40_000
    steps = np.random.default_rng(0).normal(size=(count, 2)).astype("float32")
    many = {"mean": np.repeat(mean, count, 0), "log_variance": np.repeat(log_variance, count, 0)}
    many["z"] = many["mean"] + np.exp(0.5 * many["log_variance"]) * steps
    estimate = mixture.kl_divergence(many).numpy()
    grid = np.stack(np.meshgrid(*[np.linspace(-8, 8, 801)] * 2), -1).reshape(-1, 2).astype("float32")
    log_q = -0.5 * (((grid - mean) ** 2) / variance + log_variance + np.log(2 * np.pi)).sum(1)
    exact = (np.exp(log_q) * (log_q - mixture.prior.log_prob(grid).numpy())).sum() * 0.02**2
    assert estimate.mean() == pytest.approx(exact, abs=4 * estimate.std() / np.sqrt(count))


@pytest.mark.parametrize(
    "recipe, options, words",
    [
        ("vae", {"posterior": "deterministic"}, "Gaussian posterior"),
        ("vae", {"prior": "swiss_roll"}, "density"),
        ("vae", {"prior": "fitted_gaussian"}, "fitted afterwards"),
        ("gaussian", {"prior": "fitted_mixture"}, "fitted afterwards"),
        ("denoising", {"input_noise": 0.0}, "corruption"),
        ("vae", {"fused": ("reconstruction", "generator")}, "generator"),
        ("gan", {"labels": 100}, "without labels"),
        ("contractive", {"contraction": "none"}, "contraction"),
        ("autoencoder", {"discriminator_widths": (8,)}, "unknown option of Autoencoder 'discriminator_widths'"),
        ("vae", {"weights.generator": 2.0}, "no phase 'generator'"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(recipe, options, words, few, tmp_path):
    with pytest.raises(aae_tf.InputError, match=words):
        aae_tf.train(recipe, few, out_dir=tmp_path / "run", **QUICK, **options)
    assert not (tmp_path / "run").exists()


def test_mmd_agrees_with_plain_sums_and_is_unbiased():
    chance = np.random.default_rng(1)
    codes, real = chance.normal(size=(2, 30, 3)).astype("float32")

    def square(a, b):
        return ((a[:, None] - b[None]) ** 2).sum(-1)

    width = square(real, real).sum() / (30 * 29)
    total = 0
    for scale in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):
        kernels = [
            scale * width / (scale * width + square(a, b)) for a, b in ((codes, codes), (real, real), (codes, real))
        ]
        total += sum((kernel.sum() - 30) / (30 * 29) for kernel in kernels[:2]) - 2 * kernels[2].mean()
    assert maximum_mean_discrepancy(codes, real).numpy() == pytest.approx(total, abs=1e-4)
    discrepancy = tf.function(maximum_mean_discrepancy)
    drawn = [discrepancy(*tf.constant(chance.normal(size=(2, 50, 2)), tf.float32)).numpy() for _ in range(100)]
    assert abs(np.mean(drawn)) < 3 * np.std(drawn) / 10


def test_fitted_mixture_has_the_codes_moments_and_comes_back_from_its_config():
    chance = np.random.default_rng(2)
    codes = np.concatenate([chance.normal(3, 0.5, (3000, 2)), chance.normal(-2, 1.0, (1000, 2))])
    for components in (1, 2):
        prior = priors.FittedMixture(2, components)
        prior.fit(codes)
        drawn = prior.sample(40_000, 0).numpy()
        np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.06)
        np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.15)
        again = priors.FittedMixture.from_config(json.loads(json.dumps(prior.get_config())))
        np.testing.assert_allclose(again.sample(100, 5), prior.sample(100, 5), atol=1e-5)
        assert prior.log_prob(codes[:1].astype("float32")).shape == (1,)
    assert prior.log_prob(codes.astype("float32")).numpy().mean() > -3.2  # two Gaussians fit them, one does not
    with pytest.raises(aae_tf.InputError, match="cannot fit"):
        priors.FittedMixture(2, 10).fit(codes[:5])


def test_phases_that_join_share_one_update(batch):
    """One SGD update by the weighted sum of two losses is the sum of their own updates from the same weights."""
    recipe = aae_tf.recipes()["style_joint"]

    def change(order, joint, chosen=()):
        """Return the change of encoder and decoder by one step, or by some of its updates alone."""
        model = make("style_joint", activation="tanh", batch_norm=False, decoder_batch_norm=False)
        updates = configured(model.updates(), recipe.weights, joint)
        variables = model.updates()[0].variables
        start = [variable.numpy() for variable in variables]
        updates = [update for update in updates if not chosen or update.name in chosen]
        optimizers = optimizers_of(updates, lambda update: keras.optimizers.SGD(0.1))
        ORDERS[order](model, updates, optimizers, batch, priors.as_seed(0))
        assert all(int(each.iterations) == 1 for each in optimizers.values())
        return [new.numpy() - old for new, old in zip(variables, start, strict=True)]

    alone = [change("alternating", (), [name]) for name in ("reconstruction", "generator")]
    for order in ORDERS:
        joint = change(order, recipe.fused, ["reconstruction"])
        for both, first, second in zip(joint, *alone, strict=True):
            assert np.abs(first).max() > 0
            np.testing.assert_allclose(both, first + second, atol=1e-5)


def test_the_second_published_recipe_of_section_4_is_a_recipe():
    recipe = aae_tf.recipes()["style_joint"]
    assert (recipe.options["widths"], recipe.options["discriminator_widths"]) == ((512, 512), (512, 256))
    assert recipe.weights == {"reconstruction": 0.995, "generator": 0.005}
    assert (recipe.order, recipe.fused) == ("simultaneous", ("reconstruction", "generator"))
    model = make("style_joint", widths=(512, 512))
    norms = [isinstance(layer, keras.layers.BatchNormalization) for layer in model.encoder.backbone.chain]
    assert norms == [False, False, False, False, True, False]  # flatten, dense, activation, dense, norm, activation
    assert float(keras.activations.leaky_relu(-1.0)) == pytest.approx(-0.2)
    assert model.decoder.output_activation == "tanh"


@pytest.mark.e2e
@pytest.mark.usefixtures("no_likelihood")
def test_gan_samples_come_to_look_like_the_images(few, tmp_path):
    run = aae_tf.train(
        "gan", few, out_dir=tmp_path / "run", **QUICK, widths=(128,), discriminator_widths=(128,), epochs=25,
        batch_size=20, regularization={"learning_rate": 1e-3},
    )  # fmt: skip
    images = few[0] / 255.0
    before = make("gan", widths=(128,)).sample(300, 0)
    after = run.model.sample(300, 0)
    assert abs(after.mean(0) - images.mean(0)).mean() < 0.3 * abs(before.mean(0) - images.mean(0)).mean()
    metrics = run.evaluate(likelihood_samples=500)["metrics"]
    assert set(metrics) >= {"log_likelihood", "frechet_distance", "copying"}
    assert "reconstruction_error" not in metrics
    exported = tf.saved_model.load(str(run.out_dir / "saved_model" / "1"))
    assert set(exported.signatures) == {"decode", "sample", "serving_default"}


@pytest.mark.e2e
@pytest.mark.usefixtures("no_likelihood")
@pytest.mark.parametrize("recipe", ["autoencoder", "conditional_vae", "wae_mmd"])
def test_a_baseline_runs_end_to_end_and_loads(recipe, few, tmp_path):
    run = aae_tf.train(recipe, few, out_dir=tmp_path / "run", **QUICK, widths=(64,), epochs=12, batch_size=20)
    assert run.history[-1]["reconstruction"] < 0.9 * run.history[0]["reconstruction"]
    loaded = aae_tf.load_run(tmp_path / "run", dataset=few)
    np.testing.assert_allclose(loaded.model.sample(5, seed=1), run.model.sample(5, seed=1), atol=1e-6)
    if recipe == "autoencoder":  # sampled from what was fitted to its codes
        codes = run.model.encode(few[0])
        np.testing.assert_allclose(
            loaded.model.prior.sample(20_000, 0).numpy().mean(0), codes.mean(0), atol=0.2 * codes.std()
        )


@pytest.mark.usefixtures("training_alone", "no_likelihood", "eagerly")
def test_compare_trains_reuses_and_tabulates(few, tmp_path):
    shared = {name: SMALL[name] for name in ("widths", "discriminator_widths", "precision")}  # what both recipes take
    options = {"out_dir": tmp_path / "both", **QUICK, **shared, "epochs": 1, "batch_size": 320}
    found = aae_tf.compare(["gaussian", "gan"], few, **options)
    heading, *rows = found.rows()
    assert [row[0] for row in rows] == ["gaussian", "gan"]
    assert rows[1][heading.index("prior coverage gap")] == "-"
    kept = json.loads((tmp_path / "both" / "comparison.json").read_text())
    for name in ("gaussian", "gan"):
        own = json.loads((tmp_path / "both" / name / "evaluation.json").read_text())["metrics"]
        assert kept[name] == own
    assert (tmp_path / "both" / "comparison.md").read_text().count("\n") == 4
    trained = (tmp_path / "both" / "gan" / "model.keras").stat().st_mtime_ns
    again = aae_tf.compare(["gan"], few, **options)
    assert (tmp_path / "both" / "gan" / "model.keras").stat().st_mtime_ns == trained
    assert (
        again.rows()[1][3:]
        == [cell for cell, name in zip(rows[1], heading, strict=True) if name in again.rows()[0]][3:]
    )


@pytest.mark.parametrize(
    "names, options, words",
    [
        ([], {}, "none"),
        (["gan", "gan"], {}, "once"),
        (["gan", "gann"], {}, "gan"),
        (["gan", "style"], {"order": "simultaneous"}, "applies each update once"),
        (["gaussian", "wae_mmd"], {"batch_size": 1}, "needs 2 of them on each replica"),
    ],
)
def test_compare_refuses_before_it_trains_any(names, options, words, few, tmp_path):
    with pytest.raises(aae_tf.InputError, match=words):
        aae_tf.compare(names, few, out_dir=tmp_path / "none", **QUICK, **options)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.e2e
@pytest.mark.usefixtures("no_likelihood", "eagerly")
def test_a_recipe_may_start_from_another_one_of_its_comparison(few, tmp_path):
    taken = {"widths": (32, 32), "discriminator_widths": (32, 32), "epochs": 1, "precision": "float32"}
    follower = dataclasses.replace(aae_tf.recipes()["mixture"], name="follower", warm_start=str(tmp_path / "gaussian"))
    aae_tf.register_recipe(follower)
    with only_signatures("encode"):
        found = aae_tf.compare(["gaussian", "follower"], few, out_dir=tmp_path, **QUICK, **taken, batch_size=320)
    assert set(found.runs) == {"gaussian", "follower"}
    record = json.loads((tmp_path / "follower" / "recipe.json").read_text())
    assert record["recipe"]["warm_start"] == str(tmp_path / "gaussian")


def test_networks_normalise_the_stages_asked_for():
    body = networks.MLPBackbone((8, 8, 8), batch_norm=(1, 3))
    kinds = [type(layer).__name__ for layer in body.chain if type(layer).__name__ in ("Dense", "BatchNormalization")]
    assert kinds == ["Dense", "BatchNormalization", "Dense", "Dense", "BatchNormalization"]


def test_a_comparison_gives_each_recipe_the_options_that_it_takes():
    from aae_tf.runs.experiments import options_taken

    taken = options_taken(["mixture", "vae_mixture"], {"epochs": 3, "discriminator_widths": (8,)})
    assert taken == {"mixture": {"epochs": 3, "discriminator_widths": (8,)}, "vae_mixture": {"epochs": 3}}
    with pytest.raises(aae_tf.InputError, match="unknown option of AdversarialAutoencoder 'clusters'"):
        options_taken(["mixture", "vae_mixture"], {"clusters": 3})
