"""Tables of text: aligned for a terminal, or Markdown."""

import re
from collections.abc import Sequence
from typing import TypeAlias

from kt_grid.errors import printable

_MARKUP = re.compile(r"([\\|`*\[\]!~]|\b_|_\b)")

Cells: TypeAlias = Sequence[Sequence[str]]


def aligned(rows: Cells) -> list[str]:
    """Align columns to the right.

    Args:
        rows: Rows of equally many cells.

    Returns:
        One line per row.

    Example:
        >>> aligned([["a", "b"], ["10", "2"]])
        [' a  b', '10  2']
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def markdown(rows: Cells) -> list[str]:
    r"""Write a Markdown table.

    Args:
        rows: Rows of equally many cells, the head first.

    Returns:
        One line per row, and the rule under the head.

    Example:
        >>> markdown([["a|b"], ["1"]])
        ['| a\\|b |', '| ---: |', '| 1 |']
    """
    head, *rest = [[escaped(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in [head, ["---:"] * len(head), *rest]]


def escaped(text: str) -> str:
    """Write a text so that Markdown shows it as it is, on one line.

    Args:
        text: The text.

    Returns:
        Markdown.
    """
    shown = printable(" ".join(text.splitlines()))
    return _MARKUP.sub(r"\\\1", shown).replace("&", "&amp;").replace("<", "&lt;")


def figure(value: float | None) -> str:
    """Write a score with six decimals, as the tutorial does.

    Args:
        value: The score, or None.

    Returns:
        The text; nothing for None.
    """
    return "" if value is None else f"{value:.6f}"
