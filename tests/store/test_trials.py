"""What a trial's files say, alone and together, and which of them aren't whole."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_grid.store.records import FoldRecord
from kt_grid.store.trials import read_trials, score_name, summarise, tell, trial_metrics

GRID = {"units": [5, (1, 2)]}
METRIC = "val_accuracy"


def read(store, splits=3):
    return [*read_trials(store, splits, METRIC)]


def test_a_completed_a_failed_and_a_running_trial(make_search):
    store = make_search({"units": [5, 6, 7, 8]}, [[0.5, 0.25, 1.0], "unlucky", None])
    completed, failed, running = read(store)
    assert [t.status for t in (completed, failed, running)] == ["COMPLETED", "FAILED", "RUNNING"]
    assert [t.parameters["units"] for t in (completed, failed, running)] == [5, 6, 7]
    assert completed.scores(METRIC) == (0.5, 0.25, 1.0)
    assert failed.message.startswith("unlucky")
    assert [t.has_all_folds for t in (completed, failed, running)] == [True, False, False]
    assert not any(t.damaged for t in (completed, failed, running))


@pytest.mark.parametrize(
    ("gone", "status"),
    [
        pytest.param(["trial.json"], "COMPLETED", id="sum"),
        pytest.param(["fold_1.json"], "COMPLETED", id="fold"),
        pytest.param(["trial.json", "fold_1.json"], "RUNNING", id="both"),
    ],
)
def test_records_and_their_sum_stand_in_for_each_other(make_search, gone, status):
    store = make_search(GRID, [None, [0.5, 0.25, 1.0]])
    paths = [store.root / "trial_0001" / name for name in gone]
    for path in paths:
        path.write_text("{", encoding="utf-8")
    _, trial = read(store)
    assert trial.damaged[:1] == (paths[0],)
    assert trial.parameters == {"units": (1, 2)}
    assert trial.status == status
    assert trial.has_all_folds == ("fold_1.json" not in gone)
    if status == "COMPLETED":
        assert trial.scores(METRIC) == (0.5, 0.25, 1.0)


def test_a_sum_that_disagrees_with_a_record_is_the_one_that_is_wrong(make_search):
    store = make_search({"units": [5]}, [[0.5, 0.25, 1.0]])
    parameters = {"units": 5}
    store.write_fold("0000", FoldRecord(1, parameters, 1, {METRIC: 0.75}, 1, 0.0, "stub"), None)
    (trial,) = read(store)
    assert trial.damaged == (store.trial_file("0000"),)
    assert trial.scores(METRIC) == (0.5, 0.75, 1.0)


def test_a_record_of_other_parameters_does_not_count(make_search):
    store = make_search({"units": [5]}, [[0.5, 0.25, 1.0]])
    store.write_fold("0000", FoldRecord(2, {"units": 9}, 1, {METRIC: 0.9}, 1, 0.0, "stub"), None)
    (trial,) = read(store)
    assert sorted(trial.records) == [0, 1]
    assert trial.damaged == (store.fold_file("0000", 2),)
    assert trial.scores(METRIC) == (0.5, 0.25, 1.0)


@pytest.mark.parametrize(("splits", "status"), [(2, "COMPLETED"), (3, "COMPLETED"), (4, "RUNNING")])
def test_a_trial_is_completed_by_the_splits_that_count(make_search, splits, status):
    (trial,) = read(make_search({"units": [5]}, [[0.5, 0.25, 1.0]]), splits)
    assert (trial.status, trial.damaged) == (status, ())
    if status == "COMPLETED":
        assert trial.scores(METRIC) == (0.5, 0.25, 1.0)[:splits]


@pytest.mark.parametrize(
    ("records", "epochs", "steps"),
    [
        pytest.param([(12, 24), (7, 14)], (12, 7), 38, id="whole"),
        pytest.param([(12, 24), (7, None)], (12, 7), None, id="unknown-steps"),
        pytest.param([(12, 24)], (), None, id="missing"),
    ],
)
def test_what_all_records_of_a_trial_say(make_search, records, epochs, steps):
    store = make_search({"units": [5]}, [None])
    for split, (trained, taken) in enumerate(records):
        record = FoldRecord(split, {"units": 5}, 1, {METRIC: 0.5}, trained, 0.25, "stub")
        store.write_fold("0000", replace(record, size=31, steps=taken), None)
    (trial,) = read(store, 2)
    assert (trial.epochs, trial.steps, trial.size) == (epochs, steps, 31)
    assert trial.seconds == ((0.25, 0.25) if epochs else ())


def test_metrics_of_a_trial_are_those_that_all_folds_have():
    scores = [{METRIC: 0.5, "val_loss": 1.0, "val_f1": 0.1}, {METRIC: 1.0, "val_loss": 3.0}]
    records = {i: FoldRecord(i, {}, 1, s, 1, 0.0, "stub") for i, s in enumerate(scores)}
    assert trial_metrics(METRIC, records) == {
        METRIC: 0.75,
        "val_loss": 2.0,
        "val_accuracy_std": 0.25,
        score_name(METRIC, 0): 0.5,
        score_name(METRIC, 1): 1.0,
    }


def test_files_are_named_with_what_is_wrong(tmp_path):
    there, gone = tmp_path / "trial_0000" / "fold_1.json", tmp_path / "trial_0001" / "trial.json"
    there.parent.mkdir()
    there.touch()
    expected = "trial_0000/fold_1.json is damaged, trial_0001/trial.json is missing"
    assert tell([there, gone]) == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_summarise_is_numpys_and_does_not_depend_on_order(scores):
    by_split = dict(enumerate(scores))
    mean, std = summarise(by_split)
    assert mean == np.mean(scores)
    assert std == np.std(scores, ddof=0)
    assert summarise(dict(reversed(by_split.items()))) == (mean, std)
