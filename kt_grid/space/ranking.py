"""Which of two means is better, and when they are equal.

Scores come in single precision, so that the same number of right answers gives means that differ
in the eighth digit, by the way in which the folds shared them out. Ranks mustn't tell such means
apart. A tolerance between two means would not be transitive, so each mean becomes a key of its
own, which is compared exactly.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from kt_grid.space.objective import is_accuracy

RankKey: TypeAlias = Fraction | float

# The share of rows that single precision can't tell from another one: four times its rounding.
_ROUNDING = 2.5e-7
_DIGITS = 7


def rank_key(objective: Any, scores: Sequence[float], rows: Sequence[int] = ()) -> RankKey:
    """Return what stands for the mean of some scores where trials are compared.

    An accuracy is a number of right answers: the mean of such shares is worked out as a fraction,
    so that equal counts are equal. Any other mean counts with the seven digits that single
    precision has, as does an accuracy that isn't a share of its rows, such as a weighted one.

    Args:
        objective: What is optimised: an `Objective`, or one of keras-tuner's.
        scores: A trial's scores by split.
        rows: Rows held out, by split; nothing if that is unknown.

    Returns:
        A number that is larger for the better mean, and equal for equal ones.

    Example:
        >>> from kt_grid.space.objective import Objective
        >>> accuracy = Objective("val_accuracy", "max")
        >>> some = rank_key(accuracy, [0.66015625, 0.7109375], [256, 256])
        >>> some == rank_key(accuracy, [0.7109375 + 1e-8, 0.66015625], [256, 256])
        True
    """
    sign = 1 if objective.direction == "max" else -1
    shares = _shares(scores, rows) if is_accuracy(objective) else None
    if shares:
        return sign * sum(shares, Fraction()) / len(shares)
    mean = math.fsum(scores) / len(scores)
    return sign * float(f"{mean:.{_DIGITS}g}")


def _shares(scores: Sequence[float], rows: Sequence[int]) -> list[Fraction] | None:
    """The scores as shares of the rows that were right; None if that isn't what they are."""
    if len(rows) < len(scores):
        return None
    shares = []
    for score, count in zip(scores, rows, strict=False):
        right = round(score * count)
        if abs(score - right / count) > _ROUNDING or 4 * _ROUNDING * count > 1:
            return None
        shares.append(Fraction(right, count))
    return shares
