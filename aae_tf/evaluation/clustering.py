"""Clustering against labels that training never saw: the paper's rule (§6), majority vote, NMI and ARI."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix


def label_clusters(probabilities, labels):
    """Return the label each cluster takes by the paper's rule: that of its most certain image.

    Of those that are equally certain it is the one that leaves the least to the other clusters: in float32 a sure
    network gives q(y_i|x) = 1 of hundreds of images, and the first of them would name the cluster, whichever it is.

    Args:
        probabilities: float [N, K], q(y|x) of validation images; rows sum to 1.
        labels: int [N], their labels.

    Returns:
        int array [K]: labels[argmax_n q(y_i | x_n)] for each cluster i. One image decides a cluster, so this is noisy;
        where logits are so far apart (87) that float32 has nothing left for the others, the first such image does.

    Reference:
        Makhzani et al., 2016, arXiv 1511.05644, section 6.
    """
    probabilities = np.asarray(probabilities, "float64")
    others = probabilities @ (1 - np.eye(probabilities.shape[1]))
    return np.asarray(labels)[np.lexsort((others, -probabilities), axis=0)[0]]


def clustering_error(assigned, labels, cluster_labels):
    """Return the share of images whose cluster has another label than they, float in [0, 1].

    Args:
        assigned: int [N], each image's cluster.
        labels: int [N].
        cluster_labels: int [K], each cluster's label.
    """
    return float(np.mean(np.asarray(cluster_labels)[assigned] != np.asarray(labels)))


def majority_error(assigned, labels):
    """Return the error when each cluster takes the commonest label of its own images, float in [0, 1].

    Args:
        assigned: int [N], each image's cluster.
        labels: int [N], at least 0.
    """
    assigned, labels = np.asarray(assigned), np.asarray(labels)
    right = sum(np.bincount(labels[assigned == cluster]).max() for cluster in np.unique(assigned))
    return float(1 - right / len(labels))


def assignment_error(assigned, labels):
    """Return the least error with one cluster for each class at most, the others wrong; float in [0, 1].

    What clustering papers call accuracy (ACC) is one minus this, where there are as many clusters as classes.

    Args:
        assigned: int [N], each image's cluster.
        labels: int [N].

    Reference:
        Yang et al., 2010, doi 10.1109/TIP.2010.2049235, section V-B (by the Hungarian method).
    """
    counts = contingency_matrix(labels, assigned)
    return float(1 - counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum())


def agreement(assigned, labels):
    """Return {'nmi', 'ari'}: normalised mutual information and adjusted Rand index of two int arrays [N].

    Both are 1 for equal partitions, whatever the clusters are called; ARI is about 0 for unrelated ones.

    Args:
        assigned: int [N], each image's cluster.
        labels: int [N].

    Reference:
        Vinh, Epps and Bailey, JMLR 11 (2010).
    """
    return {
        "nmi": float(normalized_mutual_info_score(labels, assigned)),
        "ari": float(adjusted_rand_score(labels, assigned)),
    }
