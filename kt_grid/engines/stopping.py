"""Trainings that stop by themselves: on rows held back from the training rows, not on the fold.

The held-out fold scores a training, so nothing may be decided on it. A share of the training rows
is held back instead; the number of epochs that suits them is kept with every fold, and the refit,
which holds nothing back, takes the median of those numbers.
"""

import copy
import statistics
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from kt_grid.engines.base import FitArguments, Task
from kt_grid.errors import SplitError


def hold_back(task: Task, fit: FitArguments, groups: Any) -> Task:
    """Hold back some of a task's training rows, if `fit` asks for it.

    The rows are drawn by the task's seed, whole groups if there are groups; where the splits
    follow time, they are the last ones.

    Args:
        task: A training.
        fit: How to train; `validation_split` is the share of the rows to hold back.
        groups: Group of each row of the search, or None.

    Returns:
        The task with fewer rows to train on, and the others to watch.

    Raises:
        SplitError: If no row would be left on one of the sides.
    """
    if not fit.validation_split or task.test is None:
        return task
    rows = task.train
    wanted = max(1, round(fit.validation_split * len(rows)))
    if fit.in_time:
        held = np.arange(len(rows)) >= len(rows) - wanted
    else:
        members = np.arange(len(rows)) if groups is None else np.asarray(groups)[rows]
        held = _draw(members, wanted, np.random.RandomState(task.seed))
    if held.all():
        raise SplitError(
            f"Expected rows to train on beside a validation split of {fit.validation_split:g}. "
            f"Received: {len(rows)} rows"
        )
    return replace(task, train=rows[~held], watch=rows[held])


def _draw(members: Any, wanted: int, random: np.random.RandomState) -> Any:
    """Which rows to hold back: those of random groups, until they are as many as wanted."""
    _, codes, sizes = np.unique(members, return_inverse=True, return_counts=True)
    order = random.permutation(len(sizes))
    count = int(np.searchsorted(np.cumsum(sizes[order]), wanted)) + 1
    return np.isin(codes, order[:count])


def make_callbacks(fit: FitArguments) -> list[Any]:
    """Make a training's callbacks: copies of those given, and early stopping if that is asked for.

    Args:
        fit: How to train.

    Returns:
        Fresh callbacks.
    """
    callbacks = copy.deepcopy(list(fit.callbacks))
    if fit.early_stopping is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor="val_loss", patience=fit.early_stopping, restore_best_weights=True
            )
        )
    return callbacks


def kept_epochs(callbacks: Iterable[Any], trained: int) -> int:
    """Count the epochs whose weights a training ended with.

    Args:
        callbacks: Those that it had.
        trained: Epochs that it ran for.

    Returns:
        Number of epochs; less than `trained` if early stopping went back to the best ones.
    """
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.restore_best_weights:
            return min(trained, int(callback.best_epoch) + 1)
    return trained


def without_watching(fit: FitArguments, epochs: Iterable[int]) -> FitArguments:
    """Say how a refit trains that follows trainings on fewer rows.

    Args:
        fit: How the folds were trained.
        epochs: Epochs that were kept, by fold.

    Returns:
        The same for the median of the epochs, rounded up, with nothing held back; without the
        callbacks that look at what is held back.
    """
    if not fit.validation_split:
        return fit
    kept = tuple(c for c in fit.callbacks if not str(getattr(c, "monitor", "")).startswith("val_"))
    median = -int(-statistics.median(epochs) // 1)
    return replace(fit, epochs=median, validation_split=0.0, early_stopping=None, callbacks=kept)
