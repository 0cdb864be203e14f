"""How splits measure, told from what a search says of them."""

import pytest

from kt_grid.analysis.measurement import measure
from kt_grid.store.results import read_results

FOLDS = [[600, 300]] * 3


@pytest.fixture
def measured(make_search):
    def measured(splits=3, objective="max:val_accuracy", **about):
        search = make_search({"n": [1]}, [], folds=splits, objective=objective, **about)
        return measure(read_results(search))

    return measured


@pytest.mark.parametrize(
    ("about", "kind"),
    [
        ({}, "folds"),
        ({"cv": "KFold(3)", "split_rows": FOLDS}, "folds"),
        ({"cv": "LeaveOneGroupOut()", "split_rows": [[700, 200], [500, 400], [600, 300]]}, "folds"),
        ({"cv": "ShuffleSplit(3)", "split_rows": FOLDS}, "random"),
        ({"cv": "PredefinedSplit(…)", "split_rows": [[800, 100]] * 3}, "random"),
        ({"cv": "GivenSplits(3)", "split_rows": FOLDS}, "folds"),
        ({"cv": "GivenSplits(3)", "split_rows": [[300, 9], [600, 9], [900, 9]]}, "ordered"),
        ({"cv": "TimeSeriesSplit(3, max_train_size=9)", "split_rows": [[9, 9]] * 3}, "ordered"),
    ],
    ids=str,
)
def test_kinds(measured, about, kind):
    found = measured(**about)
    assert (found.kind, found.passes, found.folds) == (kind, 1, 3)
    assert (found.why_not is None) == (kind != "ordered")


@pytest.mark.parametrize(
    ("about", "shape", "step"),
    [
        ({"fresh_folds": True}, (2, 3, 1), 1 / 300),
        ({"fresh_folds": False}, (1, 3, 2), 1 / 600),
        ({"fresh_folds": True, "cv": "Repeated(ShuffleSplit(3), 2)"}, (1, 6, 1), 1 / 300),
    ],
    ids=str,
)
def test_repeats(measured, about, shape, step):
    found = measured(6, repeats=2, split_rows=FOLDS * 2, **about)
    assert (found.passes, found.folds, found.averaged) == shape
    assert found.design.step == pytest.approx(step)


def test_overlaps(measured):
    assert measured(split_rows=FOLDS, rows=900).design.overlap == pytest.approx(0.125)
    assert measured(split_rows=[[100, 50]] * 3, rows=150).design.overlap == pytest.approx(0.5)
    about = {"cv": "ShuffleSplit(3)", "split_rows": [[800, 200]] * 3}
    assert measured(**about).design.overlap == pytest.approx(0.25)
    # Unknown rows call for all caution.
    assert measured().design.overlap == pytest.approx(0.5)


def test_steps(measured):
    uneven = [[600, 300], [650, 250], [550, 350]]
    assert measured(split_rows=uneven).design.step == pytest.approx(1 / 250)
    assert measured(split_rows=uneven, objective="min:val_loss").design.step == 0
    assert measured(split_rows=uneven, objective="max:val_auc").design.step is None


def test_a_single_fold_says_nothing(measured):
    assert "single fold" in measured(1, split_rows=[[600, 300]]).why_not
