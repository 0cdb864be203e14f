"""Keras's names and seeds as they are in a new process, for every model anew.

A fold's result must not depend on the models that were built before it, so the names that Keras
gives to layers begin anew with each model, and so does every random generator. Keras's public
`clear_session` and `set_random_seed` do that, but they make Keras and TensorFlow forget much
else, which takes several times as long to find out again as a small model takes to build. What is
private here holds them back; where that has another name, they do all that they do.
"""

import random
import re
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kt_grid.engines.backend import keras_settings, set_keras
from kt_grid.engines.versions import forget_generator

_MOST_SESSIONS = 100

_lock = threading.Lock()


def begin_session(seed: int, *, reuse_kernels: bool = False, taken: Collection[str] = ()) -> None:
    """Forget the names that Keras has given, and seed every random generator.

    Args:
        seed: Seed of Python's, NumPy's, Keras's and TensorFlow's generators.
        reuse_kernels: Whether TensorFlow may keep the kernels of its operations, as long as none
            of them has a random state that would go on from where it was.
        taken: Names that layers made outside have, which none may be given again.

    Example:
        >>> begin_session(7)
        >>> keras.layers.Dense(1).name
        'dense'
    """
    with _lock:
        _find_reset()()
        with _kernels_kept() if reuse_kernels and _kernels.may_stay() else nullcontext():
            keras.utils.set_random_seed(seed)
            forget_generator()
        for name in taken:
            _give_away(name)


def clashing_name(error: Exception) -> str | None:
    """Return the name that two layers of a model have, if that is what an error is about.

    A layer that was made outside of `build`, before the session began, may have the name that
    the session's first layer of its kind is given.
    """
    found = re.search(r"""[Nn]ame ['"](\w+)['"]""", str(error)) if "unique" in str(error) else None
    return found[1] if found else None


def _give_away(name: str) -> None:
    """Let Keras count a name, and those before it, as given."""
    kind, _, number = name.rpartition("_")
    kind, count = (kind, int(number) + 1) if kind and number.isdecimal() else (name, 1)
    for _ in range(count):
        keras.backend.get_uid(kind)


class Settings:
    """What of Keras's and TensorFlow's configuration numbers depend on, as it is now.

    A `build` or a `fit` may change it for all models that are made later.
    """

    def __init__(self) -> None:
        self._keras = keras_settings()
        self._eagerly = tf.config.functions_run_eagerly()

    def restore(self) -> None:
        """Configure Keras and TensorFlow as they were."""
        if keras_settings() != self._keras:
            set_keras(self._keras)
        if tf.config.functions_run_eagerly() != self._eagerly:
            tf.config.run_functions_eagerly(self._eagerly)


@contextmanager
def settings_kept() -> Iterator[Settings]:
    """Leave the configuration as it was found, whatever is changed within."""
    settings = Settings()
    try:
        yield settings
    finally:
        settings.restore()


@contextmanager
def generators_kept() -> Iterator[None]:
    """Leave Python's and NumPy's generators as they were found.

    Whoever draws by them after a look at a model draws as without it.
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


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


class _Kernels:
    """The kernels that TensorFlow keeps, and what is known of the operations they are for.

    A stateful random operation keeps its state in its kernel. TensorFlow registers every function
    that is traced or loaded, and every operation that runs by itself, as a function too, so it can
    be seen whether there ever was one. Keras draws by stateless operations alone.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._stateful = False
        self._sessions = 0

    def may_stay(self) -> bool:
        """Whether a session may begin with them; now and then those of what is gone must go."""
        self._sessions = (self._sessions + 1) % _MOST_SESSIONS
        return self._sessions > 0 and not self._draw()

    def _draw(self) -> bool:
        context = _find_context()
        if context is None:
            return True
        names = context.list_function_names()
        fresh, self._seen = names - self._seen, names
        self._stateful = self._stateful or any(_draws(context, name) for name in fresh)
        return self._stateful


_kernels = _Kernels()


def _draws(context: Any, name: str) -> bool:
    """Whether a function has a stateful random operation; a stateless one has no such setting."""
    try:
        nodes = context.get_function_def(name).node_def
    except tf.errors.NotFoundError:
        # Its last user has gone meanwhile.
        return False
    return any("seed" in node.attr for node in nodes)


def _find_context() -> Any:
    """What knows all functions; None if it can't be asked."""
    try:
        from tensorflow.python.eager.context import context
    except ImportError:
        return None
    known = all(hasattr(context(), name) for name in ("list_function_names", "get_function_def"))
    return context() if known else None


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
