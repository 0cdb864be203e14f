"""Figures: which ones a search gets, that they show its numbers, and the same bytes each time."""

import itertools
import math
import re

import numpy as np
import pytest

from kt_grid.analysis.comparison import analyse
from kt_grid.report.figures import charts, plots
from kt_grid.report.published import published_results
from kt_grid.space import combinations, make_axes
from kt_grid.space.objective import Objective
from kt_grid.store.results import COMPLETED, SearchResults, TrialResult, read_results

TEN = {"folds": 10, "split_rows": [[900, 100]] * 10, "baseline": [0.4] * 10}


def scores(count, seed=0, folds=10):
    random = np.random.RandomState(seed)
    means = np.linspace(0.5, 0.9, count)[:, None]
    return (means + 0.01 * random.normal(size=(count, folds))).tolist()


@pytest.fixture
def analysed(make_search):
    def analysed(grid, outcomes=None, **about):
        count = int(np.prod([len(values) for values in grid.values()]))
        given = scores(count) if outcomes is None else outcomes
        return analyse(read_results(make_search(grid, given, **{**TEN, **about})))

    return analysed


def names(pictures):
    return [picture.name for picture in pictures]


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        pytest.param({"n": [1, 2, 3]}, ["combinations"], id="one-numeric-axis"),
        pytest.param({"w": ["a", "b"]}, ["combinations"], id="one-axis-of-words"),
        pytest.param({"n": [1]}, ["combinations"], id="one-combination"),
        pytest.param(
            {"n": [1, 2], "w": ["a", "b"]}, ["grid", "effects", "combinations"], id="two-axes"
        ),
        pytest.param(
            {"n": [1, 2], "w": ["a", "b"], "r": [0.1, 1.0, 10.0], "z": [False, True]},
            ["grid", "lines", "effects", "combinations"],
            id="four-axes",
        ),
        pytest.param({"n": [1, 2], "w": ["a"]}, ["combinations"], id="one-axis-varies"),
        pytest.param({"w": [f"w{i}" for i in range(60)]}, ["combinations"], id="many-words"),
        pytest.param({"n": list(range(60))}, ["combinations"], id="many-numbers"),
        pytest.param(
            {"n": list(range(8)), "w": list("abcdefg")},
            ["grid", "effects", "combinations"],
            id="many",
        ),
    ],
)
def test_which_figures_a_search_gets(analysed, grid, expected):
    pictures = plots.draw(analysed(grid))
    assert names(pictures) == expected
    assert all(picture.caption.endswith(".") for picture in pictures)
    for picture in pictures:
        assert picture.png(20).startswith(b"\x89PNG")


def test_the_published_figures_are_drawn_where_there_are_any(analysed):
    few = analysed({"neurons": [1, 5, 10]})
    assert names(plots.draw(few, published_results("neurons"))) == ["combinations", "published"]
    assert names(plots.draw(few, published_results("dropout"))) == ["combinations"]
    rates = [round(0.1 * i, 1) for i in range(10)]
    many = analysed({"dropout_rate": rates, "weight_constraint": [1, 2, 3]})
    (*_, cloud) = plots.draw(many, published_results("dropout"))
    (ax,) = cloud.figure.axes
    assert ax.get_xlim() == ax.get_ylim()


def test_nothing_is_drawn_without_a_completed_trial(analysed):
    assert plots.draw(analysed({"n": [1, 2]}, [])) == []
    assert plots.draw(analysed({"n": [1, 2]}, ["bad", None])) == []


def test_an_unfinished_search_is_drawn(analysed):
    grid = {"n": [1, 2], "w": ["a", "b", "c"]}
    outcomes = [*scores(4)[:3], "bad", None]
    grid_map, *_ = plots.draw(analysed(grid, outcomes))
    texts = [text.get_text() for text in grid_map.figure.axes[0].texts]
    assert texts.count("none") == 3


