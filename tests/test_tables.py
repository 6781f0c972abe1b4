"""Tables as data: what is read from what, what a column is taken for, and what is refused, in one line each."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import load_wine

from aae_tf import data
from aae_tf.data.tables import files as table_files
from aae_tf.data.tables.files import read_frames
from aae_tf.errors import InputError


@pytest.fixture(scope="module")
def wine():
    """178 wines, 13 real columns and the name of the cultivar."""
    frame = load_wine(as_frame=True).frame
    return frame.assign(target=frame.target.map(dict(enumerate("abc"))))


@pytest.fixture(scope="module")
def mixed(wine):
    """The same wines with a column of each other kind."""
    strong = np.where(wine.alcohol > 13, "strong", "light")
    return wine.assign(body=strong, red=wine.hue > 1, cases=(wine.proline / 10).astype(int))


COUNTS = {"label": "target", "counts": ("cases",)}


def test_rows_come_from_arrays_frames_sparse_rows_and_files(wine, tmp_path):
    rows, names = wine.drop(columns="target"), wine.target
    wine.to_csv(tmp_path / "wine.csv", index=False)
    wine.to_parquet(tmp_path / "wine.parquet")
    (tmp_path / "parts").mkdir()
    rows[:100].to_csv(tmp_path / "parts" / "1.csv", index=False)
    rows[100:].to_csv(tmp_path / "parts" / "2.csv", index=False)
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "1.npy", rows[:177])
    np.save(tmp_path / "arrays" / "2.npy", rows.iloc[177])
    labelled = {"label": "target"}
    expected = data.load((rows.to_numpy(), names))
    for given, options in (
        (wine, labelled),
        ((rows, names), None),
        (tmp_path / "wine.csv", {"label": "target", "real": ("proline", "magnesium")}),
        (str(tmp_path / "wine.parquet"), labelled),
        (tmp_path / "parts", {"real": ("proline", "magnesium")}),
        (tmp_path / "arrays", None),
        (scipy.sparse.csr_matrix(rows), None),
    ):
        found = data.load(given, columns=options)
        for part in ("train", "validation", "test"):
            np.testing.assert_allclose(getattr(found, part).images, getattr(expected, part).images, rtol=1e-6)
            if found.classes:
                np.testing.assert_array_equal(getattr(found, part).labels, getattr(expected, part).labels)
    assert expected.class_names == ("a", "b", "c")
    assert expected.columns.names == tuple(f"x{number}" for number in range(13))
    assert expected.train.images.dtype == np.float32


def test_the_type_of_a_column_says_what_it_is(mixed):
    found = data.load(mixed, columns=COUNTS)
    assert "13 real, 1 count, 1 binary and 1 categorical columns" in found.source
    kinds = {each.name: each.kind for each in found.columns.columns}
    assert (kinds["alcohol"], kinds["body"], kinds["red"], kinds["cases"]) == ("real", "category", "binary", "count")
    assert found.columns.entries[13:] == ("body=light", "body=strong", "red", "cases")
    whole = found.columns.encode(mixed.drop(columns="target"))
    np.testing.assert_array_equal(whole[:, 14], mixed.alcohol > 13)
    np.testing.assert_array_equal(whole[:, 13] + whole[:, 14], np.ones(178))
    np.testing.assert_array_equal(whole[:, 15], mixed.hue > 1)
    again = data.Columns.from_config(found.columns.get_config())
    assert again == found.columns
    assert data.load(mixed.replace("light", "weak"), columns=COUNTS).fingerprint() != found.fingerprint()


def test_whole_numbers_are_taken_for_nothing_in_silence(mixed):
    rows = np.arange(400).reshape(40, 10) % 7
    with pytest.raises(InputError, match=r"x0, .* \(10\): integers, which may be real.*columns.counts=x0"):
        data.load(rows)
    with pytest.raises(InputError, match="cases: integers"):
        data.load(mixed, columns={"label": "target"})
    kinds = {"real": ("all",), "counts": ("x3",), "categorical": ("x5",)}
    found = data.load(rows, columns=kinds).columns
    assert [each.kind for each in found.columns][3:6] == ["count", "real", "category"]
    assert found.columns[5].categories == tuple("0123456")
    with pytest.raises(InputError, match="'x0' was given as counts"):
        data.load(rows - 0.5, columns={"counts": ("all",)})


def test_missing_values_are_refused_or_imputed_by_training_rows(mixed):
    holes = mixed.assign(ash=mixed.ash.where(mixed.ash < 2.6), body=mixed.body.where(mixed.index % 9 > 0))
    with pytest.raises(InputError, match=r"ash \(\d+ of 178\), body \(20 of 178\).*columns.missing=median"):
        data.load(holes, columns=COUNTS)
    found = data.load(holes, columns=COUNTS | {"missing": "mean"})
    whole = data.load(mixed, columns=COUNTS)
    for filled, complete in zip((found.train, found.test), (whole.train, whole.test), strict=True):
        lost = complete.images[:, 2] >= 2.6
        np.testing.assert_array_equal(filled.images[~lost, 2], complete.images[~lost, 2])
        train = whole.train.images[:, 2]
        np.testing.assert_allclose(filled.images[lost, 2], train[train < 2.6].mean(), rtol=1e-5)
    assert set(np.unique(found.train.images[:, 13:15])) == {0.0, 1.0}
    rows = holes.drop(columns="target")
    assert np.isfinite(found.columns.encode(rows)).all()
    with pytest.raises(InputError, match=r"missing values in ash \("):
        whole.columns.encode(rows)


def test_suffixes_may_be_capitals_and_tabs_separate(wine, tmp_path):
    expected = data.load(wine, columns={"label": "target"})
    wine.to_csv(tmp_path / "WINE.CSV", index=False)
    wine.to_csv(tmp_path / "wine.TSV", index=False, sep="\t")
    wine.to_parquet(tmp_path / "wine.PARQUET")
    for name in ("WINE.CSV", "wine.TSV", "wine.PARQUET"):
        found = data.load(str(tmp_path / name), columns={"label": "target", "real": "all"})
        np.testing.assert_allclose(found.train.images, expected.train.images, rtol=1e-6)


def test_classes_are_those_that_there_are_and_labels_may_be_missing(wine):
    rows = wine.drop(columns="target")
    quality = wine.target.map({"a": 3, "b": 5, "c": 8})
    for found in (data.load(wine.assign(target=quality), columns={"label": "target"}), data.load((rows, quality))):
        assert found.class_names == ("3", "5", "8")
        assert set(found.train.labels) == {0, 1, 2}
    some = wine.target.where(wine.index % 2 == 0)
    for found in (data.load(wine.assign(target=some), columns={"label": "target"}), data.load((rows, some))):
        assert found.class_names == ("a", "b", "c")
        assert sum((part.labels < 0).sum() for part in (found.train, found.validation, found.test)) == 89


def test_rows_to_ask_about_are_held_to_what_their_columns_are(mixed):
    rows = mixed.drop(columns="target")[:3]
    columns = data.load(mixed, columns=COUNTS | {"missing": "mean"}).columns
    for wrong, words in (
        (rows.assign(cases=[1, -2, 3]), "'cases' holds -2, a count; accepted: integers from 0"),
        (rows.assign(cases=1.5), "'cases' holds 1.5"),
        (rows.assign(red=7), "'red' holds 7, a binary; accepted: 0 or 1"),
        (rows.assign(body="pale"), "accepted: light, strong"),
        (rows[:0], "a table without rows"),
    ):
        with pytest.raises(InputError, match=words):
            columns.encode(wrong)
    one = rows[:1].astype(object).assign(hue=None)  # as a request of one row comes
    assert np.isfinite(columns.encode(one)).all()
    soft = columns.encode(rows) * 0.5  # what a model gives can be given back
    np.testing.assert_array_equal(columns.encode(soft), soft)


def test_a_category_is_read_as_text_whatever_other_rows_a_file_has(mixed, tmp_path):
    kinds = np.array(["True", "False", "maybe"])[np.arange(len(mixed)) % 3]
    columns = data.load(mixed.assign(sure=kinds), columns=COUNTS).columns
    two = mixed.drop(columns="target").assign(sure=kinds)[:2]
    two.to_csv(tmp_path / "two.csv", index=False)
    read = read_frames([tmp_path / "two.csv"], columns)
    np.testing.assert_allclose(columns.encode(read), columns.encode(two), rtol=1e-6)


def test_masked_values_are_missing_and_large_codes_stay_apart():
    rows = np.ma.masked_equal(np.where(np.arange(60).reshape(20, 3) % 7, np.random.rand(20, 3), -9999), -9999)
    with pytest.raises(InputError, match="missing values in x0"):
        data.load(rows)
    codes = pd.DataFrame({"a": np.random.rand(20), "k": 10**15 + np.arange(20) % 3})
    assert data.load(codes, columns={"categorical": "k"}).columns.columns[1].categories[2] == "1000000000000002"


def test_a_column_of_objects_is_what_it_holds(wine):
    """Missing values turn booleans and integers into objects."""
    gaps = wine.index % 7 == 0
    objects = wine.assign(
        red=(wine.hue > 1).astype(object).where(~gaps),
        cases=(wine.proline / 10).round().astype(int).astype(object).where(~gaps),
        ash=wine.ash.astype(object),
    )
    found = data.load(objects, columns={"label": "target", "counts": ("cases",), "missing": "median"}).columns
    kinds = {each.name: each.kind for each in found.columns}
    assert (kinds["red"], kinds["cases"], kinds["ash"]) == ("binary", "count", "real")


def test_parquet_files_are_read_a_few_columns_at_a_time(mixed, tmp_path, monkeypatch):
    mixed.set_index(mixed.index * 2).iloc[:100].to_parquet(tmp_path / "1.parquet")
    mixed.set_index(mixed.index * 2).iloc[100:].to_parquet(tmp_path / "2.parquet")
    asked, read = [], pd.read_parquet
    monkeypatch.setattr(table_files, "NUMBERS_AT_ONCE", 2 * len(mixed))
    monkeypatch.setattr(pd, "read_parquet", lambda *args, **how: asked.append(how["columns"]) or read(*args, **how))
    found = data.load(tmp_path, columns=COUNTS | {"drop": ("hue",)})
    expected = data.load(mixed.drop(columns="hue"), columns=COUNTS)
    np.testing.assert_array_equal(found.train.images, expected.train.images)
    np.testing.assert_array_equal(found.test.labels, expected.test.labels)
    assert found.columns == expected.columns
    assert max(map(len, asked)) == 2 < len(mixed.columns) and not any("hue" in names for names in asked)


@pytest.mark.parametrize(("name", "classes"), [("wine", 3), ("breast_cancer", 2), ("diabetes", 0)])
def test_tables_of_scikit_learn_have_names(name, classes):
    found = data.load(name)
    assert (found.columns is None, found.classes) == (False, classes)
    with pytest.raises(InputError, match="is a table"):
        data.load(name, image_size=8)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f.assign(none=np.nan), {}, r"no row has a value in none; leave them out \(columns.drop=none\)"),
        (lambda f: f.assign(hue=np.inf), {}, r"infinite values in hue \(178 of 178\)"),
        (lambda f: f.assign(when=pd.Timestamp("2020-01-01")), {}, "'when' has dtype datetime"),
        (lambda f: f.assign(name=[f"wine {n}" for n in range(178)]), {}, "'name' holds 178 different texts"),
        (lambda f: f.assign(hue="pale"), {"real": ("hue",)}, r"'hue' holds text \('pale'\)"),
        (lambda f: f, {"drop": ("hue", "colour")}, "drop names colour; the table has alcohol"),
        (lambda f: f, {"label": "cultivar"}, "label names cultivar"),
        (lambda f: f.rename(columns={"hue": "ash"}), {}, "several columns have one name: ash"),
        (lambda f: f[["target"]], {}, "leave out all columns"),
        (lambda f: f[:9], {}, "at least 10"),
        (lambda f: f[:0], {}, "have no rows"),
        (lambda f: f.assign(same="a", true=True), {}, r"the same in all rows of same, true; .*columns.drop=same,true"),
        (lambda f: f.assign(cases=10**9), {"counts": "cases"}, "counts up to 1e.09, too large for float32"),
        (lambda f: f.assign(t=1.7e9 + f.hue), {}, r"'t' lies too far from 0 for float32 \(about 1.7e.09"),
        (lambda f: f, {"real": "hue", "drop": "hue"}, r"'hue' is named in several .* \(real, drop\)"),
        (lambda f: f, {"drop": "target"}, r"'target' is named in several .* \(drop, label\)"),
        (lambda f: f, {"label": "all"}, "label names all"),
        (lambda f: f.assign(target=None), {}, "no row has a label in 'target'"),
        (lambda f: f, {"missing": "zero"}, "accepted: refuse, mean, median"),
        (lambda f: f, {"labels": "hue"}, "unknown option of columns 'labels'"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(change, options, message, wine):
    with pytest.raises(InputError, match=message):
        data.load(change(wine), columns={"label": "target", **options})


def test_files_that_are_no_tables_are_refused(wine, tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        data.load(tmp_path / "none.csv")
    (tmp_path / "none.parquet").write_text("not one")
    with pytest.raises(InputError, match="cannot be read as a table"):
        data.load(tmp_path / "none.parquet")
    wine[:99].to_csv(tmp_path / "1.csv")
    with pytest.raises(InputError, match="files of several kinds"):
        data.load(tmp_path)
    (tmp_path / "none.parquet").unlink()
    wine[["hue", "ash"]].to_csv(tmp_path / "2.csv")
    with pytest.raises(InputError, match=r"'2.csv' has other columns than '1.csv'"):
        data.load(tmp_path)
    (tmp_path / "twice.csv").write_text("a,a\n" + "1.5,2.5\n3.5,1.5\n" * 8)
    with pytest.raises(InputError, match="several columns have one name: a"):
        data.load(tmp_path / "twice.csv")
    (tmp_path / "more.csv").write_text("a,b\n" + "0.5,1.5,2.5\n1.5,3.5,0.5\n" * 8)
    with pytest.raises(InputError, match="lines have more fields than the header has names"):
        data.load(tmp_path / "more.csv")
    with pytest.raises(InputError, match="'wine' is read as it is"):
        data.load("wine", columns={"drop": "hue"})
    for given, options, message in (
        (np.zeros((20, 8, 8)), {"label": "hue"}, "the data is no table"),
        (np.random.rand(20, 5), {"label": "hue"}, "an array has no names"),
        (np.full((20, 5), "a"), None, "accepted: numbers, or a DataFrame"),
    ):
        with pytest.raises(InputError, match=message):
            data.load(given, columns=options)
    with pytest.raises(InputError, match="the data is a table"):
        data.load(np.random.rand(20, 5), image_size=8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f, "with extra target was given"),
        (lambda f: f.drop(columns=["hue", "target"]), "a table without hue was given"),
        (lambda f: f.drop(columns="target")[["hue", *(set(f) - {"hue", "target"})]], "another order"),
        (lambda f: f.drop(columns="target").assign(hue="pale"), r"text \('pale'\) where numbers were"),
        (lambda f: f.drop(columns="target").assign(body="thin"), "'body' holds thin; accepted: light, strong"),
        (lambda f: f.drop(columns="target").to_numpy()[:, :5], r"shape \(178, 5\).*accepted: \[N, 17\]"),
        (lambda f: np.full((2, 17), "a"), "accepted: numbers"),
    ],
)
def test_rows_that_are_not_like_those_of_training_are_refused(change, message, mixed):
    with pytest.raises(InputError, match=message):
        data.load(mixed, columns=COUNTS).columns.encode(change(mixed))
