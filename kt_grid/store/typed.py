"""What a JSON file says becomes a record, field by field, if each has the record's type.

The annotations of a record are what is checked: `read_typed` walks them and the JSON value at the
same time, so that a record of the right class is right in all its fields. Whatever isn't limited
by an annotation of its own is limited by what a search can need at most.
"""

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

Record = TypeVar("Record")

_LONGEST_TEXT = 1_000_000
_MOST_ENTRIES = 1_000_000
_LARGEST = 2**63
_DEEPEST = 20
_BRIEF = 40


class FieldError(ValueError):
    """A field of a JSON file that has another type or another range than its record's."""


@dataclass(frozen=True)
class Within:
    """Limits of a number, or of the length of a text, a list or an object."""

    least: float
    most: float

    def check(self, value: Any, path: str) -> None:
        """Refuse what is beyond.

        Raises:
            FieldError: If it is.
        """
        size = value if isinstance(value, int | float) else len(value)
        if not self.least <= size <= self.most:
            kind = "a number" if size is value else "a length"
            raise _wrong(path, f"{kind} from {self.least:g} to {self.most:g}", size)


@dataclass(frozen=True)
class PlainValue:
    """A value of a hyperparameter: a number, a text, a truth value, null, or a list of these."""

    def check(self, value: Any, path: str, depth: int = 0) -> None:
        """Refuse any other value.

        Raises:
            FieldError: If it is one.
        """
        if isinstance(value, list) and depth < _DEEPEST:
            for number, part in enumerate(value):
                self.check(part, f"{path}.{number}", depth + 1)
        elif isinstance(value, list | dict):
            raise _wrong(path, "a value of a hyperparameter", value)


Value = Annotated[Any, PlainValue()]
Count = Annotated[int, Within(0, _LARGEST)]
Name = Annotated[str, Within(1, 10_000)]


def read_typed(kind: type[Record], entry: Any, path: str = "") -> Record:
    """Make a record of what a JSON file says.

    Args:
        kind: The record's dataclass. A field's metadata may have a `name` that it has in the
            file; `flat`, if it is a record whose fields stand beside its own; or `read`, which
            takes the value and its path and returns the field's.
        entry: What was read.
        path: Where in the file it stands; empty for all of it.

    Returns:
        The record. What the file says beyond its fields is left out.

    Raises:
        FieldError: If a field that has no default is missing, or one has another type, isn't
            finite or is too large.
    """
    if not isinstance(entry, Mapping):
        raise _wrong(path or "the file", "an object", entry)
    values, owner = {}, cast(Any, kind)
    hints = _hints(owner)
    for field in fields(owner):
        name = json_name(field)
        at = f"{path}.{name}" if path else name
        if "flat" in field.metadata:
            inner = field.metadata["flat"]
            if field.default is MISSING or json_names(inner) & set(entry):
                values[field.name] = read_typed(inner, entry, path)
        elif name in entry and "read" in field.metadata:
            values[field.name] = field.metadata["read"](entry[name], at)
        elif name in entry:
            values[field.name] = _read(hints[field.name], entry[name], at)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise FieldError(f"{at} is missing")
    return kind(**values)


def json_name(field: Any) -> str:
    """Return what a dataclass's field is called in the file."""
    return str(field.metadata.get("name", field.name))


def json_names(kind: Any) -> frozenset[str]:
    """Return what all fields of a dataclass are called in the file."""
    own = {json_name(f) for f in fields(kind) if "flat" not in f.metadata}
    inner = (json_names(f.metadata["flat"]) for f in fields(kind) if "flat" in f.metadata)
    return frozenset(own).union(*inner)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _read(kind: Any, value: Any, path: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        read = _read(arguments[0], value, path)
        for rule in arguments[1:]:
            rule.check(value if isinstance(rule, PlainValue) else read, path)
        return read
    if origin in (Union, types.UnionType):
        return _read_one_of(arguments, value, path)
    if origin is tuple:
        return _read_list(arguments, value, path)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _read_object(arguments[1], value, path)
    if is_dataclass(kind):
        return read_typed(kind, value, path)  # type: ignore[arg-type] # it is a class
    return _read_plain(kind, value, path)


def _read_one_of(kinds: Sequence[Any], value: Any, path: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    (kind,) = (kind for kind in kinds if kind is not type(None))
    return _read(kind, value, path)


def _read_list(kinds: Sequence[Any], value: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) > _MOST_ENTRIES:
        raise _wrong(path, "a list", value)
    if kinds[-1] is Ellipsis:
        return tuple(_read(kinds[0], part, f"{path}.{i}") for i, part in enumerate(value))
    if len(value) != len(kinds):
        raise _wrong(path, f"a list of {len(kinds)}", value)
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(_read(kind, part, f"{path}.{i}") for i, (kind, part) in pairs)


def _read_object(kind: Any, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > _MOST_ENTRIES:
        raise _wrong(path, "an object", value)
    return {name: _read(kind, part, f"{path}.{name[:_BRIEF]}") for name, part in value.items()}


def _read_plain(kind: Any, value: Any, path: str) -> Any:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise _wrong(path, f"one of {', '.join(get_args(kind))}", value)
        return value
    if kind is Any:
        _check_any(value, path)
        return value
    if kind is float and type(value) in (int, float):
        _check_any(value, path)
        return float(value)
    expected = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    if type(value) is not kind:
        raise _wrong(path, expected[kind], value)
    _check_any(value, path)
    return value


def _check_any(value: Any, path: str, depth: int = 0) -> None:
    """Refuse what no field may hold, whatever its type."""
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(path, "a finite number", value)
    if isinstance(value, int) and not abs(value) <= _LARGEST:
        raise FieldError(f"{path}: expected a number below 2**63, received a larger one")
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        raise _wrong(path, f"a text of at most {_LONGEST_TEXT} characters", value)
    if isinstance(value, list | dict):
        if depth == _DEEPEST:
            raise FieldError(f"{path}: expected lists {_DEEPEST} deep at most, received deeper")
        for part in value.values() if isinstance(value, dict) else value:
            _check_any(part, path, depth + 1)


def _wrong(path: str, expected: str, received: Any) -> FieldError:
    if isinstance(received, int) and abs(received) > _LARGEST:
        text = "a number that is too large"
    elif isinstance(received, dict | list):
        text = f"{'an object' if isinstance(received, dict) else 'a list'} of {len(received)}"
    else:
        text = repr(received[:_BRIEF] if isinstance(received, str) else received)
    return FieldError(f"{path}: expected {expected}, received {text}")
