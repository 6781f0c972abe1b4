"""Every code block of the README and the documentation runs, with fewer epochs and smaller networks."""

import configparser
import contextlib
import csv
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import command_line
import httpx
import numpy as np
import pytest
from browser import served as explored
from conftest import QUICK, eager, only_signatures
from PIL import Image
from serving_processes import serving_here
from sklearn.datasets import load_sample_image

import aae_tf
from aae_tf.backend import keras
from aae_tf.cli import main as cli

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "saved_models/README.md")),
    *ROOT.glob("docs/**/*.md"),
]
IN_ORDER = ROOT / "docs" / "use.md"  # pages whose blocks go on from each other
WAYS_OUT = ROOT / "docs" / "integrations.md"
FACES = re.search(r"^## From a folder.*?(?=^## )", (ROOT / "README.md").read_text(), re.M | re.S)[0]  # and one section
SERVER = "127.0.0.1:8501"
BATCH = {"few_digits": 320, "mnist_5k": 700}  # for few steps
NETWORKS = {"widths": (32,), "discriminator_widths": (32,)}


def blocks():
    """Yield (language, text) of every code block but drawings, each an end-to-end test."""
    for page in sorted({*PAGES} - {IN_ORDER, WAYS_OUT}):
        text = page.read_text().replace(FACES, "\n" * FACES.count("\n"))
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
            if found[1] == "mermaid":
                continue
            line = text[: found.start()].count("\n") + 1
            name = f"{page.relative_to(ROOT)}:{line}"
            yield pytest.param(found[1], found[2], id=name, marks=pytest.mark.e2e)


@pytest.fixture(scope="module")
def server():
    """The example of the README, served on a free port; gives its host and port."""
    with serving_here(ROOT / "saved_models" / "digits") as url:
        yield url.split("/")[2]


@pytest.fixture(scope="module", autouse=True)
def few_digits(few):
    """400 digits by a name, for what a command trains on."""
    whole = aae_tf.data.load(few)
    aae_tf.data.DATASETS.register(lambda image_size: whole, "few_digits")


@pytest.fixture
def small(monkeypatch, uncompiled):
    """Make `aae_tf.train` quick: few steps take less time than to trace or compile them."""
    train = aae_tf.train

    def quick(*args, **options):
        networks = {} if "model" in options else NETWORKS
        whole = {} if "dataset" in options or args[1:] else {"batch_size": BATCH["mnist_5k"]}
        with eager():
            return train(*args, **{**options, **networks, **whole, "epochs": 1, "progress": False})

    for name in ("aae_tf.train", "aae_tf.estimators.base.train"):
        monkeypatch.setattr(name, quick)


@pytest.mark.parametrize(("language", "text"), blocks())
def test_block(language, text, few, small, training_alone, no_likelihood, request, tmp_path):
    server = request.getfixturevalue("server") if SERVER in text else ""
    shutil.copytree(ROOT / "saved_models", "saved_models")
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, image in enumerate(few[0]):
        Image.fromarray(image[..., 0]).save(photos / f"{number}.png")
    if language == "python":
        exec(text.replace(SERVER, server), {"my_images": few[0], "my_labels": few[1]})
        return
    assert language == "sh", "say what language it is: python or sh"
    if text.strip() in (ROOT / ".ci" / "run").read_text().replace("--quiet ", ""):
        return  # CI runs it as it stands, in a fresh environment
    for command in commands(text):
        run(command, server)


@pytest.mark.e2e
def test_the_page_of_use_from_top_to_bottom(few, uncompiled, training_alone, tmp_path):
    for label in range(10):
        folder = tmp_path / "photos" / str(label)
        folder.mkdir(parents=True)
        for number, image in enumerate(few[0][few[1] == label]):
            Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
    host = ""
    with contextlib.ExitStack() as servers:
        for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", IN_ORDER.read_text(), re.M | re.S):
            if language == "python":
                exec(text.replace(SERVER, host), {})
                continue
            for command in commands(text):
                if command[:2] == ["aae-tf", "serve"]:
                    assert command[3:] == ["--builtin"]
                    host = servers.enter_context(serving_here(Path(command[2]))).split("/")[2]
                else:
                    run(command, host)
    assert Path("classes.csv").read_text() == Path("the_same_classes.csv").read_text()


