"""An analysis becomes figures, drawn with matplotlib and without a display."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.comparison import Analysis, TrialAnalysis
from kt_grid.analysis.effects import AxisEffect
from kt_grid.analysis.wording import name
from kt_grid.report.figures import charts
from kt_grid.report.figures.style import Picture, make_axes, make_panels, styled
from kt_grid.report.published import Published
from kt_grid.space import Axis, Parameters, key
from kt_grid.space.scales import scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

_ROW = 0.27
_MOST = 25
# Beyond these, marks would hide each other, and a page would take minutes.
_MOST_WITH_NOISE = 300
_MOST_LINES = 500
_FACETS = 6
_LABEL = 48


def draw(analysis: Analysis, published: Published | None = None) -> list[Picture]:
    """Draw all figures that fit a search.

    Args:
        analysis: The search.
        published: The tutorial's figures by parameters.

    Returns:
        The grid as a whole, what each axis does, the combinations in order, and ours against
        the published figures; nothing without a completed trial.
    """
    if not analysis.compared:
        return []
    varied = [axis for axis in analysis.results.axes if len(axis.values) > 1]
    makers: list[Callable[[], Picture]] = []
    if len(varied) == 2:
        makers.append(lambda: heat_map(analysis, varied))
    elif len(varied) > 2:
        makers += [
            lambda: small_multiples(analysis, varied),
            lambda: parallel_coordinates(analysis, varied),
        ]
    effects = [effect for effect in analysis.effects if len(effect.values) > 1]
    if len(varied) > 1 and effects:
        makers.append(lambda: axis_effects(analysis, effects))
    makers.append(lambda: combinations(analysis, varied))
    if published and any(key(t.trial.parameters) in published for t in analysis.compared):
        makers.append(lambda: against_published(analysis, published))
    with styled():
        return [make() for make in makers]


def draw_best(searches: Sequence[tuple[Analysis, Published]]) -> list[Picture]:
    """Draw the best combination of several searches, beside the best published one.

    One figure; nothing without a completed trial.
    """
    known = [(a, a.best, theirs) for a, theirs in searches if a.best is not None]
    if not known:
        return []
    with styled():
        figure, ax = make_axes(1.3 + 1.35 * _ROW * len(known))
        for y, (analysis, best, theirs) in enumerate(known):
            charts.draw_trials(ax, analysis, [best], [y])
            if theirs:
                mean, std = max(theirs.values())
                ax.errorbar(mean, y + 0.3, xerr=std, fmt="s", color=charts.PURPLE, markersize=5)
        labels = [charts.word(analysis.results.experiment) for analysis, *_ in known]
        ax.set_yticks(range(len(known)), labels)
        ax.set_ylim(len(known) - 0.4, -0.6)
        ax.set_xlabel(" or ".join(sorted({a.results.objective.name for a, *_ in known})))
        _legend(figure, known[0][0], published=any(theirs for *_, theirs in known))
    caption = "The best mean of each search with its standard error and a dash per fold"
    if any(theirs for *_, theirs in known):
        caption += "; below it the best published one with its standard deviation"
    return [Picture("best", f"{caption}.", figure)]


def combinations(analysis: Analysis, varied: Sequence[Axis]) -> Picture:
    """Draw the combinations with all that is known of their noise.

    They stand along the axis if a single numeric one varies, else in a list.
    """
    (only,) = varied if len(varied) == 1 else (None,)
    caption = "Mean of each combination, its standard error, and a dash per fold."
    if only is not None and scale_of(only.values) != "words":
        figure, ax = make_axes(3.4)
        alone = len(analysis.compared) > _MOST_WITH_NOISE
        charts.draw_curve(ax, analysis, only, alone=alone)
        if alone:
            caption = "Mean of each combination."
        _mark_baseline(analysis, ax.axhline)
        ax.set_ylabel(analysis.results.objective.name)
    else:
        trials = list(analysis.compared)
        if only is None or len(trials) > _MOST:
            trials = sorted(trials, key=lambda t: t.trial.rank or math.inf)[:_MOST]
            if len(trials) < len(analysis.compared):
                caption = f"The {_MOST} best of {len(analysis.compared)} combinations. {caption}"
        figure, ax = make_axes(1.3 + _ROW * len(trials))
        charts.draw_trials(ax, analysis, trials, range(len(trials)))
        _mark_baseline(analysis, ax.axvline)
        caption += _name_rows(ax, trials, varied)
        ax.set_xlabel(analysis.results.objective.name)
    _legend(figure, analysis)
    return Picture("combinations", caption, figure)


def heat_map(analysis: Analysis, varied: Sequence[Axis]) -> Picture:
    """Draw two axes as a table of means: the longer along y, a frame around the best cell."""
    columns, rows = sorted(varied, key=lambda axis: len(axis.values))
    figure, ax = make_axes(_map_height(rows, columns, 1))
    table = _table(analysis.compared, rows, columns)
    best = analysis.best
    cell = None if best is None else _cell(best, rows, columns)
    sign = analysis.results.objective.sign
    image = charts.draw_heat_map(ax, table, rows, columns, _limits(table), sign, best=cell)
    _colour_bar(figure, image, ax, analysis)
    return Picture("grid", "Mean of every combination; the frame is around the best.", figure)


def _map_height(rows: Axis, columns: Axis, across: int) -> float:
    """The height of a heat map in inches, with what stands around it."""
    cells = 0.3 * min(len(rows.values), _MOST)
    return 1.0 + max(cells, charts.size_of(rows)) + charts.size_below(columns, across)


def small_multiples(analysis: Analysis, varied: Sequence[Axis]) -> Picture:
    """Draw more than two axes as heat maps side by side.

    The two axes that explain most stand along x and y, with one map per value of the third; means
    are over all others.
    """
    shares = {effect.axis.name: effect.share for effect in analysis.effects}
    rows, columns, facet = sorted(varied, key=lambda axis: -shares.get(axis.name, 0.0))[:3]
    shown = facet.values[:_FACETS]
    chosen = [[t for t in analysis.compared if t.trial.parameters.get(facet.name) == value]
              for value in shown]  # fmt: skip
    tables = [_table(trials, rows, columns) for trials in chosen]
    across = min(2, len(shown))
    down = -(-len(shown) // across)
    figure, grid = make_panels(down * _map_height(rows, columns, across), down, across)
    limits, sign = _limits(np.concatenate(tables)), analysis.results.objective.sign
    image: Any = None
    for ax, table, value in zip(grid.flat, tables, shown, strict=False):
        image = charts.draw_heat_map(
            ax, table, rows, columns, limits, sign, annotate=len(columns.values) <= 4
        )
        ax.set_title(charts.word(f"{facet.name}={value}"))
        ax.set(xlabel=None, ylabel=None)
    figure.supxlabel(charts.word(columns.name), size="medium")
    figure.supylabel(charts.word(rows.name), size="medium")
    for ax in grid.flat[len(shown) :]:
        ax.set_axis_off()
    _colour_bar(figure, image, grid, analysis)
    others = " over all other axes" if len(varied) > 3 else ""
    cut = f" The first {_FACETS} values of {facet.name}." if len(facet.values) > _FACETS else ""
    return Picture("grid", f"Means{others}, one map per value of {facet.name}.{cut}", figure)


def parallel_coordinates(analysis: Analysis, varied: Sequence[Axis]) -> Picture:
    """Draw combinations as lines through their values: lighter is better, the best is thick."""
    figure, ax = make_axes(3.6)
    charts.draw_parallel(ax, analysis, varied, _MOST_LINES)
    number = len(analysis.compared)
    shown = "Every combination as a line through its values"
    if number > _MOST_LINES:
        shown = f"The {_MOST_LINES} best of {number} combinations as lines through their values"
    return Picture("lines", f"{shown}: the lighter the better, the best is thick.", figure)


def axis_effects(analysis: Analysis, effects: Sequence[AxisEffect]) -> Picture:
    """Draw what each axis with several values does by itself: one panel each, all on one scale."""
    across = min(2, len(effects))
    down = -(-len(effects) // across)
    figure, grid = make_panels(2.5 * down, down, across)
    for ax, effect in zip(grid.flat, effects, strict=False):
        charts.draw_effect(ax, effect)
        _mark_baseline(analysis, ax.axhline)
    for ax in grid.flat[len(effects) :]:
        ax.set_axis_off()
    for ax in grid[:, 0]:
        ax.set_ylabel(analysis.results.objective.name)
    caption = (
        "What each axis does by itself: mean over all other axes, its standard error without what "
        "all values share on a fold, and the share of the variance it explains."
    )
    if any(any(effect.worse) for effect in effects):
        caption += " Crosses: significantly worse than the axis's best value."
    return Picture("effects", caption, figure)


def against_published(analysis: Analysis, published: Published) -> Picture:
    """Draw our means against the tutorial's.

    A list has both; where there are many, a cloud of points lies around the diagonal.
    """
    trials = [t for t in analysis.compared if key(t.trial.parameters) in published]
    theirs = [published[key(t.trial.parameters)] for t in trials]
    caption = "Ours and the tutorial's published means, with standard deviations over the folds."
    if len(trials) > _MOST:
        figure, ax = make_axes(4.2)
        _cloud(ax, trials, theirs)
    else:
        figure, ax = make_axes(1.3 + 1.25 * _ROW * len(trials))
        for y, (trial, (mean, std)) in enumerate(zip(trials, theirs, strict=True)):
            ours = trial.trial
            ax.errorbar(ours.mean or 0.0, y - 0.15, xerr=ours.std, fmt="o", color=charts.BLUE,
                        markersize=5, label=None if y else "ours")  # fmt: skip
            ax.errorbar(mean, y + 0.15, xerr=std, fmt="s", color=charts.PURPLE,
                        markersize=5, label=None if y else "published")  # fmt: skip
        varied = [axis for axis in analysis.results.axes if len(axis.values) > 1]
        caption += _name_rows(ax, trials, varied)
        ax.set_xlabel(analysis.results.objective.name)
        figure.legend(loc="outside lower center", ncols=2)
    return Picture("published", caption, figure)


def _cloud(ax: "Axes", trials: Sequence[TrialAnalysis], theirs: Sequence[Any]) -> None:
    ours = [trial.trial for trial in trials]
    ax.errorbar(
        [mean for mean, _ in theirs], [t.mean or 0.0 for t in ours],
        xerr=[std for _, std in theirs], yerr=[t.std or 0.0 for t in ours],
        fmt="o", color=charts.BLUE, ecolor=charts.FAINT, elinewidth=0.6, markersize=4,
    )  # fmt: skip
    limits = min(ax.get_xlim()[0], ax.get_ylim()[0]), max(ax.get_xlim()[1], ax.get_ylim()[1])
    ax.plot(limits, limits, color=charts.INK, linewidth=0.8, linestyle=":")
    ax.set_xlim(limits)
    ax.set_ylim(limits)
    ax.set_xlabel("published")
    ax.set_ylabel("ours")


def _colour_bar(figure: "Figure", image: Any, beside: Any, analysis: Analysis) -> None:
    bar = figure.colorbar(image, ax=beside, label=analysis.results.objective.name)
    # matplotlib types the outline as if it couldn't be hidden.
    outline: Any = bar.outline
    outline.set_visible(False)
    low, high = image.get_clim()
    if analysis.baseline is not None and low <= analysis.baseline.mean <= high:
        bar.ax.axhline(analysis.baseline.mean, color=charts.GREEN, linewidth=3)


def _name_rows(ax: "Axes", trials: Sequence[TrialAnalysis], varied: Sequence[Axis]) -> str:
    """Label the rows, first on top, by what differs: values of the single axis, or of several.

    Returns:
        What the caption has to say of the labels.
    """
    (only,) = varied if len(varied) == 1 else (None,)
    differing = [_differing(t.trial.parameters, varied) for t in trials]
    labels = [name(parameters) for parameters in differing]
    by_value = only is not None or max(map(len, labels)) > _LABEL
    if by_value:
        labels = [", ".join(map(str, parameters.values())) for parameters in differing]
    labels = [charts.word(label, _LABEL if only is None else charts.SHORT) for label in labels]
    small = 8 if only is None else None
    ax.set_yticks(range(len(trials)), labels, fontsize=small)
    ax.set_ylim(len(trials) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    if only is not None:
        ax.set_ylabel(charts.word(only.name))
    listed = ", ".join(axis.name for axis in varied)
    return f" Rows show the values of {listed}." if by_value and only is None else ""


def _differing(parameters: Parameters, varied: Sequence[Axis]) -> Parameters:
    """Parameters without constant axes, unless all are."""
    names = {axis.name for axis in varied} or set(parameters)
    return {axis: value for axis, value in parameters.items() if axis in names}


def _mark_baseline(analysis: Analysis, line: Callable[..., Any]) -> None:
    if analysis.baseline is not None:
        line(analysis.baseline.mean, color=charts.GREEN, linestyle="--", linewidth=1.4, zorder=0)


def _legend(figure: "Figure", analysis: Analysis, *, published: bool | None = None) -> None:
    """Say what the marks mean; of the best trials alone if `published` is given."""
    from matplotlib.lines import Line2D

    best = [] if analysis.best is None else [analysis.best]
    shown = analysis.compared if published is None else best
    present = {analysis.standing(trial) for trial in shown}
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", label=label)
        for standing, (colour, marker, label) in charts.MARKS.items()
        if standing in present
    ]
    if published:
        handles.append(
            Line2D([], [], color=charts.PURPLE, marker="s", linestyle="none", label="published")
        )
    elif analysis.baseline is not None and published is None:
        label = f"always {analysis.baseline.answer}"
        handles.append(Line2D([], [], color=charts.GREEN, linestyle="--", label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)


def _table(trials: Sequence[TrialAnalysis], rows: Axis, columns: Axis) -> Floats:
    """Means by row and column, over whatever else varies; NaN where there is no trial."""
    sums = np.zeros((len(rows.values), len(columns.values)))
    counts = np.zeros_like(sums)
    for trial in trials:
        cell = _cell(trial, rows, columns)
        if cell is not None:
            sums[cell] += trial.trial.mean or 0.0
            counts[cell] += 1
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _cell(trial: TrialAnalysis, rows: Axis, columns: Axis) -> tuple[int, int] | None:
    chosen = trial.trial.parameters
    if rows.name not in chosen or columns.name not in chosen:
        return None
    return rows.values.index(chosen[rows.name]), columns.values.index(chosen[columns.name])


def _limits(table: Floats) -> tuple[float, float]:
    if np.isnan(table).all():
        return 0.0, 1.0
    return float(np.nanmin(table)), float(np.nanmax(table))
