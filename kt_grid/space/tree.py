"""What the builds of a search ask for, as a decision tree, and its combinations in order.

A model's build asks for one hyperparameter after the other, and what it asks for next may depend
on the values that it got so far: a loop over layers, a branch, a range whose end is another
parameter. Each build that is run tells one way from the root to an end. The tree keeps them all:
a node is a hyperparameter that is asked for, with a child for every value that was tried.

Nodes never change and equal ones are one object, so that a plain product of k axes is k nodes
whatever its size, and two trees are equal if their roots are the same object. Learning a way
makes new nodes along it and shares all others.
"""

import difflib
import itertools
import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from kt_grid.errors import GridError
from kt_grid.space.axes import Axis, Grids, Part, check_grid, key
from kt_grid.space.values import FIT_AXES, Parameters, Value, as_json, check_values, from_json

Explore: TypeAlias = Callable[[Parameters], "Sequence[Asked]"]
_Way: TypeAlias = tuple[tuple[str, str], ...]

# The mark of the branch where a hyperparameter has no value. No value's JSON text is empty.
_ABSENT = ""


@dataclass(frozen=True)
class Asked:
    """A hyperparameter that a build asked for.

    Attributes:
        name: Its name, with the name scopes around it.
        values: The values that its declaration offers, in their own order; none if it was only
            looked up, which finds a value where the grid states one and nothing otherwise.
        default: The declaration's default; None if there is none.
    """

    name: str = field(compare=False)
    values: tuple[Value, ...] = field(compare=False)
    default: Value = field(default=None, compare=False)
    # Compared by this, because Python takes 1, 1.0 and True for equal.
    _text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = json.dumps([self.name, as_json(self.values), as_json(self.default)])
        object.__setattr__(self, "_text", text)


class _Node:
    """A hyperparameter with what follows each of its values; None at the end of a way."""

    __slots__ = ("__weakref__", "asked", "children")

    def __init__(self, asked: Asked | None, children: Mapping[str, "_Node"]) -> None:
        self.asked = asked
        self.children = children


_END = _Node(None, {})
_nodes: WeakValueDictionary[Any, _Node] = WeakValueDictionary()


def _mark(value: Value) -> str:
    """The JSON text of a value, which names the branch that it leads to."""
    return json.dumps(as_json(value))


def _node(asked: Asked, children: Mapping[str, _Node]) -> _Node:
    """The only node with this content, its children in the order of the values."""
    order = {_mark(value): index for index, value in enumerate(asked.values)}
    marks = sorted(children, key=lambda mark: (order.get(mark, len(order)), mark))
    # Children are told apart by their ids, which their parent, being alive, keeps from reuse.
    content = (asked, tuple((mark, id(children[mark])) for mark in marks))
    found = _nodes.get(content)
    if found is None:
        found = _nodes[content] = _Node(asked, {mark: children[mark] for mark in marks})
    return found


def _taken(asked: Asked, values: Mapping[str, Value]) -> str:
    """The branch that a build takes that has these values."""
    if asked.name in values:
        return _mark(values[asked.name])
    return _mark(asked.values[0]) if asked.values else _ABSENT


def _grown(node: _Node | None, way: Sequence[Asked], values: Mapping[str, Value]) -> _Node:
    """The node with one more way below it.

    Where one way ends and another goes on, the longer one counts: it is what a training asked for
    beyond what could be probed, or beyond where another build failed.
    """
    children: Mapping[str, _Node] = {}
    if node is not None and node.asked is not None:
        way = way or [node.asked]
        agreed = _agreed(node.asked, way[0])
        # If they contradict each other, the build is another one than before: the newer counts.
        asked, children = (agreed, node.children) if agreed else (way[0], {})
    elif way:
        asked = way[0]
    else:
        return _END
    branch = _taken(way[0], values)
    grown = _grown(children.get(branch), way[1:], values)
    return _node(asked, {**children, branch: grown})


def _agreed(one: Asked, other: Asked) -> Asked | None:
    """What both say of a hyperparameter; None if they contradict each other.

    Where a value is given, a build may look it up without ever declaring it.
    """
    if one == other or (one.name == other.name and not other.values):
        return one
    return other if one.name == other.name and not one.values else None


