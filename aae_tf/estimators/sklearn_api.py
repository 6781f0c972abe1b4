"""scikit-learn estimators: a recipe's model in a pipeline, a grid search, a pickle.

    from aae_tf import AAETransformer
    codes = AAETransformer(latent_dim=8, image_shape=(28, 28)).fit_transform(rows)

Each trains a recipe into a temporary run directory, which goes when the estimator goes; `run_` is its `Run`, with all
that a run can do. A pickle holds the files of the run that its model needs, so what it loads is the same model.
"""

import dataclasses

import numpy as np
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, ClusterMixin, OutlierMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from aae_tf.data.dataset import joined
from aae_tf.estimators.base import RunEstimator


class AAETransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, RunEstimator):
    """Rows to codes and back, by an autoencoder without labels; further parameters are those of `RunEstimator`.

    Args:
        recipe: one whose model encodes without labels: 'gaussian' (None), 'mixture', 'vae', ..., or a `Recipe`.

    Example:
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.svm import SVC
        >>> pipeline = make_pipeline(AAETransformer(latent_dim=8, image_shape=(28, 28)), SVC())
    """

    def fit(self, X, y=None):
        """Train on rows.

        Args:
            X: rows [N, D], or images [N, H, W(, C)]: uint8, or float in [0, 1].
            y: ignored.

        Returns:
            Itself.
        """
        return self._train(self._elements(X, reset=True))

    def transform(self, X):
        """Return codes z, float32 [N, latent_dim], of rows.

        Args:
            X: as for `fit`.
        """
        model = self._model
        return model.encode(self._elements(X))

    def inverse_transform(self, X):
        """Return rows, float32 in [0, 1] (images, where it was fitted on these), of codes.

        Args:
            X: codes, float [N, latent_dim].
        """
        return self._as_given(self._model.decode(np.asarray(X, "float32")))

    def score_samples(self, X):
        """Return minus the mean squared reconstruction error of each row, float32 [N]: high for what comes back well.

        Args:
            X: as for `fit`.
        """
        model = self._model
        return -model.score(self._elements(X))["reconstruction_error"]

    def score(self, X, y=None):
        """Return the mean of `score_samples`, which a grid search takes the highest of.

        Args:
            X: as for `fit`.
            y: ignored.
        """
        return float(np.mean(self.score_samples(X)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _as_given(self, outputs):
        return outputs.reshape(len(outputs), -1) if self._flat else outputs

    @property
    def _n_features_out(self):
        return self._model.prior.dim


class AAEClassifier(ClassifierMixin, RunEstimator):
    """A class from few labels and many rows without one (§5), with -1 for no label as in `sklearn.semi_supervised`.

    Further parameters are those of `RunEstimator`.

    Args:
        recipe: one whose model classifies: 'semi_supervised_vat' (None), 'semi_supervised', 'semi_supervised_views',
            'reduction', or a `Recipe`.

    Attributes:
        classes_: the labels in `y`, -1 left out.
    """

    usual = "semi_supervised_vat"

    def fit(self, X, y):
        """Train on rows and the labels of some of them.

        Args:
            X: rows [N, D], or images [N, H, W(, C)]: uint8, or float in [0, 1].
            y: [N], each row's class; -1 where it is not known.

        Returns:
            Itself.
        """
        elements = self._elements(X, reset=True)
        y = column_or_1d(y, warn=True)
        known = y != -1
        check_classification_targets(y[known])
        self.classes_, codes = np.unique(y[known], return_inverse=True)
        classes = np.full(len(y), -1, np.int32)
        classes[known] = codes
        return self._train(elements, classes, labels="all")

    def predict_proba(self, X):
        """Return q(y|x), float32 [N, K], in the order of `classes_`.

        Args:
            X: as for `fit`.
        """
        model = self._model
        return model.classify(self._elements(X))

    def predict(self, X):
        """Return the most probable class of each row, [N].

        Args:
            X: as for `fit`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(-1)]


class AAEClusterer(ClusterMixin, RunEstimator):
    """Clusters without labels (§6); further parameters are those of `RunEstimator`.

    Args:
        n_clusters: how many at most; the model may leave some empty.
        recipe: one whose model clusters: 'clustering' (None), 'clustering_views', or a `Recipe`.

    Attributes:
        labels_: int [N], the cluster of each row of `fit`.
    """

    usual = "clustering"

    def __init__(
        self,
        n_clusters=16,
        recipe=None,
        latent_dim=None,
        epochs=None,
        image_shape=None,
        options=None,
        random_state=None,
    ):
        super().__init__(recipe, latent_dim, epochs, image_shape, options, random_state)
        self.n_clusters = n_clusters

    def fit(self, X, y=None):
        """Train on rows.

        Args:
            X: rows [N, D], or images [N, H, W(, C)]: uint8, or float in [0, 1].
            y: ignored.

        Returns:
            Itself.
        """
        elements = self._elements(X, reset=True)
        self._train(elements, clusters=self.n_clusters)
        self.labels_ = self._model.predict_labels(elements)
        return self

    def predict(self, X):
        """Return the most probable cluster of each row, int [N].

        Args:
            X: as for `fit`.
        """
        model = self._model
        return model.predict_labels(self._elements(X))


class AAEDetector(OutlierMixin, RunEstimator):
    """What is unlike the rows it was fitted on: 1 for inliers, -1 for outliers, from normal rows alone.

    Some rows train nothing and set the threshold, see `aae_tf.Run.detector`. With a tenth of them `false_alarm=0.01`
    takes 990 rows. Further parameters are those of `RunEstimator`.

    Args:
        false_alarm: the share of normal rows that may be called outliers, in (0, 1).
        anomaly_score: 'reconstruction', 'prior', 'both', or another score of the model.
        validation_fraction: share of the rows that sets the threshold, in (0, 1).
        recipe: one whose model encodes without labels: 'one_class' (None), 'gaussian', 'vae', ..., or a `Recipe`.

    Attributes:
        offset_: minus the threshold; rows whose `score_samples` is below it are outliers.
        detector_: the `aae_tf.Detector`.
    """

    usual = "one_class"

    def __init__(
        self,
        false_alarm=0.01,
        anomaly_score="reconstruction",
        validation_fraction=0.1,
        recipe=None,
        latent_dim=None,
        epochs=None,
        image_shape=None,
        options=None,
        random_state=None,
    ):
        super().__init__(recipe, latent_dim, epochs, image_shape, options, random_state)
        self.false_alarm, self.anomaly_score = false_alarm, anomaly_score
        self.validation_fraction = validation_fraction

    def fit(self, X, y=None):
        """Train on normal rows, and set the threshold on those kept back.

        Args:
            X: rows [N, D], or images [N, H, W(, C)]: uint8, or float in [0, 1].
            y: ignored.

        Returns:
            Itself.
        """
        self._train(self._elements(X, reset=True))
        self.run_.detector(false_alarm=self.false_alarm, score=self.anomaly_score)
        self.offset_ = -self.detector_.threshold
        return self

    @property
    def detector_(self):
        """The `aae_tf.Detector` of the run."""
        check_is_fitted(self, "run_")
        return self.run_.detector()

    def score_samples(self, X):
        """Return minus the anomaly score of each row, float64 [N]: low for outliers.

        Args:
            X: as for `fit`.
        """
        return -self.detector_.detect(self._elements(X))["score"].astype("float64")  # which scikit-learn asks for

    def decision_function(self, X):
        """Return how far each row's `score_samples` is above `offset_`, float64 [N]: below 0 for outliers.

        Args:
            X: as for `fit`.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Return 1 for inliers and -1 for outliers, int [N].

        Args:
            X: as for `fit`.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _held_out(self, dataset):
        """Return the dataset with a share of the elements kept back: the first of its own shuffle."""
        whole = joined(dataset.validation, dataset.test, dataset.train)
        kept = int(np.clip(round(self.validation_fraction * len(whole)), 1, len(whole) - 1))
        back = whole.take(slice(0, kept))
        return dataclasses.replace(dataset, train=whole.take(slice(kept, None)), validation=back, test=back)
