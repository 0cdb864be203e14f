"""A file becomes a Dataset, and everything that's wrong with it is named by place."""

import gzip
import os
import zipfile

import numpy as np
import pandas as pd
import pytest

from kt_grid import data
from kt_grid.data import Reading
from kt_grid.errors import DataError, UsageError


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "rows.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_pima_is_the_tutorials_data(pima):
    table = np.column_stack([pima.x, pima.y]).astype(np.float64)
    sums = [2953, 92847, 53073, 15772, 61286, 24570.3, 362.401, 25529, 268]
    np.testing.assert_allclose(table.sum(axis=0), sums, rtol=1e-6)
    np.testing.assert_allclose(table[0], [6, 148, 72, 35, 0, 33.6, 0.627, 50, 1], rtol=1e-6)
    assert [int(third.sum()) for third in np.split(pima.y, 3)] == [98, 87, 83]
    assert (pima.x.shape, pima.y.shape) == ((768, 8), (768,))
    assert (pima.x.dtype, pima.y.dtype) == (np.float32, np.float32)


def test_pima_is_named_by_position(pima):
    assert pima.features == tuple("01234567")
    assert (pima.target, pima.target_column, pima.rows) == ("8", 8, 768)
    assert pima.source == "pima-indians-diabetes.csv"


@pytest.mark.parametrize(
    ("content", "names"),
    [
        pytest.param("1,2,0\n3,4,1\n", "012", id="no-header"),
        pytest.param("a,b,t\n1,2,0\n3,4,1\n", "abt", id="header"),
        pytest.param("1,2,0\n3,4,1", "012", id="no-last-line-break"),
        pytest.param('"a","b","t"\n"1","2","0"\n"3","4","1"\n', "abt", id="quoted"),
        pytest.param("\ufeffa,b,t\n1,2,0\n3,4,1\n", "abt", id="bom-and-header"),
        pytest.param("\ufeff1,2,0\n3,4,1\n", "012", id="bom"),
        pytest.param("a,b,t\r\n1,2,0\r\n3,4,1\r\n", "abt", id="windows-line-breaks"),
        pytest.param("a, b ,t\n 1, 2 ,0\n3,4,1\n", "abt", id="spaces"),
        pytest.param("a,b,t\n\n1,2,0\n\n3,4,1\n\n", "abt", id="empty-lines-between"),
        pytest.param("\na,b,t\n1,2,0\n3,4,1\n", "abt", id="empty-line-before-header"),
        pytest.param("a,b,t\n1e0,+2,-0\n3.,4.0,1\n", "abt", id="spellings-of-numbers"),
    ],
)
def test_read_csv(write, content, names):
    dataset = data.read_csv(write(content))
    assert dataset.x.tolist() == [[1, 2], [3, 4]]
    assert dataset.y.tolist() == [0, 1]
    assert (*dataset.features, dataset.target) == tuple(names)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("", ["empty file"], id="empty"),
        pytest.param("\n\n", ["empty file"], id="only-line-breaks"),
        pytest.param("a,b,t\n", ["nothing under it"], id="only-a-header"),
        pytest.param("1\n0\n", ["1 column"], id="one-column"),
        pytest.param("1,2,0\n3,x,1\n", ["line 2, column 2", "'x'"], id="text"),
        pytest.param("a,b,t\n1,2,0\n3,x,1\n", ["line 3, column 2", "'x'"], id="text-under-header"),
        pytest.param("a,b,t\nm,kg,-\n1,2,0\n", ["line 2, column 1", "'m'"], id="two-headers"),
        pytest.param("1,2,0\n3,,1\n", ["line 2, column 2", "''"], id="empty-cell"),
        pytest.param("1,2,0,\n3,4,1,\n", ["line 1, column 4", "''"], id="trailing-comma"),
        pytest.param("1,2,0\n3,1\n", ["3 columns", "line 2", "Received: 2"], id="shorter-row"),
        pytest.param("1,2,0\n3,4,5,1\n", ["3 columns", "line 2", "Received: 4"], id="longer-row"),
        pytest.param("a,t\n1,2,0\n", ["line 1", "3 columns", "Received: 2"], id="short-header"),
        pytest.param("1,2,0\nnan,4,1\n", ["line 2, column 1", "'nan'"], id="nan"),
        pytest.param("1,2,0\n3,-inf,1\n", ["line 2, column 2", "'-inf'"], id="infinite"),
        pytest.param("1,2,0\n3,1e39,1\n", ["line 2, column 2", "1e39"], id="beyond-float32"),
        pytest.param("1,2,0\n1_000,2,1\n", ["line 2, column 1", "1_000"], id="underscore"),
        pytest.param("1,2,0\n0x10,2,1\n", ["line 2, column 1", "'0x10'"], id="hexadecimal"),
        pytest.param("x;y,z\np;q,r\n", ["--separator", "','", "';'"], id="two-separators"),
        pytest.param("x,y\nx,n\nz,n\n", ["'x'", "--header", "--no-header"], id="header-or-not"),
        pytest.param("a,b,t\n1,2,0\n3,red,1\n", ["column 2 ('b')", "b=one-hot"], id="words"),
        pytest.param("a,d,t\n1,2024-01-31,0\n", ["line 2", "d=days"], id="dates"),
        pytest.param("a,t\n1,0\n2,1\n3,x\n", ["line 4", "'x'", "t=ordinal"], id="mixed-target"),
        pytest.param("a,t\n1,0\n2,\n", ["line 3, column 2", "--missing"], id="gap-in-target"),
        pytest.param("a,a,t\n1,2,0\n", ["line 1", "'a'"], id="two-columns-of-one-name"),
        pytest.param(b"a,b\n" + b"1,2\n" * 5000 + b"\xff,2\n", ["rows.csv"], id="late-bad-byte"),
        pytest.param("a,t\n1,é\n".encode("latin-1"), ["--encoding latin-1"], id="latin-1"),
        pytest.param("a,b\n" + "x" * 140_000 + ",2\n", ["rows.csv"], id="huge-cell"),
    ],
)
def test_read_csv_names_the_fault(write, raises, content, words):
    with raises(DataError, "rows.csv") as told:
        data.read_csv(write(content))
    assert all(word in told.value.on_command_line for word in words)


