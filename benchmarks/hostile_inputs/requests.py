"""Invalid and hostile requests to a model server, each with the accepted statuses of the answer."""

import base64
import gzip
import json
import zlib
from dataclasses import dataclass, field

import numpy as np

from hostile_inputs.image_files import as_pil, encoded, png

KINDS = {}


@dataclass
class Request:
    """A request.

    Attributes:
        body: bytes.
        statuses: accepted statuses of the answer.
        right: codes in an answer of status 200; None for any.
        path: the rest of the path after /v1/models/NAME.
        method: HTTP method.
        headers: dict.
    """

    body: bytes
    statuses: tuple = (400,)
    right: np.ndarray | None = None
    path: str = ":predict"
    method: str = "POST"
    headers: dict = field(default_factory=dict)


def kind(name, most=10**6):
    """Register a function (random generator, images [N, 28, 28, 1], their codes) that returns a request."""
    return lambda make: KINDS.setdefault(name, (make, most))[0]


def asked(signature, **inputs):
    return json.dumps({"signature_name": signature, "inputs": inputs}).encode()


def file(content):
    return {"b64": base64.b64encode(content).decode()}


@kind("right")
def right(chance, images, codes):
    rows = chance.integers(0, len(images), chance.integers(1, 5))
    return Request(asked("encode", images=images[rows].tolist()), (200,), codes[rows])


@kind("right, with files")
def files(chance, images, codes):
    rows = chance.integers(0, len(images), chance.integers(1, 5))
    contents = [encoded(as_pil(np.rint(images[row] * 255).astype(np.uint8)), "png") for row in rows]
    return Request(asked("encode_png", image_bytes=[file(each) for each in contents]), (200,), codes[rows])


@kind("not JSON")
def no_json(chance, images, codes):
    body = asked("encode", images=images[:1].tolist())
    bodies = (
        chance.bytes(int(chance.integers(0, 3000))),
        body[: int(chance.integers(len(body)))],
        body.replace(b"0.0", b"NaN", 1),
        body.replace(b"0.0", b"1e99999", 1),
        b'{"inputs": "\xff\xfe"}',
        b'{"inputs": "\\ud800"}',
        body.decode().encode("utf-16"),
        gzip.compress(body),
        b"\0" * 100_000,
    )
    return Request(bodies[chance.integers(len(bodies))])


@kind("deep JSON")
def deep(chance, images, codes):
    depth = int(10 ** chance.uniform(1, 6))
    begin, end = (b"[", b"]") if chance.random() < 0.5 else (b'{"a":', b"}")
    return Request(b'{"inputs": {"images": ' + begin * depth + b"1" + end * depth + b"}}")


@kind("huge numbers")
def numbers(chance, images, codes):
    number = (
        ["1" * int(chance.integers(20, 5000)), "1e308", "-1e308", "1e39", "9223372036854775807", "18446744073709551615"]
    )[chance.integers(6)]
    if chance.random() < 0.5:
        return Request(f'{{"signature_name": "sample", "inputs": {{"seeds": [{number}]}}}}'.encode())
    body = asked("encode", images=images[:1].tolist())
    return Request(body.replace(b"0.0", number.encode(), 1), (200, 400))


@kind("wrong types and shapes")
def types(chance, images, codes):
    good = images[:2].tolist()
    values = (
        None, True, "text", {}, [], [[]], [None], {"b64": "AAAA"}, good[0], [good[0], good[0][:27]],
        [good[0], "x" * 99], [[[[True] * 28] * 28]],
        [[[["1"] * 28] * 28]], [{"images": good[0]}], {"images": {"images": good}},
    )  # fmt: skip
    value = values[chance.integers(len(values))]
    form = chance.integers(3)
    if form == 0:
        return Request(asked("encode", images=value))
    if form == 1:
        return Request(json.dumps({"instances": value}).encode(), (200, 400))
    return Request(json.dumps({"signature_name": value, "inputs": {"images": good}}).encode(), (200, 400))


