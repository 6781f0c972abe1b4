"""Times one training step of section 2 (784-1000-1000-8, batch 100, Adam, float32) here and in its peers.

The peers are no dependencies; give each an environment of its own and name its interpreter:

    python -m venv /tmp/torch  && /tmp/torch/bin/pip install torch==2.13.0 numpy
    python -m venv /tmp/pythae && /tmp/pythae/bin/pip install torch==2.13.0 pythae==0.1.2
    python benchmarks/step_speed.py --torch /tmp/torch/bin/python --pythae /tmp/pythae/bin/python

(On a machine without a GPU take PyTorch's CPU build.) The workers are asked in turn, round after round; printed are
medians over the rounds, and for each round the ratio to plain PyTorch, of which again the median.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

WORKERS = Path(__file__).parent / "workers"


class Worker:
    """One library's process."""

    def __init__(self, name, python, script, *arguments):
        self.name, self.times, self.peak_mb, self.device_mb = name, [], 0.0, 0.0
        self.process = subprocess.Popen(
            [python, WORKERS / script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.read()

    def read(self):
        """Return the worker's next answer."""
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker '{self.name}' ended early; see its error above")
        return json.loads(line)

    def time(self, steps):
        """Have it run some steps."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = self.read()
        self.times.append(answer["ms"])
        self.peak_mb, self.device_mb = answer["peak_mb"], answer["device_mb"]

    def end(self):
        """Let it go."""
        self.process.stdin.close()
        self.process.wait()


def main(
    torch: Annotated[str | None, typer.Option(help="Interpreter of an environment with torch.")] = None,
    pythae: Annotated[str | None, typer.Option(help="Interpreter of an environment with pythae.")] = None,
    rounds: int = 9,
    steps: int = 40,
):
    """Time the step here and in the peers, in turn."""
    workers = []
    if torch:
        workers.append(Worker("plain PyTorch, alternating", torch, "torch_worker.py"))
        workers.append(Worker("the same by torch.compile", torch, "torch_worker.py", "--compile"))
    if pythae:
        workers.append(Worker("pythae Adversarial_AE, joint", pythae, "pythae_worker.py"))
    for order in ("alternating", "simultaneous"):
        workers.append(Worker(f"aae_tf, {order}", sys.executable, "aae_tf_worker.py", order))
    for _ in range(rounds):
        for worker in workers:
            worker.time(steps)
    table = Table("step", "ms, median", "min", "max", "speed against plain PyTorch", "peak memory, MB", box=None)
    for worker in workers:
        ratio = ""
        if torch:
            pairs = zip(workers[0].times, worker.times, strict=True)
            ratio = f"{statistics.median(theirs / ours for theirs, ours in pairs):.2f}"
        numbers = (statistics.median(worker.times), min(worker.times), max(worker.times))
        table.add_row(worker.name, *(f"{number:.1f}" for number in numbers), ratio, f"{worker.peak_mb:,.0f}")
    Console(width=140).print(table)
    for worker in workers:
        worker.end()


if __name__ == "__main__":
    typer.run(main)
