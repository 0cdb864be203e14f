"""The form that a target takes for a loss: 0 and 1, indices of classes, one-hot, numbers."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.arrays import Arrays
from kt_grid.data.labels import Labels, class_word, listed
from kt_grid.errors import DataError
from kt_grid.space.metrics import METRICS, find_metric


def _losses(target: str) -> frozenset[str]:
    return frozenset(m.name for m in METRICS if m.is_loss and m.target == target)


BINARY = _losses("two classes")
MARGIN = _losses("margins")
SPARSE = _losses("indices")
ONE_HOT = _losses("one-hot")
_NUMBERS = _losses("numbers")


@dataclass(frozen=True)
class Loss:
    """What a compiled model compares its output with.

    Attributes:
        name: The loss's name in the table of metrics; "" if it isn't one of Keras's own, or there
            are several.
        units: Width of the output; None if there are several, or it isn't known.
        from_logits: Whether the output isn't yet a probability.
    """

    name: str
    units: int | None = None
    from_logits: bool = False

    @property
    def for_classes(self) -> bool | None:
        """Whether it compares classes, or numbers; None if that isn't known."""
        if self.name in MARGIN | BINARY | SPARSE | ONE_HOT:
            return True
        return False if self.name in _NUMBERS else None


def loss_of(model: Any) -> Loss:
    """Tell what a model is trained with.

    Args:
        model: A `keras.Model`, compiled or not.

    Returns:
        The loss, in whatever form it was given.
    """
    import keras

    given = keras.tree.flatten(getattr(model, "loss", None))
    units = _units(model)
    if len(given) != 1:
        return Loss("", units)
    if str(given[0]).lower() in ("crossentropy", "ce"):
        return Loss(
            "binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy", units
        )
    try:
        known = keras.losses.get(given[0])
    except (ValueError, TypeError):
        return Loss("", units)
    config = known.get_config() if isinstance(known, keras.losses.Loss) else {}
    return Loss(_name_of_loss(known), units, bool(config.get("from_logits", False)))


def _name_of_loss(loss: Any) -> str:
    """A loss's name in the table; a subclass of one of Keras's has that of its base."""
    kinds = [loss] if hasattr(loss, "__name__") else type(loss).__mro__
    for kind in kinds:
        known = find_metric(kind.__name__) if kind.__module__.startswith("keras.") else None
        if known is not None:
            return known.name
    return ""


def _units(model: Any) -> int | None:
    shape = getattr(model, "output_shape", None) if model.built else None
    return shape[-1] if isinstance(shape, tuple) and len(shape) == 2 else None


