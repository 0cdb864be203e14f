"""The formats that `--format` knows. A new one is a module of its own and a name in this list."""

from collections.abc import Sequence
from typing import TypeAlias

from kt_grid.errors import UsageError
from kt_grid.report.base import FolderFormat, Subject, TextFormat
from kt_grid.report.export import CSV, JSON
from kt_grid.report.page import HTML
from kt_grid.report.published import Published
from kt_grid.report.tables import MARKDOWN, TABLE
from kt_grid.report.tensorboard import TENSORBOARD
from kt_grid.report.text import TEXT
from kt_grid.store.results import SearchResults

Format: TypeAlias = TextFormat | FolderFormat

FORMATS: dict[str, Format] = {
    kind.name: kind for kind in (TEXT, TABLE, MARKDOWN, CSV, JSON, HTML, TENSORBOARD)
}


def format_named(name: str) -> Format:
    """Find a format.

    Raises:
        UsageError: If there is no such format.
    """
    if name not in FORMATS:
        raise UsageError(f"Expected --format to be one of {', '.join(FORMATS)}. Received: {name}")
    return FORMATS[name]


def describe_formats() -> str:
    """Return the names of all formats in a sentence, with what the folders among them need."""
    *first, last = [
        kind.name if isinstance(kind, TextFormat) else f"{kind.name} (needs --output)"
        for kind in FORMATS.values()
    ]
    return f"{', '.join(first)}, or {last}."


def render(results: SearchResults, style: str = "text", published: Published | None = None) -> str:
    """Render the results of a search.

    Args:
        results: The results, finished or not.
        style: The name of a format that is one text.
        published: The tutorial's figures by parameters, to stand beside ours.

    Returns:
        Text that ends with a line break.

    Raises:
        UsageError: If there is no such format.
    """
    return render_several([Subject(results, published or {})], style)


def render_several(
    subjects: Sequence[Subject], style: str = "text", *, side_by_side: bool = False
) -> str:
    """Render searches: one by itself unless asked otherwise, several side by side.

    Args:
        subjects: The searches.
        style: The name of a format that is one text.
        side_by_side: Whether a single one is shown as one of several.

    Returns:
        Text that ends with a line break.

    Raises:
        UsageError: If there is no such format.
    """
    chosen = format_named(style)
    if isinstance(chosen, FolderFormat):
        texts = [kind.name for kind in FORMATS.values() if isinstance(kind, TextFormat)]
        raise UsageError(
            f"Expected a format that is one text: {', '.join(texts)}. Received: {style}, a folder"
        )
    return chosen.render(subjects, side_by_side=side_by_side)
