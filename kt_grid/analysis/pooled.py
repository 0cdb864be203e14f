"""Figures that need all held-out rows at once; numpy only.

A mean over folds is no such figure: the AUC, a threshold and a confusion matrix compare rows of
different folds with each other.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kt_grid.errors import PredictionError
from kt_grid.store.held_out import HeldOut

Numbers = npt.NDArray[Any]


def roc_auc(y_true: Numbers, y_score: Numbers) -> float:
    """Compute the area under the receiver operating characteristic curve.

    It is the probability that a row of class 1 scores higher than one of class 0, ties counting
    one half: the Mann-Whitney statistic (Hanley and McNeil 1982, Radiology 143).

    Args:
        y_true: Classes 0 and 1, of shape `(rows,)`.
        y_score: Scores, likewise.

    Returns:
        A share in [0, 1].

    Raises:
        PredictionError: If there is but one class.

    Example:
        >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.75
    """
    positive = _positives(y_true)
    _, inverse, counts = np.unique(y_score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ones, zeros = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def best_threshold(y_true: Numbers, y_score: Numbers) -> float:
    """Find the threshold that tells the classes apart best.

    It maximises Youden's J, the share of class 1 above it minus that of class 0 (Youden 1950,
    Cancer 3); of equally good ones it is the largest. Found on these rows, it looks better on
    them than it is.

    Args:
        y_true: Classes 0 and 1, of shape `(rows,)`.
        y_score: Scores, likewise.

    Returns:
        One of the scores: rows that score as much or more count as class 1.

    Raises:
        PredictionError: If there is but one class.

    Example:
        >>> best_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.8
    """
    positive = _positives(y_true)
    order = np.argsort(-y_score, kind="stable")
    # Rows of equal score are on the same side of any threshold.
    last = np.flatnonzero(np.diff(y_score[order], append=-np.inf))
    gained = np.cumsum(positive[order])[last] / positive.sum()
    lost = np.cumsum(~positive[order])[last] / (~positive).sum()
    return float(y_score[order][last][int(np.argmax(gained - lost))])


def confusion_matrix(y_true: Numbers, y_pred: Numbers) -> tuple[Numbers, npt.NDArray[np.int64]]:
    """Count the rows by class and predicted class.

    Args:
        y_true: Classes, of shape `(rows,)`.
        y_pred: Predicted classes, likewise.

    Returns:
        The classes in ascending order, and counts of shape `(classes, classes)` with one row per
        class and one column per predicted class.

    Example:
        >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]))[1].tolist()
        [[1, 1], [0, 1]]
    """
    classes, numbers = np.unique(np.concatenate([y_true, y_pred]), return_inverse=True)
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (numbers[: len(y_true)], numbers[len(y_true) :]), 1)
    return classes, counts


def _positives(y_true: Numbers) -> npt.NDArray[np.bool_]:
    positive: npt.NDArray[np.bool_] = y_true == 1
    if positive.all() or not positive.any() or not np.isin(y_true, (0, 1)).all():
        raise PredictionError(
            f"Expected rows of the classes 0 and 1. Received: {np.unique(y_true)[:3].tolist()}"
        )
    return positive


@dataclass(frozen=True)
class Pooled:
    """Figures of all held-out rows of one trial.

    Attributes:
        rows: Number of predictions.
        figures: Figures by name.
        classes: The classes, if there are any.
        confusion: Counts by class and predicted class.
    """

    rows: int
    figures: dict[str, float]
    classes: tuple[Any, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()


class Meaning(Protocol):
    """Says what outputs of a model mean, by the loss that it was trained with."""

    def values(self, raw: Numbers) -> Numbers:
        """Return outputs as doubles; those of a classifier as probabilities."""

    def chosen(self, values: Numbers) -> Numbers | None:
        """Return the index of the class that is predicted for each row; None without classes."""

    def true_classes(self, y: Numbers, values: Numbers) -> Numbers | None:
        """Return the index of each row's true class; None where the targets are no classes."""


def pool(held_out: HeldOut, meaning: Meaning | None = None) -> Pooled:
    """Compute the figures that fit the kind of the targets.

    Args:
        held_out: Predictions for held-out rows.
        meaning: What they mean; guessed from their shapes where nothing says it, as in a directory
            that version 0.1.0 wrote.

    Returns:
        For classes the accuracy and the confusion matrix, for two classes also the AUC and the
        threshold that tells them apart best; for other numbers the mean absolute error, the
        root of the mean squared error, and R² (1 minus the squared error's share of the
        targets' variance).
    """
    if meaning is not None:
        return _by_meaning(held_out.y_true, meaning.values(held_out.y_pred), meaning)
    y_true, y_pred = _classes(held_out.y_true), held_out.y_pred
    y_pred = y_pred[:, 0] if y_pred.ndim == 2 and y_pred.shape[1] == 1 else y_pred
    if y_pred.ndim == 2 and y_true.ndim == 1:
        return _of_classes(y_true, y_pred.argmax(axis=1), {})
    if y_pred.ndim == 1 and _are_two(y_true) and _are_shares(y_pred):
        chosen = (y_pred > 0.5).astype(np.intp)
        return _of_classes(y_true.astype(np.intp), chosen, _of_shares(y_true, y_pred))
    return _of_numbers(y_true, y_pred)


def _by_meaning(y_true: Numbers, values: Numbers, meaning: Meaning) -> Pooled:
    true, chosen = meaning.true_classes(y_true, values), meaning.chosen(values)
    if true is None or chosen is None:
        return _of_numbers(y_true, values)
    two = values.shape[1] == 1 and _are_two(true)
    return _of_classes(true, chosen, _of_shares(true, values[:, 0]) if two else {})


def _are_two(y_true: Numbers) -> bool:
    return set(np.unique(y_true).tolist()) == {0, 1}


def _of_shares(y_true: Numbers, y_pred: Numbers) -> dict[str, float]:
    return {"auc": roc_auc(y_true, y_pred), "threshold": best_threshold(y_true, y_pred)}


def _of_numbers(y_true: Numbers, y_pred: Numbers) -> Pooled:
    errors = np.asarray(y_pred, np.float64) - np.asarray(y_true, np.float64).reshape(y_pred.shape)
    spread = np.sum((y_true - y_true.mean(axis=0)) ** 2, dtype=np.float64)
    figures = {
        "mean absolute error": float(np.abs(errors).mean()),
        "root mean squared error": float(np.sqrt((errors**2).mean())),
        "r2": float(1 - np.sum(errors**2) / spread) if spread else float("nan"),
    }
    return Pooled(len(errors), figures)


def _classes(y_true: Numbers) -> Numbers:
    """Class numbers for one-hot rows and for a single column; else the targets."""
    if y_true.ndim == 2 and y_true.shape[1] == 1:
        return y_true[:, 0]
    one_hot = y_true.ndim == 2 and np.isin(y_true, (0, 1)).all() and (y_true.sum(axis=1) == 1).all()
    return y_true.argmax(axis=1) if one_hot else y_true


def _are_shares(y_pred: Numbers) -> bool:
    return bool(y_pred.min() >= 0 and y_pred.max() <= 1)


def _of_classes(y_true: Numbers, y_pred: Numbers, figures: dict[str, float]) -> Pooled:
    classes, counts = confusion_matrix(y_true, y_pred)
    return Pooled(
        rows=len(y_true),
        figures={"accuracy": float(np.trace(counts) / counts.sum()), **figures},
        classes=tuple(classes.tolist()),
        confusion=tuple(tuple(row) for row in counts.tolist()),
    )
