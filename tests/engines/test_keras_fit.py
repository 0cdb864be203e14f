"""The reference engine trains as plain Keras and numpy do, and sharing a trace alters nothing."""

import dataclasses
from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task, Trainings, build_model
from kt_grid.engines.design import copy_state, design, text_of
from kt_grid.engines.keras_fit import KerasFit
from kt_grid.engines.stopping import hold_back
from kt_grid.errors import EngineError

ROWS = 14
RANDOM = np.random.RandomState(3)
X = RANDOM.normal(size=(ROWS, 3)).astype(np.float32)
Y = (X.sum(axis=1) + RANDOM.normal(size=ROWS) > 0).astype(np.float32)
ARRAYS = Arrays(X, Y)
# Ten rows to train on in batches of four: the last one is short.
FIT = FitArguments(epochs=3, batch_size=4)
FOLDS = [np.arange(4), np.arange(4, 8), np.arange(10, 14)]
TASKS = [Task(i, np.setdiff1d(np.arange(ROWS), test), test, 11 + i) for i, test in enumerate(FOLDS)]


class Doubled(keras.layers.Layer):
    """A layer that isn't Keras's own."""

    def call(self, inputs):
        return 2 * inputs


def network(*between, optimizer="sgd"):
    def build(hp):
        hidden = keras.layers.Dense(4, activation="relu")
        output = keras.layers.Dense(1, activation="sigmoid")
        model = keras.Sequential([hidden, *(layer() for layer in between), output])
        chosen = optimizer if isinstance(optimizer, str) else optimizer()
        model.compile(optimizer=chosen, loss="binary_crossentropy", metrics=["accuracy"])
        return model

    return build


def logistic(hp):
    model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
    sgd = keras.optimizers.SGD(0.5)
    model.compile(optimizer=sgd, loss="binary_crossentropy", metrics=["accuracy"])
    return model


def train(build, tasks, arrays=ARRAYS, fit=FIT):
    """(scores, weights, model) of every task."""
    hypermodel = keras_tuner.HyperModel()
    hypermodel.build = build
    trained = KerasFit().run(
        Trainings(hypermodel, keras_tuner.HyperParameters(), arrays, fit, tasks)
    )
    return [(t.scores, t.model.get_weights(), t.model) for t in trained]


def fresh(build, seed, arrays=ARRAYS):
    return build_model(SimpleNamespace(build=build), keras_tuner.HyperParameters(), arrays, seed)


def batches(task, fit):
    """Positions of the rows of every step, drawn by hand."""
    random = np.random.RandomState(task.seed)
    for _ in range(fit.epochs):
        order = task.train[random.permutation(len(task.train))]
        yield from (order[i : i + fit.batch_size] for i in range(0, len(order), fit.batch_size))


def assert_same(weights, expected, **tolerance):
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_allclose(a, b, **(tolerance or {"rtol": 0, "atol": 0}))


@pytest.mark.parametrize(
    ("build", "shares"),
    [
        pytest.param(
            network(lambda: keras.layers.Dropout(0.5), optimizer="adam"), True, id="dropout, adam"
        ),
        pytest.param(
            network(keras.layers.BatchNormalization),
            True,
            id="batch norm",
            marks=pytest.mark.full,
        ),
        pytest.param(network(Doubled), False, id="custom layer", marks=pytest.mark.full),
    ],
)
def test_a_fold_gives_the_same_alone_and_after_others(build, shares):
    together = train(build, TASKS)
    assert (together[0][2] is together[2][2]) == shares
    ((scores, weights, _),) = train(build, TASKS[2:])
    assert together[2][0] == scores
    assert_same(together[2][1], weights)
    assert not np.array_equal(together[0][1][0], together[1][1][0])


