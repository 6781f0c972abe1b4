"""What a verb writes, by the suffix of --out: CSV, NPZ, PNG, GIF, or a folder of PNG files.

Files are whole or not there. A writer is a function (open binary file, answers, count). Answers are (names, inputs,
outputs) a batch at a time, the last two dicts of name to array.
"""

import csv
import io
import math
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from aae_tf.errors import InputError
from aae_tf.utils.files import atomic_write
from aae_tf.utils.images import as_picture, save_animation

GRID, FRAMES = 400, 2000  # images in one PNG, in one GIF
COLUMNS = 10


def write_results(out, answers, count):
    """Write answers where they are to go.

    Args:
        out: path; None for CSV on standard output.
        answers: (names, inputs, outputs), batch by batch.
        count: rows in all.
    """
    if out is None:
        write_csv(sys.stdout.buffer, answers, count)
        return
    path = Path(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            atomic_write(path, lambda file: WRITERS[path.suffix.lower()](file, answers, count))
        else:
            write_folder(path, answers)
    except OSError as error:
        raise InputError(f"--out {out} cannot be written: {error.strerror or error}") from None


def check_out(out, outputs, count):
    """Refuse what cannot be written, before anything is computed.

    Args:
        out: path; None for CSV on standard output.
        outputs: dict of output name to `tf.TensorSpec`.
        count: rows in all.

    Raises:
        InputError: an unknown suffix, images where only numbers can be, numbers alone where only images can be, more
            images than a file shows, or a folder that is not empty.
    """
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
        raise InputError(f"--out {out}: it is there already; name a file, or a folder that is new or empty")


def write_csv(file, answers, count):
    """Write a row's name and its numbers, one line a row; images are left out."""
    text = io.TextIOWrapper(file, "utf-8", newline="")
    try:
        table = csv.writer(text, lineterminator="\n")
        for number, (names, _, outputs) in enumerate(answers):
            columns = {head: column for name, array in outputs.items() for head, column in _columns(name, array)}
            if number == 0:
                table.writerow(["name", *columns])
            table.writerows(zip(names, *columns.values(), strict=True))
    finally:
        text.flush()
        text.detach()


def _columns(name, array):
    """Return (heading, texts) of an array's columns; numbers in as many digits as tell them apart."""
    if array.ndim == 1:
        return [(name, array.astype(str))]
    if array.ndim > 2:
        return []
    return [(f"{name}_{number}", column) for number, column in enumerate(array.astype(str).T)]


def write_npz(file, answers, count):
    """Write each output as an array, and 'name', the rows' names; until all are there they lie on disk."""
    with tempfile.TemporaryDirectory() as folder:
        arrays, all_names = {}, []
        for names, _, outputs in answers:
            for name, values in outputs.items():
                if name not in arrays:
                    place = Path(folder) / f"{len(arrays)}.npy"
                    shape = (count, *values.shape[1:])
                    arrays[name] = np.lib.format.open_memmap(place, "w+", values.dtype, shape)
                arrays[name][len(all_names) : len(all_names) + len(names)] = values
            all_names += names
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                array.flush()
                archive.write(array.filename, f"{name}.npy")
            with archive.open("name.npy", "w") as place:
                np.lib.format.write_array(place, np.array(all_names))


def write_grid(file, answers, count):
    """Write a grid of images; where images were given for them, these above."""
    shown = [_with_given(inputs, outputs["images"]) for _, inputs, outputs in answers]
    as_picture(_tiled(np.concatenate(shown), min(COLUMNS, count))).save(file, "PNG")


def _with_given(inputs, images):
    given = inputs.get("images")
    return images if given is None or "images_to" in inputs else np.concatenate([given, images], 1)


def _tiled(images, columns):
    from aae_tf.figures.grids import tile

    return tile(images, columns)


def write_frames(file, answers, count):
    """Write an animation of images, small ones enlarged."""
    images = np.concatenate([outputs["images"] for *_, outputs in answers])
    save_animation(file, images)


def write_folder(folder, answers):
    """Write each image as a PNG file of its row's name."""
    for names, _, outputs in answers:
        for name, image in zip(names, outputs["images"], strict=True):
            parts = [part for part in Path(name).parts if part != ".." and part != Path(name).anchor]
            place = folder.joinpath(*parts)
            place = place if place.suffix.lower() == ".png" else place.with_name(f"{place.name}.png")
            place.parent.mkdir(parents=True, exist_ok=True)
            as_picture(image).save(place, "PNG")


WRITERS = {".csv": write_csv, ".npz": write_npz, ".png": write_grid, ".gif": write_frames}
