"""What a model's outputs mean: probabilities of classes by their names, or numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.targets import BINARY, ONE_HOT, SPARSE, Loss

Row = dict[str, int | float | str]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outputs:
    """Reads the outputs of models that are trained with a loss.

    Attributes:
        loss: The loss.
        labels: Names of the classes 0, 1, …; empty where the data has these numbers for them.
        targets: Names of the targets, if they are numbers.

    Example:
        >>> outputs = Outputs(Loss("binary_crossentropy", 1), ("no", "yes"))
        >>> next(outputs.rows(np.array([[0.75]])))
        {'p_no': 0.25, 'p_yes': 0.75, 'class': 'yes'}
    """

    loss: Loss
    labels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    def values(self, raw: npt.NDArray[Any]) -> Floats:
        """Return outputs as doubles; those of a classifier as probabilities."""
        values = raw.astype(np.float64)
        if not self.loss.from_logits:
            return values
        if self.loss.name in BINARY:
            return 1 / (1 + np.exp(-values))
        raised = np.exp(values - values.max(axis=-1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=-1, keepdims=True))

    def chosen(self, values: Floats) -> npt.NDArray[np.intp] | None:
        """Return the index of the class that is predicted for each row; None without classes."""
        if self.loss.name in BINARY and values.shape[1:] == (1,):
            return (values[:, 0] > 0.5).astype(np.intp)
        if self.loss.name in SPARSE | ONE_HOT and values.ndim == 2:
            return np.asarray(values.argmax(axis=1))
        return None

    def true_classes(self, y: npt.NDArray[Any], values: Floats) -> npt.NDArray[np.intp] | None:
        """Return the index of each row's true class; None where the targets are no classes.

        Args:
            y: Targets in the form of the loss, one-hot rows among them.
            values: What was predicted for them, as `values` returns it.
        """
        if self.chosen(values) is None:
            return None
        one_hot = y.shape == values.shape and y.shape[1] > 1
        true = y.argmax(axis=1) if one_hot else y.reshape(-1)
        whole = len(true) == len(values) and bool(np.all(true == np.round(true)))
        return true.astype(np.intp) if whole else None

    def confusion(self, y: npt.NDArray[Any], values: Floats) -> npt.NDArray[np.int64] | None:
        """Count rows by class and predicted class, all classes that the model knows.

        Args:
            y: Targets, as `true_classes` takes them.
            values: Predictions, likewise.

        Returns:
            Counts of shape `(classes, classes)`, a row per class; None without classes.
        """
        true, predicted = self.true_classes(y, values), self.chosen(values)
        if true is None or predicted is None:
            return None
        width = max(values.shape[1], 2)
        counts = np.zeros((width, width), np.int64)
        np.add.at(counts, (true, predicted), 1)
        return counts

    def class_names(self, count: int) -> list[str | int]:
        """Return the names of the classes; their indices where the data has numbers for them."""
        return [self.labels[index] if index < len(self.labels) else index for index in range(count)]

    def rows(self, values: Floats) -> Iterator[Row]:
        """Yield the columns of each row: a probability per class and the class, or numbers.

        Args:
            values: As `values` returns them, of shape `(rows, …)`.

        Yields:
            `p_<class>` by class and `class`; else `prediction`, or `prediction_<target>` of each
            target, or `prediction_0` and so on where it isn't known what they are.
        """
        chosen = self.chosen(values)
        if chosen is None:
            for row in values.reshape(len(values), -1):
                yield numbered("prediction", row, self.targets)
            return
        probabilities = values if values.shape[1] > 1 else np.hstack([1 - values, values])
        names = self.class_names(probabilities.shape[1])
        for row, index in zip(probabilities, chosen, strict=True):
            by_class = {f"p_{n}": float(v) for n, v in zip(names, row, strict=True)}
            yield {**by_class, "class": names[index]}


def numbered(name: str, values: Any, ends: Sequence[str] = ()) -> Row:
    """Name several numbers by one end each, or else by their positions; a single one needs none."""
    if len(values) == 1:
        return {name: float(values[0])}
    known = ends if len(ends) == len(values) else range(len(values))
    return {f"{name}_{end}": float(value) for end, value in zip(known, values, strict=True)}
