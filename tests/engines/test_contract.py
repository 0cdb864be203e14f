"""What every engine owes, whichever trains: adding an engine adds one parameter."""

import dataclasses
import functools
import threading
from types import SimpleNamespace

import cloudpickle
import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines import ENGINES, make_engine
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task, Trainings
from kt_grid.engines.callbacks import as_callbacks, renew
from kt_grid.engines.scored import with_extras
from kt_grid.errors import UsageError
from kt_grid.space.objective import Extras

X = np.random.RandomState(8).normal(size=(24, 3)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[np.arange(24) % 3]
TASKS = [Task(3, np.arange(8, 24), np.arange(8), 1), Task(1, np.arange(16), np.arange(16, 24), 2)]
REFIT = Task(-1, np.arange(24), None, 3)


def build(_):
    model = keras.Sequential([keras.layers.Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy", keras.metrics.F1Score()])
    return model


@pytest.fixture(params=[*((name, False) for name in ENGINES), ("auto", True)], ids=str)
def run(request):
    name, wrapped = request.param

    def run(tasks):
        engine = with_extras(make_engine(name), Extras(train_scores=wrapped))
        hp, fit = keras_tuner.HyperParameters(), FitArguments(epochs=2, batch_size=8)
        return list(
            engine.run(Trainings(SimpleNamespace(build=build), hp, Arrays(X, Y), fit, tasks))
        )

    return run


def test_results_come_in_order_named_and_picklable(run):
    results = run([*TASKS, REFIT])
    assert [one.split for one in results] == [3, 1, -1]
    assert results[2].scores == {}
    names = {"loss", "accuracy", "f1_score_0", "f1_score_1", "f1_score_2"}
    for one in results[:2]:
        held_out = {name for name in one.scores if name.startswith("val_")}
        assert held_out == {f"val_{name}" for name in names}
        assert one.epochs == 2
        bare = dataclasses.replace(one, model=None)
        assert cloudpickle.loads(cloudpickle.dumps(bare)) == bare


def test_every_task_starts_fresh(run):
    together, alone = run(TASKS)[1], run(TASKS[1:])[0]
    assert together.scores == alone.scores
    for one, other in zip(together.model.get_weights(), alone.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


class Locked(keras.callbacks.Callback):
    def __init__(self, patience):
        super().__init__()
        self.patience = patience
        self.lock = threading.Lock()


class Lost(Locked):
    def __init__(self, given):
        super().__init__(given)


@pytest.mark.parametrize(
    "given",
    [Locked(3), functools.partial(Locked, 3), lambda: Locked(patience=3)],
    ids=["object", "partial", "function"],
)
def test_callbacks_are_made_anew(given):
    callbacks = as_callbacks([given])
    (one,), (other,) = renew(callbacks), renew(callbacks)
    assert one is not other
    assert (one.patience, other.patience) == (3, 3)


def test_a_callback_of_which_there_is_no_other_is_refused(raises):
    with raises(UsageError, "Lost", "functools.partial"):
        as_callbacks(Lost(3))
