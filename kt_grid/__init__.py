"""Grid search with k-fold cross-validation for Keras models, on keras-tuner.

Public names are imported when they are first used, so that importing kt_grid never imports
TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kt_grid.analysis.comparison import Analysis, analyse
    from kt_grid.analysis.verdict import Verdict, judge
    from kt_grid.data import Dataset, Reading, read_csv, read_data
    from kt_grid.engines.layers import FillMissing
    from kt_grid.errors import KtGridError, KtGridWarning
    from kt_grid.plan.experiments.base import Experiment, experiment
    from kt_grid.search.oracle import GridOracle
    from kt_grid.search.predict import Predictor, load_best_model, load_predictor
    from kt_grid.search.results import Results, read_results
    from kt_grid.search.tuner import CrossValidationTuner
    from kt_grid.space.objective import Objective, Score
    from kt_grid.splitters import (
        GroupKFold,
        GroupShuffleSplit,
        KFold,
        LeaveOneGroupOut,
        LeaveOneOut,
        PredefinedSplit,
        RepeatedKFold,
        RepeatedStratifiedKFold,
        ShuffleSplit,
        StratifiedGroupKFold,
        StratifiedKFold,
        StratifiedShuffleSplit,
        TimeSeriesSplit,
    )
    from kt_grid.store.directory import SearchStore
    from kt_grid.store.results import SearchResults, TrialResult

__version__ = "0.2.0"

__all__ = [
    "Analysis",
    "CrossValidationTuner",
    "Dataset",
    "Experiment",
    "FillMissing",
    "GridOracle",
    "GroupKFold",
    "GroupShuffleSplit",
    "KFold",
    "KtGridError",
    "KtGridWarning",
    "LeaveOneGroupOut",
    "LeaveOneOut",
    "Objective",
    "PredefinedSplit",
    "Predictor",
    "Reading",
    "RepeatedKFold",
    "RepeatedStratifiedKFold",
    "Results",
    "Score",
    "SearchResults",
    "SearchStore",
    "ShuffleSplit",
    "StratifiedGroupKFold",
    "StratifiedKFold",
    "StratifiedShuffleSplit",
    "TimeSeriesSplit",
    "TrialResult",
    "Verdict",
    "analyse",
    "experiment",
    "judge",
    "load_best_model",
    "load_predictor",
    "read_csv",
    "read_data",
    "read_results",
]

_HOMES = {
    "Analysis": "analysis.comparison",
    "CrossValidationTuner": "search.tuner",
    "Dataset": "data",
    "Experiment": "plan.experiments.base",
    "FillMissing": "engines.layers",
    "GridOracle": "search.oracle",
    "GroupKFold": "splitters",
    "GroupShuffleSplit": "splitters",
    "KFold": "splitters",
    "KtGridError": "errors",
    "KtGridWarning": "errors",
    "LeaveOneGroupOut": "splitters",
    "LeaveOneOut": "splitters",
    "Objective": "space.objective",
    "PredefinedSplit": "splitters",
    "Predictor": "search.predict",
    "Reading": "data",
    "RepeatedKFold": "splitters",
    "RepeatedStratifiedKFold": "splitters",
    "Results": "search.results",
    "Score": "space.objective",
    "SearchResults": "store.results",
    "SearchStore": "store.directory",
    "ShuffleSplit": "splitters",
    "StratifiedGroupKFold": "splitters",
    "StratifiedKFold": "splitters",
    "StratifiedShuffleSplit": "splitters",
    "TimeSeriesSplit": "splitters",
    "TrialResult": "store.results",
    "Verdict": "analysis.verdict",
    "analyse": "analysis.comparison",
    "experiment": "plan.experiments.base",
    "judge": "analysis.verdict",
    "load_best_model": "search.predict",
    "load_predictor": "search.predict",
    "read_csv": "data",
    "read_data": "data",
    "read_results": "search.results",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
