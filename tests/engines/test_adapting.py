"""Layers see the training rows of their fold before the training, and no others."""

import functools

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines.adapting import adapt, is_adapted
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.auto import Auto
from kt_grid.engines.base import Task, Trainings, build_model
from kt_grid.engines.fused.engine import Fused
from kt_grid.engines.keras_fit import KerasFit
from kt_grid.errors import EngineError

L = keras.layers
RANDOM = np.random.RandomState(3)
X = RANDOM.normal(5, 3, (20, 2)).astype(np.float32)
Y = (X[:, 0] > 5).astype(np.float32)
WORDS = np.array([["good film"], ["bad film"], ["fine"], ["awful play"]] * 5, object)
FOLDS = [(np.arange(7, 20), np.arange(7)), (np.arange(13), np.arange(13, 20))]
TASKS = [Task(i, train, test, 11 + i) for i, (train, test) in enumerate(FOLDS)]


FIT = FitArguments(epochs=2, batch_size=4)


def hypermodel(*layers, run_eagerly=False):
    """A Sequential model of fresh layers, each given as a function."""

    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            model = keras.Sequential([make() for make in layers] + [L.Dense(1, "sigmoid")])
            model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
            model.run_eagerly = run_eagerly
            return model

    return Model()


def text_input():
    return keras.Input((1,), dtype="string")


def vectorized():
    return L.TextVectorization(max_tokens=8, output_mode="multi_hot", pad_to_max_tokens=True)


def run(engine, model, x=X, fit=FIT, tasks=TASKS):
    space = keras_tuner.HyperParameters()
    return [
        (t.scores, [w.copy() for w in t.model.get_weights()], t.model)
        for t in engine.run(Trainings(model, space, Arrays(x, Y), fit, tasks))
    ]


@functools.cache
def standardised(kind):
    """An engine, and what it made of a model with a Normalization; trained but once."""
    engine = kind()
    return engine, run(engine, hypermodel(L.Normalization))


@pytest.mark.parametrize("engine", [KerasFit, Fused, Auto])
def test_statistics_are_those_of_the_training_rows_in_every_fold(engine):
    _, results = standardised(engine)
    for (_, _, model), (train, _) in zip(results, FOLDS, strict=True):
        np.testing.assert_allclose(np.ravel(model.layers[0].mean), X[train].mean(0), rtol=1e-6)
        np.testing.assert_allclose(np.ravel(model.layers[0].variance), X[train].var(0), rtol=1e-6)


def test_the_refit_adapts_to_all_rows():
    refit = [Task(-1, np.arange(20), None, 5)]
    ((_, _, model),) = run(Fused(), hypermodel(L.Normalization), tasks=refit)
    np.testing.assert_allclose(np.ravel(model.layers[0].mean), X.mean(0), rtol=1e-6)


