"""What builds ask for and compile is found out once, and kept."""

import json

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.data.targets import Loss
from kt_grid.engines.arguments import FitArguments
from kt_grid.errors import GridError
from kt_grid.search import discovery
from kt_grid.search.discovery import Discovery

ARRAYS = Arrays(np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1], np.float32))
MSE, BINARY = Loss("mean_squared_error", 1), Loss("binary_crossentropy", 1)


class Model(keras_tuner.HyperModel):
    """Notes what each build is given; a width of 3 can't be built."""

    def __init__(self):
        super().__init__()
        self.built = []

    def build(self, hp):
        loss, width = hp.Choice("loss", ["mse", "binary_crossentropy"]), hp.Choice("width", [2, 3])
        self.built.append((loss, width))
        if width == 3 and loss == "mse":
            raise ValueError("too wide")
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(loss=loss, metrics=["accuracy"])
        return model


class Own(Model):
    """Passes on a batch size of its own."""

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch_size", [4, 8]), **kwargs)


WAYS = [(loss, width) for loss in ("mse", "binary_crossentropy") for width in (2, 3)]


@pytest.fixture
def found():
    made = Discovery(Model(), ARRAYS, FitArguments())
    made.look_ahead({})
    return made


def test_every_combination_is_built_once(found):
    assert sorted(found.hypermodel.built) == sorted(WAYS)
    named = [{"loss": loss, "width": width} for loss, width in WAYS]
    assert [*found.tree.combinations({})] == named
    found.look_ahead({})
    assert len(found.hypermodel.built) == 4


def test_losses_are_those_that_differ_in_the_order_in_which_they_are_met(found):
    assert found.losses == [MSE, BINARY]
    assert [one.metrics[0].name for one in found.compile_arguments] == ["accuracy"] * 2


@pytest.mark.parametrize(
    ("loss", "width", "expected"),
    [
        pytest.param("mse", 2, MSE, id="mse"),
        pytest.param("binary_crossentropy", 3, BINARY, id="crossentropy"),
        pytest.param("mse", 3, Loss(""), id="fails"),
    ],
)
def test_a_trials_loss_is_that_of_its_build(found, loss, width, expected):
    before = len(found.hypermodel.built)
    # What the training alone asks for is no matter.
    parameters = {"batch_size": 4, "loss": loss, "width": width, "epochs": 3}
    assert found.loss_of(parameters) == expected
    once = len(found.hypermodel.built)
    assert once == before
    assert found.loss_of(parameters) == expected
    assert len(found.hypermodel.built) == once


def test_only_what_the_grid_asks_for_now_counts(found):
    found.look_ahead({"loss": ["binary_crossentropy"]})
    assert found.losses == [BINARY]
    assert len(found.hypermodel.built) == 4


def test_what_another_dict_states_has_its_default():
    class Defaults(Model):
        def build(self, hp):
            loss = hp.Choice("loss", ["mse", "binary_crossentropy"], default="binary_crossentropy")
            width = hp.Choice("width", [2, 3])
            self.built.append((loss, width))
            model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
            model.compile(loss=loss)
            return model

    found = Discovery(Defaults(), ARRAYS, FitArguments())
    found.look_ahead([{"loss": ["mse"], "width": [2]}, {"width": [3]}])
    assert found.losses == [MSE, BINARY]
    assert found.loss_of({"width": 3}) == BINARY
    assert found.hypermodel.built == [("mse", 2), ("binary_crossentropy", 3)]


@pytest.mark.parametrize(
    ("most", "cap", "built"),
    [
        pytest.param(None, 2_000, 4, id="all"),
        pytest.param(3, 2_000, 3, id="as many as trials"),
        pytest.param(3, 2, 2, id="as many as are worth it"),
    ],
)
def test_builds_are_run_ahead_up_to_a_limit(monkeypatch, most, cap, built):
    monkeypatch.setattr(discovery, "_MOST_AHEAD", cap)
    found = Discovery(Model(), ARRAYS, FitArguments())
    found.look_ahead({}, most)
    assert found.hypermodel.built == WAYS[:built]


@pytest.mark.parametrize(
    ("hypermodel", "supplied"),
    [
        pytest.param(Own(), {"batch_size", "callbacks", "validation_data"}, id="own"),
        pytest.param(Model(), set(), id="keras-tuner's"),
    ],
)
def test_what_a_fit_supplies_is_asked_once(hypermodel, supplied):
    found = Discovery(hypermodel, ARRAYS, FitArguments())
    found.look_ahead({}, 1)
    assert found.supplied == supplied
    later = Discovery(hypermodel, ARRAYS, FitArguments())
    later.take_over(json.loads(json.dumps(found.to_json())))
    assert later.supplied == supplied
    assert hypermodel.built == [("mse", 2)]


def test_what_is_kept_is_taken_over_without_a_build(found):
    kept = json.loads(json.dumps(found.to_json()))
    later = Discovery(Model(), ARRAYS, FitArguments())
    later.take_over(kept)
    later.look_ahead({})
    assert later.hypermodel.built == []
    assert (later.tree.root, later.compile_arguments) == (found.tree.root, found.compile_arguments)
    assert later.losses == [MSE, BINARY]
    assert later.loss_of({"loss": "binary_crossentropy", "width": 2}) == BINARY
    assert later.loss_of({"loss": "mse", "width": 3}) == Loss("")
    assert later.hypermodel.built == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"tree": {}}, id="tree"),
        pytest.param({"compiled": [{}]}, id="entry"),
        pytest.param({"compiled": [{"loss": {"word": 1}, "metrics": [], "outputs": 1}]}, id="loss"),
        pytest.param({"compiled": 5}, id="no list"),
        pytest.param({"ways": {"{}": 9}}, id="place"),
        pytest.param({"ways": {"{}": -1}}, id="place before the first"),
        pytest.param({"ways": []}, id="ways"),
    ],
)
def test_what_is_not_whole_is_refused(found, changes):
    with pytest.raises(GridError):
        Discovery(Model(), ARRAYS, FitArguments()).take_over({**found.to_json(), **changes})
