"""A word on the command line becomes an experiment.

A user's experiment file is the only foreign code that kt-grid runs.
"""

import difflib
import importlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from kt_grid.errors import ExperimentError
from kt_grid.plan.experiments.base import REGISTRY, Experiment, experiment
from kt_grid.space.objective import Score

_USUAL_NAMES = ("experiment", "build_model", "build", "model")
_OURS = Path(__file__).parents[2]
# Python and what is installed. A file that AutoGraph generates is nobody's own either.
_INSTALLED = tuple(
    Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_GENERATED = ("<", "__autograph_generated_file")


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
    source, _, attribute = word.rpartition(":") if ":" in word else (word, "", "")
    if source.endswith(".py"):
        return _wrap(_load_file(Path(source)), attribute, Path(source).stem, source)
    if attribute:
        return _wrap(_import(source), attribute, attribute, source)
    near = difflib.get_close_matches(word, REGISTRY, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(REGISTRY)}"
    raise ExperimentError(
        f"Expected an experiment's name or a Python file. Received: {word!r}. {hint}"
    )


def fault_in_own_code(error: BaseException) -> str | None:
    """Tell a fault of the user's own code, with its location.

    Args:
        error: What was raised, with its traceback.

    Returns:
        Such as `in my_file.py, line 19, in build_model: NameError: …`; None if no code of the
        user's own took part, or if kt-grid's own code raised it.
    """
    kind = type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"in {_near(error.filename)}, line {error.lineno}: {kind}: {error.msg}"
    frames = [frame for frame in _frames(error) if _is_known(Path(frame.filename))]
    if not frames or _OURS in Path(frames[-1].filename).parents:
        return None
    where = frames[-1]
    function = "" if where.name == "<module>" else f", in {where.name}"
    return f"in {_near(where.filename)}, line {where.lineno}{function}: {kind}: {error}"


def _frames(error: BaseException) -> Iterator[traceback.FrameSummary]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        yield traceback.FrameSummary(code.co_filename, line, code.co_name, lookup_line=False)


def _is_known(path: Path) -> bool:
    """Whether a file is kt-grid's or the user's, rather than installed or generated."""
    if path.name.startswith(_GENERATED):
        return False
    return _OURS in path.parents or not any(folder in path.parents for folder in _INSTALLED)


def _near(filename: str) -> str:
    """A file's path, from the working directory where it is below it."""
    path = Path(filename)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def write_template(path: Path) -> None:
    """Write a commented example of an experiment to start from.

    Args:
        path: Where; it ends in `.py`.

    Raises:
        ExperimentError: If it doesn't, there is a file already, or it can't be written.
    """
    if path.suffix != ".py":
        raise ExperimentError(f"Expected a name that ends in .py. Received: {str(path)!r}")
    text = (Path(__file__).parent / "template.py").read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("my_file.py", path.name))
    except FileExistsError:
        raise ExperimentError(
            f"Expected no file at {path}. Received: one. It is left alone; choose another name"
        ) from None
    except OSError as error:
        raise ExperimentError(f"Expected to write {path}. Received: {error}") from error


def _load_file(path: Path) -> ModuleType:
    """Run a file as a module; modules beside it can be imported by it."""
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_experiment"
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ExperimentError(f"Expected a Python file at {path}. Received: no such file")
    module = importlib.util.module_from_spec(spec)
    if str(path.parent.resolve()) not in sys.path:
        sys.path.append(str(path.parent.resolve()))
    # Its classes must be found by their module's name when Keras saves and loads them.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _unloadable(str(path), error) from error
    return module


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _unloadable(f"a module {name!r}", error) from error


def _unloadable(what: str, error: BaseException) -> ExperimentError:
    told = fault_in_own_code(error) or f"{type(error).__name__}: {error}"
    return ExperimentError(f"Expected {what} to load. Received: {told}")


def _wrap(module: ModuleType, attribute: str, name: str, source: str) -> Experiment:
    """Make an experiment of what a module holds."""
    registered = _registered(module, attribute, source)
    word, found = ("", registered) if registered else _find(module, attribute, source)
    if isinstance(found, Experiment):
        return replace(found, source=source)
    if inspect.isclass(found):
        found = _instantiate(found, source)
    if not callable(found) and not hasattr(found, "build"):
        raise ExperimentError(
            f"Expected {source}:{word} to be build(hp) or a HyperModel. Received: {found!r}"
        )
    summary = (inspect.getdoc(found) or "").partition("\n")[0]
    scores = tuple(value for value in vars(module).values() if isinstance(value, Score))
    return Experiment(name, found, summary=summary, source=source, scores=scores)


def _registered(module: ModuleType, attribute: str, source: str) -> Experiment | None:
    """The experiment that the module made with `@kt_grid.experiment`."""
    own = [e for e in REGISTRY.values() if e.model.__module__ == module.__name__]
    if attribute:
        return next((e for e in own if e.model is getattr(module, attribute, None)), None)
    if len(own) > 1:
        names = ", ".join(f"{source}:{e.name}" for e in own)
        raise ExperimentError(f"Expected the name of one experiment: {names}. Received: {source}")
    return own[0] if own else None


def _find(module: ModuleType, attribute: str, source: str) -> tuple[str, Any]:
    """The named object of a module, or the one that has a usual name."""
    names = (attribute,) if attribute else _USUAL_NAMES
    for name in names:
        found = getattr(module, name, None)
        # A file that imports kt_grid.experiment has a name that isn't its own.
        if hasattr(module, name) and found is not experiment:
            return name, found
    raise ExperimentError(
        f"Expected {source} to define {' or '.join(names)}. Received: none of them. "
        f"Name it: {source}:my_function"
    )


def _instantiate(made: type, source: str) -> Any:
    try:
        return made()
    except Exception as error:
        told = fault_in_own_code(error) or f"{type(error).__name__}: {error}"
        raise ExperimentError(
            f"Expected {made.__name__}() in {source} to make a HyperModel without arguments. "
            f"Received: {told}"
        ) from error
