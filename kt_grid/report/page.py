"""One search, or several, as one HTML page that needs nothing else: no network, no other file."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kt_grid.analysis.comparison import Analysis
from kt_grid.analysis.wording import direction, name, short
from kt_grid.report.base import Subject, TextFormat
from kt_grid.report.columns import Column, Row, Shown, ranked, trial_columns
from kt_grid.report.figures import charts
from kt_grid.report.figures.plots import draw, draw_best
from kt_grid.report.figures.style import Picture
from kt_grid.report.overview import compare_note, summary_columns
from kt_grid.store.records import Origin, SearchRecord, SplitFacts
from kt_grid.store.results import STOPPED, SearchResults

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

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

_FOLDS_SHOWN = 5
_EMS_PER_CHARACTER, _LONGEST_WORD = 0.64, 25
_EMS_OF_A_REASON, _MOST_EMS = 13, 110
# What a small screen may put into a line of its own.
_PIECE = r"[^\s_]{1,12}_*|_+"

# A browser sorts and lays out so many rows at once.
_MOST_ROWS = 1000

_METHOD = (
    "A score is the model's on rows that it wasn't trained on, after the epoch it ended with. "
    "“Significantly worse” means that, on these rows, the combination is further behind the best "
    "mean than luck explains: in at most 5 % of searches is any combination called so that isn't "
    "worse, however many there are (a model confidence set, Hansen, Lunde and Nason 2011). All "
    "others may be as good. The values of an axis are compared in the same way, averaged over the "
    "other axes, at 5 % over all axes together. "
    "The standard error is the standard deviation (ddof=1) over the folds of one pass, divided by "
    "the root of their number; more passes over the same rows lower only what the seeds add to it. "
    "The column std has ddof=0. Bars on the axes' figures leave out what all values share "
    "on a fold. Selection bias, by how much the best mean is too good because it was chosen, is "
    "estimated by a parametric bootstrap of those that may be the best. What is expected on new "
    "rows assumes that they come from where these came from."
)


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What it shows.
        value: What it is sorted by; nothing sorts last.
        kind: CSS classes.
        wraps: Whether the text may be broken.
    """

    text: str
    value: str
    kind: str
    wraps: bool = True


@dataclass(frozen=True)
class Table:
    """A table that can be sorted.

    Attributes:
        heads: Its headings.
        rows: Its rows, each with its CSS class.
        folds_hidden: Whether the columns of the folds are hidden at first.
        ems: About how wide the others are, in widths of a letter m.
        least: The same of those that a small screen shows at first, where words are broken.
    """

    heads: Sequence[Cell]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    folds_hidden: bool
    ems: int
    least: int

    @property
    def is_tight(self) -> bool:
        """Whether a window of common width has no room for it unless words are broken."""
        return self.ems > _MOST_EMS


@dataclass(frozen=True)
class Tile:
    """A figure that stands out.

    Attributes:
        title: What it is.
        value: The figure.
        more: What belongs to it.
    """

    title: str
    value: str
    more: str


@cache
def template(file: str) -> "Template":
    """Read one of the templates beside this module; whatever it shows is escaped."""
    # The other formats needn't wait for it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Every second part is an option.
    environment.filters["split_options"] = lambda line: re.split(r"(--[a-z]+)", line)
    environment.filters["svg"] = _inline
    environment.filters["breakable"] = _breakable
    return environment.get_template(file)


def _inline(picture: Picture) -> "Markup":
    """A figure as inline SVG in the page's colours: the one thing that isn't escaped."""
    from markupsafe import Markup, escape

    svg = re.sub(r"<metadata>.*?</metadata>", "", picture.svg(), flags=re.DOTALL)
    svg = re.sub(r' (xmlns(:\w+)?|width|height|version)="[^"]*"', "", svg, count=5)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    described = f'<svg role="img" aria-label="{escape(picture.caption)}"'
    return Markup(svg.strip().replace("<svg", described, 1))  # noqa: S704 - matplotlib escapes


