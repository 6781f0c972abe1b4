"""Sample quality, prior coverage gap and copying: each metric reacts to what it measures, and to nothing else."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aae_tf import evaluation as ev
from aae_tf import reporting
from aae_tf.models.specs import ReportSpec
from aae_tf.reporting import features

CHANCE = np.random.default_rng(0)
SAME = CHANCE.normal(size=(2, 1500, 8))
MODES = np.eye(8)[:4] * 8


def modes(count, of=4, seed=0):
    chance = np.random.default_rng(seed)
    return MODES[chance.integers(0, of, count)] + chance.normal(size=(count, 8))


def test_frechet_distance_of_known_gaussians():
    """Sampling noise aside: |m|² for a shift; (s - 1)² a dimension for a scale."""
    real = np.random.default_rng(1).normal(size=(50_000, 4))
    assert ev.frechet_distance(real, real) == pytest.approx(0, abs=1e-6)
    assert ev.frechet_distance(real, real + np.array([3, 0, 0, 0])) == pytest.approx(9, rel=1e-6)
    assert ev.frechet_distance(real, 2 * real) == pytest.approx(4, rel=0.02)
    turned = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))[0]
    assert ev.frechet_distance(real @ turned, 2 * real @ turned) == pytest.approx(4, rel=0.02)


def test_kernel_distance_is_unbiased():
    found = [ev.kernel_distance(*np.random.default_rng(seed).normal(size=(2, 200, 8)))[0] for seed in range(40)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    shifted, error = ev.kernel_distance(SAME[0], SAME[1] + 0.5, block=500)
    assert shifted > 10 * error > 0


def test_equal_samples_score_as_equal():
    found = ev.precision_recall(*SAME)
    assert found["density"] == pytest.approx(1, abs=0.1)
    assert found["coverage"] == pytest.approx(1 - 2**-5, abs=0.02)
    assert min(found["precision"], found["recall"]) > 0.85
    assert ev.prior_coverage_gap(*SAME) == pytest.approx(2**-5, abs=0.015)
    near = ev.sliced_wasserstein(*SAME)
    assert near < 0.1
    assert ev.sliced_wasserstein(SAME[0], SAME[0]) == 0


def test_a_shift_is_noticed_by_all():
    real, fake = SAME[0], SAME[1] + 1.5
    assert ev.frechet_distance(real, fake) > 50 * ev.frechet_distance(*SAME)
    assert ev.sliced_wasserstein(real, fake) > 5 * ev.sliced_wasserstein(*SAME)
    found = ev.precision_recall(real, fake)
    assert max(found["precision"], found["recall"], found["coverage"]) < 0.5
    assert ev.prior_coverage_gap(fake, real) > 0.5


def test_a_shift_moves_sliced_wasserstein_by_its_mean_projection():
    """Along random directions a shift of length L in D dimensions is L / sqrt(D) in the root mean square."""
    shift = np.zeros(8)
    shift[0] = 4.0
    assert ev.sliced_wasserstein(SAME[0], SAME[0] + shift, projections=5000) == pytest.approx(4 / np.sqrt(8), rel=0.05)


def test_a_dropped_mode_is_noticed_by_recall_and_coverage_but_not_precision():
    real, fake = modes(1500, seed=1), modes(1500, of=3, seed=2)
    whole, found = ev.precision_recall(real, modes(1500, seed=3)), ev.precision_recall(real, fake)
    assert found["precision"] > whole["precision"] - 0.05
    assert found["recall"] < whole["recall"] - 0.15
    assert found["coverage"] == pytest.approx(0.75 * whole["coverage"], abs=0.05)
    assert ev.frechet_distance(real, fake) > 10 * ev.frechet_distance(real, modes(1500, seed=3))
    assert ev.prior_coverage_gap(fake, real) == pytest.approx(0.25, abs=0.06)


def test_a_hole_is_measured_by_its_prior_mass():
    """Codes that follow a 2-D Gaussian but for a disc: the gap is the disc's mass, and 2^-k elsewhere."""
    chance = np.random.default_rng(5)
    prior, codes = chance.normal(size=(2, 6000, 2))
    codes = codes[np.linalg.norm(codes, axis=1) > 0.8]
    mass = 1 - np.exp(-(0.8**2) / 2)
    assert ev.prior_coverage_gap(codes, prior[: len(codes)]) == pytest.approx(mass + (1 - mass) * 2**-5, abs=0.05)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_coverage_and_precision_do_not_depend_on_units(seed, scale, shift):
    chance = np.random.default_rng(seed)
    codes, prior = chance.normal(size=(2, 300, 3))
    assert ev.prior_coverage_gap(codes, prior) == pytest.approx(
        ev.prior_coverage_gap(codes * scale + shift, prior * scale + shift), abs=0.01
    )


