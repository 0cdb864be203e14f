"""Early stopping in compiled code ends where Keras's own does, with the same weights."""

import dataclasses

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task, Trainings
from kt_grid.engines.fused.engine import Fused
from kt_grid.engines.keras_fit import KerasFit
from kt_grid.engines.scored import with_extras
from kt_grid.engines.stopping import hold_back
from kt_grid.space.objective import Extras
from kt_grid.splitters.folds import KFold, make_splits

RANDOM = np.random.RandomState(2)
X = RANDOM.normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] + RANDOM.normal(size=60) > 0).astype(np.float32)
ROWS = Arrays(X, Y)
SPLITS = make_splits(KFold(3), 60)[:2]
TASKS = [Task(i, *split, 20 + i) for i, split in enumerate(SPLITS)]
FIT = FitArguments(epochs=30, batch_size=8, early_stopping=3, validation_split=0.3, longest=40)


class Network(keras_tuner.HyperModel):
    def __init__(self, **sgd):
        super().__init__()
        self.sgd = {"learning_rate": 1.0, **sgd}

    def build(self, hp):
        model = keras.Sequential(
            [keras.layers.Dense(6, activation="tanh"), keras.layers.Dense(1, "sigmoid")]
        )
        optimizer = keras.optimizers.SGD(**self.sgd)
        model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
        return model


def trained(engine, rows, fit, hypermodel):
    hp = keras_tuner.HyperParameters()
    tasks = [hold_back(task, fit, rows.groups) for task in TASKS]
    results = engine.run(Trainings(hypermodel, hp, rows, fit, tasks))
    return [(one, [w.numpy().copy() for w in one.model.weights]) for one in results]


@pytest.mark.parametrize(
    ("rows", "changes", "sgd"),
    [
        pytest.param(ROWS, {}, {}, id="plain", marks=pytest.mark.full),
        pytest.param(
            ROWS, {"class_weight": {0: 1.0, 1: 3.0}, "in_time": True}, {}, id="classes, time"
        ),
        pytest.param(
            Arrays(X, Y, np.linspace(0, 2, 60, dtype=np.float32), np.arange(60) // 4),
            {},
            {"use_ema": True, "ema_momentum": 0.5},
            id="weights of rows, groups, averaged weights",
        ),
        pytest.param(
            ROWS,
            {"early_stopping": 9, "epochs": 6},
            {},
            id="never stops",
            marks=pytest.mark.full,
        ),
        pytest.param(
            ROWS,
            {"early_stopping": None, "epochs": 4},
            {},
            id="only held back",
            marks=pytest.mark.full,
        ),
    ],
)
def test_both_engines_stop_at_the_same_epoch_with_the_same_weights(rows, changes, sgd):
    fit = dataclasses.replace(FIT, **changes)
    ours = trained(Fused(), rows, fit, Network(**sgd))
    theirs = trained(KerasFit(), rows, fit, Network(**sgd))
    for (mine, weights), (reference, expected) in zip(ours, theirs, strict=True):
        assert (mine.epochs, mine.steps) == (reference.epochs, reference.steps)
        assert mine.scores == pytest.approx(reference.scores, rel=1e-3, abs=1e-5)
        for one, other in zip(weights, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-3 * np.abs(other).max())
    epochs = {reference.epochs for reference, _ in theirs}
    assert changes.get("early_stopping", 3) is None or min(epochs) < 30


def test_rows_held_back_are_no_training_rows_for_scores():
    fit = dataclasses.replace(FIT, epochs=2)
    engine = with_extras(Fused(), Extras(train_scores=True))
    tasks = [hold_back(task, fit, None) for task in TASKS]
    results = engine.run(Trainings(Network(), keras_tuner.HyperParameters(), ROWS, fit, tasks))
    for one, task in zip(results, tasks, strict=True):
        rows = task.train
        loss, accuracy = one.model.evaluate(X[rows], Y[rows], verbose=0)
        assert one.scores["train_loss"] == pytest.approx(loss, rel=1e-5)
        assert one.scores["train_accuracy"] == pytest.approx(accuracy)


def test_a_longer_search_does_not_go_on_from_a_training_that_stopped():
    """Its weights are those of an epoch before the one that it ended with."""
    engine = Fused()
    short = dataclasses.replace(FIT, epochs=20)
    first = trained(engine, ROWS, short, Network())
    again = trained(engine, ROWS, FIT, Network())
    alone = trained(Fused(), ROWS, FIT, Network())
    for (one, weights), (other, expected) in zip(again, alone, strict=True):
        assert one.scores == other.scores
        assert all(np.array_equal(a, b) for a, b in zip(weights, expected, strict=True))
    assert any(one.epochs < 20 for one, _ in first)
