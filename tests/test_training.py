import multiprocessing
import os
import random
import shutil
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import SMALL, model_of, mostly_e2e, small

import aae_tf
from aae_tf import data, priors
from aae_tf.backend import keras, tf
from aae_tf.data.large import streams
from aae_tf.models import ORDERS
from aae_tf.runs.load import read_history
from aae_tf.training import Trainer, TrainingSettings, checkpoints, dtype_policy, make_optimizer
from aae_tf.training import trainer as loop
from aae_tf.training.data_source import Indexed, InMemory, Streamed
from aae_tf.training.updates import configured


def make_trainer(few, folder=None, count=400, recipe="gaussian", **options):
    changed = small(recipe)
    changed |= {"input_dropout": 0.1} if "input_dropout" in aae_tf.recipes()[recipe].accepted() else {}
    recipe = aae_tf.recipes()[recipe].with_options(**changed)
    model = model_of(recipe)
    optimizers = {
        update.optimizer_key: make_optimizer(recipe.optimizer(update.optimizer)) for update in model.updates()
    }
    usual = {"batch_size": 50, "jit_compile": False, "weights": recipe.weights, "views": recipe.views}
    split = data.Split(few[0][:count], few[1][:count])
    settings = TrainingSettings(**usual | options)  # not compiled: that takes longer than a few steps
    return Trainer(model, split, settings, optimizers=optimizers, checkpoint_folder=folder)


def weights(trainer):
    return [variable.numpy() for variable in trainer.variables]


def test_an_epoch_visits_every_image_once_and_epochs_differ(few):
    source = InMemory(data.Split(*few), 40, seed=3)
    epochs = []
    for epoch in (0, 1, 0):
        rows = [
            chunk.rows.numpy()[chunk.first : chunk.first + chunk.count] for chunk in source.chunks(epoch, lambda: 3)
        ]
        epochs.append(np.concatenate(rows).ravel())
        assert sorted(epochs[-1]) == list(range(400))
    np.testing.assert_array_equal(epochs[0], epochs[2])
    assert not np.array_equal(epochs[0], epochs[1])


@pytest.mark.parametrize("jit_compile", mostly_e2e([True, False], [False]))
def test_how_steps_are_grouped_into_calls_does_not_matter(few, jit_compile, monkeypatch):
    results, views = [], {"rotation": 12, "shift": 2, "scale": 0.1} if jit_compile else {}
    for seconds in (1e-9, 100.0):  # one step a call, or a whole epoch in a few
        monkeypatch.setattr(loop, "CHUNK_SECONDS", seconds)
        trainer = make_trainer(few, jit_compile=jit_compile, views=views)
        history = trainer.fit(2)
        assert history[1]["reconstruction"] < history[0]["reconstruction"]
        losses = [row[name] for row in history for name in trainer.names]
        results.append([*weights(trainer), losses])
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize(
    ("order", "jit_compile"),
    [("alternating", False), pytest.param("simultaneous", True, marks=pytest.mark.e2e)],
)
def test_training_lowers_the_reconstruction_error(few, order, jit_compile):
    history = make_trainer(few, order=order, jit_compile=jit_compile).fit(3)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert history[2]["reconstruction"] < 0.9 * history[0]["reconstruction"]
    assert {"discriminator", "generator", "seconds"} <= set(history[0])


class Asking(keras.callbacks.Callback):
    """Sends this process a signal at a step, or raises an error."""

    def __init__(self, step, by):
        super().__init__()
        self.step, self.by = step, by

    def on_train_batch_end(self, batch, logs=None):
        if batch >= self.step and self.by is not None:
            by, self.by = self.by, None
            if isinstance(by, Exception):
                raise by
            os.kill(os.getpid(), by)


ONE_EACH = {recipe.model: name for name, recipe in reversed(aae_tf.recipes().items()) if not recipe.views}
STRUCTURES = ("gaussian", "vae", "gan", "style_joint", "reduction")  # of updates


