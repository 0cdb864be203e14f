"""Every exception that kt-grid raises on purpose.

    KtGridError
    ├── UsageError            an argument that can't be meant (exit status 2)
    │   ├── ExperimentError   no such experiment, or one that can't be loaded
    │   ├── GridError         an axis, a value or a `--grid` word
    │   │   └── NewEntryError a hyperparameter that a build asks for and that isn't listed
    │   ├── ObjectiveError    an objective whose direction isn't known
    │   └── SplitError        folds that can't be made of these rows
    ├── DataError             a table of numbers that isn't one
    ├── StoreError            a search directory that can't be read or written
    │   ├── MismatchError     a directory that holds another search
    │   ├── DamageError       a file in it that isn't whole
    │   └── LockedError       a directory in which somebody else is at work
    ├── EngineError           an engine that can't train this model
    ├── WorkerError           a worker process or a cluster that can't be used any more
    │   ├── WorkerDiedError   a worker process that ended in the middle of its work
    │   └── WorkerSlowError   a worker process that took longer than it was given
    ├── SearchFailedError     a search of which no trial could be completed
    ├── UnforeseenAxisError   a hyperparameter that a trial's training asks for and that it hasn't
    └── PredictionError       nothing to predict with, or not on these columns

Each message has the form `Expected X. Received: Y`, names the place, and ends with the mend. Where
that reads otherwise in Python and on the command line, the error carries both.
"""

import re
import sysconfig
import traceback
from functools import cache
from pathlib import Path
from typing import Any, Self

# Lines of Keras and TensorFlow above and below the one that says what is wrong.
_HEADINGS = ("Exception encountered when calling", "Graph execution error", "Detected at node")
_ASIDES = ("Detected at node", "File ", "<stack traces", "[[{{node", "Stack trace for op")
_ARGUMENTS = re.compile(r"^(Arguments received by|Call arguments received by)", re.MULTILINE)
# What a machine lacked may be there another time.
_PASSING = re.compile(
    r"(^|: )(WorkerDiedError|WorkerSlowError|MemoryError|ResourceExhaustedError)(:|$)"
)
# What Keras says before the cause of an error in a layer's `call`.
_BEFORE = re.compile(r".*Error encountered:\n+(?=.)", re.DOTALL)
_STYLES = re.compile(r"\x1b\[[0-9;]*m")


class KtGridError(Exception):
    """Base of all exceptions of kt-grid.

    Args:
        message: What was expected and what came; and the mend, if it reads alike everywhere.
        mend: What mends it, in Python's words, such as `overwrite=True`.
        option: The same in those of the command line, such as `--overwrite`; `mend` by default.

    Attributes:
        on_command_line: The whole message as the command line words it; `str` is Python's.
    """

    def __init__(self, message: str = "", *, mend: str = "", option: str = "") -> None:
        super().__init__(f"{message} {mend}".rstrip())
        self.on_command_line = f"{message} {option or mend}".rstrip()


class KtGridWarning(UserWarning):
    """A note on a search that is otherwise silent; see the observers of `kt_grid.search`."""


class UsageError(KtGridError, ValueError):
    """An argument that can't be meant."""


class ExperimentError(UsageError):
    """An experiment that doesn't exist or can't be loaded."""


class GridError(UsageError):
    """A grid axis, a grid value or a `--grid` word that can't be searched."""


class NewEntryError(GridError):
    """A hyperparameter that a build asks for and that nobody listed, where that isn't allowed."""


class ObjectiveError(UsageError):
    """An objective that isn't known, or whose direction isn't."""


class SplitError(UsageError):
    """Folds that can't be made of the rows at hand."""


class DataError(KtGridError, ValueError):
    """A data file that isn't a complete table of finite numbers."""


class StoreError(KtGridError, OSError):
    """A search directory that can't be read or written."""


class MismatchError(StoreError):
    """A search directory that holds the results of another search."""


class DamageError(StoreError):
    """A file of a search that isn't whole, and that can't be worked out again."""


class LockedError(StoreError):
    """A search directory in which another run is at work."""


