"""Serving: SavedModel export with named signatures, a client, and a small local server.

Importing this package, its `Client` or its configuration does not load TensorFlow; exporting does.
"""

import importlib

_LAZY = {
    "Client": "aae_tf.serving.client",
    "export": "aae_tf.export.saved_model",
    "signatures": "aae_tf.export.saved_model",
}

__all__ = ["Client", "export", "signatures"]


def __getattr__(name):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'aae_tf.serving' has no attribute '{name}'")
