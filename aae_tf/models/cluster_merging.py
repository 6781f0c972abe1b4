"""Cluster merging: y has more entries than clusters (overclustering), which are merged without labels after training.

A cluster that mixes two classes in the first epochs keeps mixing them. Few of many small clusters mix classes, and the
small clusters of one class are those between which predictions are uncertain. (Ji et al., 2019, arXiv 1807.06653,
section 4.1, use a separate head for overclustering.)
"""

import numpy as np
from numpy.typing import ArrayLike


def merge_entries(y: ArrayLike, clusters: int) -> list[list[int]]:
    """Return the entries of each cluster, the most used one first, of y, float [N, K], q(y|x) of images.

    Repeatedly merges the two groups i, j with the highest lift of their joint use over chance:
    sum_n p_i(x_n) p_j(x_n) / (sum_n p_i(x_n) · sum_n p_j(x_n)). An entry without images is merged with any other;
    where no image is in two groups, the two least used groups are merged.
    """
    y = np.asarray(y, "float64")
    use = y.sum(0)
    groups, shared, sizes = [[entry] for entry in range(y.shape[1])], y.T @ y, use.copy()
    while len(groups) > clusters:
        chance = np.outer(sizes, sizes)
        lift = np.divide(shared, chance, out=np.full_like(shared, np.inf), where=chance > 0)
        pairs = np.column_stack(np.triu_indices(len(groups), 1))
        rows, columns = pairs.T
        first, second = pairs[np.lexsort((-sizes[rows] - sizes[columns], lift[rows, columns]))[-1]]
        groups[first] += groups.pop(second)
        shared[first] += shared[second]
        shared[:, first] += shared[:, second]
        sizes[first] += sizes[second]
        left = np.delete(np.arange(len(sizes)), second)
        shared, sizes = shared[np.ix_(left, left)], sizes[left]
    return [sorted(group, key=lambda entry: -use[entry]) for group in groups]


def merging_matrix(groups: list[list[int]]) -> np.ndarray:
    """Return the matrix, float32 [K, clusters], that maps y to the probabilities of clusters, of `merge_entries`."""
    matrix = np.zeros((sum(map(len, groups)), len(groups)), "float32")
    for cluster, group in enumerate(groups):
        matrix[group, cluster] = 1
    return matrix
