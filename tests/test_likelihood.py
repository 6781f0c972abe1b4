"""Parzen-window log-likelihood: against scikit-learn, scipy and plain arithmetic, streamed and bounded."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity

import aae_tf
from aae_tf.backend import tf
from aae_tf.evaluation import log_density, parzen_log_likelihood


def plain(points, samples, bandwidth):
    square = ((points[:, None] - samples[None]) ** 2).sum(-1)
    volume = 0.5 * points.shape[1] * np.log(2 * np.pi * bandwidth**2)
    return logsumexp(-square / (2 * bandwidth**2), axis=1) - np.log(len(samples)) - volume


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), dim=st.integers(1, 6), bandwidth=st.floats(0.1, 2.0), cut=st.integers(1, 299))
def test_agrees_with_float64_and_scikit_learn_however_it_is_streamed(seed, dim, bandwidth, cut):
    """Against scikit-learn where that is exact: far from all samples its tree loses digits, by nats."""
    chance = np.random.default_rng(seed)
    points, samples = chance.normal(size=(40, dim)), chance.normal(size=(300, dim))
    found = log_density(points, [samples[:cut], samples[cut:]], [bandwidth])[0]
    expected = plain(points, samples, bandwidth)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    theirs = KernelDensity(bandwidth=bandwidth).fit(samples).score_samples(points)
    near = expected > -10
    np.testing.assert_allclose(found[near], theirs[near], atol=1e-3)


def test_agrees_with_scipy():
    chance = np.random.default_rng(0)
    points, samples = chance.normal(size=50), chance.normal(size=200)
    kernel = stats.gaussian_kde(samples, bw_method=0.3 / samples.std(ddof=1))
    np.testing.assert_allclose(
        log_density(points[:, None], [samples[:, None]], [0.3])[0], kernel.logpdf(points), atol=1e-3
    )


def test_agrees_with_float64_on_digits(digits):
    points = digits.test.images[:12].reshape(12, -1) / 255.0
    samples = digits.train.images[:2500].reshape(2500, -1) / 255.0  # more than one block of rows
    for bandwidth in (0.1, 0.2, 0.5):
        found = log_density(points, [samples[:2100], samples[2100:]], [bandwidth, 1.0])
        np.testing.assert_allclose(found[0], plain(points, samples, bandwidth), atol=2e-3)


def test_samples_of_the_true_distribution_come_near_its_entropy():
    """A density of N(0, I) in 2-D: minus its entropy, log(2 pi e), is the most any samples can reach."""
    chance = np.random.default_rng(1)
    images, validation, samples = (chance.normal(size=(count, 2)).astype("float32") for count in (4000, 300, 10_000))
    found = parzen_log_likelihood(images, samples, validation)
    assert found["mean"] == pytest.approx(-np.log(2 * np.pi * np.e), abs=0.06)
    assert found["samples"] == 10_000
    shifted = parzen_log_likelihood(images, samples + 1.0, validation)
    assert shifted["mean"] < found["mean"] - 0.3
    squares = (images**2).sum(1)
    assert found["standard_error"] == pytest.approx((squares / 2).std() / np.sqrt(4000), rel=0.2)


def test_the_bandwidth_is_chosen_on_validation_images():
    """Another scale of validation images gives another bandwidth, whatever the images measured are."""
    chance = np.random.default_rng(2)
    images, samples = chance.normal(size=(500, 3)), chance.normal(size=(3000, 3))
    near = parzen_log_likelihood(images, samples, chance.normal(size=(500, 3)))
    far = parzen_log_likelihood(images, samples, 3 * chance.normal(size=(500, 3)))
    assert far["bandwidth"] > 1.5 * near["bandwidth"]
    assert far["mean"] < near["mean"]


def test_a_grid_that_is_too_coarse_is_walked_down():
    chance = np.random.default_rng(3)
    points = chance.normal(size=(200, 2)) * 1e-2
    found = parzen_log_likelihood(points, lambda: iter([points[:20], points]), points)
    assert found["bandwidth"] < 1.5e-3  # the points are samples themselves: the narrower the better, down to the least


def test_the_bandwidth_has_the_units_of_the_values():
    chance = np.random.default_rng(4)
    images, samples, validation = (chance.normal(size=(count, 5)) for count in (200, 2000, 200))
    usual = parzen_log_likelihood(images, samples, validation)
    wide = parzen_log_likelihood(500 * images, 500 * samples, 500 * validation)
    assert wide["bandwidth"] == pytest.approx(500 * usual["bandwidth"], rel=0.05)
    assert wide["mean"] == pytest.approx(usual["mean"] - 5 * np.log(500), abs=0.05)


@pytest.mark.parametrize("before", [True, False])
def test_products_are_not_rounded_to_tf32(before):
    """Seen on the way, between two chunks, and put back after it, errors or not."""
    settings = tf.config.experimental
    usual, seen = settings.tensor_float_32_execution_enabled(), []
    settings.enable_tensor_float_32_execution(before)
    try:
        points = np.zeros((5, 2))
        log_density(
            points, [points, points], [1.0], lambda _: seen.append(settings.tensor_float_32_execution_enabled())
        )
        assert seen == [False, False]
        with pytest.raises(aae_tf.InputError):
            log_density(points, [np.zeros((5, 3))], [1.0])
        assert settings.tensor_float_32_execution_enabled() == before
    finally:
        settings.enable_tensor_float_32_execution(usual)


def test_memory_does_not_grow_with_the_samples():
    """Fifty thousand samples from chunks hold no more memory than five thousand."""
    images = np.random.default_rng(100).random((50, 200), "float32")  # samples of none of the chunks

    def peak(chunks):
        def stream():
            return (np.random.default_rng(number).random((1000, 200), "float32") for number in range(chunks))

        tracemalloc.start()
        parzen_log_likelihood(images, stream, images)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(50) < 1.5 * peak(5)


@pytest.mark.parametrize("images, samples", [((0, 4), (5, 4)), ((5, 4), (0, 4)), ((5, 4), (5, 3))])
def test_bad_input_is_refused(images, samples):
    with pytest.raises(aae_tf.InputError):
        parzen_log_likelihood(np.ones(images), np.ones(samples), np.ones((3, 4)))


def test_progress_is_told():
    seen = []
    samples = np.random.default_rng(5).normal(size=(5000, 2))
    parzen_log_likelihood(samples[:20], samples, samples[:20], lambda *told: seen.append(told))
    assert {text for text, _ in seen} == {"choosing the bandwidth", "measuring the likelihood"}
    assert max(count for _, count in seen) == 5000
