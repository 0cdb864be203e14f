"""Several searches side by side: what is best in each, and how sure that is."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from kt_grid.analysis.wording import figure, name
from kt_grid.report.base import Subject
from kt_grid.report.columns import Column, plain

SearchColumn: TypeAlias = Column[Subject]


def is_comparable(subjects: Sequence[Subject]) -> bool:
    """Tell whether the searches have the same data, splits and objective, as far as is known."""
    known = (subject.results.about.identity for subject in subjects)
    seen = {(identity.data, identity.splits, identity.objective) for identity in known}
    return len(seen) <= 1


def compare_note(subjects: Sequence[Subject]) -> str:
    """Say whether the means of several searches can be compared."""
    if is_comparable(subjects):
        return "All on the same rows, folds and objective, so that means compare across searches."
    return "Not all on the same rows, folds and objective: means don't compare across searches."


def headlines(subjects: Sequence[Subject]) -> list[str]:
    """Return what each search shows, and whether they can be compared."""
    found = [f"{s.results.experiment}: {s.verdict.headline}" for s in subjects]
    return [*found, compare_note(subjects)]


def summary(subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    """Sum up each search: the same names in each row, None for what isn't known."""
    return [{column.name: column.value(subject) for column in SUMMARY} for subject in subjects]


def summary_columns(subjects: Sequence[Subject]) -> list[SearchColumn]:
    """Return the columns that say something of one of the searches at least.

    The objective does where there are several.
    """
    objectives = {subject.results.objective.name for subject in subjects}
    shown = [c for c in SUMMARY if c is not _OBJECTIVE or len(objectives) > 1]
    return [c for c in shown if any(c.value(subject) is not None for subject in subjects)]


def summary_cells(subjects: Sequence[Subject]) -> list[list[str]]:
    """Return head and rows of a table of searches."""
    columns = summary_columns(subjects)
    shown = [[column.text(subject) for column in columns] for subject in subjects]
    return [[column.heading for column in columns], *shown]


def _of_best(value: Callable[[Any], Any]) -> Callable[[Subject], Any]:
    return lambda subject: subject.analysis.best and value(subject.analysis.best)


def _of_baseline(value: Callable[[Any], Any]) -> Callable[[Subject], Any]:
    return lambda subject: subject.analysis.baseline and value(subject.analysis.baseline)


def _if_compared(value: Callable[[Subject], int]) -> Callable[[Subject], int | None]:
    return lambda subject: None if subject.verdict.kind == "unknown" else value(subject)


def _simplest(subject: Subject) -> str | None:
    simplest = subject.analysis.simplest
    return None if simplest is None else name(simplest.trial.parameters)


def _their(value: Callable[[Any], Any]) -> Callable[[Subject], Any]:
    return lambda subject: subject.published_best and value(subject.published_best)


def _significantly(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "not significantly"


def _word(
    key: str,
    value: Callable[[Subject], Any],
    show: Callable[[Any], str] = plain,
    *,
    matters: bool = False,
) -> SearchColumn:
    return Column(key, value, show, title=key.replace("_", " "), kind="word", matters=matters)


def _score(key: str, value: Callable[[Subject], Any], *, matters: bool = False) -> SearchColumn:
    return Column(key, value, figure, title=key.replace("_", " "), matters=matters)


_OBJECTIVE = _word("objective", lambda subject: subject.results.objective.name, matters=True)
SUMMARY: tuple[SearchColumn, ...] = (
    _word("experiment", lambda subject: subject.results.experiment, matters=True),
    _word("finished", lambda subject: subject.results.finished),
    _word("combinations", lambda subject: subject.results.total),
    _word("best", _of_best(lambda best: name(best.trial.parameters)), matters=True),
    _OBJECTIVE,
    _score("mean", _of_best(lambda best: best.trial.mean), matters=True),
    _score("std", _of_best(lambda best: best.trial.std)),
    _score("standard_error", _of_best(lambda best: best.error)),
    _word("tied", _if_compared(lambda subject: len(subject.analysis.contenders) - 1)),
    _word("others", _if_compared(lambda subject: len(subject.analysis.compared) - 1)),
    _word("simplest", _simplest),
    _score("baseline", _of_baseline(lambda baseline: baseline.mean)),
    _word("beats_baseline", _of_baseline(lambda baseline: baseline.is_beaten), _significantly),
    _word("published_best", _their(lambda theirs: name(theirs[0]))),
    _score("published_mean", _their(lambda theirs: theirs[1])),
    _score("published_std", _their(lambda theirs: theirs[2])),
)
