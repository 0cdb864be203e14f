"""K folds: each row is held out in exactly one of them."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.errors import SplitError
from kt_grid.splitters.base import (
    Indices,
    OwnSplitter,
    Random,
    check_number,
    check_rows,
    check_shuffle,
    class_labels,
    codes,
    group_codes,
)


class RareClassWarning(UserWarning):
    """A class has fewer rows than there are folds."""


class FoldSplitter(OwnSplitter):
    """A splitter into K folds, shuffled or not.

    Args:
        n_splits: Number of folds, at least 2.
        shuffle: Whether there is any shuffling.
        random_state: Seed of the shuffle; required with `shuffle=True`, because a search whose
            folds can't be drawn again can't be resumed.
    """

    def __init__(
        self, n_splits: int = 5, *, shuffle: bool = False, random_state: int | None = None
    ) -> None:
        self.n_splits = check_number("folds", n_splits, 2)
        self.random_state = check_shuffle(shuffle, random_state)
        self.shuffle = shuffle

    def _held_out(self, rows: int, y: Any, groups: Any) -> Iterator[Indices]:
        # The legacy generator is frozen by numpy's policy, so the folds never change.
        random = np.random.RandomState(self.random_state) if self.shuffle else None
        return self.draw(rows, y, groups, random)

    def draw(self, rows: int, y: Any, groups: Any, random: Random | None) -> Iterator[Indices]:
        """Yield the held-out rows of every fold.

        Args:
            rows: Number of rows.
            y: Targets.
            groups: Groups.
            random: Shuffles, if there is one.

        Yields:
            Positions of rows.
        """
        check_rows(self.n_splits, rows)
        fold_of = self._assign(rows, y, groups, random)
        for fold in range(self.n_splits):
            yield np.flatnonzero(fold_of == fold)

    def _assign(self, rows: int, y: Any, groups: Any, random: Random | None) -> Indices:
        """The fold that each row is held out in."""
        raise NotImplementedError


class KFold(FoldSplitter):
    """K contiguous folds, or K folds of shuffled rows.

    The first `rows % n_splits` folds are one row longer. Same indices as scikit-learn's
    `KFold` for the same arguments, shuffled or not.

    Args:
        n_splits: Number of folds, at least 2; 3 by default, as in every search of kt-grid.
        shuffle: Whether rows are shuffled before they are cut into folds.
        random_state: Seed of the shuffle; required with `shuffle=True`, because a search whose
            folds can't be drawn again can't be resumed.

    Example:
        >>> [test.tolist() for _, test in KFold(3).split(range(7))]
        [[0, 1, 2], [3, 4], [5, 6]]
    """

    def __init__(
        self, n_splits: int = 3, *, shuffle: bool = False, random_state: int | None = None
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)

    def _assign(self, rows: int, y: Any, groups: Any, random: Random | None) -> Indices:  # noqa: ARG002 - rows only
        order = np.arange(rows)
        if random is not None:
            random.shuffle(order)
        fold_of = np.empty(rows, np.intp)
        for fold, held_out in enumerate(np.array_split(order, self.n_splits)):
            fold_of[held_out] = fold
        return fold_of


class StratifiedKFold(FoldSplitter):
    """K folds that hold the same share of every class, as nearly as that goes.

    Same indices as scikit-learn's `StratifiedKFold` for the same arguments, shuffled or not.
    Targets may also be one-hot. A class with fewer rows than folds is warned of.

    Args:
        n_splits: Number of folds, at least 2.
        shuffle: Whether each class is shuffled before it is dealt out.
        random_state: Seed of the shuffle; required with `shuffle=True`.

    Example:
        >>> y = ["no", "no", "no", "no", "yes", "yes"]
        >>> [test.tolist() for _, test in StratifiedKFold(2).split(y, y)]
        [[0, 1, 4], [2, 3, 5]]
    """

    # Whether a class with fewer rows than folds is warned of, which may be told elsewhere.
    warns = True

    def _assign(self, rows: int, y: Any, groups: Any, random: Random | None) -> Indices:  # noqa: ARG002 - no groups
        labels = class_labels(y, rows)
        check_classes(labels, self.n_splits, warn=self.warns)
        classes = _in_order_of_appearance(labels)
        # Dealing the sorted rows out in turn settles how many of a class each fold gets.
        dealt = [np.bincount(part) for part in _deal(np.sort(classes), self.n_splits)]
        fold_of = np.empty(rows, np.intp)
        for number in range(classes.max() + 1):
            sizes = [part[number] if number < len(part) else 0 for part in dealt]
            folds = np.repeat(np.arange(self.n_splits), sizes)
            if random is not None:
                random.shuffle(folds)
            fold_of[classes == number] = folds
        return fold_of


class GroupKFold(FoldSplitter):
    """K folds of nearly equal size; all rows of a group are in the same one.

    Same indices as scikit-learn's `GroupKFold` for the same arguments, shuffled or not.

    Args:
        n_splits: Number of folds, at least 2.
        shuffle: Whether groups are shuffled and then dealt out by their number; else the
            largest go first, each to the fold that has the fewest rows.
        random_state: Seed of the shuffle; required with `shuffle=True`.

    Example:
        >>> patients = ["ann", "bob", "ann", "cid"]
        >>> [test.tolist() for _, test in GroupKFold(2).split(patients, groups=patients)]
        [[0, 2], [1, 3]]
    """

    uses_groups = True

    def _assign(self, rows: int, y: Any, groups: Any, random: Random | None) -> Indices:  # noqa: ARG002 - no targets
        group = group_codes(groups, rows, self)
        sizes = np.bincount(group)
        _check_groups(len(sizes), self.n_splits)
        fold_of_group = np.empty(len(sizes), np.intp)
        if random is not None:
            parts = np.array_split(random.permutation(len(sizes)), self.n_splits)
            for fold, part in enumerate(parts):
                fold_of_group[part] = fold
            return fold_of_group[group]
        filled = np.zeros(self.n_splits, np.int64)
        for number in np.argsort(sizes, kind="stable")[::-1]:
            lightest = int(filled.argmin())
            filled[lightest] += sizes[number]
            fold_of_group[number] = lightest
        return fold_of_group[group]


class StratifiedGroupKFold(FoldSplitter):
    """K folds of whole groups whose shares of the classes are as equal as a greedy rule gets.

    Same indices as scikit-learn's `StratifiedGroupKFold` for the same arguments, shuffled or
    not. Groups are dealt out one by one, the most uneven first, each to the fold where it
    leaves the spread of the classes' shares over the folds smallest.

    Args:
        n_splits: Number of folds, at least 2.
        shuffle: Whether equally uneven groups are shuffled.
        random_state: Seed of the shuffle; required with `shuffle=True`.

    Example:
        >>> y, patients = [0, 0, 1, 1, 0, 1], [1, 1, 2, 2, 3, 3]
        >>> [test.tolist() for _, test in StratifiedGroupKFold(2).split(y, y, patients)]
        [[0, 1, 4, 5], [2, 3]]
    """

    uses_groups = True

    def _assign(self, rows: int, y: Any, groups: Any, random: Random | None) -> Indices:
        labels = class_labels(y, rows)
        check_classes(labels, self.n_splits)
        _, classes = codes(labels)
        group = group_codes(groups, rows, self)
        members = np.zeros((group.max() + 1, classes.max() + 1))
        np.add.at(members, (group, classes), 1)
        _check_groups(len(members), self.n_splits)
        order = np.arange(len(members))
        if random is not None:
            random.shuffle(order)
        uneven = np.argsort(-np.std(members[order], axis=1), kind="stable")
        fold_of_group = np.empty(len(members), np.intp)
        filled = np.zeros((self.n_splits, members.shape[1]))
        for number in order[uneven]:
            fold = _best_fold(filled, members[number], members.sum(axis=0))
            filled[fold] += members[number]
            fold_of_group[number] = fold
        return fold_of_group[group]


def check_classes(labels: npt.NDArray[Any], splits: int, *, warn: bool = True) -> None:
    """Refuse classes that no fold could share, and warn of one that not all folds can.

    Args:
        labels: Class of each row.
        splits: Number of folds.
        warn: Whether to warn.

    Raises:
        SplitError: If every class has fewer rows than there are folds.
    """
    values, numbers = codes(labels)
    sizes = np.bincount(numbers)
    if np.all(sizes < splits):
        raise SplitError(
            f"Expected a class with at least as many rows as folds ({splits}). "
            f"Received: {sizes.max()} rows in the largest. Ask for fewer folds"
        )
    if warn and sizes.min() < splits:
        warnings.warn(
            f"The least populated class, {values.tolist()[int(sizes.argmin())]!r}, has "
            f"{sizes.min()} rows, fewer than the {splits} folds: some folds hold none of it",
            RareClassWarning,
            stacklevel=2,
        )


def _in_order_of_appearance(labels: npt.NDArray[Any]) -> Indices:
    """Number the classes by where they first occur."""
    values, numbers = codes(labels)
    first = np.full(len(values), len(labels))
    np.minimum.at(first, numbers, np.arange(len(labels)))
    return np.argsort(np.argsort(first))[numbers].astype(np.intp)


def _deal(items: Indices, hands: int) -> list[Indices]:
    return [items[hand::hands] for hand in range(hands)]


def _check_groups(groups: int, splits: int) -> None:
    if groups < splits:
        raise SplitError(
            f"Expected at least as many groups as folds ({splits}). Received: {groups} groups"
        )


def _best_fold(
    filled: npt.NDArray[np.float64],
    members: npt.NDArray[np.float64],
    class_sizes: npt.NDArray[np.float64],
) -> int:
    """The fold that a group fits best; of equally good ones, that with the fewest rows."""
    best, least, fewest = 0, np.inf, np.inf
    for fold in range(len(filled)):
        trial = filled.copy()
        trial[fold] += members
        spread = float(np.mean(np.std(trial / class_sizes, axis=0)))
        held = float(filled[fold].sum())
        if spread < least or (np.isclose(spread, least) and held < fewest):
            best, least, fewest = fold, spread, held
    return best
