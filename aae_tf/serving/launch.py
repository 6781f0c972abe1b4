"""`aae-tf serve`: serve an exported model by TensorFlow Serving where it is installed, or by the built-in server."""

import errno
import os
import shutil
import socket
import subprocess
from pathlib import Path

from aae_tf.errors import InputError

LOCAL, ANY = ("127.0.0.1", "localhost", "::1"), ("0.0.0.0", "::")
CONNECTIONS = 64  # of the built-in server at a time
KEEP_ALIVE = 75  # seconds, longer than clients keep idle connections, so that no request meets a closed one


def serve(dest: str | Path, port: int = 8501) -> None:
    """Replace this process by TensorFlow Serving; REST takes the port, gRPC the one before it."""
    dest = _served_folder(dest)
    command = _model_server_command(dest, port)
    if command is None:
        raise InputError(
            "neither tensorflow_model_server nor a running docker is here; to try the model out here: "
            f"'aae-tf serve {dest} --builtin'; where one of them is: 'tensorflow_model_server --rest_api_port={port} "
            f"--model_name={dest.name} --model_base_path={dest}', or 'docker compose -f {dest / 'compose.yaml'} up'"
        )
    os.execvp(command[0], command)


def serve_builtin(dest: str | Path, host: str = "127.0.0.1", port: int = 8501) -> None:
    """Serve a folder, whose name is the model's, with the built-in server until interrupted."""
    dest = _served_folder(dest)
    try:
        import uvicorn

        from aae_tf.serving.server.app import make_app
        from aae_tf.serving.server.versions import Versions
    except ImportError as error:
        message = f"the built-in server needs {error.name}; install it with: pip install 'aae-tf[serving]'"
        raise InputError(message) from None
    check_free(host, port)
    versions = Versions(dest)
    if versions.current is None:
        reasons = "; ".join(f"version {number}: {reason}" for number, reason in versions.failed.items())
        raise InputError(f"no version in '{dest}' can be loaded ({reasons})")
    versions.watch()
    print(f"serving {dest.name} on http://{host}:{port}/v1/models/{dest.name} (Ctrl-C ends it)", flush=True)
    app, limits = make_app(versions, dest.name, allowed_hosts(host)), {"limit_concurrency": CONNECTIONS}
    limits["timeout_keep_alive"] = KEEP_ALIVE
    uvicorn.run(app, host=host, port=port, ws="none", log_level="warning", access_log=False, **limits)


def allowed_hosts(host: str) -> list[str]:
    """Return the names by which a server on `host` may be addressed, which excludes DNS rebinding; '*' for any."""
    names = ("*",) if host in ANY else LOCAL if host in LOCAL else (host.lower(),)
    return [f"[{name}]" if ":" in name else name for name in names]


def check_free(host: str, port: int) -> None:
    """Refuse a port that another program listens on, and an address that is not one of this machine."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, *_, address = found[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        other = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
        raise InputError(f"cannot listen on {host}:{port} ({error.strerror}); use another {other}") from None


def _served_folder(dest):
    """Return the folder of a served model as an absolute Path; refuse one without versions."""
    dest = Path(dest).resolve()
    if not dest.is_dir() or not any(path.name.isdigit() for path in dest.iterdir()):
        raise InputError(
            f"'{dest}' holds no exported model (no numbered folders); write one first: aae-tf export RUN {dest}"
        )
    return dest


def _model_server_command(dest, port):
    """Return the command that serves a folder with TensorFlow Serving as it is installed here, or None."""
    if shutil.which("tensorflow_model_server"):
        ports = [f"--rest_api_port={port}", f"--port={port - 1}"]
        return ["tensorflow_model_server", *ports, f"--model_name={dest.name}", f"--model_base_path={dest}"]
    try:  # docker may be missing, or not run
        subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return ["docker", "compose", "-f", str(dest / "compose.yaml"), "up"]
