"""Serving: SavedModel export with named signatures."""

from aae_tf.serving.export import export, signatures

__all__ = ["export", "signatures"]
