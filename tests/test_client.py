"""The client and the serve command: what the model gives, what is sent again, and the README's own lines."""

import subprocess
import sys
import textwrap
from pathlib import Path

import command_line
import httpx
import numpy as np
import pytest
from serving_processes import serving_here

import aae_tf
from aae_tf.serving import Client
from aae_tf.serving.client import row_seeds

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def images(few):
    return (few[0][:6] / 255.0).astype("float32")


def test_the_client_gives_what_the_model_gives(exported, images, trained, few):
    model = trained.model
    with serving_here(exported) as url, Client(url, batch_size=100) as client:
        np.testing.assert_allclose(client.encode(few[0]), model.encode(few[0]), atol=1e-4)  # in four parts
        np.testing.assert_allclose(client.encode(few[0][:3, :, :, 0]), model.encode(few[0][:3]), atol=1e-4)
        np.testing.assert_allclose(client.reconstruct(images), model.reconstruct(images), atol=1e-4)
        codes = model.prior.sample(4, 1).numpy()
        np.testing.assert_allclose(client.decode(codes), model.decode(codes), atol=1e-4)
        drawn = client.sample(101, seed=5)  # in two parts
        np.testing.assert_allclose(drawn[:2], client.sample(2, seed=5), atol=1e-4)
        np.testing.assert_allclose(drawn[-1:], model.sample(1, seed=row_seeds(5, 101)[-1]), atol=1e-4)
        assert len(np.unique(drawn.round(3), axis=0)) == 101
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
        with pytest.raises(aae_tf.InputError, match=r"seeds \[\]"):
            client.predict("sample", seeds=1)


def test_the_client_needs_no_tensorflow():
    code = """
        import sys
        from aae_tf.serving import Client
        Client("http://127.0.0.1:1/v1/models/m")
        print(*({"tensorflow", "keras"} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("url", ["localhost:8501", "http://localhost:8501", "ftp://a/b", ""])
def test_a_url_that_names_no_model_is_refused(url):
    with pytest.raises(aae_tf.InputError, match="URL"):
        Client(url)


@pytest.mark.parametrize(
    "given, words",
    [
        (np.full((2, 3, 3), 3.0), "from 3 to 3; accepted: float in"),
        (np.full((2, 3, 3), -1.0), "accepted: float in"),
        (np.full((2, 3, 3), np.nan), "NaN"),
        (np.full((2, 3, 3), 300, "uint16"), "integers in 0..255"),
        (np.zeros((0, 3, 3)), "N > 0"),
        (np.zeros(3), "accepted: images"),
        ([[[0.5]], [[0.5, 0.5]]], "several shapes"),
        ([[0.5, np.nan]], "missing values in number 1"),
        ([[0.5, np.inf]], "infinite"),
        ([["a", "b"]], "accepted: numbers"),
    ],
)
def test_inputs_that_training_refuses_are_not_sent(given, words):
    client, flaky = flaky_client()
    with pytest.raises(aae_tf.InputError, match=words):
        client.encode(given)
    assert flaky.requests == 0


class Flaky:
    """Gives prepared answers in turn."""

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), 0

    def __call__(self, request):
        self.requests += 1
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
    assert flaky.requests == 3
    client, flaky = flaky_client(*[busy] * 9)
    with pytest.raises(aae_tf.ServingError, match="503: loading"):
        client.encode(np.zeros((1, 2, 2, 1)))
    assert flaky.requests == 4
    for final in (
        httpx.Response(400, json={"error": "bad"}),
        httpx.Response(500, text="oops"),
        httpx.ConnectError("no"),
    ):
        client, flaky = flaky_client(final, good)
        with pytest.raises(aae_tf.ServingError):
            client.encode(np.zeros((1, 2, 2, 1)))
        assert flaky.requests == 1


def run_cli(*arguments):
    command = [sys.executable, "-m", "aae_tf", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_serve_refuses_what_it_cannot_serve(tmp_path, exported, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken" / "1").mkdir(parents=True)
    for folder, words in (("empty", "no exported model"), ("broken", "can be loaded"), ("none", "no exported model")):
        assert command_line.run("serve", tmp_path / folder, "--builtin") == 2
        assert words in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_line.run("serve", exported) == 2
    said = capsys.readouterr().err
    assert "tensorflow_model_server" in said and "--builtin" in said


def test_serve_runs_tensorflow_serving_where_it_is(tmp_path, exported, monkeypatch):
    fake = tmp_path / "tensorflow_model_server"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    done = run_cli("serve", str(exported), "--port", "9001")
    assert done.returncode == 0
    assert "--rest_api_port=9001" in done.stdout
    assert f"--model_base_path={exported}" in done.stdout


def test_the_example_is_small():
    folder = ROOT / "saved_models"
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 3 * 2**20