@pytest.mark.parametrize(
    "optimizer",
    [lambda: keras.optimizers.SGD(0.1, momentum=0.9), lambda: keras.optimizers.Adam(0.01)],
    ids=["sgd with momentum", "adam"],
)
def test_training_equals_a_plain_loop_over_train_on_batch(optimizer):
    build = network(optimizer=optimizer)
    ((_, weights, _),) = train(build, TASKS[:1])
    model = fresh(build, TASKS[0].seed)
    model.run_eagerly = True
    sizes = []
    for rows in batches(TASKS[0], FIT):
        model.train_on_batch(X[rows], Y[rows])
        sizes.append(len(rows))
    assert sizes == [4, 4, 2] * 3
    assert_same(weights, model.get_weights(), rtol=0, atol=1e-6)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def descend(task, fit, weights):
    """Logistic regression by gradient descent in numpy."""
    kernel, bias = (w.astype(np.float64) for w in fresh(logistic, task.seed).get_weights())
    for rows in batches(task, fit):
        slope = weights[rows] * (sigmoid(X[rows] @ kernel + bias)[:, 0] - Y[rows]) / len(rows)
        kernel -= 0.5 * (X[rows].T @ slope)[:, None]
        bias -= 0.5 * slope.sum()
    return kernel, bias


SAMPLE_WEIGHT = np.linspace(0.1, 3.0, ROWS).astype(np.float32)


