"""Trials on workers: none is lost, none is recorded twice, whatever becomes of the workers."""

import itertools
import queue
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from types import SimpleNamespace

import keras_tuner
import pytest
from keras_tuner.engine.trial import TrialStatus

from kt_grid.data.targets import Loss
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task, Trainings, Upcoming
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

    def upcoming(self, values):
        given = AskingHyperParameters(values, closed=True)
        return Upcoming(given, FitArguments(), Task(0, None, None, 10))

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


@dataclass
class Answer:
    """What becomes of a job: the trainings that are done, their score, and the end."""

    end: object = field(default_factory=Result)
    score: float = 0.5
    splits: tuple | None = None


class FakeWorkers(Workers):
    """Answers at once, the newest call first; `troubles` has what goes wrong, by units."""

    def __init__(self, troubles=(), lost=False):
        self.troubles = {units: list(errors) for units, errors in dict(troubles).items()}
        self.calls, self.jobs, self.lost = [], [], lost

    @property
    def slots(self):
        return 2

    def stream(self, deliver, fn, /, packed, lane=0):
        job = unpack(packed)
        values = dict(job.hyperparameters.values)
        units = values["units"]
        self.jobs.append((values, job.loss, job.identify))
        self.calls.append((units, dict(job.seeds)))
        future = Future()
        trouble = self.troubles.get(units)
        answer = (trouble.pop(0) if trouble else None) or Answer()
        if isinstance(answer, Answer):
            seeds = job.seeds if answer.splits is None else answer.splits
            for split in seeds:
                scores = {"val_loss": answer.score}
                deliver(Received(split, scores, 1, 0.1, None, "keras", weights=b"w"))
            answer = answer.end
        if isinstance(answer, CancelledError):
            future.cancel()
            future.set_running_or_notify_cancel()
        elif isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future

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
    workers = FakeWorkers({3: [Answer(Result(unforeseen=met), splits=())]})
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
        pytest.param(
            Answer(Result(failure="ValueError: unlucky", details="Traceback")),
            "ValueError: unlucky\n\nTraceback",
            id="raised",
        ),
        pytest.param(Answer(score=float("nan")), "not finite", id="diverged"),
    ],
)
def test_a_trial_that_fails_does_not_stop_the_others(trouble, reason):
    search = dispatch(FakeWorkers({2: [trouble]}))
    search.run()
    assert search.ended[1] == search.ended[3] == 2.0
    assert search.ended[2].startswith(reason)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(Result(failure="ValueError: x"), id="raises"),
        pytest.param(WorkerSlowError("Expected 1 s. Received: more"), id="slow"),
        pytest.param(died(3), id="dies"),
    ],
)
def test_what_a_failed_trial_did_train_is_kept(end):
    search = dispatch(FakeWorkers({2: [Answer(end, splits=(0,))]}))
    search.run()
    assert [split for units, split in search.runner.kept if units == 2] == [0]
    assert isinstance(search.ended[2], str)


def test_only_what_a_dead_worker_had_not_done_is_trained_again():
    workers = FakeWorkers({2: [Answer(died(), splits=(0,))]})
    search = dispatch(workers)
    search.run()
    assert [seeds for units, seeds in workers.calls if units == 2] == [{0: 10, 1: 11}, {1: 11}]
    assert search.ended == {1: 2.0, 2: 2.0, 3: 2.0}


def test_deaths_count_anew_after_another_fold():
    errors = [died(), died(), Answer(died(), splits=(0,)), died()]
    workers = FakeWorkers({2: errors})
    search = dispatch(workers)
    search.run()
    assert search.ended == {1: 2.0, 2: 2.0, 3: 2.0}


@pytest.mark.parametrize(
    "twice", [pytest.param((0, 0, 1), id="given twice"), pytest.param((1,), id="lost on the way")]
)
def test_each_fold_is_recorded_once_whatever_comes(twice):
    search = dispatch(FakeWorkers({2: [Answer(splits=twice)]}))
    search.run()
    assert sorted(split for units, split in search.runner.kept if units == 2) == [0, 1]
    assert search.ended == {1: 2.0, 2: 2.0, 3: 2.0}


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


class Answered:
    """A queue that lets a worker answer when nothing else has come."""

    def __init__(self, answer):
        self._events, self._answer = queue.SimpleQueue(), answer
        self.put = self._events.put

    def get(self, timeout):
        if self._events.empty():
            self._answer()
        return self._events.get(timeout=timeout)


class LaneWorkers(FakeWorkers):
    """Two workers that answer when the test says so; it notes who is asked for what."""

    lanes = 2

    def __init__(self):
        super().__init__()
        self.open, self.asked = [[], []], [[], []]

    def stream(self, deliver, fn, /, packed, lane=0):
        job, future = unpack(packed), Future()
        following = job.following and dict(job.following.hyperparameters.values)
        self.asked[lane].append((dict(job.hyperparameters.values), following))
        self.open[lane].append((deliver, job, future))
        return future

    def answer(self, lane):
        deliver, job, future = self.open[lane].pop(0)
        for split in job.seeds:
            deliver(Received(split, {"val_loss": 0.5}, 1, 0.1, None, "keras", weights=b"w"))
        future.set_result(Result())


def asked_of_two(**axes):
    """Run a grid on two workers that answer in turn; return what each was asked for."""
    hp = keras_tuner.HyperParameters()
    for name, values in axes.items():
        hp.Choice(name, values)
    oracle = GridOracle(keras_tuner.Objective("val_loss", "min"), hyperparameters=hp)
    oracle.expensive_first(lambda _: 0.0, 100)
    workers = LaneWorkers()

    def end(trial, metrics, reason):
        trial.status = TrialStatus.COMPLETED
        oracle.update_trial(trial.trial_id, metrics)
        oracle.end_trial(trial)

    dispatcher = Dispatcher(
        oracle, Runner(), workers, lambda _: None, end, lambda values: values["units"]
    )
    turns = itertools.cycle((0, 1))

    def answer():
        lane = next(turns)
        workers.answer(lane if workers.open[lane] else 1 - lane)

    dispatcher._events = Answered(answer)
    dispatcher.run()
    return workers.asked


def test_no_two_workers_have_models_of_one_design():
    """Not even where a design has but two trials, and the one to come is of another one."""
    asked = asked_of_two(units=[4, 8, 12, 16, 24, 32], rate=[0.1, 0.2])
    designs = [{values["units"] for values, _ in each} for each in asked]
    assert designs[0].isdisjoint(designs[1])
    assert [len(each) for each in asked] == [6, 6]


def test_trials_go_where_their_design_or_their_fewer_epochs_were():
    workers = asked_of_two(epochs=[1, 2], rate=[0.1, 0.2], units=[4, 8])
    units = [[values["units"] for values, _ in asked] for asked in workers]
    assert units == [[4] * 4, [8] * 4]
    for asked in workers:
        rates = [(values["rate"], values["epochs"]) for values, _ in asked]
        assert rates == [(0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2)]
        told = [following for _, following in asked[:-1]]
        assert told == [values for values, _ in asked[1:]]


def test_a_lost_scheduler_ends_the_search(raises, monkeypatch):
    monkeypatch.setattr("kt_grid.search.dispatch._SECONDS_BETWEEN_CHECKS", 0.0)
    with raises(WorkerError, "scheduler"):
        dispatch(FakeWorkers(lost=True)).run()


def test_a_full_disk_ends_the_search():
    with pytest.raises(keras_tuner.errors.FatalRuntimeError) as caught:
        dispatch(FakeWorkers(), units=(99,)).run()
    assert isinstance(caught.value.__cause__, StoreError)
