"""What strangers may send, a few of each kind that benchmarks/hostile.py tries by the thousand."""

import contextlib
import socket
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from serving_processes import wait_for
from starlette.testclient import TestClient

import aae_tf
from aae_tf.serving.server import connections
from aae_tf.serving.server.app import make_app
from aae_tf.utils.images import as_picture

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import hostile
from hostile_inputs import KINDS, requests

LIGHT = [name for name, kind in KINDS.items() if kind.most > 100]


@pytest.mark.parametrize("kind", LIGHT)
def test_strange_data_are_read_rightly_or_refused_in_a_line(kind, tmp_path):
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        case = KINDS[kind].make(np.random.default_rng(number), folder)
        result, why = hostile.outcome(case)
        assert result != "failed", why


def test_what_is_wrong_is_called_wrong(tmp_path):
    """The judge itself: other pixels, another count, a refusal of what is right, one of two lines."""
    case = KINDS["plain files"].make(np.random.default_rng(0), tmp_path)
    assert hostile.outcome(case) == ("right", "")
    images, labels = case.right
    case.right = (255 - images, labels)
    assert hostile.outcome(case)[0] == "failed"
    case.right = (images[1:], labels)
    assert hostile.outcome(case)[0] == "failed"
    (tmp_path / "000.bmp").write_bytes(b"")
    assert hostile.outcome(case)[0] == "failed"
    assert hostile.refusal(case, "two\nlines")[0] == "failed"


def test_a_folder_larger_than_memory_should_hold_is_refused_at_its_first_file(tmp_path, few, monkeypatch):
    for number in range(12):
        as_picture(few[0][number]).save(tmp_path / f"{number}.png")
    monkeypatch.setattr("aae_tf.data.reading.MOST_BYTES", 12 * 28 * 28 - 1)
    with pytest.raises(aae_tf.InputError, match=r"12 images like .*0\.png' would take .* accepted: .* data pack"):
        aae_tf.data.load(tmp_path)
    assert len(aae_tf.data.load(tmp_path, image_size=20).train) == 10


@pytest.fixture(scope="module")
def http(exported):
    app = make_app(exported, "digits", look_seconds=3600, number_limit=2**20)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("kind", [name for name, (_, most) in requests.KINDS.items() if most > 100])
def test_strange_requests_are_answered_rightly_or_refused(kind, http, trained, digits):
    images = digits.test.images[:9] / np.float32(255)
    codes = trained.model.encode(images)
    chance = np.random.default_rng(0)
    for _ in range(5):
        request = requests.KINDS[kind][0](chance, images, codes)
        with contextlib.suppress(httpx.InvalidURL):
            answer = http.request(request.method, "/v1/models/digits" + request.path, content=request.body)
            assert answer.status_code in request.statuses, answer.text[:300]
            assert answer.status_code == 200 or 0 < len(answer.json()["error"]) <= 1000
            if request.right is not None and answer.status_code == 200:
                np.testing.assert_allclose(answer.json()["outputs"], request.right, atol=1e-2)


def test_answers_and_what_bodies_become_are_bounded(http):
    def ask(body):
        return http.post("/v1/models/digits:predict", content=body)

    answer = ask(requests.asked("sample", seeds=list(range(2000))))
    assert (answer.status_code, "accepted: 1,048,576, which is 1334 rows" in answer.json()["error"]) == (400, True)
    assert ask(requests.asked("sample", seeds=list(range(1334)))).status_code == 200
    answer = ask(b'{"inputs": [' + b"[]," * 2**20 + b"0]}")
    assert (answer.status_code, "lists and objects" in answer.json()["error"]) == (400, True)


@pytest.fixture
def impatient(exported, monkeypatch):
    """A server of little patience in a thread: its port."""
    import uvicorn

    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 5.0)
    monkeypatch.setattr(connections, "CONNECTIONS", 20)
    app = make_app(exported, "digits", look_seconds=3600, body_seconds=0.5)
    config = uvicorn.Config(app, port=0, http=connections.PatientProtocol, ws="none", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(20)


def heard(connection):
    """Return all that the server says until it hangs up."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(4096):
            parts.append(part)
    return b"".join(parts)


def test_connections_are_not_held_without_an_end(impatient):
    """Of those that say nothing, part of a head, or part of a body; a kept one is answered meanwhile."""
    head = b"POST /v1/models/digits:predict HTTP/1.1\r\nhost: here\r\n"
    said = [b""] * 5 + [head] * 5 + [head + b"content-length: 900\r\n\r\n{"] * 5
    with httpx.Client(base_url=f"http://127.0.0.1:{impatient}") as kept, contextlib.ExitStack() as held:
        assert kept.get("/v1/models/digits").status_code == 200
        sockets = [held.enter_context(socket.create_connection(("127.0.0.1", impatient))) for _ in said]
        for each, text in zip(sockets, said, strict=True):
            each.settimeout(10)
            each.sendall(text)
        started = time.monotonic()
        assert kept.get("/v1/models/digits").status_code == 200
        answers = list(map(heard, sockets))
        assert time.monotonic() - started < 8
        assert sum(b"408" in answer and b"did not come within" in answer for answer in answers) == 5
        assert kept.get("/v1/models/digits").status_code == 200


def test_a_connection_too_many_is_told_so(impatient):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_connection(("127.0.0.1", impatient))) for _ in range(21)]
        sockets[-1].settimeout(10)
        assert b"503" in sockets[-1].recv(4096)
    wait_for(lambda: httpx.get(f"http://127.0.0.1:{impatient}/v1/models/digits").status_code == 200)
