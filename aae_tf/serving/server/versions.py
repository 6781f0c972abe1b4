"""Which version of a model is served: the newest that loads. New ones are taken up, broken ones passed over."""

import logging
import threading
from pathlib import Path

from aae_tf.backend import tf
from aae_tf.serving.server.tensors import BadRequest, Missing, Signature

log = logging.getLogger(__name__)


class Version:
    """A loaded version.

    Attributes:
        number: int.
        signatures: dict of signature name to its `Signature`.
    """

    def __init__(self, path):
        self.number = int(path.name)
        self.model = tf.saved_model.load(str(path))
        found = {name: Signature(name, function) for name, function in self.model.signatures.items()}
        self.signatures = {name: each for name, each in found.items() if each.has_rows()}
        if "serving_default" not in self.signatures:
            raise ValueError("it has no serving_default signature whose inputs have rows")

    def run(self, signature, inputs):
        """Return a signature's outputs, a dict of name to array, of a dict of arrays.

        Raises:
            BadRequest: the graph refused the inputs.
        """
        try:
            outputs = self.signatures[signature].function(
                **{name: tf.constant(array) for name, array in inputs.items()}
            )
        except (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError) as error:
            raise BadRequest(error.message.splitlines()[0][:300]) from None
        return {name: value.numpy() for name, value in outputs.items()}


class Versions:
    """The versions in a folder, watched.

    Args:
        folder: DEST, holding numbered versions.
        seconds: between looks.
    """

    def __init__(self, folder, seconds=1.0):
        self.folder, self.seconds = Path(folder), seconds
        self.serving, self.failed = None, {}
        self._stop, self._lock = threading.Event(), threading.Lock()

    def start(self):
        """Load what is there, and go on watching in the background."""
        self.look()
        threading.Thread(target=self._watch, daemon=True, name="versions").start()

    def stop(self):
        """Stop watching."""
        self._stop.set()

    def _watch(self):
        while not self._stop.wait(self.seconds):
            try:
                self.look()
            except OSError as error:
                log.warning("cannot look at '%s': %s", self.folder, error)

    def look(self):
        """Take up the newest version that loads, if it is newer than the one being served."""
        with self._lock:
            found = sorted((int(path.name) for path in self.folder.iterdir() if path.name.isdigit()), reverse=True)
            for number in found:
                if self.serving is not None and number <= self.serving.number:
                    return
                path = self.folder / str(number)
                if self.failed.get(number, ("", None))[1] == _stamp(path):
                    continue  # broken, and not changed since
                stamp = _stamp(path)
                try:
                    self.serving = Version(path)
                except Exception as error:  # whatever a broken SavedModel raises must not stop the server
                    self.failed[number] = (f"{type(error).__name__}: {error}".splitlines()[0][:300], stamp)
                    log.warning("version %d is not served: %s", number, self.failed[number][0])
                    continue
                self.failed.pop(number, None)
                log.info("serving version %d", number)
                return

    def get(self, number=None):
        """Return the served `Version`.

        Raises:
            Missing: nothing is served, or not this version.
        """
        serving = self.serving
        if serving is None or (number is not None and number != serving.number):
            asked = "" if number is None else f" version {number} of"
            raise Missing(f"Servable not found for request:{asked} the model is not being served")
        return serving

    def status(self):
        """Return the states, as TensorFlow Serving's status route gives them."""
        states = []
        if self.serving is not None:
            states.append(_state(self.serving.number, "AVAILABLE", "OK", ""))
        states += [_state(number, "END", "UNKNOWN", text) for number, (text, _) in sorted(self.failed.items())]
        return states


def _state(number, state, code, message):
    return {"version": str(number), "state": state, "status": {"error_code": code, "error_message": message}}


def _stamp(path):
    """Return something that changes when a version's files do."""
    return tuple(sorted((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in path.rglob("*")))
