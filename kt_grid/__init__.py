"""Grid search with k-fold cross-validation for Keras models, on keras-tuner.

Public names are imported when they are first used, so that importing kt_grid never imports
TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kt_grid.data import Dataset, Reading, read_csv, read_data
    from kt_grid.errors import KtGridError
    from kt_grid.experiments.base import Experiment, experiment
    from kt_grid.folds import KFold
    from kt_grid.layers import FillMissing
    from kt_grid.objective import Objective
    from kt_grid.oracle import GridOracle
    from kt_grid.prediction import load_best_model
    from kt_grid.results import SearchResults, TrialResult, read_results
    from kt_grid.store import SearchStore
    from kt_grid.tuner import CrossValidationTuner

__version__ = "0.1.0"

__all__ = [
    "CrossValidationTuner",
    "Dataset",
    "Experiment",
    "FillMissing",
    "GridOracle",
    "KFold",
    "KtGridError",
    "Objective",
    "Reading",
    "SearchResults",
    "SearchStore",
    "TrialResult",
    "experiment",
    "load_best_model",
    "read_csv",
    "read_data",
    "read_results",
]

_HOMES = {
    "CrossValidationTuner": "tuner",
    "Dataset": "data",
    "Experiment": "experiments.base",
    "FillMissing": "layers",
    "GridOracle": "oracle",
    "KFold": "folds",
    "KtGridError": "errors",
    "Objective": "objective",
    "Reading": "data",
    "SearchResults": "results",
    "SearchStore": "store",
    "TrialResult": "results",
    "experiment": "experiments.base",
    "load_best_model": "prediction",
    "read_csv": "data",
    "read_data": "data",
    "read_results": "results",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
