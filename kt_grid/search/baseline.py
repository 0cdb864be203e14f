"""What the splits and the targets say of a search before anything is trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.space.objective import Objective, is_accuracy
from kt_grid.splitters import Split, classes_of
from kt_grid.store.records import SplitFacts


def describe_splits(
    splits: Sequence[Split], y: Any, repeats: int, objective: Objective
) -> SplitFacts:
    """Describe the splits, and how a model would score on them that always answers the same.

    Args:
        splits: Pairs (train, test) of positions of rows.
        y: Targets of all rows.
        repeats: Passes over all folds that the splits consist of.
        objective: What is optimised.

    Returns:
        Rows by split, whether each repeat holds out other rows, and the majority baseline.
    """
    folds = len(splits) // repeats
    again = [np.array_equal(splits[i][1], splits[i % folds][1]) for i in range(folds, len(splits))]
    baseline = majority_baseline(splits, y, objective)
    return SplitFacts(
        split_rows=tuple((len(train), len(test)) for train, test in splits),
        fresh_folds=not any(again),
        baseline=None if baseline is None else tuple(baseline),
    )


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
