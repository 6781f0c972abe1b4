"""The version of a model that is served: the newest that loads. New versions are loaded as they appear."""

import logging
import threading
import time
from pathlib import Path
from typing import Any

from aae_tf.backend import tf
from aae_tf.serving.server.tensors import Signature, refused

log = logging.getLogger(__name__)


class Version:
    """A loaded version: its `number`, and its `signatures` by name, those whose inputs all have rows."""

    def __init__(self, path: Path):
        self.number, self.model = int(path.name), tf.saved_model.load(str(path))
        found = [Signature(name, function) for name, function in self.model.signatures.items()]
        self.signatures = {each.name: each for each in found if all(spec.shape.rank for spec in each.inputs.values())}
        if "serving_default" not in self.signatures:
            raise ValueError("it has no serving_default signature whose inputs have rows")


class Versions:
    """The versions in a folder: the `current` one, and the reasons why others `failed` to load, by number."""

    def __init__(self, folder: Path):
        self.folder, self.current, self.failed, self._files = folder, None, {}, {}
        self._refresh()

    def watch(self, seconds: float = 1.0) -> None:
        """Load new versions in the background, within `seconds` after they appear."""
        threading.Thread(target=self._poll, args=(seconds,), daemon=True, name="versions").start()

    def _poll(self, seconds):
        while True:
            time.sleep(seconds)
            self._refresh()

    def _refresh(self):
        """Load the newest version that loads, if it is newer than the current one."""
        for number in sorted((int(path.name) for path in self.folder.glob("*") if path.name.isdigit()), reverse=True):
            if self.current is not None and number <= self.current.number:
                return
            path = self.folder / str(number)
            try:
                files = sorted((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in path.rglob("*"))
                if self._files.get(number) == files:  # it failed, and has not changed since
                    continue
                self._files[number] = files
                self.current = Version(path)
                self.failed.pop(number, None)
            except Exception as error:  # a broken SavedModel may raise anything
                self.failed[number] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
                log.warning("version %d is not served: %s", number, self.failed[number])

    def get(self, number: str | None = None) -> Version:
        """Return the served version; refuse another `number` than its own."""
        if self.current is None or number not in (None, str(self.current.number)):
            raise refused(f"Servable not found for request: version {number or 'any'} is not served"[:300], 404)
        return self.current

    def status(self) -> list[dict[str, Any]]:
        """Return the states, as TensorFlow Serving's status route gives them."""
        states = [] if self.current is None else [(self.current.number, "AVAILABLE", "OK", "")]
        states += [(number, "END", "UNKNOWN", reason) for number, reason in sorted(self.failed.items())]
        return [
            {"version": str(number), "state": state, "status": {"error_code": code, "error_message": message}}
            for number, state, code, message in states
        ]
