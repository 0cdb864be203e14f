"""How sure it is which trial of a search is the best."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.effects import AxisEffect, main_effects
from kt_grid.analysis.statistics import (
    VarianceParts,
    compare_with_best,
    corrected_t_test,
    estimate_optimism,
    noise_share,
    smallest_told_apart,
    standard_error,
    variance_parts,
)
from kt_grid.space.objective import is_accuracy
from kt_grid.store.results import SearchResults, TrialResult

Floats = npt.NDArray[np.float64]

Standing: TypeAlias = Literal["best", "tied", "worse"]

LEVEL = 0.05


@dataclass(frozen=True)
class TrialAnalysis:
    """What the statistics say of one completed trial.

    Attributes:
        trial: The trial.
        error: Standard error of its mean; None for a single fold.
        behind: By how much its mean is worse than the best one.
        p: P-value of the comparison with the best trial, corrected; None if it can't be made, and
            for the best itself.
        fold_variance: Part of its scores' variance due to the folds; None without repeats.
        seed_variance: The part due to the seeds.
    """

    trial: TrialResult
    error: float | None
    behind: float
    p: float | None
    fold_variance: float | None
    seed_variance: float | None

    @property
    def is_worse(self) -> bool:
        """Whether it is significantly worse than the best."""
        return self.p is not None and self.p <= LEVEL


@dataclass(frozen=True)
class BaselineAnalysis:
    """The best trial against always answering the majority class.

    Attributes:
        mean: The baseline's mean over the splits.
        std: Its standard deviation, ddof=0.
        p: One-sided p-value of the best trial being better, times the number of trials; None for
            a single fold.
    """

    mean: float
    std: float
    p: float | None

    @property
    def is_beaten(self) -> bool:
        """Whether the best trial is significantly better."""
        return self.p is not None and self.p <= LEVEL


@dataclass(frozen=True)
class Analysis:
    """What the statistics say of a search.

    Attributes:
        results: The search.
        trials: Its completed trials, in grid order.
        units: Independent measurements of each trial: its splits, or the folds where all repeats
            have the same ones.
        simplest: The one-standard-error choice: of the trials whose mean is within one standard
            error of the best, the one with the fewest weights, then the fewest optimizer
            steps, then the best mean. None without a standard error.
        baseline: None where there is none.
        optimism: Selection bias: by how much the best mean is likely to be too good because it was
            chosen; None for a single fold.
        noise: Share of the variance between the trials' means that noise alone accounts for.
        effects: Main effect of each axis.
        told_apart: How far behind the best a combination must be for a significant difference;
            None for a single fold or trial.
    """

    results: SearchResults
    trials: tuple[TrialAnalysis, ...]
    units: int
    simplest: TrialAnalysis | None
    baseline: BaselineAnalysis | None
    optimism: float | None
    noise: float | None
    effects: tuple[AxisEffect, ...]
    told_apart: float | None

    @cached_property
    def best(self) -> TrialAnalysis | None:
        """The best trial, the first of equal ones."""
        return next((t for t in self.trials if t.trial.rank == 1), None)

    @cached_property
    def contenders(self) -> list[TrialAnalysis]:
        """The best trial and all not significantly different from it, in grid order."""
        return [trial for trial in self.trials if not trial.is_worse]

    def standing(self, trial: TrialAnalysis) -> Standing | None:
        """Return how a trial stands to the best; None if a single fold can't say it."""
        if trial is self.best:
            return "best"
        if trial.p is None:
            return None
        return "worse" if trial.is_worse else "tied"

    @cached_property
    def by_id(self) -> dict[str, TrialAnalysis]:
        """The trials by their ids."""
        return {trial.trial.trial_id: trial for trial in self.trials}


