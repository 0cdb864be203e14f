"""Weights of rows and of classes, as the command line states them."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from kt_grid.errors import UsageError


def row_weights(words: Iterable[str], column: str) -> npt.NDArray[np.float32]:
    """Read a column of weights.

    Args:
        words: Its cells.
        column: Its name, for the message.

    Returns:
        Float32 of shape `(rows,)`.

    Raises:
        UsageError: If a cell isn't a finite number of 0 or more, or all are 0.

    Example:
        >>> row_weights(["1", "0.5"], "weight").tolist()
        [1.0, 0.5]
    """
    weights = np.array([_weight(word, f"column {column!r}") for word in words], np.float32)
    if not weights.any():
        raise UsageError(f"Expected weights above 0 in column {column!r}. Received: only 0")
    return weights


def class_weights(words: Sequence[str], labels: Sequence[str]) -> dict[int, float]:
    """Read weights of classes.

    Args:
        words: `LABEL=WEIGHT` each; the label is a class's name in the data, or its number.
        labels: Names of the classes 0, 1, … where the data has names.

    Returns:
        Weights by class, as `model.fit` takes them.

    Raises:
        UsageError: If a word isn't of that form, names no class, or names one twice.

    Example:
        >>> class_weights(["yes=2"], ["no", "yes"])
        {1: 2.0}
    """
    weights: dict[int, float] = {}
    for word in words:
        label, equals, weight = word.rpartition("=")
        if not equals:
            raise UsageError(f"Expected --class-weight LABEL=WEIGHT. Received: {word!r}")
        number = _class(label, labels)
        if number in weights:
            raise UsageError(f"Expected one weight per class. Received: {label!r} twice")
        weights[number] = _weight(weight, f"--class-weight {word}")
    return weights


def _class(label: str, labels: Sequence[str]) -> int:
    if label in labels:
        return labels.index(label)
    if labels or not label.isdecimal():
        known = ", ".join(labels) or "0, 1, …"
        raise UsageError(f"Expected a class out of {known} in --class-weight. Received: {label!r}")
    return int(label)


def _weight(word: str, place: str) -> float:
    try:
        weight = float(word)
    except ValueError:
        weight = float("nan")
    if not 0 <= weight < float("inf"):
        raise UsageError(f"Expected a weight of 0 or more in {place}. Received: {str(word)!r}")
    return weight
