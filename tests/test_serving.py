"""The built-in server: the model server's routes and codes, versions that come and go, hostile input."""

import collections
import concurrent.futures
import contextlib
import json
import shutil
import socket
import threading
import time
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving_processes import serving, wait_for
from starlette.testclient import TestClient

from aae_tf.backend import keras, tf
from aae_tf.export.saved_model import export
from aae_tf.serving import Client
from aae_tf.serving.launch import CONNECTIONS
from aae_tf.serving.server.app import make_app
from aae_tf.serving.server.versions import Versions


@pytest.fixture(scope="module")
def http(exported):
    """The server's routes, in this process."""
    app = make_app(Versions(exported), "digits", body_limit=400_000, row_limit=50)
    with TestClient(app, "http://localhost", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def images(few):
    return (few[0][:6] / 255.0).astype("float32")


@pytest.fixture
def server(exported, tmp_path):
    """A server in a process of its own, on a copy of the folder: (URL, folder)."""
    folder = shutil.copytree(exported, tmp_path / "digits")
    with serving(folder) as url:
        yield url, folder


def post(http, body, path=":predict"):
    return http.post(f"/v1/models/digits{path}", content=body if isinstance(body, bytes) else json.dumps(body))


def test_row_and_column_format_agree_with_the_model(http, images, trained):
    codes = trained.model.encode(images)
    column = post(http, {"signature_name": "encode", "inputs": {"images": images.tolist()}}).json()
    np.testing.assert_allclose(column["outputs"], codes, atol=1e-4)
    bare = post(http, {"inputs": images.tolist()}).json()
    assert bare == column
    rows = post(http, {"instances": images.tolist()}).json()
    np.testing.assert_allclose(rows["predictions"], codes, atol=1e-4)
    named = post(
        http, {"signature_name": "score", "instances": [{"images": image.tolist()} for image in images]}
    ).json()
    assert set(named["predictions"][0]) == {"reconstruction_error", "prior_logit"}
    several = post(http, {"signature_name": "sample", "inputs": {"seeds": [3, 8]}}).json()["outputs"]
    np.testing.assert_allclose(several["images"][:1], trained.model.sample(1, seed=3), atol=1e-4)
    drawn = post(http, {"signature_name": "sample", "instances": [{"seeds": 8}]}).json()["predictions"]
    np.testing.assert_allclose(drawn[0]["images"], several["images"][1], atol=1e-6)
    for path in ("/versions/1:predict", ":predict"):
        assert post(http, {"instances": images.tolist()}, path).json() == rows


def test_status_and_metadata(http):
    assert http.get("/v1/models/digits").json() == {
        "model_version_status": [
            {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }
    found = http.get("/v1/models/digits/metadata").json()
    assert found["model_spec"] == {"name": "digits", "signature_name": "", "version": "1"}
    described = found["metadata"]["signature_def"]["signature_def"]
    assert described["encode"]["inputs"]["images"]["tensor_shape"]["dim"][1:] == [
        {"size": size, "name": ""} for size in ("28", "28", "1")
    ]
    assert described["decode"]["outputs"]["images"]["dtype"] == "DT_FLOAT"


IMAGE = np.zeros((1, 28, 28, 1)).tolist()


@pytest.mark.parametrize(
    "body, status, words",
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"[1]", 400, "JSON object"),
        (b'{"inputs": [[[[NaN]]]]}', 400, "not JSON"),
        (b'{"inputs": [[[[1e999]]]]}', 400, "JSON"),
        ({}, 400, "instances"),
        ({"instances": [], "inputs": []}, 400, "instances"),
        ({"instances": []}, 400, "empty"),
        ({"inputs": {"images": IMAGE}, "signature_name": "nothing"}, 400, "accepted: "),
        ({"inputs": {"images": IMAGE}, "signature_name": 5}, 400, "signature_name"),
        ({"inputs": {"pictures": IMAGE}}, 400, "unknown: pictures"),
        ({"inputs": {"images": [[1, 2], [3]]}}, 400, "full array"),
        ({"inputs": {"images": "text"}}, 400, "numbers"),
        ({"inputs": {"images": [[[1.0]]]}}, 400, "[-1, 28, 28, 1]"),
        ({"inputs": {"images": np.zeros((51, 28, 28, 1)).tolist()}}, 400, "1 to 50"),
        ({"inputs": {"images": [[[[1e300]] * 28] * 28]}}, 400, "finite"),
        ({"inputs": {"images": np.zeros((150, 28, 28, 1)).tolist()}}, 413, "larger"),
        ({"signature_name": "sample", "inputs": {"seeds": [0] * 51}}, 400, "1 to 50"),
        ({"signature_name": "sample", "inputs": {"seeds": []}}, 400, "1 to 50"),
        ({"signature_name": "sample", "inputs": {"seeds": [2**40]}}, 400, "range"),
        ({"signature_name": "sample", "inputs": {"seeds": [0.5]}}, 400, "integers"),
        ({"signature_name": "sample", "inputs": {"seeds": 3}}, 400, "shape []"),
        ({"signature_name": "encode_png", "inputs": {"image_bytes": [{"b64": "!"}]}}, 400, "b64"),
        ({"signature_name": "encode_png", "inputs": {"image_bytes": [{"b64": "AAAA"}]}}, 400, ""),
    ],
)
def test_malformed_requests_are_refused_with_a_message(http, body, status, words):
    answer = post(http, body)
    assert answer.status_code == status, answer.text[:300]
    assert words in answer.json()["error"]
    assert post(http, {"inputs": IMAGE}).status_code == 200


def test_what_is_not_here_is_404(http):
    for path in ("/v1/models/other", "/v1/models/digits/versions/7", "/", "/v1/models/digits/nothing"):
        answer = http.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["error"]
    assert post(http, {"inputs": IMAGE}, "/versions/7:predict").status_code == 404
    assert http.get("/v1/models/digits:predict").status_code in (404, 405)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
names = st.sampled_from(["encode", "decode", "sample", "score", "encode_png", "serving_default", "", "x"]) | json_values
keys = st.sampled_from(["images", "codes", "seeds", "image_bytes", "b64", "labels"])
columns = st.dictionaries(keys, json_values, max_size=3) | json_values
requests = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": names,
        "inputs": columns,
        "instances": st.lists(columns, max_size=3),
        "more": json_values,
    },
)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(body=requests.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_generated_requests_never_break_the_server(http, body):
    answer = post(http, body)
    assert answer.status_code in (200, 400), (body, answer.text[:300])
    assert ("error" in answer.json()) == (answer.status_code == 400)


def test_a_signature_without_rows_is_not_served(tmp_path):
    module = tf.Module()
    specs = {"images": tf.TensorSpec((None, 2), tf.float32, "images"), "seed": tf.TensorSpec((), tf.int32, "seed")}
    signatures = {
        "serving_default": tf.function(lambda images: {"codes": images}, input_signature=[specs["images"]]),
        "sample": tf.function(lambda seed: {"images": tf.zeros((3, 2))}, input_signature=[specs["seed"]]),
    }
    module.functions = signatures
    tf.saved_model.save(module, str(tmp_path / "old" / "1"), signatures)
    with TestClient(make_app(Versions(tmp_path / "old"), "old"), "http://localhost") as client:
        described = client.get("/v1/models/old/metadata").json()["metadata"]["signature_def"]["signature_def"]
        assert set(described) == {"serving_default"}
        answer = client.post("/v1/models/old:predict", json={"signature_name": "sample", "inputs": {"seed": 1}})
        assert "unknown signature_name 'sample'" in answer.json()["error"]


@pytest.mark.e2e
def test_other_hosts_and_too_many_connections_are_refused(exported):
    with serving(exported) as url, contextlib.ExitStack() as held:
        address = urlsplit(url)
        for host, status in (("localhost", 200), (address.netloc, 200), (f"evil.example:{address.port}", 400)):
            assert httpx.get(url, headers={"Host": host}).status_code == status, host
        for _ in range(CONNECTIONS):
            held.enter_context(socket.create_connection((address.hostname, address.port)))
        assert httpx.get(url).status_code == 503
        held.close()
        wait_for(lambda: httpx.get(url).status_code == 200)


@pytest.fixture
def changed(trained, tmp_path):
    """The trained model with other weights in its encoder, and the folder of its exported version."""
    model = keras.models.load_model(trained.out_dir / "model.keras")
    for weight in model.encoder.trainable_weights:
        weight.assign(0.8 * weight)
    return model, export(model, tmp_path / "changed")


@pytest.mark.e2e
def test_under_load_versions_come_and_broken_ones_are_passed_over(server, few, trained, changed, tmp_path):
    """Requests on many connections while another model's version comes and a corrupt one is dropped.

    Every answer is one model's own, whole, and none is the old one's once the status has named the new version.
    """
    url, folder = server
    images = (few[0][:40] / 255.0).astype("float32")
    old, new = trained.model.encode(images), changed[0].encode(images)
    assert np.abs(old - new).max(-1).min() > 0.01  # no image by which the two could be taken for each other
    announced, done = threading.Event(), threading.Event()

    def ask(number):
        kinds = []
        with Client(url, timeout=60) as client:
            while not done.is_set():
                row, late = (7 * len(kinds) + number) % 40, announced.is_set()
                found = client.encode(images[row : row + 1])[0]
                own = [
                    name for name, codes in (("old", old), ("new", new)) if np.allclose(found, codes[row], atol=1e-3)
                ]
                kinds.append((*own, "late" if late else "early"))
        return kinds

    with concurrent.futures.ThreadPoolExecutor(8) as pool, Client(url) as watcher:
        asked = [pool.submit(ask, number) for number in range(8)]
        time.sleep(1)
        changed[1].rename(folder / "2")
        wait_for(lambda: watcher.status()[0]["version"] == "2")
        announced.set()
        shutil.copytree(folder / "1", tmp_path / "broken")
        (tmp_path / "broken" / "saved_model.pb").write_bytes(b"broken")
        (tmp_path / "broken").rename(folder / "3")
        wait_for(lambda: [each["state"] for each in watcher.status()] == ["AVAILABLE", "END"])
        assert watcher.status()[0]["version"] == "2"
        time.sleep(1)
        done.set()
        kinds = collections.Counter(kind for each in asked for kind in each.result())
    kinds.pop(("new", "early"), None)  # taken up between two looks at the status
    assert set(kinds) == {("old", "early"), ("new", "late")}, kinds
    assert sum(kinds.values()) > 50
