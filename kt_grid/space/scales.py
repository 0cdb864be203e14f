"""On which scale the values of an axis lie: words, even steps, or even factors."""

import itertools
import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

from kt_grid.space import Value

Scale: TypeAlias = Literal["words", "linear", "log"]

_WIDE = 50.0
_NARROW = 4.0


def scale_of(values: Sequence[Value]) -> Scale:
    """Tell on which scale values lie.

    Args:
        values: The values of an axis, in any order.

    Returns:
        "words" unless all are numbers; "log" if they span a factor of 50, or at least 4 with
        factors between neighbours that are more even than the differences; else "linear".

    Example:
        >>> [scale_of(v) for v in (["a", "b"], [10, 50, 100], [1, 2, 4, 8], [0.0, 0.1])]
        ['words', 'linear', 'log', 'linear']
    """
    rising = sorted(numbers_of(values))
    if len(rising) < len(values):
        return "words"
    if len(rising) < 3 or rising[0] <= 0 or rising[-1] / rising[0] < _NARROW:
        return "linear"
    logs = [math.log(value) for value in rising]
    wide = rising[-1] / rising[0] >= _WIDE
    return "log" if wide or _unevenness(logs) < _unevenness(rising) else "linear"


def numbers_of(values: Sequence[object]) -> list[float]:
    """Pick the numbers among values.

    Args:
        values: Values of any kind.

    Returns:
        The integers and floats among them, as floats; booleans are none.
    """
    return [
        float(value)
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]


def as_number(value: object) -> float:
    """Return a value of an axis that isn't one of words, as a float."""
    (number,) = numbers_of([value])
    return number


def _unevenness(rising: Sequence[float]) -> float:
    """Standard deviation of the steps over their mean."""
    steps = [after - before for before, after in itertools.pairwise(rising)]
    mean = sum(steps) / len(steps)
    return math.sqrt(sum((step - mean) ** 2 for step in steps) / len(steps)) / mean
