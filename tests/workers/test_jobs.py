"""What workers are sent: the user's own code with it, and nothing that can't be read there."""

import importlib
import os
import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import cloudpickle
import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.data.targets import Loss, Targets
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import build_model
from kt_grid.engines.fingerprint import fingerprint
from kt_grid.errors import UsageError
from kt_grid.space.asking import AskingHyperParameters
from kt_grid.splitters.folds import KFold, make_splits
from kt_grid.workers.jobs import Context, Job, Result, Trainer, open_context, pack_job, run_job
from kt_grid.workers.packing import unpack

X = np.random.RandomState(3).normal(size=(12, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.float32)
MSE = Loss("mean_squared_error", 3)


class Scored(keras_tuner.HyperModel):
    """Scores without training."""

    def __init__(self, trouble=None):
        super().__init__()
        self.trouble = trouble

    def build(self, hp):
        import keras

        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.get("units"))])
        model.compile(loss="mse")
        return model

    def fit(self, hp, model, x, y, **kwargs):
        hp.Choice("found", [1, 2])
        if self.trouble == len(x):
            raise ValueError("unlucky\nand more")
        return {"val_loss": float(abs(model.get_weights()[0]).sum())}


@pytest.fixture
def hp():
    made = keras_tuner.HyperParameters()
    made.Choice("units", [3])
    return made


def context(hypermodel):
    return Context(hypermodel, Targets(Arrays(X, Y)), make_splits(KFold(5), 12), "keras")


def collect(generator):
    """What a generator yields, and what it returns."""
    items = []
    while True:
        try:
            items.append(next(generator))
        except StopIteration as ended:
            return items, ended.value


def test_a_job_gives_scores_and_weights_for_every_split(hp):
    trainer = open_context(context(Scored()).pack().packed)
    given, result = collect(
        run_job(trainer, pack_job(Job(hp, FitArguments(), {1: 11, 3: 13}, MSE)))
    )
    assert [trained.split for trained in given] == [1, 3]
    assert result == Result()
    assert all(trained.model is None and trained.weights for trained in given)
    (again,), _ = collect(run_job(trainer, pack_job(Job(hp, FitArguments(), {3: 13}, MSE))))
    assert again.scores == given[1].scores != given[0].scores
    cloudpickle.loads(cloudpickle.dumps(given))


def test_an_axis_that_the_trial_has_not_is_told(hp):
    trainer = open_context(context(Scored()).pack().packed)
    job = Job(AskingHyperParameters({"units": 3}, closed=True), FitArguments(), {1: 11}, MSE)
    given, result = collect(run_job(trainer, pack_job(job)))
    met = cloudpickle.loads(cloudpickle.dumps(result)).unforeseen
    assert (met.name, met.values, met.default) == ("found", (1, 2), 1)
    assert (given, result.failure) == ([], "")


class Compared(keras_tuner.HyperModel):
    """Scores by the target that its fit is given, without training."""

    def build(self, hp):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(loss="mse")
        return model

    def fit(self, hp, model, x, y, **kwargs):
        return {"val_least": float(y.min()), "val_most": float(y.max())}


@pytest.mark.parametrize(
    ("loss", "least", "most"),
    [
        pytest.param(Loss("mean_squared_error", 1), 1.0, 2.0, id="numbers"),
        pytest.param(Loss("binary_crossentropy", 1), 0.0, 1.0, id="classes"),
    ],
)
def test_a_job_brings_the_target_into_the_form_of_its_loss(hp, loss, least, most):
    shared = Context(Compared(), Targets(Arrays(X, Y + 1)), make_splits(KFold(3), 12), "keras")
    trainer = open_context(shared.pack().packed)
    (trained,), _ = collect(run_job(trainer, pack_job(Job(hp, FitArguments(), {0: 10}, loss))))
    assert trained.scores == {"val_least": least, "val_most": most}


@pytest.mark.parametrize("identify", [True, False], ids=["asked for", "not asked for"])
def test_the_first_model_is_identified_where_that_is_asked_for(hp, identify):
    trainer = open_context(context(Scored()).pack().packed)
    job = Job(hp, FitArguments(), {1: 11, 3: 13}, MSE, identify)
    found = [trained.fingerprint for trained in collect(run_job(trainer, pack_job(job)))[0]]
    model = build_model(Scored(), hp, Arrays(X, Y), 11, compiled=False)
    assert found == [fingerprint(model) if identify else "", ""]


def test_weights_are_those_of_keras(hp, tmp_path):
    trainer = open_context(context(Scored()).pack().packed)
    (trained,), _ = collect(run_job(trainer, pack_job(Job(hp, FitArguments(), {0: 10}, MSE))))
    trained.save_weights(tmp_path / "fold.weights.h5")
    model = Scored().build(hp)
    model.load_weights(tmp_path / "fold.weights.h5")
    assert float(abs(model.get_weights()[0]).sum()) == trained.scores["val_loss"]


