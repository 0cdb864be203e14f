"""Signs of rows held out that leak into the training."""

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines.arguments import FitArguments
from kt_grid.search.leaks import find_leaks
from kt_grid.search.observer import Silent
from kt_grid.search.tuner import CrossValidationTuner
from kt_grid.splitters import KFold

RAW = np.random.RandomState(0).normal(3, 2, (30, 3)).astype(np.float32)
STANDARD = (RAW - RAW.mean(0)) / RAW.std(0)
RANGED = (RAW - RAW.min(0)) / (RAW.max(0) - RAW.min(0))
FLAGS = (RAW > 3).astype(np.float32)
Y = FLAGS[:, 0]


class Plain(keras_tuner.HyperModel):
    def build(self, hp):
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile(loss="mse")
        return model


class Watching(Plain):
    def fit(self, hp, model, *args, callbacks=(), **kwargs):
        stopping = keras.callbacks.EarlyStopping("val_loss")
        return model.fit(*args, callbacks=[*callbacks, stopping], **kwargs)


def leaks(x, callbacks=(), hypermodel=None):
    fit = FitArguments(callbacks=tuple(callbacks))
    return [*find_leaks(Arrays(x, Y), fit, hypermodel or Plain())]


@pytest.mark.parametrize(
    ("x", "words"),
    [
        pytest.param(STANDARD, "3 of 3 columns have mean 0", id="standardised"),
        pytest.param(STANDARD * np.sqrt(29 / 30), "3 of 3 columns", id="with ddof=1"),
        pytest.param(np.hstack([RAW, STANDARD[:, :1], FLAGS]), "1 of 7", id="one of them"),
        pytest.param(RANGED, "all columns reach from 0 to 1", id="min-max"),
        pytest.param(np.hstack([RANGED, FLAGS]), "all columns reach", id="min-max beside flags"),
    ],
)
def test_columns_scaled_over_all_rows_are_told(x, words):
    (told,) = leaks(x)
    assert words in told
    assert "Normalization" in told


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(RAW, id="raw"),
        pytest.param(FLAGS, id="flags"),
        pytest.param(STANDARD[:5], id="few rows"),
        pytest.param(RANGED[:, :1], id="one column of shares"),
        pytest.param(RANGED.reshape(30, 3, 1), id="images"),
        pytest.param({"a": np.array([["x"]] * 30, object)}, id="text"),
    ],
)
def test_other_columns_are_not(x):
    assert leaks(x) == []


@pytest.mark.parametrize(
    ("callback", "hypermodel", "words"),
    [
        pytest.param("val_loss", None, "does nothing", id="without validation data"),
        pytest.param("val_loss", Watching(), "the score flatters", id="on the fold"),
    ],
)
def test_callbacks_that_watch_the_held_out_rows_are_told(callback, hypermodel, words):
    told = leaks(RAW, [keras.callbacks.EarlyStopping(callback)], hypermodel)
    assert all(words in line and "EarlyStopping" in line for line in told)
    assert told


def test_a_fit_that_stops_early_on_the_fold_is_told():
    (told,) = leaks(RAW, hypermodel=Watching())
    assert "EarlyStopping" in told
    assert leaks(RAW, [keras.callbacks.EarlyStopping("loss")]) == []


def test_a_search_tells_it_once_and_goes_on(tmp_path):
    class Told(Silent):
        def __init__(self):
            self.notes = []

        def note(self, message):
            self.notes.append(message)

    told = Told()
    tuner = CrossValidationTuner(
        Plain(), "val_loss", cv=KFold(2), engine="keras", directory=tmp_path, observer=told
    )
    tuner.search(STANDARD, Y)
    assert len(told.notes) == 1
    assert [t.status for t in tuner.search_results().trials] == ["COMPLETED"]


def test_callbacks_may_watch_rows_that_are_held_back_for_them():
    fit = FitArguments(callbacks=(keras.callbacks.EarlyStopping(),), validation_split=0.2)
    assert [*find_leaks(Arrays(RAW, Y), fit, Plain())] == []


def test_what_holding_back_does_not_serve_is_told():
    reducing = keras.callbacks.ReduceLROnPlateau()
    fit = FitArguments(callbacks=(reducing,), validation_split=0.2)
    (told,) = find_leaks(Arrays(RAW, Y), fit, Plain())
    assert "ReduceLROnPlateau watches val_loss, for which a refit has no rows" in told
    (told,) = find_leaks(Arrays(RAW, Y), FitArguments(validation_split=0.3), Plain())
    assert "holds 30% of the training rows back, but nothing watches them" in told
