"""What each axis of a grid does to the score by itself, and how much of the variance that is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kt_grid.space import Axis, Parameters, Value

Floats = npt.NDArray[np.float64]

_ABSENT = object()


@dataclass(frozen=True)
class AxisEffect:
    """The main effect of one axis.

    Attributes:
        axis: The axis.
        values: Those of its values that a completed trial has.
        means: The score that an average trial has at each value.
        errors: Standard errors of these means over the units; empty for a single unit.
        share: Share of the variance of the trials' means that the axis explains by itself.
    """

    axis: Axis
    values: tuple[Value, ...]
    means: tuple[float, ...]
    errors: tuple[float, ...]
    share: float


def main_effects(
    axes: Sequence[Axis], parameters: Sequence[Parameters], units: Floats
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

    Args:
        axes: The grid.
        parameters: Of the completed trials.
        units: Their scores, shape `(trials, units)`.

    Returns:
        One effect per axis; nothing without a trial.
    """
    if not axes or not len(units):
        return ()
    levels = [_levels(axis, parameters) for axis in axes]
    designs = [_centred(chosen, len(values)) for values, chosen in levels]
    fitted, *_ = np.linalg.lstsq(np.hstack(designs), units - units.mean(axis=0), rcond=None)
    bounds = np.cumsum([design.shape[1] for design in designs])[:-1]
    parts = np.split(fitted, bounds)
    return tuple(
        _effect(axis, values, chosen, design, part, units)
        for axis, (values, chosen), design, part in zip(axes, levels, designs, parts, strict=True)
    )


def _levels(
    axis: Axis, parameters: Sequence[Parameters]
) -> tuple[tuple[object, ...], npt.NDArray[np.intp]]:
    """The values that occur, _ABSENT where a conditional axis doesn't count, and each trial's."""
    given = [chosen.get(axis.name, _ABSENT) for chosen in parameters]
    values = tuple(value for value in (*axis.values, _ABSENT) if value in given)
    return values, np.array([values.index(value) for value in given], dtype=np.intp)


def _centred(chosen: npt.NDArray[np.intp], count: int) -> Floats:
    indicators = np.eye(count)[chosen]
    centred: Floats = indicators - indicators.mean(axis=0)
    return centred


def _effect(
    axis: Axis,
    values: tuple[object, ...],
    chosen: npt.NDArray[np.intp],
    design: Floats,
    part: Floats,
    units: Floats,
) -> AxisEffect:
    effects = design @ part
    first = [int(np.argmax(chosen == level)) for level in range(len(values))]
    curves = effects[first] + units.mean(axis=0)
    errors = curves.std(axis=1, ddof=1) / np.sqrt(units.shape[1]) if units.shape[1] > 1 else []
    kept = [i for i, value in enumerate(values) if value is not _ABSENT]
    return AxisEffect(
        axis=axis,
        values=tuple(value for value in axis.values if value in values),
        means=tuple(float(curves[i].mean()) for i in kept),
        errors=tuple(float(errors[i]) for i in kept) if len(errors) else (),
        share=_share(effects.mean(axis=1), units.mean(axis=1)),
    )


def _share(effect: Floats, means: Floats) -> float:
    own = means - means.mean()
    total = float(own @ own)
    return float(effect @ own) / total if total > 0 else 0.0
