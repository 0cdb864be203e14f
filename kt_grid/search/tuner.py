"""The keras-tuner Tuner whose trials are cross-validated: one trial is k folds."""

import math
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus

from kt_grid.data.arrays import Arrays, as_inputs
from kt_grid.engines import check_engine, make_engine
from kt_grid.engines.backend import configure_backend
from kt_grid.engines.fresh import SHARED_PARTS
from kt_grid.engines.scored import with_extras
from kt_grid.engines.versions import untried_versions
from kt_grid.engines.weights import save_weights
from kt_grid.errors import (
    KtGridError,
    PredictionError,
    SearchFailedError,
    UnforeseenAxisError,
)
from kt_grid.search.contenders import find_contenders
from kt_grid.search.designs import Designs, find_designs
from kt_grid.search.dispatch import Dispatcher, pack_context
from kt_grid.search.held_out import Predicted, predict_held_out
from kt_grid.search.keras_tuners import (
    as_hypermodel,
    executed,
    listed_grid,
    new_entries,
    refuse,
)
from kt_grid.search.leaks import find_leaks
from kt_grid.search.models import KeptModels, WeightKeeper, load_refit, recorded_fit
from kt_grid.search.observer import NotesAsWarnings, Observer
from kt_grid.search.oracle import make_oracle, reason_of, told_failures
from kt_grid.search.outputs import Outputs
from kt_grid.search.overrides import check_given, check_result, place_trials
from kt_grid.search.predict import select_columns
from kt_grid.search.progress import observer_for
from kt_grid.search.racing import GivenUp, Incumbents, check_only, check_racing
from kt_grid.search.results import ResultsOfDirectory
from kt_grid.search.resuming import (
    check_models,
    recorded_objective,
    reopen_passing,
    reopen_pruned,
    take_up,
    write_down,
)
from kt_grid.search.rows import take_rows
from kt_grid.search.runner import TrialRunner, longest_training
from kt_grid.search.selection import find_trial
from kt_grid.search.setup import Setup, make_setup
from kt_grid.space import (
    DecisionTree,
    Grids,
    Parameters,
    axis_names,
    check_grid,
    make_axes,
    register,
)
from kt_grid.space.objective import (
    Extras,
    Score,
    as_objective,
    check_scores,
)
from kt_grid.space.seeds import check_seed
from kt_grid.splitters.folds import Splitter, check_cv
from kt_grid.store.directory import SearchStore
from kt_grid.store.held_out import has_predictions
from kt_grid.store.records import Contenders, check_keep
from kt_grid.store.shared import FIRST, read_first_weights, write_first_weights
from kt_grid.workers.placement import check_environment

_LOOKAHEAD = 1000
# Trials whose programs are compiled beside those before them: often two have one program.
_AHEAD = 2


