"""The seven experiments are the tutorial's, layer by layer and value by value."""

import csv
import json

import keras
import pytest

from kt_grid import space
from kt_grid.data import bundled
from kt_grid.plan.experiments import REGISTRY
from kt_grid.report.published import published_results

TRIALS = {
    "batch_epochs": 18,
    "optimizer": 7,
    "learning_rate": 30,
    "init": 8,
    "activation": 8,
    "dropout": 50,
    "neurons": 7,
}
GRIDS = {
    "batch_epochs": {"batch_size": [10, 20, 40, 60, 80, 100], "epochs": [10, 50, 100]},
    "optimizer": {
        "optimizer": ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"]
    },
    "learning_rate": {
        "learn_rate": [0.001, 0.01, 0.1, 0.2, 0.3],
        "momentum": [0.0, 0.2, 0.4, 0.6, 0.8, 0.9],
    },
    "init": {
        "init_mode": [
            *("uniform", "lecun_uniform", "normal", "zero"),
            *("glorot_normal", "glorot_uniform", "he_normal", "he_uniform"),
        ]
    },
    "activation": {
        "activation": [
            *("softmax", "softplus", "softsign", "relu"),
            *("tanh", "sigmoid", "hard_sigmoid", "linear"),
        ]
    },
    "dropout": {
        "dropout_rate": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        "weight_constraint": [1, 2, 3, 4, 5],
    },
    "neurons": {"neurons": [1, 5, 10, 15, 20, 25, 30]},
}
# Class and learning rate of every optimizer at its defaults, from the Keras 3 documentation.
RATES = {
    "SGD": 0.01,
    "RMSprop": 0.001,
    "Adagrad": 0.001,
    "Adadelta": 0.001,
    "Adam": 0.001,
    "Adamax": 0.001,
    "Nadam": 0.001,
}
INITIALIZERS = {
    "uniform": "RandomUniform",
    "lecun_uniform": "LecunUniform",
    "normal": "RandomNormal",
    "zero": "Zeros",
    "glorot_normal": "GlorotNormal",
    "glorot_uniform": "GlorotUniform",
    "he_normal": "HeNormal",
    "he_uniform": "HeUniform",
}
# What a network is unless an experiment says otherwise.
COMMON = {
    "units": 12,
    "activation": "relu",
    "init": "GlorotUniform",
    "max_norm": None,
    "dropout": None,
    "optimizer": "Adam",
    "rate": 0.001,
    "momentum": None,
}
UNIFORM = {"init": "RandomUniform"}
LINEAR = {**UNIFORM, "activation": "linear"}


def _points():
    """Experiment, grid point, and what is different from the common network there."""
    yield "batch_epochs", {"batch_size": 10, "epochs": 10}, {}
    yield "batch_epochs", {"batch_size": 100, "epochs": 100}, {}
    for name, rate in RATES.items():
        momentum = 0.0 if name in ("SGD", "RMSprop") else None
        changes = {"optimizer": name, "rate": rate, "momentum": momentum}
        yield "optimizer", {"optimizer": name}, changes
    for rate, momentum in [(0.001, 0.0), (0.3, 0.9), (0.1, 0.4)]:
        changes = {"optimizer": "SGD", "rate": rate, "momentum": momentum}
        yield "learning_rate", {"learn_rate": rate, "momentum": momentum}, changes
    for alias, name in INITIALIZERS.items():
        yield "init", {"init_mode": alias}, {"init": name}
    for name in GRIDS["activation"]["activation"]:
        yield "activation", {"activation": name}, {**UNIFORM, "activation": name}
    for rate, norm in [(0.0, 1), (0.9, 5), (0.3, 2)]:
        changes = {**LINEAR, "dropout": rate, "max_norm": norm}
        yield "dropout", {"dropout_rate": rate, "weight_constraint": norm}, changes
    for units in GRIDS["neurons"]["neurons"]:
        changes = {**LINEAR, "units": units, "dropout": 0.2, "max_norm": 4}
        yield "neurons", {"neurons": units}, changes


