"""What a live object holds, found without asking it."""

import functools
import random
import re
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Mapping
from typing import Any

import numpy as np

# Classes that aren't written in Python whose objects show all that they hold.
_OPEN = frozenset(
    (
        *(object, dict, list, tuple, set, frozenset, deque, OrderedDict, defaultdict, int, float),
        *(complex, str, bytes, types.SimpleNamespace, types.MappingProxyType, type),
        type(functools.lru_cache(len)),
    )
)
# What draws at random, and goes on from where it was.
GENERATORS = (random.Random, np.random.Generator, np.random.RandomState)
# What Keras's constructors were given, which stands in other attributes too; bookkeeping.
_OF_KERAS = ("_auto_config", "_self_", "_track", "_lock", "_dtype_policy_lock")
# Whether and where a layer is used, by all models, of which one's are found from its tensors; how a
# model was last trained.
_USES = frozenset(
    (
        *("_inbound_nodes", "_outbound_nodes", "_nodes", "_called", "history", "_epoch_iterator"),
        *("_eval_epoch_iterator", "stop_training", "stop_evaluating", "stop_predicting"),
        *("train_function", "test_function", "predict_function"),
    )
)


def attributes_of(value: Any) -> dict[str, Any]:
    """An object's attributes, without asking its class."""
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        held = {}
    found = dict(held) if isinstance(held, dict) else {}
    for base in type(value).__mro__:
        for name, member in vars(base).items():
            if isinstance(member, types.MemberDescriptorType) and name not in found:
                try:
                    found[name] = member.__get__(value)
                except AttributeError:
                    continue
    return found


@functools.cache
def shows_all(kind: Any) -> bool:
    """Whether the attributes and items of objects are all that they hold, as Python's classes'."""
    return all(base in _OPEN or _is_written(base) for base in kind.__mro__)


def _is_written(kind: Any) -> bool:
    """Whether a class is written in Python, which no other shows: others have methods in C."""
    in_c = (types.WrapperDescriptorType, types.MethodDescriptorType)
    return not any(type(member) in in_c for member in vars(kind).values())


def entries_of(table: Any) -> list[Any]:
    """The keys and values of a lookup table, in order; none if they are still to be learned."""
    if not int(table.size()):
        return []
    keys, values = (part.numpy() for part in table.export())
    order = np.argsort(keys)
    return [keys[order], values[order]]


def root_of(kind: Any) -> str:
    """The package that a class is defined in."""
    return str(kind.__module__).partition(".")[0]


def package_of(value: Any) -> str:
    """The package that a function, a class or an object's class is defined in."""
    kind = type(value)
    while issubclass(kind, functools.partial | types.MethodType):
        value = value.func if issubclass(kind, functools.partial) else value.__func__
        kind = type(value)
    if issubclass(kind, types.FunctionType):
        return str(value.__globals__.get("__name__")).partition(".")[0]
    return root_of(value if issubclass(kind, type) else kind)


def snake_case(name: str) -> str:
    """A class's name as Keras begins the names of its objects with."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def is_bookkeeping(name: Any, held: Mapping[str, Any]) -> bool:
    """Whether an attribute of one of Keras's objects says nothing of what it does.

    Args:
        name: The attribute's.
        held: All attributes of the object.
    """
    if not isinstance(name, str) or name.startswith(_OF_KERAS) or name in _USES:
        return True
    if name == "_jit_compile":
        # Of a model that isn't compiled Keras settles it when it is first asked for.
        return held.get("compiled") is False
    # Keras puts a function of its own around the `build` of a class, which the class shows.
    wraps = name == "build" and issubclass(type(held[name]), types.FunctionType)
    return wraps and package_of(held[name]) == "keras"
