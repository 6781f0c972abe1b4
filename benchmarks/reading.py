"""Reads images of 64 x 64 x 3 in random order from an .npy file, from a map of it, and from ArrayRecord.

    python benchmarks/reading.py                     # 60,000 images of noise, 0.7 GB twice

Each is a process of its own that reads all of them in blocks of 2,000, twice; said are the seconds of the second time,
when the files are in the system's cache, and by how much the process grew (Linux). ArrayRecord comes with
tensorflow-datasets; its groups are of one record, as its authors advise for reading by index.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import typer
from array_record.python.array_record_data_source import ArrayRecordDataSource
from array_record.python.array_record_module import ArrayRecordWriter

from aae_tf.data.images.arrays import read_rows

BLOCK = 2_000


def reader(kind, folder):
    """Return the function from indices [n] to images [n, 64, 64, 3]."""
    if kind == "npy":
        return lambda rows: read_rows(folder / "images.npy", rows)
    if kind == "map":
        return lambda rows: np.load(folder / "images.npy", mmap_mode="r")[rows]
    records = ArrayRecordDataSource(str(folder / "images.arrayrecord"))
    return lambda rows: np.frombuffer(b"".join(records.__getitems__(rows.tolist())), np.uint8).reshape(-1, 64, 64, 3)


def peak():
    """Return the peak memory of this process, MiB."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main(images: int = 60_000, kind: str = "", folder: str = ""):
    """Write the files, and read them in turn."""
    order = np.random.default_rng(0).permutation(images)
    if kind:
        read, before = reader(kind, Path(folder)), peak()
        for _ in range(2):
            start = time.monotonic()
            for first in range(0, images, BLOCK):
                read(order[first : first + BLOCK])
        print(f"{kind:11}  {time.monotonic() - start:5.2f} s, grew by {peak() - before:,.0f} MiB")
        return
    with tempfile.TemporaryDirectory() as folder:
        noise = np.lib.format.open_memmap(f"{folder}/images.npy", "w+", np.uint8, (images, 64, 64, 3))
        writer = ArrayRecordWriter(f"{folder}/images.arrayrecord", "group_size:1")
        for number in range(images):
            noise[number] = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            writer.write(noise[number].tobytes())
        writer.close()
        for each in ("npy", "map", "arrayrecord"):
            command = [sys.executable, __file__, "--images", str(images), "--kind", each, "--folder", folder]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    typer.run(main)
