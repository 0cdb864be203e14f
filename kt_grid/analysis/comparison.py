"""How sure it is which trial of a search is the best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.choice import expected_cost, selection_bias, smoothed
from kt_grid.analysis.confidence_set import (
    LEVEL,
    ConfidenceSet,
    Outlook,
    confidence_set,
    estimate_noise,
    look_ahead,
)
from kt_grid.analysis.contenders import REST, compare_first, first_p_values, first_pass, scaled
from kt_grid.analysis.effects import AxisEffect, find_levels, main_effects
from kt_grid.analysis.measurement import Measurement, measure
from kt_grid.analysis.statistics import (
    VarianceParts,
    binomial_margin,
    noise_share,
    standard_error,
    student_margin,
    variance_parts,
)
from kt_grid.space.objective import is_accuracy
from kt_grid.store.results import SearchResults, TrialResult

Floats = npt.NDArray[np.float64]

Standing: TypeAlias = Literal["best", "tied", "worse"]

MORE_FOLDS = 10
_MOST_SMOOTHED = 2000


@dataclass(frozen=True)
class TrialAnalysis:
    """What the statistics say of one completed trial.

    Attributes:
        trial: The trial.
        error: Standard error of its mean; None for a single fold, or for splits in an order.
        behind: By how much its mean is worse than the best one.
        p: P-value of its being the best in truth, corrected for the number of trials; None if it
            can't be told, and for the best mean itself.
        fold_variance: Part of its scores' variance due to the folds; None without repeats.
        seed_variance: The part due to the seeds.
        is_unsteady: Whether it varies far more than the others: a fold collapsed or diverged.
    """

    trial: TrialResult
    error: float | None
    behind: float
    p: float | None
    fold_variance: float | None
    seed_variance: float | None
    is_unsteady: bool = False

    @property
    def is_worse(self) -> bool:
        """Whether it is significantly worse than the best."""
        return self.p is not None and self.p <= LEVEL


@dataclass(frozen=True)
class BaselineAnalysis:
    """The best trial against always giving the same answer.

    Attributes:
        answer: Which one, in words.
        mean: The baseline's mean over the splits.
        std: Its standard deviation, ddof=0.
        p: P-value of the baseline's being the best, as one more trial; None if it can't be told.
    """

    answer: str
    mean: float
    std: float
    p: float | None

    @property
    def is_beaten(self) -> bool:
        """Whether the best trial is significantly better."""
        return self.p is not None and self.p <= LEVEL


@dataclass(frozen=True)
class Expected:
    """What the best trial is expected to score on new rows.

    Attributes:
        score: Its mean without the selection bias.
        low: Lower end of an interval that holds it in 95 % of searches.
        high: The upper end.
    """

    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Analysis:
    """What the statistics say of a search.

    Attributes:
        results: The search.
        measurement: How its splits measure.
        trials: Its completed trials, in grid order.
        comparison: Of the trials with the best; None if there is nothing to compare.
        why_not: Why nothing is compared; None if it is, or if there are no two trials.
        simplest: The one-standard-error choice: of the contenders whose mean is within one standard
            error of the best, the one with the fewest weights, then the fewest optimizer
            steps, then the best mean. None without a standard error.
        cost: How much worse than the best that is expected to be.
        smoothed: The contender that is best once the grid's interactions are smoothed; None on
            grids of one axis, or of too few trials.
        baseline: None where there is none.
        optimism: Selection bias: by how much the best mean is likely to be too good because it was
            chosen; None if it can't be told.
        expected: The best trial's score on new rows; None if it can't be told.
        noise: Share of the variance between the trials' means that noise alone accounts for.
        effects: Main effect of each axis.
        told_apart: How far behind the best a combination of typical noise must be for a significant
            difference; None if it can't be told.
        outlook: What more folds or repeats would tell apart; None where nothing may be as good.
        dropped: The trials that had the first pass only, since they were significantly worse
            after it, with the scores of that pass and how far it left them behind.
    """

    results: SearchResults
    measurement: Measurement
    trials: tuple[TrialAnalysis, ...]
    comparison: ConfidenceSet | None
    why_not: str | None
    simplest: TrialAnalysis | None
    cost: float | None
    smoothed: TrialAnalysis | None
    baseline: BaselineAnalysis | None
    optimism: float | None
    expected: Expected | None
    noise: float | None
    effects: tuple[AxisEffect, ...]
    told_apart: float | None
    outlook: Outlook | None
    dropped: tuple[TrialAnalysis, ...] = ()

    @property
    def units(self) -> int:
        """Scores of a trial that count as measurements: splits, or folds if repeats share them."""
        return self.measurement.passes * self.measurement.folds

    @property
    def is_compared(self) -> bool:
        """Whether it can be told which trials are significantly worse."""
        told = self.comparison is not None and self.comparison.is_told
        return told or bool(self.dropped)

    @cached_property
    def best(self) -> TrialAnalysis | None:
        """The best trial, the first of equal ones."""
        return next((t for t in self.trials if t.trial.rank == 1), None)

    @cached_property
    def contenders(self) -> list[TrialAnalysis]:
        """The best trial and all not significantly different from it, in grid order."""
        return [trial for trial in self.trials if not trial.is_worse]

    @cached_property
    def worse(self) -> list[TrialAnalysis]:
        """The trials that are significantly worse than the best, the dropped ones at the end."""
        return [*(trial for trial in self.trials if trial.is_worse), *self.dropped]

    @cached_property
    def compared(self) -> list[TrialAnalysis]:
        """All trials that were compared, in grid order."""
        indices = {trial.trial_id: index for index, trial in enumerate(self.results.trials)}
        return sorted((*self.trials, *self.dropped), key=lambda t: indices[t.trial.trial_id])

    @cached_property
    def pruned(self) -> list[TrialResult]:
        """The trials that were given up and aren't compared, in grid order."""
        dropped = {trial.trial.trial_id for trial in self.dropped}
        return [trial for trial in self.results.given_up if trial.trial_id not in dropped]

    def standing(self, trial: TrialAnalysis) -> Standing | None:
        """Return how a trial stands to the best; None if that can't be told."""
        if trial is self.best:
            return "best"
        if trial.p is None:
            return None
        return "worse" if trial.is_worse else "tied"

    @cached_property
    def by_id(self) -> dict[str, TrialAnalysis]:
        """The trials by their ids."""
        return {trial.trial.trial_id: trial for trial in (*self.trials, *self.dropped)}


