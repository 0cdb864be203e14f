"""Which rows train and which are held out: indices only, numpy only."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from kt_grid.data import digest
from kt_grid.errors import SplitError
from kt_grid.seeds import check_seed, derive_seed

Indices: TypeAlias = npt.NDArray[np.intp]
Split: TypeAlias = tuple[Indices, Indices]

# Every split is held in memory, and a slip of the pen mustn't fill it.
_MOST_REPEATS = 1_000


class Splitter(Protocol):
    """What a cross-validation splitter does; scikit-learn's fit it too."""

    def split(self, x: Any, y: Any = None) -> Iterator[Split]:
        """Yield one pair of index arrays (train, test) per fold."""


class KFold:
    """K contiguous folds, or K folds of shuffled rows.

    The first `rows % n_splits` folds are one row longer. Same indices as scikit-learn's
    `KFold` for the same arguments, shuffled or not.

    Args:
        n_splits: Number of folds, at least 2.
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
        if isinstance(n_splits, bool) or not isinstance(n_splits, int | np.integer) or n_splits < 2:
            raise SplitError(f"Expected 2 or more folds. Received: {n_splits!r}")
        if shuffle and random_state is None:
            raise SplitError(
                "Expected a seed for shuffled folds. Received: random_state=None. "
                "Without one the same folds can't be drawn again"
            )
        if random_state is not None:
            check_seed(random_state)
        if not shuffle and random_state is not None:
            raise SplitError(
                f"Expected no seed for contiguous folds. Received: random_state={random_state}. "
                "Add shuffle=True"
            )
        self.n_splits = int(n_splits)
        self.shuffle = shuffle
        self.random_state = random_state

    def __repr__(self) -> str:
        if not self.shuffle:
            return f"KFold({self.n_splits})"
        return f"KFold({self.n_splits}, shuffle=True, random_state={self.random_state})"

    def get_n_splits(self, x: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002 - scikit-learn's signature
        """Return the number of folds."""
        return self.n_splits

    def split(self, x: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:  # noqa: ARG002 - scikit-learn's signature
        """Yield the index arrays (train, test) of every fold, both ascending.

        Args:
            x: Anything with as many items as there are rows.
            y: Ignored.
            groups: Ignored.

        Yields:
            A pair of integer arrays.

        Raises:
            SplitError: If there are fewer rows than folds.
        """
        rows = len(x)
        if rows < self.n_splits:
            raise SplitError(
                f"Expected at least as many rows as folds ({self.n_splits}). Received: {rows} rows"
            )
        order = np.arange(rows)
        if self.shuffle:
            # The legacy generator is frozen by numpy's policy, so the folds never change.
            np.random.RandomState(self.random_state).shuffle(order)
        for held_out in np.array_split(order, self.n_splits):
            in_test = np.zeros(rows, dtype=bool)
            in_test[held_out] = True
            yield np.flatnonzero(~in_test), np.flatnonzero(in_test)


def check_cv(cv: int | Splitter) -> Splitter:
    """Turn a number of folds into a splitter; let a splitter pass.

    Args:
        cv: Number of contiguous folds, or any object with a `split(x, y)` method.

    Returns:
        A splitter.

    Raises:
        SplitError: If `cv` is neither, or the number is less than 2.
    """
    if isinstance(cv, int | np.integer):
        return KFold(int(cv))
    if isinstance(cv, str) or not callable(getattr(cv, "split", None)):
        raise SplitError(
            "Expected cv to be a number of folds or an object with a split method. "
            f"Received: {cv!r}"
        )
    return cv


class Repeated:
    """A splitter's folds, several times over; the trainings differ in their seeds.

    Args:
        cv: A splitter. A shuffling one of kt-grid's own is shuffled anew for each repeat.
        n_repeats: Passes over all folds, 1 to 1,000.

    Example:
        >>> len([*Repeated(KFold(3), 2).split(range(7))])
        6
    """

    def __init__(self, cv: Splitter, n_repeats: int) -> None:
        if isinstance(n_repeats, bool) or not isinstance(n_repeats, int) or n_repeats < 1:
            raise SplitError(f"Expected 1 or more repeats. Received: {n_repeats!r}")
        if n_repeats > _MOST_REPEATS:
            raise SplitError(f"Expected at most {_MOST_REPEATS} repeats. Received: {n_repeats!r}")
        self.cv = cv
        self.n_repeats = n_repeats

    def __repr__(self) -> str:
        return f"Repeated({self.cv!r}, {self.n_repeats})"

    def split(self, x: Any, y: Any = None) -> Iterator[Split]:
        """Yield the index arrays (train, test) of every fold, repeat after repeat.

        Args:
            x: Anything with as many items as there are rows.
            y: Targets, for splitters that look at them.

        Yields:
            A pair of integer arrays.
        """
        for repeat in range(self.n_repeats):
            yield from _reseeded(self.cv, repeat).split(x, y)


def _reseeded(cv: Splitter, repeat: int) -> Splitter:
    """The splitter of one repeat; the first is the splitter itself."""
    if repeat == 0 or not isinstance(cv, KFold) or cv.random_state is None:
        return cv
    return KFold(cv.n_splits, shuffle=True, random_state=derive_seed(cv.random_state, {}, repeat))


def count_repeats(cv: Splitter) -> int:
    """Return how often a splitter passes over all folds.

    Args:
        cv: A splitter.

    Returns:
        Its `n_repeats`, as scikit-learn's repeating splitters have it too; else 1.
    """
    return int(getattr(cv, "n_repeats", 1))


def make_splits(cv: Splitter, rows: int, y: Any = None) -> list[Split]:
    """Draw the splits of a search, once, and check them.

    Args:
        cv: A splitter.
        rows: Number of rows.
        y: Targets, for splitters that look at them.

    Returns:
        One pair (train, test) of integer arrays per fold.

    Raises:
        SplitError: If a fold has no rows to train on or to hold out, a row is on both sides, or
            there is no fold at all.
    """
    splits = [
        (_indices(train, rows, number), _indices(test, rows, number))
        for number, (train, test) in enumerate(cv.split(range(rows), y))
    ]
    if not splits:
        raise SplitError(f"Expected at least one fold from {cv!r}. Received: none")
    for number, (train, test) in enumerate(splits):
        if np.intersect1d(train, test).size:
            raise SplitError(
                f"Expected no row both trained on and held out in fold {number}. "
                f"Received: {np.intersect1d(train, test)[:3].tolist()}…"
            )
    return splits


def _indices(side: Any, rows: int, number: int) -> Indices:
    """One side of a fold as positions of rows."""
    array = np.asarray(side)
    if not array.size:
        raise SplitError(f"Expected rows on both sides of fold {number}. Received: none on one")
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= rows:
        raise SplitError(
            f"Expected positions from 0 to {rows - 1} in fold {number}. "
            f"Received: {array.min()} to {array.max()}"
        )
    return array.astype(np.intp)


def splits_digest(splits: Sequence[Split]) -> str:
    """Hash the splits of a search.

    Args:
        splits: Pairs of integer arrays.

    Returns:
        32 hexadecimal digits.
    """
    return digest(*(side.astype(np.int64) for split in splits for side in split))