@pytest.mark.e2e
def test_the_ways_out_from_top_to_bottom(small, training_alone, tmp_path, monkeypatch):
    trackers, shared = [], {}
    upload, hub = hub_in(tmp_path / "hub")
    monkeypatch.setattr("huggingface_hub.upload_folder", upload)
    for name, value in hub.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", WAYS_OUT.read_text(), re.M | re.S):
        if "Callback" in text or "Logger" in text:
            trackers.append(text)
        elif language == "python":
            exec(text, shared)
        else:
            for command in commands(text):
                run(command, "")
    assert (tmp_path / "runs" / "digits" / "projector" / "projector_config.pbtxt").exists()
    assert len(trackers) == 2


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_tracker_goes_on_in_the_same_run(name, few, training_alone, tmp_path, monkeypatch):
    """The page's own block, interrupted after two of four epochs and run again."""
    tracker = pytest.importorskip(name)
    monkeypatch.setattr("aae_tf.training.trainer.CHECKPOINT_SECONDS", 0)
    for variable, value in {
        "MLFLOW_TRACKING_URI": (tmp_path / "mlruns").as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "WANDB_SILENT": "true",
    }.items():
        monkeypatch.setenv(variable, value)
    (text,) = (
        block
        for block in re.findall(r"^```python\n(.*?)^```$", WAYS_OUT.read_text(), re.M | re.S)
        if f"import {name}\n" in block
    )
    train, more = aae_tf.train, [Interrupting(2)]

    def quick(recipe, callbacks, **options):
        with eager():
            found = train(recipe, few, callbacks=[*callbacks, *more], epochs=4, **NETWORKS, **QUICK, **options)
        (found.out_dir / "figures").mkdir(exist_ok=True)
        return found

    monkeypatch.setattr("aae_tf.train", quick)
    with pytest.raises(KeyboardInterrupt):
        exec(text, {})
    more.clear()
    exec(text, {})
    if name == "mlflow":
        (tracked,) = tracker.search_runs(output_format="list")
        history = tracker.MlflowClient().get_metric_history(tracked.info.run_id, "reconstruction")
        assert [each.step for each in history] == [0, 1, 2, 3]
        assert tracked.data.params["optimizer_reconstruction_name"] and tracked.info.status == "FINISHED"
    else:
        folders = [path.name for path in tmp_path.glob("wandb/offline-run-*")]
        assert len(folders) == 2 and all(folder.endswith("-gaussian-0") for folder in folders)


class Interrupting(keras.callbacks.Callback):
    """Ctrl-C before an epoch, counted from 0."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def hub_in(folder):
    """Return an `upload_folder` into a folder that has the form of the hub's cache, and what makes it the cache."""
    from huggingface_hub.utils import filter_repo_objects

    def upload(repo_id, folder_path, ignore_patterns):
        place = folder / f"models--{repo_id.replace('/', '--')}"
        files = [str(path.relative_to(folder_path)) for path in Path(folder_path).rglob("*") if path.is_file()]
        for file in filter_repo_objects(files, ignore_patterns=ignore_patterns):
            (place / "snapshots" / ("0" * 40) / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder_path) / file, place / "snapshots" / ("0" * 40) / file)
        (place / "refs").mkdir()
        (place / "refs" / "main").write_text("0" * 40)

    return upload, {"HF_HUB_CACHE": str(folder), "HF_HUB_OFFLINE": True}


@pytest.mark.e2e
def test_the_readme_from_a_folder_of_faces_to_an_answer(few, training_alone, uncompiled, tmp_path):
    """Of real faces where they are here, else of digits; the photograph is scikit-learn's."""
    shared = Path(os.environ.get("AAE_TF_SHARED", ROOT.parent / "shared")) / "data" / "faces_48.npz"
    faces = np.load(shared)["images"] if shared.exists() else few[0]
    (tmp_path / "faces").mkdir()
    for number, image in enumerate(faces):
        Image.fromarray(image.reshape(image.shape[:2])).save(tmp_path / "faces" / f"{number:03d}.png")
    Image.fromarray(load_sample_image("china.jpg")).save("holiday.jpg")
    found = {}
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", FACES, re.M | re.S):
        if language == "python":
            with serving_here(Path("served/faces")) as url:
                exec(text.replace(SERVER, url.split("/")[2]), found)
            continue
        for command in commands(text):
            if command[:2] == ["aae-tf", "train"]:
                assert command_line.run(*command[1:], "--epochs", "8", "--set", "widths=128") == 0
            elif command[1] == "serve":  # what the next block asks
                assert command[2:] == ["served/faces", "--builtin"]
            else:
                run(command, "")
    (line,) = csv.DictReader(Path("verdict.csv").read_text().splitlines())
    assert line["name"] == "holiday.jpg" and line["abnormal"] == "True" and found["verdict"]["abnormal"].all()
    np.testing.assert_allclose(found["verdict"]["score"], float(line["score"]), rtol=0.02)


