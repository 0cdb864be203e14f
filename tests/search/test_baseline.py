"""What a constant model scores, and what the splits say before anything is trained."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score

from kt_grid.search.baseline import describe_splits, is_accuracy, majority_baseline
from kt_grid.space.objective import Objective
from kt_grid.splitters.folds import KFold, Repeated, make_splits

ACCURACY = Objective("val_accuracy", "max")


@pytest.mark.parametrize(
    "cv",
    [
        pytest.param(KFold(3), id="contiguous"),
        pytest.param(KFold(10, shuffle=True, random_state=1), id="shuffled"),
    ],
)
def test_baseline_is_scikit_learns(pima, cv):
    ours = majority_baseline(make_splits(cv, pima.rows), pima.y, ACCURACY)
    theirs = cross_val_score(DummyClassifier(strategy="most_frequent"), pima.x, pima.y, cv=cv)
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_baseline_of_the_tutorials_folds(pima):
    ours = majority_baseline(make_splits(KFold(3), pima.rows), pima.y, ACCURACY)
    assert f"{np.mean(ours):f} {np.std(ours):f}" == "0.651042 0.024774"


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        pytest.param(np.array([2, 2, 0, 2]), [0.0, 0.5], id="three-classes"),
        pytest.param(np.array([[2.0], [2.0], [0.0], [2.0]]), [0.0, 0.5], id="one-column"),
        pytest.param(np.eye(3)[[2, 2, 0, 2]], [0.0, 0.5], id="one-hot"),
        pytest.param(np.array([True, True, True, True]), [1.0, 1.0], id="booleans"),
        pytest.param(np.array([0.5, 1.0, 0.0, 1.0]), None, id="numbers"),
        pytest.param(np.array([np.nan, 1.0, 0.0, 1.0]), None, id="missing"),
        pytest.param(np.ones((4, 2)), None, id="several-labels"),
        pytest.param(np.zeros((4, 2, 2)), None, id="pictures"),
        pytest.param((np.zeros(4), np.zeros(4)), None, id="two-outputs"),
        pytest.param(np.array(["a", "b", "a", "b"]), [0.5, 0.5], id="words"),
    ],
)
def test_what_a_class_is(y, expected):
    splits = make_splits(KFold(2), 4)
    assert majority_baseline(splits, y, ACCURACY) == expected


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        pytest.param(ACCURACY, True, id="accuracy"),
        pytest.param(Objective("val_sparse_categorical_accuracy", "max"), True, id="sparse"),
        pytest.param(Objective("val_accuracy", "min"), False, id="minimised"),
        pytest.param(Objective("val_loss", "min"), False, id="loss"),
        pytest.param(Objective("val_auc", "max"), False, id="auc"),
    ],
)
def test_only_accuracies_have_a_baseline(objective, expected):
    assert is_accuracy(objective) is expected
    shares = majority_baseline(make_splits(KFold(2), 4), np.array([0, 0, 1, 1]), objective)
    assert (shares is not None) is expected


@pytest.mark.parametrize(
    ("cv", "repeats", "fresh"),
    [
        pytest.param(KFold(2), 1, True, id="once"),
        pytest.param(Repeated(KFold(2), 3), 3, False, id="the-same-folds-again"),
        pytest.param(Repeated(KFold(2, shuffle=True, random_state=3), 3), 3, True, id="fresh"),
    ],
)
def test_splits_are_described(cv, repeats, fresh):
    splits = make_splits(cv, 21)
    described = describe_splits(splits, np.zeros(21), repeats, ACCURACY)
    assert described.split_rows == ((10, 11), (11, 10)) * repeats
    assert described.fresh_folds is fresh
    assert described.baseline == (1.0, 1.0) * repeats
