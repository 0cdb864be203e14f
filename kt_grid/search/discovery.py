"""What a model's builds ask for and compile, found out by building, and kept in search.json.

A build function is asked once for every combination, because what it asks for and what it
compiles may depend on what it is given. The answers hold as long as the code does: a search that
is resumed with the same code builds nothing to know its grid.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kt_grid.data.arrays import Arrays
from kt_grid.data.targets import Loss
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.first_model import CompileArguments
from kt_grid.engines.probe import probe
from kt_grid.errors import GridError, describe_error
from kt_grid.space import Asked, DecisionTree, Grids, Parameters, check_grid, key
from kt_grid.space.axes import ALL_ENTRIES, NewEntries

# Beyond these, builds are run when their trials come.
_MOST_AHEAD = 2_000


@dataclass
class Discovery:
    """What is known of a model's builds.

    Attributes:
        hypermodel: A `keras_tuner.HyperModel`.
        arrays: The rows; a model without an input shape learns it from them.
        fit: Arguments of the training, for a HyperModel with a `fit` of its own.
        new: What becomes of hyperparameters that aren't listed.
        tree: What the builds ask for.
        ways: What the models compile, by the values of all that their builds ask for; None where a
            build fails.
        supplied: Names of the arguments that a `fit` of the HyperModel's own passes on by itself;
            None if that isn't known yet.
    """

    hypermodel: Any
    arrays: Arrays
    fit: FitArguments
    new: NewEntries = ALL_ENTRIES
    tree: DecisionTree = field(default_factory=DecisionTree)
    ways: dict[str, CompileArguments | None] = field(default_factory=dict)
    supplied: frozenset[str] | None = None
    _ahead: list[Parameters] = field(default_factory=list)
    _named: frozenset[str] = frozenset()

    def explore(self, values: Parameters) -> Sequence[Asked]:
        """Run a build, and tell what it asked for.

        Args:
            values: What it is given; it gets the first value of all else.

        Returns:
            What it asked for, in this order.
        """
        found = probe(self.hypermodel, values, self.arrays, self.fit, new=self.new)
        self.ways[key(found.parameters)] = found.compile_arguments
        if self.supplied is None and found.compile_arguments is not None:
            self.supplied = found.supplied
        return found.asked

    @property
    def compile_arguments(self) -> list[CompileArguments]:
        """What the models of the grid's first combinations compile, each once, in grid order."""
        found = (self.ways.get(self._way(parameters)) for parameters in self._ahead)
        return list(dict.fromkeys(one for one in found if one is not None))

    @property
    def losses(self) -> list[Loss]:
        """The different losses among these, in the order in which they are met."""
        return list(dict.fromkeys(one.loss for one in self.compile_arguments))

    def look_ahead(self, grid: Grids, most: int | None = None) -> None:
        """Run the builds of a grid's first combinations, where nothing is known of them.

        Args:
            grid: Values by axis, or a list of such dicts.
            most: At most so many combinations count; all by default.
        """
        limit = _MOST_AHEAD if most is None else min(most, _MOST_AHEAD)
        self._named = frozenset(name for part in check_grid(grid) for name in part)
        self._ahead = [*itertools.islice(self.tree.combinations(grid, self.explore), limit)]

    def loss_of(self, parameters: Parameters) -> Loss:
        """Tell what the model of a trial is trained with.

        Args:
            parameters: The trial's.

        Returns:
            The loss; one without a name if its build fails.
        """
        way = self._way(parameters)
        if way not in self.ways:
            given = self._given(parameters)
            found = probe(self.hypermodel, given, self.arrays, self.fit, new=self.new)
            self.ways[way] = found.compile_arguments
        known = self.ways[way]
        return Loss("") if known is None else known.loss

    def failure_of(self, parameters: Parameters) -> str | None:
        """Tell why a trial's build fails; None if it isn't known to."""
        way = self._way(parameters)
        if way not in self.ways or self.ways[way] is not None:
            return None
        given = self._given(parameters)
        error = probe(self.hypermodel, given, self.arrays, self.fit, new=self.new).error
        return None if error is None else describe_error(error)

    def _way(self, parameters: Parameters) -> str:
        given = self._given(parameters)
        asked = {one.name for one in self.tree.asked(given)}
        return key({name: value for name, value in given.items() if name in asked})

    def _given(self, parameters: Parameters) -> Parameters:
        """A trial's parameters, with the defaults of what only other dicts of the grid state."""
        given = dict(parameters)
        while True:
            missing = next(
                (
                    one
                    for one in self.tree.asked(given)
                    if one.values and one.name in self._named and one.name not in given
                ),
                None,
            )
            if missing is None:
                return given
            given[missing.name] = missing.default

    def to_json(self) -> dict[str, Any]:
        """Return what is known as plain JSON values."""
        compiled = list(dict.fromkeys(one for one in self.ways.values() if one is not None))
        indices = {one: index for index, one in enumerate(compiled)}
        return {
            "tree": self.tree.to_json(),
            "compiled": [one.to_json() for one in compiled],
            "ways": {way: None if one is None else indices[one] for way, one in self.ways.items()},
            "supplied": None if self.supplied is None else sorted(self.supplied),
        }

    def take_over(self, record: Mapping[str, Any]) -> None:
        """Take over what `to_json` returned, because the code is the same.

        Args:
            record: It.

        Raises:
            GridError: If it isn't whole.
        """
        try:
            compiled = [CompileArguments.from_json(each) for each in record["compiled"]]
            self.ways = {
                str(way): None if index is None else compiled[_index(index)]
                for way, index in record["ways"].items()
            }
            supplied = record["supplied"]
            self.supplied = None if supplied is None else frozenset(map(str, supplied))
        except (AttributeError, LookupError, TypeError) as error:
            raise GridError(
                f"Expected what the models compile. Received: {describe_error(error)}"
            ) from error
        self.tree = DecisionTree.from_json(record["tree"])


def recorded_loss(builds: Mapping[str, Any], parameters: Parameters) -> Loss | None:
    """Tell the loss of a trial's models by what `to_json` returned.

    Args:
        builds: It.
        parameters: The trial's.

    Returns:
        The loss; None if it isn't known.
    """
    losses = {Loss(**compiled["loss"]) for compiled in builds.get("compiled", [])}
    if len({(loss.name, loss.from_logits) for loss in losses}) == 1:
        return losses.pop()
    known = Discovery(None, Arrays(None, None), FitArguments())
    try:
        known.take_over(builds)
    except (GridError, LookupError):
        return None
    compiled = known.ways.get(known._way(parameters))
    return None if compiled is None else compiled.loss


def _index(index: Any) -> int:
    if type(index) is not int or index < 0:
        raise TypeError(f"no index {index!r}")
    return index
