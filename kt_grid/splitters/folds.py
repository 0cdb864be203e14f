"""The splits of a search: drawn once from a splitter, checked, and hashed."""

import difflib
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from kt_grid.errors import KtGridError, SplitError
from kt_grid.splitters import (
    GroupKFold,
    GroupShuffleSplit,
    Indices,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    OwnSplitter,
    PredefinedSplit,
    Repeated,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    Split,
    Splitter,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    class_labels,
    is_one_hot,
)

__all__ = [
    "GivenSplits",
    "Indices",
    "KFold",
    "Repeated",
    "Split",
    "Splitter",
    "check_cv",
    "count_repeats",
    "follow_time",
    "make_splits",
]


_CLASSES = (
    KFold,
    GroupKFold,
    GroupShuffleSplit,
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


class GivenSplits:
    """Splits as they are given.

    Args:
        splits: Pairs (train, test) of index arrays.

    Example:
        >>> [test for _, test in GivenSplits([([0, 1], [2]), ([0, 2], [1])]).split(range(3))]
        [[2], [1]]
    """

    def __init__(self, splits: Iterable[Any]) -> None:
        self.splits = list(splits)
        if not all(isinstance(pair, Sequence) and len(pair) == 2 for pair in self.splits):
            raise SplitError(
                "Expected cv to be a number of folds, a splitter, or pairs (train, test) of "
                f"positions. Received: {self.splits[:1]!r}…"
            )

    def __repr__(self) -> str:
        return f"GivenSplits({len(self.splits)})"

    def split(self, x: Any, y: Any = None, groups: Any = None) -> Iterator[Any]:  # noqa: ARG002 - a splitter's signature
        """Yield the pairs (train, test).

        Args:
            x: Ignored.
            y: Ignored.
            groups: Ignored.

        Yields:
            A pair as it was given.
        """
        yield from self.splits


def check_cv(cv: Any) -> Splitter:
    """Turn a number of folds, or a list of splits, into a splitter; let a splitter pass.

    Args:
        cv: Number of contiguous folds, any object with a `split(x, y, groups)` method, or
            pairs (train, test) of index arrays.

    Returns:
        A splitter.

    Raises:
        SplitError: If `cv` is none of these, the number is less than 2, or the splitter's
            shuffle has no seed, so that the same folds can't be drawn again.
    """
    if isinstance(cv, int | np.integer):
        return KFold(int(cv))
    if callable(getattr(cv, "split", None)) and not isinstance(cv, str):
        return _check_seed(cv)
    if isinstance(cv, Iterable) and not isinstance(cv, str | bytes):
        return GivenSplits(cv)
    raise SplitError(
        "Expected cv to be a number of folds, an object with a split method, or pairs of "
        f"positions. Received: {cv!r}{_meant(cv) if isinstance(cv, str) else ''}"
    )


def _meant(word: str) -> str:
    """The class that a word stands for, as on the command line."""
    plain = re.sub("[^a-z]", "", word.lower())
    names = {kind.__name__.lower(): kind.__name__ for kind in _CLASSES}
    near = difflib.get_close_matches(plain.removeprefix("shuffled"), names, n=1)
    how = "shuffle=True, random_state=…" if plain.startswith("shuffled") else "…"
    return f". Write cv=kt_grid.{names[near[0]]}({how})" if near else ""


def _check_seed(cv: Splitter) -> Splitter:
    """Refuse a splitter that says, as scikit-learn's do, that it shuffles without a seed."""
    state = getattr(cv, "random_state", 0)
    if getattr(cv, "shuffle", True) and not isinstance(state, int | np.integer):
        raise SplitError(
            f"Expected a splitter whose folds can be drawn again, so that a search can be "
            f"resumed. Received: {cv!r}. Give it an integer random_state"
        )
    return cv


def count_repeats(cv: Splitter) -> int:
    """Return how often a splitter passes over all folds.

    Args:
        cv: A splitter.

    Returns:
        Its `n_repeats`, as scikit-learn's repeating splitters have it too; else 1.
    """
    return max(1, int(getattr(cv, "n_repeats", 1)))


def make_splits(
    cv: Splitter, rows: int, y: Any = None, groups: Any = None, x: Any = None
) -> list[Split]:
    """Draw the splits of a search, once, and check them.

    Test sides may overlap, and rows may be on neither side.

    Args:
        cv: A splitter.
        rows: Number of rows.
        y: Targets, for splitters that look at them; one-hot rows become classes.
        groups: Group of each row, for splitters that look at them.
        x: Rows, for splitters that look at them; an array of `rows` items.

    Returns:
        One pair (train, test) of integer arrays per fold.

    Raises:
        SplitError: If a fold has no rows to train on or to hold out, a row is on both sides, or
            there is no fold at all; if there are groups and the splitter heeds none; if repeats
            have unequally many folds.
    """
    splits = [
        (_indices(train, rows, number), _indices(test, rows, number))
        for number, (train, test) in enumerate(_drawn(cv, rows, y, groups, x))
    ]
    if not splits:
        raise SplitError(f"Expected at least one fold from {cv!r}. Received: none")
    if len(splits) % count_repeats(cv):
        raise SplitError(
            f"Expected equally many folds in each repeat of {cv!r}. "
            f"Received: {len(splits)} folds in all"
        )
    for number, (train, test) in enumerate(splits):
        both = _on_both_sides(train, test, rows)
        if both.size:
            raise SplitError(
                f"Expected no row both trained on and held out in fold {number}. "
                f"Received: {both[:3].tolist()}…"
            )
    return splits


def _drawn(cv: Any, rows: int, y: Any, groups: Any, x: Any) -> Iterator[Any]:
    """What the splitter gives; what somebody else's raises becomes a SplitError."""
    if groups is not None and not _takes_groups(cv):
        raise SplitError(f"Expected a splitter that heeds groups. Received: {cv!r}")
    targets = y if isinstance(cv, OwnSplitter) else _classes_of_one_hot(y, rows)
    arguments = [x if hasattr(x, "shape") else range(rows), targets]
    if groups is not None:
        arguments.append(groups)
    try:
        yield from cv.split(*arguments)
    except KtGridError:
        raise
    except Exception as error:
        raise SplitError(
            f"Expected {cv!r} to split {rows} rows. Received: {type(error).__name__}: {error}"
        ) from error


def _takes_groups(cv: Any) -> bool:
    if hasattr(cv, "uses_groups"):
        return bool(cv.uses_groups)
    parameters = inspect.signature(cv.split).parameters.values()
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return several or len(parameters) > 2


def _classes_of_one_hot(y: Any, rows: int) -> Any:
    """Classes for one-hot rows, which scikit-learn's splitters refuse; else the targets."""
    one_hot = hasattr(y, "shape") and is_one_hot(np.asarray(y))
    return class_labels(y, rows) if one_hot else y


def _on_both_sides(train: Indices, test: Indices, rows: int) -> Indices:
    trained = np.zeros(rows, dtype=bool)
    trained[train] = True
    return test[trained[test]]


def _indices(side: Any, rows: int, number: int) -> Indices:
    """One side of a fold as positions of rows."""
    try:
        array = np.asarray(side)
    except ValueError:  # a list of lists of unequal length
        array = np.asarray(None)
    if array.ndim != 1:
        raise SplitError(
            f"Expected positions of rows in fold {number}, as one flat array. Received: {side!r}"
        )
    if not array.size:
        raise SplitError(f"Expected rows on both sides of fold {number}. Received: none on one")
    if array.dtype.kind not in "iuf":
        raise SplitError(
            f"Expected positions from 0 to {rows - 1} in fold {number}. "
            f"Received: {array.tolist()[:3]!r}…"
        )
    if array.dtype.kind == "f" or array.min() < 0 or array.max() >= rows:
        raise SplitError(
            f"Expected positions from 0 to {rows - 1} in fold {number}. "
            f"Received: {array.min()} to {array.max()}"
        )
    return array.astype(np.intp)


def follow_time(splits: Sequence[Split]) -> bool:
    """Tell whether all that is held out comes after what is trained on.

    Args:
        splits: Pairs of integer arrays.

    Returns:
        True for the splits of a time series.
    """
    return all(train.max() < test.min() for train, test in splits)
