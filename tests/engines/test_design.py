"""What counts as the same design, and copying the state of one model into another."""

import keras
import numpy as np
import pytest

from kt_grid.engines.design import all_layers, copy_state, design, generalise, is_same_design


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


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({}, {}, True, id="equal"),
        pytest.param({}, {"units": 4}, False, id="units"),
        pytest.param({}, {"optimizer": "sgd"}, False, id="optimizer"),
        pytest.param({}, {"loss": "mae"}, False, id="loss"),
        pytest.param({}, {"metrics": ["mae"]}, False, id="metrics"),
    ],
)
def test_same_design(one, other, same):
    assert is_same_design(model(**one), model(**other)) is same


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: model(Own), id="layer"),
        pytest.param(lambda: model(lambda: keras.layers.Lambda(lambda x: x)), id="lambda"),
        pytest.param(lambda: model(loss=lambda y, p: keras.ops.mean(y - p)), id="loss"),
    ],
)
def test_foreign_parts_have_no_design(made):
    assert design(made()) is None
    assert not is_same_design(made(), made())


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
