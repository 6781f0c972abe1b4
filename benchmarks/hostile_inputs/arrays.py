"""Arrays of images and labels of every type and shape, and .npz files of them."""

import io
import zipfile

import numpy as np

from hostile_inputs.case import Case, kind, pictures

WORDS = ("images", "rows", "labels", "dataset")  # what a refusal of an array speaks of


def either(given, must="either", right=None, named=WORDS):
    return Case(given, must, right, named)


@kind("types of integers, floats, truth values")
def types(chance, folder):
    images = pictures(chance)
    dtype = str(chance.choice(["uint8", "int16", "uint16", "int32", "uint64", ">i4", "f2", "f4", ">f8", "g", "bool"]))
    given, right = images.astype(dtype), images
    if given.dtype.kind == "f":
        given = (images.astype("f8") / 255).astype(dtype)
    if dtype == "bool":
        given = images > 100
        right = given.astype(np.uint8) * 255
    return either(given, "right", (right, None))


@kind("memory orders")
def orders(chance, folder):
    images = pictures(chance)
    views = (
        np.asfortranarray(images),
        images[::-1, ::-1, ::-1],
        np.ma.masked_array(images),
        np.moveaxis(np.ascontiguousarray(np.moveaxis(images, -1, 0)), 0, -1),
        images.view(np.ndarray),
        memoryview(images),
    )
    given = views[chance.integers(len(views))]
    frozen = np.asarray(given)
    if isinstance(given, memoryview):
        return either(given)
    return either(given, "right", (np.ascontiguousarray(frozen), None))


@kind("nan, inf, out of range")
def values(chance, folder):
    images = pictures(chance).astype("float64") / 255
    bad = chance.choice([np.nan, np.inf, -np.inf, -0.5, 1.5, 254.0, 1e300, -1e300])
    images[tuple(chance.integers(0, images.shape))] = bad
    dtype = str(chance.choice(["f4", "f8", "g"]))
    with np.errstate(over="ignore"):
        return either(images.astype(dtype), "refused", named=("images hold",))


@kind("integers out of range")
def out_of_range(chance, folder):
    images = pictures(chance).astype("int64")
    images[tuple(chance.integers(0, images.shape))] = chance.choice([-1, 256, 2**40, -(2**63), 2**63 - 1])
    return either(images, "refused", named=("images hold",))


@kind("no numbers")
def no_numbers(chance, folder):
    shape = (12, 5, 5)
    things = (
        np.full(shape, None),
        np.full(shape, 3, object),
        np.full(shape, "a"),
        np.full(shape, b"a"),
        np.zeros(shape, complex),
        np.zeros(shape, "M8[s]"),
        np.zeros(shape, "m8[s]"),
        np.zeros(shape, [("red", "u1"), ("green", "u1")]),
        np.zeros(shape, "V3"),
    )
    return either(things[chance.integers(len(things))], "refused", named=("dtype",))


@kind("shapes")
def shapes(chance, folder):
    shape = tuple(int(size) for size in chance.choice([0, 1, 2, 3, 5, 30], chance.integers(0, 7)))
    while np.prod(shape, dtype="float64") > 1e6:
        shape = shape[1:]
    given = np.full(shape, 7, chance.choice(["uint8", "float32"])) * np.float32(0.1 if chance.random() < 0.5 else 1)
    return either(given.astype("float32"))


@kind("huge by strides")
def strided(chance, folder):
    size = [int(10 ** chance.uniform(1, 6)) for _ in range(3)]
    image = np.full((1, 1, 1), 7, chance.choice(["u1", "f4", "i8"]))
    if np.prod(size[:2]) > 100:  # neither small nor beyond memory takes long to read, as it should
        size[0] = 10**6
    given = np.lib.stride_tricks.as_strided(image, (10**4, *size[:2], 3), (0, 0, 0, 0))
    return either(given) if given.nbytes < 2**31 else either(given, "refused", named=("images",))


@kind("masked")
def masked(chance, folder):
    images = pictures(chance).astype("float32") / 255
    given = np.ma.masked_array(images, chance.random(images.shape) < 0.1)
    return either(given, "refused", named=("images",))


@kind("other things")
def things(chance, folder):
    some = (
        None, 5, 3.5, True, b"bytes", {}, set(), object(), [], (), [1, 2], ["a", "b"], lambda: 0, range(9),
        {"train": 5, "test": 6}, {"train": np.zeros((0, 3, 3))}, [[], []], ([[1]], None), (None, None), "", ".", "\0",
        "\n", "/dev", "~nobody_here/x", "a" * 5000, "no_such_data\n\x1b[31m", "https://example.org/x.png",
        np.float64(3), type, np, (1, 2, 3),
        {"train": "\0", "validation": "\0"}, np.nan, float("inf"), -1, iter([1]), np.array(5), np.array("x"),
    )  # fmt: skip
    return Case(some[chance.integers(len(some))], "refused")


