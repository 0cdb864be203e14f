"""The parts that figures are made of: each draws one thing into a matplotlib `Axes`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.comparison import Analysis, Standing, TrialAnalysis
from kt_grid.analysis.effects import AxisEffect
from kt_grid.space import Axis, Value
from kt_grid.space.scales import as_number, scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

INK, FAINT, PAPER = "#1a1a1b", "#8a8a8b", "#fefefd"
# Okabe and Ito's colours, which the colour-blind tell apart; markers differ too, for print.
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#aa4499"
MARKS: dict[Standing | None, tuple[str, str, str]] = {
    "best": (ORANGE, "D", "best mean"),
    "tied": (BLUE, "o", "may be as good"),
    "worse": (FAINT, "X", "significantly worse"),
    None: (BLUE, "o", "mean"),
}
SHADES = "cividis"
SHORT = 18
_MOST_TICKS = 20
_MOST_NUMBERS = 8
_LINE = 1.9
# A character's width, and how many fit below a heat map of a figure's width.
_INCHES, _FIT_BELOW = 0.085, 30


def word(value: object, most: int = SHORT) -> str:
    """Write a value as a tick's label, without its middle if it is long."""
    text = str(value).replace("\n", " ")
    tail = (most - 1) // 2
    return text if len(text) <= most else f"{text[: most - 1 - tail]}…{text[-tail:]}"


def size_of(axis: Axis) -> float:
    """About how long an axis's name is, in inches."""
    return _INCHES * len(word(axis.name))


def size_below(axis: Axis, across: int) -> float:
    """About how much room labels below a heat map take, in inches, of several side by side."""
    shown = _below(axis)
    return _INCHES * max(map(len, shown)) if _stand_upright(shown, across) else 0.0


def _below(axis: Axis) -> list[str]:
    return [word(value) for value in thinned(axis.values, _MOST_TICKS)]


def _stand_upright(shown: Sequence[str], across: int) -> bool:
    """Whether labels below a heat map need to."""
    return sum(map(len, shown)) > _FIT_BELOW / across


def draw_trials(
    ax: "Axes", analysis: Analysis, trials: Sequence[TrialAnalysis], positions: Sequence[float]
) -> None:
    """Draw trials from top to bottom: a dot per fold, the mean, and its standard error."""
    for trial, y in zip(trials, positions, strict=True):
        colour, marker, _ = MARKS[analysis.standing(trial)]
        scores = trial.trial.scores
        ax.plot(scores, [y] * len(scores), "|", color=FAINT, markersize=9, zorder=2)
        ax.errorbar(
            trial.trial.mean or 0.0, y, xerr=trial.error, fmt=marker, color=colour, markersize=6.5,
            markeredgecolor=PAPER, markeredgewidth=0.6, elinewidth=1.8, zorder=3,
        )  # fmt: skip


def draw_curve(ax: "Axes", analysis: Analysis, axis: Axis, *, alone: bool = False) -> None:
    """Draw the trials of a numeric axis along it: means, fold dots, standard errors.

    Args:
        ax: Where to draw.
        analysis: The search.
        axis: The axis.
        alone: Whether the means are drawn without what is known of their noise.
    """
    trials = sorted(analysis.compared, key=lambda t: as_number(t.trial.parameters[axis.name]))
    x = [as_number(t.trial.parameters[axis.name]) for t in trials]
    ax.plot(x, [t.trial.mean or 0.0 for t in trials], color=FAINT, linewidth=1, zorder=1)
    for standing, (colour, marker, _) in MARKS.items() if alone else ():
        chosen = [i for i, trial in enumerate(trials) if analysis.standing(trial) == standing]
        ax.plot(
            [x[i] for i in chosen], [trials[i].trial.mean or 0.0 for i in chosen], marker,
            color=colour, markersize=6.5 if standing == "best" else 2.5, linestyle="none",
            zorder=3 if standing == "best" else 2,
        )  # fmt: skip
    for trial, position in zip(trials, x, strict=True) if not alone else ():
        colour, marker, _ = MARKS[analysis.standing(trial)]
        scores = trial.trial.scores
        ax.plot([position] * len(scores), scores, "_", color=FAINT, markersize=9, zorder=2)
        ax.errorbar(
            position, trial.trial.mean or 0.0, yerr=trial.error, fmt=marker, color=colour,
            markersize=6.5, markeredgecolor=PAPER, markeredgewidth=0.6, elinewidth=1.8, zorder=3,
        )  # fmt: skip
    set_scale(ax, axis.values)
    ax.set_xlabel(word(axis.name))


