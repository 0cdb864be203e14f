"""Whether a short batch may be filled up with rows that weigh nothing.

With a loss that is a mean over rows, and layers that treat each row by itself, `s` rows in a
batch of `b` give the same loss and gradient as `s` rows alone, if the real ones weigh `b / s` and
the others nothing. Then one compiled step serves full and short batches, and folds of any size.
Where that isn't certain (batch statistics, activity penalties, masks), the short batch is a step
of its own size.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

_MEAN_OVER_ROWS = "sum_over_batch_size"
_ROW_BY_ROW = frozenset(
    (
        *("InputLayer", "Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "Dropout"),
        *("Flatten", "Reshape", "LayerNormalization", "Normalization", "Add", "Concatenate"),
        *("Conv1D", "Conv2D", "MaxPooling1D", "MaxPooling2D", "AveragePooling1D"),
        *("AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
    )
)


def may_pad(model: Any) -> bool:
    """Tell whether short batches of a model may be filled up.

    Args:
        model: A compiled model.

    Returns:
        True if all its layers work row by row and its loss is a mean over rows.
    """
    rowwise = all(_is_row_by_row(layer) for layer in model.layers)
    # Keras takes one weight per row only where there is one loss per row.
    flat = all(len(output.shape) <= 2 for output in model.outputs)
    return rowwise and flat and _is_mean(model.loss)


def _is_row_by_row(layer: Any) -> bool:
    own = type(layer).__module__.startswith("keras.")
    return (
        own
        and type(layer).__name__ in _ROW_BY_ROW
        and getattr(layer, "activity_regularizer", None) is None
    )


def _is_mean(loss: Any) -> bool:
    """Keras makes a mean of a loss given by name; one given as an object says what it is."""
    return isinstance(loss, str) or getattr(loss, "reduction", None) == _MEAN_OVER_ROWS


def pad_rows(rows: int, batch_size: int) -> int:
    """Return how many rows fill whole batches."""
    return -(-rows // batch_size) * batch_size


def row_weights(rows: int, batch_size: int, capacity: int) -> npt.NDArray[np.float32]:
    """Weigh the places of an epoch: real rows so that each batch is a mean, others nothing.

    Args:
        rows: Number of real rows, which come first.
        batch_size: Rows per step.
        capacity: Number of places.

    Returns:
        float32 of shape `(capacity,)`.

    Example:
        >>> row_weights(5, 2, 8).tolist()
        [1.0, 1.0, 1.0, 1.0, 2.0, 0.0, 0.0, 0.0]
    """
    weights = np.zeros(capacity, np.float32)
    weights[:rows] = 1
    short = rows % batch_size
    if short:
        weights[rows - short : rows] = batch_size / short
    return weights


def fill_up(order: npt.NDArray[Any], capacity: int) -> npt.NDArray[Any]:
    """Fill up an order of rows with its last one, so that no foreign row is computed.

    Args:
        order: Positions of rows.
        capacity: Number of places.

    Returns:
        An array of shape `(capacity,)`.
    """
    return np.concatenate([order, np.full(capacity - len(order), order[-1], order.dtype)])
