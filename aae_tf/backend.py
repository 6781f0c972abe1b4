"""The one place that imports TensorFlow, Keras and TensorFlow Probability, without their start-up noise.

Every other module says `from aae_tf.backend import keras, tf`. TensorFlow's C++ libraries write to file
descriptor 2 while they load, before any log level applies, so that descriptor is set aside during the import;
if the import fails, what they wrote is shown.
"""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def _quiet_stderr():
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all: nothing to keep quiet
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

    tf.config.list_physical_devices()  # the device libraries report once, here
    import keras
    import tensorflow_probability as tfp

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"aae_tf trains with Keras on TensorFlow, but Keras is set to '{keras.backend.backend()}'; "
        "set KERAS_BACKEND=tensorflow (or remove it) before Keras is imported"
    )

__all__ = ["keras", "tf", "tfp"]