def test_a_curve_shows_means_errors_folds_and_the_baseline(analysed):
    analysis = analysed({"n": [1, 2, 4]})
    (picture,) = plots.draw(analysis)
    (ax,) = picture.figure.axes
    line = ax.lines[0]
    assert line.get_xdata().tolist() == [1, 2, 4]
    assert line.get_ydata().tolist() == [t.trial.mean for t in analysis.trials]
    folds = [y for drawn in ax.lines if drawn.get_marker() == "_" for y in drawn.get_ydata()]
    assert sorted(folds) == sorted(s for t in analysis.trials for s in t.trial.scores)
    half = [
        np.ptp(segment[:, 1]) / 2 for bars in ax.containers for segment in bars[2][0].get_segments()
    ]
    assert half == pytest.approx([t.error for t in analysis.trials])
    assert any(set(drawn.get_ydata()) == {0.4} for drawn in ax.lines)


@pytest.mark.parametrize(
    ("values", "scale"),
    [pytest.param([1, 2, 3], "linear", id="even"), pytest.param([1, 10, 100], "log", id="log")],
)
def test_a_figure_has_the_scale_of_its_axis(analysed, values, scale):
    (picture,) = plots.draw(analysed({"n": values}))
    ax = picture.figure.axes[0]
    assert ax.get_xscale() == scale
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [str(v) for v in values]


def test_a_heat_map_is_right_side_up_and_frames_the_best(analysed):
    analysis = analysed({"n": [1, 2], "w": ["a", "b", "c"]})
    ax = plots.draw(analysis)[0].figure.axes[0]
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("w", "n")
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    for trial in analysis.trials:
        n, w = trial.trial.parameters.values()
        assert texts[([1, 2].index(n), "abc".index(w))] == f"{trial.trial.mean:.3f}"
    (frame,) = ax.patches
    assert (frame.get_x(), frame.get_y()) == (0.5, 1.5)


@pytest.mark.parametrize("objective", ["max:val_accuracy", "min:val_loss"])
def test_standings_differ_by_colour_and_by_marker(analysed, objective):
    analysis = analysed({"n": [1, 2, 4]}, objective=objective)
    ax = plots.draw(analysis)[0].figure.axes[0]
    marks = {(bar[0].get_color(), bar[0].get_marker()) for bar in ax.containers}
    standings = {analysis.standing(trial) for trial in analysis.trials}
    assert marks == {charts.MARKS[standing][:2] for standing in standings}
    assert len({mark[1] for mark in charts.MARKS.values()}) == 3


def test_svg_is_the_same_each_time_and_carries_text_as_text(analysed):
    first, second = (plots.draw(analysed({"n<b>": [1, 2, 3]}))[0].svg() for _ in range(2))
    assert first == second
    assert first.startswith("<svg")
    assert "n&lt;b&gt;" in first
    assert not re.search(r"<dc:date>|<g id=", first)


@pytest.mark.parametrize("name", ["$x^$", r"\alpha", "a_{b", "<script>", "日本", "x" * 200])
def test_whatever_an_axis_is_called(analysed, name):
    # A font without these characters is no reason to fail.
    for picture in plots.draw(analysed({name: [name, "other"], "n": [1, 2]})):
        assert "<script>" not in picture.svg()


def test_conditional_axes_are_drawn(make_search):
    condition = {"parent": "kind", "values": ["z"]}
    axis = {"name": "n", "values": [1, 2], "conditions": [condition]}
    store = make_search({"kind": ["a", "b"]}, scores(2), unmet=[axis], **TEN)
    pictures = plots.draw(analyse(read_results(store)))
    assert pictures
    assert [picture.svg()[:4] for picture in pictures] == ["<svg"] * len(pictures)


@pytest.fixture
def big(search_record):
    """An analysis of a search of any size, that needs no directory."""

    def big(grid):
        axes = tuple(make_axes(grid))
        size = math.prod(len(axis.values) for axis in axes)
        values = np.random.RandomState(0).uniform(size=(size, 3))
        order = np.argsort(np.argsort(-values.mean(axis=1)))
        trials = tuple(
            TrialResult(
                trial_id=str(i),
                parameters=chosen,
                status=COMPLETED,
                scores=tuple(row),
                mean=row.mean(),
                std=row.std(),
                rank=int(rank) + 1,
            )
            for i, (chosen, row, rank) in enumerate(
                zip(combinations(axes), values, order, strict=True)
            )
        )
        objective = Objective("val_accuracy", "max")
        record = search_record()
        return analyse(SearchResults("big", objective, 3, 1, 7, axes, trials, size, record))

    return big