@pytest.mark.parametrize("engine", [KerasFit, Fused])
def test_an_adapted_model_is_a_plain_one_on_standardised_rows(engine):
    """The reference is standardised by hand, fold by fold, and trained without the layer."""
    _, results = standardised(engine)
    for task, (scores, weights, _) in zip(TASKS, results, strict=True):
        mean, std = X[task.train].mean(0), X[task.train].std(0)
        reference = hypermodel(run_eagerly=True)
        ((plain, expected, _),) = run(KerasFit(), reference, (X - mean) / std, tasks=[task])
        for one, other in zip(weights[3:], expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
        assert scores["val_loss"] == pytest.approx(plain["val_loss"], rel=1e-4)


def test_one_program_serves_all_folds_of_an_adapted_model():
    engine, _ = standardised(Fused)
    assert engine.programs == 1


def test_a_training_that_goes_on_does_so_with_its_own_statistics():
    model, engine = hypermodel(L.Normalization), Fused()
    tasks = [TASKS[0]]
    arrays, space = Arrays(X, Y), keras_tuner.HyperParameters()
    short, long = FitArguments(2, 4, longest=5), FitArguments(5, 4, longest=5)
    for task in (*tasks, TASKS[1]):
        [*engine.run(Trainings(model, space, arrays, short, [task]))]
    (continued,) = engine.run(Trainings(model, space, arrays, long, tasks))
    (direct,) = Fused().run(Trainings(model, space, arrays, long, tasks))
    for one, other in zip(continued.model.get_weights(), direct.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert continued.scores == direct.scores


def test_layers_are_adapted_to_what_the_layers_before_them_give():
    a, c = keras.Input((1,), name="a"), keras.Input((1,), dtype="string", name="c")
    scaled = L.Normalization(name="scale")(a)
    binned = L.Discretization(num_bins=3, output_mode="multi_hot", name="bins")(scaled)
    looked = L.StringLookup(
        max_tokens=4, output_mode="multi_hot", pad_to_max_tokens=True, name="words"
    )(c)
    model = keras.Model({"a": a, "c": c}, L.Dense(1)(L.Concatenate()([scaled, binned, looked])))
    column = X[:, :1]
    adapt(None, None, model, Arrays({"a": column, "c": WORDS}, Y))
    standard = (column - column.mean()) / column.std()
    reference = L.Discretization(num_bins=3)
    reference.adapt(standard)
    np.testing.assert_allclose(
        model.get_layer("bins").bin_boundaries, reference.bin_boundaries, rtol=1e-4, atol=1e-5
    )
    words = model.get_layer("words").get_vocabulary()
    assert set(words) < {"[UNK]", "good film", "bad film", "fine", "awful play"}


def test_layers_within_a_model_within_are_adapted():
    inner = keras.Sequential([keras.Input((2,)), L.Rescaling(2.0), L.Normalization()])
    model = keras.Sequential([keras.Input((2,)), L.Rescaling(0.5, offset=1), inner, L.Dense(1)])
    adapt(None, None, model, Arrays(X, Y))
    np.testing.assert_allclose(np.ravel(inner.layers[1].mean), (X + 2).mean(0), rtol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(lambda: L.Normalization(mean=1.0, variance=2.0), id="Normalization"),
        pytest.param(lambda: L.Discretization(bin_boundaries=[0.0]), id="Discretization"),
        pytest.param(lambda: L.Dense(2), id="a layer without adapt"),
    ],
)
def test_what_is_given_is_not_adapted(layer):
    model = build_model(hypermodel(layer), None, Arrays(X, Y), 0)
    assert not is_adapted(None, model)


def test_a_hypermodel_adapts_in_its_own_way():
    seen = []

    class Own(keras_tuner.HyperModel):
        def build(self, hp):
            return hypermodel(L.Normalization).build(hp)

        def adapt(self, hp, model, x, y):
            seen.append(len(y))
            model.layers[0].adapt(2 * x)

    results = run(Auto(), Own())
    assert seen == [13, 13]
    for (_, _, model), (train, _) in zip(results, FOLDS, strict=True):
        np.testing.assert_allclose(np.ravel(model.layers[0].mean), 2 * X[train].mean(0), rtol=1e-6)


class Hidden(keras.Model):
    """Says nothing of where its layers are."""

    def __init__(self, used):
        super().__init__()
        self.scale = L.Normalization()
        self.scale.build((None, 2))
        self.used = used

    def call(self, x):
        return self.scale(2 * x) if self.used else x


def test_a_model_that_hides_its_graph_is_called_to_see_what_reaches_a_layer():
    model = Hidden(used=True)
    model(X[:1])
    adapt(None, None, model, Arrays(X, Y))
    np.testing.assert_allclose(np.ravel(model.scale.mean), 2 * X.mean(0), rtol=1e-5)


def test_a_model_that_does_not_call_its_layer_is_asked_for_an_adapt_of_its_own():
    model = Hidden(used=False)
    model(X[:1])
    with pytest.raises(EngineError, match=r"adapt\(hp, model, x, y\)"):
        adapt(None, None, model, Arrays(X, Y))


def test_text_is_trained_by_model_fit():
    (scores, _, model), _ = run(Auto(), hypermodel(text_input, vectorized), WORDS)
    assert np.isfinite(scores["val_loss"])
    assert set(model.layers[0].get_vocabulary()) <= {
        *("[UNK]", "good", "film", "bad", "fine", "awful", "play")
    }


@pytest.mark.parametrize("setting", ["dropout", "bound"])
def test_a_training_that_goes_on_does_so_with_its_own_settings(setting):
    """Another trial of the same program, with other settings, has run in between."""

    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            constraint = keras.constraints.MaxNorm(hp.get("value") if setting == "bound" else 3.0)
            rate = hp.get("value") if setting == "dropout" else 0.0
            hidden = [L.Dense(6, kernel_constraint=constraint), L.Dropout(rate)]
            model = keras.Sequential([*hidden, L.Dense(1, "sigmoid")])
            model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
            return model

    def trained(engine, value, epochs):
        space = keras_tuner.HyperParameters()
        space.Choice("value", [value])
        fit = FitArguments(epochs, 4, longest=5)
        (one,) = engine.run(Trainings(Model(), space, arrays, fit, TASKS[:1]))
        return one.model.get_weights()

    arrays, engine = Arrays(X, Y), Fused()
    trained(engine, 0.3, 2)
    trained(engine, 0.7, 2)
    for one, other in zip(trained(engine, 0.3, 5), trained(Fused(), 0.3, 5), strict=True):
        np.testing.assert_array_equal(one, other)
