"""The keras-tuner Tuner whose trials are cross-validated: one trial is k folds."""

import math
import os
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras_tuner.engine.trial import TrialStatus

from kt_grid.data.arrays import Arrays, as_arrays
from kt_grid.data.digests import source_digest
from kt_grid.engines import make_engine
from kt_grid.engines.backend import settle_backend
from kt_grid.engines.first_model import choose_objective, losses_of, suit_arrays
from kt_grid.engines.own_fit import settle_fit
from kt_grid.engines.scored import with_extras
from kt_grid.errors import KtGridError
from kt_grid.search.dispatch import Dispatcher
from kt_grid.search.identity import make_identity
from kt_grid.search.keeping import WeightKeeper
from kt_grid.search.leaks import find_leaks
from kt_grid.search.models import KeptModels, recorded_fit
from kt_grid.search.observer import Observer, Silent
from kt_grid.search.oracle import make_oracle
from kt_grid.search.racing import GivenUp, check_racing, make_race
from kt_grid.search.resuming import reopen_given_up, take_up, write_down
from kt_grid.search.rivals import Rivals
from kt_grid.search.runner import TrialRunner, longest_training
from kt_grid.search.searched import Searched
from kt_grid.space import Grids, check_grid
from kt_grid.space.objective import Extras, Score, as_objective, check_scores
from kt_grid.space.seeds import check_seed
from kt_grid.splitters.chosen import check_splits, choose_cv
from kt_grid.splitters.folds import Splitter, check_cv, count_repeats, follow_time, make_splits
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import write_sealed
from kt_grid.store.records import check_keep
from kt_grid.workers.jobs import Context
from kt_grid.workers.placement import Placement, check_environment

_LOOKAHEAD = 1000


