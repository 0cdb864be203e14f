"""What a model consists of, as found in the live objects.

Keras's configurations leave things out: the delta of a Huber loss, a kernel that was made
untrainable after the model was built, a class of the running script, a function that bears the
name of an activation of Keras's. So every object of Keras's that can be reached from a model is
looked at, with its attributes, whatever they are called, and what isn't Keras's is refused.
"""

import functools
import hashlib
import inspect
import re
from collections import deque
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kt_grid.errors import EngineError

_KERAS = "keras"
_PLAIN = (bool, int, float, str, type(None))
_NAMED = (FunctionType, MethodType, BuiltinFunctionType, type)
# What a constructor was given, which stands in the attributes too; bookkeeping.
_REPEATED = ("_auto_config", "_self_", "_track")
# Other objects that Keras's refer to: those that show all they hold, and those that say nothing
# of the model.
_SHOWN = (slice, range, complex, bytes, type(...), np.dtype, tf.DType, tf.TensorShape)
_SILENT = (inspect.Signature, tf.distribute.Strategy)
# Where objects begin in memory, as far as numbers of that length may be that.
_ADDRESS = re.compile(r"\d{9,}")


class ForeignError(EngineError):
    """A model has a part that isn't Keras's own."""


def describe_parts(model: Any) -> list[dict[str, Any]]:
    """Describe all objects of Keras's that a freshly built model consists of.

    Args:
        model: A built model that hasn't been trained.

    Returns:
        One dict per object: its class's name, and its attributes. Objects refer to each other by
        their index in the list, so two models have equal descriptions only if they are made of
        equal parts, put together and shared alike. Left out are the values of the model's own
        variables and of its optimizer's, and initializers, which have done their work.

    Raises:
        ForeignError: If a part isn't Keras's own.
    """
    return _Walk(model).describe()


def find_parts(model: Any, kind: type[Any]) -> list[Any]:
    """Find all objects of a kind that a model consists of, however deep.

    Args:
        model: A built model.
        kind: A class of Keras's, such as `keras.Layer`.

    Returns:
        The objects, each once; those that foreign parts alone refer to are left out.
    """
    walk = _Walk(model, strict=False)
    walk.visit()
    return [part for part in walk.parts if isinstance(part, kind)]


class _Walk:
    """One walk from object to object; the nearest ones first, so that no depth is too much."""

    def __init__(self, model: Any, *, strict: bool = True) -> None:
        self.model = model
        self.parts: list[Any] = []
        self._strict = strict
        self._copied = _copied_variables(model)
        self._references: dict[int, str] = {}
        self._ahead: deque[Any] = deque()
        self._generators: dict[int, int] = {}

    def describe(self) -> list[dict[str, Any]]:
        return [{name: self._placed(v) for name, v in each.items()} for each in self.visit()]

    def visit(self) -> list[dict[str, Any]]:
        """Meet all parts; what refers to another by its address isn't settled yet."""
        self._value(self.model)
        described = []
        while self._ahead:
            part = self._ahead.popleft()
            attributes = {
                name: self._value(value)
                for name, value in sorted(vars(part).items())
                if not name.startswith(_REPEATED)
            }
            described.append({"class_name": type(part).__name__, **attributes})
        return described

    def _refer(self, part: Any) -> str:
        """The reference to a part; it is looked at later if it hasn't been met yet."""
        reference = self._references.get(id(part))
        if reference is None:
            reference = self._references[id(part)] = f"#{len(self.parts)}"
            self.parts.append(part)
            self._ahead.append(part)
        return reference

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
        if isinstance(value, _NAMED):
            return self._function(value)
        return self._other(value)

    def _function(self, value: Any) -> Any:
        """The name of a function or a class, and the object whose method it is."""
        if self._strict and not _is_own(value):
            raise ForeignError(f"Expected parts of Keras's own. Received: {value!r}")
        named = f"{value.__module__}.{value.__qualname__}"
        return [named, self._value(value.__self__)] if isinstance(value, MethodType) else named

    def _other(self, value: Any) -> Any:
        """What has no parts of its own."""
        if isinstance(value, keras.initializers.Initializer):
            return "initializer"
        if isinstance(value, keras.random.SeedGenerator):
            return ["generator", self._generators.setdefault(id(value), len(self._generators))]
        if isinstance(value, tf.Variable):
            return "variable" if id(value) in self._copied else _digest(value.numpy())
        if isinstance(value, np.ndarray | np.generic | tf.Tensor):
            return _digest(np.asarray(value))
        if isinstance(value, re.Pattern):
            return [value.pattern, value.flags]
        if isinstance(value, _SHOWN):
            return repr(value)
        if self._strict and not isinstance(value, _SILENT):
            raise ForeignError(f"Expected parts of Keras's own. Received: {value!r}")
        return type(value).__name__

    def _placed(self, value: Any) -> Any:
        """Say of which part it is where an object's address stands for it."""
        if isinstance(value, list):
            return [self._placed(each) for each in value]
        if isinstance(value, dict):
            placed = {self._placed(name): self._placed(each) for name, each in value.items()}
            return sorted(map(str, placed["set"])) if "set" in placed else placed
        if isinstance(value, int | str) and (found := _ADDRESS.search(str(value))):
            reference = self._references.get(int(found[0]))
            return value if reference is None else str(value).replace(found[0], reference)
        return value


def _copied_variables(model: Any) -> set[int]:
    """The variables whose values go from model to model, unlike those that an operation holds."""
    optimizer = getattr(model, "optimizer", None)
    kept = [getattr(model, "variables", ()), getattr(model, "metrics_variables", ())]
    kept.append(getattr(optimizer, "variables", ()))
    return {id(variable.value) for variables in kept for variable in variables}


def _is_own(value: Any) -> bool:
    """Whether a class or a function is defined by Keras, whatever name it was given."""
    written = isinstance(value, FunctionType | MethodType)
    module = value.__globals__.get("__name__") if written else value.__module__
    return str(module).partition(".")[0] == _KERAS


@functools.cache
def _has_parts(kind: Any) -> bool:
    """Whether objects of a class are Keras's and consist of parts that matter."""
    own = _is_own(kind) and kind.__dictoffset__ != 0
    values = (type, keras.initializers.Initializer, keras.random.SeedGenerator)
    return own and not issubclass(kind, values)


def _digest(array: Any) -> str:
    held = repr(array.tolist()).encode() if array.dtype.kind == "O" else array.tobytes()
    return hashlib.sha256(repr((array.dtype, array.shape)).encode() + held).hexdigest()
