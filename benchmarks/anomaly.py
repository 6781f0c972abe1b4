"""Measures how well the detector tells what training never saw, beside scikit-learn's IsolationForest and OneClassSVM.

    python benchmarks/anomaly.py one-class                     # one digit normal, the other nine not, each in turn
    python benchmarks/anomaly.py one-unseen                    # nine digits normal, one not: the harder way round
    python benchmarks/anomaly.py one-class --dataset mnist
    python benchmarks/anomaly.py faces ../shared/data        # faces normal, photographs not
    python benchmarks/anomaly.py one-class --pyod PYTHON       # PyOD's AutoEncoder alone, by a Python that has PyOD

Every detector is of the recipe `one_class` as it stands. It is trained on normal training images, its threshold is set
on normal validation images, and all numbers are of test images (`--split validation` to choose). The rivals get the
same pixels in [0, 1] and their libraries' defaults, but for a fixed seed.
"""

import dataclasses
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.svm import OneClassSVM

import aae_tf
from aae_tf import data
from aae_tf.evaluation import detection_quality

SCORES = ("reconstruction", "prior", "both")
PYOD = """
import sys
import numpy as np
from pyod.models.auto_encoder import AutoEncoder
given = np.load(sys.argv[1])
found = AutoEncoder(random_state=int(sys.argv[2]), verbose=0).fit(given["train"])
np.save(sys.argv[1] + ".npy", found.decision_function(given["asked"]))
"""
Pyod = Annotated[str | None, typer.Option(help="A Python that has PyOD, whose AutoEncoder alone is measured.")]
app = typer.Typer(add_completion=False)


@app.command()
def one_class(
    dataset: str = "mnist_5k", seed: int = 0, split: str = "test", false_alarm: float = 0.05, pyod: Pyod = None
):
    """One class normal, the others not, each in turn."""
    whole = data.load(dataset)
    tasks = ((name, np.arange(whole.classes) == number) for number, name in enumerate(whole.class_names))
    table(((name, *of_classes(whole, normal, split)) for name, normal in tasks), seed, false_alarm, pyod)


@app.command()
def one_unseen(
    dataset: str = "mnist_5k", seed: int = 0, split: str = "test", false_alarm: float = 0.05, pyod: Pyod = None
):
    """All classes normal but one, each in turn."""
    whole = data.load(dataset)
    tasks = ((name, np.arange(whole.classes) != number) for number, name in enumerate(whole.class_names))
    table(((name, *of_classes(whole, normal, split)) for name, normal in tasks), seed, false_alarm, pyod)


@app.command()
def faces(shared: Path, seed: int = 0, split: str = "test", false_alarm: float = 0.05, pyod: Pyod = None):
    """Faces normal, photographs of other things not."""
    found = data.load(shared / "faces_48.npz")
    photographs = data.load(shared / "colour_objects_32.npz").test.images[:400]
    grey = [Image.fromarray(each).convert("L").resize((48, 48), Image.Resampling.LANCZOS) for each in photographs]
    usual = getattr(found, split).images
    images = np.concatenate([usual, np.stack([np.asarray(each)[..., None] for each in grey])])
    table([("faces", found, images, np.arange(len(images)) >= len(usual))], seed, false_alarm, pyod)


def of_classes(whole, normal, split):
    """Return the dataset of the normal classes without its labels, and the images to judge, of all classes."""

    def part(split):
        return data.Split(split.images[normal[split.labels]])

    kept = {name: part(getattr(whole, name)) for name in ("train", "validation", "test")}
    judged = getattr(whole, split)
    return dataclasses.replace(whole, name="custom", class_names=(), **kept), judged.images, ~normal[judged.labels]


def table(tasks, seed, false_alarm, pyod=None):
    """Print a row for each task, as a Markdown table, and their mean."""
    if pyod is not None:
        found = {name: of_pyod(pyod, seed, *more) for name, *more in tasks}
        print(
            " | ".join(f"{name} {auroc:.3f}" for name, auroc in (*found.items(), ("mean", np.mean([*found.values()]))))
        )
        return
    names = (
        *SCORES,
        "IsolationForest",
        "OneClassSVM",
        "average precision",
        "detection rate",
        "false-positive rate",
        "seconds",
    )
    print("| |", " | ".join(names), "| guaranteed interval |\n|", "---|" * (len(names) + 2), flush=True)
    rows, alarms = [], []
    for name, dataset, images, abnormal in tasks:
        row, calibration, verdicts = judged(dataset, images, abnormal, seed, false_alarm)
        rows.append(row)
        alarms.append(verdicts[~abnormal])
        low, high = calibration["guaranteed_interval"]
        cells = " | ".join(f"{value:.3f}" for value in row)
        print(f"| {name} | {cells} | {calibration['expected']:.3f} ({low:.3f} to {high:.3f}) |", flush=True)
    mean = " | ".join(f"{value:.3f}" for value in np.mean(rows, 0))
    pooled = np.concatenate(alarms)
    of_all = detection_quality(pooled, np.zeros(len(pooled), bool), 0.5)
    low, high = of_all["false_positive_rate_interval"]
    print(f"| mean | {mean} | |")
    print(
        f"\nfalse-positive rate on all {len(pooled):,} normal images: {of_all['false_positive_rate']:.4f} "
        f"({low:.4f} to {high:.4f}); {np.sum(rows, 0)[-1]:.0f} s in all"
    )


def judged(dataset, images, abnormal, seed, false_alarm):
    """Return a row's numbers, what the threshold promises, and the verdicts."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = aae_tf.train("one_class", dataset, out_dir=f"{folder}/run", seed=seed, report=False, progress=False)
        detector = run.detector(false_alarm=false_alarm)
    found, verdicts = detector.measure(images, abnormal), detector.detect(images)["abnormal"]
    seconds = time.monotonic() - started
    train, asked = flat(dataset.train.images), flat(images)
    rivals = [
        roc_auc_score(abnormal, -rival.fit(train).score_samples(asked))
        for rival in (IsolationForest(random_state=seed), OneClassSVM())
    ]
    own = found[detector.score]
    quality = [own["average_precision"], own["detection_rate"], own["false_positive_rate"]]
    return [*(found[name]["auroc"] for name in SCORES), *rivals, *quality, seconds], detector.calibration, verdicts


def of_pyod(python, seed, dataset, images, abnormal):
    """Return the AUROC of PyOD's AutoEncoder."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(file := f"{folder}/given.npz", train=flat(dataset.train.images), asked=flat(images))
        subprocess.run([python, "-c", PYOD, file, str(seed)], check=True, capture_output=True)
        return roc_auc_score(abnormal, np.load(f"{file}.npy"))


def flat(images):
    """Return images as rows in [0, 1]."""
    return images.reshape(len(images), -1) / 255.0


if __name__ == "__main__":
    app()
