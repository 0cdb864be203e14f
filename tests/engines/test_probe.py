"""A probe tells what one build asks for, and leaves nothing behind."""

import random

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.data.targets import Loss
from kt_grid.engines.probe import probe
from kt_grid.space import DecisionTree

X = np.random.RandomState(1).normal(size=(16, 2)).astype(np.float32)
ARRAYS = Arrays(X, (X[:, 0] > 0).astype(np.float32))


class Logistic(keras_tuner.HyperModel):
    def build(self, hp):
        layers = [
            keras.layers.Dense(hp.Choice(f"units_{n}", [2, 3])) for n in range(hp.get("deep"))
        ]
        model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
        loss = hp.Choice("loss", ["binary_crossentropy", "mse"])
        model.compile("sgd", loss, metrics=["accuracy"])
        return model


class Own(Logistic):
    def fit(self, hp, model, *args, **kwargs):
        rows = hp.Choice("batch_size", [4, 8])
        history = model.fit(*args, batch_size=rows, **kwargs)
        hp.Choice("after", [1, 2])
        return history


class Fails(Logistic):
    def build(self, hp):
        np.random.seed(hp.Int("seed", 1, 2))
        random.seed(1)
        keras.config.set_dtype_policy("float16")
        keras.config.set_floatx("float64")
        raise ValueError("no model")


def names(shown):
    return [one.name for one in shown.asked]


def test_a_probe_tells_what_is_asked_for_and_compiled():
    shown = probe(Logistic(), {"deep": 2, "units_1": 3, "width": 9}, ARRAYS)
    assert names(shown) == ["deep", "units_0", "units_1", "loss"]
    parameters = {"deep": 2, "units_0": 2, "units_1": 3, "loss": "binary_crossentropy"}
    assert shown.parameters == parameters
    assert shown.compile_arguments.loss == Loss("binary_crossentropy", 1)
    assert [metric.name for metric in shown.compile_arguments.metrics] == ["accuracy"]
    assert shown.error is None
    other = probe(Logistic(), {"deep": 0, "loss": "mse"}, ARRAYS)
    assert other.compile_arguments.loss == Loss("mean_squared_error", 1)


def test_what_is_kept_has_its_default_and_is_no_parameter():
    shown = probe(Logistic(), {"deep": 0}, ARRAYS, kept=["loss"])
    assert shown.parameters == {"deep": 0}
    assert names(shown) == ["deep", "loss"]


def test_a_fit_of_its_own_is_asked_up_to_where_it_uses_the_model():
    shown = probe(Own(), {"deep": 0, "batch_size": 8}, ARRAYS)
    assert names(shown) == ["deep", "loss", "batch_size"]
    assert shown.parameters["batch_size"] == 8
    assert shown.supplied == {"batch_size", "callbacks", "validation_data"}


def test_a_build_that_fails_is_told_with_what_it_asked_for():
    python, numpy = random.getstate(), np.random.get_state()[1].tolist()
    policy, precision = keras.config.dtype_policy(), keras.config.floatx()
    shown = probe(Fails(), {}, ARRAYS)
    assert names(shown) == ["seed"]
    assert repr(shown.error) == "ValueError('no model')"
    assert shown.compile_arguments is None
    assert (random.getstate(), np.random.get_state()[1].tolist()) == (python, numpy)
    assert (keras.config.dtype_policy(), keras.config.floatx()) == (policy, precision)


def test_two_probes_tell_the_same():
    first, again = (probe(Logistic(), {"deep": 1}, ARRAYS) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("hypermodel", "count"),
    [pytest.param(Logistic(), 12, id="build"), pytest.param(Own(), 24, id="build-and-fit")],
)
def test_a_tree_is_explored_by_probes(hypermodel, count):
    tree = DecisionTree()
    found = tree.combinations(
        {"deep": [1, 2]}, lambda values: probe(hypermodel, values, ARRAYS).asked
    )
    assert len([*found]) == tree.count({"deep": [1, 2]}) == count
    assert tree.is_complete({"deep": [1, 2]})
