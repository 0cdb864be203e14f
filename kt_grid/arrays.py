"""The rows of a search as arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kt_grid.errors import UsageError
from kt_grid.folds import Indices


@dataclass(frozen=True)
class Arrays:
    """The rows of a search.

    Attributes:
        x: An array of shape `(rows, …)`, or a list, tuple or dict of such arrays.
        y: Targets, likewise.
        sample_weight: None, or weights of shape `(rows,)`.
        groups: None, or the group of each row; splitters see it, models don't.
    """

    x: Any
    y: Any
    sample_weight: Any = None
    groups: Any = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        import keras

        return len(keras.tree.flatten(self.x)[0])

    def take(self, rows: Indices) -> "Arrays":
        """Return the arrays' rows at the given positions."""
        import keras

        x, y = keras.tree.map_structure(lambda a: a[rows], (self.x, self.y))
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        return Arrays(x, y, weights)

    def training_tuple(self) -> tuple[Any, ...]:
        """Return what `model.fit` takes from a dataset: (x, y) or (x, y, sample_weight)."""
        # tf.data would stack a list's arrays into one.
        rows = (_as_tuple(self.x), _as_tuple(self.y))
        return rows if self.sample_weight is None else (*rows, self.sample_weight)


def as_arrays(x: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Arrays:
    """Take rows in any container.

    Args:
        x: Anything numpy makes an array of, or a list, tuple or dict of arrays.
        y: Targets, likewise.
        sample_weight: Weights of shape `(rows,)`, or None.
        groups: Group of each row, or None.

    Returns:
        The rows; double precision becomes Keras's float type, as `model.fit` would have it.

    Raises:
        UsageError: If there are no rows, or not equally many of all.
    """
    import keras

    weights = None if sample_weight is None else _as_array(sample_weight)
    members = None if groups is None else np.atleast_1d(np.asarray(groups))
    arrays = Arrays(_structure(x), _structure(y), weights, members)
    lengths = {len(a) for a in keras.tree.flatten(arrays.training_tuple())}
    lengths |= set() if members is None else {len(members)}
    if len(lengths) != 1 or 0 in lengths:
        raise UsageError(
            "Expected x, y, sample_weight and groups of equal length. "
            f"Received: {sorted(lengths)} rows"
        )
    return arrays


def _structure(values: Any) -> Any:
    if isinstance(values, dict):
        return {name: _structure(part) for name, part in values.items()}
    if isinstance(values, list | tuple) and all(hasattr(part, "shape") for part in values):
        return type(values)(_as_array(part) for part in values)
    return _as_array(values)


def _as_array(values: Any) -> Any:
    import keras

    array = np.atleast_1d(np.asarray(values))
    return array.astype(keras.config.floatx()) if array.dtype == np.float64 else array


def _as_tuple(structure: Any) -> Any:
    return tuple(structure) if isinstance(structure, list) else structure
