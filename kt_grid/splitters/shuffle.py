"""Splits drawn at random: a row may be held out in several of them, or in none."""

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kt_grid.errors import SplitError
from kt_grid.splitters.base import (
    Indices,
    OwnSplitter,
    Random,
    Split,
    check_number,
    check_random_state,
    class_labels,
    codes,
    group_codes,
    per_row,
)

Size: TypeAlias = float | int | None


class ShuffleSplit(OwnSplitter):
    """Splits of freshly shuffled rows.

    Same indices as scikit-learn's `ShuffleSplit` for the same arguments and a seed.

    Args:
        n_splits: Number of splits, at least 1.
        test_size: Share of the rows that are held out, in (0, 1), or their number. By default
            what `train_size` leaves, or a tenth.
        train_size: Share or number of rows that are trained on; by default all others.
        random_state: Seed of the shuffles; required.

    Example:
        >>> cv = ShuffleSplit(2, test_size=0.25, random_state=0)
        >>> [test.tolist() for _, test in cv.split(range(8))]
        [[6, 2], [1, 6]]
    """

    _default_test_size = 0.1

    def __init__(
        self,
        n_splits: int = 10,
        *,
        test_size: Size = None,
        train_size: Size = None,
        random_state: int | None = None,
    ) -> None:
        self.n_splits = check_number("splits", n_splits, 1)
        self.test_size = _check_size("test_size", test_size)
        self.train_size = _check_size("train_size", train_size)
        self.random_state = check_random_state(random_state)

    def split(self, x: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield the index arrays (train, test) of every split, in the order of the shuffle.

        Args:
            x: Anything with as many items as there are rows.
            y: Targets, for a splitter that looks at them.
            groups: Group of each row, for a splitter that looks at them.

        Yields:
            A pair of integer arrays.

        Raises:
            SplitError: If the splits can't be made of these rows.
        """
        # The legacy generator is frozen by numpy's policy, so the splits never change.
        random = np.random.RandomState(self.random_state)
        yield from self._draw(len(x), y, groups, random)

    def _draw(self, rows: int, y: Any, groups: Any, random: Random) -> Iterator[Split]:  # noqa: ARG002 - rows only
        train, test = self._sizes(rows)
        for _ in range(self.n_splits):
            order = random.permutation(rows)
            yield order[test : test + train], order[:test]

    def _sizes(self, rows: int) -> tuple[int, int]:
        """How many rows, or groups, are trained on and held out."""
        test_size, train_size = self.test_size, self.train_size
        if test_size is None and train_size is None:
            test_size = self._default_test_size
        test = None if test_size is None else _count(test_size, rows, math.ceil)
        train = rows - test if train_size is None and test is not None else None
        if train_size is not None:
            train = _count(train_size, rows, math.floor)
        train = train or 0
        test = rows - train if test is None else test
        if train < 1 or test < 1 or train + test > rows:
            raise SplitError(
                f"Expected sizes that leave rows on both sides of {rows}. Received: {train} to "
                f"train on and {test} to hold out, by test_size={self.test_size} and "
                f"train_size={self.train_size}"
            )
        return train, test


class GroupShuffleSplit(ShuffleSplit):
    """Splits of freshly shuffled groups; all rows of a group are on the same side.

    Same indices as scikit-learn's `GroupShuffleSplit` for the same arguments and a seed.

    Args:
        n_splits: Number of splits, at least 1.
        test_size: Share of the groups that are held out, in (0, 1), or their number. By default
            what `train_size` leaves, or a fifth.
        train_size: Share or number of groups that are trained on; by default all others.
        random_state: Seed of the shuffles; required.
    """

    uses_groups = True
    _default_test_size = 0.2

    def __init__(
        self,
        n_splits: int = 5,
        *,
        test_size: Size = None,
        train_size: Size = None,
        random_state: int | None = None,
    ) -> None:
        super().__init__(
            n_splits, test_size=test_size, train_size=train_size, random_state=random_state
        )

    def _draw(self, rows: int, y: Any, groups: Any, random: Random) -> Iterator[Split]:
        group = group_codes(groups, rows, self)
        for train, test in super()._draw(int(group.max()) + 1, y, None, random):
            yield np.flatnonzero(np.isin(group, train)), np.flatnonzero(np.isin(group, test))


class StratifiedShuffleSplit(ShuffleSplit):
    """Splits of freshly shuffled rows, with every class's share on both sides.

    Same indices as scikit-learn's `StratifiedShuffleSplit` for the same arguments and a seed.
    Rows of a table of targets count as one class if they are equal.

    Args:
        n_splits: Number of splits, at least 1.
        test_size: Share of the rows that are held out, in (0, 1), or their number. By default
            what `train_size` leaves, or a tenth.
        train_size: Share or number of rows that are trained on; by default all others.
        random_state: Seed of the shuffles; required.
    """

    def _draw(self, rows: int, y: Any, groups: Any, random: Random) -> Iterator[Split]:  # noqa: ARG002 - no groups
        train, test = self._sizes(rows)
        values, classes = codes(_row_labels(y, rows))
        sizes = np.bincount(classes)
        _check_members(values, sizes, train, test)
        members = [np.flatnonzero(classes == number) for number in range(len(sizes))]
        for _ in range(self.n_splits):
            trained = _shares(sizes, train, random)
            held = _shares(sizes - trained, test, random)
            shuffled = [m[random.permutation(len(m))] for m in members]
            ours = [m[:n] for m, n in zip(shuffled, trained, strict=True)]
            others = [m[n : n + h] for m, n, h in zip(shuffled, trained, held, strict=True)]
            train_side = random.permutation(np.concatenate(ours))
            yield train_side, random.permutation(np.concatenate(others))


def _check_size(name: str, size: Size) -> Size:
    if size is None:
        return None
    if isinstance(size, float | np.floating) and 0 < size < 1:
        return float(size)
    if isinstance(size, int | np.integer) and not isinstance(size, bool) and size > 0:
        return int(size)
    raise SplitError(f"Expected {name} to be a share in (0, 1) or a number. Received: {size!r}")


def _count(size: float | int, rows: int, rounded: Any) -> int:
    return int(rounded(size * rows)) if isinstance(size, float) else size


def _row_labels(y: Any, rows: int) -> npt.NDArray[Any]:
    """One label per row; of a table of targets, the row itself as text."""
    array = per_row("y", y, rows)
    if array.ndim != 2:
        return class_labels(array, rows)
    return np.array([" ".join(row.astype(str)) for row in array])


def _check_members(values: npt.NDArray[Any], sizes: Indices, train: int, test: int) -> None:
    if sizes.min() < 2:
        alone = values.tolist()[int(sizes.argmin())]
        raise SplitError(f"Expected 2 or more rows of each class. Received: 1 of {alone!r}")
    if min(train, test) < len(sizes):
        raise SplitError(
            f"Expected at least as many rows on both sides as classes ({len(sizes)}). "
            f"Received: {train} to train on and {test} to hold out"
        )


def _shares(sizes: Indices, total: int, random: Random) -> Indices:
    """How many of each class are drawn, so that `total` are and the shares stay.

    What rounding down leaves goes to the largest remainders, by lot among equal ones.
    """
    exact = sizes / sizes.sum() * total
    counts = np.floor(exact)
    left = int(total - counts.sum())
    remainders = exact - counts
    for remainder in np.unique(remainders)[::-1]:
        if left <= 0:
            break
        (equal,) = np.nonzero(remainders == remainder)
        lucky = random.choice(equal, size=min(len(equal), left), replace=False)
        counts[lucky] += 1
        left -= len(lucky)
    drawn: Indices = counts.astype(np.intp)
    return drawn
