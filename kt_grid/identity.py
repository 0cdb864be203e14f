"""What makes a search the same search: the entries of search.json that must agree."""

import functools
import inspect
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from kt_grid.data import digest
from kt_grid.folds import Split, Splitter, splits_digest
from kt_grid.objective import Objective
from kt_grid.space import Axis

_PACKAGES = ("kt-grid", "tensorflow", "keras", "keras-tuner", "numpy")


def make_identity(
    *,
    objective: Objective,
    cv: Splitter,
    splits: Sequence[Split],
    seed: int,
    arrays: Sequence[Any],
    fit: Mapping[str, Any],
    model_source: str,
    engine: str,
) -> dict[str, Any]:
    """Describe a search so that two searches with equal descriptions give equal numbers.

    The grid is no part of it: a grid may grow or shrink.

    Args:
        objective: What is optimised.
        cv: The splitter.
        splits: The splits it gave.
        seed: The search's seed.
        arrays: The data, as arrays.
        fit: Epochs, batch size and other arguments of the training, as JSON values.
        model_source: Digest of the build function or HyperModel.
        engine: What trains.

    Returns:
        Plain JSON values.
    """
    return {
        "objective": str(objective),
        "cv": repr(cv),
        "folds": len(splits),
        "rows": len(arrays[0]),
        "data": digest(*(np.asarray(array) for array in arrays)),
        "splits": splits_digest(splits),
        "seed": seed,
        "fit": dict(fit),
        "model source": model_source,
        "engine": engine,
    }


def make_notes(
    experiment: str,
    repeats: int,
    axes: Sequence[Axis],
    asked: Mapping[str, Sequence[Any]],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Describe what else a search is, that may change from one run to the next.

    Args:
        experiment: Its name.
        repeats: Passes over all folds.
        axes: The grid.
        asked: The values of the axes that were asked for.
        about: Further entries, which go before these.

    Returns:
        Plain JSON values.
    """
    return {
        "experiment": experiment,
        "repeats": repeats,
        "grid": [axis.to_json() for axis in axes],
        "asked": {name: list(values) for name, values in asked.items()},
        "versions": package_versions(),
        **about,
    }


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


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
