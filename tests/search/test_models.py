"""The models that a search keeps."""

import dataclasses

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid import CrossValidationTuner
from kt_grid.errors import PredictionError, UsageError
from kt_grid.search.models import load_refit, recorded_fit
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import Identity, SearchRecord

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")


def build(hp):
    units = hp.Choice("units", [2, 3])
    model = keras.Sequential(
        [keras.layers.Dense(units, activation="tanh"), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    searched = CrossValidationTuner(build, "val_accuracy", cv=3, directory=folder)
    searched.search(X, Y, epochs=3, batch_size=4)
    return searched


def test_every_fold_model_gives_its_recorded_scores(tuner):
    trial = tuner.oracle.get_best_trials(1)[0]
    models = tuner.load_fold_models(trial)
    for split, (model, (_, test)) in enumerate(zip(models, tuner.cv.split(X), strict=True)):
        record = tuner.store.read_fold(trial.trial_id, split)
        loss, accuracy = model.evaluate(X[test], Y[test], verbose=0)
        assert loss == pytest.approx(record.scores["val_loss"], rel=1e-5)
        assert accuracy == record.scores["val_accuracy"]


def test_refit_is_another_training_on_all_rows(tuner):
    model = tuner.refit()
    assert (
        load_refit(tuner.store).predict(X, verbose=0).tolist()
        == model.predict(X, verbose=0).tolist()
    )
    folds = tuner.load_fold_models(tuner.oracle.get_best_trials(1)[0])
    assert all(not np.allclose(fold.get_weights()[0], model.get_weights()[0]) for fold in folds)


class Unregistered(keras.layers.Layer):
    """A layer that a file can't name."""

    def call(self, inputs):
        return 2 * inputs


class Indescribable(Unregistered):
    def __init__(self, function):
        super().__init__()
        self.function = function


@pytest.mark.parametrize(
    ("make", "refits", "word"),
    [
        pytest.param(Unregistered, True, "register_keras_serializable", id="read"),
        pytest.param(lambda: Indescribable(object()), False, "--no-refit", id="saved"),
    ],
)
def test_what_keras_cannot_read_or_save_is_said_with_the_mend(tmp_path, raises, make, refits, word):
    def own(hp):
        hp.Choice("units", [2])
        model = keras.Sequential([keras.Input((3,)), make(), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    tuner = CrossValidationTuner(own, "val_loss", cv=2, directory=tmp_path, engine="keras")
    tuner.search(X, Y, epochs=1)
    if refits:
        assert tuner.refit().predict(X, verbose=0).shape == (24, 1)
    with raises(PredictionError, "Expected a model", word):
        load_refit(tuner.store) if refits else tuner.refit()


def test_no_refit_is_missed_with_the_mend(tmp_path, raises):
    with raises(PredictionError, "without --no-refit"):
        load_refit(SearchStore(tmp_path, "none"))


def test_unbuilt_models_need_rows_to_be_loaded(tuner, raises):
    again = CrossValidationTuner(
        build, "val_accuracy", cv=3, directory=tuner.directory, project_name=tuner.project_name
    )
    assert isinstance(again.hypermodel, keras_tuner.HyperModel)
    with raises(PredictionError, "keras.Input"):
        again.get_best_models(1)


def test_a_trial_that_was_not_the_best_of_fewer_folds_has_not_all_weights(tuner, raises):
    trial = tuner.oracle.get_best_trials(1)[0]
    whole = tuner.store.read_fold(trial.trial_id, 0)
    tuner.store.write_fold(trial.trial_id, dataclasses.replace(whole, weights=""), None)
    try:
        with raises(PredictionError, "of all folds", "keep='all'"):
            tuner.load_fold_models(trial)
    finally:
        tuner.store.write_fold(trial.trial_id, whole, None)


@pytest.mark.parametrize(
    ("fit", "given"),
    [
        pytest.param({"epochs": 5, "batch_size": 8}, {"epochs": 5, "batch_size": 8}, id="plain"),
        pytest.param(
            {"epochs": 5, "class_weight": {"0": 1.0, "1": 3.0}, "early_stopping": 2},
            {"epochs": 5, "class_weight": {0: 1.0, 1: 3.0}, "early_stopping": 2},
            id="weights of classes",
        ),
    ],
)
def test_a_search_knows_how_it_trained(tmp_path, fit, given):
    assert recorded_fit(directory_of(tmp_path, fit), None) == given


def test_what_no_file_can_hold_is_asked_for_again(tmp_path, raises):
    with raises(UsageError, "callbacks", "to be given again"):
        recorded_fit(directory_of(tmp_path, {"epochs": 5, "callbacks": ["Mine()"]}), None)


def directory_of(folder, fit):
    store = SearchStore(folder, "search")
    identity = Identity("max:val_accuracy", folds=3, seed=7, fit=fit)
    store.write_record(SearchRecord((), experiment="search", repeats=1, identity=identity))
    return store
