"""Serving the explorer's page on this machine."""

import webbrowser

from aae_tf.errors import InputError
from aae_tf.serving.launch import check_free

LARGEST = 20_000_000  # bytes of a file that is dropped on the page, as base64


def explore(run, split="validation", host="127.0.0.1", port=5006, show=True):
    """Open a page on a run's latent space, until interrupted.

    Args:
        run: `aae_tf.Run` with data.
        split: held-out images that are shown, 'validation' or 'test'.
        host: address to listen on; this machine only unless told otherwise. Whoever reaches it may look.
        port: port of the page.
        show: whether to open a browser.

    Raises:
        InputError: Bokeh is missing, the port is taken, or what `aae_tf.explorer.latent.LatentSpace` raises.
    """
    server = make_server(run, split, host, port)
    address = f"http://{host}:{port}/"
    print(f"exploring {run.out_dir} on {address} (Ctrl-C ends it)", flush=True)
    if show:
        server.io_loop.add_callback(webbrowser.open, address)
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        server.stop()


def make_server(run, split="validation", host="127.0.0.1", port=5006):
    """Return the `bokeh.server.server.Server` of a run's page; each browser has its own place in the space.

    Args:
        run: as for `explore`.
        split: as for `explore`.
        host: as for `explore`.
        port: as for `explore`.
    """
    try:
        from bokeh.server.server import Server

        from aae_tf.explorer.page import Page
    except ImportError as error:
        raise InputError(f"the explorer needs {error.name}; install it with: pip install 'aae-tf[explorer]'") from None
    from aae_tf.explorer.latent import LatentSpace

    check_free(host, port)
    space = LatentSpace(run, split)
    here = ("127.0.0.1", "localhost")
    names = ("*",) if host in ("0.0.0.0", "::") else here if host in here else (host,)
    return Server(
        {"/": lambda document: Page(space).add_to(document, f"{run.recipe.name} · {run.out_dir}")},
        address=host,
        port=port,
        allow_websocket_origin=[f"{name}:{port}" for name in names],  # pages of others may not ask
        websocket_max_message_size=LARGEST,
    )
