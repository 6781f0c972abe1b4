"""Clusters against labels that training does not use: the paper's rule (§6), majority vote, NMI and ARI."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix


def label_clusters(probabilities: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Return the label of each cluster, that of its most certain image: int [K] (§6 of the paper).

    `probabilities` are q(y|x) of validation images, float [N, K], `labels` int [N]. One image decides, so the rule is
    noisy. In float32 a confident network has q(y_i|x) = 1 for hundreds of images; of these the one with the least
    probability of other clusters decides, or the first where that underflows to 0.
    """
    probabilities = np.asarray(probabilities, "float64")
    others = probabilities @ (1 - np.eye(probabilities.shape[1]))
    return np.asarray(labels)[np.lexsort((others, -probabilities), axis=0)[0]]


def clustering_error(assigned: ArrayLike, labels: ArrayLike, cluster_labels: ArrayLike) -> float:
    """Return the share of images whose label differs from their cluster's, in [0, 1].

    Args:
        assigned: int [N], cluster of each image.
        labels: int [N].
        cluster_labels: int [K], label of each cluster.
    """
    return float(np.mean(np.asarray(cluster_labels)[assigned] != np.asarray(labels)))


def majority_error(assigned: ArrayLike, labels: ArrayLike) -> float:
    """Return the error if each cluster takes the most common label of its images; both arguments are int [N]."""
    counts = contingency_matrix(labels, assigned)
    return float(1 - counts.max(0).sum() / counts.sum())


def assignment_error(assigned: ArrayLike, labels: ArrayLike) -> float:
    """Return the lowest error with at most one cluster for each class; both arguments are int [N].

    With as many clusters as classes it is one minus the clustering accuracy (ACC) of Yang et al., 2010.
    """
    counts = contingency_matrix(labels, assigned)
    return float(1 - counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum())


def agreement(assigned: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """Return normalised mutual information 'nmi' and adjusted Rand index 'ari'; both arguments are int [N]."""
    return {
        "nmi": float(normalized_mutual_info_score(labels, assigned)),
        "ari": float(adjusted_rand_score(labels, assigned)),
    }
