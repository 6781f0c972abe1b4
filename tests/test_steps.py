"""A step is a list of updates: how often each is taken, by which optimizer, and what moves beside the weights."""

import dataclasses
import gc
import itertools
import weakref

import numpy as np
import pytest
from conftest import model_of, mostly_e2e, optimizers_of, small

import aae_tf
from aae_tf import data, networks, priors
from aae_tf.backend import keras, tf
from aae_tf.models import ORDERS, AdversarialAutoencoder, Update
from aae_tf.training import Trainer, TrainingSettings
from aae_tf.training.updates import configured, phases_of
from aae_tf.utils.random import fold

SEED = priors.as_seed(3)
NORM = keras.layers.BatchNormalization


def make(recipe, **options):
    return model_of(aae_tf.recipes()[recipe].with_options(**{**small(recipe), **options}))


def adam(update):
    return keras.optimizers.Adam(1e-3)


def take(model, updates, batch, order="alternating", steps=1, make=adam):
    """Take some steps; returns the optimizers and the last losses."""
    optimizers = optimizers_of(updates, make)
    for _ in range(steps):
        losses = ORDERS[order](model, updates, optimizers, batch, SEED)
    return optimizers, losses


def by(update, state):
    """Return an update that takes another's optimizer."""
    return Update(*update.phases, optimizer=update.optimizer, optimizer_key=state)


def layers_of(*chains):
    return [layer for chain in chains for layer in chain.chain]


def inputs_of(layers, run, monkeypatch):
    """Return what each batch-normalisation layer is given while `run()` makes one pass in training."""
    seen = {}

    def monitor(layer, call):
        def record(inputs, *args, **kwargs):
            seen.setdefault(id(layer), inputs)
            return call(inputs, *args, **kwargs)

        return record

    with monkeypatch.context() as patch:
        for layer in layers:
            patch.setattr(layer, "call", monitor(layer, layer.call))
        run()
    return [seen[id(layer)].numpy() for layer in layers]