@kind("labels that are right")
def labels(chance, folder):
    images = pictures(chance, count=12)
    names = chance.integers(0, 3, 12)
    names[:3] = 0, 1, 2
    forms = (
        names,
        names.astype("float32"),
        names.astype("uint8")[:, None],
        names.astype(str),
        names.astype("S"),
        names.astype(object),
        list(map(str, names)),
        names == 1,
        np.array(["a\nb", "\x1b[1m", "ü"])[names],
    )
    given = forms[chance.integers(len(forms))]
    right = np.asarray(given).ravel()
    right = [name.decode() if isinstance(name, bytes) else str(name) for name in right.tolist()]
    if np.asarray(given).dtype.kind in "fb":
        right = [str(int(number)) for number in np.asarray(given)]
    return either((images, given), "right", (images, right))


@kind("labels that are not")
def wrong_labels(chance, folder):
    images = pictures(chance, count=12)
    whole = np.arange(12) % 3
    forms = (
        whole[:-1],
        whole[None].repeat(2, 0),
        whole + 0.5,
        whole - 2,
        np.where(whole == 0, np.nan, whole),
        np.where(whole == 0, np.inf, whole),
        whole * 1e300,
        whole.astype(complex),
        whole.astype("M8[s]"),
        whole.astype("m8[s]"),
        whole.astype([("label", "i4")]),
        np.array([{}] * 12),
        np.array([b"\xff"] * 12),
        np.full(12, 2**64 - 1, "uint64"),
        np.full(12, 2**63 - 1),
        5,
        {},
        "labels",
        np.zeros((12, 0)),
        [[1], [1, 2]] * 6,
    )
    which = chance.integers(len(forms))
    most = "refused" if which < 10 else "either"  # large codes and odd objects may be names of classes
    return either((images, forms[which]), most, named=("labels",))


@kind("arrays of 10,000 classes", most=20)
def many(chance, folder):
    images = chance.integers(0, 256, (10_000, 3, 3, 1), dtype=np.uint8)
    numbers = chance.permutation(10_000) * int(chance.choice([1, 50]))
    names = [f"class {number}" for number in numbers] if chance.random() < 0.5 else numbers
    return either((images, names), "right", (images, [str(name) for name in names]))


def npy(dtype, shape, content=b"", version=(1, 0)):
    """Return an .npy file whose header says anything."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".ljust(117) + "\n"
    return b"\x93NUMPY" + bytes(version) + len(header).to_bytes(2, "little") + header.encode() + content


@kind(".npz")
def npz(chance, folder):
    images, path = pictures(chance), folder / "data.npz"
    numbers = np.arange(len(images)) % 3
    np.savez_compressed(path, images=images, labels=numbers)
    return Case(path, "right", (images, [str(number) for number in numbers]))


@kind(".npz that are strange")
def strange_npz(chance, folder):
    path, images = folder / "data.npz", pictures(chance)
    file = io.BytesIO()
    np.save(file, images)
    good = file.getvalue()
    members = (
        npy("|u1", (10**7, 10**6)),
        npy("|u1", (10, 2**40, 1)),
        npy("|u1", (-1, 5, 5)),
        npy("|u1", (10, 5, 5), b"short"),
        npy("|O", (10, 5, 5), b"\x80\x04cos\nsystem\n."),
        npy("[('a', '<f8')]", (10, 5, 5), bytes(2000)),
        npy("__import__('os')", (1,)),
        npy("|u1", "(" * 90),
        b"\x93NUMPY" + bytes(200),
        b"",
        chance.bytes(300),
    )
    which = int(chance.integers(len(members) + 5))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if which < len(members):
            archive.writestr("images.npy", members[which])
        elif which == len(members):  # other names, with more in them
            archive.writestr("\n\x1b[31m.npy", good)
            archive.writestr("../../etc/passwd", b"root")
        else:
            archive.writestr("images.npy", good)
            archive.writestr("labels.npy", members[chance.integers(len(members))])
    content = bytearray(path.read_bytes())
    if which == len(members) + 2:
        content = content[: chance.integers(len(content))]
    if which == len(members) + 3:
        content[chance.integers(len(content))] ^= 1 << int(chance.integers(8))
    if which == len(members) + 4:  # said to be encrypted
        for at in (6, content.index(b"PK\x01\x02") + 8):
            content[at] |= 1
    path.write_bytes(content)
    return Case(path, named=("data.npz", "images", "labels"))


@kind(".npz bombs", most=2)
def npz_bomb(chance, folder):
    """A zip of some MB that holds 3 GB of zeros."""
    path, rows = folder / "data.npz", 3072
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("images.npy", "w", force_zip64=True) as file,
    ):
        file.write(npy("|u1", (rows, 1024, 1024)))
        for _ in range(rows // 64):
            file.write(bytes(64 * 2**20))
    return Case(path, "refused", named=("data.npz",))
