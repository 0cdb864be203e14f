"""Grids enumerate like itertools.product, and the parser raises nothing but GridError."""

import itertools
import json
import math

import keras_tuner
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import ParameterGrid

from kt_grid import space
from kt_grid.errors import GridError
from kt_grid.space import Axis, Condition

names = st.text(
    st.characters(exclude_characters="=,", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda text: text == text.strip())


def is_word(text):
    try:
        return space.parse_words([f"axis={text}"]) == {"axis": (text,)}
    except GridError:
        return False


words = names.filter(is_word)
lists = [st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), words]
values = st.one_of([st.lists(kind, min_size=1, max_size=4, unique=True) for kind in lists])
grids = st.dictionaries(names, values, max_size=4)


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


@given(grids)
def test_parser_round_trip(grid):
    lines = [f"{name}={','.join(map(str, values))}" for name, values in grid.items()]
    parsed = space.parse_words(lines)
    assert repr(parsed) == repr({name: tuple(values) for name, values in grid.items()})


@given(st.lists(st.text() | st.from_regex(r"[a-z]=[-0-9.,einfatrus ]*", fullmatch=True)))
def test_parser_raises_nothing_but_griderror(lines):
    try:
        grid = space.parse_words(lines)
    except GridError as error:
        grid, message = {}, str(error)
    else:
        message = ""
        assert len(grid) == len(lines)
    assert grid or not lines or message.startswith("Expected ")
    assert ("Received: " in message) == bool(lines and not grid)
    assert all(isinstance(value, bool | int | float | str) for v in grid.values() for value in v)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        pytest.param("5,10", (5, 10), id="integers"),
        pytest.param("-1", (-1,), id="negative"),
        pytest.param("0.1,1", (0.1, 1.0), id="integers-beside-floats"),
        pytest.param("1e-3,.5", (0.001, 0.5), id="floats"),
        pytest.param("true,False", (True, False), id="booleans"),
        pytest.param("true,1", ("true", "1"), id="words-that-look-like-others"),
        pytest.param("relu, tanh ", ("relu", "tanh"), id="words-and-spaces"),
        pytest.param("a=b", ("a=b",), id="equals-sign-in-a-value"),
    ],
)
def test_parse_words(listed, expected):
    parsed = space.parse_words([f" axis ={listed}"])
    assert repr(parsed) == repr({"axis": expected})


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param(["units"], ["'units'", "AXIS=VALUE"], id="no-equals-sign"),
        pytest.param(["=1"], ["'=1'"], id="no-name"),
        pytest.param([""], ["''"], id="empty"),
        pytest.param(["units="], ["'units='"], id="no-value"),
        pytest.param(["units=1,,2"], ["'units=1,,2'"], id="missing-value"),
        pytest.param(["units=1", "units=2"], ["units", "twice"], id="axis-twice"),
        pytest.param(["units=1,1"], ["'units'", "1 twice"], id="value-twice"),
        pytest.param(["rate=1,1.0"], ["'rate'", "1.0 twice"], id="value-twice-as-float"),
        pytest.param(["rate=nan"], ["'rate'", "nan"], id="nan"),
        pytest.param(["rate=1e400"], ["'rate'", "inf"], id="infinite"),
    ],
)
def test_parse_words_refuses(raises, lines, words):
    with raises(GridError, *words):
        space.parse_words(lines)


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        pytest.param([1, 2.5], (1.0, 2.5), id="integers-beside-floats"),
        pytest.param(np.array([3, 1]), (3, 1), id="numpy-array"),
        pytest.param([np.float64(0.5), np.int64(2)], (0.5, 2.0), id="numpy-scalars"),
        pytest.param(range(3), (0, 1, 2), id="range"),
        pytest.param((n for n in (2, 1)), (2, 1), id="generator"),
        pytest.param([np.True_, False], (True, False), id="booleans"),
        pytest.param(["b", "a"], ("b", "a"), id="words"),
        pytest.param([None, 0.1, 1], (None, 0.1, 1.0), id="none-beside-numbers"),
        pytest.param([None, 3], (None, 3), id="none-beside-integers"),
        pytest.param(["scale", 0.1, 1, None], ("scale", 0.1, 1, None), id="words-beside-numbers"),
        pytest.param([(64,), [64, 32], ()], ((64,), (64, 32), ()), id="tuples"),
        pytest.param(np.array([[1, 2], [3, 4]]), ((1, 2), (3, 4)), id="table"),
        pytest.param([(1, (2, "a"), None)], ((1, (2, "a"), None),), id="nested"),
        pytest.param([True, None, "auto"], (True, None, "auto"), id="booleans-beside-words"),
    ],
)
def test_check_values(given_values, expected):
    assert repr(space.check_values("axis", given_values)) == repr(expected)


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param([], id="empty"),
        pytest.param("relu", id="text"),
        pytest.param(5, id="no-list"),
        pytest.param(None, id="none"),
        pytest.param({1, 2}, id="set-without-order"),
        pytest.param({"a": 1}, id="dict"),
        pytest.param([{"a": 1}], id="dict-as-value"),
        pytest.param([print], id="function"),
        pytest.param([(1, print)], id="function-in-a-tuple"),
        pytest.param([(1, math.inf)], id="infinite-in-a-tuple"),
        pytest.param([None, None], id="none-twice"),
        pytest.param([(1, 2), [1, 2]], id="tuple-twice"),
        pytest.param([True, 2], id="boolean-and-integer"),
        pytest.param([True, 0.5], id="boolean-and-float"),
        pytest.param([1, 2, 1], id="twice"),
        pytest.param([0.0, -0.0], id="zero-twice"),
        pytest.param([math.nan], id="nan"),
        pytest.param([1, math.inf], id="infinite"),
        pytest.param([10**400, 0.5], id="integer-beyond-floats"),
    ],
)
def test_check_values_refuses(raises, refused):
    with raises(GridError, "'axis'"):
        space.check_values("axis", refused)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, {"rate": (0.1, 0.2), "kind": ("a",), "on": (True,)}, id="nothing"),
        pytest.param(
            {"rate": (1, 2)}, {"rate": (1.0, 2.0), "kind": ("a",), "on": (True,)}, id="floats-stay"
        ),
        pytest.param(
            {"kind": (1, 2)}, {"rate": (0.1, 0.2), "kind": ("1", "2"), "on": (True,)}, id="words"
        ),
        pytest.param(
            {"epochs": (3,), "on": (False,)},
            {"rate": (0.1, 0.2), "kind": ("a",), "on": (False,), "epochs": (3,)},
            id="replaced-in-place-and-added-last",
        ),
    ],
)
def test_replace_axes(changes, expected):
    grid = {"rate": [0.1, 0.2], "kind": ["a"], "on": [True]}
    assert repr(space.replace_axes(grid, changes)) == repr(expected)


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        pytest.param("rate", ("low",), ["numbers like 0.1", "low"], id="words-for-numbers"),
        pytest.param("rate", (True,), ["numbers like 0.1", "True"], id="booleans-for-numbers"),
        pytest.param("on", (1, 0), ["true or false", "1"], id="numbers-for-booleans"),
        pytest.param("on", ("yes",), ["true or false", "yes"], id="words-for-booleans"),
    ],
)
def test_replace_axes_refuses_another_kind(raises, name, changed, words):
    with raises(GridError, *words):
        space.replace_axes({"rate": [0.1], "on": [True]}, {name: changed})


