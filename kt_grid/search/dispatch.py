"""Runs the trials of a search on workers: hands them out, takes them back, survives deaths."""

import itertools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus

from kt_grid.errors import (
    KtGridError,
    WorkerDiedError,
    WorkerError,
    WorkerSlowError,
    describe_error,
)
from kt_grid.search.oracle import GridOracle
from kt_grid.search.runner import TrialRunner, TrialWork
from kt_grid.workers.jobs import Job, Result, pack_job, run_job
from kt_grid.workers.local import Workers

_DEATHS = 3
_SECONDS_BETWEEN_CHECKS = 1.0


class Dispatcher:
    """Keeps workers busy until no trial is left.

    One job holds all trainings that a trial lacks, because they share what is compiled. A trial
    whose worker died is run again; where that happens three times, it has failed.

    Args:
        oracle: Hands out trials.
        runner: Knows what a trial consists of, and writes what became of it.
        executor: The workers.
        begin: Is told that a trial begins.
        end: Is told how a trial ended: its metrics, or None and the reason of its failure.
    """

    def __init__(
        self,
        oracle: GridOracle,
        runner: TrialRunner,
        executor: Workers,
        begin: Callable[[Any], None],
        end: Callable[[Any, dict[str, float] | None, str], None],
    ) -> None:
        self._oracle = oracle
        self._runner = runner
        self._executor = executor
        self._begin = begin
        self._end = end
        self._running: dict[Future[Result], TrialWork] = {}
        self._deaths: Counter[str] = Counter()
        self._numbers = itertools.count()

    def run(self) -> None:
        """Run all trials that the oracle has.

        Raises:
            WorkerError: If no worker can be used any more.
            FatalRuntimeError: If something can't be written, from the StoreError.
        """
        self._hand_out()
        while self._running:
            done, _ = wait(self._running, _SECONDS_BETWEEN_CHECKS, FIRST_COMPLETED)
            self._executor.check()
            for future in done:
                self._take(future, self._running.pop(future))
            self._hand_out()

    def _hand_out(self) -> None:
        while len(self._running) < self._executor.places:
            # keras-tuner takes whoever asks twice under one name for the same worker.
            trial = self._oracle.create_trial(f"job{next(self._numbers)}")
            if trial.status != TrialStatus.RUNNING:
                return
            self._begin(trial)
            self._submit(self._runner.begin(trial))

    def _submit(self, work: TrialWork) -> None:
        """Send what a trial lacks to a worker; after an interruption that may be nothing."""
        if not work.missing:
            self._finish(work)
            return
        values, missing = dict(work.trial.hyperparameters.values), work.missing
        try:
            trainings = self._runner.trainings(values, work.fit, missing)
        except KtGridError as error:
            self._end(work.trial, None, describe_error(error))
            return
        job = pack_job(
            Job(
                hyperparameters=trainings.hyperparameters,
                fit=trainings.fit,
                seeds={task.split: task.seed for task in missing},
                loss=self._runner.setup.loss_of(values),
                identify=trainings.identify,
            )
        )
        # Executors give the function its first argument, which no type can say.
        run: Callable[..., Result] = run_job
        self._running[self._executor.submit(run, job)] = work

    def _take(self, future: Future[Result], work: TrialWork) -> None:
        try:
            result = future.result()
        except CancelledError:
            # A cluster that lost what a job needs says so in this way.
            self._rerun(work, WorkerDiedError("Expected a worker to stay. Received: it is gone"))
        except WorkerDiedError as error:
            self._rerun(work, error)
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
            self._keep(work, result)

    def _rerun(self, work: TrialWork, error: WorkerDiedError) -> None:
        self._deaths[work.trial.trial_id] += error.times
        if self._deaths[work.trial.trial_id] < _DEATHS:
            self._submit(work)
        else:
            reason = f"{type(error).__name__}: {_DEATHS} times. {error}"
            self._end(work.trial, None, reason)

    def _keep(self, work: TrialWork, result: Result) -> None:
        if result.unforeseen is not None:
            # The trial is the first of several, whose seeds know of the axis.
            self._oracle.extend(work.trial, result.unforeseen)
            self._submit(self._runner.begin(work.trial))
            return
        try:
            for trained in result.trained:
                self._runner.keep(work, trained)
        except keras_tuner.errors.FailedTrialError as error:
            self._end(work.trial, None, str(error))
            return
        if result.failure:
            self._end(work.trial, None, f"{result.failure}\n\n{result.details}")
        else:
            self._finish(work)

    def _finish(self, work: TrialWork) -> None:
        self._end(work.trial, self._runner.metrics(work), "")
