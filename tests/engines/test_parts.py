"""Whatever a model consists of is found, and nothing else of it matters."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kt_grid.engines.parts import ForeignError, describe_parts, find_parts


@pytest.fixture
def model():
    keras.utils.clear_session(free_memory=False)
    rows = keras.Input((4,))
    hidden = keras.layers.Bidirectional(keras.layers.GRU(2))(keras.layers.Reshape((4, 1))(rows))
    inner = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    made = keras.Model(rows, inner(hidden))
    made.compile("adam", keras.losses.Huber(0.3), metrics=[keras.metrics.AUC()])
    return made


def test_parts_are_found_however_deep(model):
    kinds = [type(part).__name__ for part in find_parts(model, keras.Layer)]
    assert len(kinds) == len({id(part) for part in find_parts(model, keras.Layer)})
    assert {"GRUCell", "Dropout", "Sequential", "Bidirectional"} <= set(kinds)
    assert kinds.count("GRU") == 2
    (loss,) = find_parts(model, keras.losses.Huber)
    assert loss is model.loss


def test_settings_stand_in_the_description(model):
    described = describe_parts(model)
    (loss,) = [part for part in described if part["class_name"] == "Huber"]
    assert 0.3 in loss["_fn_kwargs"].values()


def test_values_of_variables_do_not(model):
    before = describe_parts(model)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    assert describe_parts(model) == before


def test_no_depth_is_too_much():
    rows = keras.Input((2,))
    output = rows
    for _ in range(400):
        output = keras.layers.Activation("relu")(output)
    deep = keras.Model(rows, output)
    assert len(find_parts(deep, keras.layers.Activation)) == 400


@pytest.mark.parametrize(
    "hold",
    [
        pytest.param(lambda value: np.full(3, value), id="array"),
        pytest.param(np.float32, id="number"),
        pytest.param(lambda value: tf.constant([value]), id="tensor"),
        pytest.param(lambda value: slice(None, int(value)), id="slice"),
        pytest.param(lambda value: {"b": [(value,)]}, id="container"),
    ],
)
def test_values_are_told_apart_by_what_they_hold(hold):
    described = []
    for value in (1.0, 1.0, 2.0):
        layer = keras.layers.Dense(1)
        layer.kept = hold(value)
        described.append(describe_parts(layer)[0]["kept"])
    assert described[0] == described[1] != described[2]


def test_objects_that_know_each_other_by_address_are_alike():
    described = []
    for place in (0, 0, 1):
        layers = [keras.layers.Dense(1, name="a"), keras.layers.Dense(1, name="b")]
        holder = keras.layers.Flatten(name="c")
        holder.known, holder.chosen = layers, {id(layers[place])}
        described.append(describe_parts(holder)[0])
    assert described[0] == described[1] != described[2]


def test_foreign_parts_are_refused_or_passed_over(model):
    class Own(keras.layers.Layer):
        pass

    model.layers[1].helper = Own()
    with pytest.raises(ForeignError, match="Own"):
        describe_parts(model)
    assert not find_parts(model, Own)
