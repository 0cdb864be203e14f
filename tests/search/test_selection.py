"""Which trial a word or parameters mean."""

import pytest

from kt_grid.analysis.comparison import analyse
from kt_grid.errors import PredictionError, UsageError
from kt_grid.search.selection import find_trial, parse_trial
from kt_grid.store.results import read_results

GRID = {"units": [2, 4, 8], "rate": [0.1, 1.0], "bias": [True, None]}
OUTCOMES = [
    *([0.5, 0.6, 0.7], [0.7, 0.8, 0.9]),
    *([0.1, 0.2, 0.3], [0.2, 0.3, 0.4]),
    *("ran out of luck", [0.6, 0.7, 0.8]),
    *((0.1,), [0.3, 0.4, 0.5]),
]


@pytest.fixture
def results(make_search):
    return read_results(make_search(GRID, OUTCOMES))


@pytest.mark.parametrize(
    ("wanted", "trial_id"),
    [
        pytest.param(None, "0001", id="best"),
        pytest.param(3, "0003", id="number"),
        pytest.param("3", "0003", id="digits"),
        pytest.param("0003", "0003", id="id"),
        pytest.param("trial_0003", "0003", id="folder"),
        pytest.param({"units": 2, "rate": 1.0, "bias": None}, "0003", id="parameters"),
        pytest.param({"rate": 1}, "0007", id="best of several, of which two are not completed"),
        pytest.param({"units": "4", "bias": "none"}, "0005", id="words"),
        pytest.param({"rate": "0.10", "bias": "true"}, "0000", id="words for numbers"),
    ],
)
def test_a_trial_is_found(results, wanted, trial_id):
    assert find_trial(results, wanted).trial_id == trial_id


def test_the_simplest_is_that_of_the_verdict(results):
    assert find_trial(results, "simplest") is analyse(results).simplest.trial
    assert find_trial(results, find_trial(results, 5)) is find_trial(results, 5)


@pytest.mark.parametrize(
    ("wanted", "kind", "words"),
    [
        pytest.param("9", UsageError, ["0000, 0001, 0002", "simplest", "'9'"], id="id"),
        pytest.param("best one", UsageError, ["0000", "'best one'"], id="word"),
        pytest.param({"unit": 2}, UsageError, ["units, rate, bias", "'units'?"], id="axis"),
        pytest.param({"units": 3}, UsageError, ["units=2,4,8", "units=3"], id="value"),
        pytest.param(4, PredictionError, ["0004", "failed: ran out of luck"], id="failed"),
        pytest.param(
            {"units": 4, "rate": 1.0, "bias": True}, PredictionError, ["pruned"], id="cut"
        ),
    ],
)
def test_a_trial_that_cannot_be_meant_is_refused_with_what_there_is(
    results, raises, wanted, kind, words
):
    with raises(kind, *words):
        find_trial(results, wanted)


def test_a_search_without_a_completed_trial_has_none(make_search, raises):
    with raises(PredictionError, "completed"):
        find_trial(read_results(make_search({"units": [2]}, ["bad luck"])), "simplest")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], None),
        (["simplest"], "simplest"),
        (["3"], "3"),
        (["units=5", "rate = 0.1"], {"units": "5", "rate": "0.1"}),
    ],
)
def test_words_of_the_command_line(words, wanted):
    assert parse_trial(words) == wanted


@pytest.mark.parametrize(
    "words", [["3", "4"], ["units=5", "3"], ["units=5", "units=6"], ["=5", "a=1"]]
)
def test_words_that_cannot_be_meant_together(words, raises):
    with raises(UsageError, "--trial AXIS=VALUE"):
        parse_trial(words)