@pytest.mark.parametrize(
    ("content", "mend"),
    [
        pytest.param("x;y,z\np;q,r\n", "Reading(separator=…)", id="separator"),
        pytest.param("x,y\nx,n\nz,n\n", "Reading(header=True)", id="header"),
        pytest.param("a,t\n1,é\n".encode("latin-1"), "Reading(encoding='latin-1')", id="encoding"),
    ],
)
def test_what_mends_a_file_is_told_in_pythons_words_too(write, raises, content, mend):
    with raises(DataError, mend) as told:
        data.read_csv(write(content))
    assert "--" not in str(told.value)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        pytest.param("none.csv", ["none.csv", "no such file"], id="missing"),
        pytest.param(".", ["a folder"], id="a-folder"),
    ],
)
def test_read_csv_needs_a_file(tmp_path, raises, place, words):
    with raises(DataError, *words):
        data.read_csv(tmp_path / place)


@pytest.mark.parametrize(
    ("target", "position"),
    [
        pytest.param(None, 2, id="last-by-default"),
        pytest.param("a", 0, id="name"),
        pytest.param("1", 1, id="position"),
        pytest.param("-1", 2, id="negative"),
        pytest.param("-3", 0, id="most-negative"),
    ],
)
def test_target(write, target, position):
    dataset = data.read_csv(write("a,b,c\n1,2,3\n4,5,6\n"), target)
    table = np.array([[1, 2, 3], [4, 5, 6]])
    assert dataset.y.tolist() == table[:, position].tolist()
    assert dataset.x.tolist() == np.delete(table, position, axis=1).tolist()
    assert (dataset.target, dataset.target_column) == ("abc"[position], position)
    assert "".join(dataset.features) == "abc".replace(dataset.target, "")


@pytest.mark.parametrize("target", ["d", "A", "", "3", "-4", "1.0", "-", "--1", "²"])
def test_unknown_target(write, raises, target):
    with raises(UsageError, "--target", "a, b, c", repr(target)):
        data.read_csv(write("a,b,c\n1,2,3\n4,5,6\n"), target)


@pytest.mark.parametrize(
    ("content", "column"),
    [
        pytest.param("a,b\n1,2\n3,4\n", 2, id="without-target"),
        pytest.param("a,b,t\n1,2,9\n3,4,9\n", 2, id="with-target"),
        pytest.param("t,b,a\n9,2,1\n9,4,3\n", 2, id="another-order"),
        pytest.param("a,x,b\n1,9,2\n3,9,4\n", 2, id="another-column-between"),
        pytest.param("1,2\n3,4\n", 2, id="no-header"),
        pytest.param("1,2,9\n3,4,9\n", 2, id="no-header-target-last"),
        pytest.param("9,1,2\n9,3,4\n", 0, id="no-header-target-first"),
    ],
)
def test_read_features(write, content, column):
    x = data.read_features(write(content), ("a", "b"), column)
    assert x.tolist() == [[1, 2], [3, 4]]
    assert x.dtype == np.float32


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("1\n2\n", id="too-few"),
        pytest.param("1,2,3,4\n", id="too-many"),
        pytest.param("a,z\n1,2\n", id="another-feature"),
        pytest.param("a,t,z\n1,2,3\n", id="a-feature-missing-beside-the-target"),
    ],
)
def test_read_features_refuses_other_columns(write, raises, content):
    with raises(DataError, "rows.csv"):
        data.read_features(write(content), ("a", "b"), 2)


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_separators_are_found_out(write, separator):
    path = write(f"a{separator}b{separator}t\n1{separator}2{separator}0\n3{separator}4{separator}1")
    for reading in (Reading(), Reading(separator=separator)):
        assert data.read_csv(path, reading=reading).x.tolist() == [[1, 2], [3, 4]]


