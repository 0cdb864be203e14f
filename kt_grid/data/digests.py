"""Digests of sources, data and splits: what a search on disk is compared by."""

import functools
import hashlib
import inspect
import json
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.splitters.folds import Split


def digest(*arrays: npt.NDArray[Any]) -> str:
    """Hash arrays by shape, dtype and content.

    Args:
        *arrays: Arrays of any shape and dtype; those of objects hold texts.

    Returns:
        32 hexadecimal digits of a SHA-256.
    """
    sha = hashlib.sha256()
    for part in arrays:
        sha.update(f"{part.dtype.str}{part.shape}".encode())
        # The bytes of an array of objects are addresses.
        texts = part.dtype.hasobject
        sha.update(
            json.dumps(part.tolist(), default=repr).encode()
            if texts
            else np.ascontiguousarray(part).tobytes()
        )
    return sha.hexdigest()[:32]


def splits_digest(splits: Sequence[Split]) -> str:
    """Hash the splits of a search."""
    return digest(*(side.astype(np.int64) for split in splits for side in split))


def source_digest(model: object) -> str:
    """Hash what a model is made by: its source, and what that names in its own module.

    Functions, classes and plain constants of the same module count, arguments bound by
    `functools.partial` or kept in an object's attributes too. What is imported from elsewhere
    doesn't.

    Args:
        model: A function, a partial, a class or an object.

    Returns:
        32 hexadecimal digits.
    """
    pieces: dict[str, str] = {}
    _collect("", model, pieces)
    text = "\n".join(f"{name}: {pieces[name]}" for name in sorted(pieces))
    return digest(np.frombuffer(text.encode(), np.uint8))


def _collect(name: str, target: Any, pieces: dict[str, str]) -> None:
    """Gather the source of something and of all that it names in its module."""
    if isinstance(target, functools.partial):
        pieces[f"{name}()"] = repr((_plain(target.args), _plain(target.keywords)))
        _collect(name, target.func, pieces)
    elif isinstance(target, MethodType):
        _collect(name, target.__func__, pieces)
    elif isinstance(target, FunctionType | type):
        _collect_code(target, pieces)
    elif _plain(target) is not None:
        pieces[name] = str(_plain(target))
    elif not name:
        attributes = {key: _plain(value) for key, value in vars(target).items()}
        pieces["attributes"] = json.dumps(attributes, sort_keys=True)
        _collect_code(type(target), pieces)


def _collect_code(target: Any, pieces: dict[str, str]) -> None:
    name = target.__qualname__
    if name in pieces:
        return
    pieces[name] = _source(target)
    for used, value in _named(target):
        if isinstance(value, FunctionType | type) and value.__module__ != target.__module__:
            continue
        _collect(used, value, pieces)


def _named(target: Any) -> Iterator[tuple[str, Any]]:
    """What a function or a class refers to, by name."""
    if isinstance(target, type):
        yield from ((base.__qualname__, base) for base in target.__bases__)
    for function in _functions(target):
        names = {name for code in _codes(function.__code__) for name in code.co_names}
        seen = inspect.getclosurevars(function)
        for name, value in {**seen.nonlocals, **function.__globals__}.items():
            if name in names or name in seen.nonlocals:
                yield name, value


def _functions(target: Any) -> list[FunctionType]:
    """The function itself, or a class's methods."""
    members = vars(target).values() if isinstance(target, type) else [target]
    plain = (getattr(member, "__func__", member) for member in members)
    return [inspect.unwrap(member) for member in plain if isinstance(member, FunctionType)]


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _source(target: Any) -> str:
    """The source, or the bytecode where no source is to be had."""
    try:
        return inspect.getsource(target)
    except (OSError, TypeError):
        return repr([_bytecode(c) for f in _functions(target) for c in _codes(f.__code__)])


def _bytecode(code: CodeType) -> tuple[Any, ...]:
    constants = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
    return code.co_code, code.co_names, constants


def _plain(value: Any) -> str | None:
    """A plain constant as text; None for anything else."""
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError):
        return None
