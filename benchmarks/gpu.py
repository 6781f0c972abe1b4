"""Times the step of section 2 on a GPU, in every precision, in turn with PyTorch's compiled one.

    python benchmarks/gpu.py --torch /tmp/torch/bin/python       # an environment with PyTorch for this GPU
    python benchmarks/gpu.py --device cpu --rounds 1 --steps 2   # tries the script where there is none

The workers are those of step_speed.py, one at a time on the device: TensorFlow takes most of its memory for itself.
"""

import enum
import statistics
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from step_speed import Worker

EPOCH = 50_000  # images
ENCODER, DECODER, DISCRIMINATOR = 784_000 + 1_000_000 + 8_000, 8_000 + 1_000_000 + 784_000, 8_000 + 1_000_000 + 1_000
PRODUCTS = 6 * ENCODER + 3 * DECODER + 8 * DISCRIMINATOR  # multiplications an image, of an alternating step


class Device(enum.StrEnum):
    gpu = "gpu"
    cpu = "cpu"


def asked(python, script, device, precision, batch, steps, rounds, *more):
    """Return a worker that has been timed."""
    options = ["--device", device, "--precision", precision, "--batch", str(batch), *more]
    worker = Worker(script, python, script, *options)
    for _ in range(rounds):
        worker.time(steps)
    worker.end()
    return worker


def rate(device, precision, rounds):
    """Return the TFLOP/s of bare matrix products."""
    worker = asked(sys.executable, "matmul_worker.py", device, precision, 0, 20, rounds)
    side = {"cpu": 1024, "gpu": 8192}[device]
    return 2 * side**3 / statistics.median(worker.times) / 1e9


def main(
    device: Device = Device.gpu,
    torch: Annotated[str | None, typer.Option(help="Interpreter of an environment with torch.")] = None,
    rounds: int = 5,
    steps: int = 200,
    batches: tuple[int, int] = (100, 1000),
):
    """Print the table; exit code 2 without a GPU."""
    from aae_tf.backend import tf

    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        print(
            "no GPU is here, or TensorFlow does not see it; --device cpu tries the script without one", file=sys.stderr
        )
        raise SystemExit(2)
    names = ("step", "batch", "ms, median", "min", "max", "s an epoch", "TFLOP/s", "share of products", "device MB")
    table = Table(*names, box=None)
    precisions = ("float32", "mixed_bfloat16", "mixed_float16")
    limits = {precision: rate(device, precision, rounds) for precision in precisions}
    for batch in batches:
        cases = [("aae_tf", sys.executable, "aae_tf_worker.py", precision) for precision in precisions]
        if torch:
            cases += [("PyTorch, compiled", torch, "torch_worker.py", precision) for precision in precisions[:2]]
        for name, python, script, precision in cases:
            more = ["--compile"] if script == "torch_worker.py" else []
            worker = asked(python, script, device, precision, batch, steps, rounds, *more)
            middle = statistics.median(worker.times)
            reached = 2 * batch * PRODUCTS / middle / 1e9
            times = (middle, min(worker.times), max(worker.times))
            table.add_row(
                f"{name}, {precision}",
                f"{batch:,}",
                *(f"{time:.2f}" for time in times),
                f"{middle / 1000 * EPOCH / batch:.2f}",
                f"{reached:.3f}",
                f"{reached / limits[precision]:.2f}",
                f"{worker.device_mb:,.0f}",
            )
    Console(width=140).print(table)


if __name__ == "__main__":
    typer.run(main)
