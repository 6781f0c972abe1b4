"""Training from another run's weights: on the same networks they are all taken, elsewhere those that fit."""

import shutil

import command_line
import numpy as np
import pytest
from conftest import QUICK, SMALL, TRAINED

import aae_tf
from aae_tf.backend import keras

pytestmark = pytest.mark.usefixtures("training_alone")
QUICKLY = {**TRAINED, **QUICK, "epochs": 1, "batch_size": 80}  # four steps


class Beginning(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.encoder = [weight.numpy() for weight in self.model.encoder.weights]


@pytest.mark.usefixtures("eagerly")
def test_training_goes_on_from_all_weights_of_the_same_networks(trained, few, tmp_path):
    beginning = Beginning()
    other = few[0][:, ::-1]
    options = {**QUICKLY, "prior": "mixture", "callbacks": [beginning]}
    warm = aae_tf.train("gaussian", other, out_dir=tmp_path / "warm", warm_start=trained.out_dir, **options)
    for weight, theirs in zip(beginning.encoder, trained.model.encoder.weights, strict=True):
        np.testing.assert_array_equal(weight, theirs)
    cold = aae_tf.train("gaussian", other, out_dir=tmp_path / "cold", **options)
    assert warm.history[0]["reconstruction"] < 0.8 * cold.history[0]["reconstruction"]
    assert warm.recipe.warm_start == str(trained.out_dir)
    with pytest.raises(aae_tf.InputError, match="warm_start: '' there"):
        aae_tf.train("gaussian", other, out_dir=tmp_path / "cold", warm_start=trained.out_dir, **options)


@pytest.mark.e2e
@pytest.mark.usefixtures("eagerly")
def test_a_started_run_needs_its_source_no_more_and_knows_another(few, tmp_path):
    options = {**SMALL, **QUICK, "epochs": 1, "batch_size": 320}
    sources = [aae_tf.train("gaussian", few, out_dir=tmp_path / str(seed), seed=seed, **options) for seed in (0, 1)]
    warm = {**options, "out_dir": tmp_path / "warm", "warm_start": sources[0].out_dir}
    aae_tf.train("gaussian", few, **warm)
    sources[0].out_dir.rename(tmp_path / "away")
    assert len(aae_tf.train("gaussian", few, **{**warm, "epochs": 2}).history) == 2
    sources[1].out_dir.rename(sources[0].out_dir)
    shutil.rmtree(tmp_path / "warm" / "checkpoints")
    with pytest.raises(aae_tf.InputError, match="that directory held other weights"):
        aae_tf.train("gaussian", few, **{**warm, "epochs": 2})


@pytest.mark.usefixtures("eagerly")
def test_a_head_of_other_classes_is_left_and_said(few, tmp_path, capsys):
    options = {**SMALL, **QUICK, "epochs": 1, "batch_size": 90, "labels": "all"}
    ten = aae_tf.train("semi_supervised", few, out_dir=tmp_path / "ten", **{**options, "batch_size": 320})
    three = few[0][few[1] < 3], few[1][few[1] < 3]
    options = {**options, "epochs": 1, "progress": True, "warm_start": ten.out_dir}
    run = aae_tf.train("semi_supervised", three, out_dir=tmp_path / "three", **options)
    said = " ".join(capsys.readouterr().err.split())
    taken, left = said.partition(f"weights from {ten.out_dir}; as they were made: ")[::2]
    assert int(taken.split()[-1]) > 10
    assert 2 <= left.partition("epoch")[0].count("/kernel") <= 4  # the head of y, and what reads y
    assert run.model.predict_labels(three[0]).max() < 3


def test_what_fits_nowhere_is_refused(trained, few, tmp_path, capsys):
    with pytest.raises(aae_tf.InputError, match=r"no weight of the AdversarialAutoencoder in .* fits this"):
        aae_tf.train(
            "gaussian", few[0][:, ::2, ::2], out_dir=tmp_path / "run", warm_start=trained.out_dir,
            **{**QUICKLY, "widths": (9,), "discriminator_widths": (9,)},
        )  # fmt: skip
    assert not (tmp_path / "run").exists()
    assert command_line.run("train", "--warm-start", tmp_path, "--epochs", 1) == 2
    assert "holds no run" in capsys.readouterr().err
