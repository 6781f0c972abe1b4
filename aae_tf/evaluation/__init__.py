"""Evaluation: pure functions from arrays to numbers."""

from aae_tf.evaluation.anomaly import conformal_threshold, detection_quality
from aae_tf.evaluation.classification import confusion, error_rate, probe_accuracy
from aae_tf.evaluation.clustering import agreement, assignment_error, clustering_error, label_clusters, majority_error
from aae_tf.evaluation.likelihood import log_density, parzen_log_likelihood
from aae_tf.evaluation.maps import map_quality, other_maps
from aae_tf.evaluation.prior_match import mmd, prior_coverage_gap, sliced_wasserstein, two_sample_accuracy, unbiased_mmd
from aae_tf.evaluation.reconstruction import reconstruction_error
from aae_tf.evaluation.sample_quality import copying, frechet_distance, kernel_distance, nearest, precision_recall

__all__ = ["conformal_threshold", "confusion", "detection_quality", "error_rate", "probe_accuracy"]
__all__ += ["agreement", "assignment_error", "clustering_error", "label_clusters", "majority_error"]
__all__ += ["log_density", "map_quality", "other_maps", "parzen_log_likelihood"]
__all__ += ["mmd", "prior_coverage_gap", "sliced_wasserstein", "two_sample_accuracy", "unbiased_mmd"]
__all__ += ["copying", "frechet_distance", "kernel_distance", "nearest", "precision_recall", "reconstruction_error"]