def draw_effect(ax: "Axes", effect: AxisEffect) -> None:
    """Draw the mean score at each value of an axis, with its error; a cross where it's worse."""
    words = scale_of(effect.values) == "words"
    x = list(range(len(effect.values))) if words else [as_number(v) for v in effect.values]
    order = np.argsort(x)
    line = "none" if words else "-"
    ax.errorbar(
        np.array(x)[order], np.array(effect.means)[order],
        yerr=np.array(effect.errors)[order] if effect.errors else None,
        marker="o", linestyle=line, color=BLUE, markersize=5, elinewidth=1.4, capsize=2,
    )  # fmt: skip
    worse = [i for i, is_worse in enumerate(effect.worse) if is_worse]
    if worse:
        _, marker, _ = MARKS["worse"]
        ax.plot(
            np.array(x)[worse], np.array(effect.means)[worse], marker, color=FAINT, markersize=8,
            markeredgecolor=PAPER, markeredgewidth=0.6, zorder=4,
        )  # fmt: skip
    if words:
        labelled = thinned(x, 2 * _MOST_TICKS)
        names = [word(effect.values[i]) for i in labelled]
        ax.set_xticks(labelled, names, rotation=40, ha="right")
    else:
        set_scale(ax, effect.values)
    ax.set_xlabel(word(effect.axis.name))
    ax.set_title(f"explains {max(effect.share, 0.0):.0%}")


def set_scale(ax: "Axes", values: Sequence[Value]) -> None:
    """Give x the scale of an axis's values, and ticks at them."""
    from matplotlib.ticker import NullLocator

    if scale_of(values) == "log":
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
    rising = thinned(sorted(values, key=as_number), _MOST_TICKS)
    characters = _characters(ax)
    crowded = _is_crowded(rising, characters)
    # Labels that stand upright are a line high; those that would still touch are left out.
    shown = _apart(rising, _LINE / characters) if crowded else rising
    ax.set_xticks(
        [as_number(value) for value in rising],
        [word(value) if value in shown else "" for value in rising],
        rotation=90 if crowded else 0,
    )