@pytest.mark.parametrize("recipe", mostly_e2e([*ONE_EACH.values(), "style_joint", "semi_supervised_views"], STRUCTURES))
def test_every_model_resumed_in_an_epoch_is_bit_for_bit_one_never_stopped(few, recipe, request, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.0)  # one step a chunk
    if recipe != "gaussian":  # which is traced: a number of Python's does not change in a graph
        request.getfixturevalue("eagerly")
    options = {"recipe": recipe, "weight_ema": 0.9, "count": 100, "checkpoint_minutes": 0.0}
    whole = make_trainer(few, **options)
    epochs = 2 if recipe == "gaussian" else 1
    whole.fit(epochs)
    with pytest.raises(RuntimeError, match="killed"):
        make_trainer(few, tmp_path, **options).fit(epochs, callbacks=[Asking(1, RuntimeError("killed"))])
    resumed = make_trainer(few, tmp_path, **options)
    assert resumed.restore() == 0 and resumed.begun == "step 1 of epoch 1"
    resumed.fit(epochs)
    for expected, found in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize(
    ("by", "ends", "source", "kept"),
    [
        (signal.SIGINT, KeyboardInterrupt, Indexed, 4),
        pytest.param(signal.SIGTERM, SystemExit, Streamed, 4, marks=pytest.mark.e2e),
        pytest.param(signal.SIGINT, KeyboardInterrupt, InMemory, 4, marks=pytest.mark.e2e),
        # Killed, nothing is kept at the end, but after every chunk: one step in memory, two elsewhere.
        pytest.param(RuntimeError("killed"), RuntimeError, InMemory, 3, marks=pytest.mark.e2e),
        pytest.param(RuntimeError("killed"), RuntimeError, Indexed, 2, marks=pytest.mark.e2e),
        pytest.param(RuntimeError("killed"), RuntimeError, Streamed, 2, marks=pytest.mark.e2e),
    ],
)
def test_an_epoch_interrupted_goes_on_from_its_very_step(few, by, ends, source, kept, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.0)  # one step a chunk

    def trainer(folder):
        minutes = 0.0 if ends is RuntimeError else 10.0
        made = make_trainer(few, folder, weight_ema=0.9, checkpoint_minutes=minutes)
        if source is Streamed:
            train = streams.from_tf_data(tf.data.Dataset.from_tensor_slices(few), memory_bytes=100).train
            made.source = Streamed(train, 50, 0, steps_per_chunk=2)
        if source is Indexed:
            packed = tmp_path / "packed"
            made.source = Indexed(data.load(packed if packed.exists() else data.pack(few, packed)).train, 50, 0, 2)
        return made

    def halving():
        return keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.5 * rate)

    whole = trainer(None)
    whole.fit(2, callbacks=[halving()])
    cut, handlers = trainer(tmp_path / "kept"), [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ends):
        cut.fit(2, callbacks=[halving(), Asking(3, by)])
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    resumed = trainer(tmp_path / "kept")
    assert resumed.restore() == 0 and resumed.begun == f"step {kept} of epoch 1"
    assert checkpoints.epochs_begun(tmp_path / "kept") == 1
    resumed.fit(2, callbacks=[halving()])
    for value, expected in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_array_equal(value, expected)
    for row, expected in zip(resumed.history, whole.history, strict=True):
        assert {**row, "seconds": 0} == {**expected, "seconds": 0}


