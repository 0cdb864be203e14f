"""Fingerprints of records: equal for one search and one split, and else different."""

import pytest

from kt_grid.store.stamps import Stamps, find_difference, stamps_of

IDENTITY = {"data": "d", "seed": 7, "cv": "KFold(2)", "folds": 2, "splits": ["a", "b"]}


def test_a_search_that_has_grown_keeps_the_stamps_of_its_splits():
    grown = {**IDENTITY, "cv": "RepeatedKFold", "folds": 4, "splits": ["a", "b", "c", "d"]}
    before, after = stamps_of(IDENTITY), stamps_of(grown)
    assert [before.of_fold(split) for split in (0, 1)] == [after.of_fold(split) for split in (0, 1)]
    assert before.all() < after.all()
    assert len(after.all()) == 5


@pytest.mark.parametrize(
    "change", [{"data": "e"}, {"seed": 8}, {"splits": ["b", "a"]}], ids=["data", "seed", "splits"]
)
def test_records_of_something_else_have_another_stamp(change):
    other = stamps_of({**IDENTITY, **change})
    assert all(other.of_fold(split) != stamps_of(IDENTITY).of_fold(split) for split in (0, 1))


def test_where_splits_are_unknown_the_search_is_stamped():
    assert Stamps("s").of_fold(3) == "s"
    assert stamps_of({**IDENTITY, "splits": None}).of_fold(0) == stamps_of(IDENTITY).search


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"seed": 8}, "seed, 7 there, 8 asked for", id="seed"),
        pytest.param({"cv": "x", "folds": 3, "splits": ["a", "b", "c"]}, None, id="more splits"),
        pytest.param({"cv": "x", "folds": 1, "splits": ["a"]}, None, id="fewer splits"),
        pytest.param({"cv": "x", "splits": ["a", "c"]}, "cv", id="other splits"),
    ],
)
def test_the_first_difference_is_named(change, named):
    found = find_difference(IDENTITY, {**IDENTITY, **change})
    assert (found is None) == (named is None)
    assert (named or "") in (found or "")
