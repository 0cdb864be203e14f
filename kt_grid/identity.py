"""What makes a search the same search: the entries of search.json that must agree."""

import inspect
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from kt_grid.data import digest
from kt_grid.folds import Split, Splitter, splits_digest
from kt_grid.objective import Objective

_PACKAGES = ("kt-grid", "tensorflow", "keras", "keras-tuner", "numpy")


def make_identity(
    *,
    objective: Objective,
    cv: Splitter,
    splits: Sequence[Split],
    seed: int,
    arrays: Sequence[Any],
    fit: Mapping[str, Any],
    model: object,
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
        model: The build function or HyperModel.
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
        "model source": source_digest(model),
        "engine": engine,
    }


def source_digest(model: object) -> str:
    """Hash the source of a model: its function or class, and what these call in their module.

    Args:
        model: A function, a class or an object.

    Returns:
        32 hexadecimal digits; those of the bytecode where no source is to be had.
    """
    pieces: dict[str, str] = {}
    target = model if isinstance(model, FunctionType | MethodType | type) else type(model)
    _collect(target, pieces)
    text = "\n".join(pieces[name] for name in sorted(pieces))
    return digest(np.frombuffer(text.encode(), np.uint8))


def _collect(target: Any, pieces: dict[str, str]) -> None:
    """Gather the source of a function or class and of its module's functions that it names."""
    name = f"{target.__module__}.{target.__qualname__}"
    if name in pieces:
        return
    pieces[name] = _source(target)
    for function in _functions(target):
        module = function.__globals__
        for used in function.__code__.co_names:
            candidate = module.get(used)
            if isinstance(candidate, FunctionType | type) and _is_here(candidate, function):
                _collect(candidate, pieces)


def _functions(target: Any) -> list[FunctionType]:
    if isinstance(target, type):
        return [value for value in vars(target).values() if isinstance(value, FunctionType)]
    function = inspect.unwrap(getattr(target, "__func__", target))
    return [function] if isinstance(function, FunctionType) else []


def _is_here(candidate: Any, function: Callable[..., Any]) -> bool:
    return bool(candidate.__module__ == function.__module__)


def _source(target: Any) -> str:
    try:
        return inspect.getsource(target)
    except (OSError, TypeError):
        codes = [(f.__code__.co_code, repr(f.__code__.co_consts)) for f in _functions(target)]
        return repr(codes)


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
