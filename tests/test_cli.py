import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from conftest import only_signatures

import aae_tf
from aae_tf.recipes.changes import settable

QUICK = ["--set", "widths=32", "--set", "discriminator_widths=32", "--set", "batch_size=50", "--epochs", "1"]


@pytest.fixture
def digits_file(few, tmp_path):
    path = tmp_path / "digits.npz"
    np.savez(path, images=few[0], labels=few[1])
    return path


@pytest.mark.usefixtures("training_alone", "uncompiled", "eagerly")
def test_train_evaluate_figures_export(digits_file, capsys):
    assert run("train", "gaussian", "--dataset", digits_file, "--out", "run", "--seed", 3, *QUICK) == 0
    captured = capsys.readouterr()
    assert Path(captured.out.strip()) == Path("run").absolute()  # standard output is for the next program
    assert re.search(r"epoch 1/1 .*reconstruction [\d.]+", captured.err)
    assert run("evaluate", "run", "--likelihood-samples", 0) == 0
    assert "prior against prior" in " ".join(capsys.readouterr().out.split())
    assert run("figures", "run") == 0
    assert "run/figures/latent_plane.png" in capsys.readouterr().out
    with only_signatures("encode"):
        for version in ("served/1", "served/2"):
            assert run("export", "run", "served") == 0
            assert capsys.readouterr().out.strip() == version


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "gausian"], "unknown recipe 'gausian'"),
        (["train", "--dataset", "nothing_like_it"], "unknown dataset"),
        (["train", "--dataset", "./nowhere"], "no folder"),
        (["train", "--set", "epochs"], "accepted: --set field=value"),
        (["train", "--set", "colour=red"], "unknown option of AdversarialAutoencoder 'colour'"),
        (["train", "--set", "report=false"], "unknown option of AdversarialAutoencoder 'report'"),
        (["train", "--strategy", "multi_worker", "--set", "epochz=3"], "Did you mean 'epochs'?"),
        (["train", "--set", "reconstruction.speed=1"], "unknown option 'reconstruction.speed'"),
        (["train", "--epochs", "0"], "out of range"),
        (["train", "--out", "/proc/nowhere"], "cannot write to"),
        (["evaluate", "nowhere"], "holds no run"),
        (["export", "nowhere", "dest"], "holds no run"),
        (["data", "prepare", "mnist", "--from", "nowhere"], "not a folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("error: ")
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""


@pytest.mark.usefixtures("uncompiled", "eagerly")
def test_a_non_finite_loss_is_exit_code_1(digits_file, capsys):
    wild = ["--set", "reconstruction.learning_rate=1e30"]
    assert run("train", "--dataset", digits_file, "--out", "run", *QUICK, *wild) == 1
    assert "is not finite at epoch 1" in capsys.readouterr().err


def test_recipes_are_listed(capsys):
    assert run("recipes") == 0
    listed = capsys.readouterr().out
    for name in ("gaussian", "mixture", "likelihood"):
        assert name in listed


def test_what_a_recipes_options_accept_is_listed_and_accepted(capsys):
    assert run("recipes", "style") == 0
    listed = {line.split()[0]: line.strip() for line in capsys.readouterr().out.splitlines()}
    assert listed["posterior"].split(maxsplit=2)[1:] == [
        "gaussian",
        "deterministic, constant_variance, gaussian, universal",
    ]
    assert "from 0.0 to 0.999999" in listed["weight_ema"]
    assert not {"name", "model"} & set(listed)
    recipe = aae_tf.recipes()["style"].resolved()
    names = {name: each for name, each in settable(recipe).items() if each.kind in (bool, str) and each.accepts}
    assert {"posterior", "order", "label_conditioned"} <= names.keys()
    for name, option in names.items():
        for value in option.accepts.split(", "):
            assert str(recipe.with_options(**{name: value}).flat()[name]).lower() == value


def timed(*command):
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.monotonic() - start, done


def test_importing_and_asking_for_help_does_not_load_tensorflow():
    code = "import sys, aae_tf; aae_tf.recipes(); print([m for m in sys.modules if m in ('tensorflow', 'keras')])"
    _, done = timed(sys.executable, "-c", code)
    assert done.stdout.strip() == "[]"
    help_code = "import sys\nfrom aae_tf.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    _, done = timed(sys.executable, "-c", help_code + "print('tensorflow' in sys.modules)")
    assert done.stdout.strip().endswith("False")
    assert done.stderr == ""


@pytest.mark.e2e
def test_tensorflow_and_its_datasets_start_without_noise(shared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared / "tfds"))
    code = "import aae_tf; aae_tf.train; from aae_tf.backend import tf; aae_tf.data.load('mnist'); "
    _, done = timed(sys.executable, "-c", code + "print(float(tf.reduce_sum(tf.ones(3))))")
    assert (done.stdout, done.stderr) == ("3.0\n", "")


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_an_interrupt_says_how_to_go_on(stop, code, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise stop

    monkeypatch.setattr("aae_tf.runs.train.train", interrupted)
    assert run("train") == code
    assert "the same command resumes" in capsys.readouterr().err