def test_a_grid_of_thousands_is_drawn(big):
    grid, effects, best = plots.draw(big({"n": list(range(60)), "r": list(range(50))}))
    assert len(grid.figure.axes[0].get_yticks()) <= 40
    assert len(grid.figure.axes[0].texts) == 0
    assert [len(ax.get_xticks()) for ax in effects.figure.axes] == [20, 17]
    assert len(best.figure.axes[0].get_yticks()) == 25
    assert all(picture.figure.get_figheight() < 12 for picture in (grid, effects, best))


WORDS = [f"word {number}" for number in range(400)]


@pytest.mark.parametrize(
    "grid",
    [
        pytest.param({"n": list(range(3000))}, id="numbers"),
        pytest.param({"w": WORDS}, id="words"),
        pytest.param({"w": WORDS, "n": [1, 2, 3]}, id="heat-map"),
        pytest.param({"w": WORDS[:50], "n": [1, 2, 3], "k": list(range(10))}, id="lines"),
    ],
)
def test_however_many_there_are_a_figure_has_few_parts(big, grid):
    """Each of them is an element of the page."""
    for picture in plots.draw(big(grid)):
        for ax in picture.figure.axes:
            assert len(ax.get_children()) < 650
            assert len(ax.get_xticks()) <= 40
            assert len(ax.get_yticks()) <= 41


def test_the_curve_of_thousands_has_their_means(big):
    analysis = big({"n": list(range(3000))})
    (picture,) = plots.draw(analysis)
    assert picture.caption == "Mean of each combination."
    line, *marks = picture.figure.axes[0].lines
    assert line.get_ydata().tolist() == [trial.trial.mean for trial in analysis.compared]
    marked = {charts.MARKS[s][1]: [] for s in charts.MARKS}
    for drawn in marks:
        marked[drawn.get_marker()] += drawn.get_ydata().tolist()
    assert marked["D"] == [analysis.best.trial.mean]
    assert sorted(itertools.chain(*marked.values())) == sorted(line.get_ydata().tolist())


@pytest.mark.parametrize("objective", ["max:val_accuracy", "min:val_loss"])
@pytest.mark.parametrize(
    "grid",
    [
        pytest.param({"n": [1, 2], "w": ["a", "b", "c"]}, id="heat-map"),
        pytest.param({"n": [1, 2], "w": ["a", "b", "c"], "z": [False, True]}, id="multiples"),
    ],
)
def test_the_best_cell_is_the_lightest(analysed, grid, objective):
    analysis = analysed(grid, objective=objective)
    panels = [ax.images[0] for ax in plots.draw(analysis)[0].figure.axes if ax.images]
    means = np.concatenate([np.ravel(image.get_array()) for image in panels])
    colours = np.concatenate([image.to_rgba(image.get_array()).reshape(-1, 4) for image in panels])
    lightness = colours[:, :3] @ [0.2126, 0.7152, 0.0722]
    sign = analysis.results.objective.sign
    assert (np.argsort(lightness) == np.argsort(sign * means)).all()
    numbers = [text for ax in plots.draw(analysis)[0].figure.axes for text in ax.texts]
    dark = {float(text.get_text()): text.get_color() == "black" for text in numbers}
    assert dark[max(dark)] == (sign > 0)
    assert dark[min(dark)] == (sign < 0)


@pytest.mark.parametrize(
    ("grid", "label"),
    [
        pytest.param({"c": [9], "n": [1, 2], "w": ["a", "b"]}, "n=2, w=b", id="several"),
        pytest.param({"c": [9], "w": ["a", "b"]}, "b", id="one"),
        pytest.param({"c": [9], "d": [8]}, "c=9, d=8", id="none-varies"),
    ],
)
def test_labels_leave_out_constant_axes(analysed, grid, label):
    (*_, picture) = plots.draw(analysed(grid))
    ax = picture.figure.axes[0]
    assert label in [tick.get_text() for tick in ax.get_yticklabels()]
