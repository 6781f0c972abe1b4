"""Classification: how often the predicted class is wrong, and which classes are taken for which."""

import numpy as np

from aae_tf.errors import InputError


def error_rate(labels, predicted):
    """Return the share of wrong predictions and its standard error.

    Args:
        labels: int [N], -1 where unknown (left out).
        predicted: int [N].

    Returns:
        (float in [0, 1], float): the share, and sqrt(p (1 - p) / N).

    Raises:
        InputError: no label is known.
    """
    known = np.asarray(labels) >= 0
    if not known.any():
        raise InputError("an error needs labels; every one given is -1, unknown")
    wrong = np.asarray(labels)[known] != np.asarray(predicted)[known]
    share = float(wrong.mean())
    return share, float(np.sqrt(share * (1 - share) / len(wrong)))


def confusion(labels, predicted, classes):
    """Return how many images of each class (rows) were taken for each class (columns), int [classes, classes].

    Args:
        labels: int [N], -1 for unlabelled images, which do not count.
        predicted: int [N].
        classes: K.
    """
    known = np.asarray(labels) >= 0
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (np.asarray(labels)[known], np.asarray(predicted)[known]), 1)
    return counts


def probe_accuracy(train_codes, train_labels, codes, labels, neighbours=10):
    """Return how well the class can be read from codes: by a linear classifier, and by nearest neighbours.

    Args:
        train_codes: float [M, D], to fit on.
        train_labels: int [M].
        codes: float [N, D], to test on.
        labels: int [N].
        neighbours: number of voters of the second.

    Returns:
        dict with 'linear', 'nearest' and 'chance' (always the commonest class), accuracies in [0, 1].
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
