"""One compiled training: what it starts from, and where it stands."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kt_grid.engines.fused.program import TrainingProgram

X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")
DATA = (tf.constant(X), tf.constant(Y))
TRAIN = np.arange(15)


def model(seed=1, rate=0.1, *extra):
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(4), *extra, keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    built = keras.Sequential([keras.Input((3,)), *layers])
    built.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])
    return built


@pytest.fixture(scope="module")
def program():
    return TrainingProgram(model(), DATA, len(TRAIN), 4)


def weights_after(program, epochs, seed=1, rate=0.1, train=TRAIN):
    course = program.load(model(seed, rate), seed, len(train))
    program.advance(course, epochs, train)
    return program.model.get_weights()


def test_a_training_leaves_nothing_behind(program):
    first = weights_after(program, 3)
    weights_after(program, 5, seed=2, rate=0.01)
    for mine, again in zip(first, weights_after(program, 3), strict=True):
        np.testing.assert_array_equal(mine, again)


@pytest.mark.parametrize("changed", [{"seed": 2}, {"rate": 0.01}, {"train": TRAIN[:9]}])
def test_inputs_matter(program, changed):
    plain, other = weights_after(program, 2), weights_after(program, 2, **changed)
    assert not np.allclose(plain[0], other[0])


@pytest.mark.parametrize("block", [1, 5, 50])
def test_blocks_of_epochs_make_no_difference(program, monkeypatch, block):
    whole = weights_after(program, 13)
    monkeypatch.setattr("kt_grid.engines.fused.program._EPOCHS_A_CALL", block)
    other = TrainingProgram(model(), DATA, len(TRAIN), 4)
    course = other.load(model(), 1, len(TRAIN))
    for epochs in (1, 2, 11, 13):
        other.advance(course, epochs, TRAIN)
    assert course.epochs == 13
    for mine, theirs in zip(whole, other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("shape", "epochs"),
    [
        pytest.param((1_000, 4), 50, id="little"),
        pytest.param((1_000, 400, 10), 28, id="along-a-sequence"),
        pytest.param((200_000, 4), 5, id="many-rows"),
    ],
)
def test_a_call_is_short_enough_to_be_interrupted(shape, epochs):
    """A layer of `shape[-1] * 8 + 8` weights, used at every position, and 4 bytes a row."""
    x = np.zeros(shape, "float32")
    dense = keras.Sequential([keras.Input(shape[1:]), keras.layers.Dense(8)])
    dense.compile("sgd", "mse")
    data = (tf.constant(x), tf.zeros((*shape[:-1], 8)))
    assert TrainingProgram(dense, data, shape[0], 500)._block == epochs


def test_state_can_be_taken_and_restored(program):
    weights_after(program, 2)
    state, scores = program.state(), program.score(np.arange(15, 20), weighted=False)
    weights_after(program, 4)
    program.restore(state, model())
    assert program.score(np.arange(15, 20), weighted=False) == scores


def test_scores_are_keras_own(program):
    weights_after(program, 2)
    test = np.arange(15, 20)
    reference = program.model.evaluate(X[test], Y[test], return_dict=True, verbose=0)
    scores = program.score(test, weighted=False)
    assert scores == pytest.approx({f"val_{name}": value for name, value in reference.items()})


def test_one_program_serves_any_number_of_rows_where_it_may_pad(program):
    assert program.rows is None
    by_rows = TrainingProgram(model(1, 0.1, keras.layers.BatchNormalization()), DATA, 15, 4)
    assert by_rows.rows is None
    whole_batches = model(1, 0.1, keras.layers.UnitNormalization(axis=0))
    assert TrainingProgram(whole_batches, DATA, 15, 4).rows == 15
