"""Puts the built-in server under load: requests over several connections, versions swapped meanwhile, answers checked.

    python benchmarks/serving_load.py saved_models/digits

Half way a new version with other weights is dropped in, later a corrupt one. Every answer must be one version's own,
and none the old one's once the status has named the new. Client and server share this machine's cores, so the figures
are of both together.
"""

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import typer


async def ask_all(url, bodies, expected, requests, connections, folder):
    """Send the requests; return [(when sent, seconds, version)], (when dropped, when announced), and the last states.

    `expected` is [the old version's codes, the new one's]. An answer's version is 1 or 2, or what is wrong with it.
    """
    answers, queue, switch = [], iter(range(requests)), []

    async def states():
        found = (await client.get(url)).json()["model_version_status"]
        return [(each["version"], each["state"]) for each in found]

    async def connection():
        for number in queue:
            row, sent, announced = number % len(bodies), time.perf_counter(), len(switch) == 2
            try:
                answer = await client.post(url + ":predict", content=bodies[row])
                found = np.asarray(answer.json()["outputs"]["codes"])
                matching = [1 + n for n, codes in enumerate(expected) if np.allclose(found, codes[row], atol=1e-3)]
                version = matching[0] if len(matching) == 1 else "wrong"
                version = "outdated" if version == 1 and announced else version
            except (httpx.HTTPError, KeyError, ValueError) as error:
                version = "lost"
                print(f"lost: {type(error).__name__}: {error}")
            answers.append((sent, time.perf_counter() - sent, version))

    async def versions():
        while len(answers) < requests // 2:
            await asyncio.sleep(0.01)
        (folder / "new").rename(folder / "2")
        switch.append(time.perf_counter())
        while ("2", "AVAILABLE") not in await states():
            await asyncio.sleep(0.05)
        switch.append(time.perf_counter())
        while len(answers) < 3 * requests // 4:
            await asyncio.sleep(0.01)
        (folder / "bad").rename(folder / "3")

    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=connections + 1)) as client:
        await asyncio.gather(versions(), *(connection() for _ in range(connections)))
        return answers, switch, await states()


def write_versions(source, folder, batches):
    """Write version 1 as it is, 'new' with other weights and 'bad', corrupt; return codes of the first two."""
    from aae_tf.backend import tf

    for name in ("1", "bad"):
        shutil.copytree(source, folder / name)
    (folder / "bad" / "saved_model.pb").write_bytes(b"corrupt")
    model = tf.saved_model.load(str(source))
    encode, expected = model.signatures["encode"], []
    for factor in (1.0, 0.8):
        for variable in encode.variables:
            variable.assign(tf.cast(factor, variable.dtype) * variable)
        expected.append([encode(images=tf.constant(batch))["codes"].numpy() for batch in batches])
    tf.saved_model.save(model, str(folder / "new"), signatures=dict(model.signatures))
    return expected


@contextlib.contextmanager
def served(folder, port, log=subprocess.DEVNULL):
    """Serve a folder with the built-in server; gives the model's URL and the process. Its errors go to `log`."""
    command = [sys.executable, "-m", "aae_tf", "serve", str(folder), "--builtin", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        server.stdout.readline()
        time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1/models/{folder.name}", server
    finally:
        server.terminate()
        server.wait()


def state_of(pid):
    """Return a process's MiB in use, its most MiB, its open files and its threads, from /proc (Linux)."""
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    mib = [int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]
    return *mib, len(list((process / "fd").iterdir())), int(status["Threads"])


def report(name, seconds):
    """Print quantiles of latencies in seconds."""
    middle, most = np.quantile(seconds, [0.5, 0.99]) * 1000 if len(seconds) else (np.nan, np.nan)
    print(f"{name}: {len(seconds)} requests, latency p50 {middle:.1f} ms, p99 {most:.1f} ms")


def main(dest: Path, requests: int = 10_000, connections: int = 16, images: int = 1, port: int = 8599):
    """Run the load on a copy of DEST."""
    import aae_tf

    folder = Path(tempfile.mkdtemp()) / "model"
    newest = max((path for path in dest.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    digits = aae_tf.data.load("mnist_5k").test.images[: 50 * images] / np.float32(255)
    batches = digits.reshape(50, images, 28, 28, 1)
    expected = write_versions(newest, folder, batches)
    bodies = [json.dumps({"signature_name": "encode", "inputs": batch.tolist()}).encode() for batch in batches]
    try:
        with served(folder, port) as (url, _):
            start = time.perf_counter()
            answers, switch, states = asyncio.run(ask_all(url, bodies, expected, requests, connections, folder))
            seconds = time.perf_counter() - start
    finally:
        shutil.rmtree(folder.parent)
    print(
        f"{requests} requests of {images} images over {connections} connections, {requests * images / seconds:.0f} "
        f"images/s; answers by version {dict(Counter(version for *_, version in answers))}; versions {states}"
    )
    during = [sent < switch[1] and sent + seconds > switch[0] for sent, seconds, _ in answers]
    for name, chosen in ((f"in the {switch[1] - switch[0]:.1f} s of the switch", True), ("without it", False)):
        report(name, [seconds for (_, seconds, _), inside in zip(answers, during, strict=True) if inside == chosen])
    if {version for *_, version in answers} != {1, 2}:
        sys.exit("an answer was wrong, outdated or lost")


if __name__ == "__main__":
    typer.run(main)
