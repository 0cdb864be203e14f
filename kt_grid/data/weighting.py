"""Weights of rows and of classes, as they are stated and as Keras takes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
    stated = np.array([_weight(word, f"column {column!r}") for word in words])
    if stated.max(initial=0) > np.finfo(np.float32).max:
        raise UsageError(
            f"Expected weights in column {column!r} that fit single precision. "
            f"Received: {stated.max():g}"
        )
    weights = stated.astype(np.float32)
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
    if labels or not label.isdecimal() or label != str(int(label)):
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


def settle_class_weight(
    weights: Mapping[Any, float], y: Any, labels: Sequence[str]
) -> dict[int, float]:
    """Let weights by class be as Keras takes them.

    Args:
        weights: By class: its name in the data if it has one, else its number.
        y: Targets; numbers of classes of shape `(rows,)`, or anything else, which isn't checked.
        labels: Names of the classes 0, 1, … where the data has names.

    Returns:
        Weights by number.

    Raises:
        UsageError: If a class isn't there, or all weights are 0.

    Example:
        >>> settle_class_weight({"yes": 2.0}, np.array([0, 1]), ["no", "yes"])
        {1: 2.0}
    """
    named = {_number(name, labels): weight for name, weight in weights.items()}
    numbers = np.asarray(y) if isinstance(y, np.ndarray) and y.size == len(y) else None
    most = len(labels) - 1 if labels else None if numbers is None else int(numbers.max())
    for name, number in zip(weights, named, strict=True):
        whole = isinstance(number, int | np.integer)
        if not whole or number < 0 or (most is not None and number > most):
            known = ", ".join(labels) or f"0 to {most}"
            raise UsageError(
                f"Expected class_weight for classes out of {known}. Received: {name!r}"
            )
    if not any(named.values()):
        raise UsageError(f"Expected a class_weight above 0. Received: {dict(weights)}")
    return named


def _number(name: Any, labels: Sequence[str]) -> Any:
    return labels.index(str(name)) if str(name) in labels else name


def check_weighted(weights: Any, splits: Iterable[Any]) -> None:
    """Refuse weights that let nothing count of what a split trains on or holds out.

    Args:
        weights: Of all rows, or None.
        splits: Pairs of integer arrays.

    Raises:
        UsageError: If all weights of a side are 0.
    """
    for number, sides in enumerate(splits if weights is not None else ()):
        for side, rows in zip(("train on", "hold out"), sides, strict=True):
            if not np.asarray(weights)[rows].any():
                raise UsageError(
                    f"Expected weights above 0 among the rows that split {number} has to {side}. "
                    "Received: only 0"
                )
