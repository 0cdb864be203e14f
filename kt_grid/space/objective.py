"""What a search optimises, and in which direction; the direction is never guessed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kt_grid.errors import ObjectiveError
from kt_grid.space.metrics import Direction, Metric, find_metric, is_weighted

_HELD_OUT = "val_"


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


@dataclass(frozen=True)
class Score:
    """A score that a function computes from targets and predictions.

    Attributes:
        name: Its name; `val_` before it makes the name of the objective.
        function: Takes `(y_true, y_pred)`, the held-out targets and what the model predicts for
            them, as arrays of equal length; one column of predictions comes as shape `(rows,)`
            beside targets of that shape. Returns a number.
        direction: "max" or "min"; it is never guessed.

    Raises:
        ObjectiveError: If the name isn't one, the function can't be called, or the direction is
            neither.

    Example:
        >>> def accuracy(y_true, y_pred):
        ...     return ((y_pred > 0.3) == y_true).mean()
        >>> Score("accuracy_at_30", accuracy, "max").objective
        Objective(name='val_accuracy_at_30', direction='max')
    """

    name: str
    function: Callable[[Any, Any], Any]
    direction: Direction

    def __post_init__(self) -> None:
        """Refuse what can't be a score."""
        if not isinstance(self.name, str) or not self.name or ":" in self.name:
            raise ObjectiveError(f"Expected a name for a score. Received: {self.name!r}")
        if self.name.startswith((_HELD_OUT, "train_")):
            raise ObjectiveError(
                f"Expected a score's name without the side it is computed on. "
                f"Received: {self.name!r}"
            )
        if not callable(self.function):
            raise ObjectiveError(
                f"Expected a function of (y_true, y_pred) for the score {self.name!r}. "
                f"Received: {self.function!r}"
            )
        if self.direction not in ("min", "max"):
            raise ObjectiveError(
                f"Expected the direction of the score {self.name!r}, 'min' or 'max'. "
                f"Received: {self.direction!r}"
            )

    @property
    def objective(self) -> Objective:
        """The objective that this score is."""
        return Objective(f"{_HELD_OUT}{self.name}", self.direction)


@dataclass(frozen=True)
class Extras:
    """What is wanted of a trained fold beyond the model's own metrics on the held-out rows.

    Attributes:
        scores: Functions of held-out targets and predictions.
        train_scores: Whether all metrics and scores are also computed on the training rows.
        predictions: Whether the predictions for the held-out rows are kept.
    """

    scores: tuple[Score, ...] = ()
    train_scores: bool = False
    predictions: bool = False


def check_scores(objective: Any, scores: Iterable[Score]) -> tuple[Score, ...]:
    """Gather the scores of a search, the objective among them if it is one.

    Args:
        objective: What is optimised, in any form.
        scores: Further scores.

    Returns:
        All scores.

    Raises:
        ObjectiveError: If two have the same name, or one isn't a Score.
    """
    own = [objective] if isinstance(objective, Score) else []
    gathered = [*own, *(score for score in scores if score not in own)]
    for number, score in enumerate(gathered):
        if not isinstance(score, Score):
            raise ObjectiveError(f"Expected a kt_grid.Score. Received: {score!r}")
        if score.name in [other.name for other in gathered[:number]]:
            raise ObjectiveError(f"Expected one score named {score.name!r}. Received: two")
    return tuple(gathered)


def parse_objective(text: str, known: Iterable[Objective] = ()) -> Objective:
    """Read an objective such as `val_accuracy` or `min:val_my_metric`.

    Args:
        text: A metric's name on the held-out fold, beginning with `val_`; `min:` or `max:`
            before it states the direction, which only Keras's own metrics can do without. A name
            with a stated direction may be any that a HyperModel's own `fit` returns.
        known: Objectives whose direction has been stated before.

    Returns:
        The objective.

    Raises:
        ObjectiveError: If the name doesn't begin with `val_`, or its direction isn't known.

    Example:
        >>> parse_objective("val_auc")
        Objective(name='val_auc', direction='max')
    """
    stated, colon, name = text.rpartition(":")
    if stated in ("min", "max") and name not in ("", _HELD_OUT) and find_metric(name) is None:
        return Objective(name, "min" if stated == "min" else "max")
    if not name.startswith(_HELD_OUT) or name == _HELD_OUT:
        raise ObjectiveError(
            f"Expected an objective on the held-out fold, such as val_accuracy. Received: {text!r}"
        )
    for objective in known:
        if name == objective.name and not colon:
            return objective
    metric = find_metric(name.removeprefix(_HELD_OUT))
    if colon or metric is None or metric.direction is None:
        raise ObjectiveError(
            f"Expected the direction of an objective that Keras doesn't define. "
            f"Received: {text!r}. Write max:{name} or min:{name}"
        )
    return Objective(name, metric.direction)


def as_objective(given: Any, scores: Iterable[Score] = ()) -> Objective:
    """Take an objective in any form.

    Args:
        given: An Objective, a Score, a `keras_tuner.Objective`, or a word as `parse_objective`
            reads it.
        scores: Scores that a word may name.

    Returns:
        The objective.

    Raises:
        ObjectiveError: As `parse_objective`.
    """
    if isinstance(given, Score):
        return given.objective
    if isinstance(given, Objective):
        return given
    if hasattr(given, "direction") and hasattr(given, "name"):
        return parse_objective(f"{given.direction}:{given.name}")
    return parse_objective(str(given), [score.objective for score in scores])


def keras_metric(objective: Objective) -> Metric | None:
    """Return which of Keras's metrics an objective is; None if it is none of them."""
    return find_metric(objective.name.removeprefix(_HELD_OUT))


def is_accuracy(objective: Objective) -> bool:
    """Tell whether an objective is the share of rows that a model gets right."""
    metric = keras_metric(objective)
    weighted = is_weighted(objective.name.removeprefix(_HELD_OUT))
    return bool(metric and metric.is_accuracy and objective.direction == "max" and not weighted)


def best_possible(objective: Objective) -> float | None:
    """Return the best value that an objective can have; None if it isn't known."""
    metric = keras_metric(objective)
    return metric.best if metric and metric.direction == objective.direction else None
