"""The inputs of commands: image files and folders, arrays (.npy, .npz) and tables (.csv), read in batches."""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aae_tf.data.images.folders import SUFFIXES, image_files, read_image
from aae_tf.data.reading import open_npy, read_npz, reading
from aae_tf.data.tables.files import TABLE_FILES, is_table_path, read_frames, table_files
from aae_tf.errors import InputError
from aae_tf.utils.images import to_unit

if TYPE_CHECKING:
    from aae_tf.backend import tf
    from aae_tf.data.element import Element

OTHER_NAMES = {"images": ("x",), "labels": ("y",)}  # of arrays in files


@dataclass(frozen=True)
class Rows:
    """Inputs of a model, read in batches."""

    names: list[str]  # of each row: its file, its number or its seed
    read: Callable[[np.ndarray], dict[str, np.ndarray]]  # (int array [n] of rows) to arrays [n, ...] by input name

    def __len__(self) -> int:
        return len(self.names)


def data_rows(
    paths: Sequence[str], inputs: "dict[str, tf.TensorSpec]", element: "Element", labels: Sequence[int] | None = None
) -> Rows:
    """Return the rows of files and folders; `labels` are repeated over the rows, None for those in the file."""
    paths = [Path(path) for path in paths]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise InputError(f"there is no file or folder '{missing[0]}'")
    if element.entries and "inputs" in inputs and is_table_path(paths[0], *TABLE_FILES):
        return with_labels(_of_table(paths, element), labels, "labels" in inputs)
    arrays = [path for path in paths if path.suffix.lower() in READERS]
    if arrays and len(paths) > 1:
        raise InputError(f"'{arrays[0]}' was given beside others; accepted: one {', '.join(READERS)} file alone")
    found = _of_arrays(arrays[0], inputs, element) if arrays else _of_files(paths, inputs)
    return with_labels(found, labels, "labels" in inputs, arrays[0] if arrays else None)


def with_labels(rows: Rows, labels: Sequence[int] | None, needed: bool = True, file: Path | None = None) -> Rows:
    """Return rows with the given labels, repeated, or with their own."""
    if labels is not None and not needed:
        raise InputError("--labels was given, but this model takes no labels here")
    if labels is None or not needed:
        if needed and "labels" not in rows.read(np.arange(1)):
            where = f", or 'labels' in '{file}'" if file else ""
            raise InputError(f"this model needs each row's label; give --labels{where}")
        return rows
    every = np.resize(np.asarray(labels, "int32"), len(rows))
    return Rows(rows.names, lambda part: {**rows.read(part), "labels": every[part]})


def _of_table(paths: list[Path], element: "Element") -> Rows:
    """Return the rows of tables."""
    frame = read_frames([file for path in paths for file in table_files(path)], element.columns)
    rows = element.check(frame[[name for name in frame.columns if name in element.columns.names]])
    return Rows([str(number) for number in range(len(rows))], lambda part: {"inputs": rows[part]})


def _of_files(paths: list[Path], inputs: "dict[str, tf.TensorSpec]") -> Rows:
    """Return the rows of image files and of folders of them."""
    if "images" not in inputs:
        raise InputError(f"'{paths[0]}' holds no {' and '.join(inputs)}; accepted: a {', '.join(READERS)} file")
    shape = tuple(inputs["images"].shape[1:])
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise InputError(f"files cannot hold what this model takes ({shape}); accepted: {', '.join(READERS)}")
    files = []
    for path in paths:
        found = image_files(path) if path.is_dir() else [path]
        alone = path.is_dir() and len(paths) == 1
        files += [(file, str(file.relative_to(path) if alone else file)) for file in found]
    unknown = [name for file, name in files if file.suffix.lower() not in SUFFIXES]
    if unknown:
        raise InputError(f"'{unknown[0]}' cannot be read; accepted: images, or one {', '.join(READERS)} file")

    def read(part: np.ndarray) -> dict[str, np.ndarray]:
        return {"images": to_unit(np.stack([read_image(files[row][0], shape) for row in part]))}

    return Rows([name for _, name in files], read)


