"""Folds several times over begin with the folds of fewer times."""

import numpy as np
import pytest
from sklearn import model_selection

from kt_grid import splitters
from kt_grid.errors import SplitError, UsageError

Y = np.arange(24) % 3


def drawn(cv):
    return [test.tolist() for _, test in cv.split(Y, Y)]


@pytest.mark.parametrize("name", ["RepeatedKFold", "RepeatedStratifiedKFold"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({}, ["a seed"], id="no-seed"),
        pytest.param({"n_repeats": 0, "random_state": 0}, ["repeats", "0"], id="no-repeat"),
        pytest.param({"n_repeats": 1.5, "random_state": 0}, ["repeats", "1.5"], id="fraction"),
        pytest.param({"n_splits": 1, "random_state": 0}, ["folds", "1"], id="one-fold"),
        pytest.param({"random_state": 2**32}, ["4294967296"], id="large-seed"),
    ],
)
def test_arguments_are_checked(raises, name, arguments, words):
    with raises(UsageError, *words):
        getattr(splitters, name)(**arguments)


@pytest.mark.parametrize("name", ["RepeatedKFold", "RepeatedStratifiedKFold"])
def test_more_repeats_begin_with_fewer(name):
    few, many = (
        drawn(getattr(splitters, name)(n_splits=3, n_repeats=n, random_state=5)) for n in (2, 5)
    )
    assert many[: len(few)] == few
    assert len({str(many[i : i + 3]) for i in range(0, 15, 3)}) == 5


@pytest.mark.parametrize(
    "cv",
    [
        pytest.param(splitters.KFold(3, shuffle=True, random_state=1), id="kfold"),
        pytest.param(splitters.StratifiedKFold(3, shuffle=True, random_state=1), id="stratified"),
        pytest.param(splitters.ShuffleSplit(3, test_size=4, random_state=1), id="drawn"),
    ],
)
def test_any_shuffle_of_our_own_is_drawn_anew(cv):
    splits = drawn(splitters.Repeated(cv, 3))
    assert splits[:3] == drawn(cv)
    assert len({str(splits[i : i + 3]) for i in (0, 3, 6)}) == 3
    assert drawn(cv) == splits[:3]


def test_groups_reach_the_splitter():
    groups = Y.tolist()
    repeated = splitters.Repeated(splitters.GroupKFold(3), 2)
    assert repeated.uses_groups
    assert len(list(repeated.split(Y, Y, groups))) == 6
    assert splitters.Repeated(model_selection.GroupKFold(3), 2).uses_groups
    assert not splitters.Repeated(splitters.KFold(3), 2).uses_groups


def test_what_repeats_itself_is_not_repeated(raises):
    with raises(SplitError, "repeat itself", "RepeatedKFold"):
        splitters.Repeated(splitters.RepeatedKFold(random_state=0), 2)


def test_folds_that_are_not_shuffled_anew():
    cv = splitters.KFold(3, shuffle=True, random_state=1)
    repeated = splitters.Repeated(cv, 2, same_folds=True)
    splits = drawn(repeated)
    assert splits[:3] == splits[3:] == drawn(cv)
    assert "same_folds=True" in repr(repeated)