def _breakable(text: str) -> "Markup":
    """A text that may be broken where a small screen needs it."""
    from markupsafe import Markup, escape

    words = (map(escape, re.findall(_PIECE, word)) for word in text.split())
    return Markup(" ").join(Markup("<wbr>").join(pieces) for pieces in words)


def _search(subject: Subject) -> str:
    results, columns = subject.results, trial_columns("page", subject)
    combinations = [*ranked(subject)]
    left_out = max(0, len(combinations) - _MOST_ROWS)
    return fill(
        "search",
        f"{results.experiment} – kt-grid",  # noqa: RUF001 - a dash in a title
        results=results,
        verdict=subject.verdict,
        tiles=_tiles(subject.analysis),
        pictures=draw(subject.analysis, subject.published),
        shown=_table(columns, [(standing_class(row), row) for row in combinations[:_MOST_ROWS]]),
        left_out=left_out,
        details=run_details(results),
    )


def _searches(subjects: Sequence[Subject]) -> str:
    winners = sum(subject.verdict.kind == "winner" for subject in subjects)
    columns = summary_columns(subjects)
    return fill(
        "searches",
        f"{len(subjects)} searches, {winners or 'none'} with a clear winner",
        note=compare_note(subjects),
        pictures=draw_best([(s.analysis, s.published) for s in subjects]),
        shown=_table(columns, [("", subject) for subject in subjects]),
        searches=[
            {
                "name": subject.results.experiment,
                "verdict": subject.verdict,
                "pictures": _numbered(number, draw(subject.analysis, subject.published)),
            }
            for number, subject in enumerate(subjects)
        ],
    )


def fill(kind: str, title: str, **shown: Any) -> str:
    """Fill the template.

    Args:
        kind: Which of its pages.
        title: The page's title.
        shown: What that page shows.

    Returns:
        HTML; the same for the same values.
    """
    return template("page.html").render(kind=kind, title=title, method=_METHOD, **shown) + "\n"


def _numbered(number: int, pictures: Iterable[Picture]) -> list[Picture]:
    """Figures whose ids differ from those of the other searches in the page."""
    return [Picture(f"{number}-{p.name}", p.caption, p.figure) for p in pictures]


def _table(columns: Sequence[Column[Shown]], rows: Iterable[tuple[str, Shown]]) -> Table:
    """A table of rows, each with its CSS class."""
    cells = [(kind, [_cell(column, row) for column in columns]) for kind, row in rows]
    heads = [Cell(column.heading, "", _classes(column)) for column in columns]
    folds_hidden = sum(column.kind == "fold" for column in columns) > _FOLDS_SHOWN
    texts = {column: [row[at].text for _, row in cells] for at, column in enumerate(columns)}
    wide = [c for c in columns if not (folds_hidden and c.kind == "fold")]
    ems = sum(_ems(column, texts[column], r"\S+") for column in wide)
    least = sum(_ems(column, texts[column], _PIECE) for column in columns if column.matters)
    return Table(heads, cells, folds_hidden, round(ems), round(least))


def _ems(column: Column[Any], texts: Iterable[str], piece: str) -> float:
    """About how wide a column is in its own letters, where words are broken and numbers aren't."""
    words = [
        word for text in texts for word in (re.findall(piece, text) if _wraps(column) else [text])
    ]
    heading = re.findall(piece, column.heading)
    longest = max(map(len, [*words, *heading[:-1], f"{heading[-1]}  "]))
    ems = 1 + _EMS_PER_CHARACTER * min(longest, _LONGEST_WORD)
    return max(ems, _EMS_OF_A_REASON) if column.kind == "reason" else ems


def _cell(column: Column[Shown], row: Shown) -> Cell:
    value, text = column.value(row), column.text(row)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(text, str(value) if is_number else text, _classes(column), _wraps(column))


def _wraps(column: Column[Any]) -> bool:
    return column.kind in ("word", "reason")