def test_words_stay_as_they_were_written():
    grid = {"version": ["x"], "name": ["x"]}
    changes = space.parse_words(["version=1.10,true", "name=1.10,2"], grid)
    assert changes == {"version": ("1.10", "true"), "name": ("1.10", "2")}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("neuron", ["'neuron'", "Did you mean 'neurons'?"], id="near"),
        pytest.param("zzz", ["'zzz'", "neurons, batch_size, epochs"], id="far"),
    ],
)
def test_check_names_refuses(raises, name, words):
    with raises(GridError, *words):
        space.check_names(["neurons", name], ["neurons"])


def test_check_names_always_knows_what_goes_to_the_training():
    assert space.check_names(["batch_size", "epochs", "neurons"], ["neurons"]) is None


@given(grids, grids)
def test_key_is_the_same_for_the_same_parameters_only(one, other):
    assert space.key(one) == space.key(dict(reversed(one.items())))
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (space.key(one) == space.key(other)) == same


def test_key_tells_types_apart():
    assert len({space.key({"a": value}) for value in (1, 1.0, True, "1")}) == 4


def test_register_and_declare_give_the_grid_back():
    grid = {"units": (5, 10), "rate": (0.5,), "kind": ("b", "a"), "on": (False, True)}
    hyperparameters = space.register(grid)
    assert space.declared_axes(hyperparameters, grid) == space.make_axes(grid)
    values = {"units": 5, "rate": 0.5, "kind": "b", "on": False}
    assert repr(hyperparameters.values) == repr(values)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        pytest.param("Int", (1, 5), id="int"),
        pytest.param("Int", (2, 9, 3), id="int-steps"),
        pytest.param("Int", (2, 32, 2, "log"), id="int-log"),
        pytest.param("Int", (2, 32, 2, "reverse_log"), id="int-reverse-log"),
        pytest.param("Float", (0.0, 0.5, 0.25), id="float-steps"),
        pytest.param("Choice", (["b", "a"],), id="choice"),
        pytest.param("Fixed", (3,), id="fixed"),
    ],
)
def test_declared_values_are_keras_tuners(kind, arguments):
    (entry,) = _declare(kind, arguments).space
    (axis,) = space.declared_axes(_declare(kind, arguments), {})
    assert list(axis.values) == list(entry.values)


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        pytest.param("Float", (0.0, 0.9, 0.1), [n / 10 for n in range(10)], id="end-kept"),
        pytest.param("Float", (0.0, 0.3, 0.1), [0.0, 0.1, 0.2, 0.3], id="end-lost-by-rounding"),
        pytest.param("Float", (0.0, 1.0, 0.3), [0.0, 0.3, 0.6, 0.9], id="end-not-on-a-step"),
        pytest.param("Float", (1e-4, 0.1, 10, "log"), [1e-4, 1e-3, 0.01, 0.1], id="log"),
        pytest.param("Float", (0.0, 1.0), [n / 20 for n in range(1, 20, 2)], id="ten-samples"),
        pytest.param("Int", (1, 8, 2, "log"), [1, 2, 4, 8], id="int-log-stays-int"),
        pytest.param("Boolean", (), [False, True], id="boolean"),
    ],
)
def test_declared_values_are_mended(kind, arguments, expected):
    (axis,) = space.declared_axes(_declare(kind, arguments), {})
    assert sorted(axis.values) == sorted(expected)
    assert {type(value) for value in axis.values} == {type(expected[0])}


