"""Which engine is picked, and what is said about it."""

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines import ENGINES, make_engine
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.auto import Auto
from kt_grid.engines.base import Task, Trainings
from kt_grid.errors import UsageError

X = np.random.default_rng(0).normal(size=(12, 6, 6, 1)).astype("float32")
ROWS = Arrays(X, (X.mean((1, 2, 3)) > 0).astype("float32"))
TASKS = [Task(0, np.arange(8), np.arange(8, 12), 1), Task(1, np.arange(4, 12), np.arange(4), 2)]


class Model(keras_tuner.HyperModel):
    def __init__(self, *layers):
        super().__init__()
        self.layers = layers

    def build(self, hp):
        layers = [make() for make in self.layers]
        head = [keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
        model = keras.Sequential([*layers, *head])
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        return model


def trained(hypermodel, **fit):
    arguments = FitArguments(**{"epochs": 1, "batch_size": 4, **fit})
    return list(
        Auto().run(Trainings(hypermodel, keras_tuner.HyperParameters(), ROWS, arguments, TASKS))
    )


@pytest.mark.parametrize(
    ("hypermodel", "fit", "engine", "reason"),
    [
        pytest.param(Model(), {}, "fused", "", id="dense"),
        pytest.param(Model(lambda: keras.layers.Conv2D(2, 3)), {}, "fused", "", id="convolution"),
        pytest.param(
            Model(lambda: keras.layers.Conv2D(4_000, 3)),
            {"epochs": 25},
            "keras",
            "convolutions",
            id="large-convolution",
        ),
        pytest.param(
            Model(lambda: keras.layers.Conv2D(4_000, 3)), {}, "fused", "", id="for-few-steps"
        ),
        pytest.param(
            Model(
                lambda: keras.layers.Reshape((2, 3, 6, 1)), lambda: keras.layers.ConvLSTM2D(1, 2)
            ),
            {},
            "keras",
            "convolutions",
            id="recurrent-convolution",
            marks=pytest.mark.full,
        ),
        pytest.param(
            Model(lambda: keras.layers.Lambda(lambda x: x)), {}, "keras", "Keras's own", id="lambda"
        ),
        pytest.param(
            Model(),
            {"callbacks": (keras.callbacks.TerminateOnNaN(),)},
            "keras",
            "callbacks",
            id="callbacks",
        ),
    ],
)
def test_picks_and_says_why(hypermodel, fit, engine, reason):
    results = trained(hypermodel, **fit)
    assert [(done.split, done.engine) for done in results] == [(0, engine), (1, engine)]
    assert all(reason in done.reason and bool(done.reason) == bool(reason) for done in results)


@pytest.mark.parametrize("name", ENGINES)
def test_engines_by_name(name):
    assert make_engine(name).name == name


def test_unknown_engine(raises):
    with raises(UsageError, "auto, keras, fused", "'jax'"):
        make_engine("jax")
