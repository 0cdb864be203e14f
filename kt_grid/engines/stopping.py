"""Trainings that stop by themselves: on rows held back from the training rows, not on the fold.

The held-out fold scores a training, so nothing may be decided on it. A share of the training rows
is held back instead; the number of epochs that suits them is kept with every fold, and the refit,
which holds nothing back, takes the median of those numbers.
"""

import statistics
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task
from kt_grid.engines.callbacks import renew, watches_held_out
from kt_grid.errors import SplitError
from kt_grid.splitters.folds import Indices, Split


def hold_back(task: Task, fit: FitArguments, groups: Any, weights: Any = None) -> Task:
    """Hold back some of a task's training rows, if `fit` asks for it.

    The rows are drawn by the task's seed. If there are groups, they stay together; else, where
    the splits follow time, the last rows are held back. Rows that weigh nothing aren't drawn, as
    nothing could be seen on them.

    Args:
        task: A training.
        fit: How to train; `validation_split` is the share of the rows to hold back.
        groups: Group of each row of the search, or None.
        weights: Weight of each row of the search, or None.

    Returns:
        The task with fewer rows to train on, and the others to watch.

    Raises:
        SplitError: If there is but one row or one group that weighs anything to train on.
    """
    if not fit.validation_split or task.test is None:
        return task
    rows = task.train
    weighted = _check(rows, groups, weights)
    wanted = min(max(1, round(fit.validation_split * len(weighted))), len(weighted) - 1)
    random = np.random.RandomState(task.seed)
    if groups is not None:
        members = np.asarray(groups)
        drawn = _draw_groups(members[weighted], wanted, random)
        held = np.isin(members[rows], members[weighted][drawn])
    elif fit.in_time:
        held = np.isin(rows, np.sort(weighted)[-wanted:])
    else:
        held = np.isin(rows, weighted[random.permutation(len(weighted))[:wanted]])
    return replace(task, train=rows[~held], watch=rows[held])


def check_hold_back(
    splits: Iterable[Split], fit: FitArguments, groups: Any, weights: Any = None
) -> None:
    """See whether some of each split's training rows can be held back, if that is asked for.

    Raises:
        SplitError: If there is but one row or one group that weighs anything to train on.
    """
    for train, _ in splits if fit.validation_split else ():
        _check(train, groups, weights)


def _check(train: Indices, groups: Any, weights: Any) -> Indices:
    """The rows that weigh anything, of which some can be held back and some left."""
    weighted = train if weights is None else train[np.asarray(weights)[train] > 0]
    members = weighted if groups is None else np.unique(np.asarray(groups)[weighted])
    if len(members) < 2:
        kind = "rows" if groups is None else "groups of rows"
        kind += "" if weights is None else " that weigh more than 0"
        raise SplitError(
            f"Expected 2 or more {kind} to train on, so that one can be held back. Received: "
            f"{len(members)} in a split"
        )
    return weighted


def _draw_groups(members: Any, wanted: int, random: np.random.RandomState) -> Any:
    """Which rows to hold back: random groups that together are no more than wanted, or one."""
    _, codes, sizes = np.unique(members, return_inverse=True, return_counts=True)
    order = random.permutation(len(sizes))
    held: list[int] = []
    for group in order:
        if sizes[held].sum() + sizes[group] <= wanted:
            held.append(int(group))
    return np.isin(codes, held or [order[np.argmin(sizes[order])]])


def make_callbacks(fit: FitArguments) -> list[Any]:
    """Make a training's callbacks: those given, renewed, and early stopping if that is asked for.

    Args:
        fit: How to train.

    Returns:
        Fresh callbacks.
    """
    callbacks = renew(fit.callbacks)
    if fit.early_stopping is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor="val_loss", patience=fit.early_stopping, restore_best_weights=True
            )
        )
    return callbacks


def kept_epochs(callbacks: Iterable[Any], trained: int) -> int:
    """Count the epochs whose weights a training ended with.

    Returns:
        Number of epochs; less than `trained` if early stopping went back to the best ones.
    """
    for callback in callbacks:
        stops = isinstance(callback, keras.callbacks.EarlyStopping)
        if stops and callback.restore_best_weights and callback.best_weights is not None:
            return min(trained, int(callback.best_epoch) + 1)
    return trained


def without_stopping(fit: FitArguments, epochs: Iterable[int]) -> FitArguments:
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
    kept = tuple(one for one in fit.callbacks if not watches_held_out(one))
    median = -int(-statistics.median(epochs) // 1)
    return replace(fit, epochs=median, validation_split=0.0, early_stopping=None, callbacks=kept)
