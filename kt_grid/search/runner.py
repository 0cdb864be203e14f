"""Runs one trial: trains the folds that have no record yet, and sums up."""

import itertools
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import keras_tuner
import numpy as np

from kt_grid.data.arrays import Arrays
from kt_grid.data.weighting import keras_class_weight
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Engine, Task, Trained, Trainings, Upcoming
from kt_grid.engines.stopping import hold_back, without_stopping
from kt_grid.errors import EngineError, KtGridError, UnforeseenAxisError, describe_error
from kt_grid.search.identity import package_versions
from kt_grid.search.observer import Observer
from kt_grid.search.racing import GivenUp, Judge
from kt_grid.search.setup import Setup
from kt_grid.space import FIT_AXES, Axis, Parameters
from kt_grid.space.asking import AskingHyperParameters
from kt_grid.space.seeds import derive_seed
from kt_grid.store.directory import FoldRecord, SearchStore
from kt_grid.store.held_out import write_predictions
from kt_grid.store.trials import trial_metrics

_REFIT = "refit"


@dataclass(frozen=True)
class TrialWork:
    """A trial that is being run.

    Attributes:
        trial: The keras-tuner trial.
        fit: How it is trained.
        tasks: All its trainings, by split.
        done: The records of those that are done, by split.
    """

    trial: Any
    fit: FitArguments
    tasks: dict[int, Task]
    done: dict[int, FoldRecord]

    @property
    def missing(self) -> list[Task]:
        """The trainings that are left to do."""
        return [task for split, task in self.tasks.items() if split not in self.done]

    def first_scores(self, metric: str) -> list[float]:
        """Return the scores of the splits before the first that is missing.

        Args:
            metric: The metric's name.
        """
        first = itertools.takewhile(self.done.__contains__, self.tasks)
        return [self.done[split].scores[metric] for split in first]


