"""Image files: of every mode and format, cut, damaged, under wrong names, with more in them than they say."""

import io
import os
import struct
import zlib

import numpy as np
from PIL import Image, features

from hostile_inputs.case import Case, kind, pictures

LOSSLESS = ("png", "bmp", "tif")
FORMATS = {"png": "PNG", "bmp": "BMP", "tif": "TIFF", "gif": "GIF", "jpg": "JPEG"}
FORMATS |= {"webp": "WEBP"} if features.check("webp") else {}


def as_pil(image):
    """Return a PIL image of uint8 [H, W, 1 or 3]."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def encoded(image, suffix, **options):
    """Return a PIL image as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, FORMATS[suffix], **options)
    return file.getvalue()


def decoded(content):
    """Return a file's (first) image as Pillow shows it, uint8 [H, W, 1 or 3]."""
    image = Image.open(io.BytesIO(content))
    pixels = np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def write(folder, contents, suffix):
    """Write files; return the name of one of them (the last)."""
    for number, content in enumerate(contents):
        (folder / f"{number:03}.{suffix}").write_bytes(content)
    return f"{number:03}.{suffix}"


def among(chance, folder, content, suffix="png", **case):
    """Return the case of a folder of good files and one of this content."""
    images = pictures(chance)
    write(folder, [encoded(as_pil(image), "png") for image in images], "png")
    (folder / f"strange.{suffix}").write_bytes(content)
    return Case(folder, named=(f"strange.{suffix}",), **case)


def every(folder, images, contents, suffix, must="right"):
    """Return the case of a folder of these files, which hold these images."""
    write(folder, contents, suffix)
    return Case(folder, must, (np.stack(images), None), named=(folder.name, suffix))


@kind("plain files")
def plain(chance, folder):
    images, suffix = pictures(chance), str(chance.choice(LOSSLESS))
    return every(folder, images, [encoded(as_pil(image), suffix) for image in images], suffix)


@kind("one pixel, one row")
def thin(chance, folder):
    images = pictures(chance)[:, : chance.integers(1, 3), :1]
    images[:, 0, 0] = 9
    return every(folder, images, [encoded(as_pil(image), "png") for image in images], "png")


@kind("16 bits")
def sixteen(chance, folder):
    images = chance.integers(0, 2**16, (10, *chance.integers(2, 24, 2)), dtype=np.uint16)
    suffix = str(chance.choice(["png", "tif"]))
    right = np.rint(images / 257).astype(np.uint8)[..., None]
    return every(folder, right, [encoded(Image.fromarray(image), suffix) for image in images], suffix)


@kind("32 bits")
def thirty_two(chance, folder):
    image = Image.fromarray(chance.normal(size=(5, 6)).astype(chance.choice(["float32", "int32"])))
    return among(chance, folder, encoded(image, "tif"), "tif", must="refused")


@kind("CMYK, YCbCr, Lab")
def inks(chance, folder):
    mode, suffix = chance.choice([("CMYK", "jpg"), ("CMYK", "tif"), ("YCbCr", "jpg"), ("LAB", "tif")])
    channels = 4 if mode == "CMYK" else 3
    raw = chance.integers(0, 256, (10, 6, 7, channels), dtype=np.uint8)
    files = [encoded(Image.frombytes(str(mode), (7, 6), image.tobytes()), str(suffix)) for image in raw]
    return every(folder, [decoded(content) for content in files], files, str(suffix))


@kind("palettes, alpha, 1 bit")
def modes(chance, folder):
    mode = str(chance.choice(["P", "PA", "LA", "RGBA", "1"]))
    images = [as_pil(image) for image in pictures(chance, 3)]
    images = [image.convert("P").convert("PA") if mode == "PA" else image.convert(mode) for image in images]
    suffix = "tif" if mode == "PA" else str(chance.choice(["png", "tif"]))
    files = [
        encoded(image, suffix, **({"transparency": 3} if mode == "P" and suffix == "png" else {})) for image in images
    ]
    case = every(folder, [decoded(content) for content in files], files, suffix)
    case.must = "either" if mode == "1" else "right"  # black and white alone may be of 0 alone
    return case


@kind("animated")
def animated(chance, folder):
    suffix = str(chance.choice([each for each in ("gif", "png", "tif", "webp") if each in FORMATS]))
    more = {"lossless": True} if suffix == "webp" else {}
    files = []
    for _ in range(10):
        first, *others = (as_pil(image) for image in pictures(chance, 3, int(chance.integers(2, 6)), side=9))
        first, *others = (image.resize((8, 8)) for image in (first, *others))
        files.append(encoded(first, suffix, save_all=True, append_images=others, **more))
    return every(folder, [decoded(content) for content in files], files, suffix)


@kind("EXIF")
def exif(chance, folder):
    turns = {3: 2, 6: -1, 8: 1, 1: 0}
    images = pictures(chance)
    turn = int(chance.choice(list(turns)))
    tags = Image.Exif()
    tags[0x0112] = turn
    right = [np.rot90(image, turns[turn]) for image in images]
    return every(folder, right, [encoded(as_pil(image), "png", exif=tags) for image in images], "png")


