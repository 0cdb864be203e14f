"""How many threads a process and its workers use, whoever says it."""

import pytest
import tensorflow as tf

from kt_grid.backend import settle_backend, worker_environment

NAMES = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "XLA_FLAGS")


@pytest.fixture
def threads(monkeypatch):
    """TensorFlow's threads, as they are in a process that hasn't used it yet."""
    told = {"threads": 0, "used": False}

    def change(number):
        if told["used"]:
            raise RuntimeError("Intra op parallelism cannot be modified after initialization.")
        told["threads"] = number

    for name in NAMES:
        # Set first, so that whatever a test sets is undone.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    threading = tf.config.threading
    monkeypatch.setattr(threading, "get_intra_op_parallelism_threads", lambda: told["threads"])
    monkeypatch.setattr(threading, "set_intra_op_parallelism_threads", change)
    return told


def test_a_training_uses_one_thread_here_and_in_workers(threads):
    settle_backend()
    assert threads["threads"] == 1
    there = worker_environment()
    assert [there[name] for name in NAMES] == ["1", "1", "--xla_backend_optimization_level=1"]


def test_a_number_of_threads_that_was_told_holds_everywhere(threads, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    settle_backend()
    assert threads["threads"] == 0
    assert worker_environment()["TF_NUM_INTRAOP_THREADS"] == "3"
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    threads["threads"] = 5
    settle_backend()
    assert worker_environment()["TF_NUM_INTRAOP_THREADS"] == "5"


def test_workers_do_as_a_process_that_used_tensorflow_before(threads):
    threads["used"] = True
    settle_backend()
    there = worker_environment()
    assert (there["TF_NUM_INTRAOP_THREADS"], there["XLA_FLAGS"]) == ("0", "")


def test_tensorflow_says_so_once_it_is_used():
    """What the tests above rely on."""
    tf.constant(1)
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    with pytest.raises(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads + 1)
