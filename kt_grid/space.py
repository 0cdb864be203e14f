"""A grid: the axes of a search, their values, and the combinations in order.

Everything here works without TensorFlow but for `register` and `declared_axes`, which translate
to and from `keras_tuner.HyperParameters`.
"""

import difflib
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from kt_grid.errors import GridError

Value: TypeAlias = bool | int | float | str
Parameters: TypeAlias = dict[str, Value]
Grid: TypeAlias = Mapping[str, Sequence[Value]]

FIT_AXES = ("batch_size", "epochs")
_LARGEST = sys.float_info.max
_SAMPLES = 10
_DIGITS = 12


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
    """

    name: str
    values: tuple[Value, ...]
    conditions: tuple[Condition, ...] = ()

    def is_active(self, chosen: Mapping[str, Value]) -> bool:
        """Tell whether the axis counts beside the values chosen so far."""
        return all(c.parent in chosen and chosen[c.parent] in c.values for c in self.conditions)

    def to_json(self) -> dict[str, Any]:
        """Return the axis as plain JSON values."""
        conditions = [{"parent": c.parent, "values": list(c.values)} for c in self.conditions]
        return {"name": self.name, "values": list(self.values), "conditions": conditions}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Axis":
        """Read what `to_json` returned."""
        conditions = (Condition(c["parent"], tuple(c["values"])) for c in record["conditions"])
        return cls(record["name"], tuple(record["values"]), tuple(conditions))


def make_axes(grid: Grid) -> list[Axis]:
    """Check a grid and turn it into axes.

    Args:
        grid: Values by name, in the order in which combinations vary, the last fastest.

    Returns:
        One axis per name.

    Raises:
        GridError: If an axis is empty, has a value twice, mixes types, or has a value that
            is no bool, int, float or str.
    """
    return [Axis(name, check_values(name, values)) for name, values in grid.items()]


def check_values(name: str, values: Iterable[object]) -> tuple[Value, ...]:
    """Normalise the values of an axis: numpy scalars to Python's, ints beside floats to floats.

    Args:
        name: The axis.
        values: Its values.

    Returns:
        The values, all of one type.

    Raises:
        GridError: As `make_axes`.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise GridError(f"Expected a list of values for axis {name!r}. Received: {values!r}")
    plain = [_plain(value) for value in values]
    if not plain:
        raise GridError(f"Expected at least one value for axis {name!r}. Received: none")
    for value in plain:
        if not isinstance(value, bool | int | float | str):
            _refuse(name, "numbers, words or booleans", value)
        if not isinstance(value, str) and not abs(value) <= _LARGEST:
            _refuse(name, "finite numbers", value)
    if {type(value) for value in plain} == {int, float}:
        plain = [float(value) for value in plain]
    if name in FIT_AXES and not all(type(value) is int and value > 0 for value in plain):
        _refuse(name, "whole numbers from 1", plain)
    if len({type(value) for value in plain}) > 1:
        _refuse(name, "values of one type", plain)
    twice = [value for i, value in enumerate(plain) if value in plain[:i]]
    if twice:
        _refuse(name, "every value once", f"{twice[0]!r} twice")
    return tuple(plain)


