"""Several searches as one HTML page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from kt_grid.analysis.comparison import Analysis
from kt_grid.analysis.verdict import judge
from kt_grid.report.figures.plots import draw, draw_best
from kt_grid.report.figures.style import Picture
from kt_grid.report.page import METHOD, Cell, figures, fill, table, verdict_card
from kt_grid.report.published import Published

_SCORES = frozenset(
    ("mean", "std", "standard_error", "baseline", "published_mean", "published_std")
)


def as_html(
    searches: Sequence[tuple[Analysis, Published]], rows: Sequence[Mapping[str, Any]], note: str
) -> str:
    """Write several searches as a page.

    Args:
        searches: The searches, with the tutorial's figures by parameters.
        rows: What sums up each.
        note: Whether their means can be compared.

    Returns:
        HTML; the same for the same searches.
    """
    winners = sum(judge(analysis).kind == "winner" for analysis, _ in searches)
    headline = f"{len(searches)} searches, {winners or 'none'} with a clear winner"
    body = [
        f"<header><strong>kt-grid</strong><span>{escape(note)}</span></header>",
        f"<h1>{headline}</h1>",
        figures(draw_best(searches)),
        _table(rows),
        *(_search(number, *search) for number, search in enumerate(searches)),
        f'<h2>How to read this</h2><p class="small">{escape(METHOD)}</p>',
    ]
    return fill(headline, body)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    kept = [n for n in rows[0] if any(row[n] is not None for row in rows)]
    head = [Cell(n.replace("_", " "), kind="" if n in _SCORES else "word") for n in kept]
    return table(head, [("", [_cell(n, row[n]) for n in kept]) for row in rows])


def _cell(column: str, value: Any) -> Cell:
    if value is None:
        return Cell("")
    if isinstance(value, bool):
        text = "yes" if value else "not surely"
        return Cell(text, text, "word")
    if column in _SCORES:
        return Cell(f"{value:.6f}", repr(value))
    return Cell(str(value), str(value), "word")


def _search(number: int, analysis: Analysis, published: Published) -> str:
    # Ids must differ between the figures of one page.
    pictures = [
        Picture(f"{number}-{p.name}", p.caption, p.figure) for p in draw(analysis, published)
    ]
    return (
        f"<section><h2>{escape(analysis.results.experiment)}</h2>"
        f"{verdict_card(judge(analysis), 'h3')}{figures(pictures)}</section>"
    )