@pytest.mark.parametrize(
    ("recipe", "order"),
    mostly_e2e(
        [*itertools.product(["semi_supervised", "gan", "clustering"], ORDERS)],
        [("semi_supervised", "alternating"), ("gan", "simultaneous"), ("clustering", "simultaneous")],
    ),
)
def test_batch_statistics_move_once_a_step_by_the_first_pass(recipe, order, batch, monkeypatch):
    """momentum * old + (1 - momentum) * the statistic of the mini-batch itself, at the weights before the step."""
    if recipe == "gan":
        model = make(recipe, decoder_batch_norm=True, widths=(32, 32))
        networks = [model.decoder]
    else:
        norms = {"batch_norm": True, "decoder_batch_norm": True, "head_batch_norm": "both"}
        model = make(recipe, **norms, posterior="deterministic", widths=(32, 32))
        networks = [model.encoder.backbone, model.decoder]
    norms = [layer for layer in layers_of(*networks) if isinstance(layer, NORM)]
    norms += [] if recipe == "gan" else [head.norm for head in model.encoder.heads.values()]
    assert len(norms) == (2 if recipe == "gan" else 6)
    for number, norm in enumerate(norms):  # not at their start, so that the old values count
        norm.moving_mean.assign(np.full(norm.moving_mean.shape, 0.1 * (number + 1)))
        norm.moving_variance.assign(np.full(norm.moving_variance.shape, 2.0 + number))
    before = [(norm.moving_mean.numpy(), norm.moving_variance.numpy()) for norm in norms]
    updates = configured(model.updates())

    def first_pass():
        codes = model.codes(batch, seed=aae_tf.priors.fold(SEED, 0), training=True)
        if recipe != "gan":
            model.decoder(model.decoder_input(codes), training=True)

    inputs = inputs_of(norms, first_pass, monkeypatch)
    for norm, (mean, variance) in zip(norms, before, strict=True):
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)
    take(model, updates, batch, order, make=lambda update: keras.optimizers.SGD(0.01))
    for norm, given, (mean, variance) in zip(norms, inputs, before, strict=True):
        keep = norm.momentum
        np.testing.assert_allclose(norm.moving_mean, keep * mean + (1 - keep) * given.mean(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            norm.moving_variance, keep * variance + (1 - keep) * given.var(0), rtol=1e-4, atol=1e-5
        )


@pytest.mark.e2e
def test_batch_statistics_move_in_a_compiled_step_as_they_do_outside(batch):
    found = []
    for compiled in (False, True):
        model = make("autoencoder", batch_norm=True, decoder_batch_norm=True, posterior="deterministic")
        updates = configured(model.updates())
        optimizers = optimizers_of(updates, lambda update: keras.optimizers.SGD(1e-3))

        def step(model=model, updates=updates, optimizers=optimizers):
            return ORDERS["alternating"](model, updates, optimizers, batch, SEED)

        run = tf.function(step, jit_compile=True) if compiled else step
        run(), run()
        found.append([weight.numpy() for weight in model.non_trainable_weights])
    for eager, graph in zip(*found, strict=True):
        np.testing.assert_allclose(graph, eager, rtol=1e-4, atol=1e-5)


def test_a_repeated_update_counts_every_time_and_draws_anew(batch):
    model = make("gaussian", discriminator_steps=5)
    updates = configured(model.updates())
    (phase,) = updates[1].phases
    drawn = []

    def loss(batch, codes, seed):
        drawn.append(seed.numpy())
        return phase.loss(batch, codes, seed)

    updates[1] = updates[1].of(dataclasses.replace(phase, loss=loss))
    optimizers, losses = take(model, updates, batch, steps=2)
    counts = {state: int(optimizer.iterations) for state, optimizer in optimizers.items()}
    assert counts == {"reconstruction": 2, "discriminator": 10, "generator": 2}
    assert list(losses) == ["reconstruction", "discriminator", "generator"]
    assert len(np.unique(drawn[:5], axis=0)) == 5
    np.testing.assert_array_equal(drawn[:5], drawn[5:])  # a step's draws depend on its seed alone


@pytest.mark.parametrize("order", ORDERS)
def test_updates_of_one_state_share_an_optimizer_and_a_joined_update_counts_once(order, batch):
    model = make("gaussian")
    reconstruction, discriminator, generator = model.updates()
    shared = configured([reconstruction, discriminator, by(generator, "reconstruction")])
    optimizers, _ = take(model, shared, batch, order, steps=2)
    assert {state: int(each.iterations) for state, each in optimizers.items()} == {
        "reconstruction": 4,
        "discriminator": 2,
    }
    joined = configured(model.updates(), fused=("reconstruction", "generator"))
    assert [[phase.name for phase in update.phases] for update in joined] == [
        ["reconstruction", "generator"],
        ["discriminator"],
    ]
    optimizers, losses = take(model, joined, batch, order, steps=2)
    assert {state: int(each.iterations) for state, each in optimizers.items()} == {
        "reconstruction": 2,
        "discriminator": 2,
    }
    assert set(losses) == {"reconstruction", "discriminator", "generator"}


def test_shared_momentum_is_not_a_joined_loss(batch):
    """With Adam, two updates of one state are two steps, each of its own gradient; joined losses are one."""
    moved = []
    for joint in ((), ("reconstruction", "generator")):
        model = make("gaussian")
        reconstruction, discriminator, generator = model.updates()
        updates = [reconstruction, discriminator, by(generator, "reconstruction")]
        start = model.encoder.trainable_variables[0].numpy()
        take(model, configured(updates, fused=joint), batch, "simultaneous")
        moved.append(model.encoder.trainable_variables[0].numpy() - start)
    assert not np.allclose(*moved)


@pytest.mark.parametrize("order", ORDERS)
def test_codes_are_computed_only_for_phases_that_look_at_them(order, batch, monkeypatch):
    model = make("reduction", posterior="deterministic")
    passes = []
    codes = model.codes

    def counted(batch, *args, **kwargs):
        passes.append(batch["images"].shape[0])
        return codes(batch, *args, **kwargs)

    monkeypatch.setattr(model, "codes", counted)
    updates = configured(model.updates())
    take(model, updates, batch, order)
    names = list(phases_of(updates))
    assert names == [
        "reconstruction", "discriminator_z", "discriminator_y", "generator", "centroids", "classification",
    ]  # fmt: skip
    labelled, whole = 20, 50  # the classification's own pass, of the labelled mini-batch
    expected = [whole] * 4 + [labelled] if order == "alternating" else [whole, labelled]
    assert passes == expected
    passes.clear()
    centroids = [update for update in updates if update.name == "centroids"]
    take(model, centroids, batch, order)
    assert passes == []


@pytest.mark.parametrize("options", [{"input_noise": 0.3}, {"input_dropout": 0.2}, {"posterior": "gaussian"}])
def test_the_passes_of_a_step_share_their_noise_and_give_the_codes_of_separate_draws(options, batch):
    model = make("gaussian", **options)
    images = {"images": batch["images"]}

    @tf.function(autograph=False)
    def three_passes(seed):
        return [model.codes(images, seed=fold(seed, 0), training=True)["z"] for _ in range(3)]

    graph = three_passes.get_concrete_function(SEED).graph
    drawn = [op for op in graph.get_operations() if op.type in ("StatelessRandomNormalV2", "StatelessRandomUniformV2")]
    without_noise = make("gaussian", posterior="deterministic", input_noise=0.0).codes(images, seed=fold(SEED, 0))
    separate = model.codes(images, seed=fold(SEED, 0), training=True)["z"].numpy()
    assert len(drawn) == 1
    assert not np.allclose(separate, without_noise["z"])
    for codes in three_passes(SEED):
        np.testing.assert_allclose(codes, separate, rtol=1e-4, atol=1e-5)


def test_what_was_drawn_in_a_graph_goes_with_it():
    @tf.function
    def draw(seed):
        return fold(seed, 1)

    graph = weakref.ref(draw.get_concrete_function(SEED).graph)
    assert graph() is not None
    del draw
    gc.collect()
    assert graph() is None


def test_what_a_recipe_says_of_a_phase_that_is_switched_off_is_passed_over():
    recipe = aae_tf.recipes()["semi_supervised_views"]
    model = make("semi_supervised_views", perturbation=0, mutual_information=False)
    assert {"perturbation", "mutual_information"} <= {*recipe.fused, *recipe.weights}
    updates = configured(
        model.updates(), recipe.weights, recipe.fused, recipe.ramps, model.training_spec.disabled_phases
    )
    assert [phase.name for phase in updates[0].phases] == ["reconstruction", "generator", "consistency"]
    with pytest.raises(aae_tf.InputError, match="fused: the model has no phase 'consistencyy'"):
        configured(
            model.updates(), fused=("reconstruction", "consistencyy"), disabled=model.training_spec.disabled_phases
        )


def test_the_order_says_what_it_cannot_do_and_names_are_checked(batch):
    model = make("gaussian", discriminator_steps=5)
    updates = configured(model.updates())
    with pytest.raises(aae_tf.InputError, match="'discriminator' is to be repeated 5 times; use order 'alternating'"):
        take(model, updates, batch, "simultaneous")
    known = "it has: reconstruction, discriminator, generator"
    with pytest.raises(aae_tf.InputError, match=f"weights: the model has no phase 'kl'; {known}"):
        configured(model.updates(), weights={"kl": 2.0})
    with pytest.raises(aae_tf.InputError, match=f"fused: the model has no phase 'kl'; {known}"):
        configured(model.updates(), fused=("reconstruction", "kl"))
    with pytest.raises(aae_tf.InputError, match="two phases are named 'generator'"):
        configured([*model.updates(), model.updates()[-1]])
    with pytest.raises(aae_tf.InputError, match="unknown order 'parallel'"):
        ORDERS["parallel"]


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights.kl": 2.0}, "no phase 'kl'; it has: reconstruction, discriminator, generator"),
        ({"fused": ("reconstruction", "kl")}, "no phase 'kl'"),
        ({"order": "simultaneous", "discriminator_steps": 5}, "order 'alternating'"),
    ],
)
def test_a_step_that_cannot_be_taken_is_refused_before_training(options, words, few, tmp_path):
    with pytest.raises(aae_tf.InputError, match=words):
        aae_tf.train("gaussian", few, out_dir=tmp_path / "run", progress=False, **small("gaussian"), **options)
    assert not (tmp_path / "run").exists()


