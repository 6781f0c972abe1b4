"""Registries and options: a user's own names, what can be set of them, and what is refused."""

from pathlib import Path
from typing import Annotated

import pytest
from conftest import QUICK, model_of, small

import aae_tf
from aae_tf import models, networks, priors
from aae_tf.backend import keras, tf
from aae_tf.config.registry import Registry
from aae_tf.config.schema import Choices, Range, options_of


@pytest.fixture
def registry():
    """A registry of the house with one name, and one that is defined in a module."""
    made = Registry("thing", given=("seed",), modules={"Views": "aae_tf.networks.augmentation"})
    return made


@pytest.fixture
def hoop(monkeypatch):
    """A prior of a user's own, registered for one test."""
    monkeypatch.setattr(priors.PRIORS, "_known", dict(priors.PRIORS._known))

    @priors.PRIORS.register("hoop")
    @keras.saving.register_keras_serializable("tests")
    class Ring(priors.Prior):
        dim = 2

        def __init__(self, radius: Annotated[float, Range(0.0)] = 4.0, turns=1, kind: str = "thin"):
            self.radius, self.turns, self.kind = radius, turns, kind

        def sample(self, n, seed, labels=None):
            angle = 6.2832 * tf.random.stateless_uniform([n], priors.as_seed(seed))
            return self.radius * tf.stack([tf.cos(angle), tf.sin(angle)], -1)

        def get_config(self):
            return {"radius": self.radius, "turns": self.turns, "kind": self.kind}

    return Ring


def test_a_registered_classs_arguments_are_options_that_are_checked(hoop):
    recipe = aae_tf.recipes()["gaussian"].with_options(prior="hoop")
    assert recipe.resolved().prior == {"name": "hoop", "radius": 4.0, "turns": 1, "kind": "thin"}
    changed = recipe.with_options(**{"prior.radius": "2.5", "prior.turns": "3"})
    assert changed.resolved().prior == {"name": "hoop", "radius": 2.5, "turns": 3, "kind": "thin"}
    assert model_of(changed.with_options(**small("gaussian"))).prior.radius == 2.5
    for options, words in (
        ({"prior.radius": -1.0}, "radius=-1.0 is out of range; accepted: numbers at least 0"),
        ({"prior.turns": "many"}, "turns='many' cannot be read; accepted: an integer"),
        ({"prior.std": 1.0}, "unknown option of prior 'hoop' 'std'; accepted: radius, turns, kind"),
        ({"prior": "hop"}, "unknown prior 'hop'.*Did you mean 'hoop'"),
        ({"prior": {"name": "hoop", "dim": 3}}, "unknown option of prior 'hoop' 'dim'"),
    ):
        with pytest.raises(aae_tf.InputError, match=words):
            recipe.with_options(**options)


@pytest.mark.usefixtures("training_alone", "eagerly")
def test_a_registered_prior_trains_by_its_name_and_loads(hoop, few, tmp_path):
    options = small("gaussian", epochs=1, batch_size=320)
    aae_tf.train("gaussian", few, prior={"name": "hoop", "radius": 3.0}, out_dir=tmp_path / "run", **QUICK, **options)
    loaded = aae_tf.load_run(tmp_path / "run", few)
    assert loaded.recipe.prior == {"name": "hoop", "radius": 3.0, "turns": 1, "kind": "thin"}
    assert type(loaded.model.prior) is hoop


def test_a_definition_is_registered_again_and_another_one_only_by_override(registry):
    def define(value):
        @registry.register
        def mine():
            return value

        registry.register(models.AdversarialLoss(mine, mine), "pair")
        return mine

    define(1)
    again = define(2)  # a cell that is run again
    assert registry["mine"] is again
    with pytest.raises(aae_tf.InputError, match=r"there is a thing 'mine' already.*override=True"):
        registry.register(pytest.fixture, "mine")
    with pytest.raises(aae_tf.InputError, match="there is a thing 'pair' already"):
        registry.register(models.AdversarialLoss(print, print), "pair")
    assert registry["mine"]() == 2

    @registry.register("mine", override=True)
    def other():
        return 3

    assert registry["mine"] is other
    assert set(registry) == {"Views", "mine", "pair"}
    for known, name in (
        (registry, "Views"),
        (priors.PRIORS, "gaussian"),
        (networks.POSTERIORS, "gaussian"),
        (networks.ARCHITECTURES, "mlp"),
        (models.MODELS, "GAN"),
        (models.ADVERSARIAL, "least_squares"),
        (models.RECONSTRUCTION, "squared_error"),
        (models.ORDERS, "alternating"),
    ):
        before = known[name]
        with pytest.raises(aae_tf.InputError, match=f"there is a {known.what} '{name}' already"):
            known.register(object, name)
        assert known[name] is before


def test_a_registry_imports_what_is_asked_for_and_says_what_it_has(registry):
    assert registry["Views"] is aae_tf.Views
    assert "Views" in registry
    assert len(registry) == 1
    with pytest.raises(aae_tf.InputError, match=r"unknown thing 'View'; accepted: Views. Did you mean 'Views'"):
        registry["View"]
    assert registry.check("kind", "Views") == "Views"


