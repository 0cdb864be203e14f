"""How a search was run, for people: from what its search.json says."""

from collections.abc import Mapping
from typing import Any

from kt_grid.store.results import SearchResults


def run_facts(results: SearchResults) -> dict[str, str]:
    """Collect what it takes to run a search again.

    Args:
        results: The search.

    Returns:
        Plain texts by name, for what search.json says.
    """
    about = results.about
    facts: dict[str, Any] = {
        "command": about.get("command"),
        "objective": f"{results.objective.name}, {_direction(results)}",
        "folds": about.get("cv", results.folds),
        "rows per fold": _rows_per_fold(about),
        "seed": results.seed,
        "data": _data(about),
        "data digest": about.get("data"),
        "training": _listed(about.get("fit", {})),
        "engine": about.get("engine"),
        "versions": _listed(about.get("versions", {})),
    }
    return {fact: str(value) for fact, value in facts.items() if value not in (None, "")}


def _direction(results: SearchResults) -> str:
    return "more is better" if results.objective.direction == "max" else "less is better"


def _rows_per_fold(about: Mapping[str, Any]) -> str:
    rows = about.get("split_rows") or []
    kinds = sorted({f"{train} train, {test} held out" for train, test in rows})
    return "; ".join(kinds[:3]) + ("; …" if len(kinds) > 3 else "")


def _data(about: Mapping[str, Any]) -> str:
    parts = [str(about["source"])] if "source" in about else []
    if "rows" in about:
        parts.append(f"{about['rows']} rows")
    if "target" in about:
        parts.append(f"target column {about['target']}")
    if about.get("sample", 1) != 1:
        parts.append(f"a sample of {about['sample']:g}")
    return ", ".join(parts)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{n} {value}" for n, value in values.items())
