"""Folds several times over."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from kt_grid.errors import SplitError
from kt_grid.space.seeds import derive_seed
from kt_grid.splitters.base import OwnSplitter, Split, Splitter, check_number, check_random_state
from kt_grid.splitters.kfold import FoldSplitter, KFold, StratifiedKFold

# Every split is held in memory, and a slip of the pen mustn't fill it.
_MOST_REPEATS = 1_000


class RepeatedFolds(OwnSplitter):
    """Shuffled folds, several times over, all out of one stream of random numbers.

    Args:
        n_splits: Number of folds, at least 2.
        n_repeats: Passes over all folds, at least 1.
        random_state: Seed of the shuffles; required.
    """

    _folds: type[FoldSplitter]

    def __init__(
        self, *, n_splits: int = 5, n_repeats: int = 10, random_state: int | None = None
    ) -> None:
        self.n_splits = check_number("folds", n_splits, 2)
        self.n_repeats = check_number("repeats", n_repeats, 1)
        self.random_state = check_random_state(random_state)

    def get_n_splits(self, x: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002 - scikit-learn's signature
        """Return the number of folds of all repeats."""
        return self.n_splits * self.n_repeats

    def _held_out(self, rows: int, y: Any, groups: Any) -> Iterator[Any]:
        # The legacy generator is frozen by numpy's policy, so the folds never change.
        random = np.random.RandomState(self.random_state)
        for _ in range(self.n_repeats):
            yield from self._folds(self.n_splits).draw(rows, y, groups, random)


class RepeatedKFold(RepeatedFolds):
    """`KFold` of shuffled rows, several times over.

    Same indices as scikit-learn's `RepeatedKFold` for the same arguments and a seed.

    Args:
        n_splits: Number of folds, at least 2.
        n_repeats: Passes over all folds, at least 1.
        random_state: Seed of the shuffles; required.

    Example:
        >>> RepeatedKFold(n_splits=3, n_repeats=2, random_state=0).get_n_splits()
        6
    """

    _folds = KFold


class RepeatedStratifiedKFold(RepeatedFolds):
    """`StratifiedKFold` of shuffled rows, several times over.

    Same indices as scikit-learn's `RepeatedStratifiedKFold` for the same arguments and a seed.

    Args:
        n_splits: Number of folds, at least 2.
        n_repeats: Passes over all folds, at least 1.
        random_state: Seed of the shuffles; required.
    """

    _folds = StratifiedKFold


class Repeated:
    """A splitter's folds, several times over; the trainings differ in their seeds.

    Args:
        cv: A splitter. A shuffling one of kt-grid's own is shuffled anew for each repeat.
        n_repeats: Passes over all folds, 1 to 1,000.
        same_folds: Whether a shuffling one is not shuffled anew.

    Example:
        >>> len([*Repeated(KFold(3), 2).split(range(7))])
        6
    """

    def __init__(self, cv: Splitter, n_repeats: int, *, same_folds: bool = False) -> None:
        if hasattr(cv, "n_repeats"):
            raise SplitError(f"Expected a splitter that doesn't repeat itself. Received: {cv!r}")
        self.cv = cv
        self.same_folds = same_folds
        self.n_repeats = check_number("repeats", n_repeats, 1)
        if n_repeats > _MOST_REPEATS:
            raise SplitError(f"Expected at most {_MOST_REPEATS} repeats. Received: {n_repeats}")

    def __repr__(self) -> str:
        same = ", same_folds=True" if self.same_folds else ""
        return f"Repeated({self.cv!r}, {self.n_repeats}{same})"

    @property
    def uses_groups(self) -> bool:
        """Whether `split` needs `groups`."""
        return bool(getattr(self.cv, "uses_groups", True))

    def split(self, x: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield the index arrays (train, test) of every fold, repeat after repeat.

        Args:
            x: Anything with as many items as there are rows.
            y: Targets, for splitters that look at them.
            groups: Group of each row, for splitters that look at them.

        Yields:
            A pair of integer arrays.
        """
        for repeat in range(self.n_repeats):
            cv = self.cv if self.same_folds else _reseeded(self.cv, repeat)
            yield from cv.split(x, y) if groups is None else cv.split(x, y, groups)


def _reseeded(cv: Any, repeat: int) -> Splitter:
    """The splitter of one repeat; the first is the splitter itself."""
    splitter: Splitter = cv
    seed = getattr(cv, "random_state", None)
    if repeat > 0 and isinstance(cv, OwnSplitter) and seed is not None:
        splitter = copy.copy(cv)
        vars(splitter)["random_state"] = derive_seed(seed, {}, repeat)
    return splitter
