"""Tables of text: aligned for a terminal, or Markdown."""

import re
from collections.abc import Collection, Sequence
from typing import TypeAlias

from kt_grid.errors import printable
from kt_grid.report.base import Subject, TextFormat
from kt_grid.report.columns import ranked, trial_columns
from kt_grid.report.overview import headlines, summary_cells

_MARKUP = re.compile(r"([\\|`*\[\]!~]|\b_|_\b)")

Cells: TypeAlias = Sequence[Sequence[str]]


def aligned(rows: Cells, *, left: Collection[int] = ()) -> list[str]:
    """Align columns to the right.

    Args:
        rows: Rows of equally many cells.
        left: Numbers of the columns to align to the left instead.

    Returns:
        One line per row.

    Example:
        >>> aligned([["a", "b"], ["10", "2"]])
        [' a  b', '10  2']
    """
    if not rows:
        return []
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return [line.rstrip() for line in lines] if left else lines


def markdown(rows: Cells) -> list[str]:
    r"""Write a Markdown table.

    Example:
        >>> markdown([["a|b"], ["1"]])
        ['| a\\|b |', '| ---: |', '| 1 |']
    """
    head, *rest = [[escaped(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in [head, ["---:"] * len(head), *rest]]


def escaped(text: str) -> str:
    """Write a text so that Markdown shows it as it is, on one line."""
    shown = printable(" ".join(text.splitlines()))
    return _MARKUP.sub(r"\\\1", shown).replace("&", "&amp;").replace("<", "&lt;")


def _cells(subject: Subject) -> list[list[str]]:
    columns = trial_columns("table", subject)
    shown = [[column.text(row) for column in columns] for row in ranked(subject)]
    return [[column.short_heading for column in columns], *shown]


def _table(subject: Subject) -> str:
    kinds = [column.kind for column in trial_columns("table", subject)]
    reasons = [number for number, kind in enumerate(kinds) if kind == "reason"]
    lines = [*aligned(_cells(subject), left=reasons), "", *subject.verdict.lines()]
    return "".join(f"{printable(line)}\n" for line in lines)


def _tables(subjects: Sequence[Subject]) -> str:
    lines = [*aligned(summary_cells(subjects)), "", *headlines(subjects)]
    return "".join(f"{printable(line)}\n" for line in lines)


def _markdown(subject: Subject) -> str:
    headline, *rest = [escaped(line) for line in subject.verdict.lines()]
    verdict = [f"**{headline}**", "", *(f"- {line}" for line in rest)]
    lines = [*markdown(_cells(subject)), "", *verdict]
    return "".join(f"{line}\n" for line in lines)


def _markdowns(subjects: Sequence[Subject]) -> str:
    notes = [f"- {escaped(line)}" for line in headlines(subjects)]
    lines = [*markdown(summary_cells(subjects)), "", *notes]
    return "".join(f"{line}\n" for line in lines)


TABLE = TextFormat("table", _table, _tables)
MARKDOWN = TextFormat("markdown", _markdown, _markdowns)
