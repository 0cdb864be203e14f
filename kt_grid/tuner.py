"""The keras-tuner Tuner whose trials are cross-validated: one trial is k folds."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner
import numpy as np
from keras_tuner.engine.trial import TrialStatus

from kt_grid.engines import make_engine
from kt_grid.engines.base import Arrays, FitArguments
from kt_grid.engines.own_fit import declare_fit, overrides_fit
from kt_grid.errors import KtGridError, PredictionError, UsageError
from kt_grid.folds import Splitter, check_cv, make_splits
from kt_grid.identity import make_identity, package_versions
from kt_grid.keeping import WeightKeeper
from kt_grid.objective import Objective, parse_objective
from kt_grid.observer import Observer, Silent
from kt_grid.oracle import GridOracle
from kt_grid.results import SearchResults, read_results, score_name
from kt_grid.runner import TrialRunner
from kt_grid.space import FIT_AXES, Grid, Parameters, check_values, register
from kt_grid.store import SearchStore, read_json, write_file, write_json

if TYPE_CHECKING:
    import pandas as pd

_FIT_ARGUMENTS = (*FIT_AXES, "class_weight", "callbacks")


class CrossValidationTuner(keras_tuner.Tuner):  # type: ignore[misc] # keras-tuner is untyped
    """Tries every combination of a grid, each trained and scored on k folds.

    A fold's score is the model's after its last epoch, on the rows held out. Everything is kept
    in `directory/project_name`; a search that was interrupted goes on from there, and its
    results are those of an uninterrupted one.

    Args:
        hypermodel: A `keras_tuner.HyperModel` or a function `build(hp)` that returns a compiled
            `keras.Model`. A HyperModel's own `fit` is honoured.
        objective: `val_accuracy`, `min:val_my_metric`, or a `keras_tuner.Objective`.
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
        objective: Any = "val_accuracy",
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
        self.target = _objective(objective)
        self.cv = check_cv(cv)
        self.seed = seed
        self.engine_name = engine
        self.engine = make_engine(engine)
        self.about = dict(about or {})
        self.observer = observer or Silent()
        self.grid: Grid = {name: check_values(name, v) for name, v in (grid or {}).items()}
        self.store = SearchStore(directory, project_name)
        if overwrite:
            self.store.clear()
        self.store.prepare()
        # keras-tuner would reload from this file, and say so on stdout.
        self.store.tuner_file.unlink(missing_ok=True)
        super().__init__(
            oracle=_make_oracle(self.target, seed, self.grid),
            hypermodel=hypermodel,
            directory=str(directory),
            project_name=project_name,
        )
        self.oracle.store = self.store
        self.oracle.reload()
        self.keeper = WeightKeeper(keep, self.oracle, self.store)
        self._runner: TrialRunner | None = None
        self._best_so_far: float | None = None

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
        self._runner = self._make_runner(_as_arrays(x, y, sample_weight), fit_arguments)
        identity = self._identity(self._runner)
        self.store.check_identity(identity)
        self.store.write_identity({**self._notes(), **identity})
        self.keeper.settle()
        for best in self.oracle.get_best_trials(1):
            self._note_best(best)
        finished = len(self.oracle.finished_trials())
        self.observer.begin(self.oracle.total_trials(), len(self._runner.splits), finished)
        try:
            super().search()
        except keras_tuner.errors.FatalError as error:
            if isinstance(error.__cause__, KtGridError):
                raise error.__cause__ from None
            raise
        finally:
            self.observer.end()

    def _make_runner(self, arrays: Arrays, given: Mapping[str, Any]) -> TrialRunner:
        fit = self._fit_arguments(given)
        return TrialRunner(
            hypermodel=self.hypermodel,
            engine=self.engine,
            store=self.store,
            arrays=arrays,
            splits=make_splits(self.cv, arrays.rows, arrays.y),
            fit=fit,
            passed_axes=self._declare_fit(arrays, fit),
            longest=max(self._epochs_axis(), default=0),
            seed=self.seed,
            objective=self.target,
            observer=self.observer,
        )

    def _fit_arguments(self, given: Mapping[str, Any]) -> FitArguments:
        own = {name: value for name, value in given.items() if name not in _FIT_ARGUMENTS}
        if overrides_fit(self.hypermodel):
            own |= {name: given[name] for name in FIT_AXES if name in given}
        elif own:
            raise UsageError(
                f"Expected fit arguments out of {', '.join(_FIT_ARGUMENTS)}, sample_weight. "
                f"Received: {', '.join(own)}. The held-out fold is the validation data"
            )
        return FitArguments(
            epochs=given.get("epochs", FitArguments.epochs),
            batch_size=given.get("batch_size", FitArguments.batch_size),
            class_weight=given.get("class_weight"),
            callbacks=tuple(given.get("callbacks") or ()),
            own=own,
        )

    def _declare_fit(self, arrays: Arrays, fit: FitArguments) -> tuple[str, ...]:
        """Learn the axes that a HyperModel's own `fit` declares, and which ones it needs passed."""
        if not overrides_fit(self.hypermodel):
            return ()
        space, supplied = declare_fit(self.hypermodel, self.oracle.get_space(), arrays, fit)
        self.oracle.update_space(space)
        return tuple(name for name in FIT_AXES if name in self.grid and name not in supplied)

    def _epochs_axis(self) -> list[int]:
        axes = [axis.values for axis in self.oracle.axes if axis.name == "epochs"]
        return [int(value) for values in axes for value in values]

    def _identity(self, runner: TrialRunner) -> dict[str, Any]:
        return make_identity(
            objective=self.target,
            cv=self.cv,
            splits=runner.splits,
            seed=self.seed,
            arrays=keras.tree.flatten(runner.arrays.training_tuple()),
            fit=runner.fit.to_json(),
            model=_source_of(self.hypermodel),
            engine=self.engine_name,
        )

    def _notes(self) -> dict[str, Any]:
        """What search.json says beyond the search's identity."""
        return {
            "experiment": self.project_name,
            "repeats": 1,
            "grid": [axis.to_json() for axis in self.oracle.axes],
            "asked": {name: list(values) for name, values in self.grid.items()},
            "versions": package_versions(),
            **self.about,
        }

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ARG002 - keras-tuner's signature
        """Train and score the folds of a trial that have no record yet.

        Args:
            trial: The trial.
            *args: Unused; `search` keeps the data.
            **kwargs: Unused.

        Returns:
            Metrics for trial.json: the mean over the folds of every metric under its own name,
            and of the objective also the standard deviation (ddof=0) and every fold's score.

        Raises:
            FailedTrialError: If a training raises or its result isn't finite.
        """
        return self._searched().run(trial)

    def _searched(self) -> TrialRunner:
        if self._runner is None:
            raise PredictionError("Expected search(x, y) first. Received: no data yet")
        return self._runner

    def on_trial_end(self, trial: Any) -> None:
        """Take the trial's end to the oracle, and drop weights that nobody asked to keep.

        Args:
            trial: The trial.
        """
        if trial.message:
            trial.message = f"{_reason(trial.message)}\n\n{trial.message}"
        self.oracle.end_trial(trial)
        ended = self.oracle.get_trial(trial.trial_id)
        self.keeper.take(ended)
        self._note_best(ended)
        self.observer.trial(dict(ended.hyperparameters.values), ended.score, self._best_so_far)

    def _note_best(self, trial: Any) -> None:
        best = self._best_so_far
        if trial.score is not None and (
            best is None or self.oracle.objective.better_than(trial.score, best)
        ):
            self._best_so_far = float(trial.score)

    def on_search_end(self) -> None:
        """Write keras-tuner's own files once; per trial they would grow with the square."""
        self.keeper.settle()
        self.save()

    def save(self) -> None:
        """Write oracle.json and tuner0.json, for keras-tuner's tools."""
        self.oracle.save()
        write_json(self.store.tuner_file, self.get_state())

    def reload(self) -> None:
        """Read the finished trials from the directory again."""
        self.oracle.reload()

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
        write_file(self.store.weights(trial_id, step), model.save_weights)

    def load_model(self, trial: Any) -> Any:
        """Load the best fold's model of a trial.

        Args:
            trial: A completed trial.

        Returns:
            The trained model of the fold with the best score, the first of equal ones.

        Raises:
            PredictionError: If the trial isn't completed, or its weights weren't kept.
        """
        splits = self._kept_splits(trial)
        name, sign = self.target.name, self.target.sign
        scores = {s: trial.metrics.get_best_value(score_name(name, s)) for s in splits}
        return self._load_fold(trial, max(splits, key=lambda split: (sign * scores[split], -split)))

    def load_fold_models(self, trial: Any) -> list[Any]:
        """Load the models of all folds of a trial.

        Args:
            trial: A completed trial.

        Returns:
            One trained model per fold.

        Raises:
            PredictionError: As `load_model`.
        """
        return [self._load_fold(trial, split) for split in self._kept_splits(trial)]

    def _kept_splits(self, trial: Any) -> list[int]:
        splits: list[int] = []
        while self.store.weights(trial.trial_id, len(splits)).exists():
            splits.append(len(splits))
        if trial.status != TrialStatus.COMPLETED or not splits:
            raise PredictionError(
                f"Expected the weights of trial {trial.trial_id} in {self.store.root}. Received: "
                "none. Search with keep='all' to keep those of every trial"
            )
        return splits

    def _load_fold(self, trial: Any, split: int) -> Any:
        model = self.hypermodel.build(trial.hyperparameters)
        if not model.built:
            model(self._example())
        model.load_weights(self.store.weights(trial.trial_id, split))
        return model

    def _example(self) -> Any:
        return keras.tree.map_structure(lambda a: a[:1], self._searched().arrays.x)

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
            given = fit_arguments or self._recorded_fit()
            runner = self._make_runner(_as_arrays(x, y, sample_weight), given)
        runner = runner or self._searched()
        record = {
            "trial_id": trial.trial_id,
            "parameters": trial.hyperparameters.values,
            "seed": runner.refit_seed(trial),
            "identity": self._identity(runner),
        }
        if read_json(self.store.refit_file) != record or not self.store.model_file.exists():
            self.store.refit_file.unlink(missing_ok=True)
            write_file(self.store.model_file, runner.refit(trial).save)
            write_json(self.store.refit_file, record)
        return self._load_refit()

    def _recorded_fit(self) -> dict[str, Any]:
        """The fit arguments of the search, from this process or from its directory."""
        identity = self.store.read_identity() or {"fit": {}}
        recorded = {name: identity["fit"][name] for name in FIT_AXES if name in identity["fit"]}
        if self._runner is None:
            return recorded
        fit = self._runner.fit
        return {**recorded, "class_weight": fit.class_weight, "callbacks": fit.callbacks}

    def _load_refit(self) -> Any:
        if not self.store.refit_file.exists():
            raise PredictionError(
                f"Expected a refitted model in {self.store.root}. Received: none. Call refit first"
            )
        return keras.saving.load_model(self.store.model_file)

    def predict(self, x: Any) -> Any:
        """Predict with the refitted model.

        Args:
            x: Rows, as `search` takes them.

        Returns:
            What the model's `predict` returns.

        Raises:
            PredictionError: If there is no refitted model.
        """
        return self._load_refit().predict(x, verbose=0)


