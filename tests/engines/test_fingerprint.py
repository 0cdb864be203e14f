"""Whatever changes a model or its training changes its fingerprint, and nothing else does."""

import importlib
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from kt_grid.data.code_digest import code_digest
from kt_grid.engines.fingerprint import fingerprint
from kt_grid.engines.session import begin_session

HELPERS = """
import keras
WIDTH = 3
def made(units):
    return keras.layers.Dense(units + WIDTH)
"""
FILE = '''
import dataclasses, functools, types
from pathlib import Path
import keras
import numpy as np
import helpers

SPACE = types.SimpleNamespace(units=3)
SINGLE = np.float32(0.5)
TABLE = np.array([0.1, 0.2])
PENALTY = keras.regularizers.L2(0.25)
NAMES = {"relu", "x"}
PLACE = Path("one/weights.h5")
BY_NAME = {"act": lambda x: keras.ops.tanh(x)}
HISTORY = []
FACTOR = 1.5

@dataclasses.dataclass
class Config:
    rate: float = 0.125

class Settings:
    momentum = 0.5

def scaled(factor):
    def decorate(function):
        @functools.wraps(function)
        def inner(*args):
            return factor * function(*args)
        return inner
    return decorate

@scaled(5)
def loss(y, p):
    """A loss."""
    return keras.ops.mean(keras.ops.abs(y - p)) * FACTOR

def powered(power):
    return lambda x: x**power

def partly(x, low):
    return keras.ops.maximum(x, low)

class Scaled(keras.layers.Layer):
    def __init__(self, table, **kwargs):
        super().__init__(**kwargs)
        self.table = table
    def call(self, x):
        return x * 2

class Clipped(keras.constraints.Constraint):
    def __call__(self, w):
        return keras.ops.clip(w, -1, 1)

class Warm(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1 / (step + 7)

class Mine(keras.Model):
    def train_step(self, data):
        return super().train_step(data)

def first(hp, units=8):
    """One model."""
    # A comment.
    HISTORY.append(units)
    rows = keras.Input((4,))
    hidden = keras.layers.Dense(units, kernel_regularizer=PENALTY, name="hidden")(rows)
    hidden = keras.layers.Dense(SPACE.units, activation=BY_NAME["act"])(hidden)
    hidden = keras.layers.Dense(2, kernel_constraint=Clipped(), use_bias="relu" in NAMES)(hidden)
    hidden = keras.layers.Dropout(float(SINGLE))(helpers.made(2)(hidden))
    hidden = Scaled(TABLE)(keras.layers.Activation(powered(2))(hidden))
    hidden = keras.layers.Activation(functools.partial(partly, low=0.5))(hidden)
    hidden = keras.layers.Dense(len(PLACE.parts))(hidden)
    model = Mine(rows, keras.layers.Dense(1)(hidden))
    model.compile(
        keras.optimizers.SGD(Warm(), momentum=Settings.momentum, weight_decay=Config().rate),
        loss,
        metrics=[keras.metrics.AUC(num_thresholds=50)],
        jit_compile=False,
    )
    return model

def second(hp):
    model = keras.Sequential([
        keras.Input((4,)), keras.layers.Normalization(mean=1.0, variance=4.0),
        keras.layers.Bidirectional(keras.layers.GRU(2)) if hp else keras.layers.Dense(3),
        keras.layers.Dense(1, kernel_initializer="glorot_uniform", name="out"),
    ])
    model.layers[-2].trainable = True
    model.compile(
        keras.optimizers.Adam(0.01, clipnorm=None), keras.losses.Huber(0.3),
        metrics=["mae"], loss_weights=[1.0], steps_per_execution=1, run_eagerly=False,
    )
    return model
'''


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def load(old="", new="", file="models_file"):
        texts = {"models_file": FILE, "helpers": HELPERS}
        assert old in texts[file]
        texts[file] = texts[file].replace(old, new, 1) if old else texts[file]
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)
            monkeypatch.delitem(sys.modules, name, raising=False)
        for cache in tmp_path.rglob("*.pyc"):
            cache.unlink()
        importlib.invalidate_caches()
        return importlib.import_module("models_file")

    return load