class EngineError(KtGridError, ValueError):
    """An engine that can't train this model as it is meant."""


class WorkerError(KtGridError, RuntimeError):
    """A worker process or a cluster that can't be used any more."""


class WorkerDiedError(WorkerError):
    """A worker process that ended in the middle of its work.

    Args:
        message: What happened.
        times: How many workers did so at the same work, one after the other.
    """

    def __init__(self, message: str, times: int = 1) -> None:
        super().__init__(message)
        self.times = times


class WorkerSlowError(WorkerError):
    """A worker process that took longer than it was given."""


class UnforeseenAxisError(KtGridError):
    """A hyperparameter that a training asks for and that the trial's parameters don't have.

    It asks the caller to take the axis up and to begin the trial anew.

    Args:
        name: The hyperparameter.
        values: The values that its declaration offers.
        default: Its default.
    """

    def __init__(self, name: str, values: tuple[Any, ...], default: Any) -> None:
        super().__init__(
            f"Expected the trial's own hyperparameters. Received: {name!r}, which offers "
            f"{', '.join(map(repr, values))}"
        )
        self.name, self.values, self.default = name, values, default

    def __reduce__(self) -> tuple[type[Self], tuple[str, tuple[Any, ...], Any]]:
        return type(self), (self.name, self.values, self.default)


class SearchFailedError(KtGridError):
    """No trial of a search could be completed."""


class PredictionError(KtGridError, ValueError):
    """No trained model to predict with, or data that doesn't fit it."""


def printable(text: str) -> str:
    """Return a text on one line that can't do anything to a terminal.

    Args:
        text: Any text.

    Returns:
        The same with control characters in Python's spelling.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def describe_error(error: BaseException) -> str:
    r"""Say in one line what somebody's code raised: where, of what kind, and why.

    Args:
        error: An exception that was caught.

    Returns:
        Its kind and cause, after the location in the user's own file if it comes from there.

    Example:
        >>> describe_error(ValueError("Graph execution error:\n\nIn[0]: [8,3], In[1]: [4,1]"))
        'ValueError: In[0]: [8,3], In[1]: [4,1]'
    """
    said = f"{type(error).__name__}: {_cause(str(error))}".removesuffix(": ")
    location = None if isinstance(error, KtGridError) else _own_location(error)
    return f"in {location}: {said}" if location else said


def may_succeed_again(reason: str) -> bool:
    """Tell whether a trial failed for want of time, memory or a worker, not by its own numbers.

    Args:
        reason: Why it failed, as `describe_error` says it.

    Example:
        >>> may_succeed_again("in my.py, line 3, in build: MemoryError")
        True
    """
    return _PASSING.search(reason.partition("\n")[0]) is not None


def _cause(text: str) -> str:
    """The line that says what is wrong, which stands below a heading where there is one."""
    plain = _BEFORE.sub("", _STYLES.sub("", text)).strip()
    first_line = plain.partition("\n")[0].strip()
    if not first_line.startswith(_HEADINGS):
        return first_line
    lines = [line.strip() for line in _ARGUMENTS.split(plain)[0].splitlines()]
    telling = [line for line in lines if line and not line.startswith((*_HEADINGS, *_ASIDES))]
    if not telling:
        return first_line
    # The innermost layer is called last; below TensorFlow's heading come other operations first.
    return telling[-1] if first_line.startswith("Graph") else telling[0]


def _own_location(error: BaseException) -> str | None:
    """The file, line and function of the user's own that an error passed through last."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_own(frame.filename):
            return f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
    return None


def _is_own(file: str) -> bool:
    """Whether a file is neither installed nor part of kt-grid."""
    name = Path(file).name
    if name.startswith(("<frozen", "<__array", "__autograph_generated")):
        return False
    return not any(Path(file).is_relative_to(folder) for folder in _installed())


@cache
def _installed() -> list[Path]:
    names = ("stdlib", "platstdlib", "platlib", "purelib")
    return [Path(__file__).parent, *(Path(sysconfig.get_path(name)) for name in names)]
