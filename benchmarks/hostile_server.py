"""The built-in server under hostile requests, while another client sends usual ones: see hostile.py."""

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import httpx
import numpy as np
from hostile_inputs import requests
from serving_load import served, state_of

import aae_tf

PEAK = 6 * 2**30  # bytes that the server may use: 16 connections with bodies of 64 MiB, two of them as objects
NAME = "digits"
PROCESSES = multiprocessing.get_context("spawn")


def exported(folder):
    """Export a small model with signatures for files; return images and their codes."""
    digits = aae_tf.data.load("mnist_5k")
    options = {"epochs": 1, "widths": (64,), "discriminator_widths": (64,), "jit_compile": False, "progress": False}
    run = aae_tf.train("gaussian", digits.train.images[:400], out_dir=folder / "run", report=False, **options)
    run.export(folder / NAME, png=True)
    images = digits.test.images[:50]
    return images / np.float32(255), run.model.encode(images)


def is_right(answer, codes):
    return np.allclose(answer.json()["outputs"], codes, atol=1e-2)


def probe(url, images, codes, done, answers):
    """Send usual requests, each on a new connection; put (seconds, whether it was right) of each into `answers`."""
    probes = []
    while not done.wait(0.05):
        row, started = len(probes) % len(images), time.perf_counter()
        body = requests.asked("encode", images=images[row : row + 1].tolist())
        try:
            answer = httpx.post(url + ":predict", content=body, timeout=120)
            if answer.status_code == 503:  # too many connections
                continue
            right = answer.status_code == 200 and is_right(answer, codes[row : row + 1])
        except httpx.HTTPError as error:
            right = False
            print(f"the prober: {error!r}", flush=True)
        probes.append((time.perf_counter() - started, right))
    answers.put(probes)


class Campaign:
    """Sends requests, and counts the outcomes of each kind."""

    def __init__(self, port, images, codes):
        self.url, self.port = f"http://127.0.0.1:{port}/v1/models/{NAME}", port
        self.images, self.codes = images, codes
        self.outcomes, self.failures = defaultdict(Counter), []

    def note(self, kind, outcome, why=""):
        self.outcomes[kind][outcome] += 1
        if outcome == "failed":
            self.failures.append(f"{kind}: {why}")
            print(self.failures[-1][:400], flush=True)

    async def send(self, client, kind, request):
        try:
            answer = await client.request(
                request.method, self.url + request.path, content=request.body, headers=request.headers
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return self.note(kind, "failed", repr(error))
        self.judge(kind, answer, request.statuses, request.right)

    def judge(self, kind, answer, statuses, right=None):
        if answer.status_code not in statuses:
            return self.note(kind, "failed", f"{answer.status_code}: {answer.text[:200]}")
        if answer.status_code != 200:
            is_json = answer.headers["content-type"] == "application/json"
            message = answer.json()["error"] if is_json else answer.text
            return self.note(kind, *(("refused",) if 0 < len(message) <= 2000 else ("failed", repr(message[:200]))))
        if right is not None and not is_right(answer, right):
            return self.note(kind, "failed", "another answer")
        self.note(kind, "right")

    async def generated(self, count, seed):
        """Send generated requests over 16 connections."""
        shares, left = {}, count
        for place, (name, (_, most)) in enumerate(sorted(requests.KINDS.items(), key=lambda each: each[1][1])):
            shares[name] = min(most, max(1, round(left / (len(requests.KINDS) - place))))
            left -= shares[name]
        chance = np.random.default_rng(seed)
        names = iter(chance.permutation([name for name, share in shares.items() for _ in range(share)]).tolist())

        async def connection():
            async with httpx.AsyncClient(timeout=180) as client:
                for name in names:
                    await self.send(client, name, requests.KINDS[name][0](chance, self.images, self.codes))

        await asyncio.gather(*(connection() for _ in range(16)))

    async def at_once(self, count):
        """Send right requests over as many new connections at once."""
        body = requests.asked("encode", images=self.images[:1].tolist())

        async def one(client):
            request = requests.Request(body, (200, 503), self.codes[:1])
            await self.send(client, f"{count:,} connections at once", request)

        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=180, limits=limits) as client:
            await asyncio.gather(*(one(client) for _ in range(count)))


async def run(campaign, count, seed, connections):
    """Send everything, one part after another."""
    await campaign.generated(count, seed)
    await campaign.at_once(connections)


def server(
    requests: int = 5000,
    connections: int = 1000,
    seed: int = 0,
    port: int = 8597,
    peak_gib: float = PEAK / 2**30,
):
    """Send generated requests, then right ones over many connections at once."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        folder = Path(folder)
        campaign = Campaign(port, *exported(folder))
        with open(folder / "server.log", "w") as log, served(folder / NAME, port, log) as (_, process):
            before = state_of(process.pid)
            done, answers = PROCESSES.Event(), PROCESSES.Queue()
            prober = PROCESSES.Process(
                target=probe, args=(campaign.url, campaign.images, campaign.codes, done, answers)
            )
            prober.start()
            started = time.monotonic()
            asyncio.run(run(campaign, requests, seed, connections))
            seconds = time.monotonic() - started
            done.set()
            times, right = zip(*answers.get(), strict=True)
            prober.join()
            time.sleep(2)
            after = state_of(process.pid)
        log = (folder / "server.log").read_text().splitlines()
    print("| requests | sent | right | refused | failed |\n|---|---|---|---|---|")
    for kind, found in campaign.outcomes.items():
        numbers = (sum(found.values()), found["right"], found["refused"], found["failed"])
        print(f"| {kind} | " + " | ".join(f"{number:,}" for number in numbers) + " |")
    quantiles = " ms, ".join(f"{1000 * value:.0f}" for value in np.quantile(times, [0.5, 0.99, 1]))
    print(
        f"{seconds:.0f} s; the prober: {len(times):,} requests, {right.count(False)} wrong or lost, "
        f"p50, p99, worst: {quantiles} ms"
    )
    for name, (use, most, files, threads) in (("before", before), ("after", after)):
        print(f"{name}: {use:,.0f} MiB in use, at most {most:,.0f}; {files} files, {threads} threads")
    tracebacks = sum("Traceback" in line for line in log)
    print(f"the server's log: {len(log)} lines, {tracebacks} tracebacks", *log[-5:] if tracebacks else (), sep="\n")
    sys.exit(bool(campaign.failures or right.count(False) or after[1] > peak_gib * 1024 or tracebacks))
