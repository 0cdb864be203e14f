"""Grids enumerate like itertools.product, conditional axes where they count."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import ParameterGrid

from kt_grid import space
from kt_grid.errors import GridError
from kt_grid.space import Axis, Condition

kinds = [st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()]
values = st.one_of([st.lists(kind, min_size=1, max_size=4, unique=True) for kind in kinds])
grids = st.dictionaries(st.text(min_size=1, max_size=8), values, max_size=4)


@st.composite
def conditional_axes(draw):
    """Axes of digits, each with conditions on some of the axes before it."""
    axes = []
    for number in range(draw(st.integers(1, 5))):
        parents = draw(st.lists(st.sampled_from(axes), max_size=2)) if axes else []
        conditions = [
            Condition(p.name, tuple(draw(st.sets(st.sampled_from(p.values))))) for p in parents
        ]
        digits = tuple(draw(st.permutations(range(3)))[: draw(st.integers(1, 3))])
        axes.append(Axis(f"axis{number}", digits, tuple(conditions)))
    return axes


@given(grids)
def test_combinations_are_itertools_product(grid):
    axes = space.make_axes(grid)
    expected = [
        dict(zip(grid, choice, strict=True)) for choice in itertools.product(*grid.values())
    ]
    assert list(space.combinations(axes)) == expected
    assert space.count(axes) == len(expected)


@given(conditional_axes())
def test_conditional_combinations_are_the_filtered_product(axes):
    full = [
        dict(zip([axis.name for axis in axes], choice, strict=True))
        for choice in itertools.product(*(axis.values for axis in axes))
    ]
    expected = list({json.dumps(_active(choice, axes)): _active(choice, axes) for choice in full})
    assert [json.dumps(chosen) for chosen in space.combinations(axes)] == expected
    assert space.count(axes) == len(expected)


def test_an_axis_declared_in_two_branches_counts_once():
    axes = [
        Axis("kind", ("a", "b")),
        Axis("units", (1, 2), (Condition("kind", ("a",)),)),
        Axis("units", (3,), (Condition("kind", ("b",)),)),
        Axis("units", (9,)),
    ]
    chosen = [(c["kind"], c["units"]) for c in space.combinations(axes)]
    assert chosen == [("a", 1), ("a", 2), ("b", 3)]


@given(conditional_axes())
def test_axes_survive_json(axes):
    assert [Axis.from_json(json.loads(json.dumps(axis.to_json()))) for axis in axes] == axes


@given(grids, grids)
def test_key_is_the_same_for_the_same_parameters_only(one, other):
    assert space.key(one) == space.key(dict(reversed(one.items())))
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (space.key(one) == space.key(other)) == same


def test_key_tells_types_apart():
    assert len({space.key({"a": value}) for value in (1, 1.0, True, "1")}) == 4


def test_a_list_of_dicts_is_scikit_learns():
    grid = [
        {"kernel": ["linear"], "shrink": [True, False]},
        {"gamma": [None, 0.5, "scale"], "kernel": ["rbf", "linear"]},
        {"kernel": ["linear", "other"], "shrink": [False]},
    ]
    # scikit-learn repeats what two dicts have in common.
    expected = list({space.key(p): p for p in ParameterGrid(grid)}.values())
    axes = space.make_axes(grid)
    assert list(space.combinations(axes)) == expected
    assert space.count(axes) == len(expected) == 9
    assert (space.count(axes, 4), space.count(axes, 99)) == (4, 9)
    assert space.axis_names(axes) == ["kernel", "shrink", "gamma"]
    assert [Axis.from_json(json.loads(json.dumps(axis.to_json()))) for axis in axes] == axes


@pytest.mark.parametrize(
    "grid",
    [
        pytest.param([], id="empty"),
        pytest.param([{}, {"a": [1]}], id="empty-dict"),
        pytest.param([["a", [1]]], id="lists"),
        pytest.param("a=1", id="text"),
        pytest.param({1: [2]}, id="number-as-name"),
        pytest.param([{"a": []}], id="no-values"),
        pytest.param(None, id="none"),
    ],
)
def test_what_is_no_grid_is_refused(raises, grid):
    with raises(GridError):
        space.check_grid(grid)


def _active(choice, axes):
    chosen = {}
    for axis in axes:
        if all(chosen.get(c.parent) in c.values for c in axis.conditions):
            chosen[axis.name] = choice[axis.name]
    return chosen