@pytest.mark.parametrize(
    ("fit", "sample_weight", "weights"),
    [
        pytest.param({}, None, np.ones(ROWS), id="none"),
        pytest.param({"class_weight": {0: 0.5, 1: 4.0}}, None, np.where(Y, 4.0, 0.5), id="class"),
        pytest.param({}, SAMPLE_WEIGHT, SAMPLE_WEIGHT, id="sample"),
    ],
)
def test_training_and_scoring_equal_numpy(fit, sample_weight, weights):
    task = TASKS[1]
    fit = FitArguments(epochs=3, batch_size=4, **fit)
    ((scores, trained, _),) = train(logistic, [task], Arrays(X, Y, sample_weight), fit)
    kernel, bias = descend(task, fit, weights)
    assert_same(trained, (kernel, bias), rtol=1e-5, atol=1e-6)
    plain, _ = descend(task, fit, np.ones(ROWS))
    assert np.allclose(kernel, plain) == (not fit.class_weight and sample_weight is None)

    held_out, truth = sigmoid(X[task.test] @ kernel + bias)[:, 0], Y[task.test]
    losses = -np.log(np.where(truth == 1, held_out, 1 - held_out))
    if sample_weight is not None:
        losses *= sample_weight[task.test]
    assert scores["val_loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert scores["val_accuracy"] == pytest.approx(np.mean((held_out > 0.5) == truth))
    assert set(scores) == {"val_loss", "val_accuracy"}


def test_a_long_training_passes_through_a_short_one():
    passed = []

    class Capture(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            passed.append(self.model.get_weights())

    build = network(lambda: keras.layers.Dropout(0.3), optimizer="adam")
    long = FitArguments(epochs=5, batch_size=4, callbacks=(Capture(),))
    ((_, weights_of_five, _),) = train(build, TASKS[:1], fit=long)
    ((_, weights_of_three, _),) = train(build, TASKS[:1], fit=FIT)
    assert len(passed) == 5
    assert_same(passed[2], weights_of_three)
    assert_same(passed[4], weights_of_five)
    assert not np.array_equal(passed[4][0], passed[2][0])


def test_the_refit_trains_on_what_it_is_given_and_scores_nothing():
    task = Task(-1, np.arange(ROWS), None, 5)
    ((scores, weights, _),) = train(logistic, [task])
    assert scores == {}
    assert_same(weights, descend(task, FIT, np.ones(ROWS)), rtol=1e-5, atol=1e-6)


TWO_INPUTS = {
    "dict": {"left": X[:, :1], "right": X[:, 1:]},
    "tuple": (X[:, :1], X[:, 1:]),
    "list": [X[:, :1], X[:, 1:]],
}


@pytest.mark.parametrize("kind", TWO_INPUTS)
def test_several_inputs(kind):
    def build(hp):
        inputs = {"left": keras.Input((1,), name="left"), "right": keras.Input((2,), name="right")}
        joined = keras.layers.Concatenate()([inputs["left"], inputs["right"]])
        output = keras.layers.Dense(1, activation="sigmoid")(joined)
        form = {"dict": dict, "tuple": lambda i: tuple(i.values()), "list": lambda i: [*i.values()]}
        model = keras.Model(form[kind](inputs), output)
        sgd = keras.optimizers.SGD(0.5)
        model.compile(optimizer=sgd, loss="binary_crossentropy", metrics=["accuracy"])
        return model

    ((_, weights, _),) = train(build, TASKS[:1], Arrays(TWO_INPUTS[kind], Y))
    assert_same(weights, descend(TASKS[0], FIT, np.ones(ROWS)), rtol=1e-5, atol=1e-6)


def test_a_training_that_diverges_is_refused():
    rows = Arrays(X * np.float32(1e30), Y)

    def build(hp):
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile(optimizer="sgd", loss="mse")
        return model

    with pytest.raises(EngineError, match="Expected a finite loss on the held-out rows"):
        train(build, TASKS[:1], rows)


@pytest.mark.parametrize(
    ("build", "other", "same"),
    [
        pytest.param(network(), network(), True, id="the same"),
        pytest.param(network(), network(optimizer="adam"), False, id="another optimizer"),
        pytest.param(
            network(optimizer=lambda: keras.optimizers.SGD(0.1)),
            network(optimizer=lambda: keras.optimizers.SGD(0.2)),
            False,
            id="another rate",
        ),
        pytest.param(
            network(lambda: keras.layers.Dropout(0.1)),
            network(lambda: keras.layers.Dropout(0.2)),
            False,
            id="another dropout",
        ),
        pytest.param(network(Doubled), network(Doubled), False, id="custom layer"),
        pytest.param(
            network(lambda: keras.layers.Lambda(lambda x: x, output_shape=(4,))),
            network(lambda: keras.layers.Lambda(lambda x: x, output_shape=(4,))),
            False,
            id="lambda",
        ),
    ],
)
def test_only_models_of_keras_own_parts_configured_alike_are_the_same_design(build, other, same):
    one, another = design(fresh(build, 1)), design(fresh(other, 2))
    assert (one is not None and text_of(one) == text_of(another)) is same


def test_a_copied_state_is_complete():
    build = network(keras.layers.BatchNormalization, optimizer="adam")
    source, target = fresh(build, 1), fresh(build, 2)
    target.optimizer.build(target.trainable_variables)
    target.optimizer.iterations.assign(9)
    copy_state(source, target)
    assert_same(target.get_weights(), source.get_weights())
    assert int(target.optimizer.iterations) == 0


def test_early_stopping_gives_the_weights_of_its_best_epoch():
    """They are those of a training on the same rows that ends there by itself."""
    fit = FitArguments(epochs=40, batch_size=4, early_stopping=2, validation_split=0.3)
    hypermodel = keras_tuner.HyperModel()
    hypermodel.build = network(optimizer=lambda: keras.optimizers.SGD(2.0))
    hp = keras_tuner.HyperParameters()
    tasks = [hold_back(task, fit, None) for task in TASKS[:2]]
    stopped = list(KerasFit().run(Trainings(hypermodel, hp, ARRAYS, fit, tasks)))
    assert [one.steps for one in stopped] == [2 * (one.epochs + 2) for one in stopped]
    for one, task in zip(stopped, tasks, strict=True):
        assert one.epochs < 38
        held = dataclasses.replace(task, watch=None)
        plain = FitArguments(epochs=one.epochs, batch_size=4)
        (again,) = KerasFit().run(Trainings(hypermodel, hp, ARRAYS, plain, [held]))
        assert again.scores == pytest.approx(one.scores, rel=1e-5)


@pytest.mark.full
def test_half_precision_that_scales_the_loss_is_trained_fold_after_fold():
    """Keras's optimizer around another one keeps its variables in an order that changes."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        together = train(network(optimizer="adam"), TASKS[:2])
        (alone,) = train(network(optimizer="adam"), TASKS[1:2])
        assert together[0][2].layers[0].compute_dtype == "float16"
        assert together[1][0] == alone[0]
        assert_same(together[1][1], alone[1])
    finally:
        keras.config.set_dtype_policy(before)
