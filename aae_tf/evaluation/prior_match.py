"""How well the aggregated posterior q(z) matches the prior p(z): two-sample statistics on codes.

Each number needs a yardstick: the same statistic between two independent samples of the prior.
"""

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
_CHUNK = 1000


def mmd(x, y, bandwidth=None):
    """Return the unbiased estimate of the squared maximum mean discrepancy between two samples.

    The kernel is the mean of Gaussian kernels of widths `bandwidth` times 1/4, 1/2, 1, 2, 4, so differences of
    several scales count. The estimate is about 0, and may be negative, for samples of one distribution.

    Args:
        x: float [N, D], N at least 2.
        y: float [M, D], M at least 2.
        bandwidth: width of the middle kernel; by default the median distance between rows of `y` (at most 1,000).

    Returns:
        float.

    Reference:
        Gretton et al., A kernel two-sample test, JMLR 13 (2012), lemma 6.
    """
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    if bandwidth is None:
        distances = pairwise_distances(y[:_CHUNK])
        bandwidth = np.median(distances[np.triu_indices_from(distances, 1)]) or 1.0
    within_x = (_kernel_sum(x, x, bandwidth) - len(x)) / (len(x) * (len(x) - 1))
    within_y = (_kernel_sum(y, y, bandwidth) - len(y)) / (len(y) * (len(y) - 1))
    across = _kernel_sum(x, y, bandwidth) / (len(x) * len(y))
    return float(within_x + within_y - 2 * across)


def _kernel_sum(x, y, bandwidth):
    total = 0.0
    for start in range(0, len(x), _CHUNK):
        square = pairwise_distances(x[start : start + _CHUNK], y, "sqeuclidean")
        total += sum(np.exp(-square / (2 * (factor * bandwidth) ** 2)).sum() for factor in BANDWIDTHS)
    return total / len(BANDWIDTHS)


def two_sample_accuracy(x, y, seed=0, folds=5):
    """Return how well a nearest-neighbour classifier tells two samples apart, cross-validated.

    0.5 means not at all. The classifier votes among the square root of the training size, as in the reference's
    C2ST-KNN.

    Args:
        x: float [N, D].
        y: float [M, D]; the larger sample is cut to the size of the smaller.
        seed: seed of the folds.
        folds: cross-validation folds.

    Returns:
        float in [0, 1].

    Reference:
        Lopez-Paz and Oquab, Revisiting classifier two-sample tests, ICLR 2017, arXiv 1610.06545.
    """
    size = min(len(x), len(y))
    features = np.concatenate([x[:size], y[:size]])
    kind = np.repeat([0, 1], size)
    neighbours = max(1, int(np.sqrt(2 * size * (folds - 1) / folds))) | 1
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return float(cross_val_score(KNeighborsClassifier(neighbours), features, kind, cv=splits).mean())
