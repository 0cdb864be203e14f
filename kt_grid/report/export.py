"""Results as CSV and JSON, for programs: all that the other forms show."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kt_grid.analysis.comparison import Analysis
from kt_grid.analysis.effects import AxisEffect
from kt_grid.errors import printable
from kt_grid.report.base import Subject, TextFormat
from kt_grid.report.columns import Row, rows, trial_columns
from kt_grid.report.overview import is_comparable, summary

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def table_as_csv(table: Iterable[Mapping[str, Any]]) -> str:
    """Write rows, such that no text in them does anything in a spreadsheet or a terminal.

    Returns:
        CSV with a header; nothing without a row.
    """
    shown = [{printable(name): _shown(value) for name, value in row.items()} for row in table]
    return _csv(list(shown[0]), shown) if shown else ""


def _shown(value: object) -> object:
    return safe(printable(value) if isinstance(value, str) else value)


def _csv(head: Sequence[str], table: Iterable[Mapping[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return file.getvalue()


def _trials(subject: Subject) -> str:
    """One row per trial begun, with scikit-learn's column names, then those of the analysis."""
    columns = {column.csv or column.name: column for column in trial_columns("csv", subject)}
    table = (
        {name: safe(column.value(row)) for name, column in columns.items()} for row in rows(subject)
    )
    return _csv(list(columns), table)


def _summary(subjects: Sequence[Subject]) -> str:
    headlines = [subject.verdict.headline for subject in subjects]
    table = [
        {name: safe(value) for name, value in {**row, "verdict": headline}.items()}
        for row, headline in zip(summary(subjects), headlines, strict=True)
    ]
    return _csv(list(table[0]), table)


def _document(subject: Subject) -> dict[str, Any]:
    """Everything that is known of a search, as plain JSON values."""
    results, analysis, verdict = subject.results, subject.analysis, subject.verdict
    best, simplest, smoothed = analysis.best, analysis.simplest, analysis.smoothed
    entries = {row.trial.trial_id: _entry(row) for row in rows(subject)}
    return {
        "experiment": results.experiment,
        "objective": results.objective.name,
        "direction": results.objective.direction,
        "folds": results.folds,
        "repeats": results.repeats,
        "seed": results.seed,
        "complete": results.complete,
        "total_trials": results.total,
        "best": None if best is None else entries[best.trial.trial_id],
        "trials": list(entries.values()),
        "verdict": {
            "kind": verdict.kind,
            "headline": verdict.headline,
            "findings": list(verdict.findings),
            "advice": list(verdict.advice),
        },
        "simplest": simplest and entries[simplest.trial.trial_id],
        "simplest_cost": analysis.cost,
        "smoothed": smoothed and entries[smoothed.trial.trial_id],
        "expected": _expected(analysis),
        "baseline": _baseline(analysis),
        "optimism": analysis.optimism,
        "noise_share": analysis.noise,
        "told_apart_from": analysis.told_apart,
        "effects": [_effect(effect) for effect in analysis.effects],
        "search": results.about.to_json(),
    }


def _entry(row: Row) -> dict[str, Any]:
    columns = trial_columns("json", row.subject)
    values = ((column, column.value(row)) for column in columns)
    return {column.name: value for column, value in values if value or not column.optional}


def _expected(analysis: Analysis) -> dict[str, float] | None:
    expected = analysis.expected
    if expected is None:
        return None
    return {"score": expected.score, "low": expected.low, "high": expected.high}


def _baseline(analysis: Analysis) -> dict[str, Any] | None:
    baseline = analysis.baseline
    if baseline is None:
        return None
    return {
        "scores": list(analysis.results.baseline or ()),
        "mean": baseline.mean,
        "std": baseline.std,
        "p_value": baseline.p,
        "is_beaten": baseline.is_beaten,
    }


def _effect(effect: AxisEffect) -> dict[str, Any]:
    return {
        "axis": effect.axis.name,
        "share": effect.share,
        "values": list(effect.values),
        "means": list(effect.means),
        "standard_errors": list(effect.errors),
        "p_values": list(effect.p),
    }


def safe(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA_STARTS else value


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _documents(subjects: Sequence[Subject]) -> dict[str, Any]:
    return {
        "comparable": is_comparable(subjects),
        "summary": summary(subjects),
        "searches": [_document(subject) for subject in subjects],
    }


CSV = TextFormat("csv", _trials, _summary)
JSON = TextFormat(
    "json",
    lambda subject: _json(_document(subject)),
    lambda subjects: _json(_documents(subjects)),
)
