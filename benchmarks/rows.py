"""Times an epoch of the networks of section 2 on many rows beside images of as many numbers; reads rows from Parquet.

    python benchmarks/rows.py                        # 100,000 rows of 200 floats; images of 10 x 20

Both trainings take the same steps (batch 100, Adam); they run in turn in one process, and the first epoch of each,
which compiles, does not count. Then a process of its own trains one epoch from a Parquet file and says its peak memory.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import typer

import aae_tf

OPTIONS = {
    "widths": (1000, 1000),
    "batch_size": 100,
    "latent_dim": 8,
    "reconstruction": {"name": "adam", "learning_rate": 1e-3},
    "regularization": {"name": "adam", "learning_rate": 1e-3},
    "report": False,
    "progress": False,
}


def second_epoch(dataset, folder):
    """Return the seconds that the second epoch of a new training takes."""
    return aae_tf.train("gaussian", dataset, out_dir=folder, epochs=2, **OPTIONS).history[1]["seconds"]


def from_parquet(path):
    """Train one epoch from a file and print the peak memory of this process, MiB (Linux)."""
    aae_tf.train("gaussian", path, out_dir=Path(path).parent / "parquet", epochs=1, **OPTIONS)
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) // 1024)  # getrusage would count what this process was started from


def main(rows: int = 100_000, columns: int = 200, rounds: int = 5, file: str = ""):
    """Print the times, their ratio, and the memory."""
    if file:
        return from_parquet(file)
    folder = Path(tempfile.mkdtemp())
    chance = np.random.default_rng(0)
    table = (chance.normal(size=(rows, 5)) @ chance.normal(size=(5, columns))).astype("float32")
    pixels = np.clip(table / 20 + 0.5, 0, 1).reshape(rows, 10, -1)
    kinds, seconds = {"rows": table, "images": pixels}, {"rows": [], "images": []}
    for number in range(rounds):
        for name, dataset in kinds.items():
            seconds[name].append(second_epoch(dataset, folder / f"{name}-{number}"))
    for name, found in seconds.items():
        print(f"{name:7} {statistics.median(found):6.2f} s an epoch of {rows * 8 // 10:,}")
    ratios = [one / other for one, other in zip(seconds["rows"], seconds["images"], strict=True)]
    print(f"rows / images {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    import pandas

    path = folder / "table.parquet"
    pandas.DataFrame(table, columns=[f"x{number}" for number in range(columns)]).to_parquet(path)
    done = subprocess.run([sys.executable, __file__, "--file", path], capture_output=True, text=True, check=True)
    print(f"from {path.stat().st_size / 2**20:.0f} MiB of Parquet: peak memory {int(done.stdout):,} MiB")


if __name__ == "__main__":
    typer.run(main)
