"""`aae-tf explore`: a run's latent space in a browser, on this machine.

`latent` holds the data, `layout` and `html` the contents of the page, `page` its behaviour; `launch` serves it. Bokeh
sends each move of the pointer to Python, and images back, over one websocket, and its widgets need no network.
"""

from aae_tf.explorer.launch import explore

__all__ = ["explore"]