def test_a_stated_header_is_believed(write):
    path = write("1,2,3\n4,5,6\n")
    assert data.read_csv(path, "1", Reading(header=True)).features == ("2", "3")
    words = write("p,q\nr,q\n")
    read = data.read_csv(words, reading=Reading(header=False, encode={"0": "one-hot"}))
    assert (read.rows, read.labels) == (2, ("q",))


def test_other_encodings_are_declared(write):
    content = "maß,ziel\n1,à\n2,é\n"
    for encoding in ("latin-1", "utf-16"):
        read = data.read_csv(write(content.encode(encoding)), reading=Reading(encoding=encoding))
        assert (read.features, read.target, read.labels) == (("maß",), "ziel", ("à", "é"))


def test_names_of_classes_become_their_indices(write):
    read = data.read_csv(write("a,species\n1,virginica\n2,setosa\n3,virginica\n"))
    assert read.y.tolist() == [1, 0, 1]
    assert (read.labels, read.y.dtype) == (("setosa", "virginica"), np.float32)


MIXED = "n,city,day,note,t\n1,Rome,1970-01-02,hi,0\n2,Bern,1970-01-11,you,1\n3,Rome,1969-12-31,,0\n"


@pytest.mark.parametrize(
    ("encode", "expected"),
    [
        pytest.param(
            {"city": "one-hot", "day": "days", "note": "drop"},
            [[1, 0, 1, 1], [2, 1, 0, 10], [3, 0, 1, -1]],
            id="one-hot and days",
        ),
        pytest.param(
            {"city": "ordinal", "day": "drop", "note": "drop"},
            [[1, 1], [2, 0], [3, 1]],
            id="ordinal",
        ),
        pytest.param({"": "drop"}, [[1], [2], [3]], id="drop all words"),
        pytest.param(
            {"": "one-hot", "day": "drop", "note": "drop"},
            [[1, 0, 1], [2, 1, 0], [3, 0, 1]],
            id="one-hot for the rest",
        ),
    ],
)
def test_declared_columns_become_numbers(write, encode, expected):
    read = data.read_csv(write(MIXED), reading=Reading(encode=encode))
    assert read.x.tolist() == expected
    assert read.x.dtype == np.float32
    again = data.read_features(write(MIXED), read.features, read.target_column, read.encoders)
    np.testing.assert_array_equal(again, read.x)


def test_text_is_left_to_the_model(write):
    encode = {"city": "text", "day": "drop", "note": "drop"}
    read = data.read_csv(write(MIXED), reading=Reading(encode=encode))
    assert read.x["city"].tolist() == [["Rome"], ["Bern"], ["Rome"]]
    assert read.x["n"].tolist() == [[1], [2], [3]]
    alone = data.read_csv(write("t,c\ngood,1\nbad,0\n"), reading=Reading(encode={"t": "text"}))
    assert alone.x.tolist() == [["good"], ["bad"]]


@pytest.mark.parametrize(
    ("encode", "error", "words"),
    [
        pytest.param(
            {"": "days", "note": "drop"},
            DataError,
            ["column 2 ('city')", "'Rome'", "ISO"],
            id="no date",
        ),
        pytest.param({"town": "drop"}, UsageError, ["--encode", "'town'"], id="no column"),
        pytest.param({"city": "one-hot"}, DataError, ["('day')", "day=days"], id="undeclared"),
        pytest.param({"": "drop", "n": "drop"}, DataError, ["features", "left out"], id="nothing"),
    ],
)
def test_what_is_declared_must_be_there(write, raises, encode, error, words):
    with raises(error, *words):
        data.read_csv(write(MIXED), reading=Reading(encode=encode))


def test_a_category_that_was_not_there_in_training_is_refused(write, raises):
    encode = {"city": "one-hot", "": "drop"}
    read = data.read_csv(write(MIXED), reading=Reading(encode=encode))
    with raises(DataError, "Bern, Rome", "line 2", "'Paris'"):
        data.read_features(write("n,city\n1,Paris\n"), read.features, 4, read.encoders)


GAPS = "a,b,t\n1,,0\nNA,4,1\n5,6,1\n7,?,\n"


@pytest.mark.parametrize(
    ("missing", "x", "y"),
    [
        pytest.param("drop", [[5, 6]], [1], id="drop"),
        pytest.param("0", [[1, 0], [0, 4], [5, 6]], [0, 1, 1], id="number"),
        pytest.param("keep", [[1, np.nan], [np.nan, 4], [5, 6]], [0, 1, 1], id="keep"),
    ],
)
def test_gaps_are_treated_as_declared(write, raises, missing, x, y):
    with_target = GAPS if missing == "drop" else GAPS.replace("7,?,\n", "")
    read = data.read_csv(write(with_target), reading=Reading(missing=missing))
    np.testing.assert_array_equal(read.x, np.array(x, np.float32))
    assert read.y.tolist() == y
    if missing != "drop":
        with raises(DataError, "line 5, column 3 ('t')", "--missing drop"):
            data.read_csv(write(GAPS), reading=Reading(missing=missing))


