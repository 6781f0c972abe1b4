"""Times the Parzen-window likelihood (10,000 images, 10,000 samples, 784 pixels) against the bare matrix product.

    python benchmarks/likelihood_speed.py

The matrix product of the same size, in the same blocks' total, is asked in turn with it, round after round: the ratio
is the share of the machine's matrix-product rate that the likelihood keeps. Also printed: scikit-learn's KernelDensity
on a hundredth of the work, scaled up.
"""

import statistics
import time

import numpy as np
import typer
from sklearn.neighbors import KernelDensity

from aae_tf.backend import tf
from aae_tf.evaluation import log_density


def main(count: int = 10_000, dim: int = 784, rounds: int = 7):
    """Time both in turn."""
    chance = np.random.default_rng(0)
    images, samples = chance.random((2, count, dim), "float32")
    first, second = tf.constant(images), tf.constant(samples)
    product = tf.function(lambda: tf.linalg.matmul(first, second, transpose_b=True))
    tasks = {
        "matrix product": lambda: product()[0, 0].numpy(),
        "likelihood": lambda: log_density(images, [samples], [0.2]),
    }
    times = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, run in tasks.items():
            start = time.perf_counter()
            run()
            if number:  # the first round compiles
                times[name].append(time.perf_counter() - start)
    work = 2 * count * count * dim / 1e9
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name}: {middle:.2f} s median ({min(found):.2f} to {max(found):.2f}), {work / middle:.0f} GFLOP/s")
    kept = [a / b for a, b in zip(times["matrix product"], times["likelihood"], strict=True)]
    print(f"share of the matrix-product rate: {statistics.median(kept):.2f} (median of the rounds' ratios)")
    tenth = count // 10
    start = time.perf_counter()
    KernelDensity(bandwidth=0.2).fit(samples[:tenth]).score_samples(images[:tenth])
    slow = 100 * (time.perf_counter() - start)
    print(f"scikit-learn's KernelDensity, scaled from a hundredth: {slow:.0f} s")


if __name__ == "__main__":
    typer.run(main)
