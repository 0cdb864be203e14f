"""What counts as classes: the one place that tells a target of classes from one of numbers."""

from collections.abc import Mapping
from numbers import Number
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Classes: TypeAlias = npt.NDArray[Any]

# Whole numbers with more different values than these are rather counts or amounts.
MOST_CLASSES = 20


def classes_of(y: Any, most: int | None = None) -> Classes | None:
    """Return the class of each row.

    Classes are texts, booleans and whole numbers, of shape `(rows,)` or `(rows, 1)`, and one-hot
    rows of shape `(rows, classes)`. Numbers with fractions, missing values, several labels a row,
    several outputs and targets along a sequence or a picture are none.

    Args:
        y: A target in any form.
        most: With how many different values whole numbers are still classes; any by default.

    Returns:
        An array of shape `(rows,)`: the values themselves, or for one-hot rows the indices of the
        ones; None if these aren't classes.

    Example:
        >>> classes_of(np.eye(3)[[2, 0]]).tolist()
        [2, 0]
        >>> classes_of(np.array([1.5, 2])) is None
        True
    """
    array = _as_one_array(y)
    if array is None or not array.size:
        return None
    if is_one_hot(array):
        indices: Classes = array.argmax(axis=1)
        return indices
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        return None
    if array.dtype.kind == "O" and all(isinstance(value, Number) for value in array):
        array = array.astype(np.float64)
    if array.dtype.kind not in "iuf":
        texts = array.dtype.kind in "US" or all(isinstance(value, str) for value in array)
        return array if texts or array.dtype.kind == "b" else None
    # NaN isn't equal to itself, and infinity isn't a class.
    if not np.all(np.isfinite(array)) or np.any(array != np.floor(array)):
        return None
    return array if most is None or len(np.unique(array)) <= most else None


def _as_one_array(y: Any) -> npt.NDArray[Any] | None:
    several = isinstance(y, list | tuple) and any(hasattr(part, "shape") for part in y)
    if y is None or isinstance(y, Mapping) or several:
        return None
    try:
        return np.asarray(y)
    except ValueError:  # rows of unequal length
        return None


def is_one_hot(array: npt.NDArray[Any]) -> bool:
    """Tell whether every row of a table is 0 but for one 1."""
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "biuf":
        return False
    ones = array == 1
    return bool(np.all(ones | (array == 0)) and np.all(ones.sum(axis=1) == 1))
