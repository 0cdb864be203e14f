"""Datasets that come in batches, taken into memory once: a search draws its folds from rows."""

import inspect
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from kt_grid.errors import UsageError

MOST_BYTES = 2 << 30
_ROWS = 1024


def comes_in_batches(x: Any, *, alone: bool) -> bool:
    """Tell whether something is a dataset or a generator rather than an array or several.

    Args:
        x: What `search` was given.
        alone: Whether no targets were given beside it.

    Returns:
        True for a `tf.data.Dataset`, a `keras.utils.PyDataset` and a generator; alone, for
        whatever can be iterated and is no container of arrays.
    """
    if hasattr(x, "shape") or isinstance(x, str | bytes | Mapping | list | tuple):
        return False
    known = _is_tensorflows(x) or _is_keras(x) or inspect.isgenerator(x)
    return known or (alone and isinstance(x, Iterable))


def take_in(batches: Any, steps: int | None = None) -> tuple[Any, Any, Any]:
    """Take a dataset into memory.

    Args:
        batches: A finite `tf.data.Dataset`, batched or not, a `keras.utils.PyDataset`, or an
            iterable of known length, whose elements are `(x, y)` or `(x, y, sample_weight)`.
        steps: Only the first so many elements, of a generator or an endless dataset too.

    Returns:
        The rows in the order in which they come, their targets, and their weights or None.

    Raises:
        UsageError: If it is endless or of unknown length, larger than `MOST_BYTES`, empty, or of
            other elements.
    """
    import keras

    taken: list[Any] = []
    size = 0
    for batch in _iterate(batches, steps):
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise UsageError(
                "Expected a dataset of (x, y) or (x, y, sample_weight). "
                f"Received: elements of type {type(batch).__name__}"
                + (f" and length {len(batch)}" if isinstance(batch, tuple | list) else "")
            )
        arrays = keras.tree.map_structure(_as_array, tuple(batch))
        size += sum(array.nbytes for array in keras.tree.flatten(arrays))
        if size > MOST_BYTES:
            raise UsageError(
                f"Expected a dataset of at most {MOST_BYTES >> 20} MB, which is taken into memory. "
                "Received: more than that. Search on a part of it, such as dataset.take(n)"
            )
        taken.append(arrays)
    if steps is not None and len(taken) < steps:
        raise UsageError(
            f"Expected steps_per_epoch={steps} elements of the dataset. Received: {len(taken)}"
        )
    if not taken:
        raise UsageError("Expected a dataset with rows. Received: an empty one")
    try:
        x, y, *weights = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *taken)
    except ValueError as error:
        raise UsageError(
            f"Expected a dataset of batches that are alike. Received: {error}"
        ) from error
    return x, y, weights[0] if weights else None


def _iterate(batches: Any, steps: int | None) -> Iterator[Any]:
    """The elements, each a batch."""
    if _is_tensorflows(batches):
        if steps is not None:
            batches = batches.take(steps)
        if int(batches.cardinality()) == -1:
            _refuse("an endless one. Leave repeat() out, or end it with take(n)")
        # One row each, unless every part has an axis for the rows.
        ranks = [spec.shape.rank for spec in _flat(batches.element_spec)]
        yield from batches.batch(_ROWS) if 0 in ranks else batches
    elif _is_keras(batches):
        number = batches.num_batches if steps is None else steps
        if number is None:
            _refuse("a PyDataset of unknown length. Give it a __len__")
        yield from (batches[index] for index in range(number))
    elif steps is not None:
        yield from itertools.islice(batches, steps)
    elif inspect.isgenerator(batches) or not hasattr(batches, "__len__"):
        _refuse(
            f"a {type(batches).__name__} of unknown length. Say how many batches it has by "
            "steps_per_epoch, or make it a keras.utils.PyDataset"
        )
    else:
        for _, batch in zip(range(len(batches)), batches, strict=False):
            yield batch


def _refuse(received: str) -> None:
    raise UsageError(f"Expected a finite dataset. Received: {received}")


def _flat(structure: Any) -> list[Any]:
    import keras

    flat: list[Any] = keras.tree.flatten(structure)
    return flat


def _is_tensorflows(x: Any) -> bool:
    return hasattr(x, "element_spec") and hasattr(x, "cardinality")


def _is_keras(x: Any) -> bool:
    import keras

    return isinstance(x, keras.utils.PyDataset)


def check_dense(values: Any) -> None:
    """Refuse sparse and ragged values, with what makes arrays of them.

    Args:
        values: What an array is to be made of.

    Raises:
        UsageError: If it is a sparse matrix or tensor, or its rows are of unequal length.
    """
    kind = f"{type(values).__module__.partition('.')[0]}'s {type(values).__name__}"
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise UsageError(f"Expected a dense array. Received: {kind}. Give its .toarray()")
    if hasattr(values, "dense_shape") and hasattr(values, "indices"):
        raise UsageError(
            f"Expected a dense array. Received: {kind}. Give tf.sparse.to_dense(…) of it"
        )
    if hasattr(values, "row_splits"):
        raise UsageError(
            f"Expected rows of equal length. Received: {kind}. Give its .to_tensor(), padded"
        )
    if isinstance(values, list | tuple) or getattr(values, "dtype", None) == np.object_:
        lengths = {len(row) for row in values if isinstance(row, list | tuple | np.ndarray)}
        if len(lengths) > 1:
            raise UsageError(
                f"Expected rows of equal length. Received: rows of {min(lengths)} to "
                f"{max(lengths)} items. Pad them with keras.utils.pad_sequences"
            )


def _as_array(part: Any) -> Any:
    check_dense(part)
    return np.atleast_1d(np.asarray(part))
