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
from kt_grid.engines.first_model import Compiled
from kt_grid.engines.probe import Probe, probe
from kt_grid.errors import GridError, describe_error
from kt_grid.space import Asked, DecisionTree, Grids, Parameters, key
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
        compiled: The different ways in which the models are compiled, in the order in which they
            are met.
        probes: The builds that were run, in this order.
    """

    hypermodel: Any
    arrays: Arrays
    fit: FitArguments
    new: NewEntries = ALL_ENTRIES
    tree: DecisionTree = field(default_factory=DecisionTree)
    compiled: list[Compiled] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    _loss_by_way: dict[str, Loss] = field(default_factory=dict)

    def explore(self, values: Parameters) -> Sequence[Asked]:
        """Run a build, and tell what it asked for.

        Args:
            values: What it is given; it gets the first value of all else.

        Returns:
            What it asked for, in this order.
        """
        found = probe(self.hypermodel, values, self.arrays, self.fit, new=self.new)
        self.probes.append(found)
        if found.compiled is not None:
            self._loss_by_way[key(found.parameters)] = found.compiled.loss
            self.compiled += [] if found.compiled in self.compiled else [found.compiled]
        return found.asked

    @property
    def losses(self) -> list[Loss]:
        """The different losses that the models compile, in the order in which they are met."""
        return list(dict.fromkeys(compiled.loss for compiled in self.compiled))

    def look_ahead(self, grid: Grids, most: int | None = None) -> None:
        """Run the builds of a grid's first combinations.

        Args:
            grid: Values by axis, or a list of such dicts.
            most: At most so many combinations count; all by default.
        """
        limit = _MOST_AHEAD if most is None else min(most, _MOST_AHEAD)
        for _ in itertools.islice(self.tree.combinations(grid, self.explore), limit):
            pass

    def loss_of(self, parameters: Parameters) -> Loss:
        """Tell what the model of a trial is trained with.

        Args:
            parameters: The trial's.

        Returns:
            The loss; one without a name if its build fails.
        """
        if len(self.losses) == 1:
            return self.losses[0]
        asked = {one.name for one in self.tree.asked(parameters)}
        way = key({name: value for name, value in parameters.items() if name in asked})
        if way not in self._loss_by_way:
            found = probe(self.hypermodel, parameters, self.arrays, self.fit, new=self.new).compiled
            self._loss_by_way[way] = found.loss if found else Loss("")
        return self._loss_by_way[way]

    def supplied(self) -> frozenset[str]:
        """Name the arguments that a `fit` of the HyperModel's own passes on by itself."""
        if not self.probes:
            self.explore({})
        return frozenset().union(*(found.supplied for found in self.probes[:1]))

    def to_json(self) -> dict[str, Any]:
        """Return what is known as plain JSON values."""
        return {
            "tree": self.tree.to_json(),
            "compiled": [compiled.to_json() for compiled in self.compiled],
        }

    def take_over(self, record: Mapping[str, Any]) -> None:
        """Take over what `to_json` returned, because the code is the same.

        Args:
            record: It.

        Raises:
            GridError: If it isn't whole.
        """
        try:
            self.compiled = [Compiled.from_json(compiled) for compiled in record["compiled"]]
        except (LookupError, TypeError) as error:
            raise GridError(
                f"Expected what the models compile. Received: {describe_error(error)}"
            ) from error
        self.tree = DecisionTree.from_json(record["tree"])