class DecisionTree:
    """What is known of the hyperparameters that a model's builds ask for.

    Attributes:
        root: The first node; None as long as nothing is known. While nothing new is learned, it
            is the same object, and equal trees have the same.

    Example:
        >>> tree = DecisionTree()
        >>> tree.learn({}, [Asked("layers", (1, 2)), Asked("units", (8, 16))])
        >>> [*tree.combinations({})]
        [{'layers': 1, 'units': 8}]
        >>> def explore(values):
        ...     asked = [Asked("layers", (1, 2)), Asked("units", (8, 16)), Asked("rate", (0.5,))]
        ...     return asked if values.get("layers") == 2 else asked[:2]
        >>> [*tree.combinations({"units": [4]}, explore)]
        [{'units': 4, 'layers': 1}, {'units': 4, 'layers': 2, 'rate': 0.5}]
    """

    def __init__(self) -> None:
        self.root: _Node | None = None

    @classmethod
    def from_axes(cls, axes: Sequence[Axis]) -> "DecisionTree":
        """Make the tree of a grid that is declared as a whole.

        Args:
            axes: The axes; an axis comes after those that its conditions name. Those of a list of
                dicts are taken together: the list itself says which of them go together.

        Returns:
            The tree, of which nothing is unknown.
        """
        declared = _together(axes)
        later: list[set[str]] = [set() for _ in declared]
        for index in range(len(declared) - 2, -1, -1):
            after = declared[index + 1]
            parents = {condition.parent for condition in after.conditions}
            later[index] = later[index + 1] | parents | {after.name}
        made: dict[Any, _Node] = {}

        def grow(index: int, chosen: Parameters) -> _Node:
            while index < len(declared) and (
                declared[index].name in chosen or not declared[index].is_active(chosen)
            ):
                index += 1
            if index == len(declared):
                return _END
            axis = declared[index]
            matters = {name: chosen[name] for name in chosen if name in later[index]}
            state = (index, key(matters))
            if state not in made:
                made[state] = _node(
                    Asked(axis.name, axis.values, axis.values[0]),
                    {_mark(v): grow(index + 1, {**matters, axis.name: v}) for v in axis.values},
                )
            return made[state]

        tree = cls()
        tree.root = grow(0, {})
        return tree

    def learn(self, values: Mapping[str, Value], asked: Sequence[Asked]) -> None:
        """Take in what one build asked for.

        Args:
            values: The values that it was given; what it asked for besides had its first value.
            asked: What it asked for, in this order.
        """
        self.root = _grown(self.root, asked, values)

    def extend(self, values: Mapping[str, Value], asked: Asked) -> None:
        """Take in what a training asked for beyond all that is known of its way.

        Args:
            values: The trial's parameters.
            asked: What it asked for besides.
        """
        self.learn(values, [*self.asked(values), asked])

    def asked(self, values: Mapping[str, Value]) -> list[Asked]:
        """List what a build asks for that is given some values, as far as it is known.

        Args:
            values: The values; any other hyperparameter has its first one.

        Returns:
            What it asks for, in this order.
        """
        found, node = [], self.root
        while node is not None and node.asked is not None:
            found.append(node.asked)
            node = node.children.get(_taken(node.asked, values))
        return found

    def combinations(
        self,
        grid: Grids,
        explore: Explore | None = None,
        most: int | None = None,
        always: Collection[str] = (),
    ) -> Iterator[Parameters]:
        """Enumerate every distinct combination once.

        The axes that the grid states are the outermost ones, in the grid's order; then come
        those that the builds ask for, in the order in which they do; the last varies fastest.
        Stated values stand instead of offered ones. A stated axis that the build of a combination
        doesn't ask for is no part of it, so what would be several combinations is one, at the
        position of the first. The dicts of a list follow each other; what only another dict names
        has its default and is no parameter.

        Args:
            grid: Values by axis, or a list of such dicts.
            explore: Runs a build with the values that it is given and the first ones of all
                others, and tells what it asked for; it is called where the tree doesn't know.
                Without it, what isn't known is left out.
            most: At most so many; all by default.
            always: Stated axes that count whether a build asks for them or not, besides
                `batch_size` and `epochs`.

        Returns:
            Parameters by name, the stated ones first, as they are asked of the iterator. What the
            tree learns meanwhile counts for what is yet to come; to find what now comes before,
            begin anew.

        Raises:
            GridError: If the grid is none, or builds that were given the same values asked for
                different hyperparameters.
        """
        walks = self._walks(grid, explore, always)
        if len(walks) == 1:
            return itertools.islice(walks[0].combinations(), most)
        return itertools.islice(_once(walks), most)

    def count(
        self,
        grid: Grids,
        most: int | None = None,
        always: Collection[str] = (),
        *,
        assume: bool = False,
    ) -> int:
        """Count the combinations that are known, without enumerating those of a single dict.

        Args:
            grid: Values by axis, or a list of such dicts.
            most: At most so many; all by default.
            always: As for `combinations`.
            assume: Whether to take it that an unknown branch asks for the same as a known one
                beside it, and that the dicts of a list have nothing in common.

        Returns:
            Number of combinations.
        """
        walks = self._walks(grid, None, always)
        if len(walks) == 1 or assume:
            total = sum(walk.count(assume=assume) for walk in walks)
            return total if most is None else min(total, most)
        return sum(1 for _ in itertools.islice(_once(walks), most))

    def is_complete(self, grid: Grids) -> bool:
        """Tell whether all combinations of a grid are known."""
        return all(node is not None for walk in self._walks(grid) for node in walk.nodes())

    def axes(self, grid: Grids, always: Collection[str] = ()) -> list[Axis]:
        """List the axes of a grid's known combinations.

        Args:
            grid: Values by axis, or a list of such dicts.
            always: As for `combinations`.

        Returns:
            One axis per name with all its values: stated ones in the grid's order, then the
            others, names and values in the order in which builds meet them.
        """
        met: dict[str, dict[str, Value]] = {}
        walks = self._walks(grid, None, always)
        for walk in walks:
            counted = walk.always | walk.names()
            for name, values in walk.stated.items():
                if name in counted:
                    met.setdefault(name, {}).update((_mark(value), value) for value in values)
        for walk in walks:
            for node in walk.nodes():
                if node is not None and node.asked is not None and walk.varies(node.asked):
                    values = node.asked.values
                    met.setdefault(node.asked.name, {}).update((_mark(v), v) for v in values)
        return [Axis(name, tuple(values.values())) for name, values in met.items()]

    def names(self, grid: Grids) -> set[str]:
        """Name all that the known builds of a grid ask for, or look up."""
        return {name for walk in self._walks(grid) for name in walk.names()}

    def dead_axes(self, grid: Grids, always: Collection[str] = ()) -> dict[str, str | None]:
        """Name the stated axes that no known build of a grid asks for.

        Args:
            grid: Values by axis, or a list of such dicts.
            always: As for `combinations`.

        Returns:
            By name the most similar name that is asked for and not stated, if there is one.
        """
        walks = self._walks(grid, None, always)
        stated = list(dict.fromkeys(name for walk in walks for name in walk.stated))
        asked = {name for walk in walks for name in walk.names()}
        free = sorted(asked - set(stated))
        return {
            name: next(iter(difflib.get_close_matches(name, free, n=1)), None)
            for name in stated
            if name not in asked and name not in walks[0].always
        }

    def _walks(
        self, grid: Grids, explore: Explore | None = None, always: Collection[str] = ()
    ) -> "list[_Walk]":
        parts = check_grid(grid)
        return [_Walk(self, part, parts, explore, always) for part in parts]

    def _at(self, way: _Way) -> _Node | None:
        """The node after these names and branches; None if it isn't known."""
        node = self.root
        for name, branch in way:
            if node is None or node.asked is None or node.asked.name != name:
                return None
            node = node.children.get(branch)
        return node

    def to_json(self) -> dict[str, Any]:
        """Return the tree as plain JSON values: each node once, after its children."""
        numbers: dict[_Node, int] = {}
        nodes: list[dict[str, Any]] = []

        def write(node: _Node) -> int:
            asked = node.asked
            if asked is None:
                return -1
            if node not in numbers:
                children = {mark: write(child) for mark, child in node.children.items()}
                entry = {"name": asked.name, "values": as_json(asked.values)}
                nodes.append({**entry, "default": as_json(asked.default), "children": children})
                numbers[node] = len(nodes) - 1
            return numbers[node]

        root = None if self.root is None else write(self.root)
        return {"root": root, "nodes": nodes}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "DecisionTree":
        """Read what `to_json` returned.

        Args:
            record: JSON values.

        Returns:
            The tree.

        Raises:
            GridError: If they are no tree.
        """
        tree, nodes = cls(), [_END]
        try:
            for entry in record["nodes"]:
                name, values = str(entry["name"]), from_json(entry["values"])
                asked = Asked(name, ())
                if values:
                    (default,) = check_values(name, [from_json(entry["default"])])
                    asked = Asked(name, check_values(name, values), default)
                children = {}
                for mark, number in entry["children"].items():
                    branch = mark if mark == _ABSENT else _mark(from_json(json.loads(mark)))
                    children[branch] = nodes[_node_number(number, len(nodes))]
                nodes.append(_node(asked, children))
            root = record["root"]
            tree.root = None if root is None else nodes[_node_number(root, len(nodes))]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise GridError(
                f"Expected the hyperparameters that builds asked for. Received: {error!r}"
            ) from error
        return tree


