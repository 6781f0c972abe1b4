"""Reports of a trained model: metrics (`metrics`, `samples`) and figures (`plots`).

A model declares their names; `METRICS` and `FIGURES` have the functions of (model, `HeldOut`), and accept further ones.
"""

from aae_tf.reporting.held_out import HeldOut
from aae_tf.reporting.metrics import METRICS, compute_metrics
from aae_tf.reporting.plots import FIGURES, draw, plane_panel
from aae_tf.reporting.samples import log_likelihood, sample_class_accuracy, sample_quality

__all__ = ["FIGURES", "METRICS", "HeldOut", "compute_metrics", "draw", "plane_panel"]
__all__ += ["log_likelihood", "sample_class_accuracy", "sample_quality"]
