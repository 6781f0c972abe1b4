"""Gives invalid and hostile inputs to the readers of data and to the built-in server, and judges the outcomes.

    python benchmarks/hostile.py data              # 5,000 files, folders and arrays: about ten minutes
    python benchmarks/hostile.py server            # 5,000 requests: some minutes

Each answer must be right, or a refusal in one line that names what was given; no other exception, none that takes long,
none beyond a bound of memory. Every kind of data has a process of its own, whose peak memory is the kind's.
"""

import faulthandler
import multiprocessing
import resource
import shutil
import signal
import sys
import tempfile
import warnings
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import typer
from hostile_inputs import KINDS
from hostile_server import server

import aae_tf
from aae_tf.data.element import ImageElement

SECONDS = 120  # on a machine with much else to do; what hangs does so for ever
ADDRESSES = 12 * 2**30  # what a process may allocate at all, so that a failure here does not harm the machine
PEAK = 3 * 2**30  # of memory in use; what a file may hold, 2 GiB, and what is there without it
PROCESSES = multiprocessing.get_context("forkserver")


class TooLong(BaseException):
    """No `Exception`: nothing under way may take it for one of its own."""


def stop(*_):
    raise TooLong(f"it takes over {SECONDS} s")


def outcome(case):
    """Return ('right' or 'refused', '') of a case, or ('failed', why)."""
    signal.alarm(SECONDS)
    faulthandler.dump_traceback_later(2 * SECONDS, exit=True)  # where an alarm is not heard
    try:
        data = aae_tf.data.load(case.given, **case.options)
    except aae_tf.InputError as error:
        return refusal(case, str(error))
    except BaseException as error:
        return "failed", f"{type(error).__name__}: {error}"[:300]
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()
    if case.must == "refused":
        return "failed", f"taken for {data.source}"
    why = fault(data, case.right)
    return ("failed", why) if why else ("right", "")


def refusal(case, message):
    """Return what a refusal is worth."""
    if case.must == "right":
        return "failed", f"refused: {message[:300]}"
    if not message.isprintable() or len(message) > 6000:
        return "failed", f"not one line: {message[:300]!r}"
    if not any(name in message for name in case.named):
        return "failed", f"names nothing that was given: {message[:300]}"
    return "refused", ""


def fault(data, right):
    """Return what is wrong with a dataset, '' for nothing; `right` is what it must hold, in any order."""
    parts = data.train, data.validation, data.test
    elements, labels = np.concatenate([part.images for part in parts]), [part.labels for part in parts]
    images = isinstance(data.element, ImageElement)
    if elements.dtype != (np.uint8 if images else np.float32) or elements.ndim != (4 if images else 2):
        return f"it holds {elements.dtype} of shape {elements.shape}"
    if not all(map(len, parts)) or not np.isfinite(elements).all():
        return "an empty part, or values that are not finite"
    names = [None] * len(elements)
    if labels[0] is not None:
        labels = np.concatenate(labels)
        if labels.dtype != np.int32 or labels.min() < -1 or labels.max() >= data.classes:
            return f"its labels go from {labels.min()} to {labels.max()} for {data.classes} classes"
        names = [data.class_names[label] for label in labels]
    if right is None:
        return ""
    wanted, wanted_names = right
    wanted = np.asarray(wanted, elements.dtype)
    found = Counter(zip(map(bytes, elements), names, strict=True))
    expected = Counter(zip(map(bytes, wanted), wanted_names or [None] * len(wanted), strict=True))
    shapes = elements.shape[1:] == wanted.shape[1:]
    return "" if shapes and found == expected else f"other elements: {elements.shape} for {wanted.shape}"


def tried(name, count, seed, folder, answers):
    """Try cases of a kind, in a process of its own; give (counter of outcomes, failures, peak bytes)."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    signal.signal(signal.SIGALRM, stop)
    warnings.simplefilter("ignore")
    outcomes, failures = Counter(), []
    for number in range(count):
        place = Path(folder) / "data"
        place.mkdir()
        try:
            case = KINDS[name].make(np.random.default_rng([seed, zlib.crc32(name.encode()), number]), place)
            result, why = outcome(case)
        finally:
            shutil.rmtree(place)
        outcomes[result] += 1
        failures += [f"{name}, case {number}: {why}"] if why else []
    answers.put((outcomes, failures, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def result_of(name, count, seed):
    """Return what `tried` gives, of a process that may also die or hang."""
    answers = PROCESSES.Queue()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        process = PROCESSES.Process(target=tried, args=(name, count, seed, folder, answers))
        process.start()
        while process.is_alive() and answers.empty():
            process.join(0.02)
        if answers.empty():
            return Counter(failed=count), [f"{name}: its process ended by {process.exitcode}"], 0
        found = answers.get()
        process.join()
    return found


app = typer.Typer(add_completion=False, help=__doc__)
app.command()(server)


@app.command()
def data(cases: int = 5000, seed: int = 0, only: str = "", peak_gib: float = PEAK / 2**30):
    """Try files, folders and arrays, `cases` in all."""
    PROCESSES.set_forkserver_preload(["__main__", "aae_tf.data.tables.frames", "aae_tf.data.images.folders"])
    kinds = [name for name in KINDS if only in name]
    shares, left = {}, cases
    for place, name in enumerate(sorted(kinds, key=lambda name: KINDS[name].most)):
        shares[name] = min(KINDS[name].most, max(1, round(left / (len(kinds) - place))))
        left -= shares[name]
    rows, failures = [], []
    for name in kinds:
        outcomes, found, peak = result_of(name, shares[name], seed)
        if peak > peak_gib * 2**30:
            found.append(f"{name}: {peak / 2**30:.2f} GiB of memory")
        print(f"{name}: {dict(outcomes)}", *found[:5], sep="\n  ", flush=True)
        failures += found
        rows.append((name, shares[name], outcomes["right"], outcomes["refused"], outcomes["failed"], peak / 2**20))
    print(f"| {'kind':46} | tried | right | refused | failed | peak memory, MiB |\n|---|---|---|---|---|---|")
    rows.append(("all", *(sum(row[at] for row in rows) for at in range(1, 5)), max(row[5] for row in rows)))
    for name, *numbers, peak in rows:
        print(f"| {name:46} | " + " | ".join(f"{number:,}" for number in numbers) + f" | {peak:,.0f} |")
    sys.exit(bool(failures))


if __name__ == "__main__":
    app()