class CrossValidationTuner(ResultsOfDirectory, keras_tuner.Tuner):  # type: ignore[misc] # keras-tuner is untyped
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
        workers: Number of worker processes; 1 trains in this process; "auto" does so too where
            that is about as fast as all cores. Results are the same with any number.
        scheduler: Address of a Dask scheduler whose workers train, such as `tcp://host:8786`.
        trial_timeout: Seconds that a trial may take; trials run in worker processes then.
        share_gpus: Whether there may be more workers than GPUs; each sees but one.
        keep: "best" keeps the weights of the best trial's folds, "all" those of every trial.
        about: Further entries for search.json.
        observer: Is told how the search goes on, in place of what `verbose` shows.
        scores: Further `Score`s, computed on the held-out rows of every fold.
        train_scores: Whether all scores are also computed on the training rows.
        keep_predictions: Whether the predictions for the held-out rows are kept.
        hyperparameters: keras-tuner's `HyperParameters`, whose entries replace the model's.
        tune_new_entries: keras-tuner's: whether what `build` asks for is an axis too if neither
            `hyperparameters` nor the grid lists it; else it keeps its default.
        allow_new_entries: keras-tuner's: whether `build` may ask for such things at all.
        executions_per_trial: keras-tuner's: trainings of each fold, which differ in their seeds.
        racing: "bound" gives up a trial that can't reach the best mean any more, "test" one that
            is significantly worse than the best one on the folds it has, which may drop the best.
        only: "contenders" gives all passes but the first only to trials that may be the best after
            it; for a `cv` of several passes, such as `Repeated(KFold(3), 5)`.

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
        share_gpus: bool = False,
        keep: str = "best",
        about: Mapping[str, Any] | None = None,
        observer: Observer | None = None,
        scores: Sequence[Score] = (),
        train_scores: bool = False,
        keep_predictions: bool = False,
        racing: str | None = None,
        only: str | None = None,
        hyperparameters: Any = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        executions_per_trial: int = 1,
        **others: Any,
    ) -> None:
        refuse(others)
        check_keep(keep)
        check_engine(engine)
        check_environment()
        configure_backend()
        placed = workers, scheduler, trial_timeout, racing is not None, share_gpus
        self.placement = place_trials(self, *placed)
        self.extras = Extras(check_scores(objective, scores), train_scores, keep_predictions)
        self.grid = check_grid(listed_grid({} if grid is None else grid, hyperparameters))
        self.new_entries = new_entries(self.grid, tune=tune_new_entries, allow=allow_new_entries)
        self._stated = None if objective is None else as_objective(objective, self.extras.scores)
        check_cv(cv)
        self.cv, self.repeats = executed(cv, executions_per_trial)
        self.racing = racing
        check_racing(racing, self._stated, self.extras.scores)
        self.only = only
        check_only(only, racing)
        self.seed = check_seed(seed)
        self.engine_name = engine
        self.engine = with_extras(make_engine(engine), self.extras)
        self.about = about or {}
        self.observer = observer or NotesAsWarnings()
        self.store = SearchStore(directory, project_name)
        if overwrite:
            self.store.clear(self.observer.note)
        self.store.prepare()
        known = self.store.peek_record()
        self.target = self._stated or recorded_objective(known, self.extras.scores)
        with tempfile.TemporaryDirectory() as empty:
            # Without a HyperModel keras-tuner builds nothing yet: what it would find out is found
            # out when the rows are there. Given the directory, it would reload from tuner0.json.
            super().__init__(
                oracle=make_oracle(self.target, seed, self.grid, max_trials),
                directory=empty,
                project_name=project_name,
            )
        self.executions_per_trial = executions_per_trial
        self.hypermodel = as_hypermodel(hypermodel)
        self.directory = str(directory)
        self.oracle.store = self.store
        if known is not None:
            axes = DecisionTree.from_axes(known.grid)
            self.oracle.follow(known.combinations_tree() or axes)
        self.oracle.reload()
        self._models = KeptModels(self.store, self.hypermodel, self.target)
        self.keeper = WeightKeeper(keep, self.oracle, self.store)
        self._runner: TrialRunner | None = None
        self._incumbents = Incumbents(self.oracle)
        self._ending: tuple[str, str] | None = None
        self._left = 0
        self._told: set[str] | None = None

    def search(
        self,
        x: Any,
        y: Any = None,
        *,
        groups: Any = None,
        sample_weight: Any = None,
        verbose: str | int = "auto",
        **fit_arguments: Any,
    ) -> None:
        """Train and score every combination that isn't finished yet.

        Args:
            x: Array of shape `(rows, …)`, or a list, tuple or dict of such arrays; what
                `kt_grid.read_data` gives, whose encodings serve other rows too; or a finite
                `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator of batches with their
                targets, which is taken into memory once; `steps_per_epoch` says how many.
            y: Targets, as arrays; None if `x` has them.
            groups: Group of each row, for a splitter that keeps groups together.
            sample_weight: Weights of shape `(rows,)`, for losses and `weighted_metrics`.
            verbose: As in Keras: 0 shows nothing, and warns (`KtGridWarning`) of what is worth
                telling; 1 shows a bar, 2 a line per trial; "auto" is 1 on a terminal and in a
                notebook, else 2.
            **fit_arguments: `epochs`, `batch_size`, `class_weight` and `callbacks`, as
                `model.fit` takes them; `early_stopping` and `validation_split` as in
                `FitArguments`. A HyperModel with a `fit` of its own gets all others too.

        Raises:
            MismatchError: If the directory holds another search.
            SplitError: If the folds can't be made of these rows.
            UsageError: If arrays disagree in length, or an argument has no meaning here.
            LockedError: If another search is at work in the directory.
            SearchFailedError: If no trial could be completed.
        """
        given, told = take_rows(x, y, sample_weight, groups, fit_arguments)
        self.about = {**self.about, **told}
        with self._observed(verbose), self.locked():
            self.run(self._make_setup(given, fit_arguments))
        if not self.oracle.get_best_trials(1):
            raise SearchFailedError(told_failures(self.oracle.finished_trials()))

    @contextmanager
    def _observed(self, verbose: str | int) -> Iterator[None]:
        """Show what `verbose` asks for, unless somebody brought an observer."""
        own, self._told = self.observer, set()
        self.observer = observer_for(verbose, own, self.project_name, lambda: self.target.name)
        try:
            yield
        finally:
            self.observer, self._told = own, None

    def _make_setup(self, given: Arrays, fit_arguments: Mapping[str, Any]) -> Setup:
        return make_setup(
            self.hypermodel,
            given,
            cv=self.cv,
            repeats=self.repeats,
            grid=self.grid,
            new=self.new_entries,
            fit=fit_arguments,
            objective=self._stated,
            extras=self.extras,
            racing=self.racing,
            only=self.only,
            seed=self.seed,
            engine=self.engine_name,
            max_trials=self.oracle.max_trials,
            known=self.store.peek_record(),
            first=read_first_weights(self.store),
        )

    def run(self, setup: Setup) -> None:
        """Run a search, from what is in its directory to its last trial.

        Args:
            setup: What `make_setup` made of the same arguments as this tuner's.

        Raises:
            MismatchError: If the directory holds another search, or trials of other models.
            LockedError: If another search is at work in it.
            WorkerError: If no worker can be used any more.
        """
        with self.locked():
            for note in (*untried_versions(), *setup.notes):
                self.observer.note(note)
            for leak in find_leaks(setup.arrays, setup.fit, self.hypermodel):
                self.observer.note(leak)
            chosen = find_contenders(self.oracle, self.keeper, setup, self._run_passes)
            self._run_passes(setup, chosen)

    def _run_passes(self, setup: Setup, contenders: Contenders | None = None) -> None:
        """Run all trials of a setup; all but the first pass only for contenders, if there are."""
        self.take(setup)
        # The directory: begin the search there, or go on with the one that it holds.
        record = setup.record(self.project_name, contenders).with_entries(self.about)
        tell, asking = self.observer.note, self._require_runner().asking
        changed, built = check_models(self.store, setup, self.hypermodel, asking, tell)
        built = write_first_weights(self.store, setup.first, built)
        take_up(self.oracle, self.store, replace(record, builds=built), tell)
        # The trials: those that are finished stay, those that were pruned get another chance.
        self.keeper.refresh()
        reopen_passing(self.oracle, self.observer.note)
        reopen_pruned(self.oracle, failed=changed, but=contenders.dropped if contenders else ())
        self._incumbents = Incumbents(self.oracle, setup.race)
        total, finished = self.oracle.total_trials(), len(self.oracle.finished_trials())
        # Counted on, because to count them anew takes longer the larger the grid is.
        self._left = total - finished
        self.observer.begin(total, len(setup.splits), finished)
        # Models are built for it, once, and only where it is asked for.
        designs = cache(partial(find_designs, self._require_runner(), self.oracle))
        combinations = partial(self.oracle.combinations, explore=False)
        self.placement.begin(
            self._left, lambda: designs().seconds(combinations(), self._left), tell
        )
        try:
            # The folds of each, trained by an engine, and a record on disk for each of them.
            self._run_trials(self._require_runner(), designs)
            while self.keeper.reopen_lost(self.observer.note):
                self._left += 1
                self._run_trials(self._require_runner(), designs)
        except keras_tuner.errors.FatalError as error:
            if isinstance(error.__cause__, KtGridError):
                raise error.__cause__ from None
            raise
        finally:
            kept = {n: v for n, v in built.items() if n in ("code", FIRST)}
            built = {**setup.built(), **kept}
            write_down(self.oracle, self.store, replace(record, builds=built))
            self.observer.end()
            SHARED_PARTS.release()

    def take(self, setup: Setup) -> None:
        """Take rows and trainings from a setup of the same arguments, and follow its builds."""
        if setup.objective != self.target:
            self.target = setup.objective
            self.oracle.objective = keras_tuner.Objective(self.target.name, self.target.direction)
            self._models = replace(self._models, objective=self.target)
        explore = None if setup.builds is None else setup.builds.explore
        self.oracle.follow(setup.tree, explore)
        axes = {axis.name: axis.values for axis in self.oracle.axes}
        self.oracle.update_space(register(axes))
        self._runner = self._make_runner(setup)

    def _make_runner(self, setup: Setup) -> TrialRunner:
        return TrialRunner(
            setup=setup,
            hypermodel=self.hypermodel,
            engine=self.engine,
            store=self.store,
            longest=longest_training(self.oracle.axes),
            kept=frozenset(axis_names(make_axes(self.grid))) if len(self.grid) > 1 else frozenset(),
            observer=self.observer,
        )

    def _run_trials(self, runner: TrialRunner, designs: Callable[[], Designs]) -> None:
        """Run the trials that are left: here, one after the other, or wherever they had better."""
        self.oracle.suspended = self.placement.moved
        if self.oracle.suspended:
            self.on_search_begin()
        else:
            super().search()
        if self.oracle.suspended:
            self._run_elsewhere(runner, designs)

    def _run_elsewhere(self, runner: TrialRunner, designs: Callable[[], Designs]) -> None:
        """Run the trials that are left in worker processes or on a cluster."""
        self.oracle.suspended = False
        if self._left:
            # Trials with fewer epochs stay before those that train on from where they end.
            most = {"epochs": runner.longest} if runner.longest else {}
            self.oracle.expensive_first(lambda own: runner.steps({**own, **most}), _LOOKAHEAD)
            with self.placement.open(pack_context(runner), self._left) as workers:
                hooks = (self.on_trial_begin, self._end_elsewhere)
                Dispatcher(self.oracle, runner, workers, *hooks, designs().of).run()
        self.on_search_end()

    def _end_elsewhere(self, trial: Any, metrics: dict[str, float] | None, reason: str) -> None:
        """Take the end of a trial that ran in a worker."""
        if metrics is None:
            self._ending = (TrialStatus.FAILED, reason)
        else:
            self.oracle.update_trial(trial.trial_id, metrics)
            trial.status = TrialStatus.COMPLETED
        self.on_trial_end(trial)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Train and score the folds of a trial that have no record yet.

        Args:
            trial: The trial.
            *args: Refused, as `search` keeps the data.
            **kwargs: Refused, as `search` keeps the arguments of the training.

        Returns:
            What `TrialRunner.run` gives for trial.json; NaN for the objective if it gives none.
        """
        check_given(trial, self.oracle.handed_out(trial), args, kwargs)
        judge = self._incumbents.judge_of(trial)
        try:
            while True:
                try:
                    return self._require_runner().run(trial, self.oracle.peek_ahead(_AHEAD), judge)
                except UnforeseenAxisError as met:
                    # The trial is the first of several, whose seeds know of the axis.
                    self.oracle.extend(trial, met)
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
        elif trial.status == TrialStatus.COMPLETED:
            check_result(self, trial, self._require_runner())
        self.oracle.end_trial(trial)
        ended = self.oracle.get_trial(trial.trial_id)
        self.keeper.take(ended)
        if ended.status == TrialStatus.FAILED:
            self._tell_failure(ended)
        self.observer.trial(ended.hyperparameters.values, ended.score, self.keeper.best_score)
        self._left -= 1
        self.oracle.suspended = self.placement.should_move(self._left, self.engine.programs)

    def _tell_failure(self, trial: Any) -> None:
        """Tell a `search` why a trial failed; those that fail alike would fill the screen."""
        reason = reason_of(trial)
        if self._told is not None and reason not in self._told:
            self._told.add(reason)
            what = f"trial {trial.trial_id} {trial.hyperparameters.values}"
            self.observer.note(f"{what} failed: {reason}")

    def on_search_end(self) -> None:
        """Write keras-tuner's own files once; per trial they would grow with the square."""
        if self.oracle.suspended:
            return
        self.keeper.refresh()
        # A directory in which nothing was done stays as it is.
        if self.oracle.end_order or not self.store.has_state():
            self.save()

    def save(self) -> None:
        """Write oracle.json and tuner0.json, for keras-tuner's tools."""
        self.oracle.save()
        self.store.write_entry(self.store.tuner_file, self.get_state())

    def refit(
        self,
        x: Any = None,
        y: Any = None,
        *,
        trial: Any = None,
        groups: Any = None,
        sample_weight: Any = None,
        **fit_arguments: Any,
    ) -> Any:
        """Train a combination once more, on all rows, and keep the model; by default the best.

        Args:
            x: Rows, as `search` takes them; those of the search by default.
            y: Targets.
            trial: None for the best trial; "simplest" for the one with the fewest weights within
                one standard error of it; an id such as "0003"; or parameters by name, of which the
                best trial with these values is taken.
            groups: Group of each row, as `search` takes it.
            sample_weight: Weights of shape `(rows,)`.
            **fit_arguments: As `search` takes them; those of the search by default.

        Returns:
            The trained model, kept in `best/`, or in a folder like `refits/trial_0003`.

        Raises:
            PredictionError: If there is no such trial that is completed, or there is no data.
            UsageError: If the trial can't be meant.
            LockedError: If another search is at work in the directory.

        Example:
            ```python
            tuner.refit()
            smaller = tuner.refit(trial="simplest")
            ```
        """
        best = self._best_trial()
        found = None if trial is None else find_trial(self.search_results(), trial)
        chosen = self.oracle.get_trial(found.trial_id) if found else best
        runner = self._runner
        if x is not None:
            given, _ = take_rows(x, y, sample_weight, groups, fit_arguments)
            arguments = fit_arguments or recorded_fit(self.store, runner)
            runner = self._make_runner(self._make_setup(given, arguments))
        runner = runner or self._require_runner()
        with self.locked():
            is_best = chosen.trial_id == best.trial_id
            with SHARED_PARTS.released():
                return self._models.refit(runner, chosen, runner.setup.identity, is_best=is_best)

    def locked(self) -> AbstractContextManager[None]:
        """Keep others from training in the search's directory while a `with` block runs."""
        return self.store.lock.held(self.observer.note)

    @property
    def best_score(self) -> float:
        """The mean score of the best trial."""
        return float(self._best_trial().score)

    @property
    def best_params(self) -> Parameters:
        """The parameters of the best trial."""
        return dict(self._best_trial().hyperparameters.values)

    @property
    def best_score_(self) -> float:
        """The mean score of the best trial, by scikit-learn's name."""
        return self.best_score

    def _require_runner(self) -> TrialRunner:
        if self._runner is None:
            raise PredictionError("Expected search(x, y) first. Received: no data yet")
        return self._runner

    def _best_trial(self) -> Any:
        best = self.oracle.get_best_trials(1)
        if not best:
            raise PredictionError(
                f"Expected a completed trial in {self.store.root}. Received: none. Search first"
            )
        return best[0]

    def load_model(self, trial: Any) -> Any:
        """Load the model of a trial's fold with the best score, the first of equal ones.

        Raises:
            PredictionError: If the trial isn't completed, or its weights weren't kept.
        """
        with SHARED_PARTS.released():
            return self._models.best_fold(trial, self._runner)

    def _held_out(self, trial: Any) -> Predicted:
        """The kept predictions, or else what the folds' models predict, if the rows are there."""
        results, runner = self.search_results(), self._runner
        found = find_trial(results, trial)
        kept = has_predictions(self.store, found.trial_id, results.splits)
        if kept or runner is None:
            return results._held_out(found)
        arrays, loss = runner.arrays_of(found.parameters), runner.setup.loss_of(found.parameters)
        models = self._models.all_folds(self.oracle.get_trial(found.trial_id), runner)
        predicted = predict_held_out(models, runner.setup.splits, arrays)
        return Predicted(predicted, Outputs(loss, arrays.labels), results.folds)

    def save_model(self, trial_id: str, model: Any, step: int = 0) -> None:
        """Write a model's weights as those of a trial's fold, whose number is `step`."""
        self.store.write(self.store.weights(trial_id, step), partial(save_weights, model))

    def load_fold_models(self, trial: Any) -> list[Any]:
        """Load the models of all folds of a trial, as `load_model` loads the best one's."""
        with SHARED_PARTS.released():
            return [*self._models.all_folds(trial, self._runner)]

    def predict(self, x: Any) -> Any:
        """Return what the refitted model predicts for rows, as `search` takes them.

        Raises:
            PredictionError: If there is no refitted model, or a DataFrame lacks a column.
        """
        record = self.store.peek_record()
        features = record and record.origin and record.origin.features
        if features and hasattr(x, "columns"):
            x = select_columns(x, features)
        return load_refit(self.store).predict(as_inputs(x), verbose=0)
