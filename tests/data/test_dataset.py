"""What rows are, how some of them are drawn, and which targets teach nothing."""

import math

import numpy as np
import pytest

from kt_grid import data
from kt_grid.data import dataset as home
from kt_grid.errors import DataError, UsageError


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


def test_installed_package_carries_its_data(tmp_path, monkeypatch):
    folder = tmp_path / "kt_grid" / "data"
    (folder / "bundled").mkdir(parents=True)
    (folder / "bundled" / "x.csv").touch()
    monkeypatch.setattr(home, "__file__", str(folder / "dataset.py"))
    assert data.bundled("x.csv") == folder / "bundled" / "x.csv"
    assert data.bundled("y.csv") == tmp_path / "data" / "y.csv"


def _dataset(y):
    y = np.array(y, np.float32)
    return data.Dataset(np.zeros((len(y), 1), np.float32), y, ("a",), "t", 1, "f.csv")


def test_sample_of_several_inputs_takes_the_same_rows_of_each():
    x = {"a": np.arange(9).reshape(-1, 1), "b": 10 * np.arange(9).reshape(-1, 1)}
    sample = data.Dataset(x, np.arange(9), ("a", "b"), "t", 2, "f.csv").sample(0.5, 3)
    assert sample.rows == 4
    np.testing.assert_array_equal(10 * sample.x["a"], sample.x["b"])
    np.testing.assert_array_equal(sample.x["a"][:, 0], sample.y)
    assert [part.shape for part in sample.parts] == [(4, 1), (4, 1), (4,)]
