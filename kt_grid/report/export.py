"""Results as CSV and JSON, for programs: all that the other forms show."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from kt_grid.analysis.comparison import Analysis, TrialAnalysis
from kt_grid.analysis.effects import AxisEffect
from kt_grid.analysis.verdict import judge
from kt_grid.errors import printable
from kt_grid.report.published import Published
from kt_grid.space import key
from kt_grid.store.results import TrialResult

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_csv(analysis: Analysis, published: Published) -> str:
    """Write one row per trial begun.

    Args:
        analysis: The search.
        published: The tutorial's figures by parameters.

    Returns:
        CSV with scikit-learn's column names, then those of the analysis.
    """
    known = analysis.by_id
    trials = analysis.results.trials
    rows = [_row(trial, known.get(trial.trial_id), analysis, published) for trial in trials]
    file = io.StringIO()
    names = rows[0] if rows else _row(TrialResult("", {}, ""), None, analysis, published)
    writer = csv.DictWriter(file, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: safe(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _row(
    trial: TrialResult, known: TrialAnalysis | None, analysis: Analysis, published: Published
) -> dict[str, Any]:
    results = analysis.results
    seconds = trial.fit_seconds
    scores = trial.fold_scores(results.splits)
    row: dict[str, Any] = {
        "trial_id": trial.trial_id,
        "status": trial.status,
        **{f"param_{axis.name}": trial.parameters.get(axis.name) for axis in results.axes},
        **{f"split{i}_test_score": score for i, score in enumerate(scores)},
        "mean_test_score": trial.mean,
        "std_test_score": trial.std,
        "rank_test_score": trial.rank,
        "mean_fit_time": None if seconds is None else seconds / results.splits,
        "weights": trial.weights,
        "steps": trial.steps,
        "mean_epochs": sum(trial.epochs) / len(trial.epochs) if trial.epochs else None,
        **_analysis(known, analysis),
    }
    if published:
        theirs = published.get(key(trial.parameters), (None, None))
        row |= {"published_mean": theirs[0], "published_std": theirs[1]}
    return row


def table_as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows, such that no text in them does anything in a spreadsheet or a terminal.

    Args:
        rows: Values by column, the same columns in each row.

    Returns:
        CSV with a header; nothing without a row.
    """
    file = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        cells = {printable(name): _shown(value) for name, value in row.items()}
        if writer is None:
            writer = csv.DictWriter(file, list(cells), lineterminator="\n")
            writer.writeheader()
        writer.writerow(cells)
    return file.getvalue()


def _shown(value: object) -> object:
    return safe(printable(value) if isinstance(value, str) else value)


def as_json(analysis: Analysis, published: Published) -> str:
    """Write everything that is known of a search.

    Args:
        analysis: The search.
        published: The tutorial's figures by parameters.

    Returns:
        A JSON document.
    """
    return json.dumps(document(analysis, published), indent=2, allow_nan=False) + "\n"


def document(analysis: Analysis, published: Published) -> dict[str, Any]:
    """Collect everything that is known of a search.

    Args:
        analysis: The search.
        published: The tutorial's figures by parameters.

    Returns:
        Plain JSON values.
    """
    results, best, verdict = analysis.results, analysis.best, judge(analysis)
    known = analysis.by_id
    entries = {
        trial.trial_id: _entry(trial, known.get(trial.trial_id), analysis, published)
        for trial in results.trials
    }
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
        "simplest": analysis.simplest and entries[analysis.simplest.trial.trial_id],
        "baseline": _baseline(analysis),
        "optimism": analysis.optimism,
        "noise_share": analysis.noise,
        "told_apart_from": analysis.told_apart,
        "effects": [_effect(effect) for effect in analysis.effects],
        "search": dict(results.about),
    }


def _entry(
    trial: TrialResult, known: TrialAnalysis | None, analysis: Analysis, published: Published
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "trial_id": trial.trial_id,
        "parameters": trial.parameters,
        "status": trial.status,
        "scores": list(trial.scores),
        "mean": trial.mean,
        "std": trial.std,
        "rank": trial.rank,
        "fit_seconds": trial.fit_seconds,
        "weights": trial.weights,
        "steps": trial.steps,
        "epochs": list(trial.epochs),
        **_analysis(known, analysis),
    }
    if trial.partial_scores:
        entry["partial_scores"] = list(trial.partial_scores)
    if trial.reason:
        entry["reason"] = trial.reason
    theirs = published.get(key(trial.parameters))
    if theirs:
        entry["published"] = {"mean": theirs[0], "std": theirs[1]}
    return entry


def _analysis(known: TrialAnalysis | None, analysis: Analysis) -> dict[str, Any]:
    return {
        "standard_error": known and known.error,
        "behind_best": known and known.behind,
        "p_value": known and known.p,
        "standing": known and analysis.standing(known),
        "fold_variance": known and known.fold_variance,
        "seed_variance": known and known.seed_variance,
    }


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
    }


def safe(value: object) -> object:
    """Keep a spreadsheet from running a text as a formula.

    Args:
        value: What goes into a cell of a CSV file.

    Returns:
        The value; behind an apostrophe if it is such a text.
    """
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA_STARTS else value