def test_gaps_among_words_are_not_filled_with_numbers(write, raises):
    path = write("a,c,t\n1,x,0\n2,,1\n")
    with raises(DataError, "line 3, column 2 ('c')"):
        data.read_csv(path, reading=Reading(missing="0", encode={"c": "one-hot"}))
    kept = data.read_csv(path, reading=Reading(missing="keep", encode={"c": "one-hot"}))
    assert kept.x.tolist() == [[1, 0, 1], [2, 1, 0]]


def test_numbers_read_at_once_are_those_read_one_by_one(write):
    table = np.random.RandomState(1).normal(size=(200, 3)) * 10.0 ** np.arange(-20, 40, 20)
    rows = "\n".join(",".join(map(repr, row)) for row in table.tolist())
    fast = data.read_csv(write(f"a,b,c\n{rows}\n"))
    slow = data.read_csv(
        write(f"w,a,b,c\nx,{rows.replace(chr(10), chr(10) + 'x,')}\n"),
        reading=Reading(encode={"w": "drop"}),
    )
    slowest = data.read_csv(
        write(f"w,a,b,c\nx,{rows.replace(chr(10), chr(10) + 'x,')}\n"),
        reading=Reading(encode={"": "drop"}),
    )
    np.testing.assert_array_equal(fast.x, table[:, :2].astype(np.float32))
    for other in (slow, slowest):
        np.testing.assert_array_equal(fast.x, other.x)
        np.testing.assert_array_equal(fast.y, other.y)


def test_parquet_is_read_like_csv(tmp_path, write):
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3],
            "flag": [True, False, True],
            "city": ["Rome", "Bern", "Rome"],
            "day": pd.to_datetime(["1970-01-02", "1970-01-11", "1969-12-31"]),
            "t": ["no", "yes", "no"],
        }
    )
    frame.to_parquet(tmp_path / "rows.parquet")
    reading = Reading(encode={"city": "one-hot", "day": "days"})
    read = data.read_data(tmp_path / "rows.parquet", reading=reading)
    assert read.x.tolist() == [[1, 1, 0, 1, 1], [2, 0, 1, 0, 10], [3, 1, 0, 1, -1]]
    assert (read.y.tolist(), read.labels) == ([0, 1, 0], ("no", "yes"))
    again = data.read_features(
        tmp_path / "rows.parquet", read.features, read.target_column, read.encoders
    )
    np.testing.assert_array_equal(again, read.x)


@pytest.mark.parametrize(
    ("columns", "reading", "words"),
    [
        pytest.param({"a": ["x"], "t": [1]}, {}, ["row 0", "('a')", "a=one-hot"], id="words"),
        pytest.param({"a": [1.0, None], "t": [1, 0]}, {}, ["row 1", "('a')"], id="gap"),
        pytest.param({"a": [1.0, np.inf], "t": [1, 0]}, {"missing": "keep"}, ["row 1"], id="inf"),
        pytest.param({"a": [], "t": []}, {}, ["to have rows"], id="empty"),
    ],
)
def test_parquet_names_the_fault(tmp_path, raises, columns, reading, words):
    pd.DataFrame(columns).to_parquet(tmp_path / "rows.parquet")
    with raises(DataError, "rows.parquet", *words):
        data.read_data(tmp_path / "rows.parquet", reading=Reading(**reading))


@pytest.mark.parametrize("name", ["rows.parquet", "rows.npz"])
def test_other_files_must_be_what_they_are_called(tmp_path, raises, name):
    with raises(DataError, name, "no such file"):
        data.read_data(tmp_path / name)
    (tmp_path / name).write_bytes(b"something else")
    with raises(DataError, name, "readable"):
        data.read_data(tmp_path / name)


