"""A search is taken up where it stands, by the grid and the splits that count now."""

import importlib
import linecache
import sys
from dataclasses import replace
from types import SimpleNamespace

import keras_tuner
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_grid.errors import MismatchError, SearchFailedError
from kt_grid.search import resuming
from kt_grid.search.identity import package_versions
from kt_grid.search.observer import Silent
from kt_grid.search.oracle import GridOracle
from kt_grid.search.tuner import CrossValidationTuner
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
    resuming.apply_splits(oracle, splits, 3)
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
    resuming._note_dropped_weights(store)
    assert {record.weights for record in store.read_folds(other)} == {""}
    assert "" not in {record.weights for record in store.read_folds(best)}
    assert [t.status for t in read_trials(store, 4, METRIC)] == ["RUNNING", "RUNNING"]


BUILD = '''
import keras

UNITS = 3

def build(hp):
    """Build a model."""
    units = UNITS * hp.Choice("times", [1, 2])
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model
'''
EDITS = {
    "nothing": ("", ""),
    "no model": ("UNITS * hp", "(1 + UNITS - 1) * hp"),
    "a docstring": ("Build a model.", "Build a small model."),
    "all models": ("UNITS = 3", "UNITS = 4"),
    "the second model": ('hp.Choice("times", [1, 2])', '(hp.Choice("times", [1, 2]) ** 2)'),
    "an optimizer": ('"sgd"', '"adam"'),
    "a fault": ("return model", "return missing"),
}
X = np.random.RandomState(2).normal(size=(8, 2)).astype(np.float32)


class Told(Silent):
    """Remembers what it is told, and which trials' folds were trained."""

    def __init__(self):
        self.notes, self.trained = [], []

    def note(self, text):
        self.notes.append(text)

    def fold(self, parameters):
        self.trained.append(parameters["times"])


@pytest.fixture
def run(tmp_path, monkeypatch, eagerly):
    """Search with a file's `build` after an edit; returns the tuner, and what it was told."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def search(edit="nothing", **options):
        old, new = EDITS[edit]
        assert old in BUILD
        (tmp_path / "my_file.py").write_text(BUILD.replace(old, new) if old else BUILD)
        monkeypatch.delitem(sys.modules, "my_file", raising=False)
        linecache.clearcache()
        importlib.invalidate_caches()
        told = Told()
        tuner = CrossValidationTuner(
            importlib.import_module("my_file").build,
            cv=2, directory=tmp_path, engine="keras", observer=told, **options,
        )  # fmt: skip
        try:
            tuner.search(X, X[:, 0])
        finally:
            told.statuses = {t.trial_id: t.status for t in tuner.oracle.trials.values()}
        return tuner, told

    return search


def test_the_same_code_goes_on_without_a_word(run):
    tuner, told = run()
    assert told.trained == [1, 1, 2, 2]
    again, later = run()
    assert (later.trained, later.notes) == ([], told.notes)
    assert again.best_score == tuner.best_score


@pytest.mark.parametrize("edit", ["no model", "a docstring"])
def test_an_edit_that_changes_no_model_goes_on(run, edit):
    tuner, _ = run()
    again, told = run(edit)
    assert told.trained == []
    assert again.best_score == tuner.best_score
    words = [note for note in told.notes if "but no model: the search goes on" in note]
    # What isn't run is no change at all.
    assert len(words) == (edit == "no model")
    assert all(note.startswith("my_file.py has changed: function build()") for note in words)
    # From now on it is the code that the search is known by.
    _, later = run(edit)
    assert not any("but no model" in note for note in later.notes)


@pytest.mark.parametrize(
    ("edit", "cause", "trials"),
    [
        pytest.param("all models", "UNITS", "0000, 0001", id="a constant"),
        pytest.param("the second model", "function build()", "0001", id="one of the models"),
        pytest.param("an optimizer", "function build()", "0000, 0001", id="the optimizer"),
        pytest.param("a fault", "function build()", "0000, 0001", id="no model at all"),
    ],
)
def test_an_edit_that_changes_a_completed_trials_model_is_refused(run, raises, edit, cause, trials):
    tuner, _ = run()
    before = {path: path.read_bytes() for path in tuner.store.root.rglob("*.json")}
    with raises(MismatchError, f"my_file.py has changed: {cause}", f"in trials {trials}."):
        run(edit)
    assert {path: path.read_bytes() for path in tuner.store.root.rglob("*.json")} == before
    # The code that it was made with goes on.
    assert run()[1].trained == []


def test_an_interrupted_trial_of_another_model_is_trained_anew(run):
    """Its first fold is there; the completed trial's model is as it was."""
    tuner, _ = run()
    (tuner.store.trial_dir("0001") / "fold_1.json").unlink()
    (tuner.store.trial_dir("0001") / "trial.json").unlink()
    _, told = run("the second model")
    assert "trial 0001 is trained anew, as its model has changed" in told.notes
    assert told.trained == [2, 2]
    assert {n: len(tuner.store.read_fold("0001", n).model) for n in (0, 1)} == {0: 32, 1: 0}
    assert told.statuses == {"0000": "COMPLETED", "0001": "COMPLETED"}


