"""Every distinct combination of what builds ask for comes once, in the order that is stated."""

import itertools
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_grid import space
from kt_grid.errors import GridError
from kt_grid.space import Asked, Axis, Condition, DecisionTree

NAMES = "abcde"
STEPS = st.deferred(lambda: st.lists(st.one_of(ASKS, BRANCHES), max_size=3))
ASKS = st.builds(
    lambda name, values, default: ("ask", name, tuple(values), values[default % len(values)]),
    st.sampled_from(NAMES),
    st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True),
    st.integers(0, 2),
)
# Ask for something, then go on in another way for each of its values.
BRANCHES = st.tuples(st.just("branch"), ASKS, st.lists(STEPS, min_size=1, max_size=3))
GRIDS = st.dictionaries(
    st.sampled_from([*NAMES, "unknown", "epochs"]),
    st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True),
    max_size=3,
)


def run(steps, values):
    """What a program asks for when it is given some values, and its answers."""
    asked, answers = [], {}

    def ask(name, offered, default):
        if name not in answers:
            asked.append(Asked(name, offered, default))
            answers[name] = values.get(name, offered[0])
        return answers[name]

    def follow(steps):
        for step in steps:
            if step[0] == "ask":
                ask(*step[1:])
            else:
                follow(step[2][ask(*step[1][1:]) % len(step[2])])

    follow(steps)
    return asked, answers


def explorer(steps, calls=None):
    def explore(values):
        if calls is not None:
            calls.append(values)
        return run(steps, values)[0]

    return explore


def by_force(steps, grid, named=()):
    """The same as a tree's combinations, by running the program over and over."""
    found = {}

    def extend(values):
        asked, _ = run(steps, values)
        for one in asked:
            if one.name not in values:
                offered = (one.default,) if one.name in named else one.values
                for value in offered:
                    extend({**values, one.name: value})
                return
        names = [one.name for one in asked]
        stated = {n: v for n, v in values.items() if n in grid and n in (*names, "epochs")}
        free = {n: values[n] for n in names if n not in grid and n not in named}
        parameters = stated | free
        found.setdefault(json.dumps(parameters), parameters)

    for choice in itertools.product(*grid.values()):
        extend(dict(zip(grid, choice, strict=True)))
    return list(found.values())


def told(parameters):
    """Combinations as texts, in which their order shows too."""
    return [json.dumps(one) for one in parameters]


@given(STEPS, GRIDS)
def test_random_programs_are_enumerated_exactly(steps, grid):
    tree, calls = DecisionTree(), []
    expected = told(by_force(steps, grid))
    assert told(tree.combinations(grid, explorer(steps, calls))) == expected
    # Each build that is run shows one combination.
    assert len(calls) <= len(expected)
    assert told(tree.combinations(grid)) == expected
    assert tree.count(grid) == len(expected)
    assert tree.count(grid, 2) == min(2, len(expected))
    assert tree.is_complete(grid)
    again = DecisionTree.from_json(json.loads(json.dumps(tree.to_json())))
    assert again.root is tree.root


@given(STEPS, GRIDS.filter(bool), GRIDS.filter(bool))
def test_lists_of_dicts_follow_each_other(steps, one, other):
    tree = DecisionTree()
    parts = [*by_force(steps, one, other.keys() - one), *by_force(steps, other, one.keys() - other)]
    expected = {}
    for parameters in parts:
        expected.setdefault(space.key(parameters), parameters)
    found = [*tree.combinations([one, other], explorer(steps))]
    assert told(found) == told(expected.values())
    assert told(tree.combinations([one, other])) == told(found)
    assert tree.count([one, other]) == len(found) <= tree.count([one, other], assume=True)


@given(STEPS, GRIDS, st.randoms(use_true_random=False))
def test_the_order_of_exploring_changes_nothing(steps, grid, random):
    complete = DecisionTree()
    combinations = [*complete.combinations(grid, explorer(steps))]
    shuffled = random.sample(combinations, len(combinations))
    tree = DecisionTree()
    for parameters in shuffled:
        filled = {name: values[0] for name, values in grid.items()} | parameters
        tree.learn(filled, run(steps, filled)[0])
    assert tree.root is complete.root
    assert told(tree.combinations(grid)) == told(combinations)


@given(STEPS, GRIDS)
def test_a_grid_narrows_what_another_grid_explored(steps, grid):
    tree = DecisionTree()
    everything = [*tree.combinations({}, explorer(steps))]
    assert told(everything) == told(by_force(steps, {}))
    known = tree.root
    assert told(tree.combinations(grid, explorer(steps))) == told(by_force(steps, grid))
    assert told(tree.combinations({})) == told(everything)
    assert grid or tree.root is known


@given(STEPS, GRIDS)
def test_axes_are_those_of_the_combinations(steps, grid):
    tree = DecisionTree()
    combinations = [*tree.combinations(grid, explorer(steps))]
    axes = {axis.name: set(axis.values) for axis in tree.axes(grid)}
    met = {}
    for parameters in combinations:
        for name, value in parameters.items():
            met.setdefault(name, set()).add(value)
    assert axes == met
    assert [name for name in axes if name in grid] == [name for name in grid if name in axes]
    assert set(tree.dead_axes(grid)) == grid.keys() - met.keys()


