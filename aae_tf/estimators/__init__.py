"""scikit-learn estimators."""

from aae_tf.estimators.sklearn_api import AAEClassifier, AAEClusterer, AAEDetector, AAETransformer

__all__ = ["AAEClassifier", "AAEClusterer", "AAEDetector", "AAETransformer"]