def fit_target(y: Any, loss: Loss, labels: Labels = ()) -> tuple[Any, Labels]:
    """Bring a target into the form that a loss takes.

    Args:
        y: Numbers of shape `(rows,)` or `(rows, 1)`; anything else stays as it is.
        loss: The loss.
        labels: Names of the classes, if `y` holds their indices.

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
    if loss.for_classes is not None and np.isnan(y).any():
        raise DataError(
            f"Expected a target without missing values for {loss.name}. "
            f"Received: NaN in {np.count_nonzero(np.isnan(y))} of {len(y)} rows"
        )
    if loss.name in BINARY | MARGIN and loss.units in (1, None):
        return _binary(y, labels, loss)
    if loss.name in SPARSE | ONE_HOT:
        indices, labels = _class_indices(y, labels, loss)
        return (_one_hot(indices, loss, labels) if loss.name in ONE_HOT else indices), labels
    if labels and loss.name in _NUMBERS:
        raise DataError(
            f"Expected numbers as the target of {loss.name}. Received: {listed(labels)}. "
            "Compile a crossentropy, or name another column with --target"
        )
    return y, labels


def _binary(y: npt.NDArray[Any], labels: Labels, loss: Loss) -> tuple[Any, Labels]:
    values = np.unique(y)
    # Between 0 and 1 a target may be a probability; hinges take -1 and 1 too.
    low = -1 if loss.name in MARGIN else 0
    if not labels and values[0] >= low and values[-1] <= 1:
        return y, ()
    if (len(labels) or len(values)) != 2:
        raise DataError(
            f"Expected two classes for {loss.name}. "
            f"Received: {listed(labels or tuple(map(class_word, values)))}. Compile "
            "sparse_categorical_crossentropy with a unit per class, or mean_squared_error "
            "for numbers"
        )
    return (y, labels) if labels else _mapped(y, values)


def _class_indices(
    y: npt.NDArray[Any], labels: Labels, loss: Loss
) -> tuple[npt.NDArray[Any], Labels]:
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
            f"{listed(labels or tuple(map(class_word, values)))}. Received: {loss.units}"
        )
    return y, labels


def _mapped(y: npt.NDArray[Any], values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Labels]:
    indices = np.searchsorted(values, y).astype(np.float32)
    return indices, tuple(class_word(value) for value in values)


def _one_hot(indices: npt.NDArray[Any], loss: Loss, labels: Labels) -> npt.NDArray[np.float32]:
    flat = indices.reshape(len(indices)).astype(np.intp)
    width = loss.units or len(labels) or int(flat.max()) + 1
    return np.eye(width, dtype=np.float32)[flat]


def known_target(y: Any, loss: Loss, labels: Labels) -> Any:
    """Bring targets of new rows into the form that the search gave its own.

    Args:
        y: Targets as the data has them, or indices of classes if there are names.
        loss: The loss of the trained model.
        labels: Names of the classes, if the search's targets were their indices.

    Raises:
        DataError: If there is one that the model has no output for.
    """
    if not labels and loss.for_classes and y.size == len(y):
        # Rows of other classes alone would be numbered anew.
        low = -1 if loss.name in MARGIN else 0
        high = 1 if loss.name in BINARY | MARGIN else (loss.units or math.inf) - 1
        beyond = (y < low) | (y > high)
        if beyond.any():
            row = int(np.argmax(beyond))
            raise DataError(
                f"Expected classes from {low} to {high}, as in training. "
                f"Received: {class_word(y.reshape(-1)[row])} in row {row}"
            )
    return fit_target(y, loss, labels)[0]


class Targets:
    """Rows whose target takes the form of each trial's own loss.

    The rows are kept with the target as the data has it, so that no trial depends on the loss of
    another one. Pickled, it holds these rows only.

    Attributes:
        given: The rows, whose target holds the data's own numbers, or indices of classes with
            their names where the data has texts.

    Args:
        given: The rows.

    Example:
        >>> targets = Targets(Arrays(np.zeros((3, 2)), np.array([1.0, 2.0, 2.0])))
        >>> targets.for_loss(Loss("binary_crossentropy", 1)).y.tolist()
        [0.0, 1.0, 1.0]
        >>> targets.for_loss(Loss("mean_squared_error", 1)).y.tolist()
        [1.0, 2.0, 2.0]
    """

    def __init__(self, given: Arrays) -> None:
        self.given = given
        self._by_loss: dict[Loss, Arrays] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"given": self.given, "_by_loss": {}}

    def for_loss(self, loss: Loss) -> Arrays:
        """Return the rows with the target in the form that a loss takes.

        Args:
            loss: What a trial's model compiles.

        Returns:
            The rows, the same object for the same form, so that engines know it again; its
            `labels` name the classes where the target's numbers aren't the data's own.

        Raises:
            DataError: If the target can't be one for this loss.
        """
        if loss not in self._by_loss:
            self._by_loss[loss] = self._known_form(
                *fit_target(self.given.y, loss, self.given.labels)
            )
        return self._by_loss[loss]

    def _known_form(self, y: Any, labels: Labels) -> Arrays:
        if y is self.given.y:
            return self.given
        for known in self._by_loss.values():
            if known.labels == labels and known.y.shape == y.shape and np.array_equal(known.y, y):
                return known
        return replace(self.given, y=y, labels=labels)
