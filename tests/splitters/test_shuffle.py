"""What splits drawn at random promise, and what they refuse."""

import numpy as np
import pytest

from kt_grid import splitters
from kt_grid.errors import SplitError, UsageError

NAMES = ("ShuffleSplit", "StratifiedShuffleSplit", "GroupShuffleSplit")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({}, ["a seed", "None"], id="no-seed"),
        pytest.param({"random_state": -1}, ["-1"], id="negative-seed"),
        pytest.param({"n_splits": 0, "random_state": 0}, ["1 or more", "0"], id="no-split"),
        pytest.param({"test_size": 0, "random_state": 0}, ["test_size", "0"], id="nothing"),
        pytest.param({"test_size": 1.0, "random_state": 0}, ["test_size", "1.0"], id="all"),
        pytest.param({"test_size": -0.1, "random_state": 0}, ["-0.1"], id="negative"),
        pytest.param({"train_size": "half", "random_state": 0}, ["'half'"], id="text"),
        pytest.param({"train_size": True, "random_state": 0}, ["True"], id="boolean"),
        pytest.param({"train_size": 1 + 2j, "random_state": 0}, ["(1+2j)"], id="complex"),
    ],
)
def test_arguments_are_checked(raises, name, arguments, words):
    with raises(UsageError, *words):
        getattr(splitters, name)(**arguments)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param({"test_size": 10}, id="all-held-out"),
        pytest.param({"test_size": 11}, id="more-than-there-are"),
        pytest.param({"train_size": 6, "test_size": 5}, id="together-too-many"),
        pytest.param({"train_size": 0.6, "test_size": 0.6}, id="shares-too-many"),
        pytest.param({"train_size": 0.01}, id="nothing-to-train-on"),
        pytest.param({"test_size": 0.99}, id="nothing-left"),
    ],
)
def test_sizes_that_leave_a_side_empty_are_refused(raises, name, sizes):
    cv = getattr(splitters, name)(random_state=0, **sizes)
    with raises(SplitError):
        list(cv.split(range(10), [0, 1] * 5, range(10)))


def test_sides_may_leave_rows_out_and_splits_overlap():
    cv = splitters.ShuffleSplit(20, test_size=3, train_size=4, random_state=0)
    splits = list(cv.split(range(10)))
    assert all((len(train), len(test)) == (4, 3) for train, test in splits)
    assert all(not set(train) & set(test) for train, test in splits)
    assert len({tuple(test) for _, test in splits}) > 10


@pytest.mark.parametrize(
    ("y", "words"),
    [
        pytest.param([0] * 9 + [1], ["2 or more rows", "1 of 1"], id="alone"),
        pytest.param(list("aabbccddee"), ["as classes (5)"], id="more-classes-than-rows"),
        pytest.param(None, ["y for each"], id="none"),
        pytest.param(np.linspace(0, 1, 10), ["fractions"], id="regression"),
    ],
)
def test_classes_that_cannot_be_on_both_sides_are_refused(raises, y, words):
    cv = splitters.StratifiedShuffleSplit(2, test_size=3, random_state=0)
    with raises(SplitError, *words):
        list(cv.split(range(10), y))


def test_shares_of_the_classes_stay():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    cv = splitters.StratifiedShuffleSplit(5, test_size=0.3, random_state=0)
    for train, test in cv.split(y, y):
        assert np.bincount(y[train]).tolist() == [42, 21, 7]
        assert np.bincount(y[test]).tolist() == [18, 9, 3]
