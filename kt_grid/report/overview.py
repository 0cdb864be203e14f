"""Several searches side by side: what is best in each, and how sure that is."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kt_grid.analysis.comparison import Analysis, analyse
from kt_grid.analysis.verdict import Verdict, judge
from kt_grid.analysis.wording import name
from kt_grid.errors import UsageError
from kt_grid.report.export import document, safe
from kt_grid.report.published import Published
from kt_grid.report.tables import aligned, escaped, figure, markdown
from kt_grid.report.text import render_text
from kt_grid.space import Parameters
from kt_grid.store.results import SearchResults


@dataclass(frozen=True)
class Entry:
    """One search among several.

    Attributes:
        analysis: The search.
        published: The tutorial's figures by parameters, if it is one of the tutorial's.
    """

    analysis: Analysis
    published: Published

    @property
    def verdict(self) -> Verdict:
        """What it shows."""
        return judge(self.analysis)

    @property
    def published_best(self) -> tuple[Parameters, float, float] | None:
        """The best published setting, the first of equal ones, its mean and std."""
        if not self.published:
            return None
        best = max(self.published, key=lambda place: self.published[place][0])
        parameters: Parameters = json.loads(best)
        axes = [axis.name for axis in self.analysis.results.axes]
        ordered = {axis: parameters[axis] for axis in axes if axis in parameters}
        return {**ordered, **parameters}, *self.published[best]


def render_several(
    searches: Sequence[SearchResults], published: Sequence[Published], style: str = "text"
) -> str:
    """Render several searches side by side.

    Args:
        searches: The searches, finished or not.
        published: The tutorial's figures for each, empty where there are none.
        style: One of `FORMATS`.

    Returns:
        Text that ends with a line break.

    Raises:
        UsageError: If there is no such format.
    """
    if style not in FORMATS:
        raise UsageError(
            f"Expected --format for several searches to be one of {', '.join(FORMATS)}. "
            f"Received: {style}"
        )
    analyses = [analyse(results) for results in searches]
    entries = [Entry(*pair) for pair in zip(analyses, published, strict=True)]
    return FORMATS[style](entries)


def is_comparable(entries: Sequence[Entry]) -> bool:
    """Tell whether the means of several searches can be compared at all.

    Args:
        entries: The searches.

    Returns:
        True if all have the same data, splits and objective, as far as is known.
    """
    abouts = [entry.analysis.results.about for entry in entries]
    seen = {tuple(str(about.get(n)) for n in ("data", "splits", "objective")) for about in abouts}
    return len(seen) <= 1


def compare_note(entries: Sequence[Entry]) -> str:
    """Say whether the means of several searches can be compared.

    Args:
        entries: The searches.

    Returns:
        One sentence.
    """
    if is_comparable(entries):
        return "All on the same rows, folds and objective, so that means compare across searches."
    return "Not all on the same rows, folds and objective: means don't compare across searches."


def rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Sum up each search.

    Args:
        entries: The searches.

    Returns:
        One row per search, with the same names in each; None for what isn't known.
    """
    return [_row(entry) for entry in entries]


def _row(entry: Entry) -> dict[str, Any]:
    analysis, best = entry.analysis, entry.analysis.best
    results, theirs = analysis.results, entry.published_best
    compared = best is not None and entry.verdict.kind != "unknown"
    return {
        "experiment": results.experiment,
        "finished": results.finished,
        "combinations": results.total,
        "best": None if best is None else name(best.trial.parameters),
        "mean": None if best is None else best.trial.mean,
        "std": None if best is None else best.trial.std,
        "standard_error": None if best is None else best.error,
        "tied": len(analysis.contenders) - 1 if compared else None,
        "others": len(analysis.trials) - 1 if compared else None,
        "simplest": analysis.simplest and name(analysis.simplest.trial.parameters),
        "baseline": None if analysis.baseline is None else analysis.baseline.mean,
        "beats_baseline": None if analysis.baseline is None else analysis.baseline.is_beaten,
        "published_best": None if theirs is None else name(theirs[0]),
        "published_mean": None if theirs is None else theirs[1],
        "published_std": None if theirs is None else theirs[2],
    }


def _cells(entries: Sequence[Entry]) -> list[list[str]]:
    summed = rows(entries)
    kept = [n for n in summed[0] if any(row[n] is not None for row in summed)]
    return [
        [column.replace("_", " ") for column in kept],
        *([_word(row[column]) for column in kept] for row in summed),
    ]


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "not surely"
    return figure(value) if isinstance(value, float) else "" if value is None else str(value)


def _headlines(entries: Sequence[Entry]) -> list[str]:
    return [f"{e.analysis.results.experiment}: {e.verdict.headline}" for e in entries]


def _text(entries: Sequence[Entry]) -> str:
    parts = [
        f"# {entry.analysis.results.experiment}\n{render_text(entry.analysis.results)}"
        for entry in entries
    ]
    return "\n".join(parts)


def _table(entries: Sequence[Entry]) -> str:
    lines = [*aligned(_cells(entries)), "", *_headlines(entries), compare_note(entries)]
    return "".join(f"{line}\n" for line in lines)


def _markdown(entries: Sequence[Entry]) -> str:
    notes = [escaped(line) for line in (*_headlines(entries), compare_note(entries))]
    lines = [*markdown(_cells(entries)), "", *(f"- {note}" for note in notes)]
    return "".join(f"{line}\n" for line in lines)


def _csv(entries: Sequence[Entry]) -> str:
    file = io.StringIO()
    summed = [{**row, "verdict": e.verdict.headline} for row, e in
              zip(rows(entries), entries, strict=True)]  # fmt: skip
    writer = csv.DictWriter(file, list(summed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: safe(value) for column, value in row.items()} for row in summed)
    return file.getvalue()


def _json(entries: Sequence[Entry]) -> str:
    whole = {
        "comparable": is_comparable(entries),
        "summary": rows(entries),
        "searches": [document(entry.analysis, entry.published) for entry in entries],
    }
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"


def _html(entries: Sequence[Entry]) -> str:
    # matplotlib takes a second to import, which the other formats needn't wait for.
    from kt_grid.report.overview_page import as_html

    parts = [(entry.analysis, entry.published) for entry in entries]
    return as_html(parts, rows(entries), compare_note(entries))


FORMATS: Mapping[str, Callable[[Sequence[Entry]], str]] = {
    "text": _text,
    "table": _table,
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
    "html": _html,
}
