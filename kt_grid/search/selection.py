"""Which trial of a search is meant: the best, the simplest, one by its id or by its parameters."""

import difflib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kt_grid.analysis.comparison import analyse
from kt_grid.errors import PredictionError, UsageError
from kt_grid.space import axis_names
from kt_grid.store.directory import SearchStore
from kt_grid.store.results import COMPLETED, SearchResults, TrialResult

SIMPLEST = "simplest"
_LISTED = 10
# Where the command line keeps searches unless it is told otherwise.
_USUAL_DIRECTORY = "runs"


def parse_trial(words: Sequence[str]) -> str | dict[str, str] | None:
    """Read `--trial` words.

    Args:
        words: An id or `simplest`, alone; or words of the form `AXIS=VALUE`.

    Returns:
        What `find_trial` takes; None without words.

    Raises:
        UsageError: If they can't be meant together.

    Example:
        >>> parse_trial(["units=5", "rate=0.1"])
        {'units': '5', 'rate': '0.1'}
    """
    if not words:
        return None
    if len(words) == 1 and "=" not in words[0]:
        return words[0]
    parameters: dict[str, str] = {}
    for word in words:
        axis, equals, value = (part.strip() for part in word.partition("="))
        if not equals or not axis or axis in parameters:
            raise UsageError(
                f"Expected --trial ID, --trial {SIMPLEST}, or --trial AXIS=VALUE once for each "
                f"axis. Received: {' '.join(words)}"
            )
        parameters[axis] = value
    return parameters


def find_trial(results: SearchResults, wanted: Any = None) -> TrialResult:
    """Find a completed trial of a search.

    Args:
        results: The search.
        wanted: None for the best; "simplest" for the one with the fewest weights within one
            standard error of it; an id, such as 3 or "0003", or anything with a `trial_id`; or
            parameters by name, of which the best trial with these values is taken.

    Returns:
        The trial.

    Raises:
        PredictionError: If there is none, or it isn't completed.
        UsageError: If no axis has such a name, or the trial can't be meant.
    """
    best = results.best
    if best is None:
        raise PredictionError(
            f"Expected a completed trial of {results.experiment}. Received: none. Search first"
        )
    if wanted is None:
        return best
    if isinstance(wanted, Mapping):
        return _with_parameters(results, wanted)
    if wanted == SIMPLEST:
        simplest = analyse(results).simplest
        # Without a standard error nothing says what is as good.
        return best if simplest is None else simplest.trial
    return _with_id(results, getattr(wanted, "trial_id", wanted))


def _with_id(results: SearchResults, wanted: Any) -> TrialResult:
    word = str(wanted).removeprefix("trial_")
    for trial in results.trials:
        # 3 is 0003.
        if trial.trial_id == word or (word.isdecimal() and trial.trial_id == f"{int(word):04d}"):
            return _completed(trial)
    known = [trial.trial_id for trial in results.completed]
    more = ", …" if len(known) > _LISTED else ""
    raise UsageError(
        f"Expected a trial of {results.experiment}: {', '.join(known[:_LISTED])}{more}; or "
        f"{SIMPLEST}, or AXIS=VALUE. Received: {word!r}"
    )


def _with_parameters(results: SearchResults, wanted: Mapping[str, Any]) -> TrialResult:
    names = axis_names(results.axes)
    for name in wanted:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise UsageError(
                f"Expected an axis of {results.experiment}: {', '.join(names)}. "
                f"Received: {name!r}{hint}"
            )
    matching = [trial for trial in results.trials if _has(trial, wanted)]
    completed = [trial for trial in matching if trial.status == COMPLETED]
    if completed:
        return min(completed, key=lambda trial: trial.rank or 0)
    if matching:
        return _completed(matching[0])
    given = " ".join(f"{name}={value}" for name, value in wanted.items())
    known = "; ".join(
        f"{axis.name}={','.join(map(str, axis.values[:_LISTED]))}"
        for axis in results.axes
        if axis.name in wanted
    )
    raise UsageError(f"Expected a trial of the grid: {known}. Received: {given}")


def _has(trial: TrialResult, wanted: Mapping[str, Any]) -> bool:
    return all(
        name in trial.parameters and _is(trial.parameters[name], value)
        for name, value in wanted.items()
    )


def _is(value: Any, wanted: Any) -> bool:
    """Whether a parameter has a value, which may be a word of the command line."""
    if isinstance(wanted, list):
        wanted = tuple(wanted)
    if not isinstance(wanted, str) or isinstance(value, str):
        return bool(value == wanted)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).lower() == wanted.lower()
    try:
        return float(wanted) == value
    except ValueError:
        return False


def _completed(trial: TrialResult) -> TrialResult:
    if trial.status != COMPLETED:
        reason = f": {trial.reason}" if trial.reason else ""
        raise PredictionError(
            f"Expected a completed trial. Received: trial {trial.trial_id} {trial.parameters}, "
            f"which is {trial.standing}{reason}"
        )
    return trial


def refit_command(store: SearchStore, trial: Sequence[str]) -> str | None:
    """Write the command line that trains a trial of a search on all rows.

    Args:
        store: The search's directory.
        trial: What `--trial` says of it.

    Returns:
        The line, with the file that builds the models, if that is the user's own; None for a
        search that was made in Python.
    """
    record = store.peek_record()
    origin = record.origin if record else None
    try:
        *_, word = shlex.split(origin.command if origin and origin.command else "")[:3]
    except ValueError:
        return None
    place, _, attribute = word.partition(":")
    own = origin is not None and origin.file is not None
    named = (
        [] if (attribute or Path(place).stem) == store.root.name else ["--name", store.root.name]
    )
    words = [word, *named] if own else [store.root.name]
    words += [part for value in trial for part in ("--trial", value)]
    if store.root.parent.resolve() != Path(_USUAL_DIRECTORY).resolve():
        words += ["--directory", str(store.root.parent)]
    return shlex.join(["kt-grid", "refit", *words])
