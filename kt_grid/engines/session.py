"""Keras's names and seeds as they are in a new process, for every model anew.

A fold's result must not depend on the models that were built before it, so the names that Keras
gives to layers begin anew with each model, and so does every random generator. Keras's public
`clear_session` and `set_random_seed` do that, but they make Keras and TensorFlow forget much
else, which takes several times as long to find out again as a small model takes to build. What is
private here holds them back; where that has another name, they do all that they do.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import keras

_MOST_SEEDS = 100

_seeds: set[int] = set()
_lock = threading.Lock()


def begin_session(seed: int) -> None:
    """Forget the names that Keras has given, and seed every random generator.

    Args:
        seed: Seed of Python's, NumPy's, Keras's and TensorFlow's generators.

    Example:
        >>> begin_session(7)
        >>> keras.layers.Dense(1).name
        'dense'
    """
    _find_reset()()
    with nullcontext() if _needs_new_kernels(seed) else _kernels_kept():
        keras.utils.set_random_seed(seed)


def _find_reset() -> Callable[[], None]:
    try:
        from keras.src.utils.naming import reset_uids
    except ImportError:
        return _reset_all
    return reset_uids  # type: ignore[no-any-return] # Keras is untyped


def _reset_all() -> None:
    policy = keras.config.dtype_policy()
    keras.utils.clear_session(free_memory=False)
    keras.config.set_dtype_policy(policy)


def _needs_new_kernels(seed: int) -> bool:
    """Whether a random operation of TensorFlow could go on from where it was under this seed.

    Its state belongs to the kernel that was made for the seed. What was seeded before the first
    model isn't known. Kernels of what is gone are dropped now and then.
    """
    needed = not 0 < len(_seeds) < _MOST_SEEDS or seed in _seeds
    if needed:
        _seeds.clear()
    _seeds.add(seed)
    return needed


@contextmanager
def _kernels_kept() -> Iterator[None]:
    """Keep TensorFlow from dropping the kernels of all operations while it is seeded."""
    owner = _find_kernels()
    if owner is None:
        yield
        return
    with _lock:
        drop, owner.TFE_ContextClearCaches = owner.TFE_ContextClearCaches, lambda _: None
        try:
            yield
        finally:
            owner.TFE_ContextClearCaches = drop


def _find_kernels() -> Any:
    """The module whose function drops the kernels; None if there is none."""
    try:
        from tensorflow.python import pywrap_tfe
    except ImportError:
        return None
    return pywrap_tfe if hasattr(pywrap_tfe, "TFE_ContextClearCaches") else None
