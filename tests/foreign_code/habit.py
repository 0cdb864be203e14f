"""What a habit of the table says."""

from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any

UNITS = ({"units": 3}, {"units": 4})

_NETWORK = """
    def network(
        units, *, optimizer="adam", loss="binary_crossentropy", metrics=("accuracy",), **hidden
    ):
        model = keras.Sequential([
            keras.Input((3,)),
            keras.layers.Dense(units, **{"activation": "relu", **hidden}),
            keras.layers.Dense(1, "sigmoid"),
        ])
        model.compile(optimizer, loss, metrics=list(metrics))
        return model
"""


@dataclass(frozen=True)
class Habit:
    """A way to write a model.

    Attributes:
        name: What it is called in the tests.
        written: The user's file.
        meant: The same with everything made anew for every model.
        trials: The combinations that are to be trained, in grid order.
        metric: What is compared beside the loss.
        options: Arguments of the tuner.
        comparable: Whether plain Keras gives the same numbers fold by fold; where it draws in
            another order, only that no way differs from the first can be seen.
    """

    name: str
    written: str
    meant: str = ""
    trials: tuple[dict[str, Any], ...] = UNITS
    metric: str = "val_accuracy"
    options: dict[str, Any] = field(default_factory=dict)
    comparable: bool = True

    def source(self, text: str) -> str:
        """A whole module of one of the texts."""
        head = "import keras\nimport keras_tuner\nimport numpy as np\n"
        return head + dedent(_NETWORK) + dedent(text)


FRESH = """
    def build(hp):
        return network(hp.Choice("units", [3, 4]))
"""
