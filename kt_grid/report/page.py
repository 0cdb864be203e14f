"""A search as one HTML page that needs nothing else: no network, no other file."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from kt_grid.analysis.comparison import Analysis, TrialAnalysis
from kt_grid.analysis.verdict import Verdict, judge
from kt_grid.analysis.wording import chance, name, short
from kt_grid.report.facts import run_facts
from kt_grid.report.figures import charts
from kt_grid.report.figures.plots import draw
from kt_grid.report.figures.style import Picture
from kt_grid.report.published import Published
from kt_grid.space import Value, key
from kt_grid.store.results import STOPPED, SearchResults, TrialResult

_TEMPLATE = Path(__file__).with_name("page.html")
# The page's style gives each colour a value for light and for dark.
_VARIABLES = {
    charts.INK: "ink",
    charts.FAINT: "faint",
    charts.PAPER: "paper",
    charts.BLUE: "blue",
    charts.ORANGE: "orange",
    charts.GREEN: "green",
    charts.PURPLE: "purple",
}

METHOD = (
    "A score is the model's on rows that it wasn't trained on, after the epoch it ended with. "
    "“Can't be told from the best” means that the corrected resampled t-test (Nadeau and Bengio "
    "2003) finds no difference at the 5 % level over all comparisons together; the correction is "
    "Holm's, and counts every pair of combinations, because the same scores also chose the best. "
    "The standard error is the standard deviation (ddof=1) over the folds, divided by the root of "
    "their number; the column std has ddof=0. How much the best mean flatters is estimated by a "
    "bootstrap over the folds."
)


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What it shows.
        value: What it is sorted by; nothing sorts last.
        kind: A CSS class.
    """

    text: str
    value: str = ""
    kind: str = ""


def as_html(analysis: Analysis, published: Published) -> str:
    """Write a search as a page.

    Args:
        analysis: The search, finished or not.
        published: The tutorial's figures by parameters.

    Returns:
        HTML; the same for the same search.
    """
    results = analysis.results
    body = [
        _header(results),
        verdict_card(judge(analysis)),
        _tiles(analysis),
        _section("The grid", figures(draw(analysis, published))),
        _section("All combinations", _trials(analysis, published)),
        _section("How it was run", definitions(run_facts(results))),
        _section("How to read this", f'<p class="small">{escape(METHOD)}</p>'),
    ]
    return fill(f"{results.experiment} – kt-grid", body)  # noqa: RUF001 - a dash in a title


