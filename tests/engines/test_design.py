"""What counts as the same design, and copying the state of one model into another."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kt_grid.engines.design import (
    all_layers,
    copy_state,
    design,
    digest_of,
    generalise,
    has_same_layout,
    have_common_layers,
    text_of,
)
from kt_grid.engines.fused.program_inputs import share_all


@keras.saving.register_keras_serializable("design_tests")
class Own(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def model(*layers, units=3, optimizer="adam", **compiled):
    keras.utils.clear_session(free_memory=False)
    made = [layer() for layer in layers]
    built = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), *made])
    built.compile(optimizer, **{"loss": "mse", **compiled})
    return built


def shared_text(make):
    keras.utils.clear_session(free_memory=False)
    return text_of(generalise(design(make()), share_all))


def changed(change, layers=()):
    made = model(*layers)
    change(made)
    return made


def scheduled(rate):
    return keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, rate))


def kept_from_decay(*words):
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=words)
    return optimizer


def bounded(*bounds):
    """Two layers with constraints; one number makes one object for both."""
    norms = [keras.constraints.MaxNorm(bound) for bound in bounds] * (3 - len(bounds))
    layers = [lambda n=norm: keras.layers.Dense(2, kernel_constraint=n) for norm in norms]
    return model(*layers)


def shifted(by, kind=tf.constant):
    rows = keras.Input((4,))
    built = keras.Model(rows, keras.layers.Dense(1)(rows + kind([by] * 4)))
    built.compile(loss="mse")
    return built


# What Keras's own configuration tells, and what it doesn't.
DIFFERENT = {
    "units": (lambda: model(), lambda: model(units=4)),
    "optimizer": (lambda: model(), lambda: model(optimizer="sgd")),
    "schedule": (lambda: model(optimizer=scheduled(0.5)), lambda: model(optimizer=scheduled(0.9))),
    "loss": (lambda: model(), lambda: model(loss="mae")),
    "metrics": (lambda: model(), lambda: model(metrics=["mae"])),
    "constant": (lambda: shifted(1.0), lambda: shifted(2.0)),
    "variable-of-an-operation": (
        lambda: shifted(1.0, keras.Variable),
        lambda: shifted(2.0, keras.Variable),
    ),
    "method": (
        lambda: model(loss=keras.losses.Huber(1.0).call),
        lambda: model(loss=keras.losses.Huber(0.1).call),
    ),
    "decay": (
        lambda: model(optimizer=kept_from_decay("kernel")),
        lambda: model(optimizer=kept_from_decay("bias")),
    ),
    "dropout": (
        lambda: model(lambda: keras.layers.Dropout(0.0)),
        lambda: model(lambda: keras.layers.Dropout(0.5)),
    ),
    "all-dropped": (
        lambda: model(lambda: keras.layers.Dropout(1.0)),
        lambda: model(lambda: keras.layers.Dropout(0.5)),
    ),
    "delta": (
        lambda: model(loss=keras.losses.Huber(1.0)),
        lambda: model(loss=keras.losses.Huber(0.1)),
    ),
    "axis-of-a-metric": (
        lambda: model(metrics=[keras.metrics.CosineSimilarity(axis=0)]),
        lambda: model(metrics=[keras.metrics.CosineSimilarity(axis=1)]),
    ),
    "precision-of-a-loss": (
        lambda: model(loss=keras.losses.MeanSquaredError(dtype="float64")),
        lambda: model(loss=keras.losses.MeanSquaredError()),
    ),
    "one-bound-for-two": (lambda: bounded(1.0), lambda: bounded(1.0, 2.0)),
    "frozen-weights": (
        lambda: model(),
        lambda: changed(lambda m: setattr(m.layers[0].kernel, "trainable", False)),
    ),
    "frozen-within": (
        lambda: model(lambda: keras.layers.Reshape((3, 1)), lambda: keras.layers.GRU(2)),
        lambda: changed(
            lambda m: setattr(m.layers[2].cell.kernel, "trainable", False),
            layers=[lambda: keras.layers.Reshape((3, 1)), lambda: keras.layers.GRU(2)],
        ),
    ),
    "late-regularizer": (
        lambda: model(),
        lambda: changed(
            lambda m: setattr(m.layers[0].kernel, "regularizer", keras.regularizers.L2())
        ),
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_is_described_otherwise(name):
    one, other = DIFFERENT[name]
    assert shared_text(one) == shared_text(one) != "null"
    assert shared_text(one) != shared_text(other)


def scaled(name):
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), name=name)


@pytest.mark.parametrize(
    "optimizer", [keras.optimizers.Adam, scaled], ids=["one", "around-another"]
)
def test_layout_is_that_of_the_same_model(optimizer):
    one, same = (model(optimizer=optimizer(name="own")) for _ in range(2))
    assert has_same_layout(one, same)
    assert not has_same_layout(one, model(units=2, optimizer=optimizer(name="own")))


def test_layout_changes_where_an_optimizer_around_another_has_trained():
    used, fresh = (model(optimizer=scaled(name="own")) for _ in range(2))
    used.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    assert not has_same_layout(fresh, used)


def test_where_a_training_begins():
    keras.utils.set_random_seed(1)
    one = model()
    keras.utils.set_random_seed(1)
    same = model()
    assert digest_of(one) == digest_of(same) != digest_of(model())


def test_common_layers_are_found_however_deep():
    common = keras.layers.Dense(3)
    one, other = model(lambda: common), model(lambda: keras.Sequential([common]))
    assert have_common_layers(one, other)
    assert not have_common_layers(one, model())


def relu(x):
    return -5 * x


@functools.wraps(keras.losses.mean_squared_error)
def in_disguise(y_true, y_pred):
    return 2 * keras.losses.mean_squared_error(y_true, y_pred)


class OfTheScript(keras.layers.Layer):
    """As in a notebook: Keras leaves out where such a class is defined."""

    def call(self, inputs):
        return inputs


OfTheScript.__module__ = "__main__"


class Indescribable(keras.layers.Layer):
    def call(self, inputs):
        return inputs

    def get_config(self):
        raise KeyError("no config")


class Trained(keras.Sequential):
    def train_step(self, data):
        return {}


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1


class Optimizer(keras.optimizers.SGD):
    pass


def subclassed():
    made = Trained([keras.Input((4,)), keras.layers.Dense(1)])
    made.compile(loss="mse")
    return made


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: model(Own), id="layer"),
        pytest.param(lambda: model(OfTheScript), id="layer-of-the-script"),
        pytest.param(lambda: model(lambda: keras.layers.Lambda(lambda x: x)), id="lambda"),
        pytest.param(lambda: model(loss=lambda y, p: keras.ops.mean(y - p)), id="loss"),
        pytest.param(
            lambda: model(lambda: keras.layers.Dense(2, activation=relu)), id="name-of-kerass-own"
        ),
        pytest.param(
            lambda: model(loss=functools.partial(keras.losses.huber, delta=2)), id="bound"
        ),
        pytest.param(lambda: model(loss=tf.function(relu)), id="function"),
        pytest.param(lambda: model(loss=in_disguise), id="wrapped"),
        pytest.param(lambda: model(optimizer=Optimizer()), id="optimizer"),
        pytest.param(
            lambda: model(optimizer=keras.optimizers.SGD(learning_rate=Schedule())), id="schedule"
        ),
        pytest.param(subclassed, id="model"),
        pytest.param(lambda: model(Indescribable), id="layer-without-a-config"),
        pytest.param(lambda: changed(lambda m: setattr(m, "train_step", relu)), id="patched"),
    ],
)
def test_foreign_parts_have_no_design(made):
    assert design(made()) is None


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam", "ftrl", "adagrad"])
def test_copied_state_trains_like_the_original(optimizer):
    """Also what an optimizer keeps outside its slots, such as Nadam's product."""
    x, y = np.ones((8, 4), "float32"), np.arange(24, dtype="float32").reshape(8, 3)
    dropout = lambda: keras.layers.Dropout(0.5)  # noqa: E731
    used, fresh = model(dropout, optimizer=optimizer), model(dropout, optimizer=optimizer)
    used.fit(x, y, epochs=2, verbose=0)
    copy_state(fresh, used)
    for each in (used, fresh):
        each.fit(x, y, epochs=2, shuffle=False, verbose=0)
    for mine, original in zip(used.variables, fresh.variables, strict=True):
        np.testing.assert_array_equal(mine, original)


def test_generalise_replaces_what_it_is_told():
    config = {"class_name": "A", "config": {"rate": 1, "deep": [{"class_name": "B", "rate": 2}]}}
    replaced = generalise(config, lambda owner, part, name: owner if name == "rate" else part[name])
    assert replaced["config"] == {"rate": "A", "deep": [{"class_name": "B", "rate": "B"}]}


def test_all_layers_looks_into_models():
    inner = model(lambda: keras.layers.Dropout(0.1))
    outer = keras.Sequential([keras.Input((4,)), inner, keras.layers.Flatten()])
    kinds = [type(layer).__name__ for layer in all_layers(outer)]
    assert kinds == ["Sequential", "Dense", "Dropout", "Flatten"]
