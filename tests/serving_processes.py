"""Servers in other processes or in a thread, and what an export brings for them, for the tests of serving."""

import contextlib
import socket
import subprocess
import sys
import threading
import time

import command_line
import httpx
import pytest
from uvicorn.server import Server

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


def free_port():
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving_here(folder):
    """As `serving`, by a thread of this process, which has TensorFlow already."""
    port, made, run = free_port(), [], Server.run
    command = ("serve", folder, "--builtin", "--port", port)
    thread = threading.Thread(target=command_line.run, args=command, daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Server, "run", lambda server, *more, **named: made.append(server) or run(server, *more, **named))
        thread.start()
        url = f"http://127.0.0.1:{port}/v1/models/{folder.name}"
        wait_for(lambda: answers(url))
    try:
        yield url
    finally:
        made[0].should_exit = True
        thread.join(20)


@contextlib.contextmanager
def serving(folder):
    """Serve a folder with the built-in server on a free port; yields the model's URL."""
    port = free_port()
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
