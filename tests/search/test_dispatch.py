"""Trials on workers: none is lost, none is recorded twice, whatever becomes of the workers."""

from concurrent.futures import CancelledError, Future
from types import SimpleNamespace

import keras_tuner
import pytest
from keras_tuner.engine.trial import TrialStatus

from kt_grid.data.targets import Loss
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task, Trainings
from kt_grid.errors import (
    DataError,
    StoreError,
    UnforeseenAxisError,
    WorkerDiedError,
    WorkerError,
    WorkerSlowError,
)
from kt_grid.search.dispatch import Dispatcher
from kt_grid.search.oracle import GridOracle
from kt_grid.search.runner import TrialWork
from kt_grid.space import Asked, DecisionTree
from kt_grid.space.asking import AskingHyperParameters
from kt_grid.workers.jobs import Received, Result
from kt_grid.workers.local import Workers
from kt_grid.workers.packing import unpack


def loss_of(parameters):
    return Loss("mean_squared_error", parameters["units"])


class Runner:
    """Two trainings per trial; it remembers what was recorded."""

    setup = SimpleNamespace(loss_of=loss_of)

    def __init__(self, stored=(), unfit=None):
        self.kept, self.stored, self.unfit = [], stored, unfit

    def begin(self, trial):
        # What is recorded under other parameters doesn't count.
        found = 100 * trial.hyperparameters.values.get("found", 0)
        tasks = {split: Task(split, None, None, found + 10 + split) for split in range(2)}
        done = dict.fromkeys(self.stored if trial.trial_id == "0000" else (), "record")
        return TrialWork(trial, FitArguments(), tasks, done)

    def trainings(self, values, fit, tasks):
        if values["units"] == self.unfit:
            raise DataError("Expected two classes. Received: 3")
        given = AskingHyperParameters(values, closed=True)
        return Trainings(None, given, None, fit, tasks, identify=values["units"] == 1)

    def keep(self, work, trained):
        units = work.trial.hyperparameters.values["units"]
        self.kept.append((units, trained.split))
        if units == 99:
            raise keras_tuner.errors.FatalRuntimeError("full") from StoreError("full")
        if trained.scores["val_loss"] != trained.scores["val_loss"]:
            raise keras_tuner.errors.FailedTrialError("not finite")
        work.done[trained.split] = trained.scores["val_loss"]

    def metrics(self, work):
        return {"val_loss": float(len(work.done))}


class FakeWorkers(Workers):
    """Answers at once, the newest call first; `troubles` has what goes wrong, by units."""

    def __init__(self, troubles=(), lost=False):
        self.troubles = {units: list(errors) for units, errors in dict(troubles).items()}
        self.calls, self.jobs, self.lost = [], [], lost

    @property
    def places(self):
        return 2

    def submit(self, fn, /, packed):
        job = unpack(packed)
        values = dict(job.hyperparameters.values)
        units = values["units"]
        self.jobs.append((values, job.loss, job.identify))
        self.calls.append((units, dict(job.seeds)))
        future = Future()
        trouble = self.troubles.get(units)
        error = trouble.pop(0) if trouble else None
        if isinstance(error, CancelledError):
            future.cancel()
            future.set_running_or_notify_cancel()
        elif isinstance(error, Exception):
            future.set_exception(error)
        else:
            future.set_result(error or self.answer(job))
        return future

    @staticmethod
    def answer(job, failure="", score=0.5, splits=None):
        trained = tuple(
            Received(split, {"val_loss": score}, 1, 0.1, None, "keras", weights=b"w")
            for split in (job.seeds if splits is None else splits)
        )
        return Result(trained, failure=failure, details="Traceback")

    def check(self):
        if self.lost:
            raise WorkerError("Expected a scheduler. Received: none")


def dispatch(workers, runner=None, units=(1, 2, 3), explore=None):
    hp = keras_tuner.HyperParameters()
    hp.Choice("units", list(units))
    oracle = GridOracle(keras_tuner.Objective("val_loss", "min"), hyperparameters=hp)
    if explore is not None:
        oracle.follow(DecisionTree(), explore)
    ended, begun = {}, []

    def end(trial, metrics, reason):
        values = trial.hyperparameters.values
        value = values["units"] if len(values) == 1 else tuple(values.values())
        assert value not in ended
        ended[value] = metrics["val_loss"] if metrics else reason
        trial.status = TrialStatus.COMPLETED if metrics else TrialStatus.FAILED
        oracle.update_trial(trial.trial_id, metrics or {})
        oracle.end_trial(trial)

    runner = runner or Runner()
    dispatcher = Dispatcher(oracle, runner, workers, lambda t: begun.append(t.trial_id), end)
    return SimpleNamespace(
        run=dispatcher.run, ended=ended, begun=begun, runner=runner, oracle=oracle
    )


def died(times=1):
    return WorkerDiedError("Expected life. Received: signal SIGKILL", times)


def test_every_trial_is_run_and_recorded_once():
    workers = FakeWorkers()
    search = dispatch(workers)
    search.run()
    assert search.ended == {1: 2.0, 2: 2.0, 3: 2.0}
    assert sorted(search.runner.kept) == [(u, s) for u in (1, 2, 3) for s in (0, 1)]
    assert sorted(workers.calls) == [(u, {0: 10, 1: 11}) for u in (1, 2, 3)]
    assert search.begun == ["0000", "0001", "0002"]
    assert not search.oracle.ongoing_trials


