"""Kills, ends, fills the disk of, damages and doubles trainings, sets their clock back: is anything lost?

    python benchmarks/faults.py                  # 100 kills, 20 of each other fault: about an hour on two cores

A training here is all that `aae_tf.train` does: a checkpoint after every step, metrics, figures, export. It meets one
fault after another, is started again after each, and has to end as one that met none: the same weights bit for bit, the
same history and metrics, every file whole. So does the packing of a folder of images. Each row says how often that was
so.
"""

import contextlib
import csv
import hashlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from PIL import Image

import aae_tf
from aae_tf.backend import tf
from aae_tf.training import trainer as loop

OPTIONS = {
    "widths": (32,),
    "discriminator_widths": (32,),
    "batch_size": 50,
    "epochs": 6,
    "weight_ema": 0.9,
    "jit_compile": False,
    "checkpoint_minutes": 0,
    "progress": False,
}
PROCESSES = multiprocessing.get_context("forkserver")  # TensorFlow is imported once for all


def training(folder, largest, back):
    """Train into a folder, in a process of its own.

    It can write no file of more than `largest` bytes (0: any); after the first of the two seconds of `back` its clock
    is the second of them late.
    """
    began, clock = time.monotonic(), time.time
    time.time = lambda: clock() - (back[1] if time.monotonic() - began > back[0] else 0)
    loop.CHUNK_SECONDS = loop.CHECKPOINT_SECONDS = 0.0
    if largest:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    sys.stderr = open(os.devnull if not largest else f"{folder}.log", "w")  # noqa: SIM115
    digits = aae_tf.data.load("mnist_5k").train
    images = digits.images[:400]
    try:
        aae_tf.train("gaussian", images, out_dir=folder, **OPTIONS)
    except aae_tf.InputError as error:
        sys.exit(2 if "is training into" in str(error) else 3)


def begin(folder, largest=0, back=(0, 0)):
    """Start a training and return its process."""
    return started(training, str(folder), largest, back)


def started(work, *given):
    """Return the process that a function was started in."""
    process = PROCESSES.Process(target=work, args=given)
    process.start()
    return process


def begin_packing(folder):
    """Start packing the folder of images beside `folder`, which is to be the pack; return its process, now writing.

    What a killed one left is removed first, as `pack` asks for.
    """
    half = half_of(folder)
    shutil.rmtree(half, ignore_errors=True)
    process = started(aae_tf.data.pack, folder.parent / "images", folder)
    wait_for(process, half, folder)
    return process


def wait_for(process, *paths):
    """Wait until one of some files is there, or the process has ended."""
    while process.is_alive() and not any(path.exists() for path in paths):
        time.sleep(0.001)


def half_of(folder):
    """Return where a pack is written before it is whole."""
    return folder.with_name(f".{folder.name}.partial")


def packed(folder):
    """Return what a pack holds, and what `load` says of it."""
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    return {**files, "digest": aae_tf.data.load(folder).train.digest}


def write_images(folder, count=2000):
    """Write digits as a folder of image files, a class a folder."""
    digits = aae_tf.data.load("mnist_5k").train
    for number, (image, label) in enumerate(zip(digits.images[:count], digits.labels, strict=False)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / str(label) / f"{number}.png")


def checkpoints(folder):
    """Return the whole checkpoints of a run, oldest first."""
    return sorted((folder / "checkpoints").glob("epoch-*.npz"))


