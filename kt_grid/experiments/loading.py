"""A word on the command line becomes an experiment.

A user's experiment file is the only foreign code that kt-grid runs.
"""

import difflib
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from kt_grid.errors import ExperimentError
from kt_grid.experiments.base import REGISTRY, Experiment

_USUAL_NAMES = ("experiment", "build_model", "build", "model")


def load_experiment(word: str) -> Experiment:
    """Find the experiment that a word names.

    Args:
        word: A registered name, `my_file.py`, `my_file.py:build_model` or `package.module:Name`.

    Returns:
        The experiment.

    Raises:
        ExperimentError: If there is none, or it can't be loaded.
    """
    if word in REGISTRY:
        return REGISTRY[word]
    place, _, attribute = word.rpartition(":") if ":" in word else (word, "", "")
    if place.endswith(".py"):
        return _wrap(_load_file(Path(place)), attribute, Path(place).stem, place)
    if attribute:
        return _wrap(_import(place), attribute, attribute, place)
    near = difflib.get_close_matches(word, REGISTRY, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(REGISTRY)}"
    raise ExperimentError(
        f"Expected an experiment's name or a Python file. Received: {word!r}. {hint}"
    )


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ExperimentError(f"Expected a Python file at {path}. Received: no such file")
    module = importlib.util.module_from_spec(spec)
    # Its classes must be importable by name, for Keras to save and load them.
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ExperimentError(
            f"Expected {path} to run. Received: {type(error).__name__}: {error}"
        ) from error
    return module


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise ExperimentError(
            f"Expected a module {name!r}. Received: {type(error).__name__}: {error}"
        ) from error


def _wrap(module: ModuleType, attribute: str, name: str, place: str) -> Experiment:
    """Make an experiment of what a module holds."""
    found = _find(module, attribute, place)
    if isinstance(found, Experiment):
        return found
    if inspect.isclass(found):
        found = found()
    if not callable(found) and not hasattr(found, "build"):
        raise ExperimentError(
            f"Expected {place}:{attribute} to be build(hp) or a HyperModel. Received: {found!r}"
        )
    summary = (inspect.getdoc(found) or "").partition("\n")[0]
    return Experiment(name, found, summary=summary, source=place)


def _find(module: ModuleType, attribute: str, place: str) -> Any:
    names = (attribute,) if attribute else _USUAL_NAMES
    for name in names:
        if hasattr(module, name):
            return getattr(module, name)
    raise ExperimentError(
        f"Expected {place} to define {' or '.join(names)}. Received: none of them. "
        f"Name it: {place}:my_function"
    )