def test_a_job_says_what_its_own_trial_is_trained_with():
    workers = FakeWorkers()
    dispatch(workers, units=(1, 2)).run()
    assert sorted(workers.jobs, key=str) == [
        ({"units": units}, Loss("mean_squared_error", units), units == 1) for units in (1, 2)
    ]


def test_a_target_that_is_none_for_a_trials_loss_fails_that_trial():
    workers = FakeWorkers()
    search = dispatch(workers, Runner(unfit=2))
    search.run()
    assert search.ended[1] == search.ended[3] == 2.0
    assert "Expected two classes. Received: 3" in search.ended[2]
    assert sorted(units for units, _ in workers.calls) == [1, 3]


def test_an_axis_that_a_worker_meets_extends_the_trial():
    """The trial goes on as the first of those that the axis makes; the others follow."""
    met = UnforeseenAxisError("found", (1, 2), 1)
    workers = FakeWorkers({3: [Result((), unforeseen=met)]})
    # A build knows nothing of what its training asks for.
    search = dispatch(workers, explore=lambda _: [Asked("units", (1, 2, 3))])
    search.run()
    of_three = [(values, dict(seeds)) for (values, *_), (_, seeds) in _sent(workers, 3)]
    assert of_three == [
        ({"units": 3}, {0: 10, 1: 11}),
        ({"units": 3, "found": 1}, {0: 110, 1: 111}),
        ({"units": 3, "found": 2}, {0: 210, 1: 211}),
    ]
    combinations = [trial.hyperparameters.values for trial in search.oracle.trials.values()]
    assert sorted(combinations, key=str) == [
        {"units": 1},
        {"units": 2},
        {"units": 3, "found": 1},
        {"units": 3, "found": 2},
    ]
    assert len(search.ended) == len(search.begun) == 4


def _sent(workers, units):
    """What was sent of trials with so many units, each once."""
    both = zip(workers.jobs, workers.calls, strict=True)
    return [(job, call) for job, call in both if call[0] == units]


@pytest.mark.parametrize(
    ("stored", "jobs"),
    [pytest.param((0,), [{1: 11}], id="one fold"), pytest.param((0, 1), [], id="all folds")],
)
def test_what_an_interrupted_trial_has_is_not_trained_again(stored, jobs):
    workers = FakeWorkers()
    search = dispatch(workers, Runner(stored))
    search.run()
    assert [seeds for units, seeds in workers.calls if units == 1] == jobs
    assert search.ended == {1: 2.0, 2: 2.0, 3: 2.0}


@pytest.mark.parametrize("error", [died(), CancelledError()], ids=["killed", "lost by a cluster"])
def test_a_trial_whose_worker_died_is_run_again(error):
    workers = FakeWorkers({2: [error, error]})
    search = dispatch(workers)
    search.run()
    assert search.ended == {1: 2.0, 2: 2.0, 3: 2.0}
    assert [units for units, _ in workers.calls].count(2) == 3
    assert len(search.runner.kept) == 6


@pytest.mark.parametrize(
    "errors", [[died()] * 3, [died(3)]], ids=["one by one", "as a cluster tells it"]
)
def test_a_trial_that_kills_three_workers_has_failed(errors):
    search = dispatch(FakeWorkers({2: errors}))
    search.run()
    assert search.ended[1] == search.ended[3] == 2.0
    assert search.ended[2].startswith("WorkerDiedError: 3 times. Expected life.")


def test_deaths_are_counted_for_each_trial():
    search = dispatch(FakeWorkers({units: [died()] * 2 for units in (1, 2, 3)}))
    search.run()
    assert search.ended == {1: 2.0, 2: 2.0, 3: 2.0}


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        pytest.param(
            WorkerSlowError("Expected 1 s. Received: more"), "WorkerSlowError: Exp", id="slow"
        ),
        pytest.param(("ValueError: unlucky", 0.5), "ValueError: unlucky\n\nTraceback", id="raised"),
        pytest.param(("", float("nan")), "not finite", id="diverged"),
    ],
)
def test_a_trial_that_fails_does_not_stop_the_others(trouble, reason):
    if isinstance(trouble, tuple):
        trouble = FakeWorkers.answer(SimpleNamespace(seeds={0: 1}), *trouble)
    search = dispatch(FakeWorkers({2: [trouble]}))
    search.run()
    assert search.ended[1] == search.ended[3] == 2.0
    assert search.ended[2].startswith(reason)


def test_what_a_failed_trial_did_train_is_kept():
    job = SimpleNamespace(seeds={0: 10, 1: 11})
    search = dispatch(FakeWorkers({2: [FakeWorkers.answer(job, "ValueError: x", splits=[0])]}))
    search.run()
    assert [split for units, split in search.runner.kept if units == 2] == [0]


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        pytest.param(
            ModuleNotFoundError("no kt_grid"), WorkerError, ["ModuleNotFoundError"], id="packages"
        ),
        pytest.param(
            WorkerError("Expected a start. Received: none"), WorkerError, ["start"], id="start"
        ),
    ],
)
def test_workers_that_are_of_no_use_end_the_search(raises, error, kind, words):
    with raises(kind, *words):
        dispatch(FakeWorkers({2: [error]})).run()


def test_a_lost_scheduler_ends_the_search(raises):
    with raises(WorkerError, "scheduler"):
        dispatch(FakeWorkers(lost=True)).run()


def test_a_full_disk_ends_the_search():
    with pytest.raises(keras_tuner.errors.FatalRuntimeError) as caught:
        dispatch(FakeWorkers(), units=(99,)).run()
    assert isinstance(caught.value.__cause__, StoreError)
