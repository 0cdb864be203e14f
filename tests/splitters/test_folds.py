"""Folds are scikit-learn's, index by index, and every row is held out once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import model_selection

from kt_grid import splitters
from kt_grid.data.digests import splits_digest
from kt_grid.errors import SplitError, UsageError
from kt_grid.splitters import folds
from kt_grid.store.results import summarise

rows_and_folds = st.integers(2, 200).flatmap(
    lambda rows: st.tuples(st.just(rows), st.integers(2, rows))
)


class Fixed:
    """A splitter that gives what it was given."""

    def __init__(self, *splits):
        self.splits = splits

    def split(self, *_):
        return iter(self.splits)


@given(rows_and_folds)
def test_contiguous_folds_are_scikit_learns(case):
    rows, k = case
    _assert_equal(folds.KFold(k), model_selection.KFold(k), rows)


@given(rows_and_folds, st.integers(0, 2**32 - 1))
def test_shuffled_folds_are_scikit_learns(case, seed):
    rows, k = case
    options = {"shuffle": True, "random_state": seed}
    _assert_equal(folds.KFold(k, **options), model_selection.KFold(k, **options), rows)


@given(rows_and_folds, st.none() | st.integers(0, 100))
def test_folds_are_a_partition(case, seed):
    rows, k = case
    cv = folds.KFold(k, shuffle=seed is not None, random_state=seed)
    splits = list(cv.split(range(rows)))
    held_out = [test for _, test in splits]
    assert sorted(np.concatenate(held_out)) == list(range(rows))
    assert [len(test) for test in held_out] == [rows // k + (i < rows % k) for i in range(k)]
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(rows))


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        pytest.param(1, "0.348958 (0.024774)", id="always-1"),
        pytest.param(0, "0.651042 (0.024774)", id="always-0"),
    ],
)
def test_constant_answer_scores_as_in_the_tutorial(pima, answer, line):
    splits = folds.make_splits(folds.KFold(), pima.rows)
    scores = {i: np.mean(pima.y[test] == answer) for i, (_, test) in enumerate(splits)}
    assert "{:f} ({:f})".format(*summarise(scores)) == line


def test_kfold_on_many_kinds_of_rows():
    kinds = [range(7), list(range(7)), np.zeros((7, 2)), "abcdefg"]
    tests = [[test.tolist() for _, test in folds.KFold(3).split(x)] for x in kinds]
    assert tests == [[[0, 1, 2], [3, 4], [5, 6]]] * 4


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param({}, "KFold(3)", id="default"),
        pytest.param({"n_splits": np.int64(5)}, "KFold(5)", id="numpy-number"),
        pytest.param(
            {"n_splits": 4, "shuffle": True, "random_state": 0},
            "KFold(4, shuffle=True, random_state=0)",
            id="shuffled",
        ),
    ],
)
def test_kfold_shows_what_makes_it(arguments, text):
    cv = folds.KFold(**arguments)
    assert repr(cv) == text
    assert cv.get_n_splits() == len(list(cv.split(range(9))))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"n_splits": 1}, ["2 or more", "1"], id="one"),
        pytest.param({"n_splits": -3}, ["-3"], id="negative"),
        pytest.param({"n_splits": True}, ["True"], id="boolean"),
        pytest.param({"n_splits": 3.0}, ["3.0"], id="float"),
        pytest.param({"n_splits": "3"}, ["'3'"], id="text"),
        pytest.param({"shuffle": True}, ["a seed", "None"], id="shuffle-without-seed"),
        pytest.param({"random_state": 7}, ["no seed", "7"], id="seed-without-shuffle"),
        pytest.param({"shuffle": True, "random_state": -1}, ["-1"], id="negative-seed"),
        pytest.param({"shuffle": True, "random_state": 2**32}, ["4294967296"], id="large-seed"),
    ],
)
def test_kfold_refuses(raises, arguments, words):
    with raises(UsageError, *words):
        list(folds.KFold(**arguments).split(range(9)))


def test_kfold_refuses_fewer_rows_than_folds(raises):
    with raises(SplitError, "(3)", "2 rows"):
        list(folds.KFold(3).split(range(2)))


@pytest.mark.parametrize("cv", [5, np.int64(5)])
def test_check_cv_makes_folds_of_a_number(cv):
    assert repr(folds.check_cv(cv)) == "KFold(5)"


@pytest.mark.parametrize(
    "cv",
    [
        pytest.param(folds.KFold(2), id="ours"),
        pytest.param(model_selection.StratifiedKFold(2), id="scikit-learn"),
        pytest.param(Fixed(), id="duck"),
    ],
)
def test_check_cv_lets_a_splitter_pass(cv):
    assert folds.check_cv(cv) is cv


@pytest.mark.parametrize("cv", [1, 0, True, None, 3.0, "kfold", [0, 1], [([0], [1], [2])]])
def test_check_cv_refuses(raises, cv):
    with raises(SplitError):
        folds.check_cv(cv)


@pytest.mark.parametrize(
    "cv",
    [
        pytest.param(model_selection.KFold(3, shuffle=True), id="kfold"),
        pytest.param(model_selection.ShuffleSplit(3), id="shuffle-split"),
        pytest.param(model_selection.RepeatedKFold(), id="repeated"),
        pytest.param(
            model_selection.ShuffleSplit(3, random_state=np.random.RandomState(0)), id="generator"
        ),
    ],
)
def test_a_splitter_whose_folds_cannot_be_drawn_again_is_refused(raises, cv):
    with raises(SplitError, "drawn again", "integer random_state", type(cv).__name__):
        folds.check_cv(cv)


@pytest.mark.parametrize(
    "cv",
    [
        pytest.param(lambda: [([0, 1], [2]), ([1, 2], [0])], id="list"),
        pytest.param(lambda: (pair for pair in [([0, 1], [2]), ([1, 2], [0])]), id="generator"),
    ],
)
def test_splits_may_be_given(cv):
    given_splits = folds.check_cv(cv())
    for _ in range(2):
        splits = folds.make_splits(given_splits, 3)
        assert [test.tolist() for _, test in splits] == [[2], [0]]
    assert repr(given_splits) == "GivenSplits(2)"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param("StratifiedKFold", {"n_splits": 3}, id="stratified"),
        pytest.param("GroupKFold", {"n_splits": 3}, id="groups"),
        pytest.param("StratifiedGroupKFold", {"n_splits": 2}, id="stratified-groups"),
        pytest.param("TimeSeriesSplit", {"n_splits": 3}, id="time-series"),
        pytest.param("ShuffleSplit", {"n_splits": 3, "random_state": 0}, id="drawn"),
        pytest.param("RepeatedKFold", {"n_splits": 2, "random_state": 0}, id="repeated"),
        pytest.param("LeaveOneOut", {}, id="leave-one-out"),
        pytest.param("LeaveOneGroupOut", {}, id="leave-one-group-out"),
        pytest.param("PredefinedSplit", {"test_fold": [0, 1, -1] * 8}, id="predefined"),
    ],
)
def test_our_splitters_and_scikit_learns_make_the_same_search(name, arguments):
    y = np.eye(2)[np.arange(24) % 2]
    groups = [f"patient {i // 4}" for i in range(24)] if "Group" in name else None
    digests = [
        splits_digest(
            folds.make_splits(folds.check_cv(getattr(module, name)(**arguments)), 24, y, groups)
        )
        for module in (splitters, model_selection)
    ]
    assert digests[0] == digests[1]


def test_groups_that_nobody_heeds_are_refused(raises):
    with raises(SplitError, "heeds groups", "KFold(3)"):
        folds.make_splits(folds.KFold(3), 6, groups=[1] * 6)


def test_a_splitter_without_a_place_for_groups_is_not_given_any(raises):
    class Plain:
        def split(self, x, y):
            yield [0], [1]

    assert len(folds.make_splits(Plain(), 2)) == 1
    with raises(SplitError, "heeds groups", "Plain"):
        folds.make_splits(Plain(), 2, groups=[1, 2])


def test_repeats_of_unequal_length_are_refused(raises):
    cv = Fixed(([0], [1]), ([1], [0]), ([0], [2]))
    cv.n_repeats = 2
    with raises(SplitError, "each repeat", "3 folds"):
        folds.make_splits(cv, 3)


def test_a_splitter_sees_the_rows():
    class ByFirstColumn:
        def split(self, x, y=None, groups=None):
            yield np.flatnonzero(x[:, 0] < 2), np.flatnonzero(x[:, 0] >= 2)

    (split,) = folds.make_splits(ByFirstColumn(), 3, x=np.array([[1, 0], [2, 0], [0, 0]]))
    assert [side.tolist() for side in split] == [[0, 2], [1]]


def test_what_a_foreign_splitter_raises_is_named(raises):
    with raises(SplitError, "StratifiedKFold", "6 rows", "ValueError", "n_splits=4"):
        folds.make_splits(model_selection.StratifiedKFold(4), 6, np.array([0, 1, 2] * 2))


def test_make_splits_with_a_splitter_that_looks_at_targets():
    y = np.array([0, 0, 0, 0, 1, 1])
    splits = folds.make_splits(model_selection.StratifiedKFold(2), 6, y)
    assert [test.tolist() for _, test in splits] == [[0, 1, 4], [2, 3, 5]]
    assert {side.dtype for split in splits for side in split} == {np.dtype(np.intp)}


@pytest.mark.parametrize(
    ("cv", "words"),
    [
        pytest.param(Fixed(), ["at least one fold", "none"], id="no-fold"),
        pytest.param(Fixed(([0, 1], [2]), ([], [1])), ["fold 1"], id="nothing-to-train-on"),
        pytest.param(Fixed(([0], [])), ["fold 0"], id="nothing-held-out"),
        pytest.param(Fixed(([0, 1], [1, 2])), ["fold 0", "[1]"], id="row-on-both-sides"),
        pytest.param(Fixed(([0, 1], [2, 99])), ["fold 0", "99"], id="row-that-is-not-there"),
        pytest.param(Fixed(([0, 1, 2], [-1])), ["fold 0", "-1"], id="row-on-both-sides-from-end"),
        pytest.param(Fixed(([True, True, False], [False, False, True])), ["fold 0"], id="masks"),
        pytest.param(Fixed(([0.5, 1], [2])), ["fold 0"], id="fractions"),
        pytest.param(folds.GivenSplits([("a", "b")]), ["fold 0", "'a'"], id="texts"),
        pytest.param(folds.GivenSplits([(["a"], ["b"])]), ["fold 0", "'a'"], id="lists of texts"),
        pytest.param(folds.GivenSplits([([[0], [1, 2]], [3])]), ["fold 0", "flat"], id="ragged"),
    ],
)
def test_make_splits_refuses(raises, cv, words):
    with raises(SplitError, *words):
        folds.make_splits(cv, 3)


def test_splits_digest_is_the_same_for_the_same_splits_only():
    digests = [
        splits_digest(folds.make_splits(cv, 9))
        for cv in (
            folds.KFold(3),
            model_selection.KFold(3),
            folds.KFold(2),
            folds.KFold(3, shuffle=True, random_state=0),
            folds.KFold(3, shuffle=True, random_state=1),
        )
    ]
    assert digests[0] == digests[1]
    assert len(set(digests[1:])) == 4


def _assert_equal(ours, theirs, rows):
    pairs = zip(ours.split(range(rows)), theirs.split(np.zeros(rows)), strict=True)
    for our_sides, their_sides in pairs:
        for our_side, their_side in zip(our_sides, their_sides, strict=True):
            np.testing.assert_array_equal(our_side, their_side)


class TestRepeated:
    def test_contiguous_folds_are_the_same_in_every_repeat(self):
        splits = folds.make_splits(folds.Repeated(folds.KFold(3), 2), 10)
        assert [test.tolist() for _, test in splits[:3]] == [t.tolist() for _, t in splits[3:]]

    def test_shuffled_folds_are_drawn_anew(self):
        shuffled = folds.KFold(3, shuffle=True, random_state=7)
        splits = folds.make_splits(folds.Repeated(shuffled, 3), 12)
        first = folds.make_splits(shuffled, 12)
        assert [test.tolist() for _, test in splits[:3]] == [test.tolist() for _, test in first]
        drawn = {tuple(tuple(test) for _, test in splits[i : i + 3]) for i in (0, 3, 6)}
        assert len(drawn) == 3

    @pytest.mark.parametrize(
        "repeats", [pytest.param(0, id="zero"), pytest.param(True, id="bool"), 1.5, "2"]
    )
    def test_other_numbers_of_repeats_are_refused(self, raises, repeats):
        with raises(SplitError, "repeats", repr(repeats)):
            folds.Repeated(folds.KFold(3), repeats)

    def test_counts(self):
        repeated = model_selection.RepeatedKFold(n_splits=3, n_repeats=4, random_state=1)
        assert folds.count_repeats(folds.Repeated(folds.KFold(3), 2)) == 2
        assert folds.count_repeats(repeated) == 4
        assert folds.count_repeats(folds.KFold(3)) == 1


@pytest.mark.parametrize(
    ("cv", "follows"),
    [
        pytest.param(splitters.KFold(3), False, id="folds"),
        pytest.param(splitters.TimeSeriesSplit(3), True, id="time series"),
    ],
)
def test_splits_follow_time_where_all_that_is_held_out_comes_after(cv, follows):
    assert folds.follow_time(folds.make_splits(cv, 12)) is follows


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("kfold", "kt_grid.KFold(…)"),
        ("stratified-kfold", "kt_grid.StratifiedKFold(…)"),
        ("stratified", "kt_grid.StratifiedKFold(…)"),
        ("shuffled-kfold", "kt_grid.KFold(shuffle=True, random_state=…)"),
        ("TimeSeries", "kt_grid.TimeSeriesSplit(…)"),
        ("group_kfold", "kt_grid.GroupKFold(…)"),
    ],
)
def test_a_word_of_the_command_line_is_answered_with_the_class(raises, word, meant):
    with raises(SplitError, repr(word), f"Write cv={meant}"):
        folds.check_cv(word)
