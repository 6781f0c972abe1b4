"""Folders of images: strange names, links, other things than files, many classes, several sizes."""

import os
import socket

import numpy as np

from hostile_inputs.case import Case, kind, pictures
from hostile_inputs.image_files import as_pil, encoded, write

STRANGE = (
    "two\nlines.png",
    "\x1b[31mred\x1b[0m.png",
    "-rf.png",
    "a'quote\"s.png",
    "{0}%s%n.png",
    "‮gnp.exe.png",
    "x" * 240 + ".png",
    "tab\tand\rreturn.png",
    "ünïcödé 数字.png",
    os.fsdecode(b"not \xff utf-8.png"),
)


def good(chance, folder):
    """Fill a folder with good files; return their images."""
    images = pictures(chance)
    folder.mkdir(exist_ok=True)
    write(folder, [encoded(as_pil(image), "png") for image in images], "png")
    return images


@kind("strange names, good files")
def named(chance, folder):
    images = good(chance, folder)
    for number, name in enumerate(chance.choice(STRANGE, 3, replace=False)):
        (folder / f"{number:03}.png").rename(folder / str(name))
    return Case(folder, "right", (images, None))


@kind("strange names, bad files")
def badly_named(chance, folder):
    good(chance, folder)
    name = str(chance.choice(STRANGE))
    (folder / name).write_bytes(b"no image")
    return Case(folder, "refused", named=(name[:3], name.encode("unicode_escape").decode()[:3]))


@kind("strange classes")
def classes(chance, folder):
    names = [name.removesuffix(".png") for name in chance.choice(STRANGE, 3, replace=False)]
    images, labels = pictures(chance, count=12), [names[number % 3] for number in range(12)]
    for number, (image, name) in enumerate(zip(images, labels, strict=True)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / f"{number}.png").write_bytes(encoded(as_pil(image), "png"))
    return Case(folder, "right", (images, labels))


@kind("links")
def links(chance, folder):
    inside, outside = folder / "in", folder / "out"
    images = good(chance, outside)
    inside.mkdir()
    for path in outside.iterdir():
        (inside / path.name).symlink_to(path)
    which = chance.integers(6)
    if which == 0:  # of files, as collections of links are
        return Case(inside, "right", (images, None))
    if which == 1:  # to nothing
        (inside / "odd.png").symlink_to(outside / "nothing.png")
    if which == 2:  # to itself
        (inside / "odd.png").symlink_to(inside / "odd.png")
    if which == 3:  # in a circle
        (inside / "odd").symlink_to(inside)
    if which == 4:  # out of the folder, to a whole folder
        (inside / "odd").symlink_to(outside)
    if which == 5:
        (inside / "odd.png").symlink_to("/dev/zero")
    return Case(inside, "refused", named=("odd",))


@kind("no regular files")
def special(chance, folder):
    images, odd = good(chance, folder), folder / "odd.png"
    which = chance.integers(3)
    if which == 0:
        os.mkfifo(odd)
        return Case(folder, "refused", named=("odd.png",))
    if which == 1:
        with socket.socket(socket.AF_UNIX) as here:
            here.bind(os.path.relpath(odd))
        return Case(folder, "refused", named=("odd.png",))
    odd.mkdir()
    return Case(folder, "right", (images, None))


@kind("deep folders")
def deep(chance, folder):
    images, place = pictures(chance), folder
    for _ in range(chance.integers(1, 300)):
        place = place / "d"
    place.mkdir(parents=True)
    write(place, [encoded(as_pil(image), "png") for image in images], "png")
    return Case(folder, "right", (images, ["d"] * len(images)))


@kind("10,000 classes", most=4)
def many(chance, folder):
    image = pictures(chance, 1, 1)[0]
    names = [f"class {number}" for number in range(10_000)]
    (folder / "one").write_bytes(encoded(as_pil(image), "png"))
    for name in names:
        (folder / name).mkdir()
        os.link(folder / "one", folder / name / "0.png")
    return Case(folder, "right", (np.repeat(image[None], len(names), 0), names))


@kind("several sizes")
def sizes(chance, folder):
    write(folder, [encoded(as_pil(pictures(chance)[0]), "png") for _ in range(10)], "png")
    (folder / "big.png").write_bytes(encoded(as_pil(np.zeros((40, 41, 3), np.uint8)), "png"))
    if chance.random() < 0.5:
        return Case(folder, "refused", named=("40x41", "sizes"))
    return Case(folder, "right", options={"image_size": int(chance.integers(1, 30))})


@kind("flat beside classes, too few, none")
def structure(chance, folder):
    good(chance, folder)
    which = chance.integers(3)
    if which == 0:
        good(chance, folder / "class")
    if which == 1:
        for path in sorted(folder.iterdir())[chance.integers(1, 10) :]:
            path.unlink()
    if which == 2:
        for path in folder.iterdir():
            path.rename(path.with_suffix(".txt"))
    return Case(folder, "refused", named=(folder.name, "too few"))