POINTS = [
    pytest.param(*point, id="-".join([point[0], *map(str, point[1].values())]))
    for point in _points()
]


def test_experiments_come_in_the_tutorials_order():
    sizes = {name: space.count(space.make_axes(e.grid)) for name, e in REGISTRY.items()}
    assert [*sizes.items()] == [*TRIALS.items()]
    assert sum(sizes.values()) == 128


@pytest.mark.parametrize("name", TRIALS)
def test_grid(name):
    experiment = REGISTRY[name]
    assert repr(experiment.grid) == repr(GRIDS[name])
    assert (experiment.epochs, experiment.batch_size) == (100, 10)
    assert experiment.summary.endswith(".")
    assert not experiment.declares


@pytest.mark.parametrize("name", TRIALS)
def test_combinations_are_the_published_ones_in_their_order(name):
    with bundled("published_results.csv").open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["experiment"] == name]
    ours = [*space.combinations(space.make_axes(REGISTRY[name].grid))]
    assert ours == [json.loads(line["parameters"]) for line in lines]
    assert [space.key(parameters) for parameters in ours] == [*published_results(name)]


@pytest.mark.parametrize(("name", "parameters", "changes"), POINTS)
def test_model(name, parameters, changes):
    expected = COMMON | changes
    model = _build(name, parameters)
    hidden, *dropped, output = model.layers
    assert _dense(hidden) == (expected["units"], expected["activation"], expected["init"])
    assert _dense(output) == (1, "sigmoid", expected["init"])
    assert {type(layer) for layer in (hidden, output)} == {keras.layers.Dense}
    rates = [] if expected["dropout"] is None else [expected["dropout"]]
    assert [(type(layer), layer.rate) for layer in dropped] == [
        (keras.layers.Dropout, rate) for rate in rates
    ]
    assert _max_norm(hidden) == expected["max_norm"]
    assert output.kernel_constraint is None


@pytest.mark.parametrize(("name", "parameters", "changes"), POINTS)
def test_training(name, parameters, changes):
    expected = COMMON | changes
    model = _build(name, parameters)
    assert type(model.optimizer).__name__ == expected["optimizer"]
    assert float(model.optimizer.learning_rate) == pytest.approx(expected["rate"], rel=1e-6)
    assert getattr(model.optimizer, "momentum", None) == expected["momentum"]
    compiled = model.get_compile_config()
    assert (compiled["loss"], compiled["metrics"]) == ("binary_crossentropy", ["accuracy"])


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        pytest.param("uniform", {"minval": -0.05, "maxval": 0.05}, id="uniform"),
        pytest.param("normal", {"mean": 0.0, "stddev": 0.05}, id="normal"),
    ],
)
def test_aliases_of_initializers(alias, expected):
    for layer in _build("init", {"init_mode": alias}).layers:
        config = layer.kernel_initializer.get_config()
        assert {name: config[name] for name in expected} == expected


def test_model_learns_its_width_from_the_data():
    model = _build("neurons", {"neurons": 5})
    model.build((None, 8))
    assert [weight.shape for weight in model.weights] == [(8, 5), (5,), (5, 1), (1,)]
    assert not any(weight.numpy().any() for weight in model.weights[1::2])


def test_every_build_is_a_fresh_model():
    one, other = (_build("neurons", {"neurons": 5}) for _ in range(2))
    assert not {id(layer) for layer in one.layers} & {id(layer) for layer in other.layers}
    assert one.optimizer is not other.optimizer


def _build(name, parameters):
    grid = {axis: [value] for axis, value in parameters.items()}
    return REGISTRY[name].model(space.register(grid))


def _dense(layer):
    initializer = type(layer.kernel_initializer).__name__
    return layer.units, layer.activation.__name__, initializer


def _max_norm(layer):
    constraint = layer.kernel_constraint
    if constraint is None:
        return None
    assert type(constraint) is keras.constraints.MaxNorm
    assert constraint.axis == 0
    return constraint.max_value
