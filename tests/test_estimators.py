"""scikit-learn estimators: cloned, searched over, piped, pickled, and by scikit-learn's own checks."""

import io
import pickle

import joblib
import numpy as np
import pytest
from conftest import eager, mostly_e2e
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

import aae_tf
from aae_tf.backend import keras

SMALL = {"widths": (64,), "discriminator_widths": (64,), "jit_compile": False}
GAME = {"regularization": {"learning_rate": 0.01}}
QUICK = {"options": {**SMALL, **GAME}, "random_state": 0, "epochs": 2}
TINY = {"options": {**SMALL, "widths": (16,), "discriminator_widths": (16,)}, "random_state": 0, "epochs": 1}
ADAM = {"name": "adam", "learning_rate": 2e-3, "schedule": "constant"}


@pytest.fixture(scope="module")
def rows(few):
    """400 digits as rows [N, 784] of floats, and their labels."""
    return (few[0] / 255.0).reshape(400, 784).astype("float32"), few[1]


@pytest.fixture(scope="module")
def transformer(rows):
    options = {**SMALL, "reconstruction": ADAM, "batch_size": 20, **GAME}
    fitted = aae_tf.AAETransformer(latent_dim=5, epochs=15, image_shape=(28, 28), options=options, random_state=1)
    return fitted.fit(rows[0])


@pytest.fixture(scope="module")
def classifier(rows):
    options = {**SMALL, "classification": ADAM, "reconstruction": ADAM, "batch_size": 50}
    fitted = aae_tf.AAEClassifier(latent_dim=3, epochs=12, image_shape=(28, 28), options=options, random_state=1)
    some = np.where(np.arange(400) % 2, rows[1] * 10, -1)
    return fitted.fit(rows[0], some)


@pytest.fixture(scope="module")
def clusterer(rows):
    with eager():
        return aae_tf.AAEClusterer(4, image_shape=(28, 28), **TINY).fit(rows[0])


@pytest.fixture(scope="module")
def detector(rows):
    fitted = aae_tf.AAEDetector(0.1, epochs=3, options={**SMALL, "batch_size": 20}, image_shape=(28, 28))
    return fitted.fit(rows[0])


@pytest.fixture(params=["transformer", "classifier", "clusterer", "detector"])
def fitted(request):
    return request.getfixturevalue(request.param)


def answers(estimator, X):
    """Return whatever the estimator says of rows, by method."""
    methods = ("transform", "predict", "predict_proba", "score_samples", "decision_function")
    return {name: getattr(estimator, name)(X) for name in methods if hasattr(estimator, name)}


def test_codes_and_back(transformer, rows):
    codes = transformer.transform(rows[0])
    assert codes.shape == (400, 5)
    back = transformer.inverse_transform(codes)
    assert back.shape == (400, 784)
    np.testing.assert_allclose(-((back - rows[0]) ** 2).mean(1), transformer.score_samples(rows[0]), atol=1e-5)
    assert transformer.score(rows[0]) > 0.9 * -rows[0].var(0).mean()  # better than the mean image
    assert list(transformer.get_feature_names_out()) == [f"aaetransformer{number}" for number in range(5)]


@pytest.mark.usefixtures("eagerly")
def test_images_do_as_well_as_rows(rows, few):
    images = aae_tf.AAETransformer(**TINY).fit(few[0])
    flat = aae_tf.AAETransformer(image_shape=(28, 28, 1), **TINY).fit(rows[0])
    np.testing.assert_allclose(images.transform(few[0]), flat.transform(rows[0]), atol=1e-4)
    assert images.inverse_transform(images.transform(few[0][:3])).shape == (3, 28, 28, 1)


@pytest.mark.usefixtures("eagerly")
def test_rows_may_be_counts():
    counts = np.random.default_rng(0).poisson(4, (60, 4))
    fitted = aae_tf.AAETransformer(options={**TINY["options"], "columns": {"counts": "all"}}, epochs=1).fit(counts)
    assert fitted.run_.model.image_scale.kinds == ("count",)
    assert fitted.transform(counts).shape == (60, 2)


def test_a_class_from_some_labels(classifier, rows):
    assert list(classifier.classes_) == [10 * digit for digit in range(10)]
    unlabelled = slice(None, None, 2)
    assert np.mean(classifier.predict(rows[0][unlabelled]) == 10 * rows[1][unlabelled]) > 0.4  # chance: 0.1
    np.testing.assert_allclose(classifier.predict_proba(rows[0]).sum(1), 1, atol=1e-4)
    assert classifier.score(rows[0], 10 * rows[1]) > 0.4


def test_clusters(clusterer, rows):
    assert clusterer.labels_.shape == (400,)
    assert set(clusterer.labels_) <= set(range(4))
    np.testing.assert_array_equal(clusterer.predict(rows[0]), clusterer.labels_)