def test_npz_keeps_the_shape_of_its_features(tmp_path):
    images = np.random.RandomState(0).uniform(size=(5, 4, 4, 1))
    np.savez(tmp_path / "rows.npz", x=images, y=np.array(list("abcab")), z=np.arange(5))
    read = data.read_data(tmp_path / "rows.npz")
    np.testing.assert_array_equal(read.x, images.astype(np.float32))
    assert (read.y.tolist(), read.labels) == ([0, 1, 2, 0, 1], ("a", "b", "c"))
    assert data.read_data(tmp_path / "rows.npz", "z").y.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(data.read_features(tmp_path / "rows.npz", (), -1), read.x)


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        pytest.param({"x": [1.0]}, UsageError, ["'y'", "--target"], id="no target"),
        pytest.param({"x": [1.0], "y": [1, 2]}, DataError, ["equally many"], id="lengths"),
        pytest.param({"x": [[1.0], [np.nan]], "y": [1, 2]}, DataError, ["row 1"], id="nan"),
        pytest.param({"x": [object()], "y": [1]}, DataError, ["readable"], id="objects"),
        pytest.param({"x": [1j], "y": [1]}, DataError, ["'x'", "complex"], id="complex"),
    ],
)
def test_npz_names_the_fault(tmp_path, raises, arrays, error, words):
    np.savez(tmp_path / "rows.npz", **{k: np.array(v) for k, v in arrays.items()})
    with raises(error, "rows.npz", *words):
        data.read_data(tmp_path / "rows.npz")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"separator": ":"}, ["--separator", "':'"], id="separator"),
        pytest.param({"encoding": "klingon"}, ["--encoding", "'klingon'"], id="encoding"),
        pytest.param({"encode": {"a": "hot"}}, ["--encode", "'hot'"], id="encode"),
        pytest.param({"missing": "nan"}, ["--missing", "'nan'"], id="missing"),
    ],
)
def test_readings_without_a_meaning_are_refused(raises, settings, words):
    with raises(UsageError, *words):
        Reading(**settings)


def test_an_encoding_is_declared_once(raises):
    with raises(UsageError, "--encode a", "twice"):
        data.parse_encode(["a=drop", "a=text"])


def test_a_reading_says_what_is_not_the_default():
    assert Reading().to_json() == {}
    assert Reading(missing="0", encode={"a": "drop"}).to_json() == {
        "missing": "0",
        "encode": {"a": "drop"},
    }


CODES = "a,code\n1,123456789\n2,123456788\n3,123456787\n"


def zipped(folder, content):
    path = folder / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rows.csv", content)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "reading"),
    [
        pytest.param("a b t\n1  2 0\n 3\t4 1\n", {}, id="white-space"),
        pytest.param("1 2 0\n3 4 1\n", {"separator": "whitespace"}, id="stated-white-space"),
        pytest.param("a;b;t\n1,0;2;0\n3;4,00;1\n", {}, id="decimal-commas"),
        pytest.param("a\tb\tt\n1,0\t2\t0\n3\t4,0\t1\n", {}, id="decimal-commas-and-tabs"),
        pytest.param('a,b,t\n"1,0",2,0\n3,4,1\n', {}, id="quoted-decimal-commas"),
        pytest.param("sep=;\na;b;t\n1;2;0\n3;4;1\n", {}, id="excels-first-line"),
        pytest.param("sep=|\r\n1|2|0\r\n3|4|1\r\n", {}, id="excels-first-line-no-header"),
        pytest.param("a\tb\tt\n1\t2\t0\n3\t4\t1\n".encode("utf-16"), {}, id="utf-16"),
        pytest.param(gzip.compress(b"a,b,t\n1,2,0\n3,4,1\n"), {}, id="gzip"),
        pytest.param("# of\na,b,t\n1,2,0\n # x\n3,4,1\n", {"comment": "#"}, id="comments"),
        pytest.param("a,z,b,t\n1,x,2,0\n3,,4,1\n", {"drop": ("z",)}, id="dropped"),
        pytest.param("a,b,t\n1,2,0\n3,4,1\n,,\n \n", {}, id="blank-rows-at-the-end"),
        pytest.param(",a,b,t\n0,1,2,0\n1,3,4,1\n", {}, id="pandas-index"),
        pytest.param("Unnamed: 0,a,b,t\n7,1,2,0\n3,3,4,1\n", {}, id="filtered-index-read-again"),
        pytest.param("0,1,2\n1,2,0\n3,4,1\n", {}, id="names-of-an-array"),
        pytest.param(",0,1,2\n0,1.0,2.0,0\n1,3.0,4.0,1\n", {}, id="names-of-an-array-and-index"),
        pytest.param("2019,2020,t\n1,2,0\n3,4,1\n", {}, id="years"),
        pytest.param("2019,2020,2021\n1,2,0\n3,4,1\n", {}, id="years-alone"),
    ],
)
def test_files_as_people_have_them(write, content, reading):
    read = data.read_csv(write(content), reading=Reading(**reading))
    assert read.x.tolist() == [[1, 2], [3, 4]]
    assert read.y.tolist() == [0, 1]


