"""A file of weights brings back all that a model was adapted to, and says nothing of the rest."""

import keras
import numpy as np
import pytest

from kt_grid.data.arrays import as_feed
from kt_grid.engines.weights import load_weights, save_weights

L = keras.layers
X = np.random.RandomState(3).normal(5, 3, (20, 2)).astype(np.float32)
WORDS = np.array([["good film"], ["bad film"], ["fine"], ["awful play"]] * 5, object)


def network(*layers):
    return keras.Sequential([*layers, L.Dense(1)])


def numbers(layer, rows):
    layer.adapt(rows)
    return network(keras.Input((2,)), layer)


def words(rows):
    layer = L.TextVectorization(max_tokens=8, output_mode="multi_hot", pad_to_max_tokens=True)
    layer.adapt(as_feed(rows))
    return network(keras.Input((1,), dtype="string"), layer)


@pytest.mark.parametrize(
    ("made", "x"),
    [
        pytest.param(lambda rows: numbers(L.Normalization(), rows), X, id="Normalization"),
        pytest.param(
            lambda rows: numbers(L.Discretization(num_bins=3, output_mode="multi_hot"), rows),
            X,
            id="Discretization",
        ),
        pytest.param(words, WORDS, id="TextVectorization"),
        pytest.param(
            lambda rows: network(keras.Input((2,)), numbers(L.Normalization(), rows)),
            X,
            id="in a model within",
        ),
    ],
)
def test_a_file_brings_back_what_a_model_was_adapted_to(tmp_path, made, x):
    one, other = made(x[:11]), made(np.flip(x, 0)[:6])
    expected = np.asarray(one(as_feed(x)))
    path = tmp_path / "fold.weights.h5"
    save_weights(one, path)
    assert not np.allclose(np.asarray(other(as_feed(x))), expected)
    load_weights(other, path)
    np.testing.assert_allclose(np.asarray(other(as_feed(x))), expected, rtol=1e-6)


def test_an_optimizer_that_was_not_trained_is_passed_over_in_silence(tmp_path):
    one, other = (network(keras.Input((2,))) for _ in range(2))
    for model, optimizer in ((one, "sgd"), (other, "adam")):
        model.compile(optimizer, "mse")
        model.optimizer.build(model.trainable_variables)
    save_weights(one, tmp_path / "fold.weights.h5")
    load_weights(other, tmp_path / "fold.weights.h5")
    for mine, theirs in zip(other.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