def commands(text):
    """Return a shell block's commands, each a list of words; joined lines and '&&' are read as the shell reads them."""
    lines = text.replace("\\\n", " ").replace("&&", "\n").splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


def run(command, server):
    """Run one command of a shell block: quickly, or see that CI runs it."""
    program, *arguments = command
    if program == "pip":  # done by CI itself, in a fresh environment; `serving` is a part of `test`
        settings = configparser.ConfigParser()
        settings.read(ROOT / "setup.cfg")
        extras = ",".join(re.findall(r"\[([\w,]+)\]", command[-1]))
        assert set(filter(None, extras.split(","))) <= set(settings["options.extras_require"])
    elif program in ("pytest", "ruff"):
        assert " ".join(command) in (ROOT / ".ci" / "run").read_text()
    elif program == "curl":
        asked = [argument.replace(SERVER, server) for argument in arguments]
        done = subprocess.run(["curl", "-sS", "--fail", *asked], capture_output=True, text=True, check=True)
        assert set(json.loads(done.stdout)) & {"outputs", "model_version_status"}
    elif program == "python":  # in this process, which has TensorFlow already
        assert arguments[0] == "-m"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", arguments[1:])
            patch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")  # which a converter changes
            runpy.run_module(arguments[1], run_name="__main__")
    else:
        assert program == "aae-tf", f"'{program}' is not run by any test"
        run_ours(arguments)


def run_ours(arguments):
    """Run an `aae-tf` command; `serve` and `explore` only as far as the first answer."""
    if arguments[0] == "serve":
        assert arguments[2:] == ["--builtin"]
        if arguments[1] != "saved_models/digits":  # whose server answers the other blocks
            with serving_here(Path(arguments[1])):
                return
        return
    if arguments[0] == "explore":
        with explored(aae_tf.load_run(*arguments[1:])) as address:
            assert "the plane" in httpx.get(address).text
        return
    with contextlib.ExitStack() as quickly:
        if arguments[0] in ("train", "compare", "sweep"):
            arguments = shortened(arguments)
            quickly.enter_context(only_signatures("encode"))  # exported by the reports of a comparison
            if "few_digits" in arguments:  # few steps
                quickly.enter_context(eager())
        assert command_line.run(*arguments) == 0


def shortened(arguments):
    """Return a command that trains with one epoch, small networks and few steps."""
    enough = "mnist_5k" if "--labels" in arguments else "few_digits"
    arguments = [{"mnist": enough}.get(argument, argument) for argument in arguments]
    arguments += [] if "--dataset" in arguments else ["--dataset", "few_digits"]
    recipe = "gaussian" if arguments[1].startswith("-") else arguments[1]
    alone = arguments[0] == "train" and "discriminator_widths" in aae_tf.recipes()[recipe].accepted()
    arguments += ["--epochs", "1", "--set", "widths=32", *(["--seeds", "0"] if arguments[0] == "sweep" else [])]
    arguments += ["--set", "discriminator_widths=32"] if alone else []
    for dataset in {*BATCH} & {*arguments}:
        arguments += ["--set", f"batch_size={BATCH[dataset]}"]
    return arguments


@pytest.mark.e2e
def test_the_readmes_client_classifies(server):
    with aae_tf.serving.Client(f"http://{server}/v1/models/digits") as client:
        digits = aae_tf.data.load("mnist_5k").test
        labels, probabilities = client.classify(digits.images)
    assert probabilities.shape == (len(digits), 10)
    assert np.mean(labels != digits.labels) < 0.04


@pytest.mark.parametrize("line", re.findall(r"`(aae-tf train[^`]*)`", "".join(page.read_text() for page in PAGES)))
def test_the_commands_of_the_tables_are_accepted(line, monkeypatch):
    """They are run at length for the results; here only what they ask for is read."""
    asked = []

    def stand_in(recipe, dataset, out_dir, strategy, split, checkpoint_minutes, from_last_good, **changes):
        asked.append((recipe, changes))

    monkeypatch.setattr("aae_tf.runs.train.train", stand_in)
    with pytest.raises(AttributeError):  # of the run that the stand-in does not give
        cli.app(shlex.split(line)[1:], standalone_mode=False)
    ((recipe, changes),) = asked
    aae_tf.recipes()[recipe].with_options(**changes)