def of(build, seed=3):
    begin_session(seed)
    return fingerprint(build(None))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("units=3", "units=4", id="SimpleNamespace"),
        pytest.param("float32(0.5)", "float32(0.25)", id="numpy scalar"),
        pytest.param("[0.1, 0.2]", "[0.1, 0.3]", id="numpy array"),
        pytest.param("L2(0.25)", "L2(0.5)", id="regularizer"),
        pytest.param('"relu", "x"', '"tanh", "x"', id="set"),
        pytest.param("one/weights", "one/two/weights", id="Path"),
        pytest.param("ops.tanh(x)}", "ops.sin(x)}", id="dict holding a function"),
        pytest.param("rate: float = 0.125", "rate: float = 0.25", id="dataclass"),
        pytest.param("momentum = 0.5", "momentum = 0.25", id="class attribute"),
        pytest.param("@scaled(5)", "@scaled(6)", id="decorator argument"),
        pytest.param("factor * function", "factor + function", id="decorator"),
        pytest.param("ops.abs(y - p)", "ops.square(y - p)", id="loss"),
        pytest.param("FACTOR = 1.5", "FACTOR = 2.5", id="global of a loss"),
        pytest.param("powered(2)", "powered(3)", id="closure"),
        pytest.param("low=0.5", "low=0.25", id="partial"),
        pytest.param("return x * 2", "return x * 4", id="custom layer"),
        pytest.param("(w, -1, 1)", "(w, -2, 1)", id="custom constraint"),
        pytest.param("step + 7", "step + 8", id="custom schedule"),
        pytest.param(
            "return super().train_step(data)", "self.seen = 1\n        return {}", id="train_step"
        ),
        pytest.param("units=8", "units=9", id="default argument"),
        pytest.param("num_thresholds=50", "num_thresholds=60", id="metric's setting"),
        pytest.param("jit_compile=False", "jit_compile=True", id="jit"),
    ],
)
def test_what_changes_a_model_shows(load, old, new):
    before, after = load(), load(old, new)
    # First, because a model that was built counts with what its own code keeps of that.
    digests = [code_digest({"model": module.first}).digest for module in (before, after)]
    assert digests[0] != digests[1]
    assert of(before.first) != of(after.first)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("mean=1.0", "mean=2.0", id="adapted"),
        pytest.param("GRU(2)) if hp else keras.layers.Dense(3)", "GRU(2)) if hp else "
                     "keras.layers.Dense(4)", id="width"),
        pytest.param("glorot_uniform", "he_normal", id="initial weights"),
        pytest.param("trainable = True", "trainable = False", id="trainable"),
        pytest.param("Adam(0.01", "Adam(0.02", id="learning rate"),
        pytest.param("Adam(0.01", "AdamW(0.01", id="optimizer"),
        pytest.param("clipnorm=None", "clipnorm=1.0", id="clipnorm"),
        pytest.param("Huber(0.3)", "Huber(0.4)", id="loss's setting"),
        pytest.param('["mae"]', '["mse"]', id="metric"),
        pytest.param("loss_weights=[1.0]", "loss_weights=[2.0]", id="loss weights"),
        pytest.param("steps_per_execution=1", "steps_per_execution=2", id="steps"),
        pytest.param("run_eagerly=False", "run_eagerly=True", id="eager"),
    ],
)  # fmt: skip
def test_what_keras_is_told_shows(load, old, new):
    assert of(load().second) != of(load(old, new).second)


def test_a_change_in_a_helper_module_shows(load):
    before = of(load().first)
    assert of(load("WIDTH = 3", "WIDTH = 4", "helpers").first) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"""A loss."""', '"""Another\n    text."""', id="docstring"),
        pytest.param('    """A loss."""\n', "", id="no docstring"),
        pytest.param("# A comment.", "#\n\n\n    # More of it.\n", id="comment"),
        pytest.param("class Scaled", "\n\n\n\nclass Scaled", id="lines"),
        pytest.param("rows = keras", "unused = 3\n    rows = keras", id="unused"),
        pytest.param("SPACE.units,", "SPACE.units + 0,", id="same width by another way"),
    ],
)
def test_what_changes_no_model_does_not_show(load, old, new):
    assert of(load().first) == of(load(old, new).first)


