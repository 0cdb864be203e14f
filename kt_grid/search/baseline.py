"""What the splits and the targets say of a search before anything is trained."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.space.metrics import find_metric, is_weighted
from kt_grid.space.objective import Objective, Score, is_accuracy
from kt_grid.splitters import Split, classes_of
from kt_grid.store.records import SplitFacts

Floats = npt.NDArray[np.float64]
Function = Callable[[Any, Any], Any]

# Errors of numbers, by the names in the table of metrics.
_ERRORS: dict[str, Function] = {
    "mean_squared_error": lambda y, said: np.mean((y - said) ** 2),
    "root_mean_squared_error": lambda y, said: np.sqrt(np.mean((y - said) ** 2)),
    "mean_absolute_error": lambda y, said: np.mean(np.abs(y - said)),
}


def describe_splits(
    splits: Sequence[Split],
    y: Any,
    repeats: int,
    objective: Objective,
    *,
    scores: Sequence[Score] = (),
    loss: str = "",
) -> SplitFacts:
    """Describe the splits, and how a model would score on them that always answers the same.

    Args:
        splits: Pairs (train, test) of positions of rows.
        y: Targets of all rows.
        repeats: Passes over all folds that the splits consist of.
        objective: What is optimised.
        scores: Scores by functions, one of which may be the objective.
        loss: Name of the only loss that models compile, which `val_loss` is; "" if there are
            several, it isn't known, or rows have weights.

    Returns:
        Rows by split, whether each repeat holds out other rows, and the baseline: the most
        frequent class for an accuracy, else the training rows' mean.
    """
    folds = len(splits) // repeats
    again = [np.array_equal(splits[i][1], splits[i % folds][1]) for i in range(folds, len(splits))]
    function = _function_of(objective, scores, loss)
    if function is None:
        baseline = majority_baseline(splits, y, objective)
    else:
        baseline = mean_baseline(splits, y, function)
    return SplitFacts(
        split_rows=tuple((len(train), len(test)) for train, test in splits),
        fresh_folds=not any(again),
        baseline=None if baseline is None else tuple(baseline),
    )


def _function_of(objective: Objective, scores: Sequence[Score], loss: str) -> Function | None:
    """What scores predictions as the objective does; None if that isn't known, or an accuracy."""
    own = next((score.function for score in scores if score.objective == objective), None)
    name = objective.name.removeprefix("val_")
    if own is not None or objective.direction != "min" or is_weighted(name):
        return own
    metric = find_metric(loss if name == "loss" else name)
    return None if metric is None else _ERRORS.get(metric.name)


def mean_baseline(splits: Sequence[Split], y: Any, function: Function) -> list[float] | None:
    """Score, on each split, a model that always answers the mean of its training rows' targets.

    For classes 0 and 1 and for one-hot rows that is how frequent each class is.

    Args:
        splits: Pairs (train, test) of positions of rows.
        y: Targets: numbers of shape `(rows,)` or `(rows, n)`.
        function: Takes held-out targets and as many predictions; returns a number.

    Returns:
        What it returns, by split; None if that is no number, or the targets are none.

    Example:
        >>> from kt_grid.splitters.folds import KFold, make_splits
        >>> y = np.array([1.0, 3.0, 4.0, 6.0])
        >>> mean_baseline(make_splits(KFold(2), 4), y, lambda y, said: np.mean(np.abs(y - said)))
        [3.0, 3.0]
    """
    targets = _numbers(y)
    if targets is None:
        return None
    found = []
    for train, test in splits:
        held_out = np.asarray(y)[test].reshape(targets[test].shape)
        said = np.broadcast_to(targets[train].mean(axis=0), held_out.shape)
        try:
            # It is somebody's own function, which may not be made for such predictions.
            with warnings.catch_warnings(action="ignore"):
                found.append(float(function(held_out, said.astype(np.float32))))
        except Exception:
            return None
    return found if np.isfinite(found).all() else None


def _numbers(y: Any) -> Floats | None:
    """Targets as numbers, a single column as the function of a `Score` is given it."""
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "biuf" or y.ndim not in (1, 2):
        return None
    classes = classes_of(y)
    if classes is not None and y.ndim == 1 and y.dtype.kind in "iu" and np.max(classes) > 1:
        # The mean of numbers that stand for classes is none of them.
        return None
    squeezed = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    return squeezed.astype(np.float64)


def majority_baseline(splits: Sequence[Split], y: Any, objective: Objective) -> list[float] | None:
    """Score, on each split, a model that always answers its training rows' most frequent class.

    Args:
        splits: Pairs (train, test) of positions of rows.
        y: Targets: whole numbers of shape `(rows,)` or `(rows, 1)`, or one-hot rows.
        objective: What is optimised.

    Returns:
        The share of the held-out rows that are of that class, by split, the smaller class where
        two are as frequent; None if the objective is no accuracy, or the targets are no classes.

    Example:
        >>> from kt_grid.splitters.folds import KFold, make_splits
        >>> y = np.array([0, 0, 0, 1, 1, 0])
        >>> majority_baseline(make_splits(KFold(3), 6), y, Objective("val_accuracy", "max"))
        [1.0, 0.5, 0.5]
    """
    classes = classes_of(y) if is_accuracy(objective) else None
    if classes is None:
        return None
    return [_share(classes[train], classes[test]) for train, test in splits]


def _share(train: npt.NDArray[Any], test: npt.NDArray[Any]) -> float:
    values, counts = np.unique(train, return_counts=True)
    return float(np.mean(test == values[np.argmax(counts)]))
