"""Whether a short batch may be filled up with rows that weigh nothing.

With a loss that is a mean over rows, and layers that treat each row by itself, `s` rows in a
batch of `b` give the same loss and gradient as `s` rows alone, if the real ones weigh `b / s` and
the others nothing. Then one compiled step serves full and short batches, and folds of any size.
Statistics of a batch are taken over its real rows (`batch_statistics`). Where that isn't certain
(other layers, activity penalties, masks), the short batch is a step of its own size.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kt_grid.engines.fused.batch_statistics import is_masked
from kt_grid.engines.parts import find_parts

_MEAN_OVER_ROWS = "sum_over_batch_size"
_MODELS = ("Sequential", "Functional")
_ROW_BY_ROW = frozenset(
    (
        *("InputLayer", "Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "Dropout"),
        *("Flatten", "Reshape", "LayerNormalization", "Normalization", "Add", "Concatenate"),
        *("Conv1D", "Conv2D", "MaxPooling1D", "MaxPooling2D", "AveragePooling1D"),
        *("AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
        *("Embedding", "Bidirectional", "RNN", "StackedRNNCells", "SimpleRNN", "SimpleRNNCell"),
        *("LSTM", "LSTMCell", "GRU", "GRUCell"),
    )
)
# Others, such as dice, look at all rows of a batch at once.
_LOSS_BY_ROW = frozenset(
    (
        *("binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy"),
        *("categorical_focal_crossentropy", "sparse_categorical_crossentropy", "kl_divergence"),
        *("categorical_hinge", "hinge", "squared_hinge", "huber", "log_cosh", "poisson"),
        *("mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error"),
        *("mean_squared_logarithmic_error", "cosine_similarity"),
    )
)


def may_pad(model: Any) -> bool:
    """Tell whether short batches of a model may be filled up.

    Args:
        model: A compiled model.

    Returns:
        True if all its layers work row by row, or by statistics that leave out rows, and its loss
        is a mean over rows.
    """
    rowwise = all(_is_row_by_row(part) for part in find_parts(model, keras.Operation))
    # Keras takes one weight per row only where there is one loss per row.
    flat = all(len(output.shape) == 2 for output in model.outputs)
    return rowwise and flat and _is_mean(model.loss)


def _is_row_by_row(part: Any) -> bool:
    """Whether a layer, a model or another operation never looks from one row to another."""
    layer = isinstance(part, keras.Layer) and part.activity_regularizer is None
    known = type(part).__name__ in (*_ROW_BY_ROW, *_MODELS) or is_masked(part)
    return layer and known and _spares_rows(vars(part))


def _is_mean(loss: Any) -> bool:
    """Whether a loss is the mean of what each row gives by itself.

    Keras makes a mean of a loss that is a function; one given as an object says what it is.
    """
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    if getattr(loss, "reduction", _MEAN_OVER_ROWS) != _MEAN_OVER_ROWS:
        return False
    if getattr(getattr(loss, "fn", loss), "__name__", "") not in _LOSS_BY_ROW:
        return False
    kept = [vars(loss), *(value for value in vars(loss).values() if isinstance(value, dict))]
    return all(_spares_rows(settings) for settings in kept)


def _spares_rows(settings: Mapping[str, Any]) -> bool:
    """Whether rows stay apart: along every axis, in what is left out, and from batch to batch."""
    axis = settings.get("axis", -1)
    axes = axis if isinstance(axis, list | tuple) else [axis]
    along_rows = any(axis is None or axis == 0 or axis < -1 for axis in axes)
    leaves_out = settings.get("mask_zero") or settings.get("ignore_class") is not None
    return not (along_rows or leaves_out or settings.get("stateful"))


def pad_rows(rows: int, batch_size: int) -> int:
    """Return how many rows fill whole batches."""
    return -(-rows // batch_size) * batch_size


def row_weights(rows: int, batch_size: int, capacity: int) -> npt.NDArray[np.float32]:
    """Weigh the positions of an epoch: real rows so that each batch is a mean, others nothing.

    Args:
        rows: Number of real rows, which come first.
        batch_size: Rows per step.
        capacity: Number of positions.

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
        capacity: Number of positions.

    Returns:
        An array of shape `(capacity,)`.
    """
    return np.concatenate([order, np.full(capacity - len(order), order[-1], order.dtype)])
