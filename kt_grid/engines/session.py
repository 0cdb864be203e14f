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


def begin_session(seed: int, *, reuse_kernels: bool = False) -> None:
    """Forget the names that Keras has given, and seed every random generator.

    Args:
        seed: Seed of Python's, NumPy's, Keras's and TensorFlow's generators.
        reuse_kernels: Whether TensorFlow may keep the kernels of its operations under another
            seed. That of an eager random operation belongs to the seed, but that of one in a
            graph, or whose seeds are all its own, would go on from where it was.

    Example:
        >>> begin_session(7)
        >>> keras.layers.Dense(1).name
        'dense'
    """
    with _lock:
        _find_reset()()
        keep = _may_keep(seed) and reuse_kernels
        with _kernels_kept() if keep else nullcontext():
            keras.utils.set_random_seed(seed)
        if not keep:
            _seeds.clear()
        _seeds.add(seed)


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


def _may_keep(seed: int) -> bool:
    """Whether no eager random operation could go on from where it was under this seed.

    Its state belongs to the kernel that was made for the seed. What was seeded before the first
    model isn't known. Kernels of what is gone are dropped now and then.
    """
    return 0 < len(_seeds) < _MOST_SEEDS and seed not in _seeds


@contextmanager
def _kernels_kept() -> Iterator[None]:
    """Keep TensorFlow from dropping the kernels of all operations while it is seeded."""
    owner = _find_kernels()
    if owner is None:
        yield
        return
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