def test_what_was_trained_before_a_failure_is_given(hp):
    # Of 12 rows, folds 0 and 1 hold out three, so that they train on nine; the others on ten.
    trainer = Trainer(
        context(Scored(trouble=10)), open_context(context(Scored()).pack().packed).engine
    )
    given, result = collect(trainer.run(Job(hp, FitArguments(), {0: 10, 1: 11, 2: 12}, MSE)))
    assert [trained.split for trained in given] == [0, 1]
    assert re.fullmatch(r"in test_jobs.py, line \d+, in fit: ValueError: unlucky", result.failure)
    assert "Traceback" in result.details


class Watched:
    """An engine that notes what it is to do."""

    name = "watched"

    def run(self, trainings):
        self.trainings = trainings
        return iter(())


@pytest.mark.parametrize(
    ("loss", "prepared"),
    [
        pytest.param(MSE, [(3, 2, 12)], id="alike"),
        pytest.param(Loss("categorical_crossentropy", 2), [], id="with another target"),
    ],
)
def test_what_comes_next_is_prepared_for_if_it_has_the_same_rows(hp, loss, prepared):
    trainer = Trainer(context(Scored()), Watched())
    following = Job(hp, FitArguments(epochs=3), {2: 12}, loss)
    collect(trainer.run(Job(hp, FitArguments(), {0: 10}, MSE, following=following)))
    found = trainer.engine.trainings.upcoming
    assert [(one.fit.epochs, one.task.split, one.task.seed) for one in found] == prepared


def test_a_model_that_cannot_be_sent_is_refused(raises):
    with raises(UsageError, "workers", "cannot pickle", "one worker"):
        context(Scored(trouble=threading.Lock())).pack()


FILE = """
import keras
from beside_it import UNITS, made
SCALE = 2
def build(hp):
    model = keras.Sequential([keras.Input((2,)), made(SCALE * UNITS)])
    model.compile(loss="mse")
    return model
"""
BESIDE = """
import keras
UNITS = 3
def made(units):
    return keras.layers.Dense(units)
"""
SUBCLASS = (
    FILE
    + """
import keras_tuner
class Mine(keras_tuner.HyperModel):
    def build(self, hp):
        return build(hp)
"""
)


def test_a_users_file_reaches_workers_with_the_modules_beside_it(tmp_path, monkeypatch):
    """A worker elsewhere has neither the files nor their folder."""
    (tmp_path / "my_file.py").write_text(FILE)
    (tmp_path / "my_class.py").write_text(SUBCLASS)
    (tmp_path / "beside_it.py").write_text(BESIDE)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("my_file", "my_class", "beside_it"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    function = SimpleNamespace(build=importlib.import_module("my_file").build)
    subclass = importlib.import_module("my_class").Mine()
    for name, made in (("function", function), ("subclass", subclass)):
        (tmp_path / name).write_bytes(context(made).pack().packed)
    code = f"""
from pathlib import Path
from kt_grid.workers.jobs import open_context
for name in ("function", "subclass"):
    trainer = open_context(Path({str(tmp_path)!r}, name).read_bytes())
    print(name, trainer.context.hypermodel.build(None).count_params())
"""
    elsewhere = [path for path in sys.path if path != str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(elsewhere)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "function 18\nsubclass 18\n"), done.stderr


@pytest.mark.parametrize(
    ("name", "value", "usual"),
    [
        pytest.param("dtype_policy", "mixed_bfloat16", "float32", id="precision"),
        pytest.param("floatx", "float64", "float32", id="float type"),
        pytest.param("epsilon", 1e-3, 1e-7, id="epsilon"),
    ],
)
def test_workers_have_the_settings_of_whoever_sends_them_work(name, value, usual):
    change, ask = getattr(keras.config, f"set_{name}"), getattr(keras.config, name)
    try:
        change(value)
        packed = context(Scored()).pack().packed
        change(usual)
        open_context(packed)
        assert getattr(ask(), "name", ask()) == value
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
        change(usual)


def test_a_callback_of_ones_own_reaches_workers_that_lack_its_module(tmp_path, monkeypatch):
    text = "import keras\nclass Mine(keras.callbacks.Callback):\n    pass\n"
    (tmp_path / "my_callbacks.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "nothing_to_import", None)
    mine = importlib.import_module("my_callbacks").Mine()
    packed = pack_job(Job(None, FitArguments(callbacks=(mine,)), {}, MSE))
    monkeypatch.delitem(sys.modules, "my_callbacks")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])
    (callback,) = unpack(packed).fit.callbacks
    assert type(callback).__name__ == "Mine"
