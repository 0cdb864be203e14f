"""The keras-tuner Tuner whose trials are cross-validated: one trial is k folds."""

import math
import os
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner
from keras_tuner.engine.trial import TrialStatus

from kt_grid.arrays import Arrays, as_arrays, as_inputs
from kt_grid.compiled import default_objective, suit_arrays
from kt_grid.engines import make_engine
from kt_grid.engines.own_fit import settle_fit
from kt_grid.engines.weights import save_weights
from kt_grid.errors import KtGridError, PredictionError
from kt_grid.folds import Splitter, check_cv, count_repeats, make_splits
from kt_grid.identity import make_identity, package_versions, source_digest
from kt_grid.keeping import WeightKeeper
from kt_grid.leaks import find_leaks
from kt_grid.models import KeptModels, load_refit, recorded_fit
from kt_grid.objective import as_objective
from kt_grid.observer import Observer, Silent
from kt_grid.oracle import make_oracle
from kt_grid.results import SearchResults, read_results
from kt_grid.runner import TrialRunner
from kt_grid.seeds import check_seed
from kt_grid.space import Grid, Parameters, check_values
from kt_grid.store import SearchStore, check_keep, write_file, write_json
from kt_grid.targets import strata

if TYPE_CHECKING:
    import pandas as pd