def test_weights_are_factors_on_what_moves_not_on_what_is_reported(batch):
    found = []
    for weight in (1.0, 3.0):
        model = make("autoencoder", input_noise=0.0)
        updates = configured(model.updates(), {"reconstruction": weight})
        start = [variable.numpy() for variable in model.trainable_variables]
        _, losses = take(model, updates, batch, make=lambda update: keras.optimizers.SGD(1e-4))
        moved = [new.numpy() - old for new, old in zip(model.trainable_variables, start, strict=True)]
        found.append((float(losses["reconstruction"]), moved))
    assert found[0][0] == found[1][0]
    for one, three in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(three, 3 * one, rtol=1e-2, atol=1e-7)


def test_weights_that_a_layer_sets_itself_are_trained(few):
    """Spectral normalisation assigns its kernel at every pass; the optimizer's update must not be undone by it."""
    parts, layers = make("gaussian"), [keras.layers.SpectralNormalization(keras.layers.Dense(size)) for size in (16, 1)]
    discriminator = keras.Sequential([keras.Input((2,)), layers[0], keras.layers.LeakyReLU(), layers[1]])
    model = AdversarialAutoencoder(parts.encoder, parts.decoder, discriminator, parts.prior)
    model.build((None, 28, 28, 1))
    before = [layer.layer.kernel.numpy().ravel() for layer in layers]
    trainer = Trainer(
        model,
        data.Split(*few),
        TrainingSettings(batch_size=50, jit_compile=False),
        optimizers={update.optimizer_key: keras.optimizers.SGD(0.5) for update in model.updates()},
    )
    trainer.fit(3)
    for layer, start in zip(layers, before, strict=True):
        kernel = layer.layer.kernel.numpy().ravel()
        cosine = start @ kernel / np.linalg.norm(start) / np.linalg.norm(kernel)
        assert cosine < 0.99
        assert np.linalg.svd(layer.layer.kernel.numpy(), compute_uv=False)[0] < 2.5


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("losses", [{"kernel_regularizer": "L2"}, {"activity_regularizer": "L1"}, {"name": "sparse"}])
def test_losses_that_the_layers_of_own_networks_add_count(losses, few):
    """By ten steps of SGD at 0.01 without momentum, an L2 of 5 leaves 0.9^10 of a kernel."""

    class Layer(keras.layers.Dense):
        def call(self, inputs):
            outputs = super().call(inputs)
            self.add_loss((self.name == "sparse") * keras.ops.sum(outputs) / 300)
            return outputs

    kinds = {"L2": keras.regularizers.L2(5.0), "L1": keras.regularizers.L1(1.0)}
    dense = Layer(16, "relu", **{name: kinds.get(kind, kind) for name, kind in losses.items()})
    backbone, parts = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), dense]), make("gaussian")
    encoder = networks.Encoder(backbone, {"z": networks.DeterministicPosterior(2)})
    model = AdversarialAutoencoder(encoder, parts.decoder, parts.discriminator, parts.prior)
    model.build((None, 28, 28, 1))

    def sizes():
        return np.array([np.linalg.norm(dense.kernel), np.abs(backbone(few[0] / 255.0)).mean()])

    start = sizes()
    optimizers = {update.optimizer_key: keras.optimizers.SGD(0.01) for update in model.updates()}
    settings = TrainingSettings(batch_size=40, jit_compile=False)
    Trainer(model, data.Split(*few), settings, optimizers=optimizers).fit(1)
    kernel, activity = sizes() / start
    if "kernel_regularizer" in losses:
        assert kernel == pytest.approx(0.9**10, abs=0.03)
    else:
        assert activity < 0.5 and kernel > 0.7