def test_a_file_alone_in_a_zip_archive(tmp_path, write, raises):
    read = data.read_csv(write(zipped(tmp_path, "a,b,t\n1,2,0\n3,4,1\n")))
    assert read.x.tolist() == [[1, 2], [3, 4]]
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "1,2")
        archive.writestr("b.csv", "1,2")
    with raises(DataError, "two.zip", "one file", "a.csv, b.csv"):
        data.read_csv(tmp_path / "two.zip")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("a b\n1 2\n", ["white space", "--separator"], id="white-space"),
        pytest.param("a;t\n1,5;2\n", ["decimal commas", "1,5", "--decimal"], id="decimal-commas"),
        pytest.param(",a,t\n0,1,2\n1,2,3\n", ["column 1", "index"], id="index"),
        pytest.param("0,1,2\n1.5,2,0\n3,4,1\n", ["first row", "--no-header"], id="header"),
        pytest.param("a,t\n16777217,1\n3,0\n", ["'a'", "single precision"], id="rounded"),
        pytest.param("a,t\n1e9,1\n1000000001.5,0\n", ["'a'", "--drop 'a'"], id="offset"),
    ],
)
def test_what_is_guessed_is_told(write, content, words):
    (note,) = data.read_csv(write(content)).notes
    for word in ("rows.csv", *words):
        assert word in note


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("a,b,t\n1,2.5,0\n3,4,1\n", id="plain"),
        pytest.param("a;b;t\n1;2;0\n3;4;1\n", id="semicolons"),
        pytest.param("1,2,3\n4,5,6\n", id="a-first-row-that-counts"),
        pytest.param("0,1\n1,0\n", id="two-columns-from-0"),
        pytest.param("2019,2020\n2018,2021\n", id="years-as-data"),
        pytest.param("a,t\n33554432,1\n3,0\n", id="large-but-exact"),
    ],
)
def test_nothing_is_told_where_nothing_is_guessed(write, content):
    read = data.read_csv(write(content))
    assert (read.notes, read.rows) == ((), 2)


def test_classes_are_told_apart_before_single_precision(write):
    read = data.read_csv(write(CODES))
    assert read.y.tolist() == [123456789, 123456788, 123456787]
    assert data.read_csv(write(CODES.replace("12345678", "1"))).y.dtype == np.float32
    kept = data.read_csv(write(CODES), "a", Reading(encode={"code": "one-hot"}))
    assert kept.encoders[0].categories == ("123456787", "123456788", "123456789")


@pytest.mark.parametrize(
    ("content", "reading", "words"),
    [
        pytest.param(
            "a,t\n1,0\n2,1\n-,0\n",
            {"encode": {"": "one-hot"}},
            ["line 4", "'-'", "--na-values", "a=one-hot"],
            id="a-dash-among-numbers",
        ),
        pytest.param(
            'a,t\n1,0\n2,1\n"1,234",0\n',
            {"encode": {"": "one-hot"}},
            ["line 4", "'1,234'", "--thousands", "--decimal"],
            id="thousands-among-numbers",
        ),
        pytest.param(
            'a,t\n"2,453",0\n7,1\n',
            {},
            ["line 2", "--thousands ','", "--decimal ','"],
            id="thousands-or-decimals",
        ),
        pytest.param(
            'a,t\n"1,2,3",0\n7,1\n',
            {"thousands": ","},
            ["line 2", "'1,2,3'"],
            id="no-groups-of-three",
        ),
        pytest.param("a;t\n1.5;0\n2,5;1\n", {"decimal": ","}, ["line 2", "'1.5'"], id="a-point"),
        pytest.param(
            "a,t\n1,yes\n2,NA\n3,no\n",
            {},
            ["line 3", "'NA'", "--missing drop", "t=ordinal"],
            id="a-gap-among-classes",
        ),
        pytest.param(
            "a,t\n1,yes\n2,\n",
            {"missing": "keep"},
            ["line 3", "--missing drop"],
            id="a-gap-among-classes-kept",
        ),
        pytest.param("a,t\n0,1\n2,0\n", {"zero_is_missing": ("a",)}, ["line 2", "'0'"], id="zero"),
        pytest.param(
            'w,a,t\n"x\ny",1,0\nz,?,1\n',
            {"encode": {"w": "drop"}},
            ["line 4", "('a')", "'?'"],
            id="line-breaks-in-cells",
        ),
        pytest.param(
            'w,a,t\n"x\ny",1,0\nz,1\n',
            {"missing": "drop"},
            ["3 columns", "line 4"],
            id="a-row-without-its-last-cell",
        ),
        pytest.param("a,t\n1\x00,2\n3,4\n", {}, ["rows.csv"], id="null"),
        pytest.param("x,1,t\n2,3,4\n", {}, ["--header", "--no-header"], id="a-word-in-a-first-row"),
        pytest.param(
            "a,d,t\n1,31.12.2024,0\n",
            {"encode": {"d": "days"}},
            ["line 2", "days:%d.%m.%Y"],
            id="no-iso-date",
        ),
    ],
)
def test_what_is_not_sure_is_refused(write, raises, content, reading, words):
    with raises(DataError, "rows.csv") as told:
        data.read_csv(write(content), reading=Reading(**reading))
    assert all(word in told.value.on_command_line for word in words)