def _node_number(number: Any, nodes: int) -> int:
    """Where a node stands in the list that begins with the end of all ways."""
    if type(number) is not int or not -1 <= number < nodes - 1:
        raise ValueError(f"no node {number!r} yet")
    return number + 1


def _together(axes: Sequence[Axis]) -> list[Axis]:
    """The axes, those of a list's dicts as one per name."""
    merged: dict[Any, Axis] = {}
    for index, axis in enumerate(axes):
        slot = index if axis.part is None else axis.name
        present = merged[slot].values if slot in merged else ()
        known = {_mark(value) for value in present}
        values = (*present, *(value for value in axis.values if _mark(value) not in known))
        merged[slot] = Axis(axis.name, values, axis.conditions)
    return list(merged.values())


def _once(walks: "Sequence[_Walk]") -> Iterator[Parameters]:
    """The combinations of several dicts one after the other, none of them twice."""
    seen: set[str] = set()
    for walk in walks:
        for parameters in walk.combinations():
            text = key(parameters)
            if text not in seen:
                seen.add(text)
                yield parameters


class _Walk:
    """Goes through the tree with one dict of a grid.

    Every way to an end is a combination of its own. It comes at the position that it has if a
    stated axis that it doesn't ask for counts as that axis's first value. So with stated values of
    which some aren't first ones, only those ways count that ask for all of these.
    """

    def __init__(
        self,
        tree: DecisionTree,
        stated: Part,
        parts: Sequence[Part],
        explore: Explore | None,
        always: Collection[str],
    ) -> None:
        self.stated = stated
        self.always = frozenset(name for name in stated if name in (*FIT_AXES, *always))
        self._tree = tree
        self._named = {name for part in parts for name in part}
        self._explore = explore
        self._options: dict[Asked, tuple[tuple[str, Value], ...]] = {}

    def combinations(self) -> Iterator[Parameters]:
        for values, needed in self._stated(list(self.stated), {}, frozenset()):
            yield from self._below((), {}, values, needed, {})

    def _stated(
        self, names: Sequence[str], values: Parameters, needed: frozenset[str]
    ) -> Iterator[tuple[Parameters, frozenset[str]]]:
        """Choose the values of the stated axes, and tell which of these must be asked for."""
        if not names:
            yield values, needed
            return
        name, rest = names[0], names[1:]
        for index, value in enumerate(self.stated[name]):
            chosen = {**values, name: value}
            wanted = needed | {name} if index and name not in self.always else needed
            if self._reaches(self._tree.root, chosen, wanted, {}):
                yield from self._stated(rest, chosen, wanted)

    def _below(
        self,
        way: _Way,
        chosen: Parameters,
        values: Parameters,
        needed: frozenset[str],
        memo: dict[Any, bool],
    ) -> Iterator[Parameters]:
        # The tree may have grown meanwhile, so the node is looked up where it now is.
        node = self._find(way, values)
        if node is None or not self._reaches(node, values, needed, memo):
            return
        if node.asked is None:
            counted = self.always | {name for name, _ in way}
            yield {n: values[n] for n in self.stated if n in counted} | chosen
            return
        name = node.asked.name
        if name in self.stated:
            onward = (*way, (name, _mark(values[name])))
            yield from self._below(onward, chosen, values, needed - {name}, memo)
            return
        varies = self.varies(node.asked)
        for branch, value in self._choices(node.asked, values):
            given = values if branch == _ABSENT else {**values, name: value}
            more = {**chosen, name: value} if varies else chosen
            yield from self._below((*way, (name, branch)), more, given, needed, memo)

    def _find(self, way: _Way, values: Parameters) -> _Node | None:
        node = self._tree._at(way)
        if node is not None or self._explore is None:
            return node
        asked = self._explore(dict(values))
        self._tree.learn(values, asked)
        node = self._tree._at(way)
        if node is None:
            raise GridError(
                "Expected build(hp) to ask for the same hyperparameters whenever it is given the "
                f"same values. Received: {', '.join(name for name, _ in way)} before, and "
                f"{', '.join(one.name for one in asked) or 'none'} with {values} now"
            )
        return node

    def _reaches(
        self,
        node: _Node | None,
        values: Mapping[str, Value],
        needed: frozenset[str],
        memo: dict[Any, bool],
    ) -> bool:
        """Tell whether there may be a way below a node that asks for all that is needed."""
        if not needed:
            return True
        if node is None:
            return self._explore is not None
        if node.asked is None:
            return False
        if (node, needed) not in memo:
            left = needed - {node.asked.name}
            memo[node, needed] = any(
                self._reaches(node.children.get(branch), values, left, memo)
                for branch, _ in self._choices(node.asked, values)
            )
        return memo[node, needed]

    def varies(self, asked: Asked) -> bool:
        """Tell whether a hyperparameter is an axis by the values that its declaration offers."""
        return bool(asked.values) and asked.name not in self._named

    def _choices(self, asked: Asked, values: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
        """The branches at a node that count here, each with its value."""
        if asked.name in self.stated and asked.name in values:
            value = values[asked.name]
            return ((_mark(value), value),)
        if asked not in self._options:
            if asked.name in self.stated:
                offered = self.stated[asked.name]
            elif asked.name in self._named and asked.values:
                offered = (asked.default,)
            else:
                offered = asked.values
            pairs = tuple((_mark(value), value) for value in offered)
            self._options[asked] = pairs or ((_ABSENT, None),)
        return self._options[asked]

    def nodes(self) -> Iterator[_Node | None]:
        """Every node that a combination passes, once, as builds meet them; None if unknown."""
        seen: set[_Node | None] = set()
        ahead = [self._tree.root]
        while ahead:
            node = ahead.pop()
            if node in seen:
                continue
            seen.add(node)
            yield node
            if node is not None and node.asked is not None:
                branches = [branch for branch, _ in self._choices(node.asked, {})]
                ahead.extend(node.children.get(branch) for branch in reversed(branches))

    def names(self) -> set[str]:
        """The names of all that is asked for on the way to some combination."""
        return {node.asked.name for node in self.nodes() if node is not None and node.asked}

    def count(self, *, assume: bool) -> int:
        memo: dict[Any, int] = {}

        def below(node: _Node | None, unasked: frozenset[str]) -> int:
            if node is None:
                return 0
            if node.asked is None:
                return math.prod(len(self.stated[name]) for name in unasked)
            if (node, unasked) not in memo:
                left = unasked - {node.asked.name}
                beside = next(iter(node.children.values()), None) if assume else None
                memo[node, unasked] = sum(
                    below(node.children.get(branch, beside), left)
                    for branch, _ in self._choices(node.asked, {})
                )
            return memo[node, unasked]

        return below(self._tree.root, self.always)
