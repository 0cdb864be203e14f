"""What each axis of a grid does to the score by itself, and how much of the variance that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.confidence_set import Design, confidence_set, estimate_noise
from kt_grid.space import Axis, Parameters, Value

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.intp]

_ABSENT = object()


@dataclass(frozen=True)
class AxisEffect:
    """The main effect of one axis.

    Attributes:
        axis: The axis.
        values: Those of its values that a completed trial has.
        means: The score that an average trial has at each value.
        errors: Standard errors of these means, without what all values share on a fold, so that
            they are those to compare values by; empty where they can't be estimated.
        share: Share of the variance of the trials' means that the axis explains by itself.
        p: P-value of each value's being the best, averaged over the other axes and corrected for
            the number of axes; empty where values can't be compared.
        worse: Whether each value is significantly worse than the best; as long as `p`.
    """

    axis: Axis
    values: tuple[Value, ...]
    means: tuple[float, ...]
    errors: tuple[float, ...]
    share: float
    p: tuple[float, ...] = ()
    worse: tuple[bool, ...] = ()


def main_effects(
    axes: Sequence[Axis],
    parameters: Sequence[Parameters],
    scores: Floats,
    design: Design | None = None,
    level: float = 0.05,
) -> tuple[AxisEffect, ...]:
    """Fit an additive model of the axes and read off the effect of each.

    The model is `mean of a trial = overall mean + one effect per axis and value`, fitted by least
    squares (the shortest solution where it isn't unique), each axis's effects centred over the
    trials. On a complete grid the effects are plain averages over all other axes, and the share
    of an axis, `cov(effect, mean) / var(mean)`, is that of its main effect in a functional
    analysis of variance (Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing
    hyperparameter importance"). Where trials are missing or failed, effects allow for what
    else the remaining trials have in common, and the shares still add up to the share that
    the additive model explains; what is left to 1 are interactions and noise.

    The values of an axis are compared as trials are, with their averages for scores, at the level
    over the number of axes. On a grid that isn't complete they aren't: fitted effects of axes that
    interact would be called different where they aren't.

    Args:
        axes: The grid.
        parameters: Of the completed trials.
        scores: Higher is better, shape `(trials, passes, folds)`.
        design: How the splits measure; None if nothing is to be compared.
        level: Of the comparisons of all axes together.

    Returns:
        One effect per axis, means as the scores are; nothing without a trial.
    """
    if not axes or not len(scores):
        return ()
    levels = [find_levels(axis, parameters) for axis in axes]
    units = scores.reshape(len(scores), -1)
    is_complete = _is_complete(levels)
    curves = _averages(levels, units) if is_complete else _fitted(levels, units)
    varied = sum(len(values) > 1 for values, _ in levels)
    tables = _Tables(scores.shape[1:], design, level, max(varied, 1), is_complete)
    return tuple(
        _effect(axis, values, chosen, curve, units, tables)
        for axis, (values, chosen), curve in zip(axes, levels, curves, strict=True)
    )


@dataclass(frozen=True)
class _Tables:
    """How the tables of levels and folds are compared."""

    shape: tuple[int, ...]
    design: Design | None
    level: float
    axes: int
    is_complete: bool


def find_levels(axis: Axis, parameters: Sequence[Parameters]) -> tuple[tuple[object, ...], Levels]:
    """Find the values that occur, _ABSENT where the axis doesn't count, and each trial's."""
    given = [chosen.get(axis.name, _ABSENT) for chosen in parameters]
    there = {*given}
    values = tuple(value for value in (*axis.values, _ABSENT) if value in there)
    level_of = {value: level for level, value in enumerate(values)}
    return values, np.array([level_of[value] for value in given], dtype=np.intp)


def _is_complete(levels: Sequence[tuple[tuple[object, ...], Levels]]) -> bool:
    """Whether there is one trial for every combination of values."""
    if any(_ABSENT in values for values, _ in levels):
        return False
    trials = {*zip(*(chosen.tolist() for _, chosen in levels), strict=True)}
    combinations = math.prod(len(values) for values, _ in levels)
    return len(trials) == len(levels[0][1]) == combinations


def _averages(levels: Sequence[tuple[tuple[object, ...], Levels]], units: Floats) -> list[Floats]:
    """Of each axis of a complete grid the mean scores by level: what the fit comes to there."""
    curves = []
    for values, chosen in levels:
        sums = np.zeros((len(values), units.shape[1]))
        np.add.at(sums, chosen, units)
        curves.append(sums * (len(values) / len(units)))
    return curves


def _fitted(levels: Sequence[tuple[tuple[object, ...], Levels]], units: Floats) -> list[Floats]:
    """Of each axis the scores that an average trial has by level."""
    designs = [_centred(chosen, len(values)) for values, chosen in levels]
    fitted, *_ = np.linalg.lstsq(np.hstack(designs), units - units.mean(axis=0), rcond=None)
    parts = np.split(fitted, np.cumsum([design.shape[1] for design in designs])[:-1])
    return [
        (design @ part)[np.unique(chosen, return_index=True)[1]] + units.mean(axis=0)
        for (_, chosen), design, part in zip(levels, designs, parts, strict=True)
    ]


def _centred(chosen: Levels, count: int) -> Floats:
    indicators = np.eye(count)[chosen]
    centred: Floats = indicators - indicators.mean(axis=0)
    return centred


def _effect(
    axis: Axis,
    values: tuple[object, ...],
    chosen: Levels,
    curve: Floats,
    units: Floats,
    tables: _Tables,
) -> AxisEffect:
    errors, p, worse = _compared(curve, len(units) / len(values), tables)
    kept = [i for i, value in enumerate(values) if value is not _ABSENT]
    means = curve.mean(axis=1)
    return AxisEffect(
        axis=axis,
        values=tuple(value for value in axis.values if value in values),
        means=tuple(float(means[i]) for i in kept),
        errors=tuple(errors[i] for i in kept) if errors else (),
        share=_share(means[chosen] - means[chosen].mean(), units.mean(axis=1)),
        p=p,
        worse=worse,
    )


def _compared(
    curves: Floats, averaged: float, tables: _Tables
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[bool, ...]]:
    """Errors of an axis's curves, and the comparison of their means."""
    design = tables.design
    if design is None or len(curves) < 2:
        return (), (), ()
    table = curves.reshape(len(curves), *tables.shape)
    # Averages come in finer steps; fitted effects in none that is known.
    known = design.step if tables.is_complete or not design.step else None
    design = Design(design.overlap, None if known is None else known / averaged)
    noise = estimate_noise(table, design)
    if noise is None:
        return (), (), ()
    errors = tuple(np.sqrt(noise.variance).tolist())
    if not tables.is_complete:
        return errors, (), ()
    found = confidence_set(table, design, tables.level / tables.axes)
    p = np.minimum(found.p * tables.axes, 1.0)
    return errors, tuple(p.tolist()), tuple(found.worse.tolist())


def _share(effect: Floats, means: Floats) -> float:
    own = means - means.mean()
    total = float(own @ own)
    return float(effect @ own) / total if total > 0 else 0.0
