"""What a model consists of, as found in the live objects.

Keras's configurations leave things out: the delta of a Huber loss, a kernel that was made
untrainable after the model was built, a class of the running script, a function that bears the
name of an activation of Keras's. So every object that can be reached from a model is looked at,
with all its attributes, whatever they are called.
"""

import functools
import hashlib
import re
from collections import deque
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kt_grid.errors import EngineError

_KERAS = "keras"
_PLAIN = (bool, int, float, str, type(None))
# Values that every model has of its own, and that are copied from model to model.
_VALUES = (keras.initializers.Initializer, keras.random.SeedGenerator, tf.Variable)
# What a constructor was given, which stands in the attributes too; bookkeeping.
_REPEATED = ("_auto_config", "_self_", "_track")
# Where other objects are defined that Keras's refer to: those that show all they hold, such as a
# slice, and those that say nothing of the model.
_SHOWN = ("builtins", "numpy")
_HELPERS = ("inspect", "tensorflow")
_ADDRESS = re.compile(r"\d{12,}")


class ForeignError(EngineError):
    """A model has a part that isn't Keras's own."""


def describe_parts(model: Any) -> list[dict[str, Any]]:
    """Describe all objects of Keras's that a freshly built model consists of.

    Args:
        model: A built model that hasn't been trained.

    Returns:
        One dict per object: its class's name, and its attributes. Objects refer to each other by
        their place in the list, so two models have equal descriptions only if they are made of
        equal parts, put together and shared alike. Values of variables are left out.

    Raises:
        ForeignError: If a part isn't Keras's own.
    """
    return _Walk().describe(model)


def find_parts(model: Any, kind: type[Any]) -> list[Any]:
    """Find all objects of a kind that a model consists of, however deep.

    Args:
        model: A built model.
        kind: A class of Keras's, such as `keras.Layer`.

    Returns:
        The objects, each once; those that foreign parts alone refer to are left out.
    """
    walk = _Walk(strict=False)
    walk.describe(model)
    return [part for part in walk.parts if isinstance(part, kind)]


class _Walk:
    """One walk from object to object; the nearest ones first, so that no depth is too much."""

    def __init__(self, *, strict: bool = True) -> None:
        self.parts: list[Any] = []
        self._strict = strict
        self._places: dict[int, str] = {}
        self._ahead: deque[Any] = deque()

    def describe(self, model: Any) -> list[dict[str, Any]]:
        self._value(model)
        described = []
        while self._ahead:
            part = self._ahead.popleft()
            attributes = {
                name: self._value(value)
                for name, value in sorted(vars(part).items())
                if not name.startswith(_REPEATED)
            }
            described.append({"class_name": type(part).__name__, **attributes})
        return [{name: self._placed(v) for name, v in each.items()} for each in described]

    def _refer(self, part: Any) -> str:
        """The place of a part; it is looked at later if it hasn't been met yet."""
        place = self._places.get(id(part))
        if place is None:
            place = self._places[id(part)] = f"#{len(self.parts)}"
            self.parts.append(part)
            self._ahead.append(part)
        return place

    def _value(self, value: Any) -> Any:
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, dict):
            return {str(name): self._value(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(each) for each in value]
        if isinstance(value, set | frozenset):
            return {"set": [self._value(each) for each in value]}
        if _has_parts(type(value)):  # type: ignore[arg-type] # a class is hashable
            return self._refer(value)
        if isinstance(value, _VALUES):
            return type(value).__name__
        if isinstance(value, np.ndarray | np.generic | tf.Tensor):
            return _digest(np.asarray(value))
        return self._other(value)

    def _other(self, value: Any) -> str:
        """What is neither plain nor an object of Keras's: a class, a function, or some helper."""
        named = callable(value) and hasattr(value, "__qualname__")
        if named and _is_own(value):
            return f"{value.__module__}.{value.__qualname__}"
        package = _package(type(value))
        if self._strict and (callable(value) or package not in (*_SHOWN, *_HELPERS)):
            raise ForeignError(f"Expected parts of Keras's own. Received: {value!r}")
        return repr(value) if package in _SHOWN else type(value).__name__

    def _placed(self, value: Any) -> Any:
        """Say of which part it is where an object's address stands for it."""
        if isinstance(value, list):
            return [self._placed(each) for each in value]
        if isinstance(value, dict):
            placed = {self._placed(name): self._placed(each) for name, each in value.items()}
            return sorted(map(str, placed["set"])) if "set" in placed else placed
        if isinstance(value, int | str) and (found := _ADDRESS.search(str(value))):
            return str(value).replace(found[0], self._places.get(int(found[0]), "elsewhere"))
        return value


def _package(value: Any) -> str:
    return str(getattr(value, "__module__", "")).partition(".")[0]


def _is_own(value: Any) -> bool:
    """Whether a class or a function is defined by Keras."""
    return _package(value) == _KERAS


@functools.cache
def _has_parts(kind: Any) -> bool:
    """Whether objects of a class are Keras's, may refer to others, and are no mere values."""
    own = _is_own(kind) and kind.__dictoffset__ != 0
    return own and not issubclass(kind, (type, *_VALUES))


def _digest(array: Any) -> str:
    return hashlib.sha256(repr((array.dtype, array.shape)).encode() + array.tobytes()).hexdigest()