def analyse(results: SearchResults) -> Analysis:
    """Apply the statistics to a search, finished or not; what can't be known is None."""
    completed = results.completed
    scores = np.array([t.scores for t in completed], dtype=np.float64).reshape(-1, results.splits)
    units = _units(results, scores)
    trials = _trials(results, scores, units)
    several = len(completed) > 0 and units.shape[1] > 1
    return Analysis(
        results=results,
        trials=trials,
        units=units.shape[1],
        simplest=_simplest(trials),
        baseline=_baseline(results, units) if completed else None,
        optimism=estimate_optimism(results.objective.sign * units) if several else None,
        noise=noise_share(units),
        effects=main_effects(results.axes, [t.parameters for t in completed], units),
        told_apart=_told_apart(results, units) if several else None,
    )


def _units(results: SearchResults, scores: Floats) -> Floats:
    """One column per independent measurement."""
    if results.fresh_folds:
        return scores
    folds: Floats = scores.reshape(len(scores), results.repeats, results.folds).mean(axis=1)
    return folds


def _trials(results: SearchResults, scores: Floats, units: Floats) -> tuple[TrialAnalysis, ...]:
    completed = results.completed
    if not completed:
        return ()
    signed = results.objective.sign * units
    behind = signed.mean(axis=1).max() - signed.mean(axis=1)
    errors: Sequence[float | None] = [None] * len(completed)
    p: Sequence[float | None] = [None] * len(completed)
    if units.shape[1] > 1:
        errors = standard_error(units).tolist()
        given_up = len(results.given_up)
        p = compare_with_best(signed, results.test_ratio, _resolution(results), given_up).tolist()
    parts = _parts(results, scores)
    best = results.best
    return tuple(
        TrialAnalysis(
            trial=trial,
            error=errors[i],
            behind=float(behind[i]),
            p=None if trial is best else p[i],
            fold_variance=float(parts.fold[i]) if parts else None,
            seed_variance=float(parts.seed[i]) if parts else None,
        )
        for i, trial in enumerate(completed)
    )


def _told_apart(results: SearchResults, units: Floats) -> float | None:
    signed = results.objective.sign * units
    return smallest_told_apart(signed, results.test_ratio, LEVEL, len(results.given_up))


def _parts(results: SearchResults, scores: Floats) -> VarianceParts | None:
    if not results.has_repeats or results.folds < 2:
        return None
    shaped = scores.reshape(len(scores), results.repeats, results.folds)
    return variance_parts(shaped, fresh_folds=results.fresh_folds)


def _resolution(results: SearchResults) -> float:
    """The step in which an accuracy comes; other scores have none that is known."""
    rows = results.test_rows
    if not is_accuracy(results.objective) or not rows:
        return 0.0
    repeats = 1 if results.fresh_folds else results.repeats
    return 1 / (rows * repeats)


def _simplest(trials: Sequence[TrialAnalysis]) -> TrialAnalysis | None:
    error = next((t.error for t in trials if t.trial.rank == 1), None)
    if error is None:
        return None
    return min((t for t in trials if t.behind <= error), key=_cost)


def _cost(trial: TrialAnalysis) -> tuple[float, float, float]:
    weights, steps = trial.trial.weights, trial.trial.steps
    unknown = float("inf")
    return (
        unknown if weights is None else weights,
        unknown if steps is None else steps,
        trial.behind,
    )


def _baseline(results: SearchResults, units: Floats) -> BaselineAnalysis | None:
    if results.baseline is None:
        return None
    scores = np.array([results.baseline], dtype=np.float64)
    ours = units.mean(axis=1).argmax()
    differences = units[[ours]] - _units(results, scores)
    mean, std = float(scores.mean()), float(scores.std())
    if differences.shape[1] < 2:
        return BaselineAnalysis(mean, std, None)
    test = corrected_t_test(differences, results.test_ratio, _resolution(results))
    one_sided = test.p[0] / 2 if test.t[0] > 0 else 1 - test.p[0] / 2
    chances = len(units) + len(results.given_up)
    return BaselineAnalysis(mean, std, float(min(one_sided * chances, 1.0)))
