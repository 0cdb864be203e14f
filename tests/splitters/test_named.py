"""Words of the command line make the splitters that they name."""

import pytest

from kt_grid.errors import UsageError
from kt_grid.splitters import CV, CvOptions, fold_numbers, make_cv

GIVEN = {
    "--groups": {"groups": True},
    "--folds-from": {"test_fold": [0, 1]},
    "--gap": {"gap": 2},
    "--test-size": {"test_size": 0.25},
}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param({}, "KFold(3)", id="default"),
        pytest.param({"folds": 5}, "KFold(5)", id="folds"),
        pytest.param({"groups": True}, "GroupKFold(3)", id="groups"),
        pytest.param({"test_fold": [0, 1]}, "PredefinedSplit(2 rows in 2 folds)", id="folds-from"),
        pytest.param(
            {"cv": "shuffled-kfold"}, "KFold(3, shuffle=True, random_state=7)", id="shuffled"
        ),
        pytest.param({"cv": "StratifiedKFold", "folds": 10}, "StratifiedKFold(10)", id="class"),
        pytest.param({"cv": "stratified_kfold"}, "StratifiedKFold(3)", id="underscore"),
        pytest.param(
            {"cv": "shuffled-stratified-kfold", "seed": 1},
            "StratifiedKFold(3, shuffle=True, random_state=1)",
            id="shuffled-stratified",
        ),
        pytest.param(
            {"cv": "stratified-group-kfold", "groups": True},
            "StratifiedGroupKFold(3)",
            id="stratified-group",
        ),
        pytest.param(
            {"cv": "repeated-kfold", "folds": 5, "repeats": 4},
            "RepeatedKFold(n_repeats=4, random_state=7)",
            id="repeated",
        ),
        pytest.param(
            {"cv": "stratified-kfold", "repeats": 2},
            "Repeated(StratifiedKFold(3), 2)",
            id="repeats",
        ),
        pytest.param(
            {"cv": "time-series-split", "gap": 2, "test_size": 10.0},
            "TimeSeriesSplit(3, test_size=10, gap=2)",
            id="time-series",
        ),
        pytest.param(
            {"cv": "shuffle-split", "test_size": 0.25},
            "ShuffleSplit(3, test_size=0.25, random_state=7)",
            id="shuffle-split",
        ),
        pytest.param({"cv": "leave-one-out"}, "LeaveOneOut()", id="leave-one-out"),
        pytest.param(
            {"cv": "leave-one-group-out", "groups": True}, "LeaveOneGroupOut()", id="group-out"
        ),
    ],
)
def test_words_make_splitters(options, text):
    assert repr(make_cv(CvOptions(**options))) == text


@pytest.mark.parametrize("word", CV)
def test_every_word_makes_one(word):
    needed = {
        key: value for option in CV[word].heeds for key, value in GIVEN.get(option, {}).items()
    }
    if word == "time-series-split":
        needed["test_size"] = 5
    assert callable(make_cv(CvOptions(cv=word, **needed)).split)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"cv": "stratified"}, ["kfold, shuffled-kfold", "'stratified'"], id="short"),
        pytest.param({"cv": "startified-kfold"}, ["Did you mean 'stratified-kfold'"], id="near"),
        pytest.param({"cv": "group-kfold"}, ["--groups COLUMN"], id="no-groups"),
        pytest.param({"cv": "predefined-split"}, ["--folds-from COLUMN"], id="no-folds"),
        pytest.param(
            {"cv": "kfold", "groups": True}, ["--groups: group-kfold", "'kfold'"], id="groups"
        ),
        pytest.param({"test_size": 0.2}, ["--test-size: time-series-split"], id="test-size"),
        pytest.param({"gap": 1}, ["--gap: time-series-split"], id="gap"),
        pytest.param({"cv": "leave-one-out", "folds": 5}, ["--folds: kfold"], id="folds"),
        pytest.param({"folds": 1}, ["2 or more folds"], id="one-fold"),
        pytest.param({"repeats": 0}, ["repeats"], id="no-repeat"),
        pytest.param({"cv": "repeated-kfold", "repeats": 0}, ["repeats"], id="none-repeated"),
        pytest.param(
            {"cv": "time-series-split", "test_size": 0.5}, ["rows to hold out", "0.5"], id="share"
        ),
        pytest.param({"groups": True, "test_fold": [0, 1]}, ["--groups"], id="two-columns"),
    ],
)
def test_what_does_not_fit_together_is_refused(raises, options, words):
    with raises(UsageError, *words):
        make_cv(CvOptions(**options))


def test_fold_numbers():
    assert fold_numbers(["0", "1.0", "-1"], "fold") == [0, 1, -1]


def test_fold_numbers_refuse_words(raises):
    with raises(UsageError, "'fold'", "'train'"):
        fold_numbers(["0", "train"], "fold")
