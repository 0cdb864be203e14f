"""Splits that follow from the rows' order, from a list, or from the groups."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.errors import SplitError
from kt_grid.splitters.base import (
    Indices,
    OwnSplitter,
    Split,
    check_number,
    check_rows,
    group_codes,
    per_row,
)


class TimeSeriesSplit(OwnSplitter):
    """Splits of rows in the order of time: what is held out comes after what is trained on.

    Same indices as scikit-learn's `TimeSeriesSplit` for the same arguments. Early rows are
    never held out.

    Args:
        n_splits: Number of splits, at least 2.
        max_train_size: The most rows to train on, the last before the held-out ones; all by
            default.
        test_size: Rows held out in each split; `rows // (n_splits + 1)` by default.
        gap: Rows left out between the two sides.

    Example:
        >>> [(train.tolist(), test.tolist()) for train, test in TimeSeriesSplit(2).split(range(6))]
        [([0, 1], [2, 3]), ([0, 1, 2, 3], [4, 5])]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        max_train_size: int | None = None,
        test_size: int | None = None,
        gap: int = 0,
    ) -> None:
        self.n_splits = check_number("splits", n_splits, 2)
        self.max_train_size = _check_optional("rows to train on", max_train_size)
        self.test_size = _check_optional("rows to hold out", test_size)
        self.gap = check_number("rows between the sides", gap, 0)

    def split(self, x: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:  # noqa: ARG002 - rows only
        """Yield the index arrays (train, test) of every split, both ascending.

        Args:
            x: Anything with as many items as there are rows.
            y: Ignored.
            groups: Ignored.

        Yields:
            A pair of integer arrays.

        Raises:
            SplitError: If there are too few rows.
        """
        rows = len(x)
        check_rows(self.n_splits + 1, rows)
        size = self.test_size or rows // (self.n_splits + 1)
        first = rows - self.n_splits * size
        if first - self.gap <= 0:
            raise SplitError(
                f"Expected rows to train on before the first of {self.n_splits} splits. Received: "
                f"{rows} rows, {size} to hold out in each split, and a gap of {self.gap}"
            )
        indices = np.arange(rows)
        for start in range(first, rows, size):
            end = start - self.gap
            begin = 0 if self.max_train_size is None else max(0, end - self.max_train_size)
            yield indices[begin:end], indices[start : start + size]


class PredefinedSplit(OwnSplitter):
    """Folds as they are given, one number per row.

    Same indices as scikit-learn's `PredefinedSplit` for the same argument.

    Args:
        test_fold: Whole numbers of shape `(rows,)`: the fold in which a row is held out, or -1
            for a row that is always trained on.

    Example:
        >>> [test.tolist() for _, test in PredefinedSplit([0, 1, -1, 1]).split(range(4))]
        [[0], [1, 3]]
    """

    def __init__(self, test_fold: Any) -> None:
        folds = np.asarray(test_fold)
        folds = folds[:, 0] if folds.ndim == 2 and folds.shape[1] == 1 else folds
        if folds.ndim != 1 or folds.dtype.kind not in "biuf":
            raise SplitError(
                "Expected the number of a fold for each row. "
                f"Received: an array of {folds.dtype} and shape {folds.shape}"
            )
        wrong = folds[~((folds == np.floor(folds)) & (folds >= -1))]
        if len(wrong):
            raise SplitError(
                f"Expected folds numbered from 0, or -1. Received: {wrong[0].item()!r}"
            )
        self.test_fold: Indices = folds.astype(np.intp)
        self.unique_folds: npt.NDArray[np.intp] = np.unique(self.test_fold[self.test_fold >= 0])
        if not len(self.unique_folds):
            raise SplitError("Expected at least one fold. Received: rows with -1 only")

    def __repr__(self) -> str:
        return f"PredefinedSplit({len(self.test_fold)} rows in {len(self.unique_folds)} folds)"

    def get_n_splits(self, x: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002 - scikit-learn's signature
        """Return the number of folds."""
        return len(self.unique_folds)

    def split(self, x: Any = None, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield the index arrays (train, test) of every fold, both ascending.

        Args:
            x: Anything with as many items as there are rows; those of `test_fold` by default.
            y: Ignored.
            groups: Ignored.

        Yields:
            A pair of integer arrays.

        Raises:
            SplitError: If there are more rows, or fewer, than numbers of folds.
        """
        yield from super().split(self.test_fold if x is None else x, y, groups)

    def _held_out(self, rows: int, y: Any, groups: Any) -> Iterator[Indices]:  # noqa: ARG002 - rows only
        folds = per_row("the number of a fold", self.test_fold, rows)
        for fold in self.unique_folds:
            yield np.flatnonzero(folds == fold)


class LeaveOneOut(OwnSplitter):
    """One fold per row.

    Same indices as scikit-learn's `LeaveOneOut`.

    Example:
        >>> [test.tolist() for _, test in LeaveOneOut().split(range(3))]
        [[0], [1], [2]]
    """

    def get_n_splits(self, x: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002 - scikit-learn's signature
        """Return the number of rows."""
        if x is None:
            raise SplitError("Expected x, whose rows are counted. Received: None")
        return len(x)

    def _held_out(self, rows: int, y: Any, groups: Any) -> Iterator[Indices]:  # noqa: ARG002 - rows only
        check_rows(2, rows)
        yield from np.arange(rows).reshape(-1, 1)


class LeaveOneGroupOut(OwnSplitter):
    """One fold per group, in the groups' sorted order.

    Same indices as scikit-learn's `LeaveOneGroupOut`.

    Example:
        >>> groups = ["b", "a", "b"]
        >>> [test.tolist() for _, test in LeaveOneGroupOut().split(groups, groups=groups)]
        [[1], [0, 2]]
    """

    uses_groups = True

    def get_n_splits(self, x: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002 - scikit-learn's signature
        """Return the number of groups."""
        return int(group_codes(groups, np.size(groups), self).max()) + 1

    def _held_out(self, rows: int, y: Any, groups: Any) -> Iterator[Indices]:  # noqa: ARG002 - no targets
        group = group_codes(groups, rows, self)
        count = int(group.max()) + 1
        if count < 2:
            raise SplitError("Expected 2 or more groups. Received: 1, of all rows")
        for number in range(count):
            yield np.flatnonzero(group == number)


def _check_optional(what: str, number: int | None) -> int | None:
    return None if number is None else check_number(what, number, 1)
