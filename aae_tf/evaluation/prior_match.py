"""How well the aggregated posterior q(z) matches the prior p(z): two-sample statistics on codes."""

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
_CHUNK = 1000


def mmd(x: np.ndarray, y: np.ndarray, bandwidth: float | None = None) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy between samples [N, D] and [M, D].

    The kernel is the mean of Gaussian kernels of widths `bandwidth` (by default the median distance between rows of
    `y`) times 1/4, 1/2, 1, 2, 4. For samples of one distribution the estimate is about 0 and may be negative.
    """
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    if bandwidth is None:
        distances = pairwise_distances(y[:_CHUNK])
        bandwidth = np.median(distances[np.triu_indices_from(distances, 1)]) or 1.0
    within_x, within_y = (_kernel_sum(each, each, bandwidth) - len(each) for each in (x, y))
    return float(unbiased_mmd(within_x, within_y, _kernel_sum(x, y, bandwidth), len(x), len(y)))


def unbiased_mmd(within_x: float, within_y: float, across: float, n: int, m: int) -> float:
    """Return the unbiased estimate of the squared MMD from sums of a kernel (Gretton et al., JMLR 13, 2012, lemma 6).

    Args:
        within_x: sum of k(x_i, x_j) over i ≠ j, both orders: a number, an array or a tensor.
        within_y: the same of y.
        across: sum of k(x_i, y_j) over all pairs.
        n: number of x, at least 2.
        m: number of y, at least 2.
    """
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)


def _kernel_sum(x: np.ndarray, y: np.ndarray, bandwidth: float) -> float:
    total = 0.0
    for start in range(0, len(x), _CHUNK):
        square = pairwise_distances(x[start : start + _CHUNK], y, "sqeuclidean")
        total += sum(np.exp(-square / (2 * (factor * bandwidth) ** 2)).sum() for factor in BANDWIDTHS)
    return total / len(BANDWIDTHS)


def two_sample_accuracy(x: np.ndarray, y: np.ndarray, seed: int = 0, folds: int = 5) -> float:
    """Return the accuracy of a nearest-neighbour classifier of samples [N, D] and [M, D]; 0.5 for one distribution.

    It is cross-validated on samples of the smaller size. The number of neighbours is the square root of the training
    size (Lopez-Paz and Oquab, 2017, arXiv 1610.06545).
    """
    size = min(len(x), len(y))
    features = np.concatenate([x[:size], y[:size]])
    kind = np.repeat([0, 1], size)
    neighbours = max(1, int(np.sqrt(2 * size * (folds - 1) / folds))) | 1
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return float(cross_val_score(KNeighborsClassifier(neighbours), features, kind, cv=splits).mean())


def sliced_wasserstein(x: np.ndarray, y: np.ndarray, projections: int = 200, seed: int = 0) -> float:
    """Return the sliced 2-Wasserstein distance (Bonneel et al., 2015) between samples [N, D] and [M, D].

    It is in units of the codes and falls with the sample size, that of the smaller one, even for equal distributions.
    """
    size = min(len(x), len(y))
    directions = np.random.default_rng(seed).normal(size=(x.shape[1], projections))
    directions /= np.linalg.norm(directions, axis=0)
    first, second = (np.sort(np.asarray(sample[:size], "float64") @ directions, axis=0) for sample in (x, y))
    return float(np.sqrt(np.mean((first - second) ** 2)))


def prior_coverage_gap(codes: np.ndarray, prior_samples: np.ndarray, neighbours: int = 5) -> float:
    """Return the share of prior mass without codes nearby, in [0, 1]: 1 - coverage of the prior by q(z).

    The decoder has not learned to decode such regions. A prior sample, of [M, D], counts if no code, of [N, D], is
    within the distance to its k-th nearest other prior sample (Naeem et al., 2020, arXiv 2002.09797, equation 6). For
    equal numbers of codes and prior samples of one distribution the gap is about 2^-k: 0.031 for k = 5.
    """
    radius = neighbour_radius(prior_samples, neighbours)
    distance = NearestNeighbors(n_neighbors=1).fit(codes).kneighbors(prior_samples)[0][:, 0]
    return float((distance > radius).mean())


def neighbour_radius(rows: np.ndarray, neighbours: int) -> np.ndarray:
    """Return the distance of each row of a sample, float [N, D], to its k-th nearest other row, float [N]."""
    return NearestNeighbors(n_neighbors=neighbours + 1).fit(rows).kneighbors(rows)[0][:, -1]