def _of_arrays(path: Path, inputs: "dict[str, tf.TensorSpec]", element: "Element") -> Rows:
    """Return the rows of a file of arrays."""
    with reading(path, f"a {path.suffix.lower()} file"):
        found = READERS[path.suffix.lower()](path)
    arrays = {name: _named(found, name) for name in inputs if _named(found, name) is not None}
    if not arrays and len(found) == 1:
        arrays = {next(iter(inputs)): next(iter(found.values()))}
    if "labels" in inputs and "labels" not in arrays and "label_probabilities" in found:
        arrays["labels"] = found["label_probabilities"].argmax(-1)
    lacking = [name for name in inputs if name not in arrays and name != "labels"]
    if lacking:
        raise InputError(f"'{path}' holds {', '.join(found)}; needed: {', '.join(lacking)}")
    counts = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(counts) > 1 or counts == {0}:
        raise InputError(f"'{path}' holds {' and '.join(map(str, sorted(counts)))} rows; accepted: as many of each")
    (count,) = counts
    names = found.get("name", np.arange(count))

    def read(part: np.ndarray) -> dict[str, np.ndarray]:
        return {name: _checked(path, name, array[part], inputs[name], element) for name, array in arrays.items()}

    return Rows([str(name) for name in names], read)


def _named(found: dict[str, np.ndarray], name: str) -> np.ndarray | None:
    """Return the array of an input among those of a file."""
    return next((found[each] for each in (name, *OTHER_NAMES.get(name, ())) if each in found), None)


def _checked(path: Path, name: str, array: np.ndarray, spec: "tf.TensorSpec", element: "Element") -> np.ndarray:
    """Return rows of an array as a signature takes them."""
    shape = tuple(spec.shape[1:])
    if name == element.input_name:
        array = to_unit(element.check(array, f"the {element.plural} of '{path}'"))
    if array.shape[1:] != shape:
        raise InputError(f"'{path}': {name} have shape {array.shape[1:]} a row; the model takes {shape}")
    if not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
        raise InputError(f"'{path}': {name} must be finite numbers")
    return array.astype(spec.dtype.as_numpy_dtype)


def _table(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of a CSV file with a header; 'codes_0', 'codes_1', ... are one array."""
    with open(path, newline="") as file:
        header, *lines = csv.reader(file)
    groups = {}
    for heading, column in zip(header, zip(*lines, strict=True), strict=True):
        name = heading if heading in TEXT else re.sub(r"_\d+$", "", heading)
        groups.setdefault(name, {})[heading] = np.array(column, str if heading in TEXT else "float64")
    return {
        name: columns[name] if list(columns) == [name] else np.stack(list(columns.values()), -1)
        for name, columns in groups.items()
    }


TEXT = ("name", "class_name")
READERS = {".npy": lambda path: {"": open_npy(path)}, ".npz": lambda path: read_npz(path)[1], ".csv": _table}


def interpolation_rows(rows: Rows, steps: int) -> Rows:
    """Return rows for `interpolate`: from each row to the next in `steps` images, including both ends."""
    if len(rows) < 2:
        raise InputError(f"{len(rows)} image was given; interpolation accepts two or more")
    position = np.linspace(0, len(rows) - 1, (len(rows) - 1) * (steps - 1) + 1)
    first = np.minimum(position.astype(int), len(rows) - 2)
    share = (position - first).astype("float32")

    def read(part: np.ndarray) -> dict[str, np.ndarray]:
        needed, where = np.unique(np.concatenate([first[part], first[part] + 1]), return_inverse=True)
        found, (start, end) = rows.read(needed), np.split(where, 2)
        ends = {f"{name}_to": values[end] for name, values in found.items()}
        return {**{name: values[start] for name, values in found.items()}, **ends, "share": share[part]}

    return Rows([f"{number:0{len(str(len(position)))}d}" for number in range(len(position))], read)