def test_outliers_are_minus_one(detector, rows):
    found = detector.predict(np.concatenate([rows[0], 1 - rows[0]]))
    assert set(found[:400]) == {1, -1}
    assert np.mean(found[:400] == 1) > 0.6
    assert (found[400:] == -1).all()
    scores = detector.score_samples(rows[0])
    np.testing.assert_allclose(detector.decision_function(rows[0]), scores - detector.offset_, atol=1e-6)
    np.testing.assert_array_equal(found[:400] == -1, detector.detector_.detect(rows[0].reshape(-1, 28, 28))["abnormal"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"40 normal images are too few for .*; give at least 99"),
        ({"false_alarm": 2.0}, "false_alarm=2.0 is out of range"),
        ({"false_alarm": 0.1, "anomaly_score": "reconstructoin"}, "unknown score 'reconstructoin'"),
    ],
)
def test_a_detector_that_cannot_be_set_is_refused_before_training(options, message, rows):
    estimator = aae_tf.AAEDetector(image_shape=(28, 28), **QUICK, **options)
    estimator.options = {**estimator.options, "callbacks": keras.callbacks.TerminateOnNaN()}  # one, as of `train`
    with pytest.raises(aae_tf.InputError, match=message):
        estimator.fit(rows[0])
    assert not hasattr(estimator, "run_")


def test_a_clone_is_unfitted_and_has_the_parameters(fitted, rows):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        answers(copy, rows[0])


@pytest.mark.parametrize("how", mostly_e2e(["pickle", "joblib"], ["pickle"]))
def test_a_file_holds_the_model(how, fitted, rows):
    if how == "pickle":
        again = pickle.loads(pickle.dumps(fitted))
    else:
        file = io.BytesIO()
        joblib.dump(fitted, file)
        file.seek(0)
        again = joblib.load(file)
    for name, answer in answers(fitted, rows[0]).items():
        np.testing.assert_allclose(answers(again, rows[0])[name], answer, atol=1e-4, err_msg=name)
    assert again.run_.recipe == fitted.run_.recipe
    assert again.run_.out_dir != fitted.run_.out_dir


def test_a_pipeline_classifies_codes(rows, transformer):
    pipeline = make_pipeline(clone(transformer).set_params(epochs=5), LogisticRegression(max_iter=500)).fit(*rows)
    assert pipeline.score(*rows) > 0.5  # chance: 0.1


SKIPPED = {  # of scikit-learn's checks, and why
    "check_classifiers_classes": "it takes -1 for a class, which is no label here",
    "check_classifiers_train": "it asks for 83 % of blobs, which networks this small do not give; see the digits above",
    "check_clustering": "it asks as much of clusters after one epoch",
    "check_methods_sample_order_invariance": "its tolerance is below float32; see the order of rows below",
}
ESTIMATORS = [
    aae_tf.AAETransformer(**TINY),
    aae_tf.AAEDetector(0.5, validation_fraction=0.3, **TINY),
    aae_tf.AAEClassifier(**TINY),
    aae_tf.AAEClusterer(3, **TINY),
]


def checks():
    """Yield scikit-learn's checks, each for the first of the estimators that it is for: they share what it looks at."""
    seen = set()
    for estimator in ESTIMATORS:
        found = [(each, check, check.func.__name__) for each, check in estimator_checks_generator(estimator)]
        for each, check, name in found:
            if name not in seen:
                mark = pytest.mark.skip(reason=SKIPPED[name]) if name in SKIPPED else ()
                yield pytest.param(each, check, id=f"{type(each).__name__}-{name}", marks=mark)
        seen |= {name for _, _, name in found}


def test_codes_do_not_depend_on_the_order_of_rows(transformer, rows):
    order = np.random.default_rng(0).permutation(len(rows[0]))
    np.testing.assert_allclose(transformer.transform(rows[0][order]), transformer.transform(rows[0])[order], atol=1e-5)


@pytest.mark.e2e
@pytest.mark.parametrize(("estimator", "check"), checks())
def test_scikit_learns_checks(estimator, check, eagerly):
    check(estimator)


@pytest.mark.usefixtures("eagerly")
def test_a_grid_search_takes_what_comes_back_best(rows):
    grid = {"latent_dim": [1, 4]}
    estimator = aae_tf.AAETransformer(image_shape=(28, 28), **TINY)
    search = GridSearchCV(estimator, grid, cv=[(np.arange(0, 200), np.arange(200, 400))], refit=False)
    search.fit(rows[0])
    assert search.best_params_["latent_dim"] in (1, 4)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


def test_rows_that_are_no_images_of_the_shape_are_refused(rows):
    with pytest.raises(aae_tf.InputError, match=r"rows of 784 values are no images of shape \(20, 20\)"):
        aae_tf.AAETransformer(image_shape=(20, 20)).fit(rows[0])


def test_other_images_than_those_of_the_fit_are_refused(transformer, few):
    with pytest.raises(aae_tf.InputError, match="images of 400 values were given; it was fitted on 784"):
        transformer.transform(few[0][:, :20, :20])
