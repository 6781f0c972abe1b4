"""Evaluation: pure functions from arrays to numbers."""

from aae_tf.evaluation.anomaly import alarm_threshold, detection_quality
from aae_tf.evaluation.classification import confusion, error_rate, probe_accuracy
from aae_tf.evaluation.clustering import (
    agreement,
    assignment_error,
    clustering_error,
    label_clusters,
    majority_error,
)
from aae_tf.evaluation.likelihood import log_density, parzen_log_likelihood
from aae_tf.evaluation.maps import map_quality, other_maps
from aae_tf.evaluation.prior_match import holes, mmd, sliced_wasserstein, two_sample_accuracy, unbiased_mmd
from aae_tf.evaluation.reconstruction import reconstruction_error
from aae_tf.evaluation.sample_quality import (
    copying,
    frechet_distance,
    kernel_distance,
    nearest,
    precision_recall,
)

__all__ = [
    "agreement",
    "alarm_threshold",
    "assignment_error",
    "clustering_error",
    "confusion",
    "copying",
    "detection_quality",
    "error_rate",
    "frechet_distance",
    "holes",
    "kernel_distance",
    "label_clusters",
    "log_density",
    "majority_error",
    "map_quality",
    "mmd",
    "nearest",
    "other_maps",
    "parzen_log_likelihood",
    "precision_recall",
    "probe_accuracy",
    "reconstruction_error",
    "sliced_wasserstein",
    "two_sample_accuracy",
    "unbiased_mmd",
]