@pytest.mark.parametrize(
    ("content", "reading", "expected"),
    [
        pytest.param(
            "a,t\n-,0\n-999,1\n5,0\n",
            {"na_values": ("-", "-999")},
            [[np.nan], [np.nan], [5]],
            id="markers",
        ),
        pytest.param("a,t\n0,0\n7,1\n", {"zero_is_missing": ("a",)}, [[np.nan], [7]], id="zeros"),
        pytest.param(
            'a,t\n"1,234",0\n"1,234,567.5",1\n',
            {"thousands": ","},
            [[1234], [1234567.5]],
            id="thousands",
        ),
        pytest.param(
            "a;t\n1.234,5;0\n7;1\n",
            {"thousands": ".", "decimal": ","},
            [[1234.5], [7]],
            id="thousands-by-points",
        ),
        pytest.param(
            "d,t\n02/01/1970,0\n11/01/1970,1\n",
            {"encode": {"d": "days:%d/%m/%Y"}},
            [[1], [10]],
            id="dates-by-a-format",
        ),
    ],
)
def test_declared_spellings(write, content, reading, expected):
    read = data.read_csv(write(content), reading=Reading(missing="keep", **reading))
    np.testing.assert_array_equal(read.x, np.array(expected, np.float32))


def test_rows_that_lack_a_class_drop_out_as_declared(write):
    read = data.read_csv(write("a,t\n1,yes\n2,NA\n3,no\n"), reading=Reading(missing="drop"))
    assert (read.labels, read.y.tolist()) == (("no", "yes"), [1, 0])


def test_numbers_are_rounded_once(write):
    # Between two numbers of single precision, a hair above the middle.
    middle = 1 + 2.0**-24
    cells = [f"{middle:.30f}", f"{np.nextafter(middle, 2):.30f}", f"{np.nextafter(middle, 0):.30f}"]
    read = data.read_csv(
        write("w,a,t\n" + "".join(f"x,{c},0\n" for c in cells)),
        reading=Reading(encode={"w": "drop"}),
    )
    assert read.x[:, 0].tolist() == [np.float32(float(cell)) for cell in cells]


def test_a_parquet_index_is_neither_target_nor_feature(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "t": [0, 1, 0, 1]})
    frame[frame.a > 1].to_parquet(tmp_path / "filtered.parquet")
    read = data.read_data(tmp_path / "filtered.parquet")
    assert (read.features, read.target, read.notes) == (("a",), "t", ())
    frame.set_index(pd.Index([9, 8, 7, 6], name="id")).to_parquet(tmp_path / "named.parquet")
    read = data.read_data(tmp_path / "named.parquet")
    assert (read.features, read.target) == (("a",), "t")
    assert "'id'" in read.notes[0]


def test_features_are_found_by_name_beside_an_index(write):
    path = write(",0,1\n0,1.0,2.0\n1,3.0,4.0\n")
    assert data.read_features(path, ("0", "1"), 2).tolist() == [[1, 2], [3, 4]]
    path = write("700,t,500\n2,0,1\n4,0,3\n")
    assert data.read_features(path, ("500", "700"), 2).tolist() == [[1, 2], [3, 4]]


def test_a_header_of_any_length(write):
    names = [f"column_{i:06}" for i in range(20_000)]
    rows = ",".join("12" * 10_000)
    read = data.read_csv(write(f"{','.join(names)}\n{rows}\n{rows}\n"))
    assert read.features == tuple(names[:-1])


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        pytest.param({"decimal": ";"}, ["--decimal", "';'"], id="decimal"),
        pytest.param({"thousands": "."}, ["--thousands", "decimal mark"], id="same-marks"),
        pytest.param({"comment": " "}, ["--comment"], id="comment"),
    ],
)
def test_marks_without_a_meaning_are_refused(raises, reading, words):
    with raises(UsageError, *words):
        Reading(**reading)


@pytest.mark.parametrize("name", ["drop", "zero_is_missing"])
def test_declared_columns_must_be_there(write, raises, name):
    with raises(UsageError, f"--{name.replace('_', '-')}", "'z'"):
        data.read_csv(write("a,t\n1,0\n2,1\n"), reading=Reading(**{name: ("z",)}))


def test_an_npz_of_an_impossible_shape_is_refused(tmp_path, raises):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }" % 10**30
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(tmp_path / "rows.npz", "w") as archive:
        archive.writestr("x.npy", array)
        archive.writestr("y.npy", array)
    with raises(DataError, "rows.npz", "readable"):
        data.read_data(tmp_path / "rows.npz")


def test_an_npz_with_a_member_that_is_no_array_is_refused(tmp_path, raises):
    np.savez(tmp_path / "rows.npz", y=np.arange(4))
    with zipfile.ZipFile(tmp_path / "rows.npz", "a") as archive:
        archive.writestr("x.npy", b"hello")
    with raises(DataError, "rows.npz", "rows, equally many"):
        data.read_data(tmp_path / "rows.npz")


@pytest.mark.parametrize("name", ["rows.csv", "rows.npz", "rows.parquet"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        pytest.param(os.mkfifo, "a pipe", id="pipe"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "a device", id="device"),
        pytest.param(lambda path: path.mkdir(), "a folder", id="folder"),
    ],
)
def test_what_is_no_file_has_no_rows(tmp_path, raises, name, make, kind):
    make(tmp_path / name)
    with raises(DataError, name, kind):
        data.read_data(tmp_path / name)
    with raises(DataError, name, kind):
        data.read_features(tmp_path / name, () if name.endswith("z") else ("a",), -1)