def test_what_is_not_asked_for_on_a_way_is_no_part_of_it():
    # `width` counts beside the kind "wide" only.
    def explore(values):
        wide = values.get("kind", "flat") == "wide"
        return [Asked("kind", ("flat", "wide"), "flat"), *[Asked("width", (1,), 1)] * wide]

    tree, grid = DecisionTree(), {"width": [2, 3, 4], "dept": [5, 6]}
    assert [*tree.combinations(grid, explore)] == [
        {"kind": "flat"},
        {"width": 2, "kind": "wide"},
        {"width": 3, "kind": "wide"},
        {"width": 4, "kind": "wide"},
    ]
    assert tree.axes(grid) == [Axis("width", (2, 3, 4)), Axis("kind", ("flat", "wide"))]
    assert tree.dead_axes(grid) == {"dept": None}
    assert tree.dead_axes({"kin": ["flat"], "epochs": [1]}) == {"kin": "kind"}
    assert tree.dead_axes({"kin": ["flat"]}, always=["kin"]) == {}


def test_what_always_counts_is_part_of_every_combination():
    grid = {"epochs": [1, 2], "pick": ["x"], "batch_size": [8]}
    tree = DecisionTree()
    found = [*tree.combinations(grid, lambda _: [], always=["pick"])]
    assert found == [{"epochs": n, "pick": "x", "batch_size": 8} for n in (1, 2)]
    assert tree.count(grid, always=["pick"]) == 2
    assert tree.count(grid) == 2
    assert [*tree.combinations(grid)] == [{"epochs": n, "batch_size": 8} for n in (1, 2)]


def test_exploring_goes_only_as_far_as_combinations_are_taken():
    calls = []

    def explore(values):
        calls.append(values)
        return [Asked("a", (1, 2, 3)), Asked("b", (1, 2))]

    tree = DecisionTree()
    first = [*tree.combinations({}, explore, 3)]
    assert first == [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 1}]
    assert calls == [{}, {"a": 1, "b": 2}, {"a": 2}]
    assert not tree.is_complete({})
    assert (tree.count({}), tree.count({}, assume=True)) == (3, 6)
    assert tree.count({"a": [7, 8]}, assume=True) == 4


def test_a_plain_product_is_a_node_per_axis_and_quick():
    axes = [Axis(name, tuple(range(10))) for name in "abcd"]
    tree = DecisionTree.from_axes(axes)
    assert len(tree.to_json()["nodes"]) == 4
    grid = {name: list(range(10)) for name in "dcba"}
    begin = time.perf_counter()
    found = [*tree.combinations(grid)]
    took = time.perf_counter() - begin
    assert [tuple(one.values()) for one in found] == [*itertools.product(range(10), repeat=4)]
    assert took < 1
    large = DecisionTree.from_axes([Axis(f"x{n}", tuple(range(100))) for n in range(20)])
    assert (large.count({}), large.count({}, 7)) == (100**20, 7)
    assert next(large.combinations({"x3": [5, 6]}))["x3"] == 5


def test_kinds_with_their_own_axes_cost_what_they_yield():
    # The product of these would have 10**12 combinations.
    axes = [Axis("kind", tuple(range(12)))]
    axes += [Axis(f"x{n}", tuple(range(10)), (Condition("kind", (n,)),)) for n in range(12)]
    tree = DecisionTree.from_axes(axes)
    grid = {f"x{n}": list(range(10)) for n in range(12)}
    found = [*tree.combinations(grid)]
    assert len(found) == tree.count(grid) == 120
    assert found[:2] == [{"x0": 0, "kind": 0}, {"x1": 0, "kind": 1}]
    assert found[-1] == {"x0": 9, "kind": 0}


@st.composite
def declared_axes(draw):
    """Axes of which some have conditions on those before them, and names may come again."""
    axes = []
    for number in range(draw(st.integers(1, 5))):
        parents = draw(st.lists(st.sampled_from(axes), max_size=2)) if axes else []
        conditions = tuple(
            Condition(p.name, tuple(draw(st.sets(st.sampled_from(p.values))))) for p in parents
        )
        name = f"axis{draw(st.integers(0, number))}"
        if name not in {parent.name for parent in parents}:
            digits = tuple(draw(st.permutations(range(3)))[: draw(st.integers(1, 3))])
            axes.append(Axis(name, digits, conditions))
    return axes


@given(declared_axes())
def test_declared_axes_are_enumerated_as_before(axes):
    tree = DecisionTree.from_axes(axes)
    expected = told(space.combinations(axes))
    assert told(tree.combinations({})) == expected
    assert tree.count({}) == len(expected)
    assert tree.is_complete({})


