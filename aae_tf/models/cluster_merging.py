"""More entries of y than clusters: training finds small clusters, which are then merged into as many as are asked for.

A cluster that holds two classes stays so: the first epochs decide. Of many small clusters few hold two, and those of
one class are the ones between which an image's answer wavers. So y has more entries than clusters (over-clustering, Ji
et al., 2019, arXiv 1807.06653, section 4.1, has them in a head of its own), and no label is needed to merge them.
"""

import numpy as np


def merge_entries(y, clusters):
    """Return which entries of y are one cluster: a list of `clusters` lists of ints, in each the most used one first.

    Again and again the two groups are merged that an image is in both of more often than any others, in proportion to
    what chance would have: sum_n p_i(x_n) p_j(x_n) / (sum_n p_i(x_n) · sum_n p_j(x_n)). An entry that no image has goes
    with any other; where no image is in two groups, the two that are least used are merged.

    Args:
        y: float [N, K], q(y|x) of images, rows that sum to 1.
        clusters: at most K.
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


def merging_matrix(groups):
    """Return what y is multiplied by for the probabilities of clusters, float32 [K, clusters].

    Args:
        groups: as `merge_entries` returns them.
    """
    matrix = np.zeros((sum(map(len, groups)), len(groups)), "float32")
    for cluster, group in enumerate(groups):
        matrix[group, cluster] = 1
    return matrix