def analyse(results: SearchResults) -> Analysis:
    """Apply the statistics to a search, finished or not; what can't be known is None.

    Complete trials are compared: those that failed or were pruned are left out. Where the passes
    after the first were for some only, all are compared by the first one, and those that are
    complete by all.
    """
    completed, measurement = results.completed, measure(results)
    scores = np.array([t.scores for t in completed], dtype=np.float64).reshape(-1, results.splits)
    shaped = results.objective.sign * measurement.shaped(scores)
    possible = measurement.why_not is None
    screening = _screen(results)
    level = LEVEL if screening is None else REST
    comparison = (
        confidence_set(shaped, measurement.design, level)
        if possible and len(completed) > 1
        else None
    )
    told = comparison is not None and comparison.is_told
    trials = _trials(results, measurement, scores, comparison if told else None, level)
    kept = np.array([not t.is_worse for t in trials], dtype=np.bool_)
    simplest = _simplest(trials)
    # What one that collapsed varies by is nobody's luck.
    steady = kept & ~np.array([t.is_unsteady for t in trials], dtype=np.bool_)
    optimism = selection_bias(shaped[steady], measurement.design) if told else None
    if possible and len(completed) == 1:
        optimism = 0.0
    means = shaped.mean(axis=(1, 2))
    variance = None if comparison is None or not told else comparison.variance
    # Of the grid as a whole only the first pass is known.
    whole = screening or _Screening(results, measurement, shaped, comparison if told else None, ())
    return Analysis(
        results=results,
        measurement=measurement,
        trials=trials,
        comparison=comparison,
        why_not=_why_not(measurement, comparison),
        simplest=simplest,
        cost=_cost_of(simplest, trials, shaped, kept, measurement) if told else None,
        smoothed=None
        if variance is None or screening is not None
        else _smoothed(results, trials, means, variance, kept),
        baseline=_baseline(results, measurement, shaped) if completed else None,
        optimism=optimism,
        expected=_expected(results, measurement, trials, optimism),
        noise=whole.noise,
        effects=whole.effects,
        told_apart=comparison.needed if comparison is not None and told else None,
        outlook=look_ahead(shaped[kept], measurement.design, MORE_FOLDS, level)
        if told and kept.sum() > 1 and measurement.kind == "folds"
        else None,
        dropped=whole.dropped,
    )


