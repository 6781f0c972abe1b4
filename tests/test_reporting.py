"""Reports: what is looked at to choose, what to measure, and that a model's own declaration decides what is in them."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import model_of
from scipy import stats

import aae_tf
from aae_tf import priors, reporting
from aae_tf.data import Split
from aae_tf.figures import confusion_matrix
from aae_tf.models import ReportSpec


class Watched:
    """A "model" of ten clusters, one for each digit but for their names, which keeps what it was shown."""

    report_spec = ReportSpec(("clustering", "class_probe_z", "log_likelihood"), ("losses",))
    classes, random_codes = 10, ()
    image_scale = SimpleNamespace(comparable=lambda images: images)

    def __init__(self, digits):
        splits = [digits.train, digits.validation, digits.test]
        self.labels = {
            image.tobytes(): label for split in splits for image, label in zip(split.images, split.labels, strict=True)
        }
        self.shown = {}

    def _clusters(self, asked, images):
        self.shown.setdefault(asked, []).extend(image.tobytes() for image in images)
        return (np.array([self.labels[image.tobytes()] for image in images]) + 3) % 10

    def classify(self, images):
        return np.eye(10)[self._clusters("classify", images)]

    def predict_labels(self, images):
        return self._clusters("predict", images)

    def encode(self, images, seed=None):
        return self._clusters(f"encode {len(self.shown)}", images)[:, None] + np.zeros((1, 2))

    def sample(self, n, seed):
        return np.random.default_rng(0).random((n, 28, 28, 1), "float32")


@pytest.mark.parametrize("split", ["validation", "test"])
def test_nothing_is_measured_on_the_images_it_was_chosen_on(digits, split, monkeypatch):
    model, seen = Watched(digits), {}

    def likelihood(images, chunks, validation, progress=None):
        seen.setdefault("likelihood", (images, validation))
        return {"mean": 0.0, "standard_error": 0.0, "bandwidth": 1.0, "samples": 1}

    monkeypatch.setattr("aae_tf.evaluation.parzen_log_likelihood", likelihood)
    held_out = reporting.HeldOut(digits, split)
    found = reporting.compute_metrics(model, held_out)
    assert found["clustering_error"]["value"] == 0
    named, measured = set(model.shown["classify"]), set(model.shown["predict"])
    images, validation = ({image.tobytes() for image in part} for part in seen["likelihood"])
    taught, probed = (set(shown) for asked, shown in model.shown.items() if asked.startswith("encode"))
    for choosing, measuring in ((named, measured), (validation, images), (taught, probed)):
        assert choosing and measuring and not choosing & measuring
    known = {image.tobytes() for image in getattr(digits, split).images}
    assert measured <= known and images <= known
    if split == "validation":
        assert named | measured == known
        assert found["clustering_error"]["n"] == 250


def test_halves_are_drawn_by_the_seed(digits):
    halves = [reporting.HeldOut(digits, "validation", seed).choosing.images for seed in (0, 0, 1)]
    np.testing.assert_array_equal(halves[0], halves[1])
    assert not np.array_equal(halves[0], halves[2])
    counts = np.bincount(reporting.HeldOut(digits, "validation").choosing.labels, minlength=10)
    assert counts.min() > 10  # of 25 a digit, though the images are in the order of digits


def test_images_in_the_order_of_classes_give_the_same_numbers(digits, trained):
    """Where a part is measured it is drawn: its classes are those of all."""
    order = np.argsort(digits.train.labels, kind="stable")
    shuffled = np.random.default_rng(0).permutation(len(order))
    found = []
    for rows in (order, order[shuffled]):
        data = dataclasses.replace(digits, test=digits.train.take(rows))
        held_out = reporting.HeldOut(data)
        match = reporting.METRICS["prior_match"](trained.model, held_out, most=500)
        panel = reporting.plots._plane(trained.model, held_out, most=500)
        found.append((match["sliced_wasserstein"]["value"], len(np.unique(panel["labels"]))))
    (first, classes), (second, others) = found
    np.testing.assert_allclose(first, second, rtol=0.25)
    assert classes == others == 10


def test_the_bandwidth_does_not_depend_on_the_order_of_validation_images(digits):
    """Blank images first would have been all that the bandwidth was chosen on."""
    blank = np.zeros((1500, 28, 28, 1), np.uint8)
    images = np.concatenate([blank, digits.train.images[:1500]])
    found = []
    for order in (slice(None), np.random.default_rng(0).permutation(3000)):
        data = dataclasses.replace(digits, validation=Split(images[order]), test=digits.test.take(slice(0, 200)))
        model = Watched(digits)
        model.sample = lambda n, seed: digits.train.images[1500 : 1500 + n] / np.float32(255)
        found.append(reporting.log_likelihood(model, reporting.HeldOut(data, likelihood_samples=1000)))
    first, second = (each["log_likelihood"] for each in found)
    assert first["bandwidth"] == pytest.approx(second["bandwidth"], rel=0.1)


def test_a_measure_and_a_figure_of_ones_own_need_no_registry(digits):
    def brightness(model, held_out):
        return {"brightness": {"value": float(held_out.images.images.mean()), "unit": "of 255", "n": 1}}

    def nothing(model, held_out):
        return None

    def two_classes(model, held_out):
        return confusion_matrix(np.eye(2, dtype=int), "ab", f"{held_out.split} images")

    model = Watched(digits)
    model.report_spec = ReportSpec((brightness,), (nothing, two_classes, "losses"))
    held_out = reporting.HeldOut(digits, history=[{"epoch": 1, "reconstruction": 1.0}])
    assert set(reporting.compute_metrics(model, held_out)) == {"brightness"}
    assert set(reporting.draw(model, held_out)) == {"two_classes", "losses"}
    model.report_spec = ReportSpec(("clusterin",), ("loses",))
    with pytest.raises(aae_tf.InputError, match=r"unknown metric.*Did you mean 'clustering'"):
        reporting.compute_metrics(model, held_out)
    with pytest.raises(aae_tf.InputError, match=r"unknown figure.*Did you mean 'losses'"):
        reporting.draw(model, held_out)
    with pytest.raises(aae_tf.InputError, match="accepted: test, validation"):
        reporting.HeldOut(digits, "train")


def test_without_labels_there_is_nothing_to_measure_them_by(digits):
    bare = {part: Split(getattr(digits, part).images[:12]) for part in ("train", "validation", "test")}
    data = dataclasses.replace(digits, **bare, class_names=())
    for name in ("clustering", "class_probe_z", "prior_class_accuracy", "classification_error"):
        assert reporting.METRICS[name](Watched(digits), reporting.HeldOut(data)) == {}
    assert reporting.FIGURES["confusion"](Watched(digits), reporting.HeldOut(data)) is None
    single = dataclasses.replace(digits, validation=digits.validation.take(slice(0, 1)))
    assert reporting.compute_metrics(Watched(digits), reporting.HeldOut(single, "validation")) == {}


@pytest.mark.parametrize("split", ["validation", "test"])
def test_titles_say_which_images_are_shown(trained, split):
    held_out = reporting.HeldOut(trained.data, split, history=trained.history)
    drawn = reporting.draw(trained.model, held_out)
    assert set(drawn) == {"samples", "latent_plane", "reconstructions", "manifold", "losses"}
    assert drawn["latent_plane"].axes[0].get_title() == f"codes of 40 {split} images over the prior"
    assert drawn["reconstructions"].get_suptitle() == f"{split} images and their reconstructions"


@pytest.mark.usefixtures("eagerly")
def test_styles_are_drawn_in_every_class(digits):
    model = model_of(aae_tf.recipes()["style"].with_options(widths=(8,), discriminator_widths=(8,)))
    (axes,) = reporting.FIGURES["style_grid"](model, reporting.HeldOut(digits), rows=3).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == list(digits.class_names)
    assert np.asarray(axes.images[0].get_array()).shape[0] == 3 * 28


def test_a_gaussians_manifold_is_at_its_percentiles():
    codes, keep, title = priors.Gaussian(3, 2.0).manifold_codes(5)
    shares = stats.norm(scale=2.0).cdf(codes).reshape(5, 5, 3)
    np.testing.assert_allclose(shares[0, :, 0], [0.1, 0.3, 0.5, 0.7, 0.9], atol=1e-6)  # z1 grows rightwards
    np.testing.assert_allclose(shares[:, 0, 1], [0.9, 0.7, 0.5, 0.3, 0.1], atol=1e-6)  # z2 grows upwards
    np.testing.assert_allclose(shares[..., 2], 0.5)
    assert keep is None and "std 2" in title


@pytest.mark.parametrize("dim", [1, 3])
def test_other_priors_manifolds_are_at_percentiles_of_their_samples(dim):
    codes, keep, title = priors.Uniform(dim, 0.0, 1.0).manifold_codes(5)
    codes = codes.reshape(5, 5, dim)
    np.testing.assert_allclose(codes[0, :, 0], [0.1, 0.3, 0.5, 0.7, 0.9], atol=0.02)
    if dim > 1:
        np.testing.assert_allclose(codes[:, 0, 1], [0.9, 0.7, 0.5, 0.3, 0.1], atol=0.02)
        np.testing.assert_allclose(codes[..., 2], 0.5, atol=0.02)
    assert keep is None and "percentiles" in title


def test_a_plane_is_shown_where_the_prior_has_mass():
    codes, keep, _ = priors.SwissRoll().manifold_codes(20)
    away = np.linalg.norm(codes, axis=1) > 6.6
    assert 40 < keep.sum() < 360 and not keep[away].any()


@pytest.mark.parametrize("prior", [priors.PetalMixture(4), priors.SwissRoll(4)])
def test_class_axes_stay_in_their_class(prior):
    codes, title = prior.class_axes(6)
    np.testing.assert_array_equal(prior.nearest_class(codes).reshape(4, 6), np.arange(4)[:, None].repeat(6, 1))
    assert "along" in title
    assert priors.Gaussian(2).class_axes(6) is None