def _classes(column: Column[Any]) -> str:
    return f"{column.kind} {'' if column.matters else 'detail'}".strip()


def standing_class(row: Row) -> str:
    """Name the CSS class of a trial's row."""
    if row.trial.status == STOPPED:
        # As faint as those that are significantly worse.
        return "worse"
    return row.trial.status.lower() if row.known is None else row.standing or "tied"


def _tiles(analysis: Analysis) -> list[Tile]:
    best = analysis.best
    if best is None:
        return []
    error = "" if best.error is None else f" ± {short(best.error)}"
    title = f"best mean {analysis.results.objective.name}"
    tiles = [(title, f"{short(best.trial.mean or 0.0)}{error}", name(best.trial.parameters))]
    expected = analysis.expected
    if expected is not None:
        interval = f"95 % interval {short(expected.low)} to {short(expected.high)}"
        tiles.append(("expected on new rows", f"about {short(expected.score)}", interval))
    if analysis.is_compared:
        worse, others = len(analysis.worse), len(analysis.compared) - 1
        rivals = "of the complete others" if analysis.pruned else "of the others"
        tied = f"{rivals}; {others - worse} may be as good" if worse < others else rivals
        tiles.append(("significantly worse", f"{worse} of {others}", tied))
    simplest = analysis.simplest
    if simplest is not None:
        mean = short(simplest.trial.mean or 0.0)
        cost = ""
        if analysis.cost is not None and simplest.behind > 0:
            cost = f"; expected to cost about {short(analysis.cost)}"
        more = f"{name(simplest.trial.parameters)}{cost}"
        tiles.append(("simplest within one error", mean, more))
    smoothed = analysis.smoothed
    if smoothed is not None and smoothed is not best:
        mean = short(smoothed.trial.mean or 0.0)
        tiles.append(("first after smoothing", mean, name(smoothed.trial.parameters)))
    if analysis.baseline is not None:
        beaten = f"{'' if analysis.baseline.is_beaten else 'not '}significantly worse than the best"
        tiles.append((f"always {analysis.baseline.answer}", short(analysis.baseline.mean), beaten))
    if analysis.optimism:
        title = f"selection bias (best of {len(analysis.compared)})"
        tiles.append((title, f"about {short(analysis.optimism)}", ""))
    return [Tile(*tile) for tile in tiles]


def run_details(results: SearchResults) -> dict[str, str]:
    """Collect what it takes to run a search again, as far as its search.json says it."""
    about, identity = results.about, results.about.identity
    details: dict[str, Any] = {
        "command": about.origin and about.origin.command,
        "objective": f"{results.objective.name}, {direction(results.objective)}",
        "folds": identity.cv or results.folds,
        "rows per fold": _rows_per_fold(about.splits),
        "seed": results.seed,
        "data": _data(about),
        "data digest": identity.data,
        "training": _listed(about.training),
        "engine": identity.engine,
        "versions": _versions(results),
    }
    return {name: str(value) for name, value in details.items() if value not in (None, "")}


def _versions(results: SearchResults) -> str:
    """The versions that the folds were trained under, each set of them once."""
    met = [versions for versions in results.versions if versions]
    return "; or ".join(_listed(versions) for versions in met or [results.about.versions])


def _rows_per_fold(splits: SplitFacts | None) -> str:
    rows = splits.split_rows if splits else ()
    kinds = sorted({f"{train} train, {test} held out" for train, test in rows})
    return "; ".join(kinds[:3]) + ("; …" if len(kinds) > 3 else "")


def _data(about: SearchRecord) -> str:
    origin = about.origin or Origin()
    parts = [] if origin.source is None else [origin.source]
    if about.identity.rows is not None:
        parts.append(f"{about.identity.rows} rows")
    if origin.target is not None:
        parts.append(f"target column {origin.target}")
    if origin.sample != 1:
        parts.append(f"a sample of {origin.sample:g}")
    return ", ".join(parts)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{n} {value}" for n, value in values.items())


HTML = TextFormat("html", _search, _searches)
