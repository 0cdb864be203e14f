"""Scores beyond the model's own are the same whatever trains, and change no other number."""

import functools

import keras
import keras_tuner
import numpy as np
import pytest
from sklearn import metrics

from kt_grid.data.arrays import as_arrays
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task, Trainings, build_model
from kt_grid.engines.fused.engine import Fused
from kt_grid.engines.keras_fit import KerasFit
from kt_grid.engines.scored import evaluate, predict, with_extras
from kt_grid.errors import EngineError
from kt_grid.space.objective import Extras, Score

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(40, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.float32)
TASKS = [Task(0, np.arange(20, 40), np.arange(20), 1), Task(1, np.arange(20), np.arange(20, 40), 2)]
F1 = Score("f1", lambda y_true, y_pred: metrics.f1_score(y_true, y_pred > 0.5), "max")


class Model(keras_tuner.HyperModel):
    def build(self, hp):
        layers = [keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.3)]
        model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid")])
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        return model


@pytest.fixture(params=[KerasFit, Fused], ids=["keras", "fused"])
def kind(request):
    if request.param is KerasFit:
        request.getfixturevalue("eagerly")
    return request.param


ARRAYS = as_arrays(X, Y)
# One engine of a kind for tests that don't compare trainings, so that it compiles but once.
shared = functools.cache(lambda kind: kind())


@pytest.fixture
def run(kind):
    def run(extras, engine=None, tasks=TASKS):
        engine = with_extras(engine or shared(kind), extras)
        hp = keras_tuner.HyperParameters()
        fit = FitArguments(epochs=2, batch_size=8)
        return engine.run(Trainings(Model(), hp, ARRAYS, fit, tasks))

    return run


def test_an_engine_of_which_no_more_is_wanted_is_itself():
    engine = KerasFit()
    assert with_extras(engine, Extras()) is engine
    assert with_extras(engine, Extras(train_scores=True)).name == "keras"


def test_other_numbers_stay_as_they_are(run, kind):
    plain, extra = (
        [(trained.scores, trained.model.get_weights()) for trained in run(extras, kind())]
        for extras in (Extras(), Extras((F1,), train_scores=True, predictions=True))
    )
    for (scores, weights), (others, same) in zip(plain, extra, strict=True):
        assert scores == {name: others[name] for name in scores}
        for one, other in zip(weights, same, strict=True):
            np.testing.assert_array_equal(one, other)


def test_scores_come_from_the_trained_model(run):
    for trained, task in zip(run(Extras((F1,), True, True)), TASKS, strict=True):
        model, scores = trained.model, trained.scores
        for side, rows in (("val", task.test), ("train", task.train)):
            expected = model.evaluate(X[rows], Y[rows], verbose=0, return_dict=True)
            predicted = model.predict(X[rows], verbose=0)
            for name, value in expected.items():
                assert scores[f"{side}_{name}"] == pytest.approx(value, rel=1e-5)
            f1 = metrics.f1_score(Y[rows], predicted[:, 0] > 0.5)
            assert scores[f"{side}_f1"] == pytest.approx(f1)
        np.testing.assert_allclose(
            trained.predictions, model.predict(X[task.test], verbose=0), rtol=1e-5
        )
        assert set(scores) == {
            f"{side}_{name}" for side in ("val", "train") for name in ("loss", "accuracy", "f1")
        }


def test_predictions_are_handed_on_only_where_they_are_wanted(run):
    assert [trained.predictions for trained in run(Extras((F1,)))] == [None, None]


def test_a_refit_has_no_scores(run):
    (trained,) = run(Extras((F1,), True, True), tasks=[Task(-1, np.arange(40), None, 3)])
    assert (trained.scores, trained.predictions) == ({}, None)


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda _, y_pred: y_pred, id="array"),
        pytest.param(lambda *_: None, id="none"),
    ],
)
def test_a_score_that_gives_no_number(run, raises, function):
    with raises(EngineError, "one number", "'odd'"):
        list(run(Extras((Score("odd", function, "max"),))))


@pytest.mark.usefixtures("eagerly")
def test_columns_beside_columns_stay():
    shapes = []

    def note(y_true, y_pred):
        shapes.append((y_true.shape, y_pred.shape))
        return 0.0

    for y in (Y, Y[:, None]):
        hp = keras_tuner.HyperParameters()
        engine = with_extras(KerasFit(), Extras((Score("noted", note, "min"),)))
        list(engine.run(Trainings(Model(), hp, as_arrays(X, y), FitArguments(1, 20), TASKS[:1])))
    assert shapes == [((20,), (20,)), ((20, 1), (20, 1))]


def test_rows_of_several_batches(monkeypatch):
    monkeypatch.setattr("kt_grid.engines.scored._BATCH", 7)
    arrays = as_arrays(X, Y, sample_weight=np.linspace(0, 1, 40))
    model = build_model(Model(), keras_tuner.HyperParameters(), arrays, 1)
    np.testing.assert_allclose(predict(model, arrays), model.predict(X, verbose=0), rtol=1e-5)
    expected = model.evaluate(
        X, Y, sample_weight=arrays.sample_weight, batch_size=7, verbose=0, return_dict=True
    )
    assert evaluate(model, arrays) == pytest.approx(expected, rel=1e-5)


def test_models_with_several_outputs_are_predicted_as_they_are():
    shared = keras.Input((3,))
    outputs = {"a": keras.layers.Dense(1)(shared), "b": keras.layers.Dense(2)(shared)}
    model = keras.Model(shared, outputs)
    predicted = predict(model, as_arrays(X, Y))
    assert {name: part.shape for name, part in predicted.items()} == {"a": (40, 1), "b": (40, 2)}
