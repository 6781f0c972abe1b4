"""How well the aggregated posterior q(z) matches the prior p(z): two-sample statistics on codes.

Each number needs a baseline: the same statistic between two independent samples of the prior.
"""

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

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
    within_x, within_y = (_kernel_sum(each, each, bandwidth) - len(each) for each in (x, y))
    return float(unbiased_mmd(within_x, within_y, _kernel_sum(x, y, bandwidth), len(x), len(y)))


def unbiased_mmd(within_x, within_y, across, n, m):
    """Return the unbiased estimate of the squared maximum mean discrepancy from sums of a kernel, of any kind.

    Arithmetic alone, so that it serves arrays, tensors and numbers.

    Args:
        within_x: sum of k(x_i, x_j) over i ≠ j, both orders.
        within_y: the same of y.
        across: sum of k(x_i, y_j) over all pairs.
        n: number of x, at least 2.
        m: number of y, at least 2.

    Returns:
        A scalar of the sums' kind: the mean within x, and within y, less twice the mean across.

    Reference:
        Gretton et al., A kernel two-sample test, JMLR 13 (2012), lemma 6.
    """
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)


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


def sliced_wasserstein(x, y, projections=200, seed=0):
    """Return the sliced 2-Wasserstein distance between two samples, in units of the codes.

    Args:
        x: float [N, D].
        y: float [M, D]; the larger sample is cut to the size of the smaller.
        projections: random directions averaged over.
        seed: seed of the directions.

    Returns:
        float, at least 0; it falls with the sample size even for equal distributions.

    Reference:
        Bonneel et al., 2015, J. Math. Imaging and Vision 51.
    """
    size = min(len(x), len(y))
    directions = np.random.default_rng(seed).normal(size=(x.shape[1], projections))
    directions /= np.linalg.norm(directions, axis=0)
    first, second = (np.sort(np.asarray(sample[:size], "float64") @ directions, axis=0) for sample in (x, y))
    return float(np.sqrt(np.mean((first - second) ** 2)))


def prior_coverage_gap(codes, prior_samples, neighbours=5):
    """Return the share of prior mass that no code is near: 1 - coverage of the prior by q(z).

    A hole is a place that the prior asks for and no image was encoded to, so that the decoder never learned what to
    show there. A prior sample is in one when no code is within the distance of its k-th nearest other prior sample,
    which makes "near" mean what it means locally, in the prior's thick and thin places alike. It is the coverage of
    Naeem et al., 2020 (arXiv 2002.09797, equation 6), with the prior for the real images and the codes for the
    samples. For codes that follow the prior, in equal number, it is about 2^-k: 0.031 for k = 5.

    Args:
        codes: float [N, D], samples of q(z).
        prior_samples: float [M, D], M above `neighbours`; compare equal numbers of both.
        neighbours: k.

    Returns:
        float in [0, 1].
    """
    radius = neighbour_radius(prior_samples, neighbours)
    distance = NearestNeighbors(n_neighbors=1).fit(codes).kneighbors(prior_samples)[0][:, 0]
    return float((distance > radius).mean())


def neighbour_radius(rows, neighbours):
    """Return the distance of each row of a sample, float [N, D], to its k-th nearest other row, float [N]."""
    nearest = NearestNeighbors(n_neighbors=neighbours + 1).fit(rows)
    return nearest.kneighbors(rows)[0][:, -1]