def test_an_interrupted_trial_of_the_same_model_goes_on(run):
    tuner, _ = run()
    (tuner.store.trial_dir("0001") / "fold_1.json").unlink()
    (tuner.store.trial_dir("0001") / "trial.json").unlink()
    _, told = run("no model")
    assert told.trained == [2]


USERS = """
import functools
import keras
import kt_grid
import my_helper

def build(hp):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model

class Slows(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = my_helper.rate(epoch)

def score(y_true, y_pred):
    return my_helper.rate(y_pred.mean())

SCORES = {"score": [kt_grid.Score("mine", score, "max")]}
CALLBACKS = {
    "callback": [Slows()],
    "function": [keras.callbacks.LearningRateScheduler(lambda epoch, rate: my_helper.rate(epoch))],
    "partial": [keras.callbacks.LearningRateScheduler(functools.partial(my_helper.power, 2))],
    "maker": [functools.partial(keras.callbacks.LearningRateScheduler, my_helper.rate)],
}
"""
HELPER = """
def rate(epoch):
    return 0.1

def power(base, epoch, rate):
    return rate(epoch) if callable(rate) else 0.1
"""


@pytest.mark.parametrize("kind", ["score", "callback", "function", "partial", "maker"])
def test_what_scores_and_callbacks_use_of_another_module_counts(
    tmp_path, monkeypatch, raises, eagerly, kind
):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "my_file.py").write_text(USERS)

    def search(rate):
        (tmp_path / "my_helper.py").write_text(HELPER.replace("0.1", rate))
        for name in ("my_file", "my_helper"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        linecache.clearcache()
        importlib.invalidate_caches()
        module = importlib.import_module("my_file")
        tuner = CrossValidationTuner(
            module.build, "val_loss", cv=2, directory=tmp_path, engine="keras",
            observer=Silent(), scores=module.SCORES.get(kind, []),
        )  # fmt: skip
        tuner.search(X, X[:, 0], callbacks=module.CALLBACKS.get(kind, []))

    search("0.1")
    search("0.1")
    with raises(MismatchError, "another ", "my_helper.py has changed: function "):
        search("0.2")


def test_a_search_none_of_whose_trials_was_completed_begins_anew(run):
    with pytest.raises(SearchFailedError, match="missing"):
        run("a fault")
    tuner, told = run()
    assert "no trial was completed before: the search begins anew" in told.notes
    assert told.trained == [1, 1, 2, 2]
    assert told.statuses == {"0000": "COMPLETED", "0001": "COMPLETED"}
    assert sorted(tuner.store.trial_ids()) == ["0000", "0001"]


def test_other_versions_are_told_and_the_search_goes_on(run):
    tuner, _ = run()
    record = tuner.store.read_record()
    versions = {**record.versions, "keras": "2.0", "numpy": "0.1"}
    tuner.store.write_record(replace(record, versions=versions))
    _, told = run()
    now = package_versions()
    assert (
        "the search began with keras 2.0, numpy 0.1, and goes on with "
        f"keras {now['keras']}, numpy {now['numpy']}"
    ) in told.notes
    assert told.trained == []
    # Nothing was trained, so the directory stays as it was.
    assert tuner.store.read_record().versions == versions
    (tuner.store.trial_dir("0001") / "fold_1.json").unlink()
    _, told = run()
    assert told.trained == [2]
    assert tuner.store.read_record().versions == now


def test_a_model_that_is_another_one_by_the_versions_alone_stays(run):
    """Nothing says that the user changed it, so that what is there isn't refused."""
    tuner, _ = run()
    record = tuner.store.read_record()
    tuner.store.write_record(replace(record, versions={**record.versions, "keras": "2.0"}))
    for trial_id in ("0000", "0001"):
        fold = tuner.store.read_fold(trial_id, 0)
        tuner.store.write_fold(trial_id, replace(fold, model="0" * 32), None)
    _, told = run()
    assert told.trained == []
    assert any(note.startswith("the search began with keras 2.0") for note in told.notes)


def test_other_rows_are_another_search_whatever_the_code(run, tmp_path):
    run()
    (tmp_path / "my_file.py").write_text(BUILD.replace("UNITS = 3", "UNITS = 4"))
    sys.modules.pop("my_file")
    tuner = CrossValidationTuner(
        importlib.import_module("my_file").build, cv=2, directory=tmp_path, engine="keras"
    )
    with pytest.raises(MismatchError, match="another data"):
        tuner.search(X + 1, X[:, 0])
