"""The rows of a search as arrays."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np

from kt_grid.data.batches import check_dense, comes_in_batches, take_in
from kt_grid.data.labels import Labels, label_indices
from kt_grid.errors import UsageError
from kt_grid.splitters import Indices, classes_of

# Up to here single precision holds every whole number.
_LARGEST_WHOLE = 1 << 24


@dataclass(frozen=True)
class Arrays:
    """The rows of a search.

    Attributes:
        x: An array of shape `(rows, …)`, or a list, tuple or dict of such arrays.
        y: Targets, likewise.
        sample_weight: None, or weights of shape `(rows,)`.
        groups: None, or the group of each row; splitters see it, models don't.
        labels: Names of the classes 0, 1, … of `y`, where the data has others for them.
    """

    x: Any
    y: Any
    sample_weight: Any = None
    groups: Any = None
    labels: Labels = ()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(_leaves(self.x)))

    @property
    def parts(self) -> list[Any]:
        """The arrays of x, of y and the weights if there are any, those of a dict by name."""
        return [*_leaves(self.training_tuple())]

    def take(self, rows: Indices) -> "Arrays":
        """Return the arrays' rows at the given positions."""
        import keras

        x, y = keras.tree.map_structure(lambda a: a[rows], (self.x, self.y))
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        return Arrays(x, y, weights, labels=self.labels)

    def training_tuple(self) -> tuple[Any, ...]:
        """Return what `model.fit` takes from a dataset: (x, y) or (x, y, sample_weight)."""
        # tf.data would stack a list's arrays into one.
        rows = (_as_tuple(self.x), _as_tuple(self.y))
        return rows if self.sample_weight is None else (*rows, self.sample_weight)


def _leaves(structure: Any) -> Iterator[Any]:
    """The arrays of a structure in Keras's order, for which Keras isn't needed."""
    if isinstance(structure, dict):
        structure = [structure[name] for name in sorted(structure)]
    if isinstance(structure, list | tuple):
        for part in structure:
            yield from _leaves(part)
    else:
        yield structure


def as_arrays(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    groups: Any = None,
    steps: int | None = None,
) -> Arrays:
    """Take rows in any container.

    Args:
        x: Anything numpy makes an array of, or a list, tuple or dict of arrays; a dataset as
            `take_in` takes it; or the rows themselves.
        y: Targets, as arrays; names of classes become 0, 1, … in sorted order. None if `x` has
            them.
        sample_weight: Weights of shape `(rows,)`, or None.
        groups: Group of each row, or None.
        steps: Only the first so many elements of a dataset; None for all.

    Returns:
        The rows; double precision becomes Keras's float type, as `model.fit` would have it.

    Raises:
        UsageError: If there are no rows, or not equally many of all, or no targets; if they are
            sparse or ragged, or a dataset can't be taken in.
    """
    import keras

    if isinstance(x, Arrays):
        return x
    if comes_in_batches(x, alone=y is None):
        if y is not None or sample_weight is not None:
            raise UsageError(
                "Expected a dataset that has its targets and weights in it. "
                f"Received: {'y' if y is not None else 'sample_weight'} beside it"
            )
        x, y, sample_weight = take_in(x, steps)
    elif y is None:
        raise UsageError("Expected targets y beside x, or a dataset of both. Received: x alone")

    weights = None if sample_weight is None else _as_array(sample_weight)
    members = None if groups is None else np.atleast_1d(np.asarray(groups))
    target = _structure(y, _as_target)
    words = isinstance(target, np.ndarray) and target.dtype.kind in "OSU"
    target, labels = label_indices(target) if words else (target, ())
    arrays = Arrays(_structure(x), target, weights, members, labels)
    lengths = {len(a) for a in keras.tree.flatten(arrays.training_tuple())}
    lengths |= set() if members is None else {len(members)}
    if len(lengths) != 1 or 0 in lengths:
        raise UsageError(
            "Expected x, y, sample_weight and groups of equal length. "
            f"Received: {sorted(lengths)} rows"
        )
    return arrays


def as_inputs(x: Any) -> Any:
    """Take inputs in any container, to predict on.

    Args:
        x: As `as_arrays` takes them.

    Returns:
        What Keras takes.

    Raises:
        UsageError: If no array can be made of them.
    """
    return as_feed(_structure(x))


def as_feed(x: Any) -> Any:
    """Turn texts into tensors, which Keras asks for; everything else stays as it is.

    Args:
        x: An array, or a list, tuple or dict of arrays.

    Returns:
        The same structure.
    """
    import keras

    return keras.tree.map_structure(_fed, x)


def _fed(array: Any) -> Any:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "OSU":
        return array
    import tensorflow as tf

    return tf.constant(array)


def _structure(values: Any, as_array: Callable[[Any], Any] | None = None) -> Any:
    make = as_array or _as_array
    if isinstance(values, dict):
        return {name: _structure(part, make) for name, part in values.items()}
    if isinstance(values, list | tuple) and values and all(map(_is_array, values)):
        return type(values)(make(part) for part in values)
    return make(values)


def _is_array(part: Any) -> bool:
    return getattr(part, "shape", ()) != ()


def _as_array(values: Any) -> Any:
    return _in_keras_floats(_as_plain_array(values))


def _as_target(values: Any) -> Any:
    """A target; codes of classes that single precision would merge stay as they are."""
    array = _as_plain_array(values)
    floats = _in_keras_floats(array)
    merged = floats is not array and np.any(np.abs(array) > _LARGEST_WHOLE)
    return array if merged and classes_of(array) is not None else floats


def _in_keras_floats(array: Any) -> Any:
    import keras

    return array.astype(keras.config.floatx()) if array.dtype == np.float64 else array


def _as_plain_array(values: Any) -> Any:
    check_dense(values)
    _check_frame(values)
    array = np.atleast_1d(np.asarray(values))
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    return _of_one_kind(array) if array.dtype.kind in "OT" else array


def _check_frame(values: Any) -> None:
    """Refuse a DataFrame with columns that one array of numbers can't hold."""
    if not hasattr(values, "columns"):
        return
    for name, kind in values.dtypes.items():
        if getattr(kind, "kind", "O") not in "biuf" and len(values.columns) > 1:
            raise UsageError(
                f"Expected a DataFrame of numbers. Received: {kind} in column {name!r}. Encode it "
                "with pandas.get_dummies, or give x as a dict of columns, dict(x.items()), for a "
                "model with an Input per column"
            )


def _of_one_kind(array: Any) -> Any:
    """Objects as numbers, such as a DataFrame's of booleans beside floats, or as texts."""
    values = array.reshape(-1).tolist()
    if all(isinstance(value, Number) for value in values):
        return array.astype(np.float64)
    # TensorFlow's texts are bytes.
    values = [value.decode() if isinstance(value, bytes) else value for value in values]
    odd = [value for value in values if not isinstance(value, str | Number)]
    if odd or not all(isinstance(value, str) for value in values):
        received = repr(odd[0]) if odd else "both"
        raise UsageError(f"Expected an array of numbers or of texts. Received: {received} in one")
    texts = np.empty(len(values), object)
    texts[:] = values
    return texts.reshape(array.shape)


def _as_tuple(structure: Any) -> Any:
    return tuple(structure) if isinstance(structure, list) else structure
