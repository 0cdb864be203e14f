"""The values of one axis: what may stand there, and how it is written as JSON."""

import sys
from collections.abc import Iterable, Mapping, Set
from numbers import Integral
from typing import Any, NoReturn, TypeAlias

from kt_grid.errors import GridError, UsageError

Value: TypeAlias = "bool | int | float | str | tuple[Value, ...] | None"
Parameters: TypeAlias = dict[str, Value]

FIT_AXES = ("batch_size", "epochs")
DEEPEST = 20
_LARGEST = sys.float_info.max


def check_values(name: str, values: Iterable[object]) -> tuple[Value, ...]:
    """Normalise the values of an axis.

    numpy's scalars become Python's, lists and arrays tuples; on an axis of numbers, perhaps
    beside None, integers beside floats become floats.

    Args:
        name: The axis.
        values: Its values.

    Returns:
        The values.

    Raises:
        GridError: If there are none, one is there twice, or one is no bool, int, float, str or
            None nor a tuple of these; if there are booleans beside numbers.
    """
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise GridError(f"Expected a list of values for axis {name!r}. Received: {values!r}")
    plain = [_plain(name, value) for value in values]
    if not plain:
        raise GridError(f"Expected at least one value for axis {name!r}. Received: none")
    kinds = {type(value) for value in plain} - {type(None)}
    if kinds == {int, float}:
        plain = [float(v) if isinstance(v, int) else v for v in plain]
    if bool in kinds and kinds & {int, float}:
        refuse(name, "no booleans beside numbers", plain)
    if name in FIT_AXES and not all(type(value) is int and value > 0 for value in plain):
        refuse(name, "whole numbers from 1", plain)
    _check_once(name, plain)
    return tuple(plain)


def _check_once(name: str, values: Iterable[Value]) -> None:
    met = set()
    for value in values:
        if value in met:
            refuse(name, "every value once", f"{value!r} twice")
        met.add(value)


def _plain(name: str, value: object, depth: int = 0) -> Any:
    """A value made of Python's own types."""
    if hasattr(value, "tolist") and not isinstance(value, list | tuple):
        value = value.tolist()
    if isinstance(value, list | tuple):
        if depth == DEEPEST:
            refuse(name, f"lists of at most {DEEPEST} levels", "deeper ones")
        return tuple(_plain(name, part, depth + 1) for part in value)
    if value is not None and not isinstance(value, bool | int | float | str):
        refuse(name, "numbers, words, booleans, None or lists of these", repr(value))
    if isinstance(value, int | float) and not abs(value) <= _LARGEST:
        refuse(name, "finite numbers", value)
    return value


def check_fit_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse numbers of epochs or rows that can't be trained with.

    Args:
        given: Arguments of a training by name.

    Returns:
        The same, with `epochs` and `batch_size` as Python's integers.

    Raises:
        UsageError: If one of these is given and no whole number from 1.

    Example:
        >>> check_fit_arguments({"epochs": 5, "steps": 2})
        {'epochs': 5, 'steps': 2}
    """
    checked = dict(given)
    for name in FIT_AXES:
        if name not in given:
            continue
        value = given[name]
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise UsageError(f"Expected {name} to be a whole number from 1. Received: {value!r}")
        checked[name] = int(value)
    return checked


def as_json(value: Value) -> Any:
    """Write a value with lists for tuples, as it comes back from JSON."""
    return [as_json(part) for part in value] if isinstance(value, tuple) else value


def from_json(value: Any) -> Any:
    """Read a value out of JSON, whose lists stand for tuples."""
    return tuple(from_json(part) for part in value) if isinstance(value, list) else value


def refuse(name: str, expected: str, received: object) -> NoReturn:
    """Raise the error for an axis that can't be searched."""
    raise GridError(f"Expected {expected} for axis {name!r}. Received: {received}")
