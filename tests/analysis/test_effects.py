"""Main effects and shares of variance, on complete, holey and conditional grids."""

import itertools

import numpy as np
import pytest

from kt_grid.analysis.confidence_set import Design, confidence_set, estimate_noise
from kt_grid.analysis.effects import main_effects
from kt_grid.space import Axis, Condition, combinations, make_axes

AXES = make_axes({"a": [1, 2, 3], "b": ["x", "y"]})
GRID = [*combinations(AXES)]


def test_effects_of_a_complete_grid_are_averages():
    units = np.random.RandomState(0).normal(size=(6, 4))
    table = units.mean(axis=1).reshape(3, 2)
    a, b = main_effects(AXES, GRID, units[:, None], Design(0.0, 0.0))
    assert (a.values, b.values) == ((1, 2, 3), ("x", "y"))
    assert a.means == pytest.approx(table.mean(axis=1))
    assert b.means == pytest.approx(table.mean(axis=0))
    by_unit = units.reshape(3, 2, 4).mean(axis=1)
    noise = estimate_noise(by_unit[:, None], Design(0.0, 0.0))
    assert a.errors == pytest.approx(noise.variance**0.5)
    expected = confidence_set(by_unit[:, None], Design(0.0, 0.0), 0.025)
    assert a.p == pytest.approx(np.minimum(2 * expected.p, 1))
    assert a.worse == tuple(expected.worse)


def test_what_all_values_share_on_a_fold_is_not_in_their_errors():
    units = np.random.RandomState(0).normal(size=(6, 1, 4))
    before, after = (
        main_effects(AXES, GRID, shifted, Design(0.0, 0.0))
        for shifted in (units, units + 100 * np.arange(4))
    )
    for a, b in zip(before, after, strict=True):
        assert a.errors == pytest.approx(b.errors)
        assert a.p == pytest.approx(b.p)


def test_a_value_that_is_behind_on_average_is_seen_though_no_trial_is():
    random = np.random.RandomState(1)
    axes = make_axes({"a": list(range(10)), "b": list(range(5))})
    noise = 0.03 * random.normal(size=(50, 1, 3)) + 0.05 * random.normal(size=(1, 1, 3))
    behind = np.repeat([0.05] + [0.0] * 9, 5)
    scores = 0.7 + noise - behind[:, None, None]
    design = Design(0.125, 0.0)
    a, b = main_effects(axes, [*combinations(axes)], scores, design)
    assert a.worse == (True, *[False] * 9)
    assert not any(b.worse)
    assert not confidence_set(scores, design).worse.any()


def test_values_are_not_compared_on_a_grid_that_is_not_complete():
    scores = np.random.RandomState(0).normal(size=(5, 1, 4))
    for effect in main_effects(AXES, GRID[:5], scores, Design(0.0, 0.0)):
        assert (effect.p, effect.worse) == ((), ())
        assert len(effect.errors) == len(effect.values)


@pytest.mark.parametrize(
    ("axes", "trials"), [pytest.param((), 1, id="no-axis"), pytest.param(AXES, 0, id="no-trial")]
)
def test_nothing_has_no_effects(axes, trials):
    assert main_effects(axes, GRID[:trials], np.zeros((trials, 3))) == ()


def test_shares_of_a_complete_grid_are_the_functional_anovas():
    units = np.random.RandomState(1).normal(size=(6, 3))
    table = units.mean(axis=1).reshape(3, 2)
    a, b = main_effects(AXES, GRID, units)
    assert a.share == pytest.approx(table.mean(axis=1).var() / table.var())
    assert b.share == pytest.approx(table.mean(axis=0).var() / table.var())


@pytest.mark.parametrize("missing", [[0], [1, 4], [5]], ids=str)
def test_an_additive_truth_is_found_though_trials_are_missing(missing):
    truth = np.array([x + y for x, y in itertools.product([0.0, 1.0, 5.0], [0.0, 2.0])])
    kept = [i for i in range(6) if i not in missing]
    units = np.repeat(truth[kept, None], 3, axis=1)
    a, b = main_effects(AXES, [GRID[i] for i in kept], units)
    assert np.diff(a.means) == pytest.approx([1.0, 4.0])
    assert np.diff(b.means) == pytest.approx([2.0])
    assert a.share + b.share == pytest.approx(1.0)


def test_a_value_that_no_trial_has_is_left_out():
    kept = [i for i, chosen in enumerate(GRID) if chosen["a"] != 2]
    a, _ = main_effects(AXES, [GRID[i] for i in kept], np.random.RandomState(2).normal(size=(4, 2)))
    assert a.values == (1, 3)


def test_an_axis_that_counts_only_sometimes():
    axes = [Axis("kind", ("p", "q")), Axis("n", (1, 2), (Condition("kind", ("q",)),))]
    chosen = [*combinations(axes)]
    assert len(chosen) == 3
    kind, n = main_effects(axes, chosen, np.array([[1.0], [2.0], [4.0]]))
    assert n.values == (1, 2)
    assert np.diff(n.means) == pytest.approx([2.0])
    assert kind.share + n.share == pytest.approx(1.0)
    assert n.errors == ()


@pytest.mark.parametrize("trials", [0, 1])
def test_too_few_trials_explain_nothing(trials):
    effects = main_effects(AXES, GRID[:trials], np.ones((trials, 3)))
    assert [effect.share for effect in effects] == [0.0] * 2 * trials


def test_equal_scores_explain_nothing():
    assert [e.share for e in main_effects(AXES, GRID, np.ones((6, 3)))] == [0.0, 0.0]


def test_a_value_may_be_none():
    axes = [Axis("a", (None, 0.5)), Axis("b", (1, 2), (Condition("a", (0.5,)),))]
    chosen = [{"a": None}, {"a": 0.5, "b": 1}, {"a": 0.5, "b": 2}]
    a, b = main_effects(axes, chosen, np.array([[1.0], [2.0], [4.0]]))
    assert (a.values, b.values) == ((None, 0.5), (1, 2))
    assert len(a.means) == len(b.means) == 2