def _plain(value: object) -> Any:
    """Python's own scalar for numpy's."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value


def combinations(axes: Sequence[Axis]) -> Iterator[Parameters]:
    """Enumerate a grid in the order of `itertools.product`, conditional axes where they count.

    Args:
        axes: The axes; an axis comes after those that its conditions name.

    Yields:
        Parameters by name.

    Example:
        >>> [*combinations([Axis("a", (1, 2)), Axis("b", ("x",), (Condition("a", (2,)),))])]
        [{'a': 1}, {'a': 2, 'b': 'x'}]
    """
    yield from _extend({}, axes)


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


def count(axes: Sequence[Axis]) -> int:
    """Count the combinations of a grid.

    Args:
        axes: The axes.

    Returns:
        Number of combinations; worked out without enumerating where nothing is conditional.
    """
    if not any(axis.conditions for axis in axes):
        return math.prod(len(axis.values) for axis in axes)
    return sum(1 for _ in combinations(axes))


def key(parameters: Mapping[str, Value]) -> str:
    """Return a text that is the same for the same parameters only.

    Args:
        parameters: Parameters by name.

    Returns:
        JSON with sorted names.
    """
    return json.dumps(parameters, sort_keys=True)


def parse_words(words: Sequence[str], grid: Grid | None = None) -> dict[str, tuple[Value, ...]]:
    """Read `--grid` words.

    Args:
        words: Words of the form `AXIS=V1,V2`.
        grid: The axes that there are; those that hold words get words.

    Returns:
        Values by axis: integers, floats, booleans (true, false) or else words.

    Raises:
        GridError: If a word has another form, an axis comes twice, or a value is missing.

    Example:
        >>> parse_words(["units=5,10", "rate=0.1,1"])
        {'units': (5, 10), 'rate': (0.1, 1.0)}
    """
    changes: dict[str, tuple[Value, ...]] = {}
    for word in words:
        name, equals, listed = word.partition("=")
        texts = [text.strip() for text in listed.split(",")]
        if not name.strip() or not equals or not all(texts):
            raise GridError(f"Expected --grid AXIS=VALUE,VALUE. Received: {word!r}")
        name = name.strip()
        if name in changes:
            raise GridError(f"Expected --grid {name}=… once. Received: it twice")
        present = (grid or {}).get(name)
        verbatim = present is not None and isinstance(present[0], str)
        changes[name] = check_values(name, texts if verbatim else _read_values(texts))
    return changes


def _read_values(texts: list[str]) -> list[Value]:
    for read in (_read_boolean, int, float):
        try:
            return [read(text) for text in texts]
        except ValueError:
            continue
    return list(texts)


def _read_boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def replace_axes(grid: Grid, changes: Grid) -> dict[str, tuple[Value, ...]]:
    """Replace axes of a grid in their place, or add new ones at its end.

    Args:
        grid: Values by axis.
        changes: Values by axis, as `parse_words` returns them.

    Returns:
        The grid with the changes. An axis of floats stays one of floats.

    Raises:
        GridError: If the values of a replaced axis are of another kind: words for numbers.
    """
    merged = {name: check_values(name, values) for name, values in grid.items()}
    for name, values in changes.items():
        merged[name] = _like(name, merged.get(name), check_values(name, values))
    return merged


def _like(
    name: str, present: tuple[Value, ...] | None, values: tuple[Value, ...]
) -> tuple[Value, ...]:
    if present is None or type(present[0]) is type(values[0]):
        return values
    if isinstance(present[0], str):
        return tuple(str(value) for value in values)
    if isinstance(values[0], str) or isinstance(present[0], bool) or isinstance(values[0], bool):
        kind = "true or false" if isinstance(present[0], bool) else "numbers"
        _refuse(name, f"{kind} like {present[0]!r}", values[0])
    return tuple(float(value) for value in values)


def check_names(names: Iterable[str], known: Sequence[str]) -> None:
    """Refuse axes that an experiment doesn't have, and suggest the nearest.

    Args:
        names: The axes asked for.
        known: The axes that there are; `batch_size` and `epochs` always are.

    Raises:
        GridError: At the first unknown name.
    """
    allowed = [*known, *(name for name in FIT_AXES if name not in known)]
    for name in names:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise GridError(
                f"Expected a grid axis, one of {', '.join(allowed)}. Received: {name!r}{hint}"
            )


def register(grid: Grid) -> Any:
    """Enter a grid into new hyperparameters, so that it stands before what a model declares.

    Args:
        grid: Checked values by axis.

    Returns:
        A `keras_tuner.HyperParameters`.
    """
    import keras_tuner

    hyperparameters = keras_tuner.HyperParameters()
    for name, values in grid.items():
        # A keras-tuner Choice would turn True and False into 1 and 0.
        if isinstance(values[0], bool):
            hyperparameters.Boolean(name, default=values[0])
        else:
            hyperparameters.Choice(name, list(values))
    return hyperparameters


def declared_axes(hyperparameters: Any, grid: Grid) -> list[Axis]:
    """Read the axes that hyperparameters declare.

    Args:
        hyperparameters: A `keras_tuner.HyperParameters`.
        grid: Values by axis that stand instead of the declared ones.

    Returns:
        One axis per entry, in the order of declaration.

    Raises:
        GridError: If an entry's values can't be made a grid.
    """
    return [_axis(entry, grid) for entry in hyperparameters.space]


def _axis(entry: Any, grid: Grid) -> Axis:
    conditions = tuple(Condition(c.name, tuple(c.values)) for c in entry.conditions)
    values = grid[entry.name] if entry.name in grid else _declared_values(entry)
    return Axis(entry.name, check_values(entry.name, values), conditions)


def _declared_values(entry: Any) -> Sequence[Value]:
    """The values of one entry, mended where keras-tuner loses or distorts some."""
    from keras_tuner.engine import hyperparameters as kinds

    if isinstance(entry, kinds.Int | kinds.Float):
        values = _sampled(entry) if entry.step is None else _stepped(entry)
        whole = isinstance(entry, kinds.Int)
        return [round(value) if whole else float(f"{value:.{_DIGITS}g}") for value in values]
    return list(entry.values)


def _sampled(entry: Any) -> list[float]:
    """Ten values spread evenly, keras-tuner's own rule for a range without a step."""
    values = {entry.prob_to_value((i + 0.5) / _SAMPLES) for i in range(_SAMPLES)}
    return sorted(values)


def _stepped(entry: Any) -> list[float]:
    """Values from the minimum by steps; the maximum counts in spite of rounding."""
    low, high, step = entry.min_value, entry.max_value, entry.step
    slack = 1e-9
    if entry.sampling == "linear":
        return [low + i * step for i in range(math.floor((high - low) / step + slack) + 1)]
    steps = math.floor(math.log(high / low) / math.log(step) + slack)
    rising = [low * step**i for i in range(steps + 1)]
    return rising if entry.sampling == "log" else [high + low - value for value in rising]


def _refuse(name: str, expected: str, received: object) -> None:
    raise GridError(f"Expected {expected} for axis {name!r}. Received: {received}")
