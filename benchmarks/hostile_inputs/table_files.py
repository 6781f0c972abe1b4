"""Tables: CSV, Parquet and .npy files, and DataFrames, whole and otherwise."""

import io
import os
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from hostile_inputs.arrays import npy
from hostile_inputs.case import Case, kind


def rows_of(chance, most=6):
    return chance.normal(size=(int(chance.integers(10, 30)), int(chance.integers(1, most)))).astype("float32")


def framed(rows, names=None):
    return pd.DataFrame(rows, columns=names or [f"column {number}" for number in range(rows.shape[1])])


def tables(chance, folder, frame):
    """Write a frame as some kind of table; return its path."""
    suffix = str(chance.choice(["csv", "tsv", "parquet"]))
    path = folder / f"table.{suffix}"
    if suffix == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="," if suffix == "csv" else "\t")
    return path


@kind("tables")
def whole(chance, folder):
    rows = rows_of(chance)
    return Case(tables(chance, folder, framed(rows)), "right", (rows, None))


@kind("tables with labels and strange names")
def labelled(chance, folder):
    rows = rows_of(chance)
    names = [f"{number}\n\x1b[31m'\"" for number in range(rows.shape[1])]
    frame, labels = framed(rows, names), [f"class\n{number % 2}" for number in range(len(rows))]
    frame["answer"] = labels
    return Case(tables(chance, folder, frame), "right", (rows, labels), options={"columns": {"label": "answer"}})


@kind("tables with gaps, infinities, text, dates")
def gaps(chance, folder):
    frame = framed(rows_of(chance))
    odd = (
        np.where(np.arange(len(frame)) == 3, np.nan, 1.5),
        np.where(np.arange(len(frame)) == 3, np.inf, 1.5),
        np.full(len(frame), np.nan),
        np.full(len(frame), 5.0),
        pd.date_range("2020", periods=len(frame)),
        pd.timedelta_range(0, periods=len(frame)),
        np.arange(len(frame)),
        [f"{chance.integers(10**9)}" for _ in range(len(frame))],
        ["same"] * len(frame),
        [10**30 + number for number in range(len(frame))],
        [1e300 * number for number in range(len(frame))],
        1e9 + np.arange(len(frame)) / 1e3,
    )
    frame["odd"] = odd[chance.integers(len(odd))]
    return Case(tables(chance, folder, frame) if chance.random() < 0.7 and frame.odd.dtype != object else frame)


@kind("DataFrames of strange types")
def typed(chance, folder):
    frame = framed(rows_of(chance))
    count = len(frame)
    odd = (
        pd.Series([[1, 2]] * count),
        pd.Series([{}] * count),
        pd.Series([b"x", b"y"] * count)[:count],
        pd.Series([1 + 2j, 2] * count)[:count],
        pd.Series([None, 1, "a", 2.5] * count)[:count],
        pd.Series(pd.arrays.SparseArray([0.0, 1.5] * count))[:count],
        pd.Series(pd.Categorical(["a", "b"] * count))[:count],
        pd.Series(pd.interval_range(0, count)),
        pd.Series(pd.period_range("2020", periods=count, freq="D")),
        pd.Series([True, None] * count, dtype="boolean")[:count],
        pd.Series([np.nan, "\n\x1b"] * count)[:count],
        pd.Series([object()] * count),
    )
    frame["odd"] = (
        odd[chance.integers(len(odd))].to_numpy() if chance.random() < 0.3 else odd[chance.integers(len(odd))]
    )
    if chance.random() < 0.2:
        frame.columns = pd.MultiIndex.from_tuples([("a", number) for number in range(frame.shape[1])])
    elif chance.random() < 0.2:
        frame.columns = ["twice"] * frame.shape[1]
    return Case(frame)


