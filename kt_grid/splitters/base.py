"""What all splitters have in common: what they are asked, and the checks of their arguments."""

import inspect
from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from kt_grid.errors import SplitError
from kt_grid.space.seeds import check_seed
from kt_grid.splitters.classes import classes_of

Indices: TypeAlias = npt.NDArray[np.intp]
Split: TypeAlias = tuple[Indices, Indices]
Random: TypeAlias = np.random.RandomState


class Splitter(Protocol):
    """What a cross-validation splitter does; scikit-learn's fit it too."""

    def split(self, x: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield one pair of index arrays (train, test) per fold."""


class OwnSplitter:
    """A splitter of kt-grid's own: it draws the same folds again whenever it is asked.

    Attributes:
        uses_groups: Whether `split` needs `groups`.
    """

    uses_groups = False

    def __repr__(self) -> str:
        shown = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            value = getattr(self, name)
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                shown.append(repr(value))
            elif value != parameter.default:
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def get_n_splits(self, x: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002 - some splitters look at the rows
        """Return the number of splits; `x` or `groups` is needed where it depends on them."""
        return int(vars(self)["n_splits"])

    def split(self, x: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield the index arrays (train, test) of every fold, both ascending.

        Args:
            x: Anything with as many items as there are rows.
            y: Targets, for a splitter that looks at them.
            groups: Group of each row, for a splitter that looks at them.

        Yields:
            A pair of integer arrays.

        Raises:
            SplitError: If the folds can't be made of these rows.
        """
        rows = len(x)
        for test in self._held_out(rows, y, groups):
            in_test = np.zeros(rows, dtype=bool)
            in_test[test] = True
            yield np.flatnonzero(~in_test), np.flatnonzero(in_test)

    def _held_out(self, rows: int, y: Any, groups: Any) -> Iterator[Indices]:
        """The held-out rows of every fold."""
        raise NotImplementedError


def check_number(what: str, number: Any, least: int) -> int:
    """Refuse what is no whole number, or too small a one.

    Args:
        what: What is counted, for the message.
        number: The number.
        least: The smallest one that makes sense.

    Returns:
        A Python integer.

    Raises:
        SplitError: If it isn't an integer from `least`.
    """
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or number < least:
        raise SplitError(f"Expected {least} or more {what}. Received: {number!r}")
    return int(number)


def check_shuffle(shuffle: Any, random_state: Any) -> int | None:
    """Refuse a shuffle that can't be drawn again, or a seed without a shuffle.

    Args:
        shuffle: Whether rows are shuffled.
        random_state: The seed.

    Returns:
        The seed as a Python integer, or None.

    Raises:
        SplitError: If the two don't fit together.
        UsageError: If the seed can't be one.
    """
    if not isinstance(shuffle, bool):
        raise SplitError(f"Expected shuffle to be True or False. Received: {shuffle!r}")
    if shuffle:
        return check_random_state(random_state)
    if random_state is not None:
        raise SplitError(
            f"Expected no seed for contiguous folds. Received: random_state={random_state}. "
            "Add shuffle=True"
        )
    return None


def check_random_state(random_state: Any) -> int:
    """Ask for a seed: a search whose folds can't be drawn again can't be resumed.

    Args:
        random_state: The seed.

    Returns:
        The seed as a Python integer.

    Raises:
        SplitError: If there is none.
        UsageError: If it can't be one.
    """
    if random_state is None:
        raise SplitError(
            "Expected a seed for shuffled folds. Received: random_state=None. "
            "Without one the same folds can't be drawn again"
        )
    return check_seed(int(random_state) if isinstance(random_state, np.integer) else random_state)


def check_rows(splits: int, rows: int) -> None:
    """Refuse fewer rows than folds.

    Args:
        splits: Number of folds.
        rows: Number of rows.

    Raises:
        SplitError: If there are fewer.
    """
    if rows < splits:
        raise SplitError(
            f"Expected at least as many rows as folds ({splits}). Received: {rows} rows"
        )


def class_labels(y: Any, rows: int) -> npt.NDArray[Any]:
    """Return the class of each row.

    Args:
        y: Class labels of shape `(rows,)` or `(rows, 1)`, numbers or words; or one-hot rows of
            shape `(rows, classes)`.
        rows: Number of rows.

    Returns:
        Labels of shape `(rows,)`.

    Raises:
        SplitError: If `y` is none, has another length, or isn't made of classes.
    """
    array = per_row("y", y, rows)
    classes = classes_of(array)
    if classes is not None:
        return classes
    if array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1):
        codes(array.reshape(-1))
        raise SplitError(
            "Expected classes to stratify by. Received: numbers with fractions, or missing values. "
            "A regression is split by KFold"
        )
    raise SplitError(
        "Expected one class per row to stratify by, or one-hot rows. "
        f"Received: targets of shape {array.shape}"
    )


def group_codes(groups: Any, rows: int, splitter: OwnSplitter) -> Indices:
    """Number the groups in their sorted order.

    Args:
        groups: Group of each row, numbers or words.
        rows: Number of rows.
        splitter: Who asks.

    Returns:
        Integers from 0 of shape `(rows,)`.

    Raises:
        SplitError: If there are none, or not one for each row.
    """
    if groups is None:
        raise SplitError(
            f"Expected groups for {splitter!r}. Received: none.",
            mend="Give search(…, groups=…)",
            option="Name their column with --groups",
        )
    array = per_row("groups", groups, rows)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if array.ndim != 1 or (array.dtype.kind == "f" and np.isnan(array).any()):
        raise SplitError(
            f"Expected one group per row for {splitter!r}. Received: an array of shape "
            f"{array.shape}{', with missing values' if array.ndim == 1 else ''}"
        )
    return codes(array)[1]


def codes(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Indices]:
    """Sort the different values of an array, and number its items by them.

    Args:
        array: Of one dimension.

    Returns:
        The values in ascending order, and each item's position among them.

    Raises:
        SplitError: If the values have no order, such as numbers beside words.
    """
    try:
        values, inverse = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise SplitError(
            f"Expected classes or groups of one type. Received: {error}. Make all of them words"
        ) from error
    return values, inverse.astype(np.intp)


def per_row(what: str, values: Any, rows: int) -> npt.NDArray[Any]:
    """Take one item per row in any container.

    Args:
        what: What they are, for the message.
        values: The items.
        rows: Number of rows.

    Returns:
        An array of `rows` items.

    Raises:
        SplitError: If there are none, or another number of them.
    """
    array = np.asarray(values)
    if array.ndim == 0 or len(array) != rows:
        received = "none" if values is None else f"{array.size if array.ndim == 0 else len(array)}"
        raise SplitError(f"Expected {what} for each of the {rows} rows. Received: {received}")
    return array
