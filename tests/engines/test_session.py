"""Every model finds Keras's names and all random generators as in a new process."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python import pywrap_tfe

from kt_grid.engines import session
from kt_grid.engines.session import begin_session


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
    monkeypatch.setattr(session, "_seeds", set())
    return calls


def draws():
    """One number of each generator; TensorFlow's with and without a seed of the operation."""
    return [
        random.random(),  # noqa: S311 - what users' code may draw from
        np.random.random(),
        float(keras.random.uniform(())),
        float(tf.random.uniform(())),
        float(tf.random.uniform((), seed=5)),
        *np.ravel(keras.initializers.GlorotUniform()((2, 2))).tolist(),
    ]


def publicly(seed):
    """The draws after Keras's public functions."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    return draws()


@pytest.mark.parametrize("seeds", [[1, 2, 3], [1, 1, 1], [1, 2, 1, 2]], ids=str)
def test_draws_are_those_after_keras_own_functions(monkeypatch, seeds):
    monkeypatch.setattr(session, "_seeds", set())
    expected = [publicly(seed) for seed in seeds]
    found = []
    for seed in seeds:
        begin_session(seed, reuse_kernels=True)
        found.append(draws())
    assert found == expected


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
    ("seeds", "times"),
    [
        pytest.param([1], 1, id="the first"),
        pytest.param([1, 2, 3], 1, id="new ones"),
        pytest.param([1, 2, 1], 2, id="one that comes back"),
        pytest.param([1, 2, 1, 2], 2, id="one that came back after the kernels were dropped"),
        pytest.param(range(250), 3, id="many"),
    ],
)
def test_kernels_are_dropped_only_if_they_may_be_used(cleared, seeds, times):
    """Notices when TensorFlow or Keras seed in another way than `session` expects."""
    for seed in seeds:
        begin_session(seed, reuse_kernels=True)
    assert len(cleared) == times


def test_kernels_are_dropped_for_every_model_unless_they_may_be_kept(cleared):
    for seed in (1, 2, 3):
        begin_session(seed)
    assert len(cleared) == 3


def test_an_operation_whose_seeds_are_its_own_begins_anew():
    draw = tf.function(lambda: tf.random.uniform((), seed=5))
    drawn = []
    for seed in (1, 2):
        begin_session(seed)
        drawn.append(float(draw()))
    assert drawn[0] == drawn[1]


def test_it_goes_on_where_the_private_names_are_gone(monkeypatch):
    expected = publicly(3)
    monkeypatch.delattr("keras.src.utils.naming.reset_uids")
    # TensorFlow's own module holds it under the same name, so seeding itself goes on.
    monkeypatch.setattr(session, "_find_kernels", lambda: None)
    begin_session(3, reuse_kernels=True)
    assert draws() == expected
    assert keras.layers.Dense(1).name == "dense"
