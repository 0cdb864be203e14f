"""TensorFlow is imported without a word, and told how many threads to use."""

import gc
import importlib
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import tensorflow as tf

from kt_grid.engines import backend
from kt_grid.engines.backend import configure_backend, worker_environment

QUIET = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
THREADS = ["TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"]
NAMES = (*THREADS, "XLA_FLAGS")
OURS = backend.ENVIRONMENT["XLA_FLAGS"]


@pytest.fixture
def imported(monkeypatch):
    """Stands in for the import, which logs; returns the modules asked for."""
    names = []

    def noisy(name):
        names.append(name)
        os.write(2, b"log\n")
        return SimpleNamespace(config=SimpleNamespace(list_logical_devices=list))

    monkeypatch.setattr(importlib, "import_module", noisy)
    for name in (*QUIET, *NAMES):
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


@pytest.mark.parametrize(
    ("told", "flags"),
    [
        pytest.param("--xla_a=1", [OURS, "--xla_a=1"], id="before-a-users"),
        pytest.param(f"{OURS} --xla_a=1", [OURS, "--xla_a=1"], id="only-once"),
        pytest.param(" --xla_a=1", [OURS, " --xla_a=1"], id="after-a-blank"),
        pytest.param("flags.txt", ["flags.txt"], id="not-before-a-file"),
        pytest.param("", [""], id="none-if-told-so"),
    ],
)
def test_flags_for_xla_stand_before_those_that_are_there(imported, monkeypatch, told, flags):
    monkeypatch.setenv("XLA_FLAGS", told)
    backend.load_backend()
    assert os.environ["XLA_FLAGS"] == " ".join(flags)


LOOP = """
from kt_grid.engines.backend import load_backend

load_backend()
import tensorflow as tf

step = lambda i, x: (i + 1, 2 * x + 1)
tf.function(
    lambda x: tf.while_loop(lambda i, x: i < 5, step, (0, x)), jit_compile=True, autograph=False
)(tf.ones(8_000))
"""


@pytest.mark.skipif(
    tf.__version__.startswith(("2.18", "2.19")), reason="its XLA makes no function of them"
)
def test_small_loops_become_one_function(tmp_path):
    """Notices when XLA knows the setting by another name; its usual bound is much lower."""
    told = {**os.environ, "XLA_FLAGS": f"--xla_dump_to={tmp_path}"}
    subprocess.run([sys.executable, "-c", LOOP], env=told, check=True, capture_output=True)
    compiled = [path.read_text() for path in tmp_path.glob("*after_optimizations.txt")]
    assert any("small_call" in text for text in compiled)


@pytest.mark.parametrize("collects", [True, False])
def test_the_garbage_collector_is_left_as_it_was(imported, monkeypatch, collects):
    monkeypatch.delitem(sys.modules, "tensorflow")
    calls = []
    for name in ("disable", "freeze", "enable"):
        monkeypatch.setattr(gc, name, lambda name=name: calls.append(name))
    monkeypatch.setattr(gc, "isenabled", lambda: collects)
    backend.load_backend()
    assert calls == ["disable", "freeze", *["enable"] * collects]


def test_the_garbage_collector_goes_on_where_tensorflow_is_there(imported, monkeypatch):
    monkeypatch.setattr(gc, "disable", lambda: pytest.fail("disabled"))
    backend.load_backend()


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
    configure_backend()
    assert threads["threads"] == 1
    there = worker_environment()
    assert [there[name] for name in NAMES] == ["1", "1", backend.ENVIRONMENT["XLA_FLAGS"]]


def test_a_number_of_threads_that_was_told_holds_everywhere(threads, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    configure_backend()
    assert threads["threads"] == 0
    assert worker_environment()["TF_NUM_INTRAOP_THREADS"] == "3"
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    threads["threads"] = 5
    configure_backend()
    assert worker_environment()["TF_NUM_INTRAOP_THREADS"] == "5"


@pytest.mark.parametrize("told", [None, "3"], ids=["told-nothing", "told-threads"])
def test_workers_do_as_a_process_that_used_tensorflow_before(threads, monkeypatch, told):
    threads["used"] = True
    if told:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", told)
    configure_backend()
    there = worker_environment()
    assert (there["TF_NUM_INTRAOP_THREADS"], there["XLA_FLAGS"]) == (told or "0", "")


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        pytest.param(None, ["0", "1"], id="all"),
        pytest.param("3,GPU-8a", ["3", "GPU-8a"], id="chosen"),
        pytest.param("3,7,9", ["0", "1"], id="others than there are"),
    ],
)
def test_gpus_have_the_names_that_cuda_knows(monkeypatch, visible, names):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind, kind])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert backend.gpus() == names


@pytest.mark.parametrize("kind", ["GPU", "CPU"])
def test_gpus_are_used_as_tensorflow_documents_it(monkeypatch, kind):
    """Memory that grows, and operations that give the same every time, where there are GPUs."""
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "")
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH")
    config, calls = tf.config, []
    device = SimpleNamespace(device_type=kind)
    monkeypatch.setattr(config, "list_logical_devices", lambda: [device])
    monkeypatch.setattr(config.experimental, "enable_op_determinism", lambda: calls.append(1))
    backend.load_backend()
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert bool(calls) is (kind == "GPU")


def test_a_users_own_setting_of_gpu_memory_reaches_workers(monkeypatch):
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "false")
    assert worker_environment()["TF_FORCE_GPU_ALLOW_GROWTH"] == "false"


def test_tensorflow_says_so_once_it_is_used():
    """What the tests above rely on."""
    tf.constant(1)
    assert backend._is_used()
