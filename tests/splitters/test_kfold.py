"""What K folds refuse and warn of, and what makes them."""

import copy

import numpy as np
import pytest

from kt_grid import splitters
from kt_grid.errors import SplitError, UsageError

NAMES = ("KFold", "StratifiedKFold", "GroupKFold", "StratifiedGroupKFold")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"n_splits": 1}, ["2 or more", "1"], id="one"),
        pytest.param({"n_splits": 0}, ["0"], id="none"),
        pytest.param({"n_splits": True}, ["True"], id="boolean"),
        pytest.param({"n_splits": 2.0}, ["2.0"], id="float"),
        pytest.param({"n_splits": "3"}, ["'3'"], id="text"),
        pytest.param({"shuffle": "yes", "random_state": 0}, ["True or False"], id="shuffle-text"),
        pytest.param({"shuffle": 0.5, "random_state": 0}, ["True or False"], id="shuffle-number"),
        pytest.param({"shuffle": True}, ["a seed", "None"], id="no-seed"),
        pytest.param({"random_state": 7}, ["no seed", "7"], id="seed-without-shuffle"),
        pytest.param({"shuffle": True, "random_state": -1}, ["-1"], id="negative-seed"),
    ],
)
def test_arguments_are_checked(raises, name, arguments, words):
    with raises(UsageError, *words):
        getattr(splitters, name)(**arguments)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_may_be_numpys(name):
    kind = getattr(splitters, name)
    cv = kind(3, shuffle=True, random_state=np.int64(5))
    assert repr(cv) == f"{name}(3, shuffle=True, random_state=5)"


@pytest.mark.parametrize("name", NAMES)
def test_folds_are_drawn_again_the_same(name):
    cv = getattr(splitters, name)(3, shuffle=True, random_state=5)
    y, groups = np.arange(30) % 2, np.arange(30) // 3
    first, again, copied = (
        [test.tolist() for _, test in each.split(y, y, groups)]
        for each in (cv, cv, copy.deepcopy(cv))
    )
    assert first == again == copied


def test_fewer_rows_of_each_class_than_folds_are_refused(raises):
    with raises(SplitError, "(3)", "2 rows in the largest"):
        next(splitters.StratifiedKFold(3).split(range(5), [0, 0, 1, 1, 2]))


@pytest.mark.parametrize("kind", ["StratifiedKFold", "StratifiedGroupKFold"])
def test_a_rare_class_is_warned_of_and_split(kind):
    y = ["no"] * 6 + ["yes"] * 2
    cv = getattr(splitters, kind)(3)
    with pytest.warns(
        splitters.RareClassWarning, match="'yes', has 2 rows, fewer than the 3 folds"
    ):
        splits = list(cv.split(y, y, range(8)))
    assert sorted(row for _, test in splits for row in test) == list(range(8))


def test_one_class_is_split_like_no_class():
    splits = list(splitters.StratifiedKFold(2).split(range(4), [1, 1, 1, 1]))
    assert sorted(row for _, test in splits for row in test) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("shares", "folds"),
    [
        pytest.param([90, 10], 5, id="one-in-ten"),
        pytest.param([50, 30, 20], 10, id="three-classes"),
        pytest.param([97, 3], 3, id="rare"),
    ],
)
@pytest.mark.parametrize(
    "options", [{}, {"shuffle": True, "random_state": 1}], ids=["", "shuffled"]
)
def test_every_fold_holds_each_class_in_its_share(shares, folds, options):
    y = np.repeat(np.arange(len(shares)), shares)
    for _, test in splitters.StratifiedKFold(folds, **options).split(y, y):
        counts = np.bincount(y[test], minlength=len(shares))
        assert np.all(np.abs(counts - np.array(shares) / folds) < 1)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        pytest.param(None, ["y for each", "none"], id="none"),
        pytest.param([0, 1, 0], ["4 rows", "3"], id="too-few"),
        pytest.param([0.5, 1.5, 0.5, 1.5], ["fractions", "KFold"], id="regression"),
        pytest.param([0.0, 1.0, np.nan, 1.0], ["fractions"], id="missing"),
        pytest.param(np.ones((4, 2)), ["shape (4, 2)"], id="several-labels"),
        pytest.param(np.zeros((4, 2, 2)), ["shape (4, 2, 2)"], id="images"),
        pytest.param(np.array([1, "a", 1, "a"], dtype=object), ["one type"], id="mixed"),
        pytest.param(7, ["4 rows"], id="scalar"),
    ],
)
def test_targets_that_are_no_classes_are_refused(raises, y, words):
    with raises(SplitError, *words):
        list(splitters.StratifiedKFold(2).split(range(4), y))


@pytest.mark.parametrize(
    "y",
    [
        pytest.param(np.array([[0], [0], [1], [1]]), id="column"),
        pytest.param(np.eye(2)[[0, 0, 1, 1]], id="one-hot"),
        pytest.param([True, True, False, False], id="booleans"),
        pytest.param(["b", "b", "a", "a"], id="words"),
        pytest.param(np.array([2.0, 2.0, -1.0, -1.0], np.float32), id="floats"),
    ],
)
def test_targets_in_many_forms(y):
    tests = [test.tolist() for _, test in splitters.StratifiedKFold(2).split(range(4), y)]
    assert tests == [[0, 2], [1, 3]]


@pytest.mark.parametrize("kind", ["GroupKFold", "StratifiedGroupKFold", "LeaveOneGroupOut"])
@pytest.mark.parametrize(
    ("groups", "words"),
    [
        pytest.param(None, ["groups for", "groups=…", "none"], id="none"),
        pytest.param([1, 2], ["6 rows", "2"], id="too-few"),
        pytest.param([[1, 2]] * 6, ["one group per row"], id="table"),
        pytest.param([1.0, 2.0, np.nan] * 2, ["missing"], id="missing"),
        pytest.param(np.array([1, "a"] * 3, dtype=object), ["one type"], id="mixed"),
        pytest.param(["x"] * 6, ["groups", "1"], id="one-group"),
    ],
)
def test_groups_are_checked(raises, kind, groups, words):
    cv = getattr(splitters, kind)(*(() if kind == "LeaveOneGroupOut" else (2,)))
    with raises(SplitError, *words):
        list(cv.split(range(6), [0, 1] * 3, groups))


def test_large_groups_are_balanced():
    groups = np.repeat(np.arange(40), np.random.RandomState(0).randint(1, 20, 40))
    splits = list(splitters.GroupKFold(5).split(groups, groups=groups))
    sizes = [len(test) for _, test in splits]
    assert max(sizes) - min(sizes) <= 0.05 * len(groups)
