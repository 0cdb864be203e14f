"""Runs the trials of a search on workers: hands them out, takes them back, survives deaths."""

import itertools
import queue
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus

from kt_grid.engines.fresh import SHARED_PARTS
from kt_grid.errors import (
    KtGridError,
    WorkerDiedError,
    WorkerError,
    WorkerSlowError,
    describe_error,
)
from kt_grid.search.oracle import GridOracle
from kt_grid.search.runner import TrialRunner, TrialWork
from kt_grid.space import Parameters, key
from kt_grid.workers.jobs import Context, Job, Received, Result, pack_job, run_job
from kt_grid.workers.local import Workers
from kt_grid.workers.loop import Shared

_DEATHS = 3
_SLOTS_OF_ONE = 2
_TRAITS = 4096
_SECONDS_BETWEEN_CHECKS = 1.0


@dataclass
class _Sent:
    """A job under way.

    Attributes:
        work: Its trial.
        lane: Where it was sent.
        failure: Why the trial has failed, if one of its trainings says so.
    """

    work: TrialWork
    lane: int
    failure: str | None = None


@dataclass(frozen=True)
class _Traits:
    """What decides where a combination is trained best.

    Attributes:
        parameters: The combination.
        apart_from_epochs: What it has in common with those that train on from where it ends.
        design: What it has in common with those whose models share compiled programs.
    """

    parameters: Parameters
    apart_from_epochs: str
    design: Hashable


@dataclass
class _Lane:
    """What one worker has done and has to do.

    Attributes:
        running: Number of its jobs under way.
        trained: Combinations, apart from their epochs, that it has or had.
        designs: Designs of the models that it has or had.
        following: The combination that it was told to prepare for.
    """

    running: int = 0
    trained: set[str] = field(default_factory=set)
    designs: set[Hashable] = field(default_factory=set)
    following: Parameters | None = None


def pack_context(runner: TrialRunner) -> Shared:
    """Make bytes of what all jobs of a search have in common."""
    # What folds that were trained here have left in shared layers doesn't travel.
    SHARED_PARTS.restore()
    setup = runner.setup
    given = (setup.targets, setup.splits, setup.engine, setup.extras, setup.first)
    return Context(runner.hypermodel, *given).pack()