@dataclass(frozen=True)
class TrialRunner:
    """Runs the trials of one search.

    Attributes:
        setup: What the search is made of.
        hypermodel: A `keras_tuner.HyperModel`.
        engine: What trains.
        store: Where the folds' records go.
        longest: The most epochs that any trial trains.
        kept: Names of axes that the dicts of a grid name; a trial keeps the defaults of those
            that only others than its own have.
        observer: Is told of every fold.
    """

    setup: Setup
    hypermodel: Any
    engine: Engine
    store: SearchStore
    longest: int
    kept: frozenset[str]
    observer: Observer

    def run(
        self, trial: Any, following: Sequence[Parameters] = (), judge: Judge | None = None
    ) -> dict[str, float]:
        """Train and score the folds of a trial that have no record yet, in this process.

        Args:
            trial: A keras-tuner trial.
            following: The parameters of the trials that are likely to be next.
            judge: Is asked before anything is trained, and after each fold.

        Returns:
            As `metrics`.

        Raises:
            GivenUp: If `judge` has a reason.
            FailedTrialError: If a training raises or its result isn't finite.
            FatalRuntimeError: If a record can't be written, from the StoreError.
            UnforeseenAxisError: If a training asks for a hyperparameter that the trial hasn't.
        """
        work = self.begin(trial)
        self._consult(judge, work)
        upcoming = [self.upcoming(values) for values in following]
        with closing(self._train(trial, work.fit, work.missing, upcoming)) as trainings:
            for trained in trainings:
                self.keep(work, trained)
                self._consult(judge, work)
        return self.metrics(work)

    def _consult(self, judge: Judge | None, work: TrialWork) -> None:
        """End a trial that needn't be trained any further."""
        try:
            reason = judge(work.first_scores(self.setup.objective.name)) if judge else ""
        except KtGridError as error:
            # keras-tuner would take anything but a FatalError for a failure of the trial.
            raise keras_tuner.errors.FatalRuntimeError(str(error)) from error
        if reason:
            done, folds = len(work.done), len(work.tasks)
            raise GivenUp(f"given up after {done} of {folds} folds: {reason}")

    def begin(self, trial: Any) -> TrialWork:
        """Find out what is left to do for a trial.

        Args:
            trial: A keras-tuner trial.

        Returns:
            Its trainings, and the records of those that were done before an interruption.
        """
        fit = self._fit_of(trial.hyperparameters.values)
        tasks = {task.split: task for task in self._tasks(trial.hyperparameters.values)}
        records = {split: self._stored(trial, task, fit) for split, task in tasks.items()}
        done = {split: record for split, record in records.items() if record is not None}
        return TrialWork(trial, fit, tasks, done)

    def refit(self, trial: Any) -> Any:
        """Train a trial's combination on all rows.

        Args:
            trial: A keras-tuner trial.

        Returns:
            The trained model.

        Raises:
            EngineError: If the training raises.
        """
        rows = np.arange(self.setup.arrays.rows)
        task = Task(split=-1, train=rows, test=None, seed=self.refit_seed(trial))
        try:
            fit = without_stopping(
                self._fit_of(trial.hyperparameters.values), self._kept_epochs(trial)
            )
            (trained,) = self._train(trial, fit, [task])
        except keras_tuner.errors.FailedTrialError as error:
            raise EngineError(f"Expected the refit to succeed. Received: {error}") from error
        return trained.model

    def _kept_epochs(self, trial: Any) -> list[int]:
        """The epochs that a trial's folds were trained for."""
        records = (self.store.read_fold(trial.trial_id, n) for n in range(len(self.setup.splits)))
        return [record.epochs for record in records if record is not None]

    def refit_seed(self, trial: Any) -> int:
        """Return the seed of a trial's refit."""
        return derive_seed(self.setup.seed, trial.hyperparameters.values, _REFIT)

    def steps(self, values: Parameters) -> float:
        """Return how many optimizer steps a combination takes per fold, roughly.

        Args:
            values: Its parameters.
        """
        fit = self._fit_of(values)
        return fit.epochs * -(-self.setup.arrays.rows // fit.batch_size)

    def upcoming(self, following: Parameters) -> Upcoming:
        """Return the first training of the trial that is likely to be next.

        Args:
            following: The trial's parameters.
        """
        first = next(iter(self._tasks(following)))
        return Upcoming(self.asking(following), self._fit_of(following), first)

    def asking(self, values: Parameters) -> Any:
        """What a trial's build is given: its parameters, and nothing that it hasn't."""
        kept, new = self.kept - values.keys(), self.setup.new
        return AskingHyperParameters(values, kept=kept, closed=True, new=new)

    def arrays_of(self, values: Parameters) -> Arrays:
        """Return the rows, with the target in the form of a trial's loss.

        Args:
            values: The trial's parameters.

        Raises:
            DataError: If the target can't be one for it.
        """
        return self.setup.targets.for_loss(self.setup.loss_of(values))

    def _tasks(self, values: Parameters) -> list[Task]:
        setup, fit = self.setup, self._fit_of(values)
        folds = len(setup.splits) // setup.repeats
        return [
            hold_back(
                Task(split, *rows, derive_seed(setup.seed, values, *divmod(split, folds))),
                fit,
                setup.arrays.groups,
                setup.arrays.sample_weight,
            )
            for split, rows in enumerate(setup.splits)
        ]

    def _fit_of(self, values: Parameters) -> FitArguments:
        chosen: dict[str, Any] = {name: values[name] for name in FIT_AXES if name in values}
        setup = self.setup
        passed = {name: chosen[name] for name in setup.passed_axes if name in chosen}
        own = {**setup.fit.own, **passed}
        return replace(setup.fit, **chosen, own=own, longest=self.longest)

    def trainings(
        self,
        values: Parameters,
        fit: FitArguments,
        tasks: list[Task],
        upcoming: Sequence[Upcoming] = (),
    ) -> Trainings:
        """Return what an engine is to do for a trial.

        Args:
            values: The trial's parameters.
            fit: How it is trained.
            tasks: What to train.
            upcoming: What the engine may prepare for meanwhile.

        Raises:
            DataError: If the target can't be one for the trial's loss.
            UsageError: If Keras can't weigh the target's classes.
        """
        arrays = self.arrays_of(values)
        weights = keras_class_weight(fit.class_weight or {}, arrays)
        return Trainings(
            hypermodel=self.hypermodel,
            hyperparameters=self.asking(values),
            arrays=arrays,
            fit=replace(fit, class_weight=weights),
            tasks=tasks,
            # Of other rows an engine would keep no program.
            upcoming=[one for one in upcoming if self._rows_for(one) is arrays],
            identify=self.setup.builds is not None,
        )

    def _rows_for(self, upcoming: Upcoming) -> Arrays:
        return self.arrays_of(dict(upcoming.hyperparameters.values.items()))

    def _stored(self, trial: Any, task: Task, fit: FitArguments) -> FoldRecord | None:
        """The record of a fold that was trained before an interruption.

        Without its weights it counts only if those of all folds are gone, as they are when
        another trial was better.
        """
        record = self.store.read_fold(trial.trial_id, task.split)
        if record is None or record.seed != task.seed:
            return None
        if record.epochs > fit.epochs or (record.epochs < fit.epochs and not fit.may_stop):
            return None
        whole = self.store.has_weights(trial.trial_id, record)
        return record if whole or not self.store.keeps_weights(trial.trial_id) else None

    def _train(
        self,
        trial: Any,
        fit: FitArguments,
        tasks: list[Task],
        upcoming: Sequence[Upcoming] = (),
    ) -> Generator[Trained, None, None]:
        """Let the engine train; whatever it raises makes the trial failed, with the reason."""
        if not tasks:
            return
        try:
            values = dict(trial.hyperparameters.values)
            yield from self.engine.run(self.trainings(values, fit, tasks, upcoming))
        except (
            *(keras_tuner.errors.FatalError, keras_tuner.errors.FailedTrialError),
            UnforeseenAxisError,
        ):
            raise
        except Exception as error:
            raise keras_tuner.errors.FailedTrialError(describe_error(error)) from error

    def keep(self, work: TrialWork, trained: Trained) -> None:
        """Write the record and the weights of a training that is done.

        Args:
            work: Its trial.
            trained: It.

        Raises:
            FailedTrialError: If its score isn't finite.
            FatalRuntimeError: If something can't be written, from the StoreError.
        """
        record = FoldRecord(
            split=trained.split,
            parameters=dict(work.trial.hyperparameters.values),
            seed=work.tasks[trained.split].seed,
            scores=self._named(trained.scores),
            epochs=trained.epochs,
            seconds=trained.seconds,
            engine=trained.engine,
            size=trained.count_weights(),
            steps=trained.steps,
            model=trained.fingerprint,
            versions=package_versions(),
        )
        try:
            self._keep_predictions(work, trained)
            self.store.write_fold(work.trial.trial_id, record, trained.save_weights)
        except KtGridError as error:
            # Anything but a FatalError would be taken for a failure of the trial.
            raise keras_tuner.errors.FatalRuntimeError(str(error)) from error
        except Exception as error:
            raise keras_tuner.errors.FailedTrialError(describe_error(error)) from error
        if trained.reason:
            self.observer.note(f"engine {trained.engine}, because of {trained.reason}")
        self.observer.fold(record.parameters)
        work.done[trained.split] = record

    def _keep_predictions(self, work: TrialWork, trained: Trained) -> None:
        rows = work.tasks[trained.split].test
        if trained.predictions is not None and rows is not None:
            y_true = self.arrays_of(dict(work.trial.hyperparameters.values)).take(rows).y
            fold = (self.store, work.trial.trial_id, trained.split)
            write_predictions(*fold, rows, y_true, trained.predictions)

    def _named(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Scores by name; a bare number that a HyperModel's `fit` returned is the objective."""
        if (
            "" in scores
            and not self.setup.objective.stated
            and self.setup.objective.direction == "max"
        ):
            raise keras_tuner.errors.FailedTrialError(
                "Expected a stated objective for the bare number that fit returns. Received: none. "
                "keras-tuner minimises it, as objective='min:val_score' does"
            )
        objective = self.setup.objective.name
        named = {name or objective: value for name, value in scores.items()}
        value = named.get(objective)
        if value is None and f"{objective}_0" in named:
            raise keras_tuner.errors.FailedTrialError(
                f"Expected an objective that is one number. Received: {objective}, which gives "
                'several. Compile the metric with average="macro", or name one of them, such as '
                f"{objective}_0"
            )
        if value is None or not np.isfinite(value):
            raise keras_tuner.errors.FailedTrialError(
                f"Expected a finite {objective} among the scores. Received: {named}"
            )
        return {name: value for name, value in named.items() if np.isfinite(value)}

    def metrics(self, work: TrialWork) -> dict[str, float]:
        """Sum up a trial whose trainings are all done.

        Args:
            work: The trial.

        Returns:
            Metrics for trial.json: the mean over the folds of every metric under its own name,
            and of the objective also the standard deviation (ddof=0) and every fold's score.
        """
        return trial_metrics(self.setup.objective.name, work.done)


def longest_training(axes: Iterable[Axis]) -> int:
    """Return the most epochs that any trial of a grid trains.

    Args:
        axes: The grid.

    Returns:
        Number of epochs; 0 if the grid doesn't say.
    """
    epochs = (n for axis in axes if axis.name == "epochs" for n in axis.values)
    return max((n for n in epochs if isinstance(n, int)), default=0)