class CrossValidationTuner(keras_tuner.Tuner):  # type: ignore[misc] # keras-tuner is untyped
    """Tries every combination of a grid, each trained and scored on k folds.

    A fold's score is the model's after its last epoch, on the rows held out. Everything is kept
    in `directory/project_name`; a search that was interrupted goes on from there, and its
    results are those of an uninterrupted one.

    Args:
        hypermodel: A `keras_tuner.HyperModel` or a function `build(hp)` that returns a compiled
            `keras.Model`. A HyperModel's own `fit` is honoured.
        objective: `val_auc`, `min:val_my_metric`, or a `keras_tuner.Objective`. By default the
            accuracy if the model compiles it, else `val_loss`.
        cv: Number of contiguous folds, or any object with scikit-learn's `split(x, y)`.
        grid: Values by name, varied in this order, the last fastest. They replace what the
            model declares or add to it; `batch_size` and `epochs` are passed on to `fit`.
        seed: Where every random draw comes from.
        engine: "auto", or "keras" for plain `model.fit`.
        directory: Where searches are kept.
        project_name: This search's folder in it.
        overwrite: Whether a search that is already there is deleted first.
        keep: "all" keeps the weights of every trial's folds, "best" those of the best trial.
        about: Further entries for search.json.
        observer: Is told how the search goes on.

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
        grid: Mapping[str, Sequence[Any]] | None = None,
        *,
        seed: int = 7,
        engine: str = "auto",
        directory: str | os.PathLike[str] = "runs",
        project_name: str = "search",
        overwrite: bool = False,
        keep: str = "all",
        about: Mapping[str, Any] | None = None,
        observer: Observer | None = None,
    ) -> None:
        check_keep(keep)
        self.grid: Grid = {name: check_values(name, v) for name, v in (grid or {}).items()}
        chosen = objective or default_objective(hypermodel, self.grid)
        self.target = as_objective(chosen)
        self.cv = check_cv(cv)
        self.seed = check_seed(seed)
        self.engine_name = engine
        self.engine = make_engine(engine)
        self.about = dict(about or {})
        self.observer = observer or Silent()
        self.store = SearchStore(directory, project_name)
        if overwrite:
            self.store.clear()
        self.store.prepare()
        with self.store.without_tuner_file():
            # keras-tuner would reload from that file, and say so on stdout.
            super().__init__(
                oracle=make_oracle(self.target, seed, self.grid),
                hypermodel=hypermodel,
                directory=str(directory),
                project_name=project_name,
            )
        self.oracle.store = self.store
        self.oracle.reload()
        self._models = KeptModels(self.store, self.hypermodel, self.target)
        self.keeper = WeightKeeper(keep, self.oracle, self.store)
        # Taken before anything runs, because an object's attributes may change by that.
        self._model_source = source_digest(hypermodel)
        self._runner: TrialRunner | None = None
        self._failure = ""

    def search(self, x: Any, y: Any, *, sample_weight: Any = None, **fit_arguments: Any) -> None:
        """Train and score every combination that isn't finished yet.

        Args:
            x: Array of shape `(rows, …)`, or a list, tuple or dict of such arrays.
            y: Targets, likewise.
            sample_weight: Weights of shape `(rows,)`, for training and scoring.
            **fit_arguments: `epochs`, `batch_size`, `class_weight` and `callbacks`, as
                `model.fit` takes them. A HyperModel with a `fit` of its own gets all others too.

        Raises:
            MismatchError: If the directory holds another search.
            SplitError: If the folds can't be made of these rows.
            UsageError: If arrays disagree in length, or an argument has no meaning here.
        """
        fit_arguments.pop("verbose", None)
        self._runner = self._make_runner(self._take(x, y, sample_weight), fit_arguments)
        identity = self._identity(self._runner)
        self.store.check_identity(identity)
        self.store.write_identity({**self._notes(), **identity})
        for leak in find_leaks(self._runner.arrays, self._runner.fit, self.hypermodel):
            self.observer.note(leak)
        self.keeper.settle()
        finished = len(self.oracle.finished_trials())
        self.observer.begin(self.oracle.total_trials(), len(self._runner.splits), finished)
        try:
            super().search()
            # A model may have declared more axes meanwhile.
            self.store.write_identity({**self._notes(), **identity})
        except keras_tuner.errors.FatalError as error:
            if isinstance(error.__cause__, KtGridError):
                raise error.__cause__ from None
            raise
        finally:
            self.observer.end()

    def _take(self, x: Any, y: Any, sample_weight: Any) -> Arrays:
        given = as_arrays(x, y, sample_weight)
        return suit_arrays(self.hypermodel, self.oracle.get_space(), given)

    def _make_runner(self, arrays: Arrays, given: Mapping[str, Any]) -> TrialRunner:
        fit, passed = settle_fit(self.hypermodel, self.oracle, arrays, given, self.grid)
        return TrialRunner(
            hypermodel=self.hypermodel,
            engine=self.engine,
            store=self.store,
            arrays=arrays,
            splits=make_splits(self.cv, arrays.rows, strata(arrays.y)),
            repeats=count_repeats(self.cv),
            fit=fit,
            passed_axes=passed,
            longest=max(
                (n for axis in self.oracle.axes if axis.name == "epochs" for n in axis.values),
                default=0,
            ),
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
        )

    def _notes(self) -> dict[str, Any]:
        """What search.json says beyond the search's identity."""
        return {
            "experiment": self.project_name,
            "labels": list(self._searched().arrays.labels),
            "repeats": count_repeats(self.cv),
            "grid": [axis.to_json() for axis in self.oracle.axes],
            "asked": {name: list(values) for name, values in self.grid.items()},
            "versions": package_versions(),
            **self.about,
        }

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ARG002 - keras-tuner's signature
        """Train and score the folds of a trial that have no record yet.

        Args:
            trial: The trial.
            *args: Unused, as `search` keeps the data; so are `kwargs`.
            **kwargs: Unused.

        Returns:
            What `TrialRunner.run` gives for trial.json; NaN for the objective if that failed.
        """
        try:
            return self._searched().run(trial, self.oracle.peek())
        except keras_tuner.errors.FailedTrialError as error:
            # Raised any further, keras-tuner would print the traceback.
            self._failure = f"{error}\n\n{traceback.format_exc()}"
            return {self.target.name: math.nan}

    def _searched(self) -> TrialRunner:
        if self._runner is None:
            raise PredictionError("Expected search(x, y) first. Received: no data yet")
        return self._runner

    def on_trial_end(self, trial: Any) -> None:
        """Take the trial's end to the oracle, and drop weights that nobody asked to keep."""
        if self._failure:
            trial.status, trial.message, self._failure = TrialStatus.FAILED, self._failure, ""
        self.oracle.end_trial(trial)
        ended = self.oracle.get_trial(trial.trial_id)
        self.keeper.take(ended)
        self.observer.trial(ended.hyperparameters.values, ended.score, self.keeper.best_score)

    def on_search_end(self) -> None:
        """Write keras-tuner's own files once; per trial they would grow with the square."""
        self.keeper.settle()
        self.save()

    def save(self) -> None:
        """Write oracle.json and tuner0.json, for keras-tuner's tools."""
        self.oracle.save()
        write_json(self.store.tuner_file, self.get_state())

    def results(self) -> "pd.DataFrame":
        """Return one row per trial, with scikit-learn's column names.

        Returns:
            `param_*`, `split0_test_score` …, `mean_test_score`, `std_test_score` (ddof=0),
            `rank_test_score`, `mean_fit_time` (seconds), in grid order.
        """
        return self.search_results().to_frame()

    def search_results(self) -> SearchResults:
        """Return the results as objects."""
        return read_results(self.store)

    @property
    def best_score(self) -> float:
        """The mean score of the best trial."""
        return float(self._best_trial().score)

    @property
    def best_params(self) -> Parameters:
        """The parameters of the best trial."""
        return dict(self._best_trial().hyperparameters.values)

    def _best_trial(self) -> Any:
        best = self.oracle.get_best_trials(1)
        if not best:
            raise PredictionError(
                f"Expected a completed trial in {self.store.root}. Received: none. Search first"
            )
        return best[0]

    def save_model(self, trial_id: str, model: Any, step: int = 0) -> None:
        """Write a model's weights as those of a trial's fold.

        Args:
            trial_id: The trial.
            model: The model.
            step: Number of the split.
        """
        write_file(self.store.weights(trial_id, step), partial(save_weights, model))

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

    def refit(
        self, x: Any = None, y: Any = None, *, sample_weight: Any = None, **fit_arguments: Any
    ) -> Any:
        """Train the best combination once more, on all rows, and keep the model.

        Args:
            x: Rows, as `search` takes them; those of the search by default.
            y: Targets.
            sample_weight: Weights of shape `(rows,)`.
            **fit_arguments: As `search` takes them; those of the search by default.

        Returns:
            The trained model, which is also in `best/model.keras`.

        Raises:
            PredictionError: If no trial is completed, or there is no data.
        """
        trial = self._best_trial()
        runner = self._runner
        if x is not None:
            arrays = self._take(x, y, sample_weight)
            runner = self._make_runner(arrays, fit_arguments or recorded_fit(self.store, runner))
        runner = runner or self._searched()
        return self._models.refit(runner, trial, self._identity(runner))

    def predict(self, x: Any) -> Any:
        """Predict with the refitted model.

        Args:
            x: Rows, as `search` takes them.

        Returns:
            What the model's `predict` returns.

        Raises:
            PredictionError: If there is no refitted model.
        """
        return load_refit(self.store).predict(as_inputs(x), verbose=0)
