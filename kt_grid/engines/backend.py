"""TensorFlow, imported without its log, and how many threads a training uses.

A training uses one thread unless the environment says otherwise. Sums of many numbers are split
by threads, so their number shows in the last bits of a result, which must not depend on how many
worker processes share a machine. Several trainings side by side use the other cores better.

XLA compiles at its first level of optimisation: models of all sizes that were tried train as fast
as at the usual one, and compile faster. A loop whose step touches less than 100,000 bytes becomes
one function instead of a list of operations, which halves the time to compile and to train a
small model; from about there on it would take longer, as such a function multiplies matrices by
plain loops.
"""

import gc
import importlib
import logging
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from kt_grid.engines.versions import compile_once

_FLAGS = "XLA_FLAGS"
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_NUM_INTRAOP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # Else the first process on a GPU takes all of its memory.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    _FLAGS: (
        "--xla_backend_optimization_level=1 "
        "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=100000"
    ),
}
# Setting the float type resets the dtype policy, which therefore comes last.
_SETTINGS = ("floatx", "epsilon", "image_data_format")
_UNTOLD = {
    "TF_NUM_INTRAOP_THREADS": "0",
    "OMP_NUM_THREADS": "1",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    _FLAGS: "",
}


def load_backend() -> None:
    """Import TensorFlow and Keras, begin to use them, and keep their log off the terminal.

    What TensorFlow logs meanwhile heeds no setting, so stderr is turned away.
    """
    import_backend()
    with _stderr_turned_away():
        devices = importlib.import_module("tensorflow").config.list_logical_devices()
        compile_once()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if any(device.device_type == "GPU" for device in devices):
        _be_deterministic()


def import_backend() -> bool:
    """Import TensorFlow and Keras as `load_backend` does, but begin nothing with them.

    Returns:
        Whether they weren't there before. Then this process can still be copied, as long as it
        doesn't use them.
    """
    fresh = "tensorflow" not in sys.modules
    _set_environment(ENVIRONMENT)
    with _stderr_turned_away(), _all_kept() if fresh else nullcontext():
        importlib.import_module("keras_tuner")
        importlib.import_module("tensorflow")
    return fresh


def configure_backend() -> None:
    """Let this process train as the command line's does, unless it has used TensorFlow already.

    Then that stays as it is, and so does the number of threads if it was told one.
    """
    import tensorflow as tf

    if _is_used():
        return
    if not os.environ.get("TF_NUM_INTRAOP_THREADS") and not _threads():
        tf.config.threading.set_intra_op_parallelism_threads(1)
        _set_environment(["TF_NUM_INTRAOP_THREADS"])
    _set_environment(["OMP_NUM_THREADS", "TF_FORCE_GPU_ALLOW_GROWTH", _FLAGS])
    if tf.config.list_physical_devices("GPU"):
        _be_deterministic()


def _be_deterministic() -> None:
    """Let operations on GPUs give the same bytes every time; on CPUs they do so anyway."""
    importlib.import_module("tensorflow").config.experimental.enable_op_determinism()


def gpus() -> list[str]:
    """Name the GPUs that TensorFlow sees, as CUDA_VISIBLE_DEVICES does."""
    seen = importlib.import_module("tensorflow").config.list_physical_devices("GPU")
    named = [name for name in os.environ.get(VISIBLE_GPUS, "").split(",") if name.strip()]
    return named if len(named) == len(seen) else [str(place) for place, _ in enumerate(seen)]


def _set_environment(names: Collection[str]) -> None:
    """Set variables that aren't set yet; flags for XLA stand before those that are.

    What begins otherwise than a flag is to XLA the name of a file of flags, and stays alone.
    """
    for name in names:
        os.environ.setdefault(name, ENVIRONMENT[name])
    flags, ours = os.environ.get(_FLAGS, ""), ENVIRONMENT[_FLAGS]
    if _FLAGS in names and flags.lstrip().startswith("-") and ours not in flags:
        os.environ[_FLAGS] = f"{ours} {flags}"


def _is_used() -> bool:
    """Whether TensorFlow, and with it XLA, has read its settings, which it does once."""
    import tensorflow as tf

    threads = _threads()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads + 1)
    except RuntimeError:
        return True
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    return False


def worker_environment() -> dict[str, str]:
    """Return the environment variables that make a worker's trainings equal to this process's.

    Returns:
        Values by name; as many threads as this process uses, which is one unless it was told
        otherwise, or used TensorFlow before kt-grid.
    """
    chosen = {name: os.environ.get(name, usual) for name, usual in _UNTOLD.items()}
    if here := _threads():
        chosen["TF_NUM_INTRAOP_THREADS"] = str(here)
    return {**ENVIRONMENT, **chosen}


def _threads() -> int:
    """How many threads this process told TensorFlow to use; 0 if it told nothing."""
    import tensorflow as tf

    return int(tf.config.threading.get_intra_op_parallelism_threads())


def precision() -> str:
    """Return the name of Keras's dtype policy, such as `float32` or `mixed_float16`.

    A program that hasn't imported Keras hasn't set one.
    """
    keras = sys.modules.get("keras")
    return "float32" if keras is None else str(keras.config.dtype_policy().name)


def keras_settings() -> dict[str, Any]:
    """Return what of Keras's configuration numbers depend on."""
    config = importlib.import_module("keras").config
    named = {name: getattr(config, name)() for name in _SETTINGS}
    return {**named, "dtype_policy": precision()}


def set_keras(settings: Mapping[str, Any]) -> None:
    """Configure Keras.

    Args:
        settings: What `keras_settings` returned.
    """
    config = importlib.import_module("keras").config
    for name, value in settings.items():
        getattr(config, f"set_{name}")(value)


@contextmanager
def _all_kept() -> Iterator[None]:
    """Tell the garbage collector that what is made here stays: it takes a second to look at."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


@contextmanager
def _stderr_turned_away() -> Iterator[None]:
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
