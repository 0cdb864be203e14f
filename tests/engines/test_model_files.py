"""Which parts a model's file may name."""

import json
import zipfile

import keras
import pytest

from kt_grid.engines.layers import FillMissing
from kt_grid.engines.model_files import check_parts, saved_by
from kt_grid.errors import PredictionError


@keras.saving.register_keras_serializable("tests")
def doubled(values):
    return 2 * values


@keras.saving.register_keras_serializable("tests")
class Registered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def dense():
    return keras.Sequential(
        [
            keras.Input((3,)),
            FillMissing(),
            keras.layers.Dense(
                2,
                activation="relu",
                kernel_regularizer=keras.regularizers.L2(0.1),
                kernel_constraint=keras.constraints.MaxNorm(2),
                kernel_initializer=keras.initializers.HeNormal(seed=1),
            ),
            keras.layers.BatchNormalization(dtype="mixed_float16"),
            keras.layers.Dropout(0.5, seed=3),
            Registered(),
            keras.layers.Dense(1, activation=doubled),
        ]
    )


def branches():
    inputs = keras.Input((4,))
    mean = keras.ops.mean(inputs, axis=1, keepdims=True)
    inner = keras.Sequential([keras.layers.Dense(1, activation="softplus")])
    joined = keras.layers.Concatenate()([mean, inner(inputs), inputs[:, 1:]])
    return keras.Model(inputs, {"a": joined, "b": keras.layers.Activation("gelu")(mean)})


def recurrent():
    cell = keras.layers.Bidirectional(keras.layers.LSTM(2))
    return keras.Sequential([keras.Input((3, 1)), cell, keras.layers.Dense(1)])


def texts():
    layer = keras.layers.TextVectorization(max_tokens=9, output_mode="multi_hot")
    layer.adapt(["a b", "b c"])
    return keras.Sequential([keras.Input((1,), dtype="string"), layer, keras.layers.Dense(1)])


COMPILED = [
    pytest.param(dense, {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]}, id="dense"),
    pytest.param(
        dense,
        {
            "optimizer": keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)),
            "loss": keras.losses.huber,
            "metrics": [keras.metrics.AUC(), doubled],
        },
        id="objects",
    ),
    pytest.param(branches, {"loss": {"a": "mse", "b": "mae"}}, id="branches"),
    pytest.param(recurrent, {"loss": keras.losses.Huber(0.5)}, id="recurrent"),
    pytest.param(texts, {"loss": "binary_crossentropy"}, id="texts"),
]


@pytest.mark.parametrize(("make", "compiled"), COMPILED)
def test_what_keras_saves_passes(tmp_path, make, compiled):
    model = make()
    model.compile(**compiled)
    model.optimizer.build(model.trainable_variables)
    file = tmp_path / "model.keras"
    model.save(file)
    check_parts(file)
    keras.saving.load_model(file, safe_mode=True)
    assert saved_by(file) == keras.__version__


def write(file, part):
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": part}}
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    return file


def function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def made(module, name):
    return {"module": module, "class_name": name, "config": {}, "registered_name": None}


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(function("os", "system"), id="another module"),
        pytest.param(function("builtins", "eval"), id="built in"),
        pytest.param(function("keras.utils", "get_file"), id="downloads"),
        pytest.param(function("keras.config", "enable_unsafe_deserialization"), id="turns off"),
        pytest.param(function("keras.activations", "deserialize"), id="makes parts"),
        pytest.param(function("keras", "version"), id="top"),
        pytest.param(function("keras.src.saving.saving_lib", "load_model"), id="within Keras"),
        pytest.param(made("keras.models", "load_model"), id="function as class"),
        pytest.param(made("subprocess", "Popen"), id="class"),
        pytest.param(function("random", "seed"), id="module of a like name"),
        pytest.param(made("keras_other.layers", "Dense"), id="package of a like name"),
        pytest.param(made("keras.layers\nos", "Dense"), id="line break"),
        pytest.param(made("keras.layers", "TFSMLayer"), id="program"),
        pytest.param(made("keras.layers", "TorchModuleWrapper"), id="pickle"),
        pytest.param(made("tests.engines.test_model_files", "Other"), id="unregistered"),
        pytest.param({**made("x", "Y"), "class_name": ["Y"]}, id="no name"),
    ],
)
def test_foreign_parts_are_refused_unseen(tmp_path, raises, part):
    with raises(PredictionError, "Keras has or that are registered"):
        check_parts(write(tmp_path / "model.keras", part))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x03\x04 and more", id="cut"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param("{", id="not JSON"),
        pytest.param(None, id="without"),
    ],
)
def test_what_is_no_models_file_is_refused(tmp_path, raises, content):
    file = tmp_path / "model.keras"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("config.json" if content else "other.json", content or "")
    with raises(PredictionError, "as Keras saves it"):
        check_parts(file)
    assert saved_by(file) == ""
