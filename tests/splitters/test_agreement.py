"""Index by index, the splits are scikit-learn's for the same arguments."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import model_selection

from kt_grid import splitters
from kt_grid.errors import SplitError

seeds = st.integers(0, 2**32 - 1)
sizes = st.none() | st.floats(0.05, 0.95) | st.integers(1, 20)
KINDS = {
    "numbers": lambda codes: codes,
    "floats": lambda codes: codes.astype(np.float32),
    "words": lambda codes: np.array([f"class {9 - code}" for code in codes]),
    "objects": lambda codes: np.array([f"class {9 - code}" for code in codes], dtype=object),
}


@st.composite
def labels(draw, most):
    """One class, or one group, per row."""
    codes = np.array(draw(st.lists(st.integers(0, most), min_size=2, max_size=60)))
    return KINDS[draw(st.sampled_from(sorted(KINDS)))](codes)


@st.composite
def shuffled(draw):
    return {"shuffle": True, "random_state": draw(seeds)} if draw(st.booleans()) else {}


def splits_of(cv, rows, y=None, groups=None):
    """All splits, or None if they can't be made."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return [
                (list(train), list(test)) for train, test in cv.split(np.zeros(rows), y, groups)
            ]
    except ValueError as error:
        if not isinstance(error, SplitError) and type(cv).__module__.startswith("kt_grid"):
            raise
        return None


def assert_same(name, arguments, rows, y=None, groups=None):
    ours, theirs = (
        splits_of(getattr(module, name)(**arguments), rows, y, groups)
        for module in (splitters, model_selection)
    )
    assert ours == theirs
    return ours


@given(st.integers(1, 60), st.integers(2, 30), shuffled())
def test_kfold(rows, folds, options):
    assert_same("KFold", {"n_splits": folds, **options}, rows)


@given(labels(4), st.integers(2, 8), shuffled())
def test_stratified_kfold(y, folds, options):
    splits = assert_same("StratifiedKFold", {"n_splits": folds, **options}, len(y), y)
    held_out = [row for _, test in splits or [] for row in test]
    assert splits is None or sorted(held_out) == list(range(len(y)))


@given(labels(9), st.integers(2, 8), shuffled())
def test_group_kfold(groups, folds, options):
    splits = assert_same("GroupKFold", {"n_splits": folds, **options}, len(groups), groups=groups)
    assert all(not set(groups[train]) & set(groups[test]) for train, test in splits or [])


@given(labels(2), st.data(), st.integers(2, 5), shuffled())
def test_stratified_group_kfold(y, data, folds, options):
    groups = np.array(data.draw(st.lists(st.integers(0, 9), min_size=len(y), max_size=len(y))))
    splits = assert_same("StratifiedGroupKFold", {"n_splits": folds, **options}, len(y), y, groups)
    assert all(not set(groups[train]) & set(groups[test]) for train, test in splits or [])


@given(
    st.integers(2, 60),
    st.integers(2, 8),
    st.none() | st.integers(1, 10),
    st.none() | st.integers(1, 10),
    st.integers(0, 5),
)
def test_time_series_split(rows, folds, most, size, gap):
    arguments = {"n_splits": folds, "max_train_size": most, "test_size": size, "gap": gap}
    splits = assert_same("TimeSeriesSplit", arguments, rows)
    assert all(max(train) + gap < min(test) for train, test in splits or [])


@given(st.integers(1, 40), st.integers(1, 4), sizes, sizes, seeds)
def test_shuffle_split(rows, splits, test_size, train_size, seed):
    # Where both shares together are more than all rows, scikit-learn refuses what rounds well.
    assume(not _sum_of_shares(test_size, train_size) > 1)
    arguments = {
        "n_splits": splits,
        "test_size": test_size,
        "train_size": train_size,
        "random_state": seed,
    }
    assert_same("ShuffleSplit", arguments, rows)


@given(labels(9), st.integers(1, 4), sizes, sizes, seeds)
def test_group_shuffle_split(groups, splits, test_size, train_size, seed):
    assume(not _sum_of_shares(test_size, train_size) > 1)
    arguments = {
        "n_splits": splits,
        "test_size": test_size,
        "train_size": train_size,
        "random_state": seed,
    }
    assert_same("GroupShuffleSplit", arguments, len(groups), groups=groups)