def outcome(folder):
    """Return what a finished run holds: everything must be whole."""
    run = aae_tf.load_run(folder, aae_tf.data.load("mnist_5k").train.images[:400])
    weights = hashlib.sha256(b"".join(np.ascontiguousarray(weight) for weight in run.model.get_weights())).hexdigest()
    with open(folder / "history.csv", newline="") as file:
        history = [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    metrics = json.loads((folder / "evaluation.json").read_text())["metrics"]
    pictures = sorted(path.name for path in (folder / "figures").glob("*.png"))
    for name in pictures:
        Image.open(folder / "figures" / name).verify()
    for version in (folder / "saved_model").iterdir():
        if version.name.isdigit():
            tf.saved_model.load(str(version)).signatures["serving_default"]
    return {"weights": weights, "history": history, "metrics": metrics, "pictures": pictures}


def struck(process, chance, length, signal_number):
    """Send a process a signal at a random moment; return whether it was in time for it."""
    process.join(chance.random() * length)
    fault = process.is_alive()
    if fault:
        os.kill(process.pid, signal_number)
    process.join()
    return fault


def killed(folder, chance, length):
    """SIGKILL at a random moment of all that a training does."""
    return struck(begin(folder), chance, length, signal.SIGKILL)


def killed_packing(folder, chance, length):
    """SIGKILL at a random moment of writing a pack; `load` takes no half for a pack. A half has to be left of it."""
    struck(begin_packing(folder), chance, length, signal.SIGKILL)
    half = half_of(folder)
    if not half.exists():
        return False
    for path in (folder, half):
        with contextlib.suppress(aae_tf.InputError):
            raise AssertionError(f"half a pack is taken for {aae_tf.data.load(path).source}")
    return True


def ended(folder, chance, length):
    """SIGTERM at a random moment; in training, exit code 143."""
    process = begin(folder)
    fault = struck(process, chance, length, signal.SIGTERM)
    assert process.exitcode in (0, 143, -signal.SIGTERM), process.exitcode
    return fault


def full(folder, chance, length):
    """No file can grow beyond a random size."""
    process = begin(folder, int(10 ** chance.uniform(2, 5.7)))
    process.join()
    return process.exitcode != 0


def damaged(folder, chance, length):
    """SIGKILL in training, and the newest checkpoint cut at a random place, or one of its bits turned."""
    process, before = begin(folder), checkpoints(folder)[-2:]
    while process.is_alive() and (len(checkpoints(folder)) < 2 or checkpoints(folder)[-2:] == before):
        time.sleep(0.02)
    process.join(chance.random() * 0.3)
    process.kill()
    process.join()
    if (folder / "model.keras").exists():  # trained before it was killed: nothing to go on with
        begin(folder).join()
        return False
    found = checkpoints(folder)
    content = bytearray(found[-1].read_bytes())
    at = chance.randrange(len(content))
    if chance.random() < 0.5:
        content = content[:at]
    else:
        content[at] ^= 1 << chance.randrange(8)
    found[-1].write_bytes(content)
    return True


def doubled(folder, chance, length):
    """Two trainings into one folder at once: one of them is refused."""
    first, second = begin(folder), begin(folder)
    for process in (first, second):
        process.join()
    assert sorted((first.exitcode, second.exitcode)) == [0, 2], (first.exitcode, second.exitcode)
    return True


def filled(folder, chance, length):
    """The disk, a small one, has room for some kB only."""
    ballast, room = folder.parent / "ballast", int(10 ** chance.uniform(3, 6.5))
    ballast.write_bytes(bytes(max(0, shutil.disk_usage(folder.parent).free - room)))
    process = begin(folder)
    process.join()
    ballast.unlink()
    return process.exitcode != 0


def read_only(folder, chance, length):
    """The disk becomes read-only at a random moment, for all but files that are open: it is mounted over itself."""
    disk, process = folder.parent, begin(folder)
    process.join(chance.random() * length)
    subprocess.run(["mount", "--bind", disk, disk], check=True)
    try:
        while subprocess.run(["mount", "-o", "remount,bind,ro", disk], capture_output=True).returncode:
            if not process.is_alive():
                break
            time.sleep(0.001)  # a file was opened for writing just now
        process.join()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
    return process.exitcode != 0


def set_back(folder, chance, length):
    """The clock is set back, by up to a year, at a random moment."""
    process = begin(folder, back=(chance.random() * length, 10 ** chance.uniform(0, 7.5)))
    process.join()
    return True


@contextlib.contextmanager
def small_disk(place, mib=64):
    """Yield a folder that is a disk of its own, or None where mounting one is not allowed."""
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", place], capture_output=True)
    try:
        yield place if done.returncode == 0 else None
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", place], check=True)


FAULTS = {"SIGKILL": killed, "SIGTERM": ended, "full disk": full, "damaged checkpoint": damaged, "two at once": doubled}
FAULTS |= {"small disk": filled, "read-only disk": read_only, "clock set back": set_back}
FAULTS["SIGKILL, packing"] = killed_packing
ON_A_SMALL_DISK = (filled, read_only)


class Work(NamedTuple):
    """What meets faults.

    Attributes:
        begin: function from its folder to a process.
        done: file of the folder that is written last.
        outcome: function from its folder to what it must hold in the end, a dict.
    """

    begin: Callable
    done: str
    outcome: Callable

    def undisturbed(self, folder):
        """Return (what it ends as without a fault, seconds from its beginning to its last file)."""
        for _ in range(2):  # the first starts the server that the others come from
            shutil.rmtree(folder, ignore_errors=True)
            process, start = self.begin(folder), time.monotonic()
            wait_for(process, folder / self.done)
            seconds = time.monotonic() - start
            process.join()
        return self.outcome(folder), seconds


TRAINING = Work(begin, "evaluation.json", outcome)
PACKING = Work(begin_packing, "pack.json", packed)


def meets(fault, times, work, expected, length, chance, parent):
    """Return (faults met, runs that met them, runs that ended otherwise, files left by killed writes)."""
    met, runs, wrong, left = 0, 0, [], 0
    while met < times:
        folder, before = parent / "run", met
        while not (folder / work.done).exists() and met < times:
            met += fault(folder, chance, length)
        code = 0
        if work is TRAINING or not folder.exists():  # a pack that is there is not packed again
            last = work.begin(folder)
            last.join()
            code = last.exitcode
        runs += 1
        try:
            found = work.outcome(folder) if code == 0 else {"exit code": code}
        except Exception as error:  # a file that is not whole
            found = {"error": repr(error)}
        different = [name for name in expected.keys() | found.keys() if found.get(name) != expected.get(name)]
        if different:
            wrong.append((different, found.get("error"), found.get("exit code")))
        left += sum("partial" in path.name for path in folder.rglob("*"))
        shutil.rmtree(folder, ignore_errors=True)
        print(f"  {met - before} faults, run {runs}: {'as it should' if not different else wrong[-1]}", flush=True)
    return met, runs, wrong, left


def main(
    kills: int = 100,
    others: int = 20,
    seed: int = 0,
    only: Annotated[list[str] | None, typer.Option(help="Names of faults.")] = None,
):
    """Print the table."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was mounted is unmounted
    PROCESSES.set_forkserver_preload(["__main__"])
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as parent, contextlib.ExitStack() as stack:
        parent = Path(parent)
        disk = stack.enter_context(small_disk(parent / "disk"))
        rows, undisturbed = [], {}
        for name, fault in FAULTS.items():
            place = disk if fault in ON_A_SMALL_DISK else parent
            chosen = not only or name in only
            if chosen and place is None:
                print(f"{name}: not tried, as no disk can be mounted here")
            elif chosen:
                work = PACKING if fault is killed_packing else TRAINING
                if work is PACKING:
                    write_images(parent / "images")
                if work not in undisturbed:
                    undisturbed[work] = work.undisturbed(parent / "whole")
                print(f"{name}: {undisturbed[work][1]:.1f} s without a fault")
                times = kills if "SIGKILL" in name else others
                rows.append((name, *meets(fault, times, work, *undisturbed[work], chance, place)))
    print(f"{'fault':20} {'met':>5} {'runs':>5} {'ended otherwise':>16} {'files left over':>16}")
    for name, met, runs, wrong, left in rows:
        print(f"{name:20} {met:5} {runs:5} {len(wrong):16} {left:16}")


if __name__ == "__main__":
    typer.run(main)
