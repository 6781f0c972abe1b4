"""`aae-tf serve`: run a model server on an exported model: TensorFlow Serving where it is, or the built-in one."""

import os
import shutil
import subprocess
from pathlib import Path

from aae_tf.errors import InputError


def served_folder(dest):
    """Return the folder of a served model as an absolute Path.

    Raises:
        InputError: it holds no version.
    """
    dest = Path(dest).resolve()
    if not dest.is_dir() or not any(path.name.isdigit() for path in dest.iterdir()):
        raise InputError(
            f"'{dest}' holds no exported model (no numbered folders); write one first: aae-tf export RUN {dest}"
        )
    return dest


def model_server_command(dest, port):
    """Return the command that serves a folder with TensorFlow Serving as it is installed here, or None.

    Args:
        dest: folder of the served model.
        port: port of the REST interface; gRPC takes the one before it.
    """
    if shutil.which("tensorflow_model_server"):
        return [
            "tensorflow_model_server",
            f"--rest_api_port={port}",
            f"--port={port - 1}",
            f"--model_name={dest.name}",
            f"--model_base_path={dest}",
        ]
    if shutil.which("docker") and _docker_answers():
        return ["docker", "compose", "-f", str(dest / "compose.yaml"), "up"]
    return None


def _docker_answers():
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def serve(dest, port=8501):
    """Replace this process by TensorFlow Serving.

    Raises:
        InputError: it is not installed here, nor is docker; the message says what to run.
    """
    dest = served_folder(dest)
    command = model_server_command(dest, port)
    if command is None:
        raise InputError(
            "neither tensorflow_model_server nor a running docker is here; to try the model out here: "
            f"'aae-tf serve {dest} --builtin'; where one of them is: 'tensorflow_model_server --rest_api_port={port} "
            f"--model_name={dest.name} --model_base_path={dest}', or 'docker compose -f {dest / 'compose.yaml'} up'"
        )
    os.execvp(command[0], command)


def serve_builtin(dest, host="127.0.0.1", port=8501):
    """Serve a folder with the built-in server until interrupted.

    Args:
        dest: folder of the served model; its name is the model's.
        host: address to listen on; this machine only unless told otherwise.
        port: port of the REST interface.

    Raises:
        InputError: no model there, none that loads, the port is taken, or the server's packages are missing.
    """
    dest = served_folder(dest)
    try:
        import uvicorn

        from aae_tf.serving.server.app import make_app
        from aae_tf.serving.server.connections import PatientProtocol
    except ImportError as error:
        raise InputError(
            f"the built-in server needs {error.name}; install it with: pip install 'aae-tf[serving]'"
        ) from None
    check_free(host, port)
    app = make_app(dest, dest.name)
    if app.state.versions.serving is None:
        reasons = "; ".join(f"version {number}: {text}" for number, (text, _) in app.state.versions.failed.items())
        raise InputError(f"no version in '{dest}' can be loaded ({reasons})")
    print(f"serving {dest.name} on http://{host}:{port}/v1/models/{dest.name} (Ctrl-C ends it)", flush=True)
    # connections are kept longer than clients keep them, so that none is closed under a request on its way
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=PatientProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,
    )


def check_free(host, port):
    """Refuse a port that another program listens on.

    Args:
        host: address.
        port: int.

    Raises:
        InputError: it is taken, or the address is none of this machine.
    """
    import errno
    import socket

    try:
        (family, kind, *_, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        other = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
        raise InputError(f"cannot listen on {host}:{port} ({error.strerror}); use another {other}") from None
