"""The keras-tuner Tuner whose trials are cross-validated: one trial is k folds."""

import math
import os
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus

from kt_grid.data.arrays import Arrays, as_arrays, as_inputs
from kt_grid.engines import check_engine, make_engine
from kt_grid.engines.arguments import overrides_fit
from kt_grid.engines.backend import configure_backend
from kt_grid.engines.scored import with_extras
from kt_grid.engines.weights import save_weights
from kt_grid.errors import (
    KtGridError,
    PredictionError,
    SearchFailedError,
    UnforeseenAxisError,
    UsageError,
)
from kt_grid.search.designs import Designs
from kt_grid.search.dispatch import Dispatcher
from kt_grid.search.leaks import find_leaks
from kt_grid.search.models import KeptModels, WeightKeeper, load_refit, recorded_fit
from kt_grid.search.observer import NotesAsWarnings, Observer
from kt_grid.search.oracle import make_oracle
from kt_grid.search.predict import select_columns
from kt_grid.search.progress import VERBOSE, observer_for
from kt_grid.search.racing import GivenUp, Incumbents, check_racing
from kt_grid.search.results import ResultsOfDirectory
from kt_grid.search.resuming import (
    check_models,
    reopen_passing,
    reopen_pruned,
    take_up,
    write_down,
)
from kt_grid.search.runner import TrialRunner, longest_training
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
    Objective,
    Score,
    as_objective,
    check_scores,
    parse_objective,
)
from kt_grid.space.seeds import check_seed
from kt_grid.splitters.folds import Splitter, check_cv
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import SearchRecord, check_keep
from kt_grid.workers.jobs import Context
from kt_grid.workers.placement import Placement, check_environment

_LOOKAHEAD = 1000


def as_hypermodel(model: Any) -> Any:
    """Make a `keras_tuner.HyperModel` of a function `build(hp)`; one stays as it is.

    Raises:
        UsageError: If it is neither.
    """
    if isinstance(model, keras_tuner.HyperModel):
        return model
    if not callable(model):
        raise UsageError(f"Expected a function build(hp) or a HyperModel. Received: {model!r}")
    hypermodel = keras_tuner.HyperModel()
    hypermodel.build = model
    return hypermodel


def _told_failures(trials: Sequence[Any]) -> str:
    """Why no trial was completed, each reason once."""
    reasons = Counter(map(_reason, trials))
    listed = "; ".join(f"{reason} ({count} trials)" for reason, count in reasons.most_common(3))
    return f"Expected a trial to be completed. Received: {len(trials)} that failed: {listed}"


def _reason(trial: Any) -> str:
    """Why a trial failed, without the traceback."""
    return str(trial.message or "").partition("\n\n")[0]


