"""Serving the explorer's page on this machine."""

import threading
import webbrowser
from typing import TYPE_CHECKING

from aae_tf.errors import InputError
from aae_tf.serving.launch import allowed_hosts, check_free

if TYPE_CHECKING:
    from bokeh.server.server import Server

    from aae_tf.runs.run import Run

LARGEST = 200_000_000  # bytes of a file that is dropped on the page, as base64
KEPT_MS = 120_000  # time for which the page of a disconnected browser is kept


def explore(
    run: "Run", split: str = "validation", host: str = "127.0.0.1", port: int = 5006, show: bool = True
) -> None:
    """Open a page on a run's latent space, until interrupted.

    Args:
        run: a run with data.
        split: held-out images that are shown, 'validation' or 'test'.
        host: address to listen on, by default reachable from this machine only. Everybody who reaches it sees the
            images; at '0.0.0.0' so does any web page that they have open.
        port: port of the page.
        show: whether to open a browser.
    """
    server = make_server(run, split, host, port)
    names = allowed_hosts(host)
    address = f"http://{'127.0.0.1' if names == ['*'] else f'[{host}]' if ':' in host else host}:{port}/"
    print(f"exploring {run.out_dir} on {address} (Ctrl-C ends it)", flush=True)
    if show:  # in a thread, since a browser in this terminal returns when it is closed
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        server.stop()


def make_server(run: "Run", split: str = "validation", host: str = "127.0.0.1", port: int = 5006) -> "Server":
    """Return the started Bokeh server of a run's page; each browser has a page of its own."""
    try:
        from bokeh.server.server import Server

        from aae_tf.explorer.page import Page
    except ImportError as error:
        raise InputError(f"the explorer needs {error.name}; install it with: pip install 'aae-tf[explorer]'") from None
    from aae_tf.explorer.latent import LatentSpace

    check_free(host, port)
    space = LatentSpace(run, split)
    origins = [f"{name}:{port}" for name in allowed_hosts(host)]

    def page(document):
        header = document.session_context.request.headers.get("Host", "").lower()
        if origins == [f"*:{port}"] or header in origins:  # another name is DNS rebinding, and gets an empty page
            Page(space).add_to(document, f"{run.recipe.name} · {run.out_dir}")

    # Bokeh takes no IPv6 address here; a page's own origin is always allowed
    allowed = [origin for origin in origins if "[" not in origin]
    limits = {"websocket_max_message_size": LARGEST, "unused_session_lifetime_milliseconds": KEPT_MS}
    server = Server({"/": page}, address=host, port=port, allow_websocket_origin=allowed, **limits)
    server.start()
    return server