class CrossValidationTuner(Searched, keras_tuner.Tuner):  # type: ignore[misc] # keras-tuner is untyped
    """Tries every combination of a grid, each trained and scored on k folds.

    A fold's score is that of the model it ends with, on the rows held out. Everything is kept in
    `directory/project_name`; a search that was interrupted goes on from there, and its
    results are those of an uninterrupted one.

    Args:
        hypermodel: A `keras_tuner.HyperModel` or a function `build(hp)` that returns a compiled
            `keras.Model`. A HyperModel's own `fit` is honoured.
        objective: `val_auc`, `min:val_my_metric`, a `Score` or a `keras_tuner.Objective`. By
            default the accuracy if the model compiles it and it has a meaning for the target
            and the loss together, else `val_loss`.
        cv: Number of folds, stratified where the target is classes and the losses are for them, in
            order of the rows; any object with scikit-learn's `split(x, y, groups)`, or
            pairs (train, test) of index arrays.
        grid: Values by name, varied in this order, the last fastest, or a list of such dicts.
            They replace what the model declares or add to it; `batch_size` and `epochs` are
            passed on to `fit`.
        max_trials: Only the first so many combinations; all by default.
        seed: Where every random draw comes from.
        engine: "auto", or "keras" for plain `model.fit`.
        directory: Where searches are kept.
        project_name: This search's folder in it.
        overwrite: Whether a search that is already there is deleted first.
        workers: Number of worker processes; 1 trains in this process; "auto" does so too, until
            it is worth while to use all cores. Results are the same with any number.
        scheduler: Address of a Dask scheduler whose workers train, such as `tcp://host:8786`.
        trial_timeout: Seconds that a trial may take; trials run in worker processes then.
        keep: "all" keeps the weights of every trial's folds, "best" those of the best trial.
        about: Further entries for search.json.
        observer: Is told how the search goes on.
        scores: Further `Score`s, computed on the held-out rows of every fold.
        train_scores: Whether all scores are also computed on the training rows.
        keep_predictions: Whether the predictions for the held-out rows are kept.
        racing: "bound" gives up a trial that can't reach the best mean any more, "test" one that
            a test after each fold finds worse (p < 0.05, uncorrected: it may drop the best one).

    Example:
        ```python
        tuner = CrossValidationTuner(build, objective="val_accuracy", cv=3, directory="runs")
        tuner.search(x, y, epochs=100, batch_size=10)
        print(tuner.best_score, tuner.best_params)
        ```
    """

    def __init__(
        self,
        hypermodel: Any,
        objective: Any = None,
        cv: int | Splitter = 3,
        grid: Grids | None = None,
        *,
        max_trials: int | None = None,
        seed: int = 7,
        engine: str = "auto",
        directory: str | os.PathLike[str] = "runs",
        project_name: str = "search",
        overwrite: bool = False,
        workers: int | str = 1,
        scheduler: str | None = None,
        trial_timeout: float | None = None,
        keep: str = "all",
        about: Mapping[str, Any] | None = None,
        observer: Observer | None = None,
        scores: Sequence[Score] = (),
        train_scores: bool = False,
        keep_predictions: bool = False,
        racing: str | None = None,
    ) -> None:
        check_keep(keep)
        check_environment()
        settle_backend()
        self.placement = Placement(workers, scheduler, trial_timeout, racing is not None)
        self.extras = Extras(check_scores(objective, scores), train_scores, keep_predictions)
        self.grid = check_grid({} if grid is None else grid)
        self._states_objective = objective is not None
        # Until there are rows; then it is chosen again, for the target too.
        chosen = choose_objective(hypermodel, self.grid)[0] if objective is None else objective
        self.target = as_objective(chosen, self.extras.scores)
        check_racing(racing, self.target, self.extras.scores)
        self.racing = racing
        self.cv = check_cv(cv)
        self._folds = cv
        self.seed = check_seed(seed)
        self.engine_name = engine
        self.engine = with_extras(make_engine(engine), self.extras)
        self.about = {**(about or {}), **({"racing": racing} if racing else {})}
        self.observer = observer or Silent()
        self.store = SearchStore(directory, project_name)
        if overwrite:
            self.store.clear(self.observer.note)
        self.store.prepare()
        recorded = self.store.peek_identity().get("objective")
        if objective is None and isinstance(recorded, str):
            # For what is asked of the directory before there are rows again.
            self.target = replace(as_objective(recorded), stated=False)
        with tempfile.TemporaryDirectory() as empty:
            # keras-tuner would reload from tuner0.json, and say so on stdout.
            super().__init__(
                oracle=make_oracle(self.target, seed, self.grid, max_trials),
                hypermodel=hypermodel,
                directory=empty,
                project_name=project_name,
            )
        self.directory = str(directory)
        self.oracle.store = self.store
        self.oracle.reload()
        self._models = KeptModels(self.store, self.hypermodel, self.target)
        self.keeper = WeightKeeper(keep, self.oracle, self.store)
        # Taken before anything runs, because an object's attributes may change by that.
        self._model_source = source_digest(hypermodel)
        self._runner: TrialRunner | None = None
        self._rivals = Rivals(self.oracle)
        self._ending: tuple[str, str] | None = None
        self._left = 0

    def search(
        self,
        x: Any,
        y: Any = None,
        *,
        groups: Any = None,
        sample_weight: Any = None,
        **fit_arguments: Any,
    ) -> None:
        """Train and score every combination that isn't finished yet.

        Args:
            x: Array of shape `(rows, …)`, or a list, tuple or dict of such arrays; or a finite
                `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator of batches with their
                targets, which is taken into memory once.
            y: Targets, as arrays; None if `x` has them.
            groups: Group of each row, for a splitter that keeps groups together.
            sample_weight: Weights of shape `(rows,)`, for losses and `weighted_metrics`.
            **fit_arguments: `epochs`, `batch_size`, `class_weight` and `callbacks`, as
                `model.fit` takes them; `early_stopping` and `validation_split` as in
                `FitArguments`. A HyperModel with a `fit` of its own gets all others too.

        Raises:
            MismatchError: If the directory holds another search.
            SplitError: If the folds can't be made of these rows.
            UsageError: If arrays disagree in length, or an argument has no meaning here.
            LockedError: If another search is at work in the directory.
        """
        with self.locked():
            fit_arguments.pop("verbose", None)
            self._search(as_arrays(x, y, sample_weight, groups), fit_arguments)

    def _choose_objective(self, given: Arrays) -> None:
        """Choose the objective that isn't stated, now that the target is known."""
        if self._states_objective:
            return
        chosen, notes = choose_objective(self.hypermodel, self.grid, given)
        for note in notes:
            self.observer.note(note)
        if chosen == self.target:
            return
        check_racing(self.racing, chosen, self.extras.scores)
        self.target = chosen
        self.oracle.objective = keras_tuner.Objective(chosen.name, chosen.direction)
        self._models = replace(self._models, objective=chosen)
        self.oracle.reload()

    def _search(self, given: Arrays, fit_arguments: dict[str, Any]) -> None:
        self._choose_objective(given)
        self._runner = self._make_runner(given, fit_arguments)
        notes = {"experiment": self.project_name, "repeats": self._runner.repeats}
        notes |= {"labels": list(self._runner.arrays.labels), **self._runner.notes(), **self.about}
        race = make_race(self.racing, self.target, self._runner.repeats, notes)
        self._rivals = Rivals(self.oracle, race)
        identity = self._identity(self._runner)
        take_up(self.oracle, self.store, identity, notes, self.observer.note)
        for leak in find_leaks(self._runner.arrays, self._runner.fit, self.hypermodel):
            self.observer.note(leak)
        self.keeper.settle()
        reopen_given_up(self.oracle)
        total, finished = self.oracle.total_trials(), len(self.oracle.finished_trials())
        # Counted on, because to count them anew takes longer the larger the grid is.
        self._left = total - finished
        self.observer.begin(total, len(self._runner.splits), finished)
        self.placement.begin()
        try:
            self._run_trials(self._runner)
            while self.keeper.reopen_lost(self.observer.note):
                self._left += 1
                self._run_trials(self._runner)
            # A model may have declared more axes meanwhile.
            write_down(self.oracle, self.store, identity, notes)
        except keras_tuner.errors.FatalError as error:
            if isinstance(error.__cause__, KtGridError):
                raise error.__cause__ from None
            raise
        finally:
            self.observer.end()

    def _run_trials(self, runner: TrialRunner) -> None:
        """Run the trials that are left, here or wherever they had better run."""
        self.oracle.suspended = not self.placement.begins_here
        if not self.oracle.suspended:
            super().search()
        if self.oracle.suspended:
            self._search_elsewhere(runner)

    def _search_elsewhere(self, runner: TrialRunner) -> None:
        """Run the trials that are left in worker processes or on a cluster."""
        self.oracle.suspended = False
        if self._left:
            context = Context(
                self.hypermodel, runner.arrays, runner.splits, self.engine_name, self.extras
            )
            self.oracle.expensive_first(runner.steps, _LOOKAHEAD)
            with self.placement.open(context.pack(), self._left) as workers:
                hooks = (self.on_trial_begin, self._end_elsewhere)
                Dispatcher(self.oracle, runner, workers, *hooks).run()
        self.on_search_end()

    def _end_elsewhere(self, trial: Any, metrics: dict[str, float] | None, reason: str) -> None:
        """Take the end of a trial that ran in a worker."""
        if metrics is None:
            self._ending = (TrialStatus.FAILED, reason)
        else:
            self.oracle.update_trial(trial.trial_id, metrics)
            trial.status = TrialStatus.COMPLETED
        self.on_trial_end(trial)

    def _make_runner(self, given: Arrays, fit_arguments: Mapping[str, Any]) -> TrialRunner:
        arrays = suit_arrays(self.hypermodel, self.oracle.get_space(), given)
        fit, passed = settle_fit(self.hypermodel, self.oracle, arrays, fit_arguments, self.grid)
        if isinstance(self._folds, int | np.integer) and given.groups is None:
            losses = losses_of(self.hypermodel, self.grid, given)
            self.cv, notes = choose_cv(self._folds, given.y, losses, given.labels)
            for note in notes:
                self.observer.note(note)
        splits = make_splits(self.cv, arrays.rows, arrays.y, arrays.groups, arrays.x)
        for note in check_splits(splits, given.y, given.groups):
            self.observer.note(note)
        return TrialRunner(
            hypermodel=self.hypermodel,
            engine=self.engine,
            store=self.store,
            arrays=arrays,
            splits=splits,
            repeats=count_repeats(self.cv),
            fit=replace(fit, in_time=follow_time(splits)),
            passed_axes=passed,
            longest=longest_training(self.oracle.axes),
            seed=self.seed,
            objective=self.target,
            observer=self.observer,
        )

    def _identity(self, runner: TrialRunner) -> dict[str, Any]:
        return make_identity(
            objective=self.target,
            cv=self.cv,
            splits=runner.splits,
            seed=self.seed,
            arrays=keras.tree.flatten(runner.arrays.training_tuple()),
            fit=runner.fit.to_json(),
            model_source=self._model_source,
            engine=self.engine_name,
            extras=self.extras,
        )

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ARG002 - keras-tuner's signature
        """Train and score the folds of a trial that have no record yet.

        Args:
            trial: The trial.
            *args: Unused, as `search` keeps the data.
            **kwargs: Unused.

        Returns:
            What `TrialRunner.run` gives for trial.json; NaN for the objective if it gives none.
        """
        judge = self._rivals.judge_of(trial)
        try:
            return self._searched().run(trial, self.oracle.peek(), judge)
        except GivenUp as reason:
            self._ending = (TrialStatus.STOPPED, str(reason))
        except keras_tuner.errors.FailedTrialError as error:
            # Raised any further, keras-tuner would print the traceback.
            self._ending = (TrialStatus.FAILED, f"{error}\n\n{traceback.format_exc()}")
        return {self.target.name: math.nan}

    def on_trial_end(self, trial: Any) -> None:
        """Take the trial's end to the oracle, and drop weights that nobody asked to keep."""
        if self._ending:
            (trial.status, trial.message), self._ending = self._ending, None
        self.oracle.end_trial(trial)
        ended = self.oracle.get_trial(trial.trial_id)
        self.keeper.take(ended)
        self.observer.trial(ended.hyperparameters.values, ended.score, self.keeper.best_score)
        self._left -= 1
        self.oracle.suspended = self.placement.should_move(self._left, self.engine.compiled)

    def on_search_end(self) -> None:
        """Write keras-tuner's own files once; per trial they would grow with the square."""
        if self.oracle.suspended:
            return
        self.keeper.settle()
        self.save()

    def save(self) -> None:
        """Write oracle.json and tuner0.json, for keras-tuner's tools."""
        self.oracle.save()
        write_sealed(self.store.tuner_file, self.get_state())

    def refit(
        self,
        x: Any = None,
        y: Any = None,
        *,
        groups: Any = None,
        sample_weight: Any = None,
        **fit_arguments: Any,
    ) -> Any:
        """Train the best combination once more, on all rows, and keep the model.

        Args:
            x: Rows, as `search` takes them; those of the search by default.
            y: Targets.
            groups: Group of each row, as `search` takes it.
            sample_weight: Weights of shape `(rows,)`.
            **fit_arguments: As `search` takes them; those of the search by default.

        Returns:
            The trained model, which is also in `best/model.keras`.

        Raises:
            PredictionError: If no trial is completed, or there is no data.
            LockedError: If another search is at work in the directory.
        """
        trial = self._best_trial()
        runner = self._runner
        if x is not None:
            arrays = as_arrays(x, y, sample_weight, groups)
            runner = self._make_runner(arrays, fit_arguments or recorded_fit(self.store, runner))
        runner = runner or self._searched()
        with self.locked():
            return self._models.refit(runner, trial, self._identity(runner))
