"""Results become text, a table, Markdown, CSV, JSON or a page."""

from collections.abc import Callable, Mapping

from kt_grid.analysis.comparison import Analysis, TrialAnalysis, analyse
from kt_grid.analysis.verdict import judge
from kt_grid.analysis.wording import chance
from kt_grid.errors import UsageError, printable
from kt_grid.report.export import as_csv, as_json
from kt_grid.report.published import Published
from kt_grid.report.tables import aligned, escaped, figure, markdown
from kt_grid.space import axis_names, key
from kt_grid.store.results import COMPLETED, FAILED, STOPPED, SearchResults, TrialResult

_NAN = float("nan")


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
    if style == "text":
        return render_text(results, published)
    return FORMATS[style](analyse(results), published or {})


def render_text(results: SearchResults, published: Published | None = None) -> str:
    """Render the tutorial's own lines; a trial without a mean shows as nan, as in scikit-learn.

    Args:
        results: The results, finished or not.
        published: The tutorial's figures by parameters, to stand beside ours.

    Returns:
        Lines, in grid order; nothing if no trial has ended.
    """
    lines = []
    if results.best is not None:
        lines.append(f"Best: {results.best.mean:f} using {results.best.parameters}")
    for trial in [t for t in results.trials if t.status in (COMPLETED, FAILED, STOPPED)]:
        mean, std = (_NAN, _NAN) if trial.mean is None else (trial.mean, trial.std)
        theirs = (published or {}).get(key(trial.parameters))
        beside = f"  published: {theirs[0]:f} ({theirs[1]:f})" if theirs else ""
        lines.append(f"{mean:f} ({std:f}) with: {trial.parameters!r}{beside}{_given_up(trial)}")
    return "".join(f"{line}\n" for line in lines)


def _given_up(trial: TrialResult) -> str:
    folds = [score is not None for score in trial.partial_scores]
    return f"  given up after {sum(folds)} of {len(folds)} folds" if folds else ""


def render_verdict(results: SearchResults) -> str:
    """Render what the results mean, in plain words.

    Args:
        results: The results, finished or not.

    Returns:
        One line per finding.
    """
    return "".join(f"{line}\n" for line in judge(analyse(results)).lines())


def _text(analysis: Analysis, published: Published) -> str:
    return render_text(analysis.results, published)


def _cells(analysis: Analysis, published: Published) -> list[list[str]]:
    """Header and rows that the table and the Markdown show."""
    results, known = analysis.results, analysis.by_id
    names = axis_names(results.axes)
    folds = [f"fold {i}" for i in range(results.splits)]
    head = ["rank", *names, "mean", "std", *folds, "error", "p", "standing"]
    more = ["epochs trained"] * results.stops_early + ["published", "std "] * bool(published)
    rows = [head + more]
    for trial in results.trials:
        theirs = published.get(key(trial.parameters), (None, None))
        rows.append(
            [
                trial.standing if trial.rank is None else str(trial.rank),
                *(str(trial.parameters.get(name, "")) for name in names),
                *(figure(value) for value in (trial.mean, trial.std)),
                *(figure(score) for score in trial.fold_scores(results.splits)),
                *_certainty(known.get(trial.trial_id), analysis),
                *([" ".join(map(str, trial.epochs))] if results.stops_early else []),
                *([figure(value) for value in theirs] if published else []),
            ]
        )
    return rows


def _certainty(known: TrialAnalysis | None, analysis: Analysis) -> list[str]:
    if known is None:
        return ["", "", ""]
    return [figure(known.error), chance(known.p), analysis.standing(known) or ""]


def _table(analysis: Analysis, published: Published) -> str:
    lines = [*aligned(_cells(analysis, published)), "", *judge(analysis).lines()]
    return "".join(f"{printable(line)}\n" for line in lines)


def _markdown(analysis: Analysis, published: Published) -> str:
    headline, *rest = [escaped(line) for line in judge(analysis).lines()]
    verdict = [f"**{headline}**", "", *(f"- {line}" for line in rest)]
    lines = [*markdown(_cells(analysis, published)), "", *verdict]
    return "".join(f"{line}\n" for line in lines)


def _html(analysis: Analysis, published: Published) -> str:
    # matplotlib takes a second to import, which the other formats needn't wait for.
    from kt_grid.report.page import as_html

    return as_html(analysis, published)


FORMATS: Mapping[str, Callable[[Analysis, Published], str]] = {
    "text": _text,
    "table": _table,
    "markdown": _markdown,
    "csv": as_csv,
    "json": as_json,
    "html": _html,
}
