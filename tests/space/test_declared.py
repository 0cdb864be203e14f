"""What hyperparameters declare is read as axes, and a grid is written as hyperparameters."""

import json

import keras_tuner
import numpy as np
import pytest

from kt_grid import space
from kt_grid.errors import GridError
from kt_grid.space import Axis


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
        pytest.param("Float", (0.0, 1.0), [0.0, *(n / 20 for n in range(1, 20, 2))], id="samples"),
        pytest.param(
            *("Float", (0.0, 1.0, None, "linear", 0.5)),
            [0.5, *(n / 20 for n in range(1, 20, 2))],
            id="samples-and-default",
        ),
        pytest.param("Float", (0.0, 0.4, 0.2, "linear", 0.3), [0.0, 0.2, 0.3, 0.4], id="between"),
        pytest.param("Int", (1, 8, 2, "log"), [1, 2, 4, 8], id="int-log-stays-int"),
        pytest.param("Boolean", (), [False, True], id="boolean"),
    ],
)
def test_declared_values_are_mended(kind, arguments, expected):
    (axis,) = space.declared_axes(_declare(kind, arguments), {})
    assert sorted(axis.values) == sorted(expected)
    assert {type(value) for value in axis.values} == {type(expected[0])}


@pytest.mark.parametrize(
    "arguments",
    [(0.0, 1.0), (1e-4, 0.1, None, "log"), (0.0, 1.0, None, "linear", 0.3), (0.0, 1.0, 0.25)],
    ids=["linear", "log", "default", "steps"],
)
def test_the_values_are_those_that_keras_tuner_tries(tmp_path, arguments):
    (axis,) = space.declared_axes(_declare("Float", arguments), {})
    oracle = keras_tuner.oracles.GridSearchOracle(
        keras_tuner.Objective("score", "max"), hyperparameters=_declare("Float", arguments)
    )
    oracle._set_project_dir(tmp_path, "search")
    tried = []
    while (trial := oracle.create_trial("a")).status == "RUNNING":
        tried.append(trial.hyperparameters.values["x"])
        oracle.update_trial(trial.trial_id, {"score": 1.0})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    np.testing.assert_allclose(axis.values, sorted(tried), rtol=1e-11)


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


def _declare(kind, arguments):
    hyperparameters = keras_tuner.HyperParameters()
    getattr(hyperparameters, kind)("x", *arguments)
    return hyperparameters
