"""Keeps the built-in server at a share of its capacity for a long time, versions coming and going: does it hold?

    python benchmarks/serving_soak.py saved_models/digits --minutes 30

What it can do is measured first, by as many requests as 16 connections send. Then requests are sent by the clock, at
0.8 of that rate, single images to `encode`; every minute a new version comes in, of other weights than the last, and
the old one goes. Memory, open files and threads of the server are read from /proc (Linux) every ten seconds.
"""

import asyncio
import itertools
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import typer
from scipy.stats import linregress
from serving_load import report, served, state_of, write_versions

CONNECTIONS = 16


async def ask(client, url, body, expected, due):
    """Return (seconds from when it was due; which of the weights answered: 0 or 1, 'wrong' or 'lost')."""
    try:
        answer = await client.post(url + ":predict", content=body)
        found = np.asarray(answer.json()["outputs"]["codes"])
        matching = [number for number, codes in enumerate(expected) if np.allclose(found, codes, atol=1e-3)]
        which = matching[0] if len(matching) == 1 else "wrong"
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        which = "lost"
        print(f"lost: {type(error).__name__}: {error}")
    return time.perf_counter() - due, which


async def capacity(client, url, bodies, expected, seconds):
    """Return the requests a second that all connections together get answered."""
    end, done = time.perf_counter() + seconds, []

    async def connection(first):
        for number in itertools.count(first):
            now = time.perf_counter()
            if now > end:
                return
            done.append(await ask(client, url, *pick(bodies, expected, number), now))

    await asyncio.gather(*(connection(number) for number in range(CONNECTIONS)))
    return len(done) / seconds


def pick(bodies, expected, number):
    """Return the body of a request and the codes that each of the weights gives for it."""
    row = number % len(bodies)
    return bodies[row], [codes[row] for codes in expected]


async def soak(client, url, bodies, expected, rate, minutes, folder, pid):
    """Return the answers, and the server's states as rows (seconds, MiB, most MiB, files, threads)."""
    start, answers, states, under_way = time.perf_counter(), [], [], set()
    end, room = start + 60 * minutes, asyncio.Semaphore(CONNECTIONS)  # one late waits for another's answer

    def answered(task):
        room.release()
        under_way.discard(task)
        answers.append(task.result())

    async def by_the_clock():
        for number in itertools.count():
            due = start + number / rate
            if due > end:
                return
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await room.acquire()
            task = asyncio.create_task(ask(client, url, *pick(bodies, expected, number), due))
            under_way.add(task)
            task.add_done_callback(answered)

    async def monitor():
        while time.perf_counter() < end:
            states.append((time.perf_counter() - start, *state_of(pid)))
            await asyncio.sleep(10)

    async def versions():
        for number in range(2, 2 + int(minutes)):
            await asyncio.sleep(max(0.0, start + 60 * (number - 1.5) - time.perf_counter()))
            beside = folder / f".coming-{number}"
            await asyncio.to_thread(shutil.copytree, folder.parent / f"weights-{number % 2}", beside)
            beside.rename(folder / str(number))
            await asyncio.sleep(20)
            await asyncio.to_thread(shutil.rmtree, folder / str(number - 1))

    await asyncio.gather(by_the_clock(), monitor(), versions())
    await asyncio.gather(*under_way)
    return answers, np.array(states)


def main(dest: Path, minutes: float = 30.0, share: float = 0.8, port: int = 8598):
    """Soak a copy of DEST."""
    import aae_tf

    folder = Path(tempfile.mkdtemp()) / "model"
    newest = max((path for path in dest.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    images = aae_tf.data.load("mnist_5k").test.images[:50].reshape(50, 1, 28, 28, 1) / np.float32(255)
    expected = write_versions(newest, folder, images)
    shutil.rmtree(folder / "bad")
    (folder / "new").rename(folder.parent / "weights-0")  # of version 2, 4, ...
    shutil.copytree(newest, folder.parent / "weights-1")
    bodies = [json.dumps({"signature_name": "encode", "inputs": batch.tolist()}).encode() for batch in images]

    async def run(url, pid):
        limits = httpx.Limits(max_connections=CONNECTIONS)  # httpx asks every idle one whether it is still open
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            most = await capacity(client, url, bodies, expected, 20)
            return most, *await soak(client, url, bodies, expected, share * most, minutes, folder, pid)

    try:
        with served(folder, port) as (url, server):
            most, answers, states = asyncio.run(run(url, server.pid))
    finally:
        shutil.rmtree(folder.parent)
    reached = len(answers) / (60 * minutes * most)
    print(
        f"{len(answers):,} requests in {minutes:g} minutes, {reached:.0%} of the {most:.0f} a second that it can; "
        "by weights "
        f"{dict(Counter(which for _, which in answers))}"
    )
    report("all", [seconds for seconds, _ in answers])
    when, memory, _, files, threads = states[states[:, 0] > min(120, 20 * minutes)].T
    fit = linregress(when / 3600, memory)
    print(
        f"resident memory {memory[0]:.0f} MiB after the first minutes, {memory.max():.0f} at most, {memory[-1]:.0f} at "
        f"the end; slope {fit.slope:+.1f} ± {fit.stderr:.1f} MiB an hour"
    )
    for name, counts in (("open files", files), ("threads", threads)):
        print(f"{name}: {counts[0]:.0f}, at most {counts.max():.0f}, at the end {counts[-1]:.0f}")
    if {which for _, which in answers} & {"wrong", "lost"}:
        sys.exit("an answer was wrong or lost")


if __name__ == "__main__":
    typer.run(main)
