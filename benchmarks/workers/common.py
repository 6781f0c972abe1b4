"""The protocol of a worker: build once, then time a stretch of steps for each line read from stdin.

Each library's worker calls `serve(step)`; the driver (`step_speed.py`) asks the workers in turn, so that a drift of
the machine's speed meets them all alike. A worker that waits for its turn uses no processor.
"""

import json
import resource
import sys
import time

import numpy as np

WIDTH, LATENT, BATCH, PRIOR_STD = 1000, 8, 100, 5.0


def digits(count=10_000):
    """Return uint8 images [count, 28, 28, 1]; the time of a step does not depend on what they show."""
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)


def serve(run_steps):
    """Answer each request, a number of steps, with the milliseconds a step took and the peak memory in MB.

    Args:
        run_steps: function from a number of steps to None; returns when they are done.
    """
    run_steps(3)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        count = int(line)
        start = time.perf_counter()
        run_steps(count)
        milliseconds = (time.perf_counter() - start) * 1000 / count
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"ms": milliseconds, "peak_mb": memory}), flush=True)
