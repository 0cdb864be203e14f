"""Results become text, a table, Markdown, CSV or JSON."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from kt_grid.errors import UsageError
from kt_grid.observer import printable
from kt_grid.published import Published
from kt_grid.results import COMPLETED, FAILED, SearchResults, TrialResult
from kt_grid.space import Value, key

Cells: TypeAlias = list[list[str]]

_NAN = float("nan")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_MARKUP = re.compile(r"([\\|`*\[\]!~]|\b_|_\b)")


def render(results: SearchResults, style: str = "text", published: Published | None = None) -> str:
    """Render the results of a search.

    Args:
        results: The results, finished or not.
        style: One of `FORMATS`.
        published: The tutorial's figures by parameters, to stand beside ours.

    Returns:
        Text that ends with a line break.

    Raises:
        UsageError: If there is no such format.
    """
    if style not in FORMATS:
        raise UsageError(f"Expected --format to be one of {', '.join(FORMATS)}. Received: {style}")
    return FORMATS[style](results, published or {})


def _text(results: SearchResults, published: Published) -> str:
    """The tutorial's own lines; a failed trial shows as nan, as in scikit-learn."""
    lines = []
    if results.best is not None:
        lines.append(f"Best: {results.best.mean:f} using {results.best.parameters}")
    for trial in [t for t in results.trials if t.status in (COMPLETED, FAILED)]:
        mean, std = (_NAN, _NAN) if trial.mean is None else (trial.mean, trial.std)
        theirs = published.get(key(trial.parameters))
        beside = f"  published: {theirs[0]:f} ({theirs[1]:f})" if theirs else ""
        lines.append(f"{mean:f} ({std:f}) with: {trial.parameters!r}{beside}")
    return "".join(f"{line}\n" for line in lines)


def _cells(results: SearchResults, published: Published) -> Cells:
    """Header and rows that the table and the Markdown show."""
    names = [axis.name for axis in results.axes]
    head = ["rank", *names, "mean", "std", *(f"fold {i}" for i in range(results.splits))]
    rows = [head + (["published", "std "] if published else [])]
    for trial in results.trials:
        theirs = published.get(key(trial.parameters), (None, None))
        rows.append(
            [
                trial.status.lower() if trial.rank is None else str(trial.rank),
                *(_word(trial.parameters.get(name)) for name in names),
                *(_figure(value) for value in (trial.mean, trial.std)),
                *(_figure(score) for score in _scores(trial, results.splits)),
                *([_figure(value) for value in theirs] if published else []),
            ]
        )
    return rows


def _table(results: SearchResults, published: Published) -> str:
    rows = [[printable(cell) for cell in row] for row in _cells(results, published)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "".join(f"{line}\n" for line in lines)


def _markdown(results: SearchResults, published: Published) -> str:
    rows = [[_escaped(cell) for cell in row] for row in _cells(results, published)]
    rule = ["---:"] * len(rows[0])
    return "".join(f"| {' | '.join(row)} |\n" for row in [rows[0], rule, *rows[1:]])


def _csv(results: SearchResults, published: Published) -> str:
    rows = [_record(trial, results, published) for trial in results.trials]
    file = io.StringIO()
    names = rows[0] if rows else _record(TrialResult("", {}, ""), results, published)
    writer = csv.DictWriter(file, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _record(trial: TrialResult, results: SearchResults, published: Published) -> dict[str, Any]:
    """One row with scikit-learn's column names."""
    names = [axis.name for axis in results.axes]
    seconds = trial.fit_seconds
    record: dict[str, Any] = {
        "trial_id": trial.trial_id,
        "status": trial.status,
        **{f"param_{name}": trial.parameters.get(name) for name in names},
        **{f"split{i}_test_score": s for i, s in enumerate(_scores(trial, results.splits))},
        "mean_test_score": trial.mean,
        "std_test_score": trial.std,
        "rank_test_score": trial.rank,
        "mean_fit_time": None if seconds is None else seconds / results.splits,
    }
    if published:
        theirs = published.get(key(trial.parameters), (None, None))
        record |= {"published_mean": theirs[0], "published_std": theirs[1]}
    return record


def _json(results: SearchResults, published: Published) -> str:
    best = results.best
    document = {
        "experiment": results.experiment,
        "objective": results.objective.name,
        "direction": results.objective.direction,
        "folds": results.folds,
        "repeats": results.repeats,
        "seed": results.seed,
        "complete": results.complete,
        "total_trials": results.total,
        "best": None if best is None else _entry(best, published),
        "trials": [_entry(trial, published) for trial in results.trials],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _entry(trial: TrialResult, published: Published) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "trial_id": trial.trial_id,
        "parameters": trial.parameters,
        "status": trial.status,
        "scores": list(trial.scores),
        "mean": trial.mean,
        "std": trial.std,
        "rank": trial.rank,
        "fit_seconds": trial.fit_seconds,
    }
    if trial.reason:
        entry["reason"] = trial.reason
    theirs = published.get(key(trial.parameters))
    if theirs:
        entry["published"] = {"mean": theirs[0], "std": theirs[1]}
    return entry


def _scores(trial: TrialResult, splits: int) -> Sequence[float | None]:
    return trial.scores or (None,) * splits


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _word(value: Value | None) -> str:
    return "" if value is None else str(value)


def _escaped(cell: str) -> str:
    """A text that Markdown shows as it is: no markup, no link, no HTML."""
    shown = printable(" ".join(cell.splitlines()))
    return _MARKUP.sub(r"\\\1", shown).replace("&", "&amp;").replace("<", "&lt;")


def _safe(value: object) -> object:
    """A text that a spreadsheet would run as a formula is shown as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA_STARTS else value


FORMATS: Mapping[str, Callable[[SearchResults, Published], str]] = {
    "text": _text,
    "table": _table,
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
}
