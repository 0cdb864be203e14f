"""What the splits of ordered, numbered and grouped rows refuse."""

import numpy as np
import pytest

from kt_grid import splitters
from kt_grid.errors import SplitError


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"n_splits": 1}, ["2 or more splits"], id="one-split"),
        pytest.param({"gap": -1}, ["0 or more", "-1"], id="negative-gap"),
        pytest.param({"test_size": 0}, ["1 or more rows to hold out"], id="nothing-held-out"),
        pytest.param({"test_size": 0.2}, ["0.2"], id="share"),
        pytest.param({"max_train_size": 0}, ["1 or more rows to train on"], id="nothing-trained"),
    ],
)
def test_arguments_of_a_time_series_are_checked(raises, arguments, words):
    with raises(SplitError, *words):
        splitters.TimeSeriesSplit(**arguments)


@pytest.mark.parametrize(
    ("arguments", "rows", "words"),
    [
        pytest.param({"n_splits": 5}, 5, ["(6)", "5 rows"], id="too-few-rows"),
        pytest.param({"n_splits": 4, "gap": 2}, 10, ["a gap of 2"], id="wide-gap"),
        pytest.param({"n_splits": 3, "test_size": 5}, 15, ["5 to hold out"], id="large-test"),
    ],
)
def test_a_time_series_too_short_is_refused(raises, arguments, rows, words):
    with raises(SplitError, *words):
        list(splitters.TimeSeriesSplit(**arguments).split(range(rows)))


@pytest.mark.parametrize(
    ("folds", "words"),
    [
        pytest.param([], ["-1 only"], id="empty"),
        pytest.param([-1, -1], ["-1 only"], id="none-held-out"),
        pytest.param([0, -2], ["-2"], id="below"),
        pytest.param([0.5, 1], ["0.5"], id="fraction"),
        pytest.param([0, np.nan], ["nan"], id="missing"),
        pytest.param(["a", "b"], ["the number of a fold"], id="words"),
        pytest.param([[0, 1], [1, 0]], ["shape (2, 2)"], id="table"),
    ],
)
def test_predefined_folds_are_checked(raises, folds, words):
    with raises(SplitError, *words):
        splitters.PredefinedSplit(folds)


def test_predefined_folds_of_other_rows_are_refused(raises):
    with raises(SplitError, "each of the 5 rows", "3"):
        list(splitters.PredefinedSplit([0, 1, 1]).split(range(5)))


def test_predefined_folds_need_no_rows():
    cv = splitters.PredefinedSplit(np.array([[1.0], [0.0], [-1.0]]))
    assert [test.tolist() for _, test in cv.split()] == [[1], [0]]
    assert repr(cv) == "PredefinedSplit(3 rows in 2 folds)"


def test_one_row_cannot_be_left_out(raises):
    with raises(SplitError, "(2)", "1 rows"):
        list(splitters.LeaveOneOut().split(range(1)))


def test_rows_are_needed_to_count_them(raises):
    with raises(SplitError, "x, whose rows"):
        splitters.LeaveOneOut().get_n_splits()
