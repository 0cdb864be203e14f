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

from kt_grid.backend import precision
from kt_grid.data import digest
from kt_grid.folds import Split, Splitter, count_repeats, splits_digest
from kt_grid.objective import Extras, Objective
from kt_grid.space import Grids, as_json, check_grid

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
    extras: Extras | None = None,
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
        extras: What is wanted of each fold beyond the model's own metrics; a fold that was
            trained without it lacks it.

    Returns:
        Plain JSON values.
    """
    folds = len(splits) // count_repeats(cv)
    return {
        "objective": str(objective),
        "cv": repr(cv),
        "folds": len(splits),
        "rows": len(arrays[0]),
        "data": digest(*(np.asarray(array) for array in arrays)),
        "splits": [
            "{}.{}: {}".format(*divmod(number, folds), splits_digest([split]))
            for number, split in enumerate(splits)
        ],
        **_describe(extras or Extras()),
        **_precision(),
        "seed": seed,
        "fit": dict(fit),
        "model source": model_source,
        "engine": engine,
    }


def _precision() -> dict[str, str]:
    """Keras's dtype policy, if it isn't the usual one."""
    name = precision()
    return {} if name == "float32" else {"precision": name}


def _describe(extras: Extras) -> dict[str, Any]:
    """What is wanted of each fold; nothing where nothing is, so that it may be left out later."""
    scores = {str(score.objective): _function_digest(score.function) for score in extras.scores}
    wanted = {
        "scores": scores,
        "train_scores": extras.train_scores,
        "predictions": extras.predictions,
    }
    return {name: value for name, value in wanted.items() if value}


def _function_digest(function: Any) -> str:
    """Hash a function's source; its name has to do where it isn't written in Python."""
    if isinstance(function, FunctionType | MethodType | functools.partial):
        return source_digest(function)
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def asked(grid: Grids) -> Any:
    """Describe the axes asked for by plain JSON values: a dict, or a list of dicts.

    Args:
        grid: Values by axis, or a list of such dicts.

    Returns:
        Lists by axis, or a list of such dicts.
    """
    parts = [{name: as_json(v) for name, v in part.items()} for part in check_grid(grid)]
    return parts if len(parts) > 1 else parts[0]


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
