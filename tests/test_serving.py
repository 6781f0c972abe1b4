"""The built-in server and the client: the model server's routes and codes, versions that come and go, hostile input."""

import concurrent.futures
import json
import shlex
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import aae_tf
from aae_tf.serving import Client
from aae_tf.serving.builtin.app import make_app


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """A folder with version 1, PNG signatures included."""
    dest = tmp_path_factory.mktemp("served") / "digits"
    trained.export(dest, png=True)
    return dest


@pytest.fixture(scope="module")
def http(exported):
    """The server's routes, in this process."""
    app = make_app(exported, "digits", body_limit=400_000, row_limit=50, look_seconds=3600)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def images(few):
    return (few[0][:6] / 255.0).astype("float32")


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(exported, tmp_path):
    """A server in a process of its own, on a copy of the folder: (URL, folder)."""
    folder = shutil.copytree(exported, tmp_path / "digits")
    port = free_port()
    command = [sys.executable, "-m", "aae_tf", "serve", str(folder), "--builtin", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert "serving digits" in process.stdout.readline()
    url = f"http://127.0.0.1:{port}/v1/models/digits"
    for _ in range(100):
        try:
            httpx.get(url)
            break
        except httpx.ConnectError:
            time.sleep(0.1)
    yield url, folder
    process.terminate()
    process.wait(20)


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
    several = post(http, {"signature_name": "sample", "inputs": {"seed": 3, "count": 4}}).json()["outputs"]
    np.testing.assert_allclose(several["images"], trained.model.sample(4, seed=3), atol=1e-4)
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
        ({"signature_name": "sample", "inputs": {"seed": 0, "count": 10**9}}, 400, "1 to 50"),
        ({"signature_name": "sample", "inputs": {"seed": 0, "count": -1}}, 400, "1 to 50"),
        ({"signature_name": "sample", "inputs": {"seed": 2**40, "count": 1}}, 400, "range"),
        ({"signature_name": "sample", "inputs": {"seed": 0.5, "count": 1}}, 400, "whole"),
        ({"signature_name": "sample", "instances": [{"seed": 0, "count": 1}]}, 400, "column format"),
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
keys = st.sampled_from(["images", "codes", "seed", "count", "image_bytes", "b64", "labels"])
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


@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(body=requests.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_thousands_of_generated_requests_never_break_the_server(http, body):
    answer = post(http, body)
    assert answer.status_code in (200, 400), (body, answer.text[:300])
    assert ("error" in answer.json()) == (answer.status_code == 400)


def test_the_client_gives_what_the_model_gives(server, images, trained, few):
    url, _ = server
    model = trained.model
    with Client(url, batch_size=100) as client:
        np.testing.assert_allclose(client.encode(few[0]), model.encode(few[0]), atol=1e-4)  # in four parts
        np.testing.assert_allclose(client.encode(few[0][:3, :, :, 0]), model.encode(few[0][:3]), atol=1e-4)
        np.testing.assert_allclose(client.reconstruct(images), model.reconstruct(images), atol=1e-4)
        codes = model.prior.sample(4, 1).numpy()
        np.testing.assert_allclose(client.decode(codes), model.decode(codes), atol=1e-4)
        np.testing.assert_allclose(client.sample(3, seed=5), model.sample(3, seed=5), atol=1e-4)
        error, logit = client.score(images)
        np.testing.assert_allclose(error, ((images - model.reconstruct(images)) ** 2).mean((1, 2, 3)), atol=1e-5)
        assert logit.shape == (6,)
        from aae_tf.backend import tf

        file = tf.io.encode_png(few[0][0]).numpy()
        found = client.predict("encode_png", image_bytes=np.array([file], object))["codes"]
        np.testing.assert_allclose(found, model.encode(few[0][:1]), atol=1e-3)
        with pytest.raises(aae_tf.ServingError, match="unknown signature_name") as caught:
            client.classify(images)
        assert caught.value.status == 400
        assert client.status()[0]["state"] == "AVAILABLE"
        with pytest.raises(aae_tf.InputError, match="different lengths"):
            client.decode(codes, labels=[1])


def test_the_client_needs_no_tensorflow():
    code = """
        import sys
        from aae_tf.serving import Client
        Client("http://127.0.0.1:1/v1/models/m")
        assert "tensorflow" not in sys.modules and "keras" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


@pytest.mark.parametrize("url", ["localhost:8501", "http://localhost:8501", "ftp://a/b", ""])
def test_a_url_that_names_no_model_is_refused(url):
    with pytest.raises(aae_tf.InputError, match="URL"):
        Client(url)


class Flaky:
    """Answers as told, in turn."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def __call__(self, request):
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def flaky_client(*answers):
    client, flaky = Client("http://server/v1/models/m", retries=3), Flaky(*answers)
    client._transport.http = httpx.Client(transport=httpx.MockTransport(flaky))
    client._transport.types = {"encode": {"codes": "DT_FLOAT"}}
    return client, flaky


def test_503_and_timeouts_are_sent_again_and_nothing_else():
    good = httpx.Response(200, json={"outputs": [[1.0, 2.0]]})
    busy = httpx.Response(503, json={"error": "loading"})
    client, flaky = flaky_client(busy, httpx.ReadTimeout("slow"), good)
    assert client.encode(np.zeros((1, 2, 2, 1))).tolist() == [[1, 2]]
    assert flaky.asked == 3
    client, flaky = flaky_client(*[busy] * 9)
    with pytest.raises(aae_tf.ServingError, match="503: loading"):
        client.encode(np.zeros((1, 2, 2, 1)))
    assert flaky.asked == 4
    for final in (
        httpx.Response(400, json={"error": "bad"}),
        httpx.Response(500, text="oops"),
        httpx.ConnectError("no"),
    ):
        client, flaky = flaky_client(final, good)
        with pytest.raises(aae_tf.ServingError):
            client.encode(np.zeros((1, 2, 2, 1)))
        assert flaky.asked == 1


def test_under_load_versions_come_and_broken_ones_are_passed_over(server, few, trained, tmp_path):
    """Requests on many connections while a version is swapped in and a corrupt one dropped: none lost, none wrong."""
    url, folder = server
    images = (few[0][:40] / 255.0).astype("float32")
    expected = trained.model.encode(images)
    done = threading.Event()

    def ask(number):
        wrong = count = 0
        with Client(url, timeout=60) as client:
            while not done.is_set():
                row = (7 * count + number) % 40
                wrong += not np.allclose(client.encode(images[row : row + 1])[0], expected[row], atol=1e-3)
                count += 1
        return count, wrong

    with concurrent.futures.ThreadPoolExecutor(8) as pool, Client(url) as watcher:
        asked = [pool.submit(ask, number) for number in range(8)]
        time.sleep(1)
        shutil.copytree(folder / "1", tmp_path / "next")
        (tmp_path / "next").rename(folder / "2")
        wait_for(lambda: watcher.status()[0]["version"] == "2")
        shutil.copytree(folder / "1", tmp_path / "broken")
        (tmp_path / "broken" / "saved_model.pb").write_bytes(b"broken")
        (tmp_path / "broken").rename(folder / "3")
        wait_for(lambda: [each["state"] for each in watcher.status()] == ["AVAILABLE", "END"])
        assert watcher.status()[0]["version"] == "2"
        time.sleep(1)
        done.set()
        results = [each.result() for each in asked]
    assert sum(count for count, _ in results) > 50
    assert sum(wrong for _, wrong in results) == 0


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def run_cli(*arguments):
    command = [sys.executable, "-m", "aae_tf", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_serve_refuses_what_it_cannot_serve(tmp_path, exported, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken" / "1").mkdir(parents=True)
    for folder, words in (("empty", "no exported model"), ("broken", "can be loaded"), ("none", "no exported model")):
        done = run_cli("serve", str(tmp_path / folder), "--builtin")
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run_cli("serve", str(exported))
    assert done.returncode == 2
    assert "tensorflow_model_server" in done.stderr
    assert "--builtin" in done.stderr


def test_serve_runs_tensorflow_serving_where_it_is(tmp_path, exported, monkeypatch):
    fake = tmp_path / "tensorflow_model_server"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    done = run_cli("serve", str(exported), "--port", "9001")
    assert done.returncode == 0
    assert "--rest_api_port=9001" in done.stdout
    assert f"--model_base_path={exported}" in done.stdout


def readme_blocks(language, words):
    """Return README.md's code blocks of a language that contain `words`."""
    text = (Path(__file__).parents[1] / "README.md").read_text()
    blocks = [block.split("```")[0] for block in text.split(f"```{language}\n")[1:]]
    return [block for block in blocks if words in block]


@pytest.fixture(scope="module")
def example_server():
    """The example of the README, served on a free port; gives the port."""
    port = free_port()
    folder = Path(__file__).parents[1] / "saved_models" / "digits"
    command = [sys.executable, "-m", "aae_tf", "serve", str(folder), "--builtin", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert "serving digits" in process.stdout.readline()
    wait_for(lambda: answers(f"http://127.0.0.1:{port}/v1/models/digits"))
    yield port
    process.terminate()
    process.wait(20)


def answers(url):
    try:
        return httpx.get(url).status_code == 200
    except httpx.ConnectError:
        return False


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_the_readmes_curl_lines(example_server):
    (block,) = readme_blocks("sh", "curl")
    lines = block.strip().splitlines()
    assert len(lines) == 3
    for line in lines:
        command = [part.replace(":8501", f":{example_server}") for part in shlex.split(line)]
        done = subprocess.run([*command, "-sS", "--fail"], capture_output=True, text=True, check=True)
        assert set(json.loads(done.stdout)) & {"outputs", "model_version_status"}, line


def test_the_readmes_client_code(example_server):
    (block,) = readme_blocks("python", "import Client")
    found = {}
    exec(block.replace(":8501", f":{example_server}"), found)
    digits = aae_tf.data.load("mnist_5k").test
    assert found["probabilities"].shape == (10, 10)
    assert np.mean(found["labels"] == digits.labels[:10]) >= 0.8
    assert found["threes"].shape == (3, 28, 28, 1)
    labels, _ = found["client"].classify(digits.images)
    assert np.mean(labels != digits.labels) < 0.08


def test_the_example_is_small():
    folder = Path(__file__).parents[1] / "saved_models"
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 3 * 2**20
