"""Serving the explorer's page on this machine."""

import threading
import webbrowser

from aae_tf.errors import InputError
from aae_tf.serving.launch import check_free

LARGEST = 200_000_000  # bytes of a file that is dropped on the page, as base64
KEPT_MS = 120_000  # how long the place of a browser that is gone is kept
ANYWHERE, HERE = ("0.0.0.0", "::"), ("127.0.0.1", "localhost", "::1")


def explore(run, split="validation", host="127.0.0.1", port=5006, show=True):
    """Open a page on a run's latent space, until interrupted.

    Args:
        run: `aae_tf.Run` with data.
        split: held-out images that are shown, 'validation' or 'test'.
        host: address to listen on; this machine only unless told otherwise. Whoever reaches it may look, and at
            '0.0.0.0' any page that they have open as well.
        port: port of the page.
        show: whether to open a browser.

    Raises:
        InputError: Bokeh is missing, the port is taken, or what `aae_tf.explorer.latent.LatentSpace` raises.
    """
    server = make_server(run, split, host, port)
    address = f"http://{'127.0.0.1' if host in ANYWHERE else _bracketed(host)}:{port}/"
    print(f"exploring {run.out_dir} on {address} (Ctrl-C ends it)", flush=True)
    if show:  # in a thread: a browser in this terminal holds it until it is closed
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        server.stop()


def make_server(run, split="validation", host="127.0.0.1", port=5006):
    """Return the started `bokeh.server.server.Server` of a run's page; each browser has its own place in the space.

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
    names = ("*",) if host in ANYWHERE else HERE if host in HERE else (host,)
    origins = [f"{_bracketed(name)}:{port}".lower() for name in names]

    def page(document):
        asked = document.session_context.request.headers.get("Host", "").lower()
        if host in ANYWHERE or asked in origins:  # a name of others that leads here finds nothing
            Page(space).add_to(document, f"{run.recipe.name} · {run.out_dir}")

    server = Server(
        {"/": page},
        address=host,
        port=port,
        # pages of others may not ask; an IPv6 address is none that Bokeh takes, but the page's own origin is allowed
        allow_websocket_origin=[origin for origin in origins if "[" not in origin],
        websocket_max_message_size=LARGEST,
        unused_session_lifetime_milliseconds=KEPT_MS,
    )
    server.start()
    return server


def _bracketed(host):
    return f"[{host}]" if ":" in host else host
