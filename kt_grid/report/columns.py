"""Every figure of a trial: its name, how it is written, and which format shows it where.

A figure is declared once. `LAYOUTS` lists those that a format shows, in its order; what belongs to
an axis, a fold or the published figures is declared by a function, since each search has its own.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from kt_grid.analysis.comparison import Standing, TrialAnalysis
from kt_grid.analysis.wording import chance, figure
from kt_grid.report.base import Subject
from kt_grid.space import Value, axis_names
from kt_grid.store.results import TrialResult

Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Row:
    """A trial of a search that is reported.

    Attributes:
        subject: The search.
        trial: The trial.
    """

    subject: Subject
    trial: TrialResult

    @property
    def known(self) -> TrialAnalysis | None:
        """What the statistics say of it; None unless it is completed."""
        return self.subject.analysis.by_id.get(self.trial.trial_id)

    @property
    def standing(self) -> Standing | None:
        """How it stands to the best; None if that can't be said."""
        return None if self.known is None else self.subject.analysis.standing(self.known)


def plain(value: object) -> str:
    """Write a value as it is; nothing for None."""
    return "" if value is None else str(value)


def number(spec: str) -> Callable[[float | None], str]:
    """Make a function that writes numbers in a format; nothing for None."""
    return lambda value: "" if value is None else f"{value:{spec}}"


def _always(_: Subject) -> bool:
    return True


@dataclass(frozen=True)
class Column(Generic[Shown]):
    """One figure of whatever a table has a row for.

    Attributes:
        name: Its key in JSON.
        value: Finds it; None where there is none.
        show: How it is written for people.
        title: What people read above it; its name if nothing else is said.
        short: The same where room is scarce; the title if nothing else is said.
        csv: Its name in CSV; that in JSON if nothing else is said.
        kind: A CSS class: "" for numbers, "fold" for those of a fold, else "word" or "reason".
        matters: Whether a small screen shows it at first.
        about: What it is, in a few words.
        optional: Whether JSON leaves it out where there is none.
        when: Whether it says something of a search. Programs get it all the same, or columns would
            come and go.
    """

    name: str
    value: Callable[[Shown], Any]
    show: Callable[[Any], str] = plain
    title: str = ""
    short: str = ""
    csv: str = ""
    kind: str = ""
    matters: bool = False
    about: str = ""
    optional: bool = False
    when: Callable[[Subject], bool] = _always

    @property
    def heading(self) -> str:
        """What people read above it."""
        return self.title or self.name

    @property
    def short_heading(self) -> str:
        """The same where room is scarce."""
        return self.short or self.heading

    def text(self, row: Shown) -> str:
        """Write the figure of a row for people."""
        return self.show(self.value(row))


TrialColumn: TypeAlias = Column[Row]


def trial_columns(layout: str, subject: Subject) -> list[TrialColumn]:
    """Return the figures that a format shows of a search's trials, in its order."""
    found: list[TrialColumn] = []
    for entry in LAYOUTS[layout]:
        columns = [entry] if isinstance(entry, Column) else entry(subject)
        found += [column for column in columns if layout in PROGRAMS or column.when(subject)]
    return found


def rows(subject: Subject) -> list[Row]:
    """Return the trials begun, in grid order."""
    return [Row(subject, trial) for trial in subject.results.trials]


def ranked(subject: Subject) -> list[Row]:
    """Return the trials begun, the best first; those without a rank last, in grid order."""
    return sorted(rows(subject), key=lambda row: (row.trial.rank is None, row.trial.rank or 0))


def _has_repeats(subject: Subject) -> bool:
    return subject.results.repeats > 1


def _stops_early(subject: Subject) -> bool:
    return subject.results.stops_early


def _has_reasons(subject: Subject) -> bool:
    return bool(subject.results.failed or subject.results.given_up)


def _axes(subject: Subject) -> Iterable[TrialColumn]:
    for name in axis_names(subject.results.axes):
        yield Column(
            name,
            partial(_chosen, name),
            show=str,
            csv=f"param_{name}",
            kind="word",
            matters=True,
        )


def _chosen(axis: str, row: Row) -> Value:
    # None may be a value; where a conditional axis doesn't count there is none.
    return row.trial.parameters.get(axis, "")


def _folds(subject: Subject) -> Iterable[TrialColumn]:
    for split in range(subject.results.splits):
        value = partial(_score, split)
        yield Column(f"fold {split}", value, figure, csv=f"split{split}_test_score", kind="fold")


def _score(split: int, row: Row) -> float | None:
    return row.trial.fold_scores(row.subject.results.splits)[split]


def _published(subject: Subject) -> Iterable[TrialColumn]:
    if subject.published:
        for index, (name, title) in enumerate([("mean", "published"), ("std", "published std")]):
            yield Column(f"published_{name}", partial(_their, index), figure, title)


def _their(index: int, row: Row) -> float | None:
    theirs = row.subject.published_of(row.trial)
    return None if theirs is None else theirs[index]


def _published_pair(row: Row) -> dict[str, float] | None:
    theirs = row.subject.published_of(row.trial)
    return None if theirs is None else {"mean": theirs[0], "std": theirs[1]}


def _why(row: Row) -> str | None:
    # Records have another word for it than people.
    return row.trial.reason and re.sub("^given up", "pruned", row.trial.reason)


def _mean_epochs(row: Row) -> float | None:
    epochs = row.trial.epochs
    return sum(epochs) / len(epochs) if epochs else None