def _make_oracle(objective: Objective, seed: int, grid: Grid) -> GridOracle:
    return GridOracle(
        objective=keras_tuner.Objective(objective.name, objective.direction),
        seed=seed,
        hyperparameters=register(grid),
        grid=grid,
    )


def _objective(given: Any) -> Objective:
    if isinstance(given, Objective):
        return given
    if isinstance(given, keras_tuner.Objective):
        return parse_objective(f"{given.direction}:{given.name}")
    return parse_objective(str(given))


def _as_arrays(x: Any, y: Any, sample_weight: Any) -> Arrays:
    """Numpy arrays of equal length, whatever the containers."""
    weights = None if sample_weight is None else _as_array(sample_weight)
    arrays = Arrays(
        keras.tree.map_structure(_as_array, x), keras.tree.map_structure(_as_array, y), weights
    )
    lengths = {len(a) for a in keras.tree.flatten(arrays.training_tuple())}
    if len(lengths) != 1 or 0 in lengths:
        raise UsageError(
            f"Expected x, y and sample_weight of equal length. Received: {sorted(lengths)} rows"
        )
    return arrays


def _as_array(values: Any) -> Any:
    """A numpy array; double precision becomes Keras's float type, as `model.fit` would have it."""
    array = np.asarray(values)
    return array.astype(keras.config.floatx()) if array.dtype == np.float64 else array


def _reason(message: str) -> str:
    """The one line of a traceback that says why a trial failed."""
    _, named, reason = message.rpartition("FailedTrialError: ")
    return reason.partition("\n")[0] if named else message.strip().rpartition("\n")[2]


def _source_of(hypermodel: Any) -> Any:
    """What the user wrote: the function behind keras-tuner's wrapper, or the HyperModel."""
    wrapped = type(hypermodel) is not keras_tuner.HyperModel and "build" in vars(hypermodel)
    build = vars(hypermodel).get("build") if wrapped else None
    return build if type(hypermodel).__module__.startswith("keras_tuner") and build else hypermodel