@kind("EXIF of nonsense")
def wrong_exif(chance, folder):
    images = pictures(chance)
    tags = Image.Exif()
    tags[0x0112] = int(chance.integers(0, 65536))
    tags[0x010E] = "what\nis shown" * int(chance.integers(0, 50))
    content = bytearray(tags.tobytes())
    for at in chance.integers(6, len(content), chance.integers(0, 6)):
        content[at] = chance.integers(256)
    suffix = str(chance.choice(["jpg", "png"]))
    files = [encoded(as_pil(image), suffix, exif=bytes(content)) for image in images]
    write(folder, files, suffix)
    return Case(folder, named=(suffix,))


@kind("cut")
def cut(chance, folder):
    suffix = str(chance.choice(list(FORMATS)))
    content = encoded(as_pil(pictures(chance, 3)[0]), suffix)
    return among(chance, folder, content[: chance.integers(len(content))], suffix, options={"image_size": 8})


@kind("damaged")
def damaged(chance, folder):
    suffix = str(chance.choice(list(FORMATS)))
    content = bytearray(encoded(as_pil(pictures(chance, 3)[0]), suffix))
    for at in chance.integers(0, len(content), chance.integers(1, 9)):
        content[at] = chance.integers(256)
    return among(chance, folder, bytes(content), suffix, options={"image_size": 8})


@kind("under another suffix")
def renamed(chance, folder):
    images, inside = pictures(chance), str(chance.choice(LOSSLESS))
    files = [encoded(as_pil(image), inside) for image in images]
    return every(folder, images, files, str(chance.choice(["png", "jpg", "PNG", "Jpeg", "gif", "webp"])))


NO_IMAGES = (
    b"",
    b"\0" * 5000,
    b"<html><body>404</body></html>",
    b"%PDF-1.4\n1 0 obj\n",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(/etc/passwd) run\nshowpage\n%%EOF\n",
    b"PK\x03\x04" + b"\0" * 30,
    b"#! /bin/sh\nexit 1\n",
    b"#define x_width 8\n#define x_height 8\nstatic char x_bits[] = { 1, 2, 3, 4, 5, 6, 7, 8 };\n",
    b"P6 4 4 255 " + b"abc" * 16,
)


@kind("no image at all")
def none(chance, folder):
    contents = (*NO_IMAGES, chance.bytes(int(chance.integers(1, 2000))))
    content = contents[chance.integers(len(contents))]
    return among(chance, folder, content, str(chance.choice(list(FORMATS))), must="refused")


def png(width, height, pixels, bits=8, colour=0):
    """Return a PNG file whose header says any size."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@kind("bombs by header")
def announced(chance, folder):
    width, height = (int(2 ** chance.uniform(13, 31)) for _ in range(2))
    bmp = bytearray(encoded(Image.new("L", (4, 4)), "bmp"))
    bmp[18:26] = struct.pack("<ii", width & 0x7FFFFFFF, height & 0x7FFFFFFF)
    tif = bytearray(encoded(Image.new("L", (4, 4)), "tif"))
    gif = bytearray(encoded(Image.new("L", (4, 4)), "gif"))
    gif[6:10] = struct.pack("<HH", width & 0xFFFF | 0x8000, height & 0xFFFF | 0x8000)
    at = tif.index(struct.pack("<HHI", 256, 4, 1)) if struct.pack("<HHI", 256, 4, 1) in tif else None
    if at:
        tif[at + 8 : at + 12] = struct.pack("<I", width)
    files = {"png": png(width, height, zlib.compress(b"\0" * 100)), "bmp": bytes(bmp), "gif": bytes(gif)}
    files |= {"tif": bytes(tif)} if at else {}
    suffix = str(chance.choice(list(files)))
    return among(chance, folder, files[suffix], suffix, must="refused", options={"image_size": 8})


@kind("whole bombs", most=8)
def whole(chance, folder):
    """Files of a few kB whose images are as large as Pillow takes them, or ten of them larger than memory should be."""
    side, colour = int(chance.choice([5_000, 9_400, 12_000, 20_000])), int(chance.choice([0, 2]))
    packer, row = zlib.compressobj(9), b"\0" + b"\x77" * (side * (3 if colour else 1))
    content = b"".join([packer.compress(row) for _ in range(side)]) + packer.flush()
    (folder / "000.png").write_bytes(png(side, side, content, 8, colour))
    for number in range(1, 10):
        os.link(folder / "000.png", folder / f"{number:03}.png")
    options = {"image_size": 16} if side < 9_400 else {}
    return Case(folder, named=("000.png", folder.name), options=options, must="refused" if side > 9_400 else "either")


@kind("without pixels")
def without(chance, folder):
    size = [(0, 5), (5, 0), (0, 0)][chance.integers(3)]
    bmp = bytearray(encoded(Image.new("L", (4, 4)), "bmp"))
    bmp[18:26] = struct.pack("<ii", *size)
    suffix, content = [("png", png(*size, zlib.compress(b"\0" * 10))), ("bmp", bytes(bmp))][chance.integers(2)]
    return among(chance, folder, content, suffix, must="refused")