def test_declared_values_give_way_to_the_grid():
    hyperparameters = _declare("Int", (1, 100))
    assert space.declared_axes(hyperparameters, {"x": (7, 3)}) == [Axis("x", (7, 3))]


def test_declared_conditions():
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.Choice("kind", ["a", "b"])
    with hyperparameters.conditional_scope("kind", ["b"]):
        hyperparameters.Int("units", 1, 2)
    chosen = space.combinations(space.declared_axes(hyperparameters, {}))
    assert [*chosen] == [{"kind": "a"}, {"kind": "b", "units": 1}, {"kind": "b", "units": 2}]


def test_declared_values_twice_are_refused(raises):
    with raises(GridError, "'x'", "1 twice"):
        space.declared_axes(_declare("Choice", ([1, 2, 1],)), {})


def _declare(kind, arguments):
    hyperparameters = keras_tuner.HyperParameters()
    getattr(hyperparameters, kind)("x", *arguments)
    return hyperparameters


def _active(choice, axes):
    chosen = {}
    for axis in axes:
        if all(chosen.get(c.parent) in c.values for c in axis.conditions):
            chosen[axis.name] = choice[axis.name]
    return chosen


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


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((None, 0.5), id="none"),
        pytest.param(((64,), (64, 32)), id="tuples"),
        pytest.param(("scale", 0.1), id="mixed"),
        pytest.param((None,), id="only-none"),
        pytest.param((True, None), id="boolean"),
    ],
)
def test_hp_get_gives_what_keras_tuner_cannot_hold(values):
    hyperparameters = space.register({"axis": values, "units": (1, 2)})
    assert hyperparameters.get("axis") == values[0]
    (axis, _) = space.declared_axes(hyperparameters, {"axis": values, "units": (1, 2)})
    assert axis.values == values
    for value in values:
        chosen = space.for_combination(hyperparameters, {"axis": value, "units": 2}, ())
        assert (chosen.get("axis"), chosen["units"]) == (value, 2)
        copied = keras_tuner.HyperParameters.from_config(
            json.loads(json.dumps(chosen.get_config()))
        )
        assert space.from_json(copied.get("axis")) == value


