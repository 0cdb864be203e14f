"""A file becomes a Dataset, and everything that's wrong with it is named by place."""

import hashlib
import math

import numpy as np
import pytest

from kt_grid import data
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
        pytest.param("1;2;0\n3;4;1\n", ["rows.csv"], id="semicolons"),
        pytest.param("a,a,t\n1,2,0\n", ["line 1", "'a'"], id="two-columns-of-one-name"),
        pytest.param("1,2\n".encode("utf-16"), ["rows.csv"], id="utf-16"),
        pytest.param(b"a,b\n" + b"1,2\n" * 5000 + b"\xff,2\n", ["rows.csv"], id="late-bad-byte"),
        pytest.param("a,b\n" + "x" * 140_000 + ",2\n", ["rows.csv"], id="huge-cell"),
    ],
)
def test_read_csv_names_the_fault(write, raises, content, words):
    with raises(DataError, "rows.csv", *words):
        data.read_csv(write(content))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        pytest.param("none.csv", ["none.csv", "no such file"], id="missing"),
        pytest.param(".", ["readable"], id="a-folder"),
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
    ("y", "binary", "words"),
    [
        pytest.param([1, 1, 1], True, ["two classes", "1 in all 3 rows"], id="one-class"),
        pytest.param([0, 0], True, ["two classes", "0 in all 2 rows"], id="only-zeros"),
        pytest.param([2.5, 2.5], False, ["two classes", "2.5"], id="constant-regression"),
        pytest.param([0, 1, 2], True, ["0 and 1", "Received: 2"], id="three-classes"),
        pytest.param([1, 2, 1], True, ["0 and 1", "Received: 2"], id="one-and-two"),
        pytest.param([0, 0.5, 1], True, ["0 and 1", "Received: 0.5"], id="fraction"),
    ],
)
def test_check_target_refuses(raises, y, binary, words):
    with raises(DataError, "'t'", "f.csv", *words):
        data.check_target(_dataset(y), binary=binary)


@pytest.mark.parametrize(
    ("y", "binary"),
    [
        pytest.param([0, 1, 0], True, id="binary"),
        pytest.param([0, 1, 2], False, id="classes"),
        pytest.param([0.5, 1.5], False, id="regression"),
    ],
)
def test_check_target_accepts(y, binary):
    assert data.check_target(_dataset(y), binary=binary) is None


@pytest.mark.parametrize(
    ("fraction", "rows"),
    [
        pytest.param(1, 768, id="all"),
        pytest.param(0.5, 384, id="half"),
        pytest.param(0.1, 77, id="tenth"),
        pytest.param(1e-9, 1, id="at-least-one"),
    ],
)
def test_sample(pima, fraction, rows):
    sample = pima.sample(fraction, seed=7)
    everything = [tuple(row) for row in np.column_stack([pima.x, pima.y]).tolist()]
    drawn = [tuple(row) for row in np.column_stack([sample.x, sample.y]).tolist()]
    places = [everything.index(row) for row in drawn]
    assert len(drawn) == rows == sample.rows
    assert places == sorted(set(places))
    assert sample.features == pima.features


def test_sample_depends_on_the_seed_only(pima):
    first, again, other = (pima.sample(0.1, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.x, again.x)
    assert not np.array_equal(first.x, other.x)


@pytest.mark.parametrize("fraction", [0, -0.1, 1.01, math.nan, math.inf])
def test_sample_out_of_bounds(pima, raises, fraction):
    with raises(UsageError, "--sample", str(fraction)):
        pima.sample(fraction, seed=7)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_sample_with_an_impossible_seed(pima, raises, seed):
    with raises(UsageError, str(seed)):
        pima.sample(0.5, seed)


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


def test_digest_is_a_sha256_of_dtype_shape_and_content():
    array = np.array([[1, 2], [3, 4]], dtype="<f4")
    expected = hashlib.sha256(b"<f4(2, 2)" + array.tobytes()).hexdigest()[:32]
    assert data.digest(array) == data.digest(np.asfortranarray(array)) == expected


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(np.zeros(4, np.float64), id="dtype"),
        pytest.param(np.zeros((2, 2), np.float32), id="shape"),
        pytest.param(np.array([0, 0, 0, 1], np.float32), id="content"),
    ],
)
def test_digest_tells_arrays_apart(other):
    assert data.digest(np.zeros(4, np.float32)) != data.digest(other)


def test_installed_package_carries_its_data(tmp_path, monkeypatch):
    (tmp_path / "bundled").mkdir()
    (tmp_path / "bundled" / "x.csv").touch()
    monkeypatch.setattr(data, "__file__", str(tmp_path / "data.py"))
    assert data.bundled("x.csv") == tmp_path / "bundled" / "x.csv"
    assert data.bundled("y.csv") == tmp_path.parent / "data" / "y.csv"


def _dataset(y):
    y = np.array(y, np.float32)
    return data.Dataset(np.zeros((len(y), 1), np.float32), y, ("a",), "t", 1, "f.csv")


def test_columns_set_aside_are_words(tmp_path):
    path = tmp_path / "aside.csv"
    path.write_text("a,who,b,class\n1,ann,2,0\n3, bob ,4,1\n5,7,6,1\n", encoding="utf-8")
    read = data.read_csv(path, aside=("who",))
    assert read.features == ("a", "b")
    assert read.x.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert (read.target, read.target_column, read.y.tolist()) == ("class", 3, [0, 1, 1])
    assert {name: words.tolist() for name, words in read.aside.items()} == {
        "who": ["ann", "bob", "7"]
    }
    sampled = read.sample(0.67, 7)
    kept = [read.x.tolist().index(row) for row in sampled.x.tolist()]
    assert sampled.aside["who"].tolist() == [["ann", "bob", "7"][row] for row in kept]


def test_a_fault_beside_a_column_set_aside_is_named_by_its_own_column(tmp_path, raises):
    path = tmp_path / "aside.csv"
    path.write_text("who,a,class\nann,1,0\nbob,none,1\n", encoding="utf-8")
    with raises(DataError, "line 3, column 2", "'none'"):
        data.read_csv(path, aside=("who",))


@pytest.mark.parametrize(
    ("aside", "words"),
    [
        pytest.param(("nobody",), "one of the columns of", id="unknown"),
        pytest.param(("class",), "set aside", id="target"),
    ],
)
def test_columns_that_cannot_be_set_aside(tmp_path, aside, words):
    path = tmp_path / "aside.csv"
    path.write_text("who,a,b,class\nann,1,1,0\nbob,2,2,1\n", encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        data.read_csv(path, "class", aside=(*aside, "who"))
