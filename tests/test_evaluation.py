import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from aae_tf import InputError, evaluation
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


def test_one_unbiased_mmd_serves_codes_features_and_training():
    """The linear kernel's is the squared distance of means, less what single samples add to it."""
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(20, 4)) + 1
    sums = [(a @ b.T).sum() for a, b in ((x, x), (y, y), (x, y))]
    found = evaluation.unbiased_mmd(sums[0] - (x**2).sum(), sums[1] - (y**2).sum(), sums[2], 30, 20)
    spread = x.var(0, ddof=1).sum() / 30 + y.var(0, ddof=1).sum() / 20
    assert found == pytest.approx(((x.mean(0) - y.mean(0)) ** 2).sum() - spread)


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
    baseline, value = abs(mmd(other, real)), mmd(sample, real)
    accuracy = two_sample_accuracy(sample, real)
    assert (value > 5 * baseline + 0.001) == noticed
    assert (accuracy > 0.56) == noticed


def test_reconstruction_error_of_uint8_and_float():
    images = rng.integers(0, 256, (2300, 4, 4, 1), dtype=np.uint8)
    outputs = rng.random((2300, 4, 4, 1)).astype("float32")
    expected = ((images / 255.0 - outputs) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(reconstruction_error(images, outputs), expected, rtol=1e-6)
    np.testing.assert_allclose(reconstruction_error(images / 255.0, outputs), expected, rtol=1e-6)
    assert reconstruction_error(images, images / 255.0).max() < 1e-12
    flat = reconstruction_error(images.reshape(2300, 16), outputs.reshape(2300, 16))
    np.testing.assert_allclose(flat, expected, rtol=1e-6)


def test_error_rate_and_confusion_leave_unknown_labels_out():
    labels, predicted = np.array([0, 1, 2, 1, -1]), np.array([0, 2, 2, 1, 0])
    share, spread = evaluation.error_rate(labels, predicted)
    assert share == 0.25
    np.testing.assert_allclose(spread, np.sqrt(0.25 * 0.75 / 4))
    np.testing.assert_array_equal(evaluation.confusion(labels, predicted, 3), [[1, 0, 0], [0, 1, 1], [0, 0, 1]])
    with pytest.raises(InputError, match="an error needs labels"):
        evaluation.error_rate([-1, -1], [0, 1])


@given(seed=st.integers(0, 10_000), clusters=st.integers(2, 8), count=st.integers(20, 200))
@settings(max_examples=40, deadline=None)
def test_clustering_measures_do_not_depend_on_what_clusters_are_called(seed, clusters, count):
    draw = np.random.default_rng(seed)
    labels, assigned = draw.integers(0, 4, count), draw.integers(0, clusters, count)
    probabilities = draw.dirichlet(np.ones(clusters), count)
    names = draw.permutation(clusters)
    renamed = names[assigned]
    assert evaluation.majority_error(renamed, labels) == pytest.approx(evaluation.majority_error(assigned, labels))
    least = evaluation.assignment_error(assigned, labels)
    assert evaluation.assignment_error(renamed, labels) == pytest.approx(least)
    assert least >= evaluation.majority_error(assigned, labels)  # a class may have several clusters there
    before, after = (evaluation.agreement(each, labels) for each in (assigned, renamed))
    assert after == pytest.approx(before)
    moved = np.empty_like(probabilities)
    moved[:, names] = probabilities
    rule, other = (evaluation.label_clusters(each, labels) for each in (probabilities, moved))
    errors = evaluation.clustering_error(assigned, labels, rule), evaluation.clustering_error(renamed, labels, other)
    assert errors[0] == pytest.approx(errors[1])


def test_clustering_measures_know_a_perfect_and_a_useless_clustering():
    labels = np.repeat([0, 1, 2], 50)
    perfect, useless = (labels + 1) % 3, np.tile([0, 1], 75)
    certainty = np.eye(3)[perfect]
    assert evaluation.clustering_error(perfect, labels, evaluation.label_clusters(certainty, labels)) == 0
    assert evaluation.majority_error(perfect, labels) == 0
    assert evaluation.assignment_error(perfect, labels) == 0
    split = np.repeat([0, 3, 1, 2], [40, 10, 50, 50])  # class 0 in two clusters, of which one counts
    assert evaluation.assignment_error(split, labels) == pytest.approx(10 / 150)
    assert evaluation.agreement(perfect, labels) == pytest.approx({"nmi": 1, "ari": 1})
    assert evaluation.majority_error(useless, labels) == pytest.approx(2 / 3)
    assert abs(evaluation.agreement(useless, labels)["ari"]) < 0.02


def test_a_cluster_takes_the_label_of_its_most_certain_image():
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    np.testing.assert_array_equal(evaluation.label_clusters(probabilities, np.array([5, 6, 7, 8])), [6, 7])


def test_the_most_certain_image_is_found_among_many_of_which_float32_is_sure():
    logits = np.random.default_rng(0).normal(0, 12, (2000, 4)).astype("float32")
    probabilities, images = softmax(logits, axis=1), np.arange(2000)
    assert ((probabilities == 1).sum(0) > 10).all()
    odds = [logits[:, cluster] - logsumexp(np.delete(logits, cluster, 1), axis=1) for cluster in range(4)]
    expected = np.argmax(odds, axis=1)
    np.testing.assert_array_equal(evaluation.label_clusters(probabilities, images), expected)


def test_probes_find_a_label_that_is_there_and_none_that_is_not():
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 600)
    noise = draw.normal(size=(600, 4))
    found = evaluation.probe_accuracy(noise[:300], labels[:300], noise[300:], labels[300:])
    assert found["nearest"] < found["chance"] + 0.1
    telling = noise + 5 * np.eye(4)[labels]
    found = evaluation.probe_accuracy(telling[:300], labels[:300], telling[300:], labels[300:])
    assert min(found["linear"], found["nearest"]) > 0.95


def test_map_quality_prefers_a_map_that_keeps_neighbours(digits):
    part = digits.test.take(slice(0, 1000, 4))
    images = part.images.reshape(250, -1) / 255.0
    maps = {**evaluation.other_maps(images, 2), "noise": rng.normal(size=(250, 2))}
    qualities = {
        name: evaluation.map_quality(images, latent_points, part.labels) for name, latent_points in maps.items()
    }
    for measure in ("trustworthiness", "nearest_accuracy"):
        assert qualities["t-SNE"][measure] > qualities["PCA"][measure] > qualities["noise"][measure] + 0.1
