"""TensorFlow, imported without its log, and how many threads a training uses.

A training uses one thread unless the environment says otherwise. Sums of many numbers are split
by threads, so their number shows in the last bits of a result, which must not depend on how many
worker processes share a machine. Several trainings side by side use the other cores better.
"""

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_NUM_INTRAOP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")


def load_backend() -> None:
    """Import TensorFlow and Keras, and keep TensorFlow's own log off the terminal.

    What TensorFlow logs while it is imported heeds no setting, so stderr is turned away
    meanwhile.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with _stderr_turned_away():
        importlib.import_module("keras_tuner")
        importlib.import_module("tensorflow").config.list_logical_devices()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def worker_environment() -> dict[str, str]:
    """Return the environment variables that make a worker's trainings equal to this process's.

    Returns:
        Values by name; one thread where this process was told nothing.
    """
    import tensorflow as tf

    here = tf.config.threading.get_intra_op_parallelism_threads()
    chosen = {name: str(here) if here else os.environ.get(name, "1") for name in _THREADS}
    return {**_ENVIRONMENT, **chosen}


def precision() -> str:
    """Return the name of Keras's dtype policy, such as `float32` or `mixed_float16`.

    A program that hasn't imported Keras hasn't set one.
    """
    keras = sys.modules.get("keras")
    return "float32" if keras is None else str(keras.config.dtype_policy().name)


def set_precision(name: str) -> None:
    """Set Keras's dtype policy.

    Args:
        name: What `precision` returned.
    """
    importlib.import_module("keras").config.set_dtype_policy(name)


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
