"""TensorFlow is imported without a word, and told how many threads to use."""

import importlib
import os
from types import SimpleNamespace

import pytest
import tensorflow as tf

from kt_grid import backend

QUIET = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
THREADS = ["TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"]


@pytest.fixture
def imported(monkeypatch):
    """Stands in for the import, which logs; returns the modules asked for."""
    names = []

    def noisy(name):
        names.append(name)
        os.write(2, b"log\n")
        return SimpleNamespace(config=SimpleNamespace(list_logical_devices=list))

    monkeypatch.setattr(importlib, "import_module", noisy)
    for name in (*QUIET, *THREADS):
        # Set first, so that what is set in the test is taken back after it.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return names


def test_a_training_uses_one_thread_unless_told_otherwise(imported, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    backend.load_backend()
    assert {name: os.environ[name] for name in QUIET} == QUIET
    assert [os.environ[name] for name in THREADS] == ["1", "5"]
    assert "tensorflow" in imported


def test_the_log_of_the_import_is_kept_off_stderr_and_nothing_else(imported, capfd):
    os.write(2, b"before\n")
    backend.load_backend()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"


def test_stderr_is_back_after_an_import_that_fails(monkeypatch, capfd):
    def broken(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ImportError, match="keras_tuner"):
        backend.load_backend()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize(
    ("here", "told", "expected"),
    [
        pytest.param(3, None, ["3", "3"], id="as set in TensorFlow"),
        pytest.param(0, "2", ["2", "2"], id="as the environment says"),
        pytest.param(0, None, ["1", "1"], id="one if nothing was said"),
    ],
)
def test_workers_use_as_many_threads_as_this_process(monkeypatch, here, told, expected):
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: here)
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
        if told:
            monkeypatch.setenv(name, told)
    chosen = backend.worker_environment()
    assert [chosen[name] for name in THREADS] == expected
    assert {name: chosen[name] for name in QUIET} == QUIET
