"""The tutorial's own lines."""

from collections.abc import Sequence

from kt_grid.errors import printable
from kt_grid.report.base import Subject, TextFormat
from kt_grid.store.results import COMPLETED, FAILED, STOPPED, SearchResults, TrialResult

_NAN = float("nan")


def render_verdict(results: SearchResults) -> str:
    """Render what the results mean, in plain words: one line per finding."""
    return "".join(f"{line}\n" for line in Subject(results).verdict.lines())


def _lines(subject: Subject) -> str:
    """A trial without a mean shows as nan, as in scikit-learn; nothing if no trial has ended."""
    best = subject.results.best
    lines = [] if best is None else [f"Best: {best.mean:f} using {best.parameters}"]
    for trial in subject.results.trials:
        if trial.status in (COMPLETED, FAILED, STOPPED):
            mean, std = (_NAN, _NAN) if trial.mean is None else (trial.mean, trial.std)
            theirs = subject.published_of(trial)
            beside = f"  published: {theirs[0]:f} ({theirs[1]:f})" if theirs else ""
            lines.append(f"{mean:f} ({std:f}) with: {trial.parameters!r}{beside}{_why(trial)}")
    return "".join(f"{line}\n" for line in lines)


def _why(trial: TrialResult) -> str:
    """Why a trial has no mean."""
    if trial.status == FAILED:
        return f"  failed: {printable(trial.reason)}" if trial.reason else "  failed"
    folds = [score is not None for score in trial.partial_scores]
    return f"  pruned after {sum(folds)} of {len(folds)} folds" if folds else ""


def _blocks(subjects: Sequence[Subject]) -> str:
    # As the runs of several searches print them, where no published figures stand beside ours.
    parts = [f"# {s.results.experiment}\n{_lines(Subject(s.results))}" for s in subjects]
    return "\n".join(parts)


TEXT = TextFormat("text", _lines, _blocks)
