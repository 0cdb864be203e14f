"""Where combinations stand in a grid, without listing it."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kt_grid.space import Axis, DecisionTree, Grids, Parameters, combinations, key

_MOST_LISTED = 20_000


class GridOrder:
    """The combinations of a grid in their order, as far as somebody asks for them.

    A plain grid is a number system, whose digits are the indices of the values: nothing has to be
    listed, however large it is. A grid with conditions, several ones, or what the builds of a
    model ask for, is listed.

    Args:
        axes: The axes.
        max_trials: Only the first so many combinations; all by default.
        tree: What the builds of a user's model ask for; the axes say it all by default.
        grid: The axes that were asked for, with a tree.

    Raises:
        ValueError: If a grid that has to be listed is too large for that.
    """

    def __init__(
        self,
        axes: Sequence[Axis],
        max_trials: int | None,
        tree: DecisionTree | None = None,
        grid: Grids | None = None,
    ) -> None:
        self._axes: dict[str, tuple[Axis, dict[str, int]]] = {}
        self._listed: dict[str, tuple[int, Parameters]] | None = None
        if tree is not None:
            self._list(tree.combinations(grid or {}), max_trials)
            return
        if any(axis.conditions or axis.part is not None for axis in axes):
            self._list(combinations(axes), max_trials)
            return
        for axis in axes:
            indices = {json.dumps(value): index for index, value in enumerate(axis.values)}
            # Of two axes of one name the first one counts, as in `combinations`.
            self._axes.setdefault(axis.name, (axis, indices))
        total = math.prod(len(axis.values) for axis, _ in self._axes.values())
        self.total = total if max_trials is None else min(total, max_trials)

    def _list(self, listed: Iterator[Parameters], max_trials: int | None) -> None:
        most = _MOST_LISTED + 1 if max_trials is None else min(max_trials, _MOST_LISTED + 1)
        first = itertools.islice(listed, most)
        self._listed = {key(p): (index, p) for index, p in enumerate(first)}
        self.total = len(self._listed)
        if self.total > _MOST_LISTED:
            raise ValueError(
                f"grid: expected at most {_MOST_LISTED} combinations of a grid with conditions "
                "or of several grids, received more"
            )

    def find(self, parameters: Mapping[str, Any]) -> tuple[int, Parameters] | None:
        """Find a combination.

        Args:
            parameters: Parameters by name, in any order.

        Returns:
            Its index from 0, and its parameters in the grid's order; None if the grid doesn't
            have it, or not among the first `max_trials`.
        """
        if self._listed is not None:
            return self._listed.get(key(parameters))
        if set(parameters) != set(self._axes):
            return None
        index, found = 0, {}
        for name, (axis, indices) in self._axes.items():
            digit = indices.get(json.dumps(parameters[name]))
            if digit is None:
                return None
            index = index * len(axis.values) + digit
            found[name] = axis.values[digit]
        return (index, found) if index < self.total else None