def test_a_link_to_a_file_of_rows_is_one(tmp_path, toy_csv):
    (tmp_path / "link.csv").symlink_to(toy_csv)
    np.testing.assert_array_equal(data.read_csv(tmp_path / "link.csv").x, data.read_csv(toy_csv).x)


def test_a_reading_comes_back_from_json():
    reading = Reading(na_values=("-",), drop=("a",), decimal=",")
    record = reading.to_json()
    assert record == {"na_values": ["-"], "drop": ["a"], "decimal": ","}
    assert Reading(**record) == reading


LINES = [f"{row},{(row * 7) % 5},{row % 2}" for row in range(8)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("a,b\n31.12.2024,1\n", ["--encode 'a=days:%d.%m.%Y'"], id="date"),
        pytest.param("a,b\n2024-12-31,1\n", ["--encode 'a=days'"], id="ISO date"),
        pytest.param("a,b\nTrue,1\n", ["--encode 'a=ordinal'"], id="boolean"),
        pytest.param("a,b\n12%,1\n", ["signs such as %"], id="percent"),
        pytest.param('a,b\n"1,200",1\n', ["--thousands ','", "--decimal ','"], id="thousands"),
        pytest.param("a,b\nBern,1\n", ["--encode one-hot for all", "--drop 'a'"], id="word"),
        pytest.param("\n".join(["# by hand", "a,b,c", *LINES]), ["comment='#'"], id="comment"),
        pytest.param(
            "\n".join(['"a" "b"', *(line.replace(",", " ") for line in LINES)]),
            ["to name 3 columns. Received: 2", "--drop id"],
            id="names of rows",
        ),
        pytest.param("\n".join(["Table,,", "a,b,c", *LINES]), ["delete what stands"], id="title"),
        pytest.param(
            "\n".join(["a,b,c", *LINES, "1,2"]), ["line 10", "Mend the line"], id="ragged"
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_the_mend(write, raises, content, words):
    with raises(DataError, *words):
        data.read_csv(write(content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ["Excel", "CSV"], id="xls"),
        pytest.param(b"PAR1\x00\x00", ["Parquet", ".parquet"], id="parquet"),
        pytest.param(b"\x93NUMPY\x01\x00", ["numpy", "np.savez"], id="npy"),
        pytest.param(b'[{"a": 1}]', ["JSON", "CSV"], id="json"),
        pytest.param(b"\n<!DOCTYPE html>", ["web page"], id="page"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path, raises, content, words):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with raises(DataError, *words):
        data.read_csv(path)


def test_a_column_without_name_and_values_is_left_out(write):
    dataset = data.read_csv(write("\n".join(["a,b,t,", *(f"{line}," for line in LINES)])))
    assert (dataset.features, dataset.target) == (("a", "b"), "t")
    assert ["neither a name nor a value" in note for note in dataset.notes] == [True]


def test_what_macos_puts_into_an_archive_does_not_count(tmp_path):
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as archive:
        archive.writestr("rows.csv", "\n".join(["a,b,t", *LINES]))
        archive.writestr("__MACOSX/._rows.csv", b"\x00\x05")
    assert data.read_csv(tmp_path / "rows.zip").x.shape == (8, 2)


def test_several_targets_of_numbers(write, raises):
    path = write("\n".join(["a,b,t", *LINES]))
    dataset = data.read_csv(path, "t, a")
    assert (dataset.features, dataset.target, dataset.target_column) == (("b",), "t,a", 2)
    assert dataset.y.tolist() == [[row % 2, row] for row in range(8)]
    with raises(UsageError, "different columns"):
        data.read_csv(path, "t,t")
    with raises(UsageError, "no column that is set aside"):
        data.read_csv(path, "t,a", aside=["a"])
    words = write("\n".join(["a,b,t", *(line.replace(",", ",x") for line in LINES)]))
    with raises(DataError, "numbers in each of several targets"):
        data.read_csv(words, "b,t")


@pytest.mark.parametrize("cells", ["1,234;5,678;9,012", "1,234;5;6", "1,234;5,678;red"])
def test_numbers_in_groups_are_no_categories_unless_named(tmp_path, cells, raises):
    path = tmp_path / "groups.csv"
    rows = "".join(f"{cell};{row % 2}\n" for row, cell in enumerate(cells.split(";")))
    path.write_text(f"price;sold\n{rows}", encoding="utf-8")
    with raises(DataError, "column 1 ('price')", "--encode 'price=one-hot'"):
        data.read_csv(path, reading=Reading(encode={"": "one-hot"}))
    assert data.read_csv(path, reading=Reading(encode={"price": "one-hot"})).x.shape == (3, 3)
