"""How a search was run, for people: from what its search.json says."""

from collections.abc import Mapping
from typing import Any

from kt_grid.store.records import Origin, SearchRecord, SplitFacts
from kt_grid.store.results import SearchResults


def run_facts(results: SearchResults) -> dict[str, str]:
    """Collect what it takes to run a search again.

    Args:
        results: The search.

    Returns:
        Plain texts by name, for what search.json says.
    """
    about, identity = results.about, results.about.identity
    facts: dict[str, Any] = {
        "command": about.origin and about.origin.command,
        "objective": f"{results.objective.name}, {_direction(results)}",
        "folds": identity.cv or results.folds,
        "rows per fold": _rows_per_fold(about.splits),
        "seed": results.seed,
        "data": _data(about),
        "data digest": identity.data,
        "training": _listed(identity.fit),
        "engine": identity.engine,
        "versions": _listed(about.versions),
    }
    return {fact: str(value) for fact, value in facts.items() if value not in (None, "")}


def _direction(results: SearchResults) -> str:
    return "more is better" if results.objective.direction == "max" else "less is better"


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