@pytest.mark.parametrize("name", ["first", "second"])
def test_builds_of_one_code_are_alike(load, name):
    """The build appends to a list of the module's, which no training reads."""
    build = getattr(load(), name)
    before = of(build)
    of(load().second)
    assert of(build) == before != of(build, seed=4)
    # Keras goes on counting where nobody makes it begin anew.
    keras.utils.set_random_seed(3)
    assert fingerprint(build(None)) == before


def test_every_process_finds_the_same(load, tmp_path):
    module = load()
    here = [of(module.first), of(module.second)]
    code = """
from kt_grid.engines.backend import load_backend
load_backend()
import models_file
from kt_grid.engines.fingerprint import fingerprint
from kt_grid.engines.session import begin_session
for build in (models_file.first, models_file.second):
    begin_session(3)
    print(fingerprint(build(None)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
            "PYTHONHASHSEED": "5",
        },
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.split() == here, done.stderr


LAYERS = keras.layers


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        pytest.param((8, 8, 1), lambda: [
            LAYERS.RandomFlip(), LAYERS.Conv2D(2, 3), LAYERS.SpatialDropout2D(0.1),
            LAYERS.SeparableConv2D(2, 2), LAYERS.GlobalMaxPool2D(), LAYERS.Lambda(lambda x: x + 1),
        ], id="images"),
        pytest.param((6, 2), lambda: [
            LAYERS.Bidirectional(LAYERS.LSTM(2, return_sequences=True, recurrent_dropout=0.1)),
            LAYERS.TimeDistributed(LAYERS.Dense(2)), LAYERS.RNN([LAYERS.GRUCell(2)]),
        ], id="sequences"),
        pytest.param((4,), lambda: [
            LAYERS.BatchNormalization(), LAYERS.GaussianNoise(0.1), LAYERS.LayerNormalization(),
            LAYERS.Discretization(bin_boundaries=[0.0, 1.0]), LAYERS.Embedding(3, 2),
            LAYERS.Flatten(), LAYERS.SpectralNormalization(LAYERS.Dense(2)),
        ], id="tables"),
    ],
)  # fmt: skip
def test_models_of_all_kinds_are_alike_however_often_they_are_built(shape, layers):
    def build(_):
        inner = keras.Sequential(layers())
        model = keras.Sequential([keras.Input(shape), inner, LAYERS.Dense(1)])
        model.compile("adam", "mse", metrics=["accuracy", keras.metrics.AUC()])
        return model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = of(build)
        keras.utils.set_random_seed(3)
        assert fingerprint(build(None)) == before


@pytest.mark.parametrize("kind", [LAYERS.StringLookup, LAYERS.TextVectorization])
def test_a_vocabulary_counts_and_may_still_have_to_be_learned(kind):
    def build(words):
        rows = keras.Input((1,), dtype="string")
        model = keras.Model(rows, kind(vocabulary=words)(rows))
        model.compile("adam", "mse")
        return model

    known = [fingerprint(build(words)) for words in (None, ["a", "b"], ["a", "c"])]
    assert len({*known}) == 3
    assert fingerprint(build(None)) == known[0]


def test_shared_and_equal_layers_are_told_apart():
    def build(shared):
        rows = keras.Input((2,))
        one, other = (LAYERS.Dense(2, kernel_initializer="ones") for _ in range(2))
        model = keras.Model(rows, (one if shared else other)(one(rows)))
        model.compile("adam", "mse")
        return model

    assert fingerprint(build(True)) == fingerprint(build(True)) != fingerprint(build(False))


def test_frozen_parts_that_are_made_once_count_by_their_weights():
    def build(base):
        base.trainable = False
        model = keras.Sequential([keras.Input((2,)), base, LAYERS.Dense(1)])
        model.compile("adam", "mse")
        return model

    base = keras.Sequential([keras.Input((2,)), LAYERS.Dense(2)])
    before, again = (of(lambda _: build(base)) for _ in range(2))
    base.set_weights([np.ones_like(each) for each in base.get_weights()])
    assert before == again != of(lambda _: build(base))


def test_what_other_models_use_a_layer_for_does_not_count():
    def build(layer):
        rows = keras.Input((2,))
        model = keras.Model(rows, LAYERS.Add()([layer(rows), rows]))
        model.compile("adam", "mse")
        return fingerprint(model)

    shared = LAYERS.Dense(2, kernel_initializer="ones")
    assert build(shared) == build(shared) == build(LAYERS.Dense(2, kernel_initializer="ones"))
