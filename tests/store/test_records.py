"""The types of the JSON files: what is written comes back, and anything else is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kt_grid.errors import UsageError
from kt_grid.space import make_axes
from kt_grid.store.files import read_sealed
from kt_grid.store.records import (
    Fingerprints,
    FoldRecord,
    Identity,
    Origin,
    RefitRecord,
    SearchRecord,
    SplitFacts,
)
from kt_grid.store.typed import FieldError, read_typed

STORED = Path(__file__).with_name("v0_1_0")
IDENTITY = Identity(
    "max:val_accuracy", cv="KFold(2)", folds=2, data="d", seed=7, splits=("a", "b"), engine="auto"
)
RECORD = SearchRecord(
    grid=tuple(make_axes({"units": [1, 2.5, (3, None)], "wide": [True, "x"]})),
    asked={"units": [1, 2.5, [3, None]]},
    max_trials=5,
    versions={"keras": "3"},
    experiment="mine",
    repeats=2,
    labels=("a", "b"),
    splits=SplitFacts(((3, 1), (2, 2)), True, (0.5, 0.25)),
    origin=Origin("kt-grid run mine", features=("a",), target_column=1),
    racing="bound",
    extra={"note": [1, {"x": None}]},
    identity=IDENTITY,
)


def test_a_search_that_has_grown_keeps_the_fingerprints_of_its_splits():
    grown = replace(IDENTITY, cv="RepeatedKFold", folds=4, splits=("a", "b", "c", "d"))
    before, after = IDENTITY.fingerprints, grown.fingerprints
    assert [before.of_fold(split) for split in (0, 1)] == [after.of_fold(split) for split in (0, 1)]
    assert before.all() < after.all()
    assert len(after.all()) == 5


@pytest.mark.parametrize(
    "change", [{"data": "e"}, {"seed": 8}, {"splits": ("b", "a")}], ids=["data", "seed", "splits"]
)
def test_records_of_something_else_have_another_fingerprint(change):
    other = replace(IDENTITY, **change).fingerprints
    assert all(other.of_fold(split) != IDENTITY.fingerprints.of_fold(split) for split in (0, 1))


def test_where_splits_are_unknown_the_search_has_the_fingerprint():
    assert Fingerprints("s").of_fold(3) == "s"
    unknown = replace(IDENTITY, splits=()).fingerprints
    assert unknown.of_fold(0) == IDENTITY.fingerprints.search


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"seed": 8}, "another seed, 7 there, 8 asked for", id="seed"),
        pytest.param({"seed": 0}, "another seed, 7 there, 0 asked for", id="seed 0"),
        pytest.param({"engine": ""}, 'engine, "auto" there, null asked', id="less"),
        pytest.param({"precision": "x"}, 'precision, null there, "x" asked', id="more"),
        pytest.param({"cv": "x", "folds": 3, "splits": ("a", "b", "c")}, None, id="more splits"),
        pytest.param({"cv": "x", "folds": 1, "splits": ("a",)}, None, id="fewer splits"),
        pytest.param({"cv": "x", "splits": ("a", "c")}, "cv", id="other splits"),
    ],
)
def test_the_first_difference_is_named(change, named):
    found = IDENTITY.difference(replace(IDENTITY, **change))
    assert (found is None) == (named is None)
    assert (named or "") in (found or "")


def through_json(record):
    return json.loads(json.dumps(record.to_json(), allow_nan=False))


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(RECORD, id="all"),
        pytest.param(replace(RECORD, splits=None, origin=None, racing=None), id="least"),
        pytest.param(replace(RECORD, identity=replace(IDENTITY, seed=0)), id="seed 0"),
    ],
)
def test_a_search_comes_back(record):
    entry = through_json(record)
    again = SearchRecord.from_json(entry)
    assert replace(again, fingerprint="") == record
    assert through_json(again) == entry


@pytest.mark.parametrize("name", ["filled", "neurons"])
def test_what_0_1_0_wrote_is_written_again_alike(name):
    entry = read_sealed(STORED / name / "search.json")
    assert [*SearchRecord.from_json(entry).to_json().items()] == [*entry.items()]
    known = SearchRecord.from_json(entry)
    assert known.identity.fingerprints.search == entry["fingerprint"] == known.fingerprint


@pytest.mark.parametrize("trial", ["filled/trial_0000", "neurons/trial_0001"])
def test_a_fold_of_0_1_0_says_nothing_of_model_and_packages(trial):
    entry = read_sealed(STORED / trial / "fold_1.json")
    record = read_typed(FoldRecord, entry)
    assert record.to_json() == {**entry, "model": "", "versions": {}}


@pytest.mark.parametrize("name", ["filled", "neurons"])
def test_a_refit_of_0_1_0_is_that_of_its_search(name):
    entry = read_sealed(STORED / name / "best" / "refit.json")
    record = read_typed(RefitRecord, entry)
    assert record.to_json() == entry
    search = SearchRecord.from_json(read_sealed(STORED / name / "search.json"))
    assert record.identity == search.identity


def test_further_entries_replace_no_part_of_the_identity():
    added = RECORD.with_entries({"experiment": "x", "seed": 8, "own": (1, 2), "source": "f"})
    assert (added.experiment, added.identity) == ("x", IDENTITY)
    assert added.extra == {"note": [1, {"x": None}], "own": [1, 2]}
    assert added.origin == replace(RECORD.origin, source="f")
    assert added.fingerprint == ""
    with pytest.raises(UsageError, match=r"labels\.0: expected a text, received 5"):
        RECORD.with_entries({"labels": [5]})


HUGE = 10**400
WRONG = {
    "folds": [-3, 0, True, 1.5, "3", None, 10**9, HUGE, [3]],
    "repeats": [0, -1, False, "1", 10**9],
    "seed": [None, "7", 1.5, True, 2**64, HUGE],
    "experiment": [5, None, ["x"], "x" * 2_000_000],
    "objective": [None, "", 5, ["max:val_accuracy"]],
    "versions": [[], "keras", {"keras": 3}, {"keras": None}],
    "grid": [
        *(None, {}, "x", [5], [{}], [{"name": "n"}], [{"name": 5, "values": [1]}]),
        *([{"name": "n", "values": []}], [{"name": "n", "values": [1, 1]}]),
        *([{"name": "n", "values": [{}]}], [{"name": "n", "values": [float("inf")]}]),
        *([{"name": "n", "values": [HUGE]}], [{"name": "n", "values": 5}]),
        *([{"name": "n", "values": [1], "part": -1}],),
        *([{"name": "n", "values": [1], "conditions": [{"parent": "m"}]}],),
        [{"name": f"n{i}", "values": [1]} for i in range(201)],
    ],
    "asked": [5, "x", [5], {"n": 5}, {"n": [{}]}, None],
    "max_trials": [0, -1, "5", 1.5, True],
    "labels": [5, "ab", [1], {"a": 1}],
    "split_rows": [[[1]], [[0, 1]], [[1, 0]], [[1, 2, 3]], [["1", 2]], [[1.5, 2]], 5],
    "fresh_folds": [None, 0, "yes"],
    "baseline": [0.5, ["x"], [float("nan")], [HUGE]],
    "sample": [-1, 2, "all", float("nan"), None, HUGE],
    "command": [5, ["kt-grid"]],
    "features": ["ab", [5], {"a": 1}],
    "target_column": [-2, "1", 1.5, True],
    "encoders": [["x"], 5, {}],
    "reading": [[], "x"],
    "racing": [5, True],
    "rows": [0, -1, "9", 1.5],
    "data": [5, ["d"]],
    "splits": [5, [1], "ab"],
    "fit": [5, [], {"epochs": float("inf")}, {"epochs": HUGE}],
    "model source": [5],
    "format": [2, "1", None, True, 1.0, {}],
    "fingerprint": [5],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [pytest.param(name, v, id=f"{name}={v!r:.20}") for name in WRONG for v in WRONG[name]],
)
def test_an_entry_that_cannot_be_is_named(name, value):
    entry = {**through_json(RECORD), name: value}
    with pytest.raises(FieldError, match=rf"^{name}\b") as caught:
        SearchRecord.from_json(entry)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["grid", "experiment", "repeats", "objective", "folds", "seed"])
def test_an_entry_that_is_missing_is_named(name):
    entry = through_json(RECORD)
    del entry[name]
    with pytest.raises(FieldError, match=f"^{name} is missing"):
        SearchRecord.from_json(entry)


def test_what_is_deeper_than_anything_of_ours_is_refused():
    deep = []
    for _ in range(30):
        deep = [deep]
    with pytest.raises(FieldError, match=r"extra\.mine: expected lists 20 deep at most"):
        SearchRecord.from_json({**through_json(RECORD), "mine": deep})
