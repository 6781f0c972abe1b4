import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aae_tf.evaluation import mmd, reconstruction_error, two_sample_accuracy

rng = np.random.default_rng(0)


def naive_mmd(x, y, width):
    def kernel(a, b):
        square = ((a[:, None] - b[None]) ** 2).sum(-1)
        return np.mean([np.exp(-square / (2 * (f * width) ** 2)) for f in (0.25, 0.5, 1, 2, 4)], 0)

    def off_diagonal(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    return off_diagonal(kernel(x, x)) + off_diagonal(kernel(y, y)) - 2 * kernel(x, y).mean()


@given(seed=st.integers(0, 1000), width=st.floats(0.1, 5), n=st.integers(2, 20), m=st.integers(2, 20))
@settings(max_examples=25, deadline=None)
def test_mmd_is_its_definition(seed, width, n, m):
    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=(n, 3)), draw.normal(size=(m, 3)) + 0.5
    np.testing.assert_allclose(mmd(x, y, width), naive_mmd(x, y, width), atol=1e-10)
    np.testing.assert_allclose(mmd(x, y, width), mmd(y, x, width), atol=1e-10)


def test_mmd_does_not_depend_on_its_chunks(monkeypatch):
    x, y = rng.normal(size=(130, 2)), rng.normal(size=(90, 2))
    whole = mmd(x, y, 1.0)
    monkeypatch.setattr("aae_tf.evaluation.prior_match._CHUNK", 17)
    np.testing.assert_allclose(mmd(x, y, 1.0), whole, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        (lambda x: x, False),
        (lambda x: x + 0.5, True),
        (lambda x: x * 0.6, True),
        (lambda x: np.where(x[:, :1] > 0.5, -x, x), True),  # a side of the distribution is missing
        (lambda x: np.repeat(x[:20], len(x) // 20, 0), True),  # a few codes, again and again
    ],
)
def test_prior_match_notices_what_differs_and_nothing_else(change, noticed):
    real, other, sample = (np.random.default_rng(seed).normal(size=(800, 2)) for seed in range(3))
    sample = change(sample)
    yardstick, value = abs(mmd(other, real)), mmd(sample, real)
    accuracy = two_sample_accuracy(sample, real)
    assert (value > 5 * yardstick + 0.001) == noticed
    assert (accuracy > 0.56) == noticed


def test_reconstruction_error_of_uint8_and_float():
    images = rng.integers(0, 256, (2300, 4, 4, 1), dtype=np.uint8)
    outputs = rng.random((2300, 4, 4, 1)).astype("float32")
    expected = ((images / 255.0 - outputs) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(reconstruction_error(images, outputs), expected, rtol=1e-6)
    np.testing.assert_allclose(reconstruction_error(images / 255.0, outputs), expected, rtol=1e-6)
    assert reconstruction_error(images, images / 255.0).max() < 1e-12
