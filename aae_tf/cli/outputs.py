"""The outputs of commands, by the suffix of --out: CSV, NPZ, PNG, GIF, or a folder of PNG files.

Files are written completely or not at all. A writer is a function (open binary file, results, count); results are
(row names, inputs, outputs) of each batch, the last two dicts of name to array.
"""

import csv
import io
import math
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from aae_tf.errors import InputError
from aae_tf.utils.files import atomic_write
from aae_tf.utils.images import as_picture, save_animation

if TYPE_CHECKING:
    from aae_tf.backend import tf

Results = Iterable[tuple[list[str], dict[str, np.ndarray], dict[str, np.ndarray]]]

GRID, FRAMES = 400, 2000  # maximum images in one PNG, in one GIF
COLUMNS = 10


def write_results(out: str | None, results: Results, count: int) -> None:
    """Write the results of `count` rows to a file or folder, or as CSV to standard output if `out` is None."""
    if out is None:
        write_csv(sys.stdout.buffer, results, count)
        return
    path = Path(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            atomic_write(path, lambda file: WRITERS[path.suffix.lower()](file, results, count))
        else:
            write_folder(path, results)
    except OSError as error:
        raise InputError(f"--out {out} cannot be written: {error.strerror or error}") from None


def check_out(out: str | None, outputs: "dict[str, tf.TensorSpec]", count: int) -> None:
    """Refuse an output path that cannot hold `count` rows of these outputs, before they are computed."""
    path = Path("-.csv" if out is None else out)
    suffix = path.suffix.lower()
    drawn = "images" in outputs and outputs["images"].shape.rank == 4 and outputs["images"].shape[-1] in (1, 3)
    if suffix and suffix not in WRITERS:
        raise InputError(f"--out {out}: unknown suffix; accepted: {', '.join(WRITERS)}, or a folder")
    if suffix == ".csv" and all(spec.shape.rank > 2 for spec in outputs.values()):
        raise InputError("images cannot be written as CSV; give --out NAME.png, NAME.gif, NAME.npz or a folder")
    if suffix in ("", ".png", ".gif") and not drawn:
        raise InputError(f"--out {out}: {', '.join(outputs)} cannot be drawn; accepted: .csv, .npz")
    most = {".png": GRID, ".gif": FRAMES}.get(suffix, math.inf)
    if count > most:
        raise InputError(f"--out {out}: {count:,} images are too many for one {suffix} (up to {most}); name a folder")
    if path.is_dir() if suffix else path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"--out {out}: already exists; name a file, or a folder that is new or empty")


def write_csv(file: IO[bytes], results: Results, count: int) -> None:
    """Write the name and numbers of each row as one line, without images."""
    text = io.TextIOWrapper(file, "utf-8", newline="")
    try:
        table = csv.writer(text, lineterminator="\n")
        for number, (names, _, outputs) in enumerate(results):
            columns = {head: column for name, array in outputs.items() for head, column in _columns(name, array)}
            if number == 0:
                table.writerow(["name", *columns])
            table.writerows(zip(names, *columns.values(), strict=True))
    finally:
        text.flush()
        text.detach()


def _columns(name: str, array: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return (heading, texts) of an array's columns, numbers with all digits that distinguish them."""
    if array.ndim == 1:
        return [(name, array.astype(str))]
    if array.ndim > 2:
        return []
    return [(f"{name}_{number}", column) for number, column in enumerate(array.astype(str).T)]


def write_npz(file: IO[bytes], results: Results, count: int) -> None:
    """Write each output as an array, and the row names as 'name'; arrays are collected on disk."""
    with tempfile.TemporaryDirectory() as folder:
        arrays, all_names = {}, []
        for names, _, outputs in results:
            for name, values in outputs.items():
                if name not in arrays:
                    path = Path(folder) / f"{len(arrays)}.npy"
                    shape = (count, *values.shape[1:])
                    arrays[name] = np.lib.format.open_memmap(path, "w+", values.dtype, shape)
                arrays[name][len(all_names) : len(all_names) + len(names)] = values
            all_names += names
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                array.flush()
                archive.write(array.filename, f"{name}.npy")
            with archive.open("name.npy", "w") as member:
                np.lib.format.write_array(member, np.array(all_names))


def write_grid(file: IO[bytes], results: Results, count: int) -> None:
    """Write a grid of images, each below its input image where there is one."""
    from aae_tf.figures.grids import tile

    shown = []
    for _, inputs, outputs in results:
        above = [inputs["images"]] if "images" in inputs and "images_to" not in inputs else []
        shown.append(np.concatenate([*above, outputs["images"]], 1))
    as_picture(tile(np.concatenate(shown), min(COLUMNS, count))).save(file, "PNG")


def write_frames(file: IO[bytes], results: Results, count: int) -> None:
    """Write an animation of the images; small images are enlarged."""
    save_animation(file, np.concatenate([outputs["images"] for *_, outputs in results]))


def write_folder(folder: Path, results: Results) -> None:
    """Write each image as a PNG file named after its row."""
    for names, _, outputs in results:
        for name, image in zip(names, outputs["images"], strict=True):
            parts = [part for part in Path(name).parts if part != ".." and part != Path(name).anchor]
            path = folder.joinpath(*parts)
            path = path if path.suffix.lower() == ".png" else path.with_name(f"{path.name}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            as_picture(image).save(path, "PNG")


WRITERS = {".csv": write_csv, ".npz": write_npz, ".png": write_grid, ".gif": write_frames}
