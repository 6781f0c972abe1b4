"""scikit-learn estimators: a recipe's model in a pipeline, a grid search or a pickle.

    from aae_tf import AAETransformer
    codes = AAETransformer(latent_dim=8, image_shape=(28, 28)).fit_transform(rows)

`fit` trains a recipe into a temporary run directory, which is deleted with the estimator; `run_` is its `Run`. A pickle
contains the files of the run that the model needs.
"""

import dataclasses
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, ClusterMixin, OutlierMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from aae_tf.anomaly.detector import Detector, check_score
from aae_tf.backend import keras
from aae_tf.data.dataset import Dataset, joined
from aae_tf.estimators.base import RunEstimator
from aae_tf.evaluation.anomaly import check_false_alarm
from aae_tf.recipes import Recipe


class AAETransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, RunEstimator):
    """Encode rows to codes and decode them, without labels; further parameters are those of `RunEstimator`.

    Args:
        recipe: one whose model encodes without labels: 'gaussian' (None), 'mixture', 'vae', ..., or a `Recipe`.

    Example:
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.svm import SVC
        >>> pipeline = make_pipeline(AAETransformer(latent_dim=8, image_shape=(28, 28)), SVC())
    """

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Train on rows [N, D], or images [N, H, W(, C)]: uint8, or float in [0, 1]."""
        return self._train(self._elements(X, reset=True))

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return codes z, float32 [N, latent_dim], of rows."""
        return self._model.encode(self._elements(X))

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Return decoded rows, float32 (images if it was fitted on images), of codes, float [N, latent_dim]."""
        outputs = self._model.decode(np.asarray(X, "float32"))
        return outputs.reshape(len(outputs), -1) if self._flat else outputs

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the mean squared reconstruction error of each row, float32 [N]."""
        return -self._model.score(self._elements(X))["reconstruction_error"]

    def score(self, X: ArrayLike, y: None = None) -> float:
        """Return the mean of `score_samples`, which a grid search maximises."""
        return float(np.mean(self.score_samples(X)))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return self._model.prior.dim


class AAEClassifier(ClassifierMixin, RunEstimator):
    """Classify from few labels and many unlabelled rows (§5); further parameters are those of `RunEstimator`.

    Args:
        recipe: one whose model classifies: 'semi_supervised_vat' (None), 'semi_supervised', 'semi_supervised_views',
            'reduction', or a `Recipe`.

    Attributes:
        classes_: the labels in `y` without -1.
    """

    default_recipe = "semi_supervised_vat"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on rows [N, D] or images [N, H, W(, C)], and labels [N], -1 where they are unknown."""
        elements = self._elements(X, reset=True)
        y = column_or_1d(y, warn=True)
        known = y != -1
        check_classification_targets(y[known])
        self.classes_, codes = np.unique(y[known], return_inverse=True)
        classes = np.full(len(y), -1, np.int32)
        classes[known] = codes
        return self._train(elements, classes, labels="all")

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return q(y|x), float32 [N, K], in the order of `classes_`."""
        return self._model.classify(self._elements(X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class of each row, [N]."""
        probabilities = self.predict_proba(X)  # first: it refuses an estimator that is not fitted
        return self.classes_[probabilities.argmax(-1)]


@dataclasses.dataclass(eq=False, repr=False)
class AAEClusterer(ClusterMixin, RunEstimator):
    """Cluster rows without labels (§6); further parameters are those of `RunEstimator`.

    Args:
        n_clusters: maximum number of clusters; some may stay empty.
        recipe: one whose model clusters: 'clustering' (None), 'clustering_views', or a `Recipe`.

    Attributes:
        labels_: int [N], the cluster of each row of `fit`.
    """

    default_recipe = "clustering"

    n_clusters: int = 16
    recipe: str | Recipe | None = dataclasses.field(default=None, kw_only=True)  # after the arguments above

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Train on rows [N, D], or images [N, H, W(, C)]: uint8, or float in [0, 1]."""
        elements = self._elements(X, reset=True)
        self._train(elements, clusters=self.n_clusters)
        self.labels_ = self._model.predict_labels(elements)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable cluster of each row, int [N]."""
        return self._model.predict_labels(self._elements(X))


@dataclasses.dataclass(eq=False, repr=False)
class AAEDetector(OutlierMixin, RunEstimator):
    """Detect outliers, from normal rows alone: 1 for inliers, -1 for outliers.

    Some rows are held out to set the threshold, see `aae_tf.Run.detector`: with a tenth of the rows, `false_alarm=0.01`
    needs 990 rows. Further parameters are those of `RunEstimator`.

    Args:
        false_alarm: highest accepted share of normal rows that are classified as outliers, in (0, 1).
        anomaly_score: 'reconstruction', 'prior', 'both', or another score of the model.
        validation_fraction: share of the rows that sets the threshold, in (0, 1).
        recipe: one whose model encodes without labels: 'one_class' (None), 'gaussian', 'vae', ..., or a `Recipe`.

    Attributes:
        offset_: minus the threshold; rows with lower `score_samples` are outliers.
        detector_: the `aae_tf.Detector`.
    """

    default_recipe = "one_class"

    false_alarm: float = 0.01
    anomaly_score: str = "reconstruction"
    validation_fraction: float = 0.1
    recipe: str | Recipe | None = dataclasses.field(default=None, kw_only=True)  # after the arguments above

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Train on normal rows or images, as for `AAETransformer.fit`, and set the threshold on held-out ones."""
        callbacks = [*keras.tree.flatten((self.options or {}).get("callbacks", ())), _CheckScore(self.anomaly_score)]
        self._train(self._elements(X, reset=True), callbacks=callbacks)
        self.run_.detector(false_alarm=self.false_alarm, score=self.anomaly_score)
        self.offset_ = -self.detector_.threshold
        return self

    @property
    def detector_(self) -> Detector:
        """The `aae_tf.Detector` of the run."""
        return self._fitted_run.detector()

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the anomaly score of each row, float64 [N]: low for outliers."""
        return -self.detector_.detect(self._elements(X))["score"].astype("float64")  # required by scikit-learn

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return `score_samples` minus `offset_`, float64 [N]: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return 1 for inliers and -1 for outliers, int [N]."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _split(self, dataset: Dataset) -> Dataset:
        """Return the dataset with a share of its elements held out: the first of its own shuffle."""
        whole = joined(dataset.validation, dataset.test, dataset.train)
        count = int(np.clip(round(self.validation_fraction * len(whole)), 1, len(whole) - 1))
        check_false_alarm(count, self.false_alarm)
        held_out = whole.take(slice(0, count))
        return dataclasses.replace(dataset, train=whole.take(slice(count, None)), validation=held_out, test=held_out)


class _CheckScore(keras.callbacks.Callback):
    """Refuses a score that the model does not have, before training."""

    def __init__(self, score: str):
        super().__init__()
        self._score = score

    def on_train_begin(self, logs: dict | None = None) -> None:
        check_score(self.model, self._score)