@kind("CSV that is none")
def no_csv(chance, folder):
    path = folder / "table.csv"
    lines = "a,b\n" + "".join(f"{x},{y}\n" for x, y in chance.normal(size=(20, 2)))
    contents = (
        b"",
        b"\n",
        b"a,b\n",
        b"a,b\n" + b"1.5," * 5000 + b"\n",
        b"\0" * 3000,
        lines.encode() + b'"',
        lines.encode("utf-16"),
        lines.replace(",", "\0").encode(),
        lines.encode() + b"1,2,3,4\n",
        b"a,a\n" + lines.encode(),
        b"\xff\xfe\xfd,b\n1,2\n",
        b'"' + b"x" * 300_000,
        b"a,b\n" + b"9" * 5000 + b",1\n" * 12,
        b"a\n" + b"1e999\n" * 12,
        b",\n" * 50,
        bytes(chance.integers(0, 256, 2000, dtype=np.uint8)),
        lines.encode()[: int(chance.integers(len(lines)))],
    )
    path.write_bytes(contents[chance.integers(len(contents))])
    return Case(
        path,
        named=("table.csv", "column", "rows", "'", "values in", "every one of", "no row has", "a, b", "whole", "same"),
    )


@kind("tables of many columns", most=6)
def wide(chance, folder):
    rows = chance.normal(size=(12, 10_000)).astype("float32")
    return Case(tables(chance, folder, framed(rows)), "right", (rows, None))


@kind("sparse files of 8 GB", most=6)
def sparse(chance, folder):
    suffix = str(chance.choice(["csv", "tsv", "parquet", "npz"]))
    path = folder / f"table.{suffix}"
    path.write_bytes(b"a,b\n")
    os.truncate(path, 8 * 2**30)
    return Case(path, "refused", named=(path.name,))


@kind("Parquet that is none")
def no_parquet(chance, folder):
    path = folder / "table.parquet"
    file = io.BytesIO()
    framed(rows_of(chance)).to_parquet(file)
    content = bytearray(file.getvalue())
    which = chance.integers(4)
    if which == 0:
        content = content[: chance.integers(len(content))]
    if which == 1:
        for at in chance.integers(0, len(content), chance.integers(1, 6)):
            content[at] = chance.integers(256)
    if which == 2:
        content = b"PAR1" + chance.bytes(50) + b"PAR1"
    if which == 3:
        content = b""
    path.write_bytes(content)
    return Case(path, named=("table.parquet", "column", "rows", "'", "values in"))


@kind("Parquet bombs", most=12)
def parquet_bomb(chance, folder):
    """Some kB that say the same number, or the same long text, a thousand million times."""
    path, count = folder / "table.parquet", 10**6
    texts = chance.random() < 0.5
    value = pa.array(["x" * 10**5] * 10).dictionary_encode() if texts else pa.array([1.5] * count)
    if texts:
        value = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, "int32")), value.dictionary)
    with parquet.ParquetWriter(path, pa.schema([("a", value.type)])) as writer:
        for _ in range(1 if texts else 1000):
            writer.write_table(pa.table({"a": value}))
    return Case(path, "refused", named=("table.parquet", "'a'", "column", "Parquet"))


@kind("folders of .npy")
def arrays(chance, folder):
    rows = rows_of(chance)
    for number, row in enumerate(rows):
        np.save(folder / f"{number:03}.npy", row)
    return Case(folder, "right", (rows, None))


@kind("folders of strange .npy")
def strange_arrays(chance, folder):
    for number, row in enumerate(rows_of(chance)):
        np.save(folder / f"{number:03}.npy", row)
    npz = io.BytesIO()
    np.savez(npz, a=np.zeros(3))
    odd = (
        npy("<f4", (10**9, 10**6)),
        npy("<f4", (10**10,)),
        npy("|O", (3,), pickle.dumps(print)),
        npy("<f4", (3,), b"12"),
        npy("<f4", (0, 77)),
        npy("<c8", (3,), bytes(24)),
        npy("<M8[s]", (3,), bytes(24)),
        npy("|S2", (3,), bytes(6)),
        npz.getvalue(),
        b"",
        b"\x93NUMPY",
        chance.bytes(100),
    )
    which = chance.integers(len(odd) + 2)
    if which < len(odd):
        (folder / "odd.npy").write_bytes(odd[which])
    elif which == len(odd):
        os.mkfifo(folder / "odd.npy")
    else:
        (folder / "odd.npy").symlink_to(folder / "odd.npy")
    return Case(folder, "refused", named=("odd.npy", "shapes", "dtype", "rows"))
