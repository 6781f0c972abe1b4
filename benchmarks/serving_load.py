"""Puts the built-in server under load: requests over several connections, versions swapped meanwhile, answers checked.

    python benchmarks/serving_load.py saved_models/digits

Every answer is compared with the model's own. Half way a new version is dropped in, later a corrupt one. Client and
server share this machine's cores, so the figures are of both together.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import typer


async def ask_all(url, bodies, expected, requests, connections, folder):
    """Send the requests; return latencies in seconds, numbers of wrong and lost answers, and the versions seen."""
    latencies, wrong, lost, queue = [], 0, 0, iter(range(requests))

    async def connection(client):
        nonlocal wrong, lost
        for number in queue:
            row, start = number % len(bodies), time.perf_counter()
            try:
                answer = await client.post(url + ":predict", content=bodies[row])
                found = np.asarray(answer.json()["outputs"]["codes"])
                wrong += not np.allclose(found, expected[row], atol=1e-3)
            except (httpx.HTTPError, KeyError, ValueError) as error:
                lost += 1
                print(f"lost: {type(error).__name__}: {error}")
            latencies.append(time.perf_counter() - start)
            if number == requests // 2:
                shutil.copytree(folder / "1", folder / "next")
                (folder / "next").rename(folder / "2")
            if number == 3 * requests // 4:
                shutil.copytree(folder / "1", folder / "bad")
                (folder / "bad" / "saved_model.pb").write_bytes(b"corrupt")
                (folder / "bad").rename(folder / "3")

    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=connections)) as client:
        await asyncio.gather(*(connection(client) for _ in range(connections)))
        states = (await client.get(url)).json()["model_version_status"]
    return np.array(latencies), wrong, lost, [(each["version"], each["state"]) for each in states]


def main(dest: Path, requests: int = 10_000, connections: int = 16, images: int = 1, port: int = 8599):
    """Run the load on a copy of DEST."""
    import aae_tf
    from aae_tf.backend import tf

    folder = Path(tempfile.mkdtemp()) / "model"
    (folder / "1").parent.mkdir(exist_ok=True)
    newest = max((path for path in dest.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    shutil.copytree(newest, folder / "1")
    digits = aae_tf.data.load("mnist_5k").test.images[: 50 * images] / np.float32(255)
    batches = digits.reshape(50, images, 28, 28, 1)
    encode = tf.saved_model.load(str(newest)).signatures["encode"]
    expected = [encode(images=tf.constant(batch))["codes"].numpy() for batch in batches]
    bodies = [json.dumps({"signature_name": "encode", "inputs": batch.tolist()}).encode() for batch in batches]
    command = [sys.executable, "-m", "aae_tf", "serve", str(folder), "--builtin", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        server.stdout.readline()
        time.sleep(1)
        url = f"http://127.0.0.1:{port}/v1/models/model"
        start = time.perf_counter()
        found = asyncio.run(ask_all(url, bodies, expected, requests, connections, folder))
        seconds = time.perf_counter() - start
    finally:
        server.terminate()
    latencies, wrong, lost, states = found
    middle, most = np.quantile(latencies, [0.5, 0.99]) * 1000
    print(f"{requests} requests of {images} images over {connections} connections: {wrong} wrong, {lost} lost")
    print(
        f"latency p50 {middle:.1f} ms, p99 {most:.1f} ms; {requests * images / seconds:.0f} images/s; versions {states}"
    )


if __name__ == "__main__":
    typer.run(main)