@pytest.mark.parametrize(
    "grid",
    [
        pytest.param({"a": [1, 2], "b": ["x"], "c": [None, (1, 2)]}, id="dict"),
        pytest.param([{"a": [1, 2]}, {"b": ["x"], "a": [2]}, {"a": [2, 3]}], id="list-of-dicts"),
    ],
)
def test_stated_grids_are_enumerated_as_before(grid):
    axes = space.make_axes(grid)
    tree = DecisionTree.from_axes(axes)
    assert told(tree.combinations(grid)) == told(space.combinations(axes))
    assert [axis.name for axis in tree.axes(grid)] == space.axis_names(axes)


def test_values_that_python_takes_for_equal_are_told_apart():
    def explore(values):
        whole = isinstance(values.get("x", 1), int)
        return [Asked("x", (1, 2), 1), *[Asked("y", (None, (1, "a")))] * (not whole)]

    tree = DecisionTree()
    assert told(tree.combinations({}, explore)) == ['{"x": 1}', '{"x": 2}']
    stated = {"x": [1.0, 2.5], "epochs": [1]}
    found = told(tree.combinations(stated, explore))
    assert found[0] == '{"x": 1.0, "epochs": 1, "y": null}'
    assert len(found) == 4
    again = DecisionTree.from_json(json.loads(json.dumps(tree.to_json(), sort_keys=True)))
    assert told(again.combinations(stated)) == found
    assert again.root is tree.root


def test_what_is_only_looked_up_has_no_value_unless_it_is_stated():
    def explore(values):
        return [Asked("units", ()), Asked("deep" if "units" in values else "flat", (1, 2))]

    tree = DecisionTree()
    assert [*tree.combinations({}, explore)] == [{"flat": 1}, {"flat": 2}]
    stated = [{"units": 8, "deep": 1}, {"units": 8, "deep": 2}]
    assert [*tree.combinations({"units": [8]}, explore)] == stated
    assert [*tree.combinations({})] == [{"flat": 1}, {"flat": 2}]


def test_a_training_that_asks_for_more_extends_its_way():
    def explore(values):
        return [Asked("a", (1, 2))]

    tree = DecisionTree()
    assert [*tree.combinations({}, explore)] == [{"a": 1}, {"a": 2}]
    tree.extend({"a": 1}, Asked("late", (7, 8), 8))
    assert [*tree.combinations({})] == [{"a": 1, "late": 7}, {"a": 2}]
    # No build can tell what follows, only that it asks for what it asked for before.
    found = [{"a": 1, "late": 7}, {"a": 1, "late": 8}, {"a": 2}]
    assert [*tree.combinations({}, explore)] == [*tree.combinations({})] == found
    tree.extend({"a": 1, "late": 8}, Asked("later", (0,)))
    assert [*tree.combinations({}, explore)][1] == {"a": 1, "late": 8, "later": 0}
    assert [one.name for one in tree.asked({"a": 1, "late": 8})] == ["a", "late", "later"]


def test_what_a_training_asked_for_does_not_depend_on_when():
    late = Asked("late", (7, 8))
    trees = [DecisionTree(), DecisionTree()]
    trees[0].learn({}, [Asked("a", (1,)), late])
    trees[0].learn({}, [Asked("a", (1,))])
    trees[1].learn({}, [Asked("a", (1,))])
    trees[1].learn({}, [Asked("a", (1,)), late])
    assert trees[0].root is trees[1].root


def test_another_build_than_before_counts():
    tree = DecisionTree()
    tree.learn({}, [Asked("a", (1,)), Asked("b", (1,))])
    tree.learn({}, [Asked("a", (1, 2))])
    assert [*tree.combinations({}, lambda _: [Asked("a", (1, 2))])] == [{"a": 1}, {"a": 2}]


def test_builds_that_contradict_themselves_are_refused(raises):
    answers = iter([[Asked("a", (1, 2))], [Asked("b", (1, 2))]])
    with raises(GridError, "a before", "b with {'a': 2}"):
        [*DecisionTree().combinations({}, lambda _: next(answers))]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"root": 7}, id="no-such-root"),
        pytest.param({"root": True}, id="root-is-no-number"),
        pytest.param({"nodes": None}, id="no-nodes"),
        pytest.param({"nodes": [{"name": "a"}]}, id="keys-missing"),
        pytest.param(
            {"nodes": [{"name": "a", "values": [1], "default": 1, "children": {"1": 0}}]},
            id="its-own-child",
        ),
        pytest.param(
            {"nodes": [{"name": "a", "values": [1], "default": 1, "children": {"{": -1}}]},
            id="broken-value",
        ),
        pytest.param(
            {"nodes": [{"name": "a", "values": [[], {}], "default": 1, "children": {}}]},
            id="dict-as-value",
        ),
    ],
)
def test_what_is_no_tree_is_refused(raises, change):
    record = DecisionTree.from_axes([Axis("a", (1,))]).to_json()
    with raises(GridError, "hyperparameters that builds asked for"):
        DecisionTree.from_json({**record, **change})


def test_an_unknown_tree_survives_json():
    assert DecisionTree.from_json(DecisionTree().to_json()).root is None
    tree = DecisionTree()
    tree.learn({}, [])
    assert [*DecisionTree.from_json(tree.to_json()).combinations({})] == [{}]
