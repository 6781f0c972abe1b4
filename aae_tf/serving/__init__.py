"""Serving: a client of served models, and a small local server. `export` and `signatures` are those of `aae_tf.export`.

Importing this package or its `Client` does not load TensorFlow.
"""

from typing import TYPE_CHECKING

from aae_tf.utils.lazy import lazy_names

_LAZY = {
    "Client": "aae_tf.serving.client",
    "export": "aae_tf.export.saved_model",
    "signatures": "aae_tf.export.saved_model",
}

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from aae_tf.export.saved_model import export as export
    from aae_tf.export.saved_model import signatures as signatures
    from aae_tf.serving.client import Client as Client
else:
    __getattr__, __dir__ = lazy_names(__name__, _LAZY)

__all__ = ["Client", "export", "signatures"]
