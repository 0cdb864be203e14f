"""A grid as `keras_tuner.HyperParameters`, and the axes that these declare."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kt_grid.space.axes import Axis, Condition, Grids, Part, check_grid
from kt_grid.space.values import Value, check_values

_SAMPLES = 10
_DIGITS = 12


def register(grid: Grids) -> Any:
    """Enter a grid into new hyperparameters, so that it stands before what a model declares.

    A keras-tuner entry can't hold everything that a grid can: it turns True and False into 1 and
    0, and refuses None, tuples and mixed kinds. There it lists the values as text, which nothing
    but a reader looks at: `hp.get(name)` gives the trial's own value.

    Args:
        grid: Checked values by axis, or a list of such dicts.

    Returns:
        A `keras_tuner.HyperParameters`.
    """
    import keras_tuner

    hyperparameters = keras_tuner.HyperParameters()
    for name, values in _merged(check_grid(grid)).items():
        kinds = {type(value) for value in values}
        if kinds == {bool}:
            hyperparameters.Boolean(name, default=values[0])
        elif len(kinds) == 1 and kinds < {int, float, str}:
            hyperparameters.Choice(name, list(values))
        else:
            hyperparameters.Choice(name, [repr(value) for value in values])
            hyperparameters.values[name] = values[0]
    return hyperparameters


def _merged(parts: Sequence[Part]) -> Part:
    """All values of all dicts by axis, in the order in which they first come."""
    merged: Part = {}
    for part in parts:
        for name, values in part.items():
            present = merged.get(name, ())
            merged[name] = (*present, *(value for value in values if value not in present))
    return merged


def for_combination(
    hyperparameters: Any, values: Mapping[str, Value], named: Collection[str]
) -> Any:
    """Make the hyperparameters of one trial.

    What another dict of the grid names and the trial's own doesn't is left out, so that a model
    that declares it gets its own default.

    Args:
        hyperparameters: A `keras_tuner.HyperParameters`.
        values: The trial's parameters.
        named: All axes that the grid names.

    Returns:
        A copy with the trial's values.
    """
    config = hyperparameters.get_config()
    absent = set(named) - set(values)
    entries = [entry for entry in config["space"] if entry["config"]["name"] not in absent]
    return type(hyperparameters).from_config({"space": entries, "values": dict(values)})


def declared_axes(hyperparameters: Any, grid: Grids) -> list[Axis]:
    """Read the axes that hyperparameters declare.

    Args:
        hyperparameters: A `keras_tuner.HyperParameters`.
        grid: Values by axis that stand instead of the declared ones. With a list of several
            dicts, a combination has the axes of one of them, and those that none of them names.

    Returns:
        One axis per entry, in the order of declaration; those of a list of dicts first, dict by
        dict.

    Raises:
        GridError: If an entry's values can't be made a grid.
    """
    parts = check_grid(grid)
    if len(parts) == 1:
        return [_axis(entry, parts[0]) for entry in hyperparameters.space]
    listed = [
        Axis(name, values, part=number)
        for number, part in enumerate(parts)
        for name, values in part.items()
    ]
    named = {axis.name for axis in listed}
    return [*listed, *(_axis(e, {}) for e in hyperparameters.space if e.name not in named)]


def _axis(entry: Any, grid: Part) -> Axis:
    conditions = tuple(Condition(c.name, tuple(c.values)) for c in entry.conditions)
    if entry.name in grid:
        return Axis(entry.name, check_values(entry.name, grid[entry.name]), conditions)
    return Axis(entry.name, offered_values(entry), conditions)


def offered_values(entry: Any) -> tuple[Value, ...]:
    """Read the values that a declaration offers, mended where keras-tuner loses or distorts some.

    The default of a range is among them, as in keras-tuner, wherever the steps are.

    Args:
        entry: A keras-tuner hyperparameter, such as `hyperparameters.space` holds.

    Returns:
        The values in their own order, whatever the default is.

    Raises:
        GridError: If they can't be the values of an axis.
    """
    return check_values(entry.name, _declared_values(entry))


def _declared_values(entry: Any) -> Sequence[Value]:
    from keras_tuner.engine import hyperparameters as kinds

    if isinstance(entry, kinds.Int | kinds.Float):
        values = _sampled(entry) if entry.step is None else _stepped(entry)
        whole = isinstance(entry, kinds.Int)
        default, *offered = [
            round(value) if whole else float(f"{value:.{_DIGITS}g}")
            for value in (entry.default, *values)
        ]
        if default in offered:
            return offered
        falls = len(offered) > 1 and offered[0] > offered[-1]
        return sorted((default, *offered), reverse=falls)
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