@dataclass(frozen=True)
class _Screening:
    """All trials of a grid by what they all have: the first pass, if the others are for some only.

    Attributes:
        results: The search so far.
        measurement: How its splits measure.
        shaped: Scores, higher is better.
        comparison: Of all trials; None if nothing can be said.
        dropped: The trials that had no further pass.
    """

    results: SearchResults
    measurement: Measurement
    shaped: Floats
    comparison: ConfidenceSet | None
    dropped: tuple[TrialAnalysis, ...]

    @property
    def noise(self) -> float | None:
        """Share of the variance between the trials' means that noise alone accounts for."""
        if self.comparison is None:
            return None
        return noise_share(self.shaped.mean(axis=(1, 2)), self.comparison.variance)

    @property
    def effects(self) -> tuple[AxisEffect, ...]:
        """Main effect of each axis."""
        effects = main_effects(
            self.results.axes,
            [t.parameters for t in self.results.completed],
            self.shaped,
            self.measurement.design if self.comparison is not None else None,
            LEVEL,
        )
        return tuple(_as_scored(effect, self.results.objective.sign) for effect in effects)


def _screen(results: SearchResults) -> _Screening | None:
    """What the first pass says of all; None if the other passes weren't for some only.

    Nor by another metric than that by which they were chosen, which may have dropped the best.
    """
    chosen, objective = results.about.contenders, results.about.identity.objective
    if chosen is None or str(results.objective) != objective:
        return None
    first = first_pass(results)
    measurement, comparison = measure(first), compare_first(first)
    scores = np.array([t.scores for t in first.completed], dtype=np.float64)
    scores = scores.reshape(-1, first.splits)
    p = first_p_values(first)
    # It is written down what was dropped, whatever another version of a package would say.
    p |= {trial_id: min(p.get(trial_id, LEVEL), LEVEL) for trial_id in chosen.dropped}
    given_up = {trial.trial_id for trial in results.given_up}
    dropped = tuple(
        replace(trial, p=p[trial.trial.trial_id])
        for trial in _trials(first, measurement, scores, comparison)
        if trial.trial.trial_id in given_up and p[trial.trial.trial_id] <= LEVEL
    )
    shaped = first.objective.sign * measurement.shaped(scores)
    return _Screening(first, measurement, shaped, comparison, dropped)


def _why_not(measurement: Measurement, comparison: ConfidenceSet | None) -> str | None:
    if measurement.why_not is None and comparison is not None and not comparison.is_told:
        return "the scores show no noise at all, so that nothing says how large it is"
    return measurement.why_not


def _trials(
    results: SearchResults,
    measurement: Measurement,
    scores: Floats,
    comparison: ConfidenceSet | None,
    level: float = LEVEL,
) -> tuple[TrialAnalysis, ...]:
    completed = results.completed
    if not completed:
        return ()
    p = None if comparison is None else scaled(comparison.p, level)
    shaped = measurement.shaped(scores)
    means = results.objective.sign * shaped.mean(axis=(1, 2))
    errors: Sequence[float | None] = [None] * len(completed)
    if measurement.why_not is None:
        overlap = measurement.design.overlap if measurement.kind == "random" else 0.0
        errors = standard_error(shaped, overlap).tolist()
    parts = _parts(results, measurement, scores)
    best = results.best
    return tuple(
        TrialAnalysis(
            trial=trial,
            error=errors[i],
            behind=float(means.max() - means[i]),
            p=None if p is None or trial is best else _known(p[i]),
            fold_variance=float(parts.fold[i]) if parts else None,
            seed_variance=float(parts.seed[i]) if parts else None,
            is_unsteady=comparison is not None and bool(comparison.unsteady[i]),
        )
        for i, trial in enumerate(completed)
    )


