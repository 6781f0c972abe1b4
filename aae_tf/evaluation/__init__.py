"""Evaluation: pure functions from arrays to numbers."""

from aae_tf.evaluation.prior_match import mmd, two_sample_accuracy
from aae_tf.evaluation.reconstruction import reconstruction_error

__all__ = ["mmd", "reconstruction_error", "two_sample_accuracy"]
