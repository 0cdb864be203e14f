"""Layers that Keras doesn't have, and that searches need."""

from typing import Any

import keras
import numpy as np

from kt_grid.errors import UsageError

STRATEGIES = ("mean", "median")


@keras.saving.register_keras_serializable(package="kt_grid")
class FillMissing(keras.layers.Layer):  # type: ignore[misc] # Keras is untyped
    """Puts a column's mean or median over the training rows where a value is missing.

    It is adapted in every fold to that fold's training rows, like Keras's own preprocessing
    layers, is saved with the model, and so fills in predictions too.

    Args:
        strategy: "mean" or "median".
        **kwargs: As every Keras layer takes them, such as `name`.

    Example:
        ```python
        # kt-grid run my_file.py --data my.csv --missing keep
        model = keras.Sequential([kt_grid.FillMissing("median"), keras.layers.Dense(1)])
        ```
    """

    def __init__(self, strategy: str = "mean", **kwargs: Any) -> None:
        if strategy not in STRATEGIES:
            raise UsageError(
                f"Expected FillMissing to take one of {', '.join(STRATEGIES)}. "
                f"Received: {strategy!r}"
            )
        super().__init__(**kwargs)
        self.strategy = strategy

    def build(self, input_shape: Any) -> None:
        """Make the variable that holds a value per column."""
        self.filling = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", trainable=False, name="filling"
        )
        self.built = True

    def adapt(self, data: Any) -> None:
        """Learn every column's value.

        Args:
            data: Numbers of shape `(rows, …, columns)`, NaN where one is missing. A column without
                any is filled with 0.
        """
        values = np.asarray(data, np.float64)
        values = values.reshape(-1, values.shape[-1])
        if not self.built:
            self.build(values.shape)
        middle = np.mean if self.strategy == "mean" else np.median
        columns = [column[~np.isnan(column)] for column in values.T]
        self.filling.assign(np.array([middle(c) if len(c) else 0.0 for c in columns]))

    def call(self, inputs: Any) -> Any:
        """Fill."""
        return keras.ops.where(keras.ops.isnan(inputs), self.filling, inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the same shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "strategy": self.strategy}
