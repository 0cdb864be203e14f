"""A finer grid around the combinations not significantly different from the best."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kt_grid.analysis.comparison import Analysis
from kt_grid.space import Axis, Value
from kt_grid.space.scales import as_number, scale_of

_DIGITS = 3


@dataclass(frozen=True)
class Zoom:
    """A grid to search next.

    Attributes:
        grid: Values by axis, in the order of the grid; without conditional axes, which stay.
        refined: The axes that have got new values.
    """

    grid: dict[str, tuple[Value, ...]]
    refined: tuple[str, ...]


def propose_zoom(analysis: Analysis) -> Zoom | None:
    """Propose a finer grid around the combinations not significantly different from the best.

    Of every axis those values stay that such a combination has. A numeric axis gets the middles
    between them and their neighbours on the present grid: the geometric middle where
    the axis is logarithmic, rounded to whole numbers where it holds such.

    Args:
        analysis: A search.

    Returns:
        The grid; None if no trial is completed, or there is no value left between neighbours.

    Example:
        Where 5 and 10 of neurons=1,5,10,15 are the contenders, neurons=3,5,8,10,12.
    """
    axes = [axis for axis in analysis.results.axes if not axis.conditions]
    kept = [_kept(analysis, axis) for axis in axes]
    if not axes or not all(kept):
        return None
    middles = [_middles(axis, values) for axis, values in zip(axes, kept, strict=True)]
    if not any(middles):
        return None
    grid = {
        axis.name: _merged(axis, values, between)
        for axis, values, between in zip(axes, kept, middles, strict=True)
    }
    return Zoom(grid, tuple(a.name for a, between in zip(axes, middles, strict=True) if between))


def _kept(analysis: Analysis, axis: Axis) -> list[Value]:
    """The values of the axis that a contender has."""
    chosen = [trial.trial.parameters.get(axis.name) for trial in analysis.contenders]
    return [value for value in axis.values if value in chosen]


def _middles(axis: Axis, kept: Sequence[Value]) -> list[Value]:
    """New values between those that are kept and their neighbours."""
    scale = scale_of(axis.values)
    if scale == "words":
        return []
    numbers = sorted(axis.values, key=as_number)
    return [
        middle
        for low, high in itertools.pairwise(numbers)
        if low in kept or high in kept
        for middle in _middle(low, high, logarithmic=scale == "log")
    ]


def _middle(low: Value, high: Value, *, logarithmic: bool) -> Iterator[Value]:
    """The middle of two numbers, if there is one that differs from both."""
    a, b = as_number(low), as_number(high)
    exact = math.sqrt(a * b) if logarithmic else a + (b - a) / 2
    whole = isinstance(low, int)
    middle = math.floor(exact + 0.5) if whole else _rounded(exact, b - a)
    if a < middle < b:
        yield middle


def _rounded(exact: float, gap: float) -> float:
    """Three digits of the number, or as many as the gap to its neighbours needs."""
    digits = _DIGITS
    if exact:
        digits += max(0, math.floor(math.log10(abs(exact) / gap)))
    return float(f"{exact:.{digits}g}")


def _merged(axis: Axis, kept: Sequence[Value], middles: Sequence[Value]) -> tuple[Value, ...]:
    """All values: in rising order, or falling where the axis falls; words as they were."""
    if not middles:
        return tuple(kept)
    falls = as_number(axis.values[0]) > as_number(axis.values[-1])
    return tuple(sorted([*kept, *middles], key=as_number, reverse=falls))