@kind("a long text among numbers", most=30)
def long_text(chance, images, codes):
    """An array of texts of this length would take gigabytes."""
    return Request(asked("encode", images=["x" * 500_000] + [1] * 100_000))


@kind("wrong base64")
def base(chance, images, codes):
    texts = ("!", "AAA", "A" * 5001, "é", "\0", "AAAA\n" * 40, 5, None, ["AAAA"], {"b64": "AAAA"})
    value = {"b64": texts[chance.integers(len(texts))]}
    return Request(asked("encode_png", image_bytes=[value] if chance.random() < 0.8 else value))


@kind("files that are not images")
def no_images(chance, images, codes):
    good = encoded(as_pil(np.rint(images[0] * 255).astype(np.uint8)), str(chance.choice(["png", "jpg", "gif", "bmp"])))
    contents = (b"", good[:4], good[: int(chance.integers(40))], chance.bytes(100), b"GIF89a", b"BM", b"\xff\xd8\xff")
    return Request(asked("encode_png", image_bytes=[file(contents[chance.integers(len(contents))])]))


@kind("decompression bombs by header")
def bombs(chance, images, codes):
    width, height = (int(2 ** chance.uniform(13.5, 31)) for _ in range(2))
    bmp = bytearray(encoded(as_pil(np.zeros((4, 4, 3), np.uint8)), "bmp"))
    bmp[18:26] = min(width, 2**31 - 1).to_bytes(4, "little") + min(height, 2**31 - 1).to_bytes(4, "little")
    gif = bytearray(encoded(as_pil(np.zeros((4, 4, 1), np.uint8)), "gif"))
    gif[6:10] = b"\xff\xff\xff\xff"
    jpeg = bytearray(encoded(as_pil(np.zeros((16, 16, 3), np.uint8)), "jpg"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\xff\xf0\xff\xf0"
    contents = (png(width, height, zlib.compress(bytes(99))), bytes(bmp), bytes(gif), bytes(jpeg))
    count = int(chance.integers(1, 50))
    return Request(asked("encode_png", image_bytes=[file(contents[chance.integers(4)])] * count))


@kind("whole bombs", most=10)
def whole(chance, images, codes):
    """32 files of a few kB with 225 million pixels each."""
    content = png(15_000, 15_000, zlib.compress(bytes(15_001) * 15_000, 9))
    return Request(asked("encode_png", image_bytes=[file(content)] * 32))


@kind("too many rows")
def rows(chance, images, codes):
    count = int(chance.choice([4097, 10_000, 1_000_000]))
    return Request(asked("sample", seeds=list(range(count))))


@kind("large answers", most=20)
def large(chance, images, codes):
    return Request(asked("sample", seeds=list(range(4096))), (200,))


@kind("bodies of 60 MB that are large objects", most=10)
def explosion(chance, images, codes):
    part, count = [(b"[],", 3), (b"{},", 3), (b"[[0.5]],", 8)][chance.integers(3)]
    return Request(b'{"inputs": {"images": [' + part * (60_000_000 // count) + b"0]}}", (400,))


@kind("bodies that are too large", most=20)
def too_large(chance, images, codes):
    return Request(b" " * (65 * 2**20), (413,))


@kind("100,000 names", most=50)
def names(chance, images, codes):
    return Request(json.dumps({"inputs": {f"name\n{number}": 1 for number in range(100_000)}}).encode())


@kind("routes, methods, versions")
def routes(chance, images, codes):
    paths = (
        "/versions/" + "9" * int(chance.integers(2, 6000)) + ":predict", "/versions/-1:predict", "/versions/x", "x",
        "/", "/../../../etc/passwd", "/versions/1/../../..", "/%00", "/%0a%1b[31m", ":classify", "/metadata/x",
        "?a=" + "b" * 999,
    )  # fmt: skip
    method = str(chance.choice(["POST", "GET", "PUT", "DELETE", "OPTIONS"]))
    path = paths[chance.integers(len(paths))]
    return Request(b"{}", (200, 404, 405) if path[0] == "?" else (404, 405), path=path, method=method)
