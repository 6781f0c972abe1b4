"""`aae-tf explore`: look around a run's latent space in a browser, on this machine.

`latent` is what is shown, without a browser; `page` is what is on the page (Bokeh); `html` its pieces; `launch` serves
it. Bokeh, since a pointer's every move has to reach Python and an image to come back: Bokeh sends both over one
websocket as binary, from widgets that are part of the package, so that nothing is asked of the network. Dash answers
hovering over points alone, each by an HTTP request; Gradio's plots do not tell where the pointer is; Panel is Bokeh
with more to install.
"""

from aae_tf.explorer.launch import explore

__all__ = ["explore"]
