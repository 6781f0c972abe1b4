"""Evaluation: pure functions from arrays to numbers."""

from aae_tf.evaluation.classification import confusion, error_rate, probe_accuracy
from aae_tf.evaluation.clustering import agreement, clustering_error, label_clusters, majority_error
from aae_tf.evaluation.maps import map_quality, other_maps
from aae_tf.evaluation.prior_match import mmd, two_sample_accuracy
from aae_tf.evaluation.reconstruction import reconstruction_error

__all__ = [
    "agreement",
    "clustering_error",
    "confusion",
    "error_rate",
    "label_clusters",
    "majority_error",
    "map_quality",
    "mmd",
    "other_maps",
    "probe_accuracy",
    "reconstruction_error",
    "two_sample_accuracy",
]
