"""A grid: the axes of a search, their values, and the combinations in order."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from kt_grid.errors import GridError
from kt_grid.space.values import Parameters, Value, as_json, check_values, from_json

Grid: TypeAlias = Mapping[str, Sequence[Value]]
Grids: TypeAlias = Grid | Sequence[Grid]
Part: TypeAlias = dict[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Condition:
    """When an axis counts: if `parent` has one of `values`."""

    parent: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Axis:
    """One hyperparameter of a grid.

    Attributes:
        name: The hyperparameter's name.
        values: Its values, in the order in which they are tried.
        conditions: All must hold for the axis to be part of a combination.
        part: In a list of dicts, the number of the dict whose combinations it is part of; None
            if it is part of all.
    """

    name: str
    values: tuple[Value, ...]
    conditions: tuple[Condition, ...] = ()
    part: int | None = None

    def is_active(self, chosen: Mapping[str, Value]) -> bool:
        """Tell whether the axis counts beside the values chosen so far."""
        return all(c.parent in chosen and chosen[c.parent] in c.values for c in self.conditions)

    def to_json(self) -> dict[str, Any]:
        """Return the axis as plain JSON values."""
        conditions = [{"parent": c.parent, "values": as_json(c.values)} for c in self.conditions]
        entry = {"name": self.name, "values": as_json(self.values), "conditions": conditions}
        return entry if self.part is None else {**entry, "part": self.part}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Axis":
        """Read what `to_json` returned."""
        conditions = (Condition(c["parent"], from_json(c["values"])) for c in record["conditions"])
        values = from_json(record["values"])
        return cls(record["name"], values, tuple(conditions), record.get("part"))


@dataclass(frozen=True)
class NewEntries:
    """What becomes of hyperparameters that are asked for and that nobody listed.

    Attributes:
        listed: Names of those that are listed.
        tune: Whether others are axes too; else they keep their defaults.
        allow: Whether others may be asked for at all.
    """

    listed: frozenset[str] = frozenset()
    tune: bool = True
    allow: bool = True


ALL_ENTRIES = NewEntries()


def check_grid(grid: Grids) -> tuple[Part, ...]:
    """Check a grid in any form.

    Args:
        grid: Values by axis, or a list of such dicts.

    Returns:
        One dict of checked values for each that was given.

    Raises:
        GridError: If it is neither, a list is empty or has an empty dict beside others, or the
            values of an axis can't be searched.
    """
    parts = [grid] if isinstance(grid, Mapping) else grid
    if isinstance(parts, str) or not isinstance(parts, Sequence) or not parts:
        raise GridError(f"Expected a dict of lists, or a list of such dicts. Received: {grid!r}")
    checked = []
    for part in parts:
        if not isinstance(part, Mapping) or not all(isinstance(name, str) for name in part):
            raise GridError(f"Expected a dict of lists by name. Received: {part!r}")
        if not part and len(parts) > 1:
            raise GridError("Expected at least one axis in each dict of a list. Received: none")
        checked.append({name: check_values(name, values) for name, values in part.items()})
    return tuple(checked)


def make_axes(grid: Grids) -> list[Axis]:
    """Check a grid and turn it into axes.

    Args:
        grid: Values by name, in the order in which combinations vary, the last fastest; or a
            list of such dicts, whose combinations follow each other.

    Returns:
        One axis per name, and per dict.

    Raises:
        GridError: As `check_grid`.
    """
    parts = check_grid(grid)
    return [
        Axis(name, values, part=number if len(parts) > 1 else None)
        for number, part in enumerate(parts)
        for name, values in part.items()
    ]


def axis_names(axes: Sequence[Axis]) -> list[str]:
    """Name the axes of a grid, each once.

    Args:
        axes: The axes, of which several may have the same name.

    Returns:
        Names in the order in which they first come.
    """
    return list(dict.fromkeys(axis.name for axis in axes))


def combinations(axes: Sequence[Axis]) -> Iterator[Parameters]:
    """Enumerate a grid in the order of `itertools.product`, conditional axes where they count.

    The dicts of a list follow each other; a combination that two of them have comes once.

    Args:
        axes: The axes; an axis comes after those that its conditions name.

    Yields:
        Parameters by name.

    Example:
        >>> [*combinations([Axis("a", (1, 2)), Axis("b", ("x",), (Condition("a", (2,)),))])]
        [{'a': 1}, {'a': 2, 'b': 'x'}]
        >>> [*combinations(make_axes([{"a": [1]}, {"a": [1, 2]}]))]
        [{'a': 1}, {'a': 2}]
    """
    parts = sorted({axis.part for axis in axes if axis.part is not None})
    if not parts:
        yield from _extend({}, axes)
        return
    seen: set[str] = set()
    for part in parts:
        for parameters in _extend({}, [a for a in axes if a.part in (None, part)]):
            combination = key(parameters)
            if combination not in seen:
                seen.add(combination)
                yield parameters


def _extend(chosen: Parameters, axes: Sequence[Axis]) -> Iterator[Parameters]:
    if not axes:
        yield dict(chosen)
        return
    axis, rest = axes[0], axes[1:]
    if axis.name in chosen or not axis.is_active(chosen):
        yield from _extend(chosen, rest)
        return
    for value in axis.values:
        yield from _extend({**chosen, axis.name: value}, rest)


def count(axes: Sequence[Axis], most: int | None = None) -> int:
    """Count the combinations of a grid.

    Args:
        axes: The axes.
        most: At most so many; all by default.

    Returns:
        Number of combinations; worked out without enumerating where nothing is conditional.
    """
    if any(axis.conditions or axis.part is not None for axis in axes):
        return sum(1 for _ in itertools.islice(combinations(axes), most))
    total = math.prod(len(axis.values) for axis in axes)
    return total if most is None else min(total, most)


def key(parameters: Mapping[str, Value]) -> str:
    """Return a text that is the same for the same parameters only.

    Args:
        parameters: Parameters by name.

    Returns:
        JSON with sorted names.
    """
    return json.dumps(parameters, sort_keys=True)