def test_copies_are_noticed_and_blur_is_not_taken_for_them(digits):
    chance = np.random.default_rng(7)
    train = digits.train.images[chance.permutation(3500)]
    held_out = digits.test.images
    assert ev.copying(train[::5] / 255.0, train, held_out) < 0.01
    assert ev.copying(digits.validation.images / 255.0, train, held_out) == pytest.approx(1, abs=0.1)
    pairs = digits.validation.images.reshape(10, 25, 2, 28, 28, 1)  # of one digit each: the images are in their order
    assert ev.copying(pairs.mean(2).reshape(-1, 28, 28, 1) / 255.0, train, held_out) > 0.9
    half = np.concatenate([train[:200] / 255.0, digits.validation.images[:150] / 255.0])
    assert ev.copying(half, train, held_out) < 0.01  # more than half are copies


@pytest.mark.parametrize("chunk", [7, 10_000])
def test_the_nearest_is_that_of_plain_arithmetic(chunk):
    images = np.random.default_rng(6).random((30, 4, 4, 1))
    others = np.random.default_rng(7).integers(0, 256, (40, 4, 4, 1), dtype=np.uint8)
    distances = np.sqrt(((images[:, None] - others[None] / 255.0) ** 2).sum((2, 3, 4)))
    where, found = ev.nearest(images, others, chunk)
    np.testing.assert_array_equal(where, distances.argmin(1))
    np.testing.assert_allclose(found, distances.min(1), rtol=1e-5)
    assert not ev.nearest(others / 255.0, others, chunk)[1].any()  # a copy is at no distance at all


