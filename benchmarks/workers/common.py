"""The protocol of a worker: build once, then train a chunk for each line read from stdin, and say what it took.

A worker calls `serve(run_steps)` (for `step_speed.py`) or `serve_epochs(errors)` (for `time_to_error.py`); the driver
asks the workers in turn, so that a drift of the machine's speed meets them all alike. A worker that waits for its turn
uses no processor.
"""

import argparse
import json
import resource
import sys
import time

import numpy as np

WIDTH, LATENT, BATCH, PRIOR_STD = 1000, 8, 100, 5.0


def arguments():
    """Return what the driver asks for: order, batch, device, precision, and whether to compile (PyTorch)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("order", nargs="?", default="alternating")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--compile", action="store_true")
    return parser.parse_args()


def digits(count=10_000):
    """Return uint8 images [count, 28, 28, 1]; the time of a step does not depend on what they show."""
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)


def serve(run_steps, device_bytes=lambda: 0):
    """Answer each request, a number of steps, with the milliseconds a step took and the peak memory in MB.

    Args:
        run_steps: function from a number of steps to None; returns when they are done.
        device_bytes: function to the device's peak memory, for a device that has its own.
    """
    run_steps(3)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        count = int(line)
        start = time.perf_counter()
        run_steps(count)
        milliseconds = (time.perf_counter() - start) * 1000 / count
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer = {"ms": milliseconds, "peak_mb": memory, "device_mb": device_bytes() / 2**20}
        print(json.dumps(answer), flush=True)


def serve_epochs(errors):
    """Answer each request with the seconds that an epoch took and the validation error after it.

    Args:
        errors: iterator of validation errors, each after another epoch.
    """
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        error = next(errors, None)
        print(json.dumps({"seconds": time.perf_counter() - start, "error": error}), flush=True)
