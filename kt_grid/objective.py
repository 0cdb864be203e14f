"""What a search optimises, and in which direction; the direction is never guessed."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from kt_grid.errors import ObjectiveError

Direction: TypeAlias = Literal["min", "max"]

_HELD_OUT = "val_"
_MAXIMISED = frozenset(
    (
        *("acc", "accuracy", "binary_accuracy", "categorical_accuracy"),
        *("sparse_categorical_accuracy", "top_k_categorical_accuracy"),
        *("sparse_top_k_categorical_accuracy", "auc", "precision", "recall", "f1_score"),
        *("fbeta_score", "r2_score", "cosine_similarity", "binary_io_u", "io_u", "mean_io_u"),
        *("one_hot_io_u", "one_hot_mean_io_u", "sensitivity_at_specificity"),
        *("specificity_at_sensitivity", "precision_at_recall", "recall_at_precision"),
        *("true_positives", "true_negatives"),
    )
)
_MINIMISED = frozenset(
    (
        *("loss", "mse", "mean_squared_error", "mae", "mean_absolute_error", "mape"),
        *("mean_absolute_percentage_error", "msle", "mean_squared_logarithmic_error"),
        *("root_mean_squared_error", "binary_crossentropy", "categorical_crossentropy"),
        *("sparse_categorical_crossentropy", "kl_divergence", "poisson", "hinge"),
        *("squared_hinge", "categorical_hinge", "log_cosh_error", "logcosh", "huber"),
        *("false_positives", "false_negatives"),
    )
)


@dataclass(frozen=True)
class Objective:
    """A score on the held-out fold and the direction that is better.

    Attributes:
        name: The metric's name with `val_` before it, such as `val_accuracy`.
        direction: "max" or "min".
        stated: Whether somebody asked for it; else it follows from what the model compiles.
    """

    name: str
    direction: Direction
    stated: bool = field(default=True, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.direction}:{self.name}"

    @property
    def sign(self) -> int:
        """What a score is multiplied with so that more is better."""
        return 1 if self.direction == "max" else -1


def parse_objective(text: str) -> Objective:
    """Read an objective such as `val_accuracy` or `min:val_my_metric`.

    Args:
        text: A metric's name on the held-out fold, beginning with `val_`; `min:` or `max:`
            before it states the direction, which only Keras's own metrics can do without. A name
            with a stated direction may be any that a HyperModel's own `fit` returns.

    Returns:
        The objective.

    Raises:
        ObjectiveError: If the name doesn't begin with `val_`, or its direction isn't known.

    Example:
        >>> parse_objective("val_auc")
        Objective(name='val_auc', direction='max')
    """
    stated, colon, name = text.rpartition(":")
    if stated in ("min", "max") and name not in {"", _HELD_OUT, *_MAXIMISED, *_MINIMISED}:
        return Objective(name, "min" if stated == "min" else "max")
    if not name.startswith(_HELD_OUT) or name == _HELD_OUT:
        raise ObjectiveError(
            f"Expected an objective on the held-out fold, such as val_accuracy. Received: {text!r}"
        )
    metric = name.removeprefix(_HELD_OUT)
    if colon or metric not in _MAXIMISED | _MINIMISED:
        raise ObjectiveError(
            f"Expected the direction of an objective that Keras doesn't define. "
            f"Received: {text!r}. Write max:{name} or min:{name}"
        )
    return Objective(name, "max" if metric in _MAXIMISED else "min")


def as_objective(given: Any) -> Objective:
    """Take an objective in any form.

    Args:
        given: An Objective, a `keras_tuner.Objective`, or a word as `parse_objective` reads it.

    Returns:
        The objective.

    Raises:
        ObjectiveError: As `parse_objective`.
    """
    if isinstance(given, Objective):
        return given
    if hasattr(given, "direction") and hasattr(given, "name"):
        return parse_objective(f"{given.direction}:{given.name}")
    return parse_objective(str(given))