def test_what_another_dict_names_is_the_models_own():
    grid = [{"units": [3, 4]}, {"rate": [0.5]}]
    hyperparameters = space.register(grid)
    axes = space.declared_axes(hyperparameters, grid)
    assert list(space.combinations(axes)) == [{"units": 3}, {"units": 4}, {"rate": 0.5}]
    chosen = space.for_combination(hyperparameters, {"rate": 0.5}, ("units", "rate"))
    assert "units" not in chosen
    assert (chosen.Choice("units", [1, 2]), chosen.Float("rate", 0.0, 1.0)) == (1, 0.5)


def test_axes_that_the_model_declares_join_every_dict():
    grid = [{"a": [1]}, {"b": [2]}]
    hyperparameters = space.register(grid)
    hyperparameters.Choice("c", ["x", "y"])
    chosen = space.combinations(space.declared_axes(hyperparameters, grid))
    assert [*chosen] == [
        {"a": 1, "c": "x"},
        {"a": 1, "c": "y"},
        {"b": 2, "c": "x"},
        {"b": 2, "c": "y"},
    ]


@pytest.mark.parametrize(
    ("listed", "present", "expected"),
    [
        pytest.param("none,0.2", (), (None, 0.2), id="beside-numbers"),
        pytest.param("none,true", (), (None, True), id="beside-booleans"),
        pytest.param("none,balanced", (), ("none", "balanced"), id="beside-words"),
        pytest.param("none", (), ("none",), id="alone"),
        pytest.param("none", (None, 0.5), (None,), id="that-is-there"),
        pytest.param("none,scale,1", ("scale", None), (None, "scale", 1), id="of-a-mixed-axis"),
        pytest.param("none,x", ("x",), ("none", "x"), id="among-words"),
    ],
)
def test_none_on_the_command_line(listed, present, expected):
    grid = {"axis": present} if present else None
    assert repr(space.parse_words([f"axis={listed}"], grid)) == repr({"axis": expected})


def test_words_change_every_dict_that_has_the_axis():
    grid = [{"a": [1], "b": ["x"]}, {"a": [2]}]
    assert space.replace_axes(grid, {"b": ["y"]}) == ({"a": (1,), "b": ("y",)}, {"a": (2,)})
    assert space.replace_axes(grid, {"c": [0.5]}) == (
        {"a": (1,), "b": ("x",), "c": (0.5,)},
        {"a": (2,), "c": (0.5,)},
    )
    assert space.replace_axes({"a": [1]}, grid) == ({"a": (1,), "b": ("x",)}, {"a": (2,)})


