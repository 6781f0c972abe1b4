"""What strangers may send, a few of each kind that benchmarks/hostile.py tries by the thousand."""

import contextlib
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

import aae_tf
from aae_tf.serving.server.app import make_app
from aae_tf.serving.server.versions import Versions
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
    app = make_app(Versions(exported), "digits")
    with TestClient(app, "http://localhost", raise_server_exceptions=False) as client:
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
