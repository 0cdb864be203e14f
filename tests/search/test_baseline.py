"""What a constant model scores, and what the splits say before anything is trained."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import cross_val_score

from kt_grid.search.baseline import describe_splits, is_accuracy, majority_baseline
from kt_grid.space.objective import Objective, Score
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


LOSS = Objective("val_loss", "min")


@pytest.mark.parametrize(
    ("objective", "loss", "scoring"),
    [
        (LOSS, "mean_squared_error", "neg_mean_squared_error"),
        (LOSS, "mean_absolute_error", "neg_mean_absolute_error"),
        (Objective("val_mae", "min"), "huber", "neg_mean_absolute_error"),
        (Objective("val_root_mean_squared_error", "min"), "", "neg_root_mean_squared_error"),
        (Objective("val_mse", "min"), "", "neg_mean_squared_error"),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(30,), (30, 1)], ids=str)
def test_numbers_are_compared_with_their_mean(objective, loss, scoring, shape):
    y = np.random.RandomState(0).normal(size=shape)
    ours = describe_splits(make_splits(KFold(3), 30), y, 1, objective, loss=loss).baseline
    dummy, x = DummyRegressor(strategy="mean"), np.zeros((30, 1))
    theirs = -cross_val_score(dummy, x, y.ravel(), cv=3, scoring=scoring)
    assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize(
    ("objective", "loss", "y"),
    [
        (LOSS, "", np.arange(6.0)),
        (LOSS, "huber", np.arange(6.0)),
        (Objective("val_weighted_mse", "min"), "", np.arange(6.0)),
        (Objective("val_mse", "max"), "", np.arange(6.0)),
        (LOSS, "mean_squared_error", (np.arange(6.0), np.arange(6.0))),
        (LOSS, "mean_squared_error", np.zeros((6, 2, 2))),
    ],
    ids=["no loss", "huber", "weighted", "maximised", "two outputs", "pictures"],
)
def test_what_has_no_mean_to_compare_with(objective, loss, y):
    assert describe_splits(make_splits(KFold(2), 6), y, 1, objective, loss=loss).baseline is None


def _fails(y_true, y_pred):
    raise ValueError


@pytest.mark.parametrize(
    ("function", "y", "expected"),
    [
        (lambda y, said: np.mean((said > 0.3) == y), np.array([0, 1, 0, 1]), [0.5, 0.5]),
        (lambda y, said: y.shape == said.shape == (2,), np.array([[0.0]] * 4), [1.0, 1.0]),
        (lambda y, said: said.sum() + 0 * y.sum(), np.eye(2)[[0, 0, 0, 1]], [2.0, 2.0]),
        (_fails, np.zeros(4), None),
        (lambda y, said: (y + said).sum() * np.nan, np.zeros(4), None),
        (lambda y, said: (y + said).sum(), np.array([0, 1, 2, 3]), None),
    ],
    ids=["threshold", "shapes", "one-hot", "fails", "no number", "places of classes"],
)
def test_a_score_has_a_baseline_where_it_can(function, y, expected):
    score = Score("mine", function, "max")
    splits = make_splits(KFold(2), 4)
    ours = describe_splits(splits, y, 1, score.objective, scores=[score]).baseline
    assert ours == (None if expected is None else tuple(expected))


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
