"""What a live object holds, found without asking it."""

import functools
import types
from collections import OrderedDict, defaultdict, deque
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
