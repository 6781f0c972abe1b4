"""Classification: error rate, confusion matrix, and probes that read the class from codes."""

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.errors import InputError


def error_rate(labels: ArrayLike, predicted: ArrayLike) -> tuple[float, float]:
    """Return the share of wrong predictions p and its standard error sqrt(p (1 - p) / N), without unlabelled images.

    Raises:
        InputError: no label is known; all are -1.
    """
    known = np.asarray(labels) >= 0
    if not known.any():
        raise InputError("an error needs labels; every one given is -1, unknown")
    wrong = np.asarray(labels)[known] != np.asarray(predicted)[known]
    share = float(wrong.mean())
    return share, float(np.sqrt(share * (1 - share) / len(wrong)))


def confusion(labels: ArrayLike, predicted: ArrayLike, classes: int) -> np.ndarray:
    """Return the number of labelled images by true class (rows) and predicted class (columns), int [K, K]."""
    known = np.asarray(labels) >= 0
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (np.asarray(labels)[known], np.asarray(predicted)[known]), 1)
    return counts


def probe_accuracy(
    train_codes: np.ndarray, train_labels: np.ndarray, codes: np.ndarray, labels: np.ndarray, neighbours: int = 10
) -> dict[str, float]:
    """Return the accuracies 'linear' and 'nearest' of two probes of the class on codes, and that of 'chance'.

    Codes are float [N, D], labels int [N]. Probes are fitted on `train_codes` and tested on `codes`.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(train_codes, train_labels)
    nearest = KNeighborsClassifier(min(neighbours, len(train_codes))).fit(train_codes, train_labels)
    return {
        "linear": float(linear.score(codes, labels)),
        "nearest": float(nearest.score(codes, labels)),
        "chance": float(np.bincount(labels).max() / len(labels)),
    }