def _recorded_objective(known: SearchRecord | None, scores: Sequence[Score]) -> Objective:
    """The objective of the search that a directory holds, until the rows are there to choose by."""
    if known is None:
        return Objective("val_loss", "min", stated=False)
    return parse_objective(known.identity.objective, [score.objective for score in scores])


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
        keep: "all" keeps the weights of every trial's folds, "best" those of the best trial.
        about: Further entries for search.json.
        observer: Is told how the search goes on, in place of what `verbose` shows.
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
        share_gpus: bool = False,
        keep: str = "all",
        about: Mapping[str, Any] | None = None,
        observer: Observer | None = None,
        scores: Sequence[Score] = (),
        train_scores: bool = False,
        keep_predictions: bool = False,
        racing: str | None = None,
    ) -> None:
        check_keep(keep)
        check_engine(engine)
        check_environment()
        configure_backend()
        self.placement = Placement(
            workers, scheduler, trial_timeout, racing is not None, share_gpus
        )
        self.extras = Extras(check_scores(objective, scores), train_scores, keep_predictions)
        self.grid = check_grid({} if grid is None else grid)
        self._stated = None if objective is None else as_objective(objective, self.extras.scores)
        self.cv = cv
        check_cv(cv)
        self.racing = racing
        check_racing(racing, self._stated, self.extras.scores)
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
        self.target = self._stated or _recorded_objective(known, self.extras.scores)
        with tempfile.TemporaryDirectory() as empty:
            # Without a HyperModel keras-tuner builds nothing yet: what it would find out is found
            # out when the rows are there. Given the directory, it would reload from tuner0.json.
            super().__init__(
                oracle=make_oracle(self.target, seed, self.grid, max_trials),
                directory=empty,
                project_name=project_name,
            )
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
        self._told: set[str] = set()

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
            x: Array of shape `(rows, …)`, or a list, tuple or dict of such arrays; or a finite
                `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator of batches with their
                targets, which is taken into memory once.
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
        if hasattr(x, "columns"):
            # By their names the columns are found again in other frames.
            self.about = {**self.about, "features": [str(name) for name in x.columns]}
        with self._observed(verbose), self.locked():
            self.run(self._make_setup(as_arrays(x, y, sample_weight, groups), fit_arguments))
        if not self.oracle.get_best_trials(1):
            raise SearchFailedError(_told_failures(self.oracle.finished_trials()))

    @contextmanager
    def _observed(self, verbose: str | int) -> Iterator[None]:
        """Show what `verbose` asks for, unless somebody brought an observer."""
        quiet = self.observer
        chosen = observer_for(verbose, self.project_name, lambda: self.target.name)
        if not isinstance(quiet, NotesAsWarnings):
            if verbose not in VERBOSE[:2]:
                raise UsageError(
                    f"Expected an observer or verbose. Received: both, verbose={verbose}"
                )
            chosen = quiet
        self.observer = chosen
        try:
            yield
        finally:
            self.observer = quiet

    def _make_setup(self, given: Arrays, fit_arguments: Mapping[str, Any]) -> Setup:
        return make_setup(
            self.hypermodel,
            given,
            cv=self.cv,
            grid=self.grid,
            fit=fit_arguments,
            objective=self._stated,
            extras=self.extras,
            racing=self.racing,
            seed=self.seed,
            engine=self.engine_name,
            max_trials=self.oracle.max_trials,
            known=self.store.peek_record(),
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
            for note in setup.notes:
                self.observer.note(note)
            for leak in find_leaks(setup.arrays, setup.fit, self.hypermodel):
                self.observer.note(leak)
            self._take(setup)
            # The directory: begin the search there, or go on with the one that it holds.
            record = SearchRecord(
                grid=(),
                experiment=self.project_name,
                repeats=setup.repeats,
                labels=tuple(setup.arrays.labels),
                splits=setup.described,
                racing=self.racing,
                identity=setup.identity,
            ).with_entries(self.about)
            tell, asking = self.observer.note, self._require_runner().asking
            changed, built = check_models(self.store, setup, self.hypermodel, asking, tell)
            take_up(self.oracle, self.store, replace(record, builds=built), tell)
            # The trials: those that are finished stay, those that were pruned get another chance.
            self.keeper.refresh()
            reopen_passing(self.oracle, self.observer.note)
            reopen_pruned(self.oracle, failed=changed)
            self._incumbents = Incumbents(self.oracle, setup.race)
            total, finished = self.oracle.total_trials(), len(self.oracle.finished_trials())
            # Counted on, because to count them anew takes longer the larger the grid is.
            self._left = total - finished
            self.observer.begin(total, len(setup.splits), finished)
            told = self.placement.begin(self._left, self._foresee)
            if told:
                self.observer.note(told)
            try:
                # The folds of each, trained by an engine, and a record on disk for each of them.
                self._run_trials(self._require_runner())
                while self.keeper.reopen_lost(self.observer.note):
                    self._left += 1
                    self._run_trials(self._require_runner())
            except keras_tuner.errors.FatalError as error:
                if isinstance(error.__cause__, KtGridError):
                    raise error.__cause__ from None
                raise
            finally:
                # Builds may have asked for more axes meanwhile.
                built = {**setup.built(), **{n: v for n, v in built.items() if n == "code"}}
                write_down(self.oracle, self.store, replace(record, builds=built))
                self.observer.end()

    def _take(self, setup: Setup) -> None:
        """Let the oracle follow what the builds ask for, and rank by the objective."""
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

    def _run_trials(self, runner: TrialRunner) -> None:
        """Run the trials that are left: here, one after the other, or wherever they had better."""
        self.oracle.suspended = self.placement.elsewhere
        if not self.oracle.suspended:
            super().search()
        if self.oracle.suspended:
            self._run_elsewhere(runner)

    def _run_elsewhere(self, runner: TrialRunner) -> None:
        """Run the trials that are left in worker processes or on a cluster."""
        self.oracle.suspended = False
        if self._left:
            setup = runner.setup
            context = Context(
                self.hypermodel, setup.targets, setup.splits, setup.engine, setup.extras
            )
            # Trials with fewer epochs stay before those that train on from where they end.
            most = {"epochs": runner.longest} if runner.longest else {}
            self.oracle.expensive_first(lambda own: runner.steps({**own, **most}), _LOOKAHEAD)
            with self.placement.open(context.pack(), self._left) as workers:
                hooks = (self.on_trial_begin, self._end_elsewhere)
                Dispatcher(self.oracle, runner, workers, *hooks, self._designs().of).run()
        self.on_search_end()

    def _designs(self) -> Designs:
        """What is known of the models' designs."""
        runner = self._require_runner()
        plain = runner.setup.engine == "keras" or overrides_fit(self.hypermodel)
        plain = plain or bool(runner.setup.fit.callbacks)
        first = next(self.oracle.combinations(explore=False))
        return Designs(runner, first, self.oracle.axes, compiled=not plain)

    def _foresee(self) -> float:
        """The seconds that the trials that are left take one after the other, roughly."""
        return self._designs().seconds(self.oracle.combinations(explore=False), self._left)

    def _end_elsewhere(self, trial: Any, metrics: dict[str, float] | None, reason: str) -> None:
        """Take the end of a trial that ran in a worker."""
        if metrics is None:
            self._ending = (TrialStatus.FAILED, reason)
        else:
            self.oracle.update_trial(trial.trial_id, metrics)
            trial.status = TrialStatus.COMPLETED
        self.on_trial_end(trial)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ARG002 - keras-tuner's signature
        """Train and score the folds of a trial that have no record yet.

        Args:
            trial: The trial.
            *args: Unused, as `search` keeps the data.
            **kwargs: Unused.

        Returns:
            What `TrialRunner.run` gives for trial.json; NaN for the objective if it gives none.
        """
        judge = self._incumbents.judge_of(trial)
        try:
            while True:
                try:
                    return self._require_runner().run(trial, self.oracle.peek(), judge)
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
        self.oracle.end_trial(trial)
        ended = self.oracle.get_trial(trial.trial_id)
        self.keeper.take(ended)
        if ended.status == TrialStatus.FAILED:
            self._tell_failure(ended)
        self.observer.trial(ended.hyperparameters.values, ended.score, self.keeper.best_score)
        self._left -= 1
        self.oracle.suspended = self.placement.should_move(self._left, self.engine.compiled)

    def _tell_failure(self, trial: Any) -> None:
        """Tell why a trial failed when it does; those that fail alike would fill the screen."""
        reason = _reason(trial)
        if reason not in self._told:
            self._told.add(reason)
            self.observer.note(
                f"trial {trial.trial_id} {trial.hyperparameters.values} failed: {reason}"
            )

    def on_search_end(self) -> None:
        """Write keras-tuner's own files once; per trial they would grow with the square."""
        if self.oracle.suspended:
            return
        self.keeper.refresh()
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
            given = as_arrays(x, y, sample_weight, groups)
            arguments = fit_arguments or recorded_fit(self.store, runner)
            runner = self._make_runner(self._make_setup(given, arguments))
        runner = runner or self._require_runner()
        with self.locked():
            return self._models.refit(runner, trial, runner.setup.identity)

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
        """Load the best fold's model of a trial.

        Args:
            trial: A completed trial.

        Returns:
            The trained model of the fold with the best score, the first of equal ones.

        Raises:
            PredictionError: If the trial isn't completed, or its weights weren't kept.
        """
        return self._models.best_fold(trial, self._runner)

    def save_model(self, trial_id: str, model: Any, step: int = 0) -> None:
        """Write a model's weights as those of a trial's fold, whose number is `step`."""
        self.store.write(self.store.weights(trial_id, step), partial(save_weights, model))

    def load_fold_models(self, trial: Any) -> list[Any]:
        """Load the models of all folds of a trial.

        Args:
            trial: A completed trial.

        Returns:
            One trained model per fold.

        Raises:
            PredictionError: As `load_model`.
        """
        return self._models.all_folds(trial, self._runner)

    def predict(self, x: Any) -> Any:
        """Predict with the refitted model.

        Args:
            x: Rows, as `search` takes them.

        Returns:
            What the model's `predict` returns.

        Raises:
            PredictionError: If there is no refitted model, or a DataFrame lacks a column.
        """
        record = self.store.peek_record()
        features = record and record.origin and record.origin.features
        if features and hasattr(x, "columns"):
            x = select_columns(x, features)
        return load_refit(self.store).predict(as_inputs(x), verbose=0)