def test_a_checkpoint_in_an_epoch_is_of_weights_that_are_finite(few, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.0)
    trainer = make_trainer(few, tmp_path, checkpoint_minutes=0.0)

    class Breaking(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.model.weights[0].assign(np.full(self.model.weights[0].shape, np.nan))

    with pytest.raises(aae_tf.NonFiniteLossError):
        trainer.fit(1, callbacks=[Breaking()])
    resumed = make_trainer(few, tmp_path)
    resumed.restore()
    assert resumed.begun == "step 2 of epoch 1"
    assert all(np.isfinite(weight).all() for weight in weights(resumed))


def test_joined_phases_take_one_step_by_the_sum_of_their_losses(few, batch):
    """With plain SGD one joint update equals the two separate updates added up."""
    results = []
    for joint in (("reconstruction", "generator"), ()):
        trainer = make_trainer(few)
        sgd = {name: keras.optimizers.SGD(0.01) for name in trainer.names}
        settings = TrainingSettings(batch_size=50, order="simultaneous", fused=joint)
        trainer = Trainer(trainer.model, data.Split(*few), settings, optimizers=sgd)
        ORDERS["simultaneous"](trainer.model, trainer.updates, sgd, batch, priors.as_seed(1))
        assert int(sgd["reconstruction"].iterations) == 1
        results.append([variable.numpy() for variable in trainer.model.trainable_variables])
    for joint, separate in zip(*results, strict=True):
        np.testing.assert_allclose(joint, separate, atol=1e-6)


def test_the_weight_average_is_its_definition_and_leaves_the_weights_alone(few):
    trainer = make_trainer(few, weight_ema=0.9)
    expected = [weight.numpy().astype(float) for weight in trainer.average.weights]
    for step in range(5):
        for weight in trainer.average.weights:
            weight.assign_add(tf.ones_like(weight))
        trainer.average.update(tf.constant(step))
        decay = min(0.9, (1 + step) / (10 + step))
        expected = [
            decay * old + (1 - decay) * weight.numpy()
            for old, weight in zip(expected, trainer.average.weights, strict=True)
        ]
    own = [weight.numpy() for weight in trainer.average.weights]
    with trainer.averaged():
        for weight, value in zip(trainer.average.weights, expected, strict=True):
            np.testing.assert_allclose(weight, value, rtol=1e-5, atol=1e-5)
    for weight, value in zip(trainer.average.weights, own, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_keras_callbacks_are_driven(few):
    heard = []

    class Listener(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            heard.append("begin")

        def on_epoch_end(self, epoch, logs=None):
            heard.append(epoch)
            assert self.model.count_params() > 0
            assert {"reconstruction", "generator", "val"} <= set(logs)

        def on_train_batch_end(self, batch, logs=None):
            heard.append("batch")

        def on_train_end(self, logs=None):
            heard.append("end")

    early = keras.callbacks.EarlyStopping(monitor="val", mode="min", patience=1, restore_best_weights=True)
    trainer = make_trainer(few)
    history = trainer.fit(10, [Listener(), early], validate=lambda: {"val": float(trainer.epoch)})
    assert len(history) == 2  # a validation error that only grows stops it
    assert heard[0] == "begin"
    assert heard[-1] == "end"
    assert [item for item in heard if isinstance(item, int)] == [0, 1]
    assert "batch" in heard


def test_model_checkpoint_callback_writes_a_loadable_model(few, tmp_path):
    trainer = make_trainer(few)
    trainer.fit(1, [keras.callbacks.ModelCheckpoint(tmp_path / "best.keras")])
    loaded = keras.models.load_model(tmp_path / "best.keras")
    np.testing.assert_allclose(loaded.encode(few[0][:3]), trainer.model.encode(few[0][:3]), atol=1e-6)


def test_a_loss_that_is_not_finite_stops_with_phase_epoch_and_step_and_keeps_the_checkpoint(few, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    trainer = make_trainer(few, tmp_path)
    trainer.fit(2)
    good = weights(trainer)
    trainer.optimizers["reconstruction"].learning_rate = 1e30
    with pytest.raises(aae_tf.NonFiniteLossError, match="'reconstruction' is not finite at epoch 3, step") as caught:
        trainer.fit(5)
    assert (caught.value.phase, caught.value.epoch) == ("reconstruction", 3)
    again = make_trainer(few, tmp_path)
    assert again.restore() == 2
    for kept, restored in zip(good, weights(again), strict=True):
        np.testing.assert_array_equal(kept, restored)


def test_weights_that_are_not_finite_behind_a_finite_loss_are_not_kept(few, tmp_path, monkeypatch):
    """The last step's loss is taken before its update, so one step an epoch at a wild rate shows nothing in it."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    trainer = make_trainer(few, tmp_path, count=50)
    validate = lambda: {"val_reconstruction_error": float(tf.reduce_mean(trainer.model(few[0][:9])))}  # noqa: E731
    trainer.fit(1, validate=validate)
    trainer.optimizers["generator"].learning_rate = 1e38
    with pytest.raises(aae_tf.NonFiniteLossError, match="is not finite after epoch 2; lower the learning rates"):
        trainer.fit(2, validate=validate)
    assert len(trainer.history) == 1
    assert make_trainer(few, tmp_path, count=50).restore() == 1


def test_a_checkpoint_cut_short_is_passed_over_for_the_one_before(few, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    make_trainer(few, tmp_path).fit(3)
    newest = tmp_path / "epoch-000003.npz"
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="epoch-000003.npz' is damaged"):
        assert make_trainer(few, tmp_path).restore() == 2


@pytest.mark.filterwarnings("ignore:.*is damaged")
def test_a_checkpoint_with_a_flipped_bit_is_noticed(tmp_path):
    """Wherever it is: either nothing that is read has changed, or the checkpoint before it is taken."""
    kept = {}
    for epoch in (1, 2):
        kept[epoch] = [tf.Variable(tf.random.stateless_normal([7, 5], [epoch, 0])), tf.Variable(epoch)]
        state = {"rates": [np.arange(3)]}
        checkpoints.write(tmp_path, epoch, 0, checkpoints.as_arrays(kept[epoch], [{"epoch": 1}] * epoch, state))
    newest = tmp_path / "epoch-000002.npz"
    whole, taken = newest.read_bytes(), set()
    for bit in range(0, 8 * len(whole), 101):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        newest.write_bytes(damaged)
        found = [tf.Variable(tf.zeros([7, 5])), tf.Variable(0)]
        epoch, history, _ = checkpoints.restore(tmp_path, found)
        taken.add(epoch)
        assert len(history) == epoch
        for variable, expected in zip(found, kept[epoch], strict=True):
            np.testing.assert_array_equal(variable, expected)
    assert taken == {1, 2}


@pytest.mark.filterwarnings("ignore:.*is damaged")
def test_where_every_checkpoint_is_damaged_training_does_not_begin_anew(few, tmp_path):
    make_trainer(few, tmp_path).fit(1)
    for path in tmp_path.glob("epoch-*.npz"):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(aae_tf.InputError, match=r"every checkpoint in .* is damaged"):
        make_trainer(few, tmp_path).restore()


def test_another_models_checkpoint_is_refused(few, tmp_path):
    make_trainer(few, tmp_path).fit(1)
    with pytest.raises(aae_tf.InputError, match="another model"):
        checkpoints.restore(tmp_path, [tf.Variable([1.0])])


def test_too_few_images_for_a_batch_are_refused(few):
    with pytest.raises(aae_tf.InputError, match="batch_size 50 is larger than the 30 training images"):
        make_trainer(few, count=30)


def test_batch_normalisation_of_one_image_is_refused(few):
    plain, normalised = (make_trainer(few, recipe=recipe) for recipe in ("gaussian", "semi_supervised"))
    Trainer(plain.model, data.Split(*few), TrainingSettings(batch_size=1))
    two = SimpleNamespace(num_replicas_in_sync=2)  # each has its own statistics
    for batch_size, strategy in ((1, None), (2, two)):
        with pytest.raises(aae_tf.InputError, match="batch normalisation of one image a replica cannot tell"):
            Trainer(normalised.model, data.Split(*few), TrainingSettings(batch_size=batch_size), strategy=strategy)
    of_places = {"architecture": "convolutional", "filters": (4, 8), "widths": (16,), "batch_norm": (1, 2)}
    model = model_of(aae_tf.recipes()["gaussian"].with_options(**of_places))  # height and width have statistics too
    Trainer(model, data.Split(*few), TrainingSettings(batch_size=1))
    for layer in normalised.model._flatten_layers():
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)  # by its moving statistics then
    Trainer(normalised.model, data.Split(*few), TrainingSettings(batch_size=1))


def test_a_discrepancy_over_pairs_needs_two_images_a_replica(few):
    made = make_trainer(few, recipe="wae_mmd")
    for batch_size, replicas in ((1, 1), (2, 2)):
        strategy = SimpleNamespace(num_replicas_in_sync=replicas)
        with pytest.raises(aae_tf.InputError, match="needs 2 of them on each replica; use a larger batch"):
            Trainer(made.model, data.Split(*few), TrainingSettings(batch_size=batch_size), strategy=strategy)
    settings = TrainingSettings(batch_size=2, jit_compile=False)
    pair = Trainer(made.model, data.Split(few[0][:2]), settings, optimizers=made.optimizers)
    pair.fit(1)
    assert np.isfinite(pair.history[0]["mmd"])


def test_what_a_trainer_lacks_is_said(few, monkeypatch):
    made = make_trainer(few)
    two = {name: made.optimizers[name] for name in ("reconstruction", "discriminator")}
    words = "update 'generator' has no optimizer 'generator'; given: reconstruction, discriminator"
    with pytest.raises(aae_tf.InputError, match=words):
        Trainer(made.model, data.Split(*few), optimizers=two)
    with pytest.raises(aae_tf.InputError, match="unknown order 'parallel'; accepted: alternating, simultaneous"):
        make_trainer(few, order="parallel")
    spec = made.model.training_spec.extended(required_inputs=("views",))
    monkeypatch.setattr(type(made.model), "training_spec", spec)
    with pytest.raises(aae_tf.InputError, match="trained on views of the images; set some"):
        Trainer(made.model, data.Split(*few), optimizers=made.optimizers)


def test_a_batch_brings_views_of_its_images_and_the_clean_images(few, eagerly):
    """Labelled images are seen through views, the images to be reconstructed are not."""
    trainer = make_trainer(few, count=50, recipe="semi_supervised", views={"shift": 2})
    step, seen = trainer.steps.take_step, []

    def monitor(model, updates, optimizers, batch, seed):
        seen.append({name: value.numpy() for name, value in batch.items()})
        return step(model, updates, optimizers, batch, seed)

    trainer.steps.take_step = monitor
    trainer.fit(2)
    pixels = few[0][:50].reshape(50, -1) / 255.0
    for found in seen:
        images, views, labelled = (found[name].reshape(50, -1) for name in ("images", "views", "labelled_images"))
        gaps = np.abs(images[:, None] - pixels).max(-1)
        assert sorted(gaps.argmin(1)) == list(range(50))
        assert gaps.min(1).max() < 1e-6
        assert np.median(np.abs(views - images).max(1)) > 0.05
        assert np.median(np.abs(labelled[:, None] - pixels).max(-1).min(1)) > 0.05
    first, second = (found["views"][np.argsort(found["images"].sum((1, 2, 3)))] for found in seen)
    assert np.median(np.abs(first - second).max((1, 2, 3))) > 0.05  # each image's view is another in each epoch


def test_learning_rate_schedules():
    steps = aae_tf.OptimizerSettings("sgd", 0.1, schedule="piecewise_constant", boundaries=(50, 1000))
    np.testing.assert_allclose(
        [steps.rate(epoch, 5000) for epoch in (0, 49, 50, 999, 1000)], [0.1, 0.1, 0.01, 0.01, 0.001]
    )
    cosine = aae_tf.OptimizerSettings("sgd", 0.1, schedule="cosine")
    np.testing.assert_allclose([cosine.rate(epoch, 10) for epoch in (0, 5, 10)], [0.1, 0.05, 0], atol=1e-9)


def test_schedules_reach_the_optimizers(few):
    rates = []

    class Listener(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rates.append(float(trainer.optimizers["generator"].learning_rate))

    falling = aae_tf.OptimizerSettings("sgd", 0.1, schedule="piecewise_constant", boundaries=(1, 2))
    settings = TrainingSettings(batch_size=50, optimizers={"regularization": falling}, jit_compile=False)
    trainer = Trainer(make_trainer(few).model, data.Split(*few), settings)
    trainer.fit(3, [Listener()])
    np.testing.assert_allclose(rates, [0.1, 0.01, 0.001], rtol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_hidden_layers_compute_in_the_policy_and_what_comes_out_is_float32(batch, precision):
    recipe = aae_tf.recipes()["semi_supervised"].with_options(**small("semi_supervised"))
    model = model_of(recipe, dtype=dtype_policy(precision))
    for chain in (model.encoder.backbone, model.decoder, model.discriminator, model.discriminator_y):
        hidden = [layer for layer in chain.chain if isinstance(layer, keras.layers.Dense)]
        hidden = [layer for layer in hidden if layer.units == 32]
        assert [layer.compute_dtype for layer in hidden] == [precision.removeprefix("mixed_")]
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    codes = model.codes(batch, seed=priors.as_seed(0), training=True)
    logits = model.discriminator(codes["z"], training=True)
    phases = [phase for update in configured(model.updates()) for phase in update.phases]
    losses = [phase.loss(batch, codes, priors.as_seed(1)) for phase in phases]
    assert {value.dtype for value in (*codes.values(), logits, *losses, model.to_images(codes))} == {tf.float32}


@pytest.mark.parametrize("capability", [None, (7, 0), (9, 0)])
def test_auto_is_the_precision_of_the_published_results_on_every_device(monkeypatch, capability):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [] if capability is None else ["a GPU"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: {"compute_capability": capability})
    assert dtype_policy("auto") == "float32"


@pytest.mark.usefixtures("training_alone")
@pytest.mark.parametrize(
    ("policy", "jit_compile"),
    [
        ("mixed_float16", False),  # the one whose losses are scaled
        pytest.param("mixed_float16", True, marks=pytest.mark.e2e),
        pytest.param("mixed_bfloat16", False, marks=pytest.mark.e2e),
    ],
)
def test_mixed_precision_trains_and_resumes_exactly(few, policy, jit_compile, tmp_path, monkeypatch, request):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    if not jit_compile:
        request.getfixturevalue("eagerly")
    options = {**SMALL, "precision": policy, "batch_size": 160, "progress": False, "jit_compile": jit_compile}
    whole = aae_tf.train("gaussian", few, out_dir=tmp_path / "whole", **{**options, "epochs": 3})
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    for name in ("model.keras", "checkpoints/epoch-000003.npz"):  # as if killed in the third epoch
        (tmp_path / "parts" / name).unlink()
    parts = aae_tf.train("gaussian", few, out_dir=tmp_path / "parts", **{**options, "epochs": 3})
    assert whole.history[-1]["reconstruction"] < whole.history[0]["reconstruction"]
    for first, second in zip(whole.model.weights, parts.model.weights, strict=True):
        np.testing.assert_array_equal(first, second)


def victim(folder):
    """Train, in a process of its own."""
    loop.CHECKPOINT_SECONDS, loop.CHUNK_SECONDS = 0.0, 0.05
    aae_tf.train(
        "likelihood", "mnist_5k", out_dir=folder, epochs=6, widths=(64, 64), discriminator_widths=(64, 64),
        posterior="universal", batch_norm=True, input_noise=0.3, input_dropout=0.1, weight_ema=0.99, seed=5,
        regularization={"name": "adam", "learning_rate": 1e-4}, progress=False, jit_compile=False, report=False,
        checkpoint_minutes=0.005,
    )  # fmt: skip


def checkpoint_arrays(folder):
    [*_, newest] = sorted((folder / "checkpoints").glob("*.npz"))
    with np.load(newest) as arrays:
        return {name: arrays[name] for name in arrays.files if name != "history"}


@pytest.mark.e2e
def test_a_run_killed_at_random_moments_and_resumed_is_bit_for_bit_one_never_killed(tmp_path):
    processes = multiprocessing.get_context("forkserver")  # TensorFlow is imported once for all
    processes.set_forkserver_preload(["test_training"])

    def started(name):
        process = processes.Process(target=victim, args=(tmp_path / name,))
        process.start()
        return process

    whole = started("whole")
    chance = random.Random(time.time())
    killed_at = []
    while len(killed_at) < 2:
        killed = started("killed")
        folder = tmp_path / "killed" / "checkpoints"
        start = checkpoints.latest_epoch(folder)
        while checkpoints.latest_epoch(folder) <= start and killed.is_alive():
            time.sleep(0.02)  # let it get at least one epoch further
        time.sleep(chance.random() * 0.6)
        if not killed.is_alive():
            break
        killed.kill()
        killed.join()
        killed_at.append(checkpoints.latest_epoch(folder))
    assert killed_at, "it finished before it could be killed"
    assert not (tmp_path / "killed" / "model.keras").exists() or killed_at[-1] == 6
    resumed = started("killed")
    for process in (resumed, whole):
        process.join()
        assert process.exitcode == 0
    expected, found = checkpoint_arrays(tmp_path / "whole"), checkpoint_arrays(tmp_path / "killed")
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(array, found[name])
    one, other = (
        [{key: value for key, value in row.items() if key != "seconds"} for row in history]
        for history in (read_history(tmp_path / "whole"), read_history(tmp_path / "killed"))
    )
    assert one == other