class Dispatcher:
    """Keeps workers busy until no trial is left.

    One job holds all trainings that a trial lacks, because they share what is compiled; the record
    of each is written when the worker has done it. A trial whose worker died is run again; where
    that happens three times without another fold being done, it has failed.

    Where each worker has a lane of its own, trials go to the one that trained the same combination
    for fewer epochs, or models of the same design, and it is told which trial comes next.

    Args:
        oracle: Hands out trials.
        runner: Knows what a trial consists of, and writes what became of it.
        executor: The workers.
        begin: Is told that a trial begins.
        end: Is told how a trial ended: its metrics, or None and the reason of its failure.
        design_of: What is equal for combinations whose models share compiled programs.
    """

    def __init__(
        self,
        oracle: GridOracle,
        runner: TrialRunner,
        executor: Workers,
        begin: Callable[[Any], None],
        end: Callable[[Any, dict[str, float] | None, str], None],
        design_of: Callable[[Parameters], Hashable] = lambda _: None,
    ) -> None:
        self._oracle = oracle
        self._runner = runner
        self._executor = executor
        self._begin = begin
        self._end = end
        self._design_of = design_of
        self._lanes = [_Lane() for _ in range(executor.lanes)]
        # What workers give, in the order in which it came: trainings of a job, or its end.
        self._events: queue.SimpleQueue[tuple[_Sent, Received | Future[Result]]] = (
            queue.SimpleQueue()
        )
        self._traits: dict[int, _Traits] = {}
        self._deaths: Counter[str] = Counter()
        self._numbers = itertools.count()

    def run(self) -> None:
        """Run all trials that the oracle has.

        Raises:
            WorkerError: If no worker can be used any more.
            FatalRuntimeError: If something can't be written, from the StoreError.
        """
        checked = time.monotonic()
        self._hand_out()
        while any(lane.running for lane in self._lanes):
            try:
                sent, given = self._events.get(timeout=_SECONDS_BETWEEN_CHECKS)
            except queue.Empty:
                pass
            else:
                self._take(sent, given)
                self._hand_out()
            if time.monotonic() - checked >= _SECONDS_BETWEEN_CHECKS:
                self._executor.check()
                checked = time.monotonic()

    def _hand_out(self) -> None:
        """Give every worker a trial, and then a second one that waits for it there."""
        for depth in range(self._executor.slots):
            for number, lane in enumerate(self._lanes):
                while lane.running <= depth and self._hand_to(number):
                    pass

    def _hand_to(self, number: int) -> bool:
        """Give a worker the trial that suits it best; False if there is none for it."""
        lane, several = self._lanes[number], len(self._lanes) > 1
        if several:
            left = self._oracle.bring_forward(partial(self._choose, lane))
            if lane.running and left < len(self._lanes):
                # Whoever is free first takes the last ones.
                return False
        # keras-tuner takes whoever asks twice under one name for the same worker.
        trial = self._oracle.create_trial(f"job{next(self._numbers)}")
        if trial.status != TrialStatus.RUNNING:
            return False
        traits = self._traits_of(dict(trial.hyperparameters.values))
        lane.trained.add(traits.apart_from_epochs)
        lane.designs.add(traits.design)
        lane.following = None
        self._begin(trial)
        self._submit(self._runner.begin(trial), number)
        return True

    def _choose(self, lane: _Lane, ahead: Sequence[Parameters]) -> int:
        """The index of the trial that suits a worker best, among those to be handed out next."""
        others = [other for other in self._lanes if other is not lane]
        promised = [other.following for other in others if other.following is not None]
        elsewhere = {self._traits_of(parameters).design for parameters in promised}
        elsewhere = elsewhere.union(*(other.designs for other in others))
        waiting = Counter(self._traits_of(parameters).design for parameters in ahead)

        def suits(index: int) -> tuple[int, int, int]:
            parameters, traits = ahead[index], self._traits_of(ahead[index])
            if parameters is lane.following:
                return 5, 0, 0
            if any(parameters is one for one in promised):
                return 0, 0, -index
            if traits.apart_from_epochs in lane.trained:
                return 4, 0, -index
            if traits.design in lane.designs:
                return 3, 0, -index
            if traits.design not in elsewhere:
                return 2, 0, -index
            # Help where most is left to do.
            return 1, waiting[traits.design], -index

        return max(range(len(ahead)), key=suits)

    def _traits_of(self, parameters: Parameters) -> _Traits:
        """Worked out once for each combination, as all of them are compared time and again."""
        known = self._traits.get(id(parameters))
        if known is None or known.parameters is not parameters:
            if len(self._traits) >= _TRAITS:
                self._traits.clear()
            rest = {name: value for name, value in parameters.items() if name != "epochs"}
            known = _Traits(parameters, key(rest), self._design_of(parameters))
            self._traits[id(parameters)] = known
        return known

    def _submit(self, work: TrialWork, number: int) -> None:
        """Send what a trial lacks to a worker; after an interruption that may be nothing."""
        if not work.missing:
            self._finish(work)
            return
        try:
            job = self._job(work, number)
        except KtGridError as error:
            self._end(work.trial, None, describe_error(error))
            return
        sent = _Sent(work, number)
        self._lanes[number].running += 1
        # Executors give the function its first argument, which no type can say.
        run: Callable[..., Any] = run_job
        future = self._executor.stream(
            lambda trained: self._events.put((sent, trained)), run, pack_job(job), lane=number
        )
        future.add_done_callback(lambda done: self._events.put((sent, done)))

    def _job(self, work: TrialWork, number: int) -> Job:
        values, missing = dict(work.trial.hyperparameters.values), work.missing
        trainings = self._runner.trainings(values, work.fit, missing)
        return Job(
            hyperparameters=trainings.hyperparameters,
            fit=trainings.fit,
            seeds={task.split: task.seed for task in missing},
            loss=self._runner.setup.loss_of(values),
            identify=trainings.identify,
            following=self._following(number),
        )

    def _following(self, number: int) -> Job | None:
        """What a worker will most likely do next, so that it can prepare for it."""
        if len(self._lanes) == 1 and self._executor.slots > _SLOTS_OF_ONE:
            # Several workers share the lane: nobody knows which one takes what comes next.
            return None
        if len(self._lanes) > 1:
            self._oracle.bring_forward(partial(self._choose, self._lanes[number]))
        self._lanes[number].following = values = self._oracle.peek()
        if values is None:
            return None
        upcoming = self._runner.upcoming(values)
        return Job(
            hyperparameters=upcoming.hyperparameters,
            fit=upcoming.fit,
            seeds={upcoming.task.split: upcoming.task.seed},
            loss=self._runner.setup.loss_of(values),
        )

    def _take(self, sent: _Sent, given: "Received | Future[Result]") -> None:
        """Take a training that is done, or the end of a job."""
        if isinstance(given, Future):
            self._lanes[sent.lane].running -= 1
            self._take_result(sent, given)
        elif sent.failure is None and given.split not in sent.work.done:
            self._deaths[sent.work.trial.trial_id] = 0
            try:
                self._runner.keep(sent.work, given)
            except keras_tuner.errors.FailedTrialError as error:
                sent.failure = str(error)

    def _take_result(self, sent: _Sent, future: "Future[Result]") -> None:
        work = sent.work
        try:
            result = future.result()
        except CancelledError:
            # A cluster that lost what a job needs says so in this way.
            self._rerun(sent, WorkerDiedError("Expected a worker to stay. Received: it is gone"))
        except WorkerDiedError as error:
            self._rerun(sent, error)
        except WorkerSlowError as error:
            self._end(work.trial, None, f"{type(error).__name__}: {error}")
        except KtGridError:
            raise
        except Exception as error:
            # What a training raises is in its result, so this is about the workers themselves.
            raise WorkerError(
                "Expected workers with the same packages as here. Received: "
                f"{describe_error(error)}"
            ) from error
        else:
            self._close(sent, result)

    def _rerun(self, sent: _Sent, error: WorkerDiedError) -> None:
        """Send what a trial still lacks once more, unless that was in vain too often."""
        trial = sent.work.trial
        self._deaths[trial.trial_id] += error.times
        if sent.failure is not None:
            self._end(trial, None, sent.failure)
        elif self._deaths[trial.trial_id] < _DEATHS:
            self._submit(sent.work, sent.lane)
        else:
            self._end(trial, None, f"{type(error).__name__}: {_DEATHS} times. {error}")

    def _close(self, sent: _Sent, result: Result) -> None:
        work = sent.work
        if result.unforeseen is not None:
            # The trial is the first of several, whose seeds know of the axis.
            self._oracle.extend(work.trial, result.unforeseen)
            self._submit(self._runner.begin(work.trial), sent.lane)
        elif sent.failure is not None:
            self._end(work.trial, None, sent.failure)
        elif result.failure:
            self._end(work.trial, None, f"{result.failure}\n\n{result.details}")
        elif work.missing:
            self._rerun(sent, WorkerDiedError("Expected all folds. Received: some are lost"))
        else:
            self._finish(work)

    def _finish(self, work: TrialWork) -> None:
        self._end(work.trial, self._runner.metrics(work), "")
