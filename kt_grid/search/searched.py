"""What a search can be asked once it has trials: results, the best one, trained models."""

from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from kt_grid.data.arrays import as_inputs
from kt_grid.engines.weights import save_weights
from kt_grid.errors import PredictionError
from kt_grid.search.models import KeptModels, load_refit
from kt_grid.search.observer import Observer
from kt_grid.search.oracle import GridOracle
from kt_grid.search.runner import TrialRunner
from kt_grid.space import Parameters
from kt_grid.store.directory import SearchStore
from kt_grid.store.results import SearchResults, read_results

if TYPE_CHECKING:
    import pandas as pd


class Searched:
    """The half of a tuner that answers questions.

    Attributes:
        store: The search's directory.
        oracle: Knows the trials.
        observer: Is told how the search goes on.
    """

    store: SearchStore
    oracle: GridOracle
    observer: Observer
    _models: KeptModels
    _runner: TrialRunner | None

    def locked(self) -> AbstractContextManager[None]:
        """Keep others from training in the search's directory while a `with` block runs."""
        return self.store.lock.held(self.observer.note)

    def results(self, objective: str | None = None) -> "pd.DataFrame":
        """Return one row per trial, with scikit-learn's column names.

        Args:
            objective: Another metric to show and rank by than the search's own.

        Returns:
            `param_*`, `split0_test_score` …, `mean_test_score`, `std_test_score` (ddof=0),
            `rank_test_score`, `mean_fit_time` (seconds), in grid order.
        """
        return self.search_results(objective).to_frame()

    def search_results(self, objective: str | None = None) -> SearchResults:
        """Return the results as objects, perhaps by another metric."""
        return read_results(self.store, objective)

    @property
    def best_score(self) -> float:
        """The mean score of the best trial."""
        return float(self._best_trial().score)

    @property
    def best_params(self) -> Parameters:
        """The parameters of the best trial."""
        return dict(self._best_trial().hyperparameters.values)

    def _searched(self) -> TrialRunner:
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
            PredictionError: If there is no refitted model.
        """
        return load_refit(self.store).predict(as_inputs(x), verbose=0)