YAML = """
# Widths first.
units: [5, 10]
rate: [0.1, 1e-3, null, .5]
layers:
  - [64]
  - [64, 32]
kind: [yes, relu, 1:30, 2024-01-01, "1"]
on: [true, false]
"""
TOML = """
units = [5, 10]
rate = [0.1, 1e-3]
layers = [[64], [64, 32]]
kind = ["yes", "1"]
on = [true, false]
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param(
            "a.yaml",
            YAML,
            {
                "units": (5, 10),
                "rate": (0.1, 0.001, None, 0.5),
                "layers": ((64,), (64, 32)),
                "kind": ("yes", "relu", "1:30", "2024-01-01", "1"),
                "on": (True, False),
            },
            id="yaml",
        ),
        pytest.param(
            "a.toml",
            TOML,
            {
                "units": (5, 10),
                "rate": (0.1, 0.001),
                "layers": ((64,), (64, 32)),
                "kind": ("yes", "1"),
                "on": (True, False),
            },
            id="toml",
        ),
        pytest.param("a.yml", "grid: [1, 2]", {"grid": (1, 2)}, id="axis-called-grid"),
    ],
)
def test_grids_in_files(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert repr(space.read_grid(path)) == repr((expected,))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("a.yaml", "- {a: [1], b: [2]}\n- {a: [3]}\n", id="yaml"),
        pytest.param("b.yaml", "grid:\n- a: [1]\n  b: [2]\n- a: [3]\n", id="yaml-named"),
        pytest.param("a.toml", "[[grid]]\na = [1]\nb = [2]\n[[grid]]\na = [3]\n", id="toml"),
    ],
)
def test_lists_of_grids_in_files(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert space.read_grid(path) == ({"a": (1,), "b": (2,)}, {"a": (3,)})
    changed = space.parse_grid([str(path), "a=7", "epochs=2"])
    assert changed == ({"a": (7,), "b": (2,), "epochs": (2,)}, {"a": (7,), "epochs": (2,)})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param("a.yaml", "a: [1]\na: [2]\n", ["'a' twice"], id="axis-twice"),
        pytest.param("a.toml", "a = [1]\na = [2]\n", ["overwrite"], id="axis-twice-in-toml"),
        pytest.param("a.yaml", "- {a: [1], a: [2]}\n", ["'a' twice"], id="axis-twice-in-a-list"),
        pytest.param("a.yaml", "a: [1", ["readable"], id="broken-yaml"),
        pytest.param("a.toml", "a = [1", ["readable"], id="broken-toml"),
        pytest.param("a.yaml", "a: 1", ["list of values", "'a'"], id="no-list"),
        pytest.param("a.yaml", "a: relu", ["list of values", "'relu'"], id="a-word"),
        pytest.param("a.yaml", "", ["dict of lists", "None"], id="empty"),
        pytest.param("a.yaml", "a: [.inf]", ["finite"], id="infinite"),
        pytest.param("a.yaml", "a: !!python/object:os.system [1]", ["readable"], id="python"),
        pytest.param("a.toml", "a = [2024-01-01]", ["numbers, words"], id="date"),
        pytest.param("a.yaml", "[a]: [1]", ["readable"], id="list-as-name"),
        pytest.param("a.yaml", "1: [2]", ["by name"], id="number-as-name"),
    ],
)
def test_files_that_hold_no_grid(tmp_path, raises, name, text, words):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with raises(GridError, str(path), *words):
        space.read_grid(path)


def test_a_grid_file_that_is_not_there(tmp_path, raises):
    with raises(GridError, "no such file", "grid.toml"):
        space.parse_grid([str(tmp_path / "grid.toml")])


def test_two_grid_files_are_refused(raises):
    with raises(GridError, "one --grid FILE", "a.yaml, b.toml"):
        space.parse_grid(["a.yaml", "b.toml"])
