"""Keras' callbacks mean here what they mean in Keras: they see what was validated, and what they do lasts."""

import csv
import json

import numpy as np
import pytest
from conftest import QUICK, SMALL

import aae_tf
from aae_tf.backend import keras
from aae_tf.training import trainer as loop

callbacks = keras.callbacks
FEW = {**SMALL, **QUICK, "batch_size": 320, "weight_ema": 0.9}  # a step an epoch
WATCH = "val_reconstruction_error"

pytestmark = pytest.mark.usefixtures("training_alone", "eagerly")


class Spoil(callbacks.Callback):
    """Makes validation look worse and worse after some epochs, by the rate it raises."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def on_epoch_begin(self, epoch, logs=None):
        if epoch >= self.after:
            self.model.optimizer.learning_rate = 1e-9
            self.model.decoder.set_weights([0.9 * weight for weight in self.model.decoder.get_weights()])


class Note(callbacks.Callback):
    """Notes what there is to see after each epoch."""

    def __init__(self, data=None):
        super().__init__()
        self.data, self.seen, self.rates = data, [], []

    def on_epoch_end(self, epoch, logs=None):
        if self.data is not None:
            self.seen.append((logs[WATCH], self.model.validate(self.data.validation)[WATCH]))
        self.rates.append([float(each.learning_rate) for each in self.model.optimizer.optimizers])


def early(**options):
    return callbacks.EarlyStopping(WATCH, **{"patience": 1, "restore_best_weights": True, **options})


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))


def test_callbacks_see_the_weights_that_were_validated(few, tmp_path):
    data = aae_tf.data.load(few)
    note = Note(data)
    aae_tf.train("gaussian", data, out_dir=tmp_path / "run", callbacks=[note], **FEW)
    assert len(note.seen) == 2
    for logged, measured in note.seen:
        assert logged == pytest.approx(measured, rel=1e-6)


def test_early_stopping_keeps_the_best_weights_and_the_run_is_finished(few, tmp_path, capsys):
    options = {**FEW, "epochs": 30}
    stop = early()
    run = aae_tf.train("gaussian", few, out_dir=tmp_path / "run", callbacks=[Spoil(3), stop], **options)
    assert 3 <= len(run.history) < 30
    for ours, best in zip(run.model.get_weights(), stop.best_weights, strict=True):
        np.testing.assert_array_equal(ours, best)
    best = min(row[WATCH] for row in run.history)
    assert run.model.validate(run.data.validation)[WATCH] == pytest.approx(best, rel=1e-6)
    loaded = aae_tf.load_run(tmp_path / "run", few)
    assert same(loaded.model, run.model)
    record = json.loads((tmp_path / "run" / "recipe.json").read_text())["outcome"]
    assert record["stopped_early"]
    assert record["epochs"] == len(run.history)
    assert record["kept"]["monitor"] == WATCH
    assert record["kept"]["value"] == pytest.approx(best)
    again = aae_tf.train("gaussian", few, out_dir=tmp_path / "run", **{**options, "progress": True})
    assert f"is finished: {len(run.history)} epochs (stopped early, of 30)" in capsys.readouterr().err
    assert len(again.history) == len(run.history)
    assert same(again.model, run.model)


def test_keep_best_and_patience_are_fields_of_a_recipe(few, tmp_path):
    options = {**FEW, "epochs": 30, "keep": "best", "patience": 2}
    run = aae_tf.train("gaussian", few, out_dir=tmp_path / "run", callbacks=[Spoil(3)], **options)
    assert len(run.history) < 30
    errors = [row[WATCH] for row in run.history]
    report = run.report("validation", likelihood_samples=0)
    assert report["kept"]["epoch"] == 1 + int(np.argmin(errors))
    assert report["kept"]["monitor"] == WATCH
    assert report["metrics"]["reconstruction_error"]["value"] == pytest.approx(min(errors), rel=1e-6)


def test_classifiers_watch_their_classes(few):
    run = aae_tf.train("semi_supervised", few, labels=40, keep="best", **{**FEW, "epochs": 1})
    assert run.outcome["kept"]["monitor"] == "val_classification_error"


def test_models_without_a_watched_number_are_refused(few):
    settings = {name: FEW[name] for name in ("epochs", "progress", "jit_compile", "discriminator_widths", "batch_size")}
    with pytest.raises(aae_tf.InputError, match="no validation metric to monitor"):
        aae_tf.train("gan", few, keep="best", **settings)


@pytest.mark.e2e
def test_a_run_killed_with_callbacks_goes_on_exactly(few, tmp_path):
    """The trainer's checkpoint keeps what callbacks have noted: patience, the best weights, a rate they lowered."""

    def listen():
        slower = callbacks.ReduceLROnPlateau(WATCH, factor=0.5, patience=1, min_delta=1.0)
        return [slower, early(patience=4, min_delta=0.05), note]

    class Kill(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    options, ends = {**FEW, "epochs": 9}, []
    for name in ("whole", "parts"):
        note = Note()
        if name == "parts":
            with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr("aae_tf.training.trainer.CHECKPOINT_SECONDS", 0.0)
                aae_tf.train("gaussian", few, out_dir=tmp_path / name, callbacks=[*listen(), Kill()], **options)
            note = Note()
        run = aae_tf.train("gaussian", few, out_dir=tmp_path / name, callbacks=listen(), **options)
        ends.append((run.history, note.rates[-1], run.model))
    (history, rates, model), (other_history, other_rates, other) = ends
    assert len(history) == len(other_history) > 3
    assert rates == other_rates
    assert rates[0] < 0.01  # it did lower them
    assert same(model, other)


def test_learning_rate_callbacks_set_every_optimizers_rate(few, tmp_path):
    note = Note()
    schedule = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    aae_tf.train("gaussian", few, out_dir=tmp_path / "run", callbacks=[schedule, note], **FEW)
    np.testing.assert_allclose(note.rates, [[0.005, 0.05, 0.05], [0.0025, 0.025, 0.025]], rtol=1e-5)


def test_a_rate_that_a_callback_sets_is_followed_by_the_schedule_in_proportion(few, tmp_path):
    note = Note()

    class Halve(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 0:
                for each in self.model.optimizer.optimizers:
                    each.learning_rate = float(each.learning_rate) / 2

    options = {**FEW, "reconstruction": {"learning_rate": 0.01, "schedule": "cosine"}}
    aae_tf.train("gaussian", few, out_dir=tmp_path / "run", callbacks=[Halve(), note], **options)
    np.testing.assert_allclose([rates[0] for rates in note.rates], [0.005, 0.0025], rtol=1e-5)


def test_model_checkpoint_saves_what_it_measured(few, tmp_path):
    best = callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor=WATCH, save_best_only=True)
    run = aae_tf.train("gaussian", few, out_dir=tmp_path / "run", callbacks=[best], **FEW)
    saved = keras.models.load_model(tmp_path / "best.keras")
    measured = saved.validate(run.data.validation)[WATCH]
    assert measured == pytest.approx(min(row[WATCH] for row in run.history), rel=1e-6)


def test_tensorboard_and_csv_loggers_work(few, tmp_path):
    listeners = [
        callbacks.TensorBoard(tmp_path / "board", histogram_freq=1, write_steps_per_second=True),
        callbacks.CSVLogger(tmp_path / "log.csv"),
        callbacks.TerminateOnNaN(),
        callbacks.LambdaCallback(),
    ]
    aae_tf.train("gaussian", few, out_dir=tmp_path / "run", callbacks=listeners, **FEW)
    assert list((tmp_path / "board").rglob("events*"))
    with open(tmp_path / "log.csv", newline="") as file:
        assert WATCH in next(csv.reader(file))


def test_a_lowered_rate_keeps_its_share_of_a_schedule(few, tmp_path):
    note = Note()
    slower = callbacks.ReduceLROnPlateau(WATCH, factor=0.5, patience=1, min_delta=100.0, cooldown=9)
    options = {
        **FEW,
        "epochs": 4,
        "reconstruction": {"learning_rate": 0.01, "schedule": "piecewise_constant", "boundaries": (2,)},
    }
    aae_tf.train("gaussian", few, out_dir=tmp_path / "run", callbacks=[note, slower], **options)
    assert [rates[0] for rates in note.rates] == pytest.approx([0.01, 0.01, 0.0005, 0.0005], rel=1e-5)


def test_a_report_of_a_shorter_run_is_gone_when_it_was_made_longer(few, tmp_path):
    options = {**FEW, "out_dir": tmp_path / "run"}
    run = aae_tf.train("gaussian", few, **{**options, "epochs": 1})
    run.write_report({**run.evaluate("validation", likelihood_samples=0), "split": "test"})
    assert run.last_report("test")
    longer = aae_tf.train("gaussian", few, **{**options, "epochs": 2})
    assert longer.last_report("test") is None


def test_a_run_that_diverged_goes_on_from_its_last_good_checkpoint_by_other_rates(few, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    usual = {**FEW, "batch_size": 160, "out_dir": tmp_path / "run", "epochs": 4, "report": False, "progress": False}
    breaking = callbacks.LearningRateScheduler(lambda epoch, rate: 1e30 if epoch == 2 else rate)
    with pytest.raises(aae_tf.NonFiniteLossError, match="--from-last-good"):
        aae_tf.train("gaussian", few, callbacks=breaking, **usual)
    lower = {**usual, "reconstruction.learning_rate": 0.001}
    with pytest.raises(aae_tf.InputError, match=r"holds another run \(reconstruction.learning_rate: 0.01 there, 0.001"):
        aae_tf.train("gaussian", few, **lower)
    with pytest.raises(aae_tf.InputError, match=r"holds another run \(batch_size"):
        aae_tf.train("gaussian", few, from_last_good=True, **{**lower, "batch_size": 40})
    before = (tmp_path / "run" / "history.csv").read_text().splitlines()[1:3]
    run = aae_tf.train("gaussian", few, from_last_good=True, **lower)
    assert len(run.history) == 4
    assert (tmp_path / "run" / "history.csv").read_text().splitlines()[1:3] == before
    assert run.history[3]["reconstruction"] < run.history[1]["reconstruction"]
    record = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert record["rates"] == [{"epochs": 2, "steps": 0, "learning_rates": {"reconstruction": 0.01}}]
    assert len(aae_tf.train("gaussian", few, **lower).history) == 4  # it is this run now, without saying so again
    assert len(json.loads((tmp_path / "run" / "recipe.json").read_text())["rates"]) == 1
    with pytest.raises(aae_tf.InputError, match="holds another run"):  # for it is finished
        aae_tf.train("gaussian", few, from_last_good=True, **{**lower, "reconstruction.learning_rate": 0.1})


def test_other_rates_hold_from_the_very_step_that_a_run_goes_on_from(few, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.0)
    usual = {**FEW, "batch_size": 50, "out_dir": tmp_path / "run", "epochs": 2, "report": False, "progress": False}
    seen = []

    class Watching(callbacks.Callback):
        def __init__(self, stops):
            super().__init__()
            self.stops = stops

        def on_train_batch_end(self, batch, logs=None):
            seen.append(float(self.model.optimizer.optimizers[0].learning_rate.numpy()))
            if self.stops and batch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aae_tf.train("gaussian", few, callbacks=Watching(True), checkpoint_minutes=0, **usual)
    lower = {**usual, "reconstruction.learning_rate": 0.001}
    aae_tf.train("gaussian", few, callbacks=Watching(False), from_last_good=True, **lower)
    assert seen[:3] == pytest.approx([0.01] * 3) and seen[3:] == pytest.approx([0.001] * len(seen[3:]))
    assert len(seen) > 6