def thinned(values: Sequence[Any], most: int) -> Sequence[Any]:
    """Keep the first value and those at even distances from it, so many at the most."""
    return values[:: max(1, -(-len(values) // most))]


def _characters(ax: "Axes") -> float:
    """About how many characters fit side by side."""
    return 9 * ax.figure.figure.get_figwidth() / _panels_across(ax)


def _panels_across(ax: "Axes") -> int:
    spot = ax.get_subplotspec()
    return spot.get_gridspec().ncols if spot else 1


def _is_crowded(rising: Sequence[Value], characters: float) -> bool:
    """Whether labels side by side would touch."""
    widths = np.array([len(word(value)) for value in rising]) / characters
    return bool((np.diff(_positions(rising)) < (widths[1:] + widths[:-1]) / 2).any())


def _apart(rising: Sequence[Value], room: float) -> list[Value]:
    """Those values, from the first on, that are so far from the one before."""
    shown: list[Value] = []
    last = -1.0
    for value, position in zip(rising, _positions(rising), strict=True):
        if position - last >= room:
            shown.append(value)
            last = position
    return shown


def _positions(rising: Sequence[Value]) -> Floats:
    """Where values lie on their axis, from 0 to 1."""
    numbers = np.array([as_number(value) for value in rising])
    numbers = np.log(numbers) if scale_of(rising) == "log" else numbers
    positions: Floats = (numbers - numbers[0]) / max(float(np.ptp(numbers)), 1e-300)
    return positions


def draw_heat_map(
    ax: "Axes", table: Floats, rows: Axis, columns: Axis, limits: tuple[float, float], sign: int,
    *, best: tuple[int, int] | None = None, annotate: bool = True,
) -> Any:  # fmt: skip
    """Draw means as a coloured table.

    Args:
        ax: Where to draw.
        table: Means, shape `(len(rows.values), len(columns.values))`, NaN where there is none.
        rows: The axis along y.
        columns: The axis along x.
        limits: The lowest and the highest mean that has a colour.
        sign: 1 if higher means are better, else -1; the lighter, the better.
        best: Row and column of the cell to frame.
        annotate: Whether means are written into the cells.

    Returns:
        The image, for a colour bar.
    """
    shades = SHADES if sign > 0 else f"{SHADES}_r"
    image = ax.imshow(table, cmap=shades, aspect="auto", vmin=limits[0], vmax=limits[1])
    across = thinned(range(len(columns.values)), _MOST_TICKS)
    below = _below(columns)
    ax.set_xticks(across, below)
    if _stand_upright(below, _panels_across(ax)):
        ax.tick_params(axis="x", labelrotation=90)
    down = thinned(range(len(rows.values)), 2 * _MOST_TICKS)
    ax.set_yticks(down, [word(rows.values[i]) for i in down])
    ax.set_xlabel(word(columns.name))
    ax.set_ylabel(word(rows.name))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    for (i, j), value in np.ndenumerate(table):
        if annotate and len(columns.values) <= _MOST_NUMBERS and len(down) == len(rows.values):
            size = 8.5 if _characters(ax) > 30 else 7.0
            _annotate(ax, i, j, value, limits if sign > 0 else limits[::-1], size)
    if best is not None:
        _frame(ax, *best)
    return image


def _annotate(
    ax: "Axes", i: int, j: int, value: float, limits: tuple[float, float], size: float
) -> None:
    if np.isnan(value):
        ax.text(j, i, "none", ha="center", va="center", color=FAINT)
        return
    dark, bright = limits
    light = abs(value - dark) > 0.55 * abs(bright - dark)
    text = f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"
    ax.text(j, i, text, ha="center", va="center", color="black" if light else "white", size=size)


def _frame(ax: "Axes", i: int, j: int) -> None:
    from matplotlib.patches import Rectangle

    box = Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=3)
    box.set_clip_on(False)
    ax.add_patch(box)


def draw_parallel(ax: "Axes", analysis: Analysis, axes: Sequence[Axis], most: int) -> None:
    """Draw trials as lines through their values, coloured by their means, the best on top.

    Args:
        ax: Where to draw.
        analysis: The search.
        axes: The axes, from left to right.
        most: So many of the best trials are drawn.
    """
    from matplotlib import colormaps

    sign = analysis.results.objective.sign
    trials = sorted(analysis.compared, key=lambda t: sign * (t.trial.mean or 0.0))[-most:]
    for number, trial in enumerate(trials):
        share = number / max(len(trials) - 1, 1)
        is_best = trial is analysis.best
        # Equal values lie side by side, or lines would hide each other.
        aside = 0.0 if is_best else 0.08 * (share - 0.5)
        chosen = trial.trial.parameters
        # Where a conditional axis doesn't count, the line passes below it.
        heights = [
            _height(axis, chosen[axis.name]) + aside if axis.name in chosen else -0.1
            for axis in axes
        ]
        ax.plot(
            range(len(axes)), heights, color=ORANGE if is_best else colormaps[SHADES](share),
            linewidth=3 if is_best else 0.8, alpha=1.0 if is_best else 0.7, zorder=2 + share,
        )  # fmt: skip
    for position, axis in enumerate(axes):
        ax.axvline(position, color=FAINT, linewidth=1)
        for value in thinned(axis.values, 2 * _MOST_TICKS):
            ax.annotate(
                word(value), (position, _height(axis, value)), xytext=(3, 0), size=8,
                textcoords="offset points", va="center", zorder=9,
            )  # fmt: skip
    ax.set_xticks(range(len(axes)), [word(axis.name) for axis in axes])
    ax.set_xlim(-0.1, len(axes) - 0.7)
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _height(axis: Axis, value: Value) -> float:
    """The place of a value on its axis, from 0 to 1."""
    return axis.values.index(value) / max(len(axis.values) - 1, 1)
