"""The only module that imports TensorFlow, Keras and TensorFlow Probability, without their start-up messages.

All other modules use `from aae_tf.backend import keras, tf`. TensorFlow's C++ libraries write to file descriptor 2
while they load, before log levels apply, so this descriptor is redirected during the import. If the import fails, the
captured messages are printed.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Capture file descriptor 2, and write the captured text if the block fails."""
    try:
        saved = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    with tempfile.TemporaryFile() as sink:
        sys.stderr.flush()
        os.dup2(sink.fileno(), 2)
        try:
            yield
        except BaseException:
            sink.seek(0)
            os.write(saved, sink.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

with _quiet_stderr():
    import tensorflow as tf

    tf.config.list_physical_devices()  # device libraries print their messages here
    import keras
    import tensorflow_probability as tfp

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"aae_tf trains with Keras on TensorFlow, but Keras is set to '{keras.backend.backend()}'; "
        "set KERAS_BACKEND=tensorflow (or remove it) before Keras is imported"
    )

__all__ = ["keras", "tf", "tfp"]
