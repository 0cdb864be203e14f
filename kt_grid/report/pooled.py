"""The best trial by all its held-out rows at once, as text, Markdown, JSON or a page."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kt_grid.analysis.pooled import Meaning, Pooled, pool
from kt_grid.errors import PredictionError, UsageError, printable
from kt_grid.report.page import fill
from kt_grid.report.tables import aligned, escaped, markdown
from kt_grid.store.directory import SearchStore
from kt_grid.store.held_out import read_predictions
from kt_grid.store.results import SearchResults, TrialResult

_CRITERIA = {
    "threshold": "maximises Youden's J, the true positive rate minus the false positive rate"
}


@dataclass(frozen=True)
class PooledBest:
    """The best trial of a search and the figures of all its held-out rows.

    Attributes:
        results: The search.
        trial: Its best trial.
        pooled: The figures.
    """

    results: SearchResults
    trial: TrialResult
    pooled: Pooled

    @property
    def headline(self) -> str:
        """What the figures are of."""
        return f"All {self.pooled.rows} held-out predictions of {self.trial.parameters}"

    @property
    def classes(self) -> list[str]:
        """The names of the classes, where the data had names; else their numbers."""
        return [self._name(number) for number in self.pooled.classes]

    def _name(self, number: Any) -> str:
        names = self.results.about.labels
        if not isinstance(number, int | float):
            return str(number)
        return str(names[int(number)]) if number in range(len(names)) else f"{number:g}"

    @property
    def figures(self) -> dict[str, str]:
        """The figures for people, with what was optimised in choosing one."""
        return {
            name: f"{value:f} ({_CRITERIA[name]})" if name in _CRITERIA else f"{value:f}"
            for name, value in self.pooled.figures.items()
        }

    @property
    def matrix(self) -> list[list[str]]:
        """The confusion matrix with its head; nothing without classes."""
        return _matrix(self.classes, self.pooled)


def pool_best(
    store: SearchStore,
    results: SearchResults,
    meaning_of: Callable[[TrialResult], Meaning | None] = lambda _: None,
) -> PooledBest:
    """Compute the figures of the best trial's held-out rows.

    Args:
        store: The search's directory.
        results: Its results.
        meaning_of: Tells what the outputs of a trial's models mean, if that is known.

    Returns:
        The trial and its figures.

    Raises:
        PredictionError: If no trial is completed, or the predictions weren't kept.
    """
    best = results.best
    if best is None:
        raise PredictionError(f"Expected a completed trial in {store.root}. Received: none")
    held_out = read_predictions(store, best.trial_id, results.splits)
    return PooledBest(results, best, pool(held_out, meaning_of(best)))


def render_evaluation(source: str, evaluated: Pooled) -> str:
    """Render the figures of a model on new rows.

    Args:
        source: Where the rows come from.
        evaluated: The figures, with the names of the classes.

    Returns:
        Text that ends with a line break.
    """
    lines = [
        printable(f"{evaluated.rows} rows of {source}"),
        *(f"{name}: {value:f}" for name, value in evaluated.figures.items()),
        *aligned(_matrix([*evaluated.classes], evaluated)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _matrix(names: Sequence[str], pooled: Pooled) -> list[list[str]]:
    if not names:
        return []
    head = ["class", *(f"predicted {name}" for name in names)]
    counts = zip(names, pooled.confusion, strict=True)
    return [head, *([name, *map(str, row)] for name, row in counts)]


def render_pooled(found: Iterable[PooledBest], style: str = "text") -> str:
    """Render the figures of the best trials of one or several searches.

    Args:
        found: The best trials.
        style: One of `FORMATS`.

    Returns:
        Text that ends with a line break.

    Raises:
        UsageError: If there is no such format of these figures.
    """
    if style not in FORMATS:
        raise UsageError(
            f"Expected --format with --pooled to be one of {', '.join(FORMATS)}. Received: {style}"
        )
    return FORMATS[style]([*found])


def _text(found: Sequence[PooledBest]) -> str:
    blocks = []
    for best in found:
        figures = [f"{name}: {text}" for name, text in best.figures.items()]
        matrix = aligned(best.matrix) if best.matrix else []
        lines = [printable(best.headline), *figures, *matrix]
        blocks.append("".join(f"{line}\n" for line in lines))
    return "\n".join(blocks)


def _markdown(found: Sequence[PooledBest]) -> str:
    blocks = []
    for best in found:
        figures = [f"- {name}: {text}" for name, text in best.figures.items()]
        matrix = ["", *markdown(best.matrix)] if best.matrix else []
        lines = [f"**{escaped(best.headline)}**", "", *figures, *matrix]
        blocks.append("".join(f"{line}\n" for line in lines))
    return "\n".join(blocks)


def _json(found: Sequence[PooledBest]) -> str:
    """One object for one search, a list of them for several."""
    documents = [_document(best) for best in found]
    shown = documents[0] if len(documents) == 1 else documents
    return json.dumps(shown, indent=2, allow_nan=False) + "\n"


def _document(best: PooledBest) -> dict[str, Any]:
    figures = best.pooled.figures
    return {
        "experiment": best.results.experiment,
        "trial_id": best.trial.trial_id,
        "parameters": best.trial.parameters,
        "predictions": best.pooled.rows,
        "figures": {n: value if math.isfinite(value) else None for n, value in figures.items()},
        "criteria": {name: text for name, text in _CRITERIA.items() if name in figures},
        "classes": best.classes,
        "confusion_matrix": [list(row) for row in best.pooled.confusion],
    }


def _html(found: Sequence[PooledBest]) -> str:
    searches = [
        {
            "name": best.results.experiment,
            "headline": best.headline,
            "figures": best.figures,
            "matrix": best.matrix,
        }
        for best in found
    ]
    return fill("pooled", "Held-out predictions", searches=searches)


FORMATS: Mapping[str, Callable[[Sequence[PooledBest]], str]] = {
    "text": _text,
    "table": _text,
    "markdown": _markdown,
    "json": _json,
    "html": _html,
}
