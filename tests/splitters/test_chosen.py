"""A number of folds is stratified where the target is classes; a look at the splits tells more."""

import warnings

import numpy as np
import pytest
from sklearn import model_selection

from kt_grid.data.targets import Loss
from kt_grid.errors import SplitError
from kt_grid.splitters import KFold, StratifiedKFold, TimeSeriesSplit
from kt_grid.splitters.chosen import check_splits, choose_cv
from kt_grid.splitters.folds import make_splits

BCE, MSE, OWN = Loss("binary_crossentropy", 1), Loss("mean_squared_error", 1), Loss("", 1)
SORTED = np.repeat([0, 1, 2], 50)


@pytest.mark.parametrize(
    ("y", "losses", "labels", "stratified"),
    [
        pytest.param(SORTED, [BCE], (), True, id="whole numbers"),
        pytest.param(SORTED.astype(np.float32), [BCE, BCE], (), True, id="floats"),
        pytest.param(SORTED, [BCE], ("a", "b", "c"), True, id="texts"),
        pytest.param(SORTED > 0, [OWN], (), True, id="booleans, any loss"),
        pytest.param(np.eye(3)[SORTED], [OWN], (), True, id="one-hot, any loss"),
        pytest.param(SORTED, [OWN], (), False, id="whole numbers, any loss"),
        pytest.param(SORTED, [OWN], ("a", "b", "c"), True, id="texts, any loss"),
        pytest.param(SORTED, [MSE], (), False, id="a loss for numbers"),
        pytest.param(SORTED, [BCE, MSE], (), False, id="one loss for numbers"),
        pytest.param(np.arange(63) % 21, [BCE], (), False, id="21 values"),
        pytest.param(np.arange(60) % 20, [BCE], (), True, id="20 values"),
        pytest.param(np.arange(63) % 21, [BCE], tuple("a" * 21), True, id="21 texts"),
        pytest.param(np.linspace(0, 1, 9), [BCE], (), False, id="fractions"),
        pytest.param(np.ones((9, 2)), [BCE], (), False, id="several labels"),
        pytest.param((SORTED, SORTED), [OWN], (), False, id="several outputs"),
        pytest.param(SORTED, [], (), False, id="no model"),
        pytest.param(np.arange(9), [BCE], (), False, id="a class per row"),
    ],
)
def test_a_number_of_folds(y, losses, labels, stratified):
    cv, notes = choose_cv(3, y, losses, labels)
    assert repr(cv) == ("StratifiedKFold(3)" if stratified else "KFold(3)")
    assert bool(notes) is stratified


def test_the_folds_are_scikit_learns():
    cv, _ = choose_cv(np.int64(5), SORTED, [BCE])
    theirs = model_selection.StratifiedKFold(5).split(SORTED, SORTED)
    for ours, expected in zip(make_splits(cv, 150, SORTED), theirs, strict=True):
        np.testing.assert_array_equal(ours[1], expected[1])


@pytest.mark.parametrize("cv", [KFold(3), StratifiedKFold(4), TimeSeriesSplit(3)], ids=repr)
def test_a_splitter_means_what_it_says(cv):
    assert choose_cv(cv, SORTED, [BCE]) == (cv, ())


def test_a_number_that_cannot_be_is_refused(raises):
    with raises(SplitError, "folds", "1"):
        choose_cv(1, SORTED, [BCE])


def test_a_rare_class_is_told_once_and_stratified_as_far_as_it_goes():
    y = np.array([0] * 9 + [1] * 9 + [2] * 2)
    cv, notes = choose_cv(3, y, [BCE], ("no", "yes", "maybe"))
    assert "class maybe has 2 rows" in notes[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits = make_splits(cv, len(y), y)
    assert [np.bincount(y[test]).tolist()[:2] for _, test in splits] == [[3, 3]] * 3


RANDOM = np.random.RandomState(0)


@pytest.mark.parametrize(
    ("cv", "y", "words"),
    [
        pytest.param(KFold(3), SORTED, "isn't trained on", id="sorted classes"),
        pytest.param(KFold(2), SORTED, "isn't trained on", id="two folds"),
        pytest.param(KFold(4), np.repeat([0, 1], 100), "in an order", id="seen but sorted"),
        pytest.param(KFold(3), np.linspace(0, 9, 150), "in an order", id="sorted numbers"),
        pytest.param(KFold(3), RANDOM.permutation(SORTED), "", id="classes at random"),
        pytest.param(KFold(3), RANDOM.normal(size=150), "", id="numbers at random"),
        pytest.param(StratifiedKFold(3), SORTED, "", id="stratified"),
        pytest.param(TimeSeriesSplit(3), np.linspace(0, 9, 150), "", id="time"),
        pytest.param(KFold(3), np.ones(150), "", id="constant"),
        pytest.param(KFold(3), (SORTED, SORTED), "", id="several outputs"),
    ],
)
def test_a_look_at_the_splits(cv, y, words):
    rows = 150 if isinstance(y, tuple) else len(y)
    notes = check_splits(make_splits(cv, rows, y), y)
    assert [words in note for note in notes] == [True] * bool(words)


def test_folds_of_groups_may_differ():
    splits = make_splits(KFold(4), 200, None)
    assert check_splits(splits, np.repeat([0, 1], 100), np.arange(200)) == ()


def test_chance_is_not_taken_for_an_order(pima):
    """The bundled rows, and two thousand draws of several kinds."""
    splits = make_splits(KFold(3), pima.rows)
    assert check_splits(splits, pima.y) == ()
    random = np.random.RandomState(1)
    for draw in range(2000):
        shares = random.dirichlet(np.ones(2 + draw % 9))
        y = random.choice(len(shares), 60, p=shares) if draw % 2 else random.exponential(size=60)
        notes = check_splits(make_splits(KFold(3), 60), y)
        assert not [note for note in notes if "in an order" in note]
