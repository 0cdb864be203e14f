"""A search is taken up where it stands, by the grid and the splits that count now."""

from dataclasses import replace
from types import SimpleNamespace

import keras_tuner
import pytest
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_grid.errors import MismatchError
from kt_grid.search import resuming
from kt_grid.search.oracle import GridOracle
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import Identity, SearchRecord
from kt_grid.store.trials import read_trials, trial_metrics

METRIC = "val_accuracy"
IDENTITY = Identity(f"max:{METRIC}", folds=3, data="d", splits=("a", "b", "c"), seed=7)
RECORD = SearchRecord((), experiment="mine", repeats=1, identity=IDENTITY)


def trial(status, *scores):
    made = Trial(keras_tuner.HyperParameters(), trial_id=status, status=status)
    records = {i: SimpleNamespace(scores={METRIC: score}) for i, score in enumerate(scores)}
    for name, value in (trial_metrics(METRIC, records) if scores else {}).items():
        made.metrics.register(name, "max")
        made.metrics.update(name, value)
    made.score = made.metrics.get_best_value(METRIC) if scores else None
    return made


@pytest.mark.parametrize(
    ("splits", "reopened", "score"),
    [
        pytest.param(3, [], 0.5, id="the same"),
        pytest.param(2, [TrialStatus.FAILED], 0.75, id="fewer"),
        pytest.param(4, [TrialStatus.COMPLETED], 0.5, id="more"),
    ],
)
def test_trials_are_what_they_are_by_the_splits_that_count(splits, reopened, score):
    trials = [
        trial(TrialStatus.COMPLETED, 0.5, 1.0, 0.0),
        trial(TrialStatus.FAILED),
        trial(TrialStatus.RUNNING),
    ]
    again = []
    oracle = SimpleNamespace(
        trials={t.trial_id: t for t in trials},
        objective=SimpleNamespace(name=METRIC),
        reopen=again.append,
    )
    resuming.settle_splits(oracle, splits, 3)
    assert again == reopened
    assert trials[0].score == score


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        ("WorkerSlowError: Expected a trial to take 2 s at most. Received: no result", True),
        ("WorkerDiedError: 3 times. Expected a worker process to stay alive.", True),
        ("in my.py, line 3, in build: MemoryError\n\nTraceback", True),
        ("ResourceExhaustedError: OOM when allocating tensor", True),
        ("EngineError: Expected a finite loss on the held-out rows. Received: nan", False),
        ("ValueError: unlucky\n\nMemoryError: while this was told", False),
        (None, False),
    ],
)
def test_a_trial_that_lacked_time_memory_or_workers_is_tried_again(reason, again):
    failed, completed = trial(TrialStatus.FAILED), trial(TrialStatus.COMPLETED, 0.5)
    failed.message = completed.message = reason
    reopened, notes = [], []
    trials = {"0003": failed, "0004": completed}
    resuming.reopen_passing(SimpleNamespace(trials=trials, reopen=reopened.append), notes.append)
    assert reopened == ["0003"] * again
    assert [str(reason).partition("\n")[0] in note for note in notes] == [True] * again


@pytest.fixture
def oracle():
    def make(units, store):
        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.Choice("units", units)
        made = GridOracle(keras_tuner.Objective(METRIC, "max"), hyperparameters=hyperparameters)
        made.store = store
        made._set_project_dir(str(store.root.parent), store.root.name)
        return made

    return make


def test_the_grid_and_what_wrote_it_stand_beside_the_identity(tmp_path, oracle):
    store = SearchStore(tmp_path, "search")
    resuming.write_down(oracle([2, 3], store), store, RECORD)
    written = store.read_record()
    assert (written.identity, written.experiment) == (IDENTITY, "mine")
    assert [(axis.name, axis.values) for axis in written.grid] == [("units", (2, 3))]
    assert "keras" in written.versions


def test_another_search_is_not_taken_up(tmp_path, oracle):
    store = SearchStore(tmp_path, "search")
    resuming.take_up(oracle([2], store), store, RECORD, print)
    before = store.read_record()
    other = replace(RECORD, identity=replace(IDENTITY, data="e"))
    with pytest.raises(MismatchError, match="another data"):
        resuming.take_up(oracle([3], store), store, other, print)
    assert store.read_record() == before


def test_weights_that_were_dropped_are_not_missed_when_there_are_more_splits(stub_search, tmp_path):
    tuner, _ = stub_search(tmp_path, grid={"units": [2, 3]}, keep="best")
    store = tuner.store
    best = tuner.oracle.get_best_trials(1)[0].trial_id
    (other,) = {"0000", "0001"} - {best}
    assert not store.keeps_weights(other)
    resuming._settle_weights(store)
    assert {record.weights for record in store.read_folds(other)} == {""}
    assert "" not in {record.weights for record in store.read_folds(best)}
    assert [t.status for t in read_trials(store, 4, METRIC)] == ["RUNNING", "RUNNING"]
