"""Reports of a trained model: what is measured of it (`measures`, `samples`) and what is drawn (`pictures`)."""

from aae_tf.reporting.measures import measure, prior_match, validation_numbers
from aae_tf.reporting.pictures import draw, plane_panel

__all__ = ["draw", "measure", "plane_panel", "prior_match", "validation_numbers"]