@pytest.mark.e2e
def test_features_tell_digits_apart_and_are_kept(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("AAE_TF_CACHE", str(tmp_path))
    first = features.features_of(digits)
    assert first.accuracy > 0.93
    kept = list((tmp_path / "classifiers").iterdir())
    assert len(kept) == 1
    part = digits.test.images[:20]
    np.testing.assert_array_equal(features.features_of(digits)(part), first(part))
    assert first(part).shape == (20, 64)
    kept[0].write_bytes(b"broken")
    np.testing.assert_allclose(features.features_of(digits)(part), first(part), atol=1e-4)


def test_the_label_asked_for_is_looked_for_in_samples(digits):
    """Of a model that gives real digits: those asked for, or of one class the next's; however rare a class is."""
    train = digits.train

    def model(wrong):
        def sample(n, seed, labels):
            chance = np.random.default_rng(seed)
            return chance.choice(train.images[train.labels == (labels[0] + wrong[labels[0]]) % 10], n)

        return SimpleNamespace(classes=10, sample=sample)

    counts = [100] * 5 + [5] * 4  # no nines
    rows = [np.flatnonzero(digits.test.labels == label)[:count] for label, count in enumerate(counts)]
    uneven = reporting.HeldOut(replace(digits, test=digits.test.take(np.concatenate(rows))))
    right, one = (
        reporting.sample_class_accuracy(model(wrong), uneven, most=360)["sample_class_accuracy"]
        for wrong in (np.zeros(10, int), np.arange(10) == 3)
    )
    assert right["value"] > 0.93 and right["baseline"] > 0.85 and right["n"] == 360
    assert one["by_class"]["3"] < 0.1 and "9" not in one["by_class"]
    assert one["value"] == pytest.approx(right["value"] - (right["by_class"]["3"] - one["by_class"]["3"]) / 9, abs=1e-3)


def test_no_label_is_looked_for_where_none_is_known(digits, monkeypatch):
    monkeypatch.setattr(features, "features_of", lambda data: pytest.fail("a classifier was taught for nothing"))
    unknown = replace(digits, test=replace(digits.test, labels=np.full(len(digits.test), -1)))
    assert reporting.sample_class_accuracy(None, reporting.HeldOut(unknown)) == {}


def test_the_classes_of_features_are_the_classifiers(digits):
    classifier = features.FeatureClassifier(10, (28, 28, 1))
    images = digits.test.images[:200]
    logits = classifier(images / np.float32(255))
    classifier.head.bias.assign(-np.median(logits, 0))  # so that the scale of the features matters
    expected = np.argmax(classifier(images / np.float32(255)), -1)
    assert len(np.unique(expected)) > 3
    found = features.Features(classifier, digits.test.take(slice(0, 200)))
    np.testing.assert_array_equal(found.predict_labels(images), expected)
    assert found.accuracy == pytest.approx(np.mean(expected == digits.test.labels[:200]))


def test_a_stale_classifier_is_not_taken_in_part(digits, tmp_path, monkeypatch):
    """A kept file of another version, or of other layers, leaves no trace: training starts as without it."""
    monkeypatch.setenv("AAE_TF_CACHE", str(tmp_path))
    classifier = features.FeatureClassifier(10, (28, 28, 1))
    classifier(np.zeros((1, 28, 28, 1), "float32"))
    before = [variable.numpy() for variable in classifier.variables]
    stale = [array + 1 for array in before]
    for version, arrays in ((features.VERSION + 1, stale), (features.VERSION, [*stale[:-1], stale[-1][:3]])):
        np.savez(tmp_path / "kept.npz", version=str(version), **{f"v{n}": array for n, array in enumerate(arrays)})
        assert not features._restore(tmp_path / "kept.npz", classifier)
        for variable, array in zip(classifier.variables, before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), array)


class Memorising:
    """A "model" that samples training images, or training images of some digits only."""

    report_spec, classes = ReportSpec(metrics=("log_likelihood", "sample_quality")), 0
    image_scale = SimpleNamespace(comparable=lambda images: images)

    def __init__(self, images):
        self.images = images / 255.0

    def sample(self, n, seed):
        seed = np.abs(np.asarray(seed)).ravel()
        return self.images[np.random.default_rng(seed).integers(0, len(self.images), n)].astype("float32")


def test_the_report_notices_a_model_that_memorises_and_one_that_drops_digits(digits):
    train = digits.train
    held_out = reporting.HeldOut(digits, "validation")
    memorising = reporting.compute_metrics(Memorising(train.images), held_out)
    assert memorising["copying"]["value"] < 0.01
    assert memorising["nearest_training_distance"]["value"] == 0
    dropping = reporting.compute_metrics(Memorising(train.images[train.labels < 7]), held_out)
    assert dropping["recall"]["value"] < memorising["recall"]["value"] - 0.1
    assert dropping["coverage"]["value"] < memorising["coverage"]["value"] - 0.1
    assert dropping["frechet_distance"]["value"] > 2 * memorising["frechet_distance"]["value"]
    assert dropping["log_likelihood"]["value"] < memorising["log_likelihood"]["value"]
    for measure in memorising.values():
        assert measure["n"] > 0
        assert {"value", "unit", "baseline", "baseline_is"} <= set(measure)