@given(labels(3), st.integers(1, 4), sizes, sizes, seeds)
def test_stratified_shuffle_split(y, splits, test_size, train_size, seed):
    assume(not _sum_of_shares(test_size, train_size) > 1)
    arguments = {
        "n_splits": splits,
        "test_size": test_size,
        "train_size": train_size,
        "random_state": seed,
    }
    assert_same("StratifiedShuffleSplit", arguments, len(y), y)


@given(st.integers(2, 40), st.integers(2, 6), st.integers(1, 4), seeds)
def test_repeated_kfold(rows, folds, repeats, seed):
    arguments = {"n_splits": folds, "n_repeats": repeats, "random_state": seed}
    splits = assert_same("RepeatedKFold", arguments, rows)
    assert splits is None or len(splits) == folds * repeats


@given(labels(3), st.integers(2, 6), st.integers(1, 4), seeds)
def test_repeated_stratified_kfold(y, folds, repeats, seed):
    arguments = {"n_splits": folds, "n_repeats": repeats, "random_state": seed}
    assert_same("RepeatedStratifiedKFold", arguments, len(y), y)


@given(st.lists(st.integers(-1, 6), min_size=1, max_size=40))
def test_predefined_split(folds):
    assume(max(folds) >= 0)
    assert_same("PredefinedSplit", {"test_fold": folds}, len(folds))


@given(st.integers(1, 40))
def test_leave_one_out(rows):
    assert_same("LeaveOneOut", {}, rows)


@given(labels(6))
def test_leave_one_group_out(groups):
    splits = assert_same("LeaveOneGroupOut", {}, len(groups), groups=groups)
    count = splitters.LeaveOneGroupOut().get_n_splits(groups=groups)
    assert count == len(set(groups))
    assert splits is None or len(splits) == count


@given(labels(4).filter(lambda y: len(set(y.tolist())) > 1), st.integers(2, 5))
def test_one_hot_targets_are_split_like_their_classes(y, folds):
    one_hot = (y[:, None] == np.unique(y)).astype(np.float32)
    cv = splitters.StratifiedKFold(folds)
    assert splits_of(cv, len(y), one_hot) == splits_of(cv, len(y), one_hot.argmax(axis=1))


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(np.eye(3)[[0, 1, 2] * 6], id="one-hot"),
        pytest.param(np.array([[0, 1], [1, 1], [10, 9]] * 5), id="labels"),
        pytest.param(np.array([[0.0], [1.0]] * 9), id="column"),
    ],
)
def test_stratified_shuffle_split_of_tables(table):
    arguments = {"n_splits": 3, "test_size": 0.3, "random_state": 4}
    assert assert_same("StratifiedShuffleSplit", arguments, len(table), table) is not None


@pytest.mark.parametrize("module", [splitters, model_selection], ids=["ours", "scikit-learn"])
@pytest.mark.parametrize(
    ("name", "arguments", "count"),
    [
        ("KFold", {"n_splits": 4}, 4),
        ("StratifiedKFold", {}, 5),
        ("GroupKFold", {}, 5),
        ("StratifiedGroupKFold", {}, 5),
        ("TimeSeriesSplit", {}, 5),
        ("ShuffleSplit", {"random_state": 0}, 10),
        ("GroupShuffleSplit", {"random_state": 0}, 5),
        ("StratifiedShuffleSplit", {"random_state": 0}, 10),
        ("RepeatedKFold", {"random_state": 0}, 50),
        ("RepeatedStratifiedKFold", {"random_state": 0}, 50),
        ("PredefinedSplit", {"test_fold": [0, 3, -1]}, 2),
        ("LeaveOneOut", {}, 9),
        ("LeaveOneGroupOut", {}, 3),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_number_of_splits(module, name, arguments, count):
    cv = getattr(module, name)(**arguments)
    assert cv.get_n_splits(np.zeros(9), groups=[1, 1, 1, 2, 2, 2, 3, 3, 3]) == count


def _sum_of_shares(*given):
    return sum(size for size in given if isinstance(size, float))
