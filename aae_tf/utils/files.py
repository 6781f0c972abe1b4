"""Writing files whole or not at all: under another name first, then renamed."""

import json
import os
from pathlib import Path


def atomic_write(path, write):
    """Write a file by `write(open binary file)` under another name, then rename it to `path`: whole or not at all."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with open(partial, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path, values):
    """Write values as indented JSON, whole or not at all."""
    text = json.dumps(values, indent=2, allow_nan=False) + "\n"
    atomic_write(path, lambda file: file.write(text.encode()))