def fill(title: str, body: Iterable[str]) -> str:
    """Put parts of a page into the template.

    Args:
        title: The page's title, plain text.
        body: HTML.

    Returns:
        The page.
    """
    template = Template(_TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(title=escape(title), body="\n".join(part for part in body if part))


def verdict_card(verdict: Verdict, heading: str = "h1") -> str:
    """Write a verdict.

    Args:
        verdict: The verdict.
        heading: The element of its headline.

    Returns:
        HTML.
    """
    findings = "".join(f"<li>{escape(line)}</li>" for line in verdict.findings)
    advice = "".join(f"<li>{_option_words(line)}</li>" for line in verdict.advice)
    after = f'<p class="next">What to do next:</p><ul>{advice}</ul>' if advice else ""
    listed = f"<ul>{findings}</ul>" if findings else ""
    return (
        f'<section class="verdict {verdict.kind}"><{heading}>{escape(verdict.headline)}'
        f"</{heading}>{listed}{after}</section>"
    )


def _option_words(line: str) -> str:
    return re.sub(r"--[a-z]+", r"<code>\g<0></code>", escape(line))


def figures(pictures: Iterable[Picture]) -> str:
    """Write figures that take the page's colours.

    Args:
        pictures: The figures.

    Returns:
        HTML with the figures as inline SVG; nothing if there are none.
    """
    drawn = "".join(
        f"<figure>{_inline(picture)}<figcaption>{escape(picture.caption)}</figcaption></figure>"
        for picture in pictures
    )
    return f'<div class="figures">{drawn}</div>' if drawn else ""


def _inline(picture: Picture) -> str:
    svg = re.sub(r"<metadata>.*?</metadata>", "", picture.svg(), flags=re.DOTALL)
    svg = re.sub(r' (xmlns(:\w+)?|width|height|version)="[^"]*"', "", svg, count=5)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    label = escape(picture.caption, quote=True)
    return svg.strip().replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def table(head: Sequence[Cell], rows: Iterable[tuple[str, Sequence[Cell]]]) -> str:
    """Write a table that a click on a column's head sorts.

    Args:
        head: The columns.
        rows: A CSS class and cells.

    Returns:
        HTML.
    """
    heads = "".join(
        f'<th scope="col" class="{cell.kind}"><button type="button">{escape(cell.text)}</button>'
        "</th>"
        for cell in head
    )
    lines = "\n".join(
        f'<tr class="{escape(kind, quote=True)}">{"".join(_cell(cell) for cell in cells)}</tr>'
        for kind, cells in rows
    )
    return (
        f'<div class="wide"><table class="sortable" style="--columns: {len(head)}">'
        f"<thead><tr>{heads}</tr></thead>"
        f"<tbody>\n{lines}\n</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    value = f' data-value="{escape(cell.value, quote=True)}"' if cell.value else ""
    return f'<td class="{cell.kind}"{value}>{escape(cell.text)}</td>'


def definitions(facts: Mapping[str, str]) -> str:
    """Write facts by name.

    Args:
        facts: Plain texts.

    Returns:
        HTML.
    """
    lines = "".join(f"<dt>{escape(n)}</dt><dd>{escape(text)}</dd>" for n, text in facts.items())
    return f'<dl class="run">{lines}</dl>'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _header(results: SearchResults) -> str:
    state = "finished" if results.complete else "not finished"
    return (
        f"<header><strong>{escape(results.experiment)}</strong>"
        f"<span>{results.finished} of {results.total} combinations, {state}; "
        f"{results.folds} folds{_times(results)}</span></header>"
    )


def _times(results: SearchResults) -> str:
    return f", {results.repeats} times" if results.repeats > 1 else ""


def _tiles(analysis: Analysis) -> str:
    best = analysis.best
    if best is None:
        return ""
    error = "" if best.error is None else f" ± {short(best.error)}"
    tiles = [("best mean", f"{short(best.trial.mean or 0.0)}{error}", name(best.trial.parameters))]
    if analysis.units > 1 and len(analysis.trials) > 1:
        tied, others = len(analysis.contenders) - 1, len(analysis.trials) - 1
        whom = "complete others" if analysis.results.given_up else "others"
        tiles.append(("can't be told from it", f"{tied} of {others}", whom))
    simplest = analysis.simplest
    if simplest is not None:
        mean = short(simplest.trial.mean or 0.0)
        tiles.append(("simplest within one error", mean, name(simplest.trial.parameters)))
    if analysis.baseline is not None:
        beaten = "surely beaten" if analysis.baseline.is_beaten else "not surely beaten"
        tiles.append(("most frequent class", short(analysis.baseline.mean), beaten))
    if analysis.optimism:
        tiles.append(("the best flatters by about", short(analysis.optimism), ""))
    content = "".join(
        f"<div><dt>{escape(title)}</dt><dd>{escape(value)}</dd><dd>{escape(more)}</dd></div>"
        for title, value, more in tiles
    )
    return f'<dl class="tiles">{content}</dl>'


def _trials(analysis: Analysis, published: Published) -> str:
    results, known = analysis.results, analysis.by_id
    repeated = results.repeats > 1
    head = [
        *_words("rank", *(axis.name for axis in results.axes), "standing"),
        *_heads("mean", "std", "standard error", "behind", "p"),
        *_heads(*(f"fold {i}" for i in range(results.splits))),
        *(_heads("fold variance", "seed variance") if repeated else []),
        *(_words("epochs trained") if results.stops_early else []),
        *_heads("weights", "steps", "seconds"),
        *(_heads("published", "published std") if published else []),
        *(_words("reason") if _has_reasons(results) else []),
    ]
    rows = []
    for trial in results.trials:
        analysed = known.get(trial.trial_id)
        rows.append((_kind(analysis, trial, analysed), _row(analysis, trial, analysed, published)))
    return table(head, rows)


def _kind(analysis: Analysis, trial: TrialResult, known: TrialAnalysis | None) -> str:
    if trial.status == STOPPED:
        # As faint as those that are surely worse.
        return "worse"
    return trial.status.lower() if known is None else analysis.standing(known) or "tied"


def _row(
    analysis: Analysis, trial: TrialResult, known: TrialAnalysis | None, published: Published
) -> list[Cell]:
    results = analysis.results
    theirs = published.get(key(trial.parameters), (None, None))
    standing = trial.standing if known is None else analysis.standing(known) or ""
    return [
        _number(trial.rank, "d", "word"),
        *(_value(trial.parameters.get(axis.name, "")) for axis in results.axes),
        Cell(standing, standing, "word"),
        *(_number(value, ".6f") for value in (trial.mean, trial.std)),
        *_certainty(known),
        *(_number(score, ".6f") for score in trial.fold_scores(results.splits)),
        *(_variances(known) if results.repeats > 1 else []),
        *([_value(" ".join(map(str, trial.epochs)))] if results.stops_early else []),
        *(_number(value, ",d") for value in (trial.weights, trial.steps)),
        _number(trial.fit_seconds, ".1f"),
        *([_number(value, ".6f") for value in theirs] if published else []),
        *(
            [Cell(trial.reason or "", trial.reason or "", "reason")]
            if _has_reasons(results)
            else []
        ),
    ]


def _has_reasons(results: SearchResults) -> bool:
    return bool(results.failed or results.given_up)


def _certainty(known: TrialAnalysis | None) -> list[Cell]:
    if known is None:
        return [Cell("")] * 3
    p = Cell(chance(known.p), "" if known.p is None else repr(known.p))
    return [_number(known.error, ".6f"), _number(known.behind, ".6f"), p]


def _variances(known: TrialAnalysis | None) -> list[Cell]:
    if known is None:
        return [Cell("")] * 2
    return [_number(value, ".2e") for value in (known.fold_variance, known.seed_variance)]


def _heads(*titles: str) -> list[Cell]:
    return [Cell(title) for title in titles]


def _words(*titles: str) -> list[Cell]:
    return [Cell(title, kind="word") for title in titles]


def _value(value: Value) -> Cell:
    return Cell(str(value), str(value), "word")


def _number(value: float | None, spec: str, kind: str = "") -> Cell:
    return Cell("", kind=kind) if value is None else Cell(f"{value:{spec}}", repr(value), kind)
