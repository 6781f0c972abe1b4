"""Serving: SavedModel export with named signatures."""

from aae_tf.serving.saved_model import export, signatures

__all__ = ["export", "signatures"]