def _known(p: float) -> float | None:
    return None if np.isnan(p) else float(p)


def _parts(
    results: SearchResults, measurement: Measurement, scores: Floats
) -> VarianceParts | None:
    folds = results.folds
    if not results.has_repeats or folds < 2 or measurement.kind != "folds":
        return None
    shaped = scores.reshape(len(scores), results.repeats, folds)
    return variance_parts(shaped, fresh_folds=measurement.passes > 1)


def _simplest(trials: Sequence[TrialAnalysis]) -> TrialAnalysis | None:
    error = next((t.error for t in trials if t.trial.rank == 1), None)
    if error is None:
        return None
    return min((t for t in trials if t.behind <= error and not t.is_worse), key=_size)


def _size(trial: TrialAnalysis) -> tuple[float, float, float]:
    weights, steps = trial.trial.weights, trial.trial.steps
    unknown = float("inf")
    return (
        unknown if weights is None else weights,
        unknown if steps is None else steps,
        trial.behind,
    )


def _cost_of(
    chosen: TrialAnalysis | None,
    trials: Sequence[TrialAnalysis],
    shaped: Floats,
    kept: npt.NDArray[np.bool_],
    measurement: Measurement,
) -> float | None:
    contenders = [trial for trial in trials if not trial.is_worse]
    if chosen is None or len(contenders) < 2:
        return None
    noise = estimate_noise(shaped[kept], measurement.design)
    if noise is None:
        return chosen.behind
    index = next(i for i, trial in enumerate(contenders) if trial is chosen)
    return expected_cost(shaped[kept].mean(axis=(1, 2)), noise, index)


def _smoothed(
    results: SearchResults,
    trials: Sequence[TrialAnalysis],
    means: Floats,
    variance: Floats,
    kept: npt.NDArray[np.bool_],
) -> TrialAnalysis | None:
    chosen = [t.trial.parameters for t in trials]
    found = [find_levels(axis, chosen) for axis in results.axes]
    levels = [indices for values, indices in found if len(values) > 1]
    if len(levels) < 2 or sum(len(values) for values, _ in found) > _MOST_SMOOTHED:
        return None
    drawn = smoothed(means, levels, float(np.nanmean(variance)))
    return None if drawn is None else trials[int(np.argmax(np.where(kept, drawn, -np.inf)))]


def _baseline(
    results: SearchResults, measurement: Measurement, shaped: Floats
) -> BaselineAnalysis | None:
    if results.baseline is None:
        return None
    is_class = is_accuracy(results.objective)
    answer = "the most frequent class" if is_class else "the mean of the training rows"
    scores = np.array([results.baseline], dtype=np.float64)
    mean, std = float(scores.mean()), float(scores.std())
    if measurement.why_not is not None:
        return BaselineAnalysis(answer, mean, std, None)
    one_more = results.objective.sign * measurement.shaped(scores)
    found = confidence_set(np.concatenate([shaped, one_more]), measurement.design, LEVEL)
    return BaselineAnalysis(answer, mean, std, _known(found.p[-1]))


def _expected(
    results: SearchResults,
    measurement: Measurement,
    trials: Sequence[TrialAnalysis],
    optimism: float | None,
) -> Expected | None:
    best = next((t for t in trials if t.trial.rank == 1), None)
    if best is None or best.trial.mean is None or best.error is None or optimism is None:
        return None
    score = best.trial.mean - results.objective.sign * optimism
    margin = student_margin(best.error, measurement.folds)
    share = is_accuracy(results.objective)
    if share and measurement.rows_are_held_out_once:
        # Rows that are right or wrong say more of the error than a few folds do.
        margin = binomial_margin(score, measurement.rows or 0)
    if margin == 0:
        return None
    low, high = score - margin, score + margin
    return Expected(score, max(low, 0.0), min(high, 1.0)) if share else Expected(score, low, high)


def _as_scored(effect: AxisEffect, sign: int) -> AxisEffect:
    """An effect with means as people know them."""
    return effect if sign > 0 else replace(effect, means=tuple(-mean for mean in effect.means))