def test_a_posterior_and_an_architecture_of_ones_own_bring_their_options(monkeypatch):
    for known in (networks.POSTERIORS, networks.ARCHITECTURES):
        monkeypatch.setattr(known, "_known", dict(known._known))

    @networks.POSTERIORS.register("bounded")
    class Bounded(networks.DeterministicPosterior):
        def __init__(self, dim, bound: Annotated[float, Range(0.1)] = 3.0, **kwargs):
            super().__init__(dim, **kwargs)
            self.bound = bound

        def call(self, features, seed=None, training=False):
            return self.bound * tf.tanh(super().call(features, seed, training))

    @networks.ARCHITECTURES.register("narrow")
    class Narrow:
        def __init__(self, bottleneck: int = 4):
            self.bottleneck = bottleneck

        def backbone(self, widths, **arguments):
            return networks.MLPBackbone((*widths, self.bottleneck), **arguments)

        def decoder(self, widths, **arguments):
            return networks.MLPDecoder(widths=(self.bottleneck, *widths), **arguments)

    recipe = aae_tf.recipes()["gaussian"].with_options(**small("gaussian"))
    with pytest.raises(aae_tf.InputError, match="unknown option of AdversarialAutoencoder 'bound'"):
        recipe.with_options(bound=2.0)
    recipe = recipe.with_options(posterior="bounded", architecture="narrow", bottleneck=7, bound="0.5")
    model = model_of(recipe)
    assert model.encoder.backbone.widths == (32, 7)
    assert model.encoder.heads["z"].bound == 0.5
    assert abs(model.encode(tf.random.stateless_uniform((50, 28, 28, 1), [0, 1]))).max() <= 0.5
    with pytest.raises(aae_tf.InputError, match=r"bound=0.0 is out of range"):
        recipe.with_options(bound=0.0)
    assert "bound" not in recipe.with_options(posterior="gaussian").options


def test_a_loss_of_ones_own_is_a_choice(monkeypatch, batch):
    monkeypatch.setattr(models.RECONSTRUCTION, "_known", dict(models.RECONSTRUCTION._known))

    @models.RECONSTRUCTION.register
    def absolute_error(images, outputs):
        return tf.reduce_mean(tf.abs(images - outputs))

    recipe = aae_tf.recipes()["autoencoder"].with_options(**small("autoencoder"))
    model = model_of(recipe.with_options(reconstruction_loss="absolute_error"))
    (update,) = model.updates()
    loss = update.phases[0].loss(batch, model.codes(batch), priors.as_seed(0))
    expected = abs(batch["images"].numpy() - model.reconstruct(batch["images"])).mean()
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    with pytest.raises(aae_tf.InputError, match=r"unknown reconstruction.loss 'absolute'.*absolute_error"):
        recipe.with_options(reconstruction_loss="absolute")


def test_options_are_the_arguments_with_defaults_of_a_class_and_its_bases():
    class Base:
        def __init__(self, needed, amount: Annotated[float, Range(0.0, 1.0)] = 0.5, seed=0):
            pass

    class Derived(Base):
        def __init__(self, *args, mode: Annotated[str, Choices(("one", "two"))] = "one", sizes=(1, 2), **kwargs):
            super().__init__(*args, **kwargs)

    class Closed(Base):
        def __init__(self, only=True):
            super().__init__(1)

    found = options_of(Derived, given=("seed",))
    assert set(found) == {"mode", "sizes", "amount"}
    assert {name: option.default for name, option in found.items()} == {"mode": "one", "sizes": (1, 2), "amount": 0.5}
    assert set(options_of(Closed)) == {"only"}
    assert found["mode"].read("two") == "two"
    assert found["amount"].read("0.25") == 0.25
    assert options_of(Closed)["only"].read("no") is False
    for name, value in (("mode", "three"), ("amount", 1.5), ("amount", "much"), ("amount", True)):
        with pytest.raises(aae_tf.InputError, match=name):
            found[name].read(value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"joint": ("reconstruction", "information")}, {"fused": ("reconstruction", "mutual_information")}),
        ({"joint": "reconstruction, generator"}, {"fused": "reconstruction,generator"}),
        ({"watch": "val_loss", "weight_average": 0.9}, {"monitor": "val_loss", "weight_ema": 0.9}),
        ({"weights.information": 2.0}, {"weights.mutual_information": 2.0}),
        ({"ramps": {"information": 2.0}}, {"ramps": {"mutual_information": 2.0}}),
        ({"reconstruction.schedule": "steps"}, {"reconstruction.schedule": "piecewise_constant"}),
        (
            {"regularization": {"schedule": "steps", "drops": (3, 5)}},
            {"regularization": {"schedule": "piecewise_constant", "boundaries": (3, 5)}},
        ),
        ({"information": False}, {"mutual_information": False}),
        ({"weights": {"heads": 2.0}}, {"weights": {"centroids": 2.0}}),
    ],
)
def test_old_names_of_options_work_with_a_warning(old, new):
    recipe = aae_tf.recipes()["semi_supervised_views"]
    with pytest.warns(DeprecationWarning, match="works until 0.3") as warned:
        found = recipe.with_options(**old)
    assert found == recipe.with_options(**new)
    assert {Path(each.filename) for each in warned} == {Path(__file__)}  # the line of the user


def test_every_old_name_has_a_new_one():
    from aae_tf.recipes.changes import RENAMED

    recipes = aae_tf.recipes().values()
    known = {name for recipe in recipes for name in (*recipe.accepted(every=True), *recipe.to_dict())}
    known |= {"boundaries", "centroids"}  # of an optimizer, and a phase
    assert set(RENAMED.values()) <= known
    assert not set(RENAMED) & known


def test_second_names_are_no_options():
    recipe = aae_tf.recipes()["gaussian"]
    for name, value in {"scale": "unit", "prior_std": 1.0, "generator_weight": 1.0, "fused": True}.items():
        with pytest.raises(aae_tf.InputError):
            recipe.with_options(**{name: value})


@pytest.mark.parametrize(
    "recipe, name",
    [("semi_supervised", "clusters"), ("clustering", "groups"), ("reduction", "uses_labels")],
)
def test_what_a_model_or_its_data_sets_is_no_option(recipe, name):
    with pytest.raises(aae_tf.InputError, match=f"unknown option of .* '{name}'"):
        aae_tf.recipes()[recipe].with_options(**{name: 5})
