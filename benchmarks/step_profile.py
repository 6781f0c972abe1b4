"""Where the time of a training step goes: what XLA's operations take, by what they are for.

    python benchmarks/step_profile.py

The step of `step_speed.py` (784-1000-1000-8, batch 100, Adam, float32), traced by TensorFlow's profiler. Operations run
on several cores at once, so what is summed is the time of the threads that run them.
"""

import collections
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table
from tensorflow.tsl.profiler.protobuf import xplane_pb2

sys.path.insert(0, str(Path(__file__).parent / "workers"))
KINDS = {  # by the name of the TensorFlow operation that an instruction is from
    "matrix products": "MatMul",
    "Adam": "adam|apply_gradients",
    "random numbers": "[Rr]andom|Normal|sample",
}
REST = "the rest: activations, losses, gathers, copies"
COMPOUND = ("while", "call", "conditional", "tuple", "parameter")


def instructions(text):
    """Return a dict of each instruction of optimised HLO that is work of its own to the name of what it is from."""
    found = {}
    for line in text.splitlines():
        head = re.match(r"\s*(?:ROOT )?%([\w.\-]+) = .*? ([\w\-]+)\(", line)
        if head and head[2] not in COMPOUND:
            origin = re.search(r'op_name="([^"]*)"', line)
            found[head[1]] = origin[1] if origin else ""
    return found


def kind_of(name, origin):
    """Return the kind of an instruction, one of `KINDS` or `REST`."""
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, f"{name} {origin}")), REST)


def traced(folder):
    """Yield (name, milliseconds) of every event on the CPU's threads."""
    (path,) = Path(folder).rglob("*.xplane.pb")
    for plane in xplane_pb2.XSpace.FromString(path.read_bytes()).planes:
        for line in plane.lines:
            for event in line.events:
                yield plane.event_metadata[event.metadata_id].name, event.duration_ps / 1e9


def profile(order, steps):
    """Return (milliseconds a step, dict of kind to milliseconds of threads a step, operations of a step by kind)."""
    sys.argv = ["", order]
    import common

    common.serve = lambda *arguments: None
    import aae_tf_worker

    trainer, run = aae_tf_worker.trainer, aae_tf_worker.run_steps
    run(3)
    start = time.perf_counter()
    run(steps)
    wall = (time.perf_counter() - start) * 1000 / steps
    from aae_tf.training.data_source import Chunk

    source = trainer.source
    rows = next(source.chunks(0, lambda: 1)).rows
    chunk = Chunk(source.images, source.labels, source.pool, rows, 0, 0, steps).as_tensors()
    arguments = (chunk, tf.constant(0, tf.int32), tf.constant(np.zeros(3, "float32")))
    known = instructions(trainer.steps.compiled.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo"))
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        run(steps)
        tf.profiler.experimental.stop()
        times, counts = collections.Counter(), collections.Counter()
        for name, milliseconds in traced(folder):
            if name in known:
                kind = kind_of(name, known[name])
                times[kind] += milliseconds / steps
                counts[kind] += 1 / steps
    return wall, times, counts


def main(order: Annotated[str, typer.Option(help="'alternating' or 'simultaneous'.")] = "alternating", steps: int = 50):
    """Trace some steps."""
    wall, times, counts = profile(order, steps)
    table = Table(order, "operations a step", "ms of threads a step", "share", box=None)
    for kind, milliseconds in times.most_common():
        share = f"{milliseconds / sum(times.values()):.0%}"
        table.add_row(kind, f"{counts[kind]:.0f}", f"{milliseconds:.2f}", share)
    console = Console(width=120)
    console.print(table)
    console.print(
        f"a step takes {wall:.1f} ms, not traced; threads were at work for {sum(times.values()):.1f} ms of it"
    )


if __name__ == "__main__":
    typer.run(main)