_TRIAL_ID: TrialColumn = Column("trial_id", lambda row: row.trial.trial_id)
_STATUS: TrialColumn = Column("status", lambda row: row.trial.status)
_PARAMETERS: TrialColumn = Column("parameters", lambda row: row.trial.parameters)
_SCORES: TrialColumn = Column("scores", lambda row: list(row.trial.scores))
_PARTIAL: TrialColumn = Column(
    "partial_scores", lambda row: list(row.trial.partial_scores), optional=True
)
_MEAN: TrialColumn = Column(
    "mean",
    lambda row: row.trial.mean,
    figure,
    csv="mean_test_score",
    matters=True,
    about="mean over the folds",
)
_STD: TrialColumn = Column(
    "std",
    lambda row: row.trial.std,
    figure,
    csv="std_test_score",
    about="standard deviation over the folds, ddof=0",
)
_RANK: TrialColumn = Column(
    "rank", lambda row: row.trial.rank, csv="rank_test_score", kind="word", matters=True
)
# Where there is room for one of them only: the rank, or why there is none.
_RANK_OR_STATUS: TrialColumn = Column(
    "rank", lambda row: row.trial.standing if row.trial.rank is None else row.trial.rank
)
_STANDING: TrialColumn = Column("standing", lambda row: row.standing)
_STANDING_OR_STATUS: TrialColumn = Column(
    "standing",
    lambda row: row.trial.standing if row.known is None else row.standing,
    kind="word",
)
_ERROR: TrialColumn = Column(
    "standard_error",
    lambda row: row.known and row.known.error,
    figure,
    title="standard error",
    short="error",
    about="standard error of the mean, were the rows others",
)
_BEHIND: TrialColumn = Column(
    "behind_best",
    lambda row: row.known and row.known.behind,
    figure,
    title="behind",
    about="by how much the mean is worse than the best one",
)
_P: TrialColumn = Column(
    "p_value",
    lambda row: row.known and row.known.p,
    chance,
    title="p",
    about="of being the best in truth, corrected for the number of combinations",
)
_FOLD_VARIANCE: TrialColumn = Column(
    "fold_variance",
    lambda row: row.known and row.known.fold_variance,
    number(".2e"),
    title="fold variance",
    when=_has_repeats,
)
_SEED_VARIANCE: TrialColumn = Column(
    "seed_variance",
    lambda row: row.known and row.known.seed_variance,
    number(".2e"),
    title="seed variance",
    when=_has_repeats,
)
_EPOCHS: TrialColumn = Column("epochs", lambda row: list(row.trial.epochs))
_MEAN_EPOCHS: TrialColumn = Column("mean_epochs", _mean_epochs)
_EPOCHS_TRAINED: TrialColumn = Column(
    "epochs",
    lambda row: " ".join(map(str, row.trial.epochs)),
    title="epochs trained",
    kind="word",
    when=_stops_early,
)
_WEIGHTS: TrialColumn = Column(
    "weights",
    lambda row: row.trial.weights,
    number(",d"),
    about="numbers that the model consists of",
)
_STEPS: TrialColumn = Column(
    "steps", lambda row: row.trial.steps, number(",d"), about="optimizer steps of all trainings"
)
_SECONDS: TrialColumn = Column(
    "fit_seconds",
    lambda row: row.trial.fit_seconds,
    number(".1f"),
    title="seconds",
    about="wall time of all trainings",
)
_MEAN_FIT_TIME: TrialColumn = Column("mean_fit_time", lambda row: row.trial.fit_time[0])
_STD_FIT_TIME: TrialColumn = Column("std_fit_time", lambda row: row.trial.fit_time[1])
_REASON: TrialColumn = Column("reason", lambda row: row.trial.reason, optional=True)
_WHY: TrialColumn = Column("reason", _why, kind="reason", matters=True, when=_has_reasons)
_PUBLISHED: TrialColumn = Column("published", _published_pair, optional=True)

PROGRAMS = ("csv", "json", "frame", "scalars")
Layout: TypeAlias = tuple[TrialColumn | Callable[[Subject], Iterable[TrialColumn]], ...]
LAYOUTS: Mapping[str, Layout] = {
    "table": (
        *(_RANK_OR_STATUS, _axes, _MEAN, _STD, _folds, _ERROR, _P, _STANDING, _EPOCHS_TRAINED),
        *(_published, _WHY),
    ),
    "notebook": (
        *(_RANK_OR_STATUS, _axes, _MEAN, _STD, _ERROR, _P, _STANDING, _EPOCHS_TRAINED, _WHY),
    ),
    "page": (
        *(_RANK, _axes, _STANDING_OR_STATUS, _WHY, _MEAN, _STD, _ERROR, _BEHIND, _P, _folds),
        *(_FOLD_VARIANCE, _SEED_VARIANCE, _EPOCHS_TRAINED, _WEIGHTS, _STEPS, _SECONDS),
        _published,
    ),
    "csv": (
        *(_TRIAL_ID, _STATUS, _axes, _folds, _MEAN, _STD, _RANK, _MEAN_FIT_TIME, _STD_FIT_TIME),
        *(
            _WEIGHTS,
            _STEPS,
            _MEAN_EPOCHS,
            _ERROR,
            _BEHIND,
            _P,
            _STANDING,
            _FOLD_VARIANCE,
            _SEED_VARIANCE,
        ),
        _published,
    ),
    "json": (
        *(_TRIAL_ID, _PARAMETERS, _STATUS, _SCORES, _MEAN, _STD, _RANK, _SECONDS, _WEIGHTS),
        *(_STEPS, _EPOCHS, _ERROR, _BEHIND, _P, _STANDING, _FOLD_VARIANCE, _SEED_VARIANCE),
        *(_PARTIAL, _REASON, _PUBLISHED),
    ),
    # What a DataFrame has beside scikit-learn's columns.
    "frame": (_ERROR, _P, _STANDING, _REASON),
    # The scalars of a session.
    "scalars": (_MEAN, _STD, _ERROR, _BEHIND, _P, _SECONDS, _WEIGHTS, _STEPS),
}
