"""Every model finds Keras's names and all random generators as in a new process."""

import random
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python import pywrap_tfe

from kt_grid.engines import session
from kt_grid.engines.backend import keras_settings
from kt_grid.engines.session import begin_session, clashing_name, settings_kept


@pytest.fixture
def cleared(monkeypatch):
    """How often TensorFlow dropped its kernels; it has none before its first operation."""
    tf.zeros(())
    calls = []
    drop = pywrap_tfe.TFE_ContextClearCaches

    def count(context):
        calls.append(1)
        drop(context)

    monkeypatch.setattr(pywrap_tfe, "TFE_ContextClearCaches", count)
    return calls


@pytest.fixture
def no_stateful_draw(monkeypatch):
    """TensorFlow says that it never drew, as in a process that only builds Keras's models."""
    context = SimpleNamespace(list_function_names=set)
    monkeypatch.setattr(session, "_kernels", session._Kernels())
    monkeypatch.setattr(session, "_find_context", lambda: context)


def draws_of_keras():
    """One number of each generator that keeps no state in TensorFlow's kernels."""
    return [
        random.random(),  # noqa: S311 - what users' code may draw from
        np.random.random(),
        float(keras.random.uniform(())),
        *np.ravel(keras.initializers.GlorotUniform()((2, 2))).tolist(),
    ]


def draws():
    """One number of each generator; TensorFlow's with and without a seed of the operation."""
    own = [tf.random.uniform(()), tf.random.uniform((), seed=5), tf.raw_ops.RandomUniform(**RAW)]
    return [*draws_of_keras(), *(float(number) for number in own)]


RAW = {"shape": np.zeros(0, "int32"), "dtype": tf.float32, "seed": 3, "seed2": 4}


def publicly(seed, draws):
    """The draws after Keras's public functions."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    return draws()


def assert_as_publicly(seeds, draws, cleared=None):
    expected = [publicly(seed, draws) for seed in seeds]
    if cleared:
        cleared.clear()
    found = []
    for seed in seeds:
        begin_session(seed, reuse_kernels=True)
        found.append(draws())
    assert found == expected


SEEDS = pytest.mark.parametrize("seeds", [[1, 2, 3], [1, 1, 1], [1, 2, 1, 2]], ids=str)


@SEEDS
def test_draws_are_those_after_keras_own_functions(seeds):
    assert_as_publicly(seeds, draws)


@SEEDS
def test_keras_draws_alike_with_kernels_that_stay(seeds, no_stateful_draw, cleared):
    assert_as_publicly(seeds, draws_of_keras, cleared)
    assert not cleared


def test_names_begin_anew():
    for _ in range(2):
        begin_session(1)
        assert [keras.layers.Dense(1).name for _ in range(2)] == ["dense", "dense_1"]


def test_settings_of_keras_stay():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        begin_session(1)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("sessions", "times"),
    [pytest.param(3, 0, id="few"), pytest.param(250, 2, id="many")],
)
def test_kernels_are_dropped_now_and_then(cleared, no_stateful_draw, sessions, times):
    """Notices when TensorFlow or Keras drop them in another way than `session` expects."""
    for seed in range(sessions):
        begin_session(seed, reuse_kernels=True)
    assert len(cleared) == times


def test_kernels_are_dropped_for_every_model_unless_they_may_be_kept(cleared, no_stateful_draw):
    for seed in (1, 2, 3):
        begin_session(seed)
    assert len(cleared) == 3


@pytest.mark.parametrize(
    ("draw", "operation"),
    [
        pytest.param(lambda: tf.random.gamma((), 1.0), "RandomGamma", id="by-itself"),
        pytest.param(
            lambda: tf.raw_ops.RandomPoissonV2(shape=[1], rate=1.0, seed=1, seed2=2),
            "RandomPoissonV2",
            id="with-both-seeds",
        ),
        pytest.param(
            tf.function(lambda: tf.random.uniform((), seed=5), autograph=False),
            "RandomUniform",
            id="in-a-function",
        ),
    ],
)
def test_kernels_are_dropped_for_good_once_anything_drew(monkeypatch, cleared, draw, operation):
    """Notices when TensorFlow no longer tells which operations there are."""
    context = session._find_context()
    before = context.list_function_names()
    draw()
    new = {
        name
        for name in context.list_function_names() - before
        if operation in [node.op for node in context.get_function_def(name).node_def]
    }
    assert new
    news = SimpleNamespace(
        list_function_names=lambda: set(new), get_function_def=context.get_function_def
    )
    monkeypatch.setattr(session, "_kernels", session._Kernels())
    monkeypatch.setattr(session, "_find_context", lambda: news)
    begin_session(1, reuse_kernels=True)
    new.clear()
    begin_session(2, reuse_kernels=True)
    assert len(cleared) == 2


def test_a_function_that_has_gone_meanwhile_draws_no_more():
    assert not session._draws(session._find_context(), "no such function")


@pytest.mark.parametrize("missing", ["_find_kernels", "_find_context"])
def test_it_goes_on_where_the_private_names_are_gone(monkeypatch, missing):
    expected = publicly(3, draws)
    monkeypatch.delattr("keras.src.utils.naming.reset_uids")
    # TensorFlow's own modules hold them under the same names, so seeding itself goes on.
    monkeypatch.setattr(session, missing, lambda: None)
    begin_session(3, reuse_kernels=True)
    assert draws() == expected
    assert keras.layers.Dense(1).name == "dense"


def test_an_older_keras_that_keeps_its_generator_draws_alike(monkeypatch):
    """Below 3.15 seeding left the generator of draws without a seed as it was."""
    from keras.src.random import seed_generator

    def seed_alone(seed):
        random.seed(seed)
        np.random.seed(seed)
        tf.random.set_seed(seed)

    monkeypatch.setattr(keras.utils, "set_random_seed", seed_alone)
    drawn = []
    for _ in range(2):
        begin_session(5)
        drawn.append([float(keras.random.uniform(())) for _ in range(2)])
    assert drawn[0] == drawn[1]
    assert seed_generator.global_seed_generator() is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("dtype_policy", "mixed_bfloat16", id="precision"),
        pytest.param("floatx", "float64", id="float type"),
        pytest.param("epsilon", 1e-3, id="epsilon"),
        pytest.param("image_data_format", "channels_first", id="image format"),
    ],
)
def test_settings_are_left_as_they_were(name, value):
    before = keras_settings()
    with settings_kept() as settings:
        getattr(keras.config, f"set_{name}")(value)
        settings.restore()
        assert keras_settings() == before
        getattr(keras.config, f"set_{name}")(value)
        tf.config.run_functions_eagerly(True)
    assert keras_settings() == before
    assert not tf.config.functions_run_eagerly()


def test_names_that_layers_outside_have_are_not_given_again():
    begin_session(1, taken=["dense", "dense_2", "input_layer"])
    assert keras.layers.Dense(1).name == "dense_4"
    assert keras.layers.InputLayer((1,)).name == "input_layer_1"
    with pytest.raises(ValueError, match="unique") as caught:
        keras.Sequential([keras.layers.Dense(1, name="twice"), keras.layers.Dense(1, name="twice")])
    assert clashing_name(caught.value) == "twice"
    assert clashing_name(ValueError("another name 'twice'")) is None
