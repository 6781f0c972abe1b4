"""Servers in processes of their own, and what an export brings for them, for the tests of serving."""

import contextlib
import socket
import subprocess
import sys
import time

import httpx
import pytest

from aae_tf.backend import tf


def wait_for(condition, seconds=60):
    """Wait until `condition()` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def answers(url):
    """Return whether a model answers."""
    try:
        return httpx.get(url).status_code == 200
    except httpx.ConnectError:
        return False


@contextlib.contextmanager
def serving(folder):
    """Serve a folder with the built-in server on a free port; yields the model's URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "aae_tf", "serve", str(folder), "--builtin", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert "serving" in line, line
        url = f"http://127.0.0.1:{port}/v1/models/{folder.name}"
        wait_for(lambda: answers(url))
        yield url
    finally:
        process.terminate()
        process.wait(20)


def warm_up_requests(version):
    """Return a version's warm-up requests: dict of signature name to a dict of tensors."""
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))
    requests = [logs.PredictionLog.FromString(each).predict_log.request for each in records.as_numpy_iterator()]
    return {
        request.model_spec.signature_name: {
            name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()
        }
        for request in requests
    }
