"""The form that a target takes for a model's loss: 0 and 1, places of classes, one-hot, numbers."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kt_grid.errors import DataError

Labels: TypeAlias = tuple[str, ...]

BINARY = frozenset(("binary_crossentropy", "binary_focal_crossentropy"))
SPARSE = frozenset(("sparse_categorical_crossentropy",))
ONE_HOT = frozenset(("categorical_crossentropy", "categorical_focal_crossentropy"))
_NUMBERS = frozenset(
    (
        *("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error"),
        *("mean_squared_logarithmic_error", "huber", "huber_loss", "log_cosh", "poisson"),
    )
)


@dataclass(frozen=True)
class Loss:
    """What a compiled model compares its output with.

    Attributes:
        name: The loss in Keras's spelling; "" if it isn't one of Keras's own, or there are several.
        units: Width of the output; None if there are several, or it isn't known.
        from_logits: Whether the output isn't yet a probability.
    """

    name: str
    units: int | None = None
    from_logits: bool = False


def loss_of(model: Any) -> Loss:
    """Tell what a model is trained with.

    Args:
        model: A `keras.Model`, compiled or not.

    Returns:
        The loss, whether it was given by name, function or object.
    """
    import keras

    given = getattr(model, "loss", None)
    if not isinstance(given, str) and not callable(given):
        return Loss("", _units(model))
    try:
        known = keras.losses.get(given)
    except ValueError:
        known = given
    name = getattr(known, "name", None) or getattr(known, "__name__", "")
    config = known.get_config() if isinstance(known, keras.losses.Loss) else {}
    return Loss(str(name), _units(model), bool(config.get("from_logits", False)))


def _units(model: Any) -> int | None:
    shape = getattr(model, "output_shape", None) if model.built else None
    return shape[-1] if isinstance(shape, tuple) and len(shape) == 2 else None


def fit_target(y: Any, loss: Loss, labels: Labels = ()) -> tuple[Any, Labels]:
    """Bring a target into the form that a loss takes.

    Args:
        y: Numbers of shape `(rows,)` or `(rows, 1)`; anything else stays as it is.
        loss: The loss.
        labels: Names of the classes, if `y` holds their places.

    Returns:
        The target, and the names of the classes where its numbers are no longer the data's own.

    Raises:
        DataError: If the target can't be one for this loss.

    Example:
        >>> fit_target(np.array([1.0, 3.0, 3.0]), Loss("sparse_categorical_crossentropy", 2))
        (array([0., 1., 1.], dtype=float32), ('1', '3'))
    """
    if not isinstance(y, np.ndarray) or y.size != len(y) or y.dtype.kind not in "biuf":
        return y, labels
    if loss.name in BINARY and loss.units in (1, None):
        return _binary(y, labels, loss)
    if loss.name in SPARSE | ONE_HOT:
        places, labels = _places(y, labels, loss)
        return (_one_hot(places, loss, labels) if loss.name in ONE_HOT else places), labels
    if labels and loss.name in _NUMBERS:
        raise DataError(
            f"Expected numbers as the target of {loss.name}. Received: {_listed(labels)}. "
            "Compile a crossentropy, or name another column with --target"
        )
    return y, labels


def _binary(y: npt.NDArray[Any], labels: Labels, loss: Loss) -> tuple[Any, Labels]:
    values = np.unique(y)
    # Between 0 and 1 a target may be a probability.
    if not labels and values[0] >= 0 and values[-1] <= 1:
        return y, ()
    if (len(labels) or len(values)) != 2:
        raise DataError(
            f"Expected two classes for {loss.name}. "
            f"Received: {_listed(labels or tuple(map(_name, values)))}. Compile "
            "sparse_categorical_crossentropy with a unit per class, or mean_squared_error "
            "for numbers"
        )
    return (y, labels) if labels else _mapped(y, values)


def _places(y: npt.NDArray[Any], labels: Labels, loss: Loss) -> tuple[npt.NDArray[Any], Labels]:
    """Places of classes, the data's own where they fit the model's output."""
    values = np.unique(y)
    if np.any(values != np.round(values)):
        odd = float(values[values != np.round(values)][0])
        raise DataError(
            f"Expected classes as the target of {loss.name}. Received: {odd:g}. "
            "Compile mean_squared_error for numbers"
        )
    if not labels and (values[0] < 0 or values[-1] >= (loss.units or len(values))):
        y, labels = _mapped(y, values)
    needed = len(labels) or int(values[-1]) + 1
    if loss.units is not None and loss.units < needed:
        raise DataError(
            f"Expected a model with an output of {needed} units for the classes "
            f"{_listed(labels or tuple(map(_name, values)))}. Received: {loss.units}"
        )
    return y, labels


def _mapped(y: npt.NDArray[Any], values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Labels]:
    places = np.searchsorted(values, y).astype(np.float32)
    return places, tuple(_name(value) for value in values)


def _one_hot(places: npt.NDArray[Any], loss: Loss, labels: Labels) -> npt.NDArray[np.float32]:
    flat = places.reshape(len(places)).astype(np.intp)
    width = loss.units or len(labels) or int(flat.max()) + 1
    return np.eye(width, dtype=np.float32)[flat]


def strata(y: Any) -> Any:
    """Return a target as splitters take it: one-hot rows as the classes' places.

    Args:
        y: A target in any form.

    Returns:
        Places of shape `(rows,)` for one-hot rows; anything else as it is.

    Example:
        >>> strata(np.eye(3)[[2, 0]]).tolist()
        [2, 0]
    """
    if not isinstance(y, np.ndarray) or y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "biuf":
        return y
    ones = np.count_nonzero(y == 1, axis=1)
    one_hot = np.all(ones == 1) and np.count_nonzero(y) == len(y)
    return y.argmax(axis=1) if one_hot else y


def label_places(words: Any) -> tuple[npt.NDArray[np.float32], Labels]:
    """Turn names of classes into places in their sorted order.

    Args:
        words: Texts, of shape `(rows,)` or `(rows, 1)`.

    Returns:
        Float32 of shape `(rows,)`, and the names.
    """
    flat = [str(word) for word in np.asarray(words, dtype=object).reshape(-1)]
    labels = sorted(set(flat))
    places = {label: place for place, label in enumerate(labels)}
    return np.array([places[word] for word in flat], np.float32), tuple(labels)


def _name(value: Any) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() else str(number)


def _listed(labels: Labels) -> str:
    more = f", … ({len(labels)} classes)" if len(labels) > 5 else ""
    return ", ".join(labels[:5]) + more
