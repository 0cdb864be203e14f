"""What a notebook shows of a search, of its verdict and of its figures."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self, overload

from kt_grid.analysis.verdict import Verdict
from kt_grid.report.base import Subject
from kt_grid.report.columns import ranked, trial_columns
from kt_grid.report.figures.plots import draw
from kt_grid.report.figures.style import Picture
from kt_grid.report.page import standing_class, template

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_ROWS = 10
_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("heading", "about", "done", "verdict", "more")),
    **dict.fromkeys(("lines", "columns", "rows", "pictures"), ()),
}


def as_html(**shown: Any) -> str:
    """Fill the template of what a notebook shows.

    Args:
        **shown: Any of `heading` and `about` beside it, `done` (a percentage), `lines`,
            `verdict`, `columns` with `rows` and how many `more` there are, and `pictures` as
            pairs of an address and a caption.

    Returns:
        HTML that needs nothing else.
    """
    return template("notebook.html").render(**{**_NOTHING, **shown})


def search_as_html(subject: Subject) -> str:
    """Show a search: how far it is, what it shows, and its best trials in a table.

    Args:
        subject: The search.

    Returns:
        HTML that needs nothing else.
    """
    results, trials = subject.results, ranked(subject)
    done = f"{results.finished} of {results.total} combinations"
    folds = f"{results.folds} folds{f', {results.repeats} times' * (results.repeats > 1)}"
    return as_html(
        heading=results.experiment,
        about=f"{done}; {folds}",
        verdict=subject.verdict,
        columns=trial_columns("notebook", subject),
        rows=[(standing_class(row), row) for row in trials[:_MOST_ROWS]],
        more=len(trials[_MOST_ROWS:]),
    )


class VerdictCard(Verdict):
    """A verdict that shows as its text in a terminal and as a card in a notebook.

    Example:
        ```python
        print(tuner.verdict())
        ```
    """

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Take over another one's words."""
        return cls(**{field.name: getattr(verdict, field.name) for field in fields(verdict)})

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(verdict=self)


@dataclass(frozen=True, repr=False)
class Figures(Sequence["Figure"]):
    """The figures of a search: matplotlib's, and shown with their captions in a notebook.

    Attributes:
        pictures: The figures with names and captions.

    Example:
        ```python
        tuner.plot()[0].savefig("grid.png")
        ```
    """

    pictures: tuple[Picture, ...]

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """Draw those of a search."""
        return cls(tuple(draw(subject.analysis, subject.published)))

    def __len__(self) -> int:
        return len(self.pictures)

    @overload
    def __getitem__(self, index: int) -> "Figure": ...
    @overload
    def __getitem__(self, index: slice) -> "list[Figure]": ...
    def __getitem__(self, index: int | slice) -> "Figure | list[Figure]":
        return [picture.figure for picture in self.pictures][index]

    def __iter__(self) -> "Iterator[Figure]":
        return (picture.figure for picture in self.pictures)

    def __repr__(self) -> str:
        return f"Figures({', '.join(picture.name for picture in self.pictures)})"

    def _repr_html_(self) -> str:
        return as_html(pictures=[(_as_address(p), p.caption) for p in self.pictures])


def _as_address(picture: Picture) -> str:
    """A figure as an image inside the page; SVG would be lost where notebooks are cleaned."""
    return f"data:image/png;base64,{base64.b64encode(picture.png()).decode('ascii')}"
