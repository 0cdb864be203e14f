"""Weights of rows and of classes, as they are stated and as Keras takes them."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.arrays import Arrays
from kt_grid.data.labels import class_word, listed
from kt_grid.errors import UsageError
from kt_grid.splitters import classes_of

BALANCED = "balanced"
_MOST = 1_000_000


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


def class_weights(words: Sequence[str]) -> dict[str, float] | str:
    """Read weights of classes.

    Args:
        words: `LABEL=WEIGHT` each, the label as it is in the data; or the word `balanced` alone.

    Returns:
        Weights by label, or "balanced", as `resolve_class_weight` takes them.

    Raises:
        UsageError: If a word isn't of that form, or names a class twice.

    Example:
        >>> class_weights(["yes=2"])
        {'yes': 2.0}
    """
    if list(words) == [BALANCED]:
        return BALANCED
    weights: dict[str, float] = {}
    for word in words:
        label, equals, weight = word.rpartition("=")
        if not equals:
            raise UsageError(
                f"Expected --class-weight LABEL=WEIGHT, or {BALANCED} alone. Received: {word!r}"
            )
        if label in weights:
            raise UsageError(f"Expected one weight per class. Received: {label!r} twice")
        weights[label] = _weight(weight, f"--class-weight {word}")
    return weights


def _weight(word: Any, where: str) -> float:
    try:
        weight = float(word)
    except (TypeError, ValueError):
        weight = float("nan")
    if not 0 <= weight < float("inf"):
        raise UsageError(f"Expected a weight of 0 or more in {where}. Received: {word!r}")
    return weight


def resolve_class_weight(given: Any, arrays: Arrays) -> dict[str, float]:
    """Check weights by class against the data, once for a search and its refit.

    Args:
        given: Weights by class, which is named as in the data: a text, or a number or its digits;
            or "balanced", which gives each class the weight rows / (classes * rows of it), as
            scikit-learn does, counted over all rows.
        arrays: The rows, with the target as the data has it.

    Returns:
        Weights by the classes' names, those of numbers in digits; resolved again, they stay.

    Raises:
        UsageError: If they aren't weights, a class isn't there, or all weights are 0.

    Example:
        >>> resolve_class_weight({2: 9}, Arrays(np.zeros(3), np.array([1.0, 2.0, 2.0])))
        {'2': 9.0}
    """
    if given == BALANCED:
        return _balanced(arrays)
    if not isinstance(given, Mapping):
        raise UsageError(
            f"Expected class_weight to be a dict, or {BALANCED!r}. Received: {given!r}"
        )
    resolved: dict[str, float] = {}
    for label, weight in given.items():
        name = label if label in arrays.labels else _class_name(label)
        if not _is_there(name, arrays):
            raise UsageError(
                f"Expected class_weight for classes out of {_known(arrays)}. Received: {label!r}"
            )
        if name in resolved:
            raise UsageError(f"Expected one weight per class. Received: {name!r} twice")
        resolved[name] = _weight(weight, f"class_weight[{label!r}]")
    if resolved and not any(resolved.values()):
        raise UsageError(f"Expected a class_weight above 0. Received: {dict(given)}")
    return resolved


def _class_name(label: Any) -> str:
    return class_word(label) if isinstance(label, Number | np.generic) else str(label)


def _is_there(name: str, arrays: Arrays) -> bool:
    present = _class_indices(arrays.y)
    if arrays.labels or present is None:
        return not arrays.labels or name in arrays.labels
    # A class of which no row is there now, as in a sample, is none that is misspelt.
    whole = name.isdecimal() and name == str(int(name))
    return (whole and int(name) <= present.max()) or name in map(str, np.unique(present))


def _known(arrays: Arrays) -> str:
    present = () if arrays.labels else np.unique(np.asarray(_class_indices(arrays.y)))
    return listed(arrays.labels or tuple(map(class_word, present)))


def _balanced(arrays: Arrays) -> dict[str, float]:
    classes = classes_of(arrays.y)
    if classes is None:
        raise UsageError(
            f"Expected one class per row for class_weight={BALANCED!r}. "
            "Received: a target of numbers, or of several labels a row"
        )
    values, counts = np.unique(classes, return_counts=True)
    names = [arrays.labels[int(v)] if arrays.labels else class_word(v) for v in values]
    weights = len(classes) / (len(values) * counts)
    return dict(zip(names, weights.tolist(), strict=True))


def keras_class_weight(resolved: Mapping[str, float], form: Arrays) -> dict[int, float] | None:
    """Return weights by class as `model.fit` takes them for one form of the target.

    Args:
        resolved: What `resolve_class_weight` returned.
        form: The rows, with the target as the trial's loss takes it.

    Returns:
        Weights by the numbers 0, 1, … of the target, all of them, because Keras takes no gaps; 1
        for classes that aren't named. None if there are no weights.

    Raises:
        UsageError: If the target's classes aren't the numbers 0, 1, ….

    Example:
        >>> keras_class_weight({"2": 9.0}, Arrays(0, np.array([0.0, 1.0]), labels=("1", "2")))
        {0: 1.0, 1: 9.0}
    """
    if not resolved:
        return None
    names = form.labels
    if not names:
        present = _class_indices(form.y)
        if present is None or present.min() < 0 or present.max() > _MOST:
            received = "no whole numbers" if present is None else f"{present.min()}"
            received += "" if present is None else f" to {present.max()}"
            raise UsageError(
                "Expected a target of classes 0, 1, … beside class_weight, which Keras looks up by "
                f"them. Received: {received}"
            )
        named = [int(name) + 1 for name in resolved]
        names = tuple(map(str, range(max(int(present.max()) + 1, *named))))
    return {index: resolved.get(name, 1.0) for index, name in enumerate(names)}


def _class_indices(y: Any) -> npt.NDArray[Any] | None:
    """Whole numbers by which Keras looks weights up: the classes, along a sequence too."""
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "biuf" or not y.size:
        return None
    if y.ndim == 2 and y.shape[1] > 1:
        # Keras takes the first of the largest, and each of them may be one.
        return np.arange(y.shape[1])
    return y.reshape(-1).astype(np.int64) if np.all(y == np.floor(y)) else None


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
