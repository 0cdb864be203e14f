"""One pass over all trials, further passes over those that may be the best after it.

Trials of unequal numbers of passes are compared in two steps: all of them by the first pass, then
those that are left by all passes that they have. Each step has a share of the level, so that both
together are wrong no more often than one comparison. The first has the smaller one: what it keeps
costs some trainings, while what it drops is lost.
"""

from dataclasses import replace

import numpy as np

from kt_grid.analysis.confidence_set import LEVEL, ConfidenceSet, confidence_set
from kt_grid.analysis.measurement import measure
from kt_grid.store.results import COMPLETED, SearchResults, TrialResult
from kt_grid.store.trials import summarise

FIRST, REST = 0.01, 0.04


def first_pass(results: SearchResults) -> SearchResults:
    """Return a search as it was after its first pass.

    Args:
        results: A search of one or more passes.

    Returns:
        The trials that have all scores of the first pass, completed, and without ranks.
    """
    folds, about = results.folds, results.about
    facts = about.splits
    if facts is not None:
        baseline = None if facts.baseline is None else facts.baseline[:folds]
        facts = replace(
            facts, split_rows=facts.split_rows[:folds], fresh_folds=True, baseline=baseline
        )
    identity = replace(about.identity, folds=folds, splits=about.identity.splits[:folds])
    begun = (_first_of(trial, folds) for trial in results.trials)
    return replace(
        results,
        splits=folds,
        repeats=1,
        trials=tuple(trial for trial in begun if trial is not None),
        about=replace(about, repeats=1, splits=facts, identity=identity),
    )


def _first_of(trial: TrialResult, folds: int) -> TrialResult | None:
    scores = (trial.scores or tuple(trial.first_scores))[:folds]
    if len(scores) < folds:
        return None
    mean, std = summarise(dict(enumerate(scores)))
    return replace(
        trial, status=COMPLETED, scores=scores, mean=mean, std=std, rank=None, partial_scores=()
    )


def compare_first(first: SearchResults) -> ConfidenceSet | None:
    """Compare the trials by the first pass, at its share of the level.

    Args:
        first: What `first_pass` returned.

    Returns:
        The comparison; None if there is nothing to compare, or no way to do it.
    """
    measurement = measure(first)
    if len(first.completed) < 2 or measurement.why_not is not None:
        return None
    scores = np.array([trial.scores for trial in first.completed], dtype=np.float64)
    shaped = first.objective.sign * measurement.shaped(scores)
    found = confidence_set(shaped, measurement.design, FIRST)
    return found if found.is_told else None


def first_p_values(first: SearchResults) -> dict[str, float]:
    """Return the p-value of each trial's being the best by the first pass.

    They are scaled so that they are read at the level of the whole.

    Args:
        first: What `first_pass` returned.

    Returns:
        P-values by trial id; 1 for all where nothing can be said.
    """
    found = compare_first(first)
    ids = [trial.trial_id for trial in first.completed]
    if found is None:
        return dict.fromkeys(ids, 1.0)
    return dict(zip(ids, scaled(found.p, FIRST).tolist(), strict=True))


def scaled(p: np.typing.NDArray[np.float64], level: float) -> np.typing.NDArray[np.float64]:
    """P-values of a step as they are read at the level of the whole; NaN stays."""
    result: np.typing.NDArray[np.float64] = np.minimum(p * (LEVEL / level), 1.0)
    return result
