"""When a short batch may be filled up, and with what."""

import keras
import numpy as np
import pytest

from kt_grid.engines.fused.padding import fill_up, may_pad, pad_rows, row_weights


def model(*layers, loss="mse", output=None):
    last = [keras.layers.Dense(1), *([output] if output else [])]
    built = keras.Sequential([keras.Input((4,)), *layers, *last])
    built.compile(loss=loss)
    return built


def recurrent(mask_zero=False, stateful=False):
    words = keras.Input((4,), batch_size=2 if stateful else None)
    embedded = keras.layers.Embedding(5, 3, mask_zero=mask_zero)(words)
    both = keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True))(embedded)
    last = keras.layers.GRU(2, stateful=stateful)(both)
    built = keras.Model(words, keras.layers.Dense(1)(last))
    built.compile(loss="mse")
    return built


def centred():
    rows = keras.Input((4,))
    built = keras.Model(rows, rows - keras.ops.mean(rows, axis=0))
    built.compile(loss="mse")
    return built


def penalised():
    built = model()
    built.activity_regularizer = keras.regularizers.L2(1.0)
    return built


@pytest.mark.parametrize(
    ("made", "answer"),
    [
        pytest.param(lambda: model(), True, id="dense"),
        pytest.param(lambda: model(keras.layers.Dropout(0.5)), True, id="dropout"),
        pytest.param(lambda: model(keras.layers.BatchNormalization()), True, id="batch_norm"),
        pytest.param(
            lambda: model(keras.layers.BatchNormalization(synchronized=True)),
            False,
            id="batch_norm-of-several-devices",
        ),
        pytest.param(
            lambda: model(keras.layers.BatchNormalization(renorm=True)), False, id="batch_renorm"
        ),
        pytest.param(
            lambda: model(keras.layers.Dense(2, activity_regularizer="l2")), False, id="activity"
        ),
        pytest.param(
            lambda: model(loss=keras.losses.MeanSquaredError(reduction="sum")), False, id="sum"
        ),
        pytest.param(lambda: model(loss=keras.losses.MeanSquaredError()), True, id="mean"),
        pytest.param(lambda: model(loss=keras.ops.absolute), False, id="function"),
        pytest.param(lambda: model(keras.layers.Reshape((2, 2))), False, id="sequence"),
        pytest.param(lambda: model(output=keras.layers.Reshape(())), False, id="scalars"),
        pytest.param(lambda: model(loss="dice"), False, id="over-the-batch"),
        pytest.param(lambda: model(loss=keras.losses.Tversky()), False, id="over-the-batch-too"),
        pytest.param(lambda: model(loss=keras.losses.Huber(0.1)), True, id="delta"),
        pytest.param(
            lambda: model(loss=keras.losses.CosineSimilarity(axis=0)), False, id="loss-axis"
        ),
        pytest.param(
            lambda: model(loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=2)),
            False,
            id="class-left-out",
        ),
        pytest.param(lambda: model(keras.layers.LayerNormalization()), True, id="norm"),
        pytest.param(
            lambda: model(keras.layers.Softmax(axis=0)),
            False,
            id="softmax-axis",
        ),
        pytest.param(
            lambda: model(keras.layers.Dense(2, activation=keras.layers.Softmax(axis=0))),
            False,
            id="activation-layer",
        ),
        pytest.param(lambda: model(keras.Sequential([keras.layers.Dense(2)])), True, id="nested"),
        pytest.param(
            lambda: model(keras.Sequential([keras.layers.BatchNormalization()])),
            True,
            id="batch-norm-within",
        ),
        pytest.param(lambda: recurrent(), True, id="recurrent"),
        pytest.param(lambda: recurrent(mask_zero=True), False, id="masked"),
        pytest.param(lambda: recurrent(stateful=True), False, id="stateful"),
        pytest.param(lambda: centred(), False, id="operation"),
        pytest.param(lambda: penalised(), False, id="activity-of-the-model"),
    ],
)
def test_may_pad(made, answer):
    assert may_pad(made()) is answer


@pytest.mark.parametrize("rows", [1, 9, 10, 11, 20])
def test_weighted_batches_are_means_of_the_real_rows(rows):
    size, capacity = 10, 20
    losses = np.random.default_rng(rows).random(capacity)
    weights = row_weights(rows, size, capacity)
    for first in range(0, pad_rows(rows, size), size):
        batch = slice(first, first + size)
        padded = (losses[batch] * weights[batch]).sum() / size
        assert padded == pytest.approx(losses[first : min(first + size, rows)].mean())


def test_filled_up_with_a_real_row():
    assert fill_up(np.array([4, 2, 7]), 5).tolist() == [4, 2, 7, 7, 7]
