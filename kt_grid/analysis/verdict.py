"""What an analysis means, in plain words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeAlias

from kt_grid.analysis.comparison import MORE_FOLDS, Analysis, TrialAnalysis
from kt_grid.analysis.confidence_set import LEVEL
from kt_grid.analysis.contenders import FIRST, REST
from kt_grid.analysis.effects import AxisEffect
from kt_grid.analysis.vocabulary import PYTHON, Vocabulary
from kt_grid.analysis.wording import are, count, direction, name, percent, short
from kt_grid.analysis.zoom import propose_zoom
from kt_grid.space.objective import is_accuracy
from kt_grid.space.scales import numbers_of
from kt_grid.store.results import SearchResults

Kind: TypeAlias = Literal["winner", "tied", "unknown"]

_LISTED = 5
_FEWEST = 2
_REPEATS = 5
_FEW_ROWS = 400
_NOISIER = 9
_ALL = 0.995  # is written as 100 %
_WORTHWHILE = 0.9
_ROUNDING = 1e-6  # of single precision


@dataclass(frozen=True)
class Verdict:
    """What a search shows, and how sure that is.

    Attributes:
        kind: "winner" if every other combination is significantly worse, "tied" if some
            may be as good or were pruned, "unknown" if nothing can be said.
        headline: One sentence.
        findings: Further sentences.
        advice: What to do next.
    """

    kind: Kind
    headline: str
    findings: tuple[str, ...]
    advice: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return all of it, one sentence or two per line."""
        return [self.headline, *self.findings, *(f"Next: {step}" for step in self.advice)]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def judge(analysis: Analysis, words: Vocabulary = PYTHON) -> Verdict:
    """Put an analysis into words; nothing is called worse that isn't significantly so.

    Args:
        analysis: What the statistics say of a search.
        words: How advice names arguments: as Python does, or as the command line.

    Returns:
        What it shows and what to do next.
    """
    best = analysis.best
    if best is None:
        return Verdict("unknown", _nothing(analysis.results), (), tuple(_advice(analysis, words)))
    kind = _kind(analysis)
    headline = _progress(analysis.results) + _headline(analysis, best, kind)
    findings = tuple(_findings(analysis, best, words))
    return Verdict(kind, headline, findings, tuple(_advice(analysis, words)))


def _nothing(results: SearchResults) -> str:
    if results.failed:
        return f"No result: {_all(len(results.failed), results.total)} failed."
    return f"No result yet: none of {count(results.total, 'combination')} is finished."


def _all(number: int, total: int) -> str:
    if number == total > 1:
        return f"all {total} combinations"
    return f"{number} of {total} combinations"


def _progress(results: SearchResults) -> str:
    if results.complete:
        return ""
    return f"So far ({results.finished} of {results.total} combinations finished): "


def _kind(analysis: Analysis) -> Kind:
    if len(analysis.compared) == 1 or not analysis.is_compared:
        return "unknown"
    alone = len(analysis.contenders) == 1 and not analysis.pruned
    return "winner" if alone else "tied"


def _headline(analysis: Analysis, best: TrialAnalysis, kind: Kind) -> str:
    called, mean = name(best.trial.parameters), short(best.trial.mean or 0.0)
    metric = analysis.results.objective.name
    others, worse = len(analysis.compared) - 1, len(analysis.worse)
    if others == 0:
        return (
            f"Nothing to compare: {called} is the only {_complete(analysis)}result, with a mean "
            f"{metric} of {mean}."
        )
    if kind == "unknown":
        return (
            f"No winner can be named: {called} has the best mean {metric}, {mean}, but "
            f"{analysis.why_not}."
        )
    takes = f"Take {called}: it has" if analysis.results.complete else f"{called} has"
    best_mean = f"{takes} the best mean {metric}, {mean}"
    complete = _complete(analysis)
    if worse == others:
        rivals = f"the other {complete}one" if others == 1 else f"all {others} {complete}others"
        return f"{best_mean}, and is significantly better than {rivals}."
    if worse == 0:
        rivals = (
            f"the other {complete}one" if others == 1 else f"each of the {others} {complete}others"
        )
        return f"{best_mean}, but {rivals} may be as good."
    return (
        f"{best_mean}. {worse} of the {others} {complete}others {are(worse)} significantly worse; "
        f"the other {others - worse if others - worse > 1 else 'one'} may be as good."
    )


def _findings(analysis: Analysis, best: TrialAnalysis, words: Vocabulary) -> Iterator[str]:
    objective = analysis.results.objective
    yield f"Objective: mean {objective.name} over the folds, {direction(objective)}."
    yield from _expected(analysis, best)
    yield from _standings(analysis, best)
    yield from _simplest(analysis, best)
    yield from _smoothed(analysis, best)
    yield from _baseline(analysis)
    yield from _axes(analysis, best)
    yield from _variance(analysis)
    yield from _passes(analysis)
    yield from _cautions(analysis)
    yield from _racing(analysis, words)
    failed = analysis.results.failed
    if failed:
        yield f"{count(len(failed), 'combination')} failed and {are(len(failed))} left out."


def _expected(analysis: Analysis, best: TrialAnalysis) -> Iterator[str]:
    """What the best is worth on new rows, as far as the splits say it."""
    expected, tried = analysis.expected, len(analysis.compared)
    if expected is not None and analysis.optimism is not None:
        low, high = short(expected.low), short(expected.high)
        text = f"On new rows expect about {short(expected.score)} (95 % interval {low} to {high})"
        if tried > 1:
            which = f"best of {tried}{' complete ones' if analysis.pruned else ''}"
            text += f"; selection bias ({which}): about {short(analysis.optimism)}"
        yield f"{text}."
    elif best.error is not None:
        folds = count(analysis.units, "fold")
        yield f"The standard error of this mean, over {folds}, is {short(best.error)}."


def _standings(analysis: Analysis, best: TrialAnalysis) -> Iterator[str]:
    if not analysis.is_compared:
        return
    if analysis.worse and len(analysis.worse) < len(analysis.compared) - 1:
        yield f"Significantly worse: {_listed(analysis.worse)}."
    tied = [t for t in analysis.contenders if t is not best]
    if not tied:
        return
    needed = analysis.told_apart
    setting = f"With {count(analysis.units, 'fold')}"
    if analysis.worse:
        yield f"May be as good: {_listed(tied)}."
    if needed is None:
        return
    if is_accuracy(analysis.results.objective) and needed >= 1:
        if not analysis.worse:
            yield f"{setting}, no difference at all would be significant for typical noise."
    else:
        yield (
            f"{setting}, a difference of about {needed:.2g} would be significant for a "
            "combination of typical noise."
        )


def _listed(trials: Sequence[TrialAnalysis]) -> str:
    nearest = sorted(trials, key=lambda t: t.behind)
    shown = "; ".join(name(t.trial.parameters) for t in nearest[:_LISTED])
    return f"{shown}; and {len(trials) - _LISTED} more" if len(trials) > _LISTED else shown


def _simplest(analysis: Analysis, best: TrialAnalysis) -> Iterator[str]:
    simplest = analysis.simplest
    if simplest is None or len(analysis.compared) == 1 or best.trial.weights is None:
        return
    if simplest is best:
        yield "No simpler one is within one standard error of it."
        return
    trial = simplest.trial
    steps = f", {trial.steps:,} training steps" if trial.steps else ""
    cost = ""
    if analysis.cost is not None and simplest.behind > 0:
        cost = f", expected to cost about {short(analysis.cost)}"
    yield (
        f"Simpler, and within one standard error of it: {name(trial.parameters)} "
        f"({trial.weights:,} weights{steps}, {short(trial.mean or 0.0)}){cost}."
    )


def _smoothed(analysis: Analysis, best: TrialAnalysis) -> Iterator[str]:
    smoothed = analysis.smoothed
    if smoothed is None:
        return
    if smoothed is best:
        yield "It is the best after smoothing over the grid, too."
    else:
        yield (
            f"Smoothed over the grid, which noise misleads less, {name(smoothed.trial.parameters)} "
            f"({short(smoothed.trial.mean or 0.0)}) comes first."
        )


def _baseline(analysis: Analysis) -> Iterator[str]:
    baseline, best = analysis.baseline, analysis.best
    if baseline is None or best is None or best.trial.mean is None:
        return
    rival = f"always answering {baseline.answer} ({short(baseline.mean)})"
    sign = analysis.results.objective.sign
    if baseline.is_beaten:
        yield f"It is significantly better than {rival}."
    elif sign * (best.trial.mean - baseline.mean) > _ROUNDING * max(1.0, abs(baseline.mean)):
        yield f"It is better than {rival}, but not significantly."
    else:
        yield f"It is no better than {rival}."


def _axes(analysis: Analysis, best: TrialAnalysis) -> Iterator[str]:
    effects = [effect for effect in analysis.effects if len(effect.values) > 1]
    if len(effects) > 1:
        for effect in effects:
            yield from _worse_values(effect, analysis, best)
        alike = [e.axis.name for e in effects if e.worse and not any(e.worse)]
        if alike:
            yield f"No significant difference between the values, on average, of {_all_of(alike)}."
        ordered = sorted(effects, key=lambda effect: -effect.share)
        shares = ", ".join(f"{e.axis.name} {percent(e.share)}" for e in ordered)
        yield f"Share of the variance between combinations that an axis explains: {shares}."
    if analysis.noise is not None and not (analysis.worse and analysis.noise >= _ALL):
        share = percent(analysis.noise)
        yield f"Noise alone would explain about {share} of the variance between combinations."


def _all_of(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _worse_values(effect: AxisEffect, analysis: Analysis, best: TrialAnalysis) -> Iterator[str]:
    """Which values of an axis are significantly worse than its best, averaged over the others."""
    worse = [i for i, is_worse in enumerate(effect.worse) if is_worse]
    if not worse:
        return
    sign = analysis.results.objective.sign
    top = max(range(len(effect.means)), key=lambda i: sign * effect.means[i])
    shown = sorted(worse, key=lambda i: -sign * effect.means[i])[:_LISTED]
    axis = effect.axis.name
    values = ", ".join(str(effect.values[i]) for i in shown)
    more = f" and {len(worse) - _LISTED} more" if len(worse) > _LISTED else ""
    means = ", ".join(short(effect.means[i]) for i in shown)
    text = (
        f"Averaged over the other axes, {axis}={values}{more} {are(len(worse))} significantly "
        f"worse than {axis}={effect.values[top]} ({means} against {short(effect.means[top])})"
    )
    chosen = best.trial.parameters.get(axis)
    if chosen in [effect.values[i] for i in worse]:
        text += f"; the best combination has {axis}={chosen} all the same"
    yield f"{text}."


def _variance(analysis: Analysis) -> Iterator[str]:
    parts = [
        (t.fold_variance, t.seed_variance)
        for t in analysis.trials
        if t.fold_variance is not None and t.seed_variance is not None
    ]
    if parts:
        fold, seed = (float(median(column)) for column in zip(*parts, strict=True))
        yield (
            f"Scores of one combination typically vary with a standard deviation of "
            f"{short(fold**0.5)} by the fold and {short(seed**0.5)} by the seed."
        )


def _cautions(analysis: Analysis) -> Iterator[str]:
    """Where more than 5 % of searches claim too much, or less can be said than usual."""
    if analysis.why_not is not None and analysis.measurement.kind == "ordered":
        yield "So there are neither standard errors nor tests for it."
    unsteady = [t for t in analysis.trials if t.is_unsteady]
    if unsteady:
        yield (
            f"Varies far more over the folds than the others, and is judged by that alone: "
            f"{_listed(unsteady)}."
        )
    if not analysis.worse:
        return
    rows, folds = analysis.measurement.rows, analysis.measurement.folds
    if folds == _FEWEST:
        yield (
            "With 2 folds, equal combinations whose noise differs are called significantly worse "
            "in up to 14 % of searches instead of 5 %."
        )
    elif folds == _FEWEST + 1 and _one_is_noisier(analysis):
        yield (
            "With 3 folds, and one combination much noisier than the others, equal ones are called "
            "significantly worse in up to 7 % of searches instead of 5 %."
        )
    if folds == _FEWEST + 1 and _trains_on(analysis):
        yield (
            "Combinations that differ in epochs alone share their training, so that their scores "
            "rise and fall together: with 3 folds, and few others, equal ones are called "
            "significantly worse in about 8 % of searches instead of 5 %."
        )
    if rows is not None and rows < _FEW_ROWS:
        yield (
            f"This holds for these {rows} rows, which are too few to say it of others like them."
        )


def _trains_on(analysis: Analysis) -> bool:
    """Whether some combinations are others that were trained for longer."""
    return any(axis.name == "epochs" and len(axis.values) > 1 for axis in analysis.results.axes)


def _one_is_noisier(analysis: Analysis) -> bool:
    errors = [] if analysis.comparison is None else analysis.comparison.variance.tolist()
    return bool(errors) and max(errors) > _NOISIER * median(errors)


def _passes(analysis: Analysis) -> Iterator[str]:
    """How combinations of unequal numbers of passes are compared."""
    if not analysis.dropped:
        return
    passes, dropped = analysis.results.repeats, len(analysis.dropped)
    yield (
        f"All combinations were compared by the first of {passes} passes, at a level of "
        f"{percent(FIRST)}: {dropped} {'was' if dropped == 1 else 'were'} significantly worse and "
        f"had no other pass. The rest were compared by all {passes}, at {percent(REST)}; "
        f"together that is one comparison at {percent(LEVEL)}."
    )
    if len(analysis.effects) > 1:
        yield "What is said of axes and of noise is by the first pass."


def _racing(analysis: Analysis, words: Vocabulary) -> Iterator[str]:
    results = analysis.results
    if not analysis.pruned:
        return
    kind, objective = results.about.racing, results.about.identity.objective
    how = f", by {words.racing(kind)}" if kind else ""
    how += f" on {objective}" if objective != str(results.objective) else ""
    how += ", which may drop the best one" if kind == "test" else ""
    verb = are(len(analysis.pruned))
    yield f"{_pruned(analysis)} pruned early{how}, and {verb}n't compared."


def _advice(analysis: Analysis, words: Vocabulary) -> Iterator[str]:
    results = analysis.results
    if not results.complete:
        yield f"{words.resume}."
    if analysis.best is None:
        return
    if analysis.pruned and len(analysis.contenders) == 1:
        option = "only" if results.about.contenders else "racing"
        yield f"to compare all combinations, {words.without(option)}."
    elif len(analysis.contenders) > 1 or analysis.measurement.folds < _FEWEST:
        yield from _better_measurement(analysis, words)
    yield from _closer_look(analysis, words)
    yield from _extensions(analysis)


def _better_measurement(analysis: Analysis, words: Vocabulary) -> Iterator[str]:
    """What would tell more combinations apart, and by how much."""
    results, measurement = analysis.results, analysis.measurement
    if measurement.kind == "ordered":
        return
    outlook = analysis.outlook
    if measurement.folds < MORE_FOLDS and measurement.passes == 1:
        gain = _gain(analysis, None if outlook is None else outlook.more_folds)
        folds = words.more_folds(results.about.identity.cv, MORE_FOLDS)
        yield f"measure better, with {folds} {words.elsewhere}{gain}."
        return
    if outlook is None or measurement.kind == "random":
        folds = words.more_folds(results.about.identity.cv, None)
        yield f"measure better, with {folds} {words.elsewhere}."
        return
    only = words.contenders if analysis.worse else ""
    if results.repeats < 2:
        passes = words.passes(_kind_of_folds(results), results.folds, _REPEATS)
        yield (
            f"measure better, with {passes}{only} {words.elsewhere}; it also shows whether seeds "
            "or rows are the limit."
        )
        return
    rows = "these rows" if measurement.rows is None else f"these {measurement.rows} rows"
    if outlook.more_repeats is None or outlook.limit is None:
        return
    if outlook.more_repeats < _WORTHWHILE * (analysis.told_apart or 0.0):
        passes = words.more_passes(2 * results.repeats)
        gain = _gain(analysis, outlook.more_repeats)
        yield f"measure better, with {passes}{only}{gain}."
    else:
        yield (
            f"more repeats won't help: {rows} limit it to differences of about "
            f"{outlook.limit:.2g}; more rows would."
        )


def _gain(analysis: Analysis, needed: float | None) -> str:
    """Which difference would then be significant, where that is news."""
    if needed is None or analysis.told_apart is None or needed >= analysis.told_apart:
        return ""
    return f": a difference of about {needed:.2g} would then be significant"


def _kind_of_folds(results: SearchResults) -> str:
    """The kind of folds that the search has, such as Stratified-KFold."""
    cv = results.about.identity.cv
    return "".join(f"{word}-" for word in ("Stratified", "Group") if word in cv) + "KFold"


def _closer_look(analysis: Analysis, words: Vocabulary) -> Iterator[str]:
    """A finer grid, once the present one has narrowed the choice down."""
    narrowed = len(analysis.contenders) <= len(analysis.compared) / 2
    zoom = propose_zoom(analysis) if narrowed and analysis.results.complete else None
    if zoom is not None:
        values = "; ".join(f"{n}={','.join(map(str, zoom.grid[n]))}" for n in zoom.refined)
        yield f"look closer, with {words.zoom}: {values}."


def _extensions(analysis: Analysis) -> Iterator[str]:
    """Axes an end of which is significantly better than all of their other values."""
    for effect in analysis.effects:
        if analysis.best is None or sum(effect.worse) < max(1, len(effect.values) - 1):
            continue
        chosen = effect.values[effect.worse.index(False)]
        lost = [t.parameters.get(effect.axis.name) for t in analysis.pruned]
        seen = [value for value in effect.axis.values if value in (*effect.values, *lost)]
        numbers = numbers_of(seen)
        is_best = chosen == analysis.best.trial.parameters.get(effect.axis.name)
        if len(numbers) < max(3, len(seen)) or not is_best:
            continue
        least = 1 if isinstance(chosen, int) else 0
        if chosen == max(numbers):
            yield f"the best is at the end of {effect.axis.name}; try values above {chosen}."
        elif chosen == min(numbers) > least:
            yield f"the best is at the end of {effect.axis.name}; try values below {chosen}."


def _complete(analysis: Analysis) -> str:
    """Before what is compared, where some aren't."""
    return "complete " if analysis.pruned else ""


def _pruned(analysis: Analysis) -> str:
    pruned = len(analysis.pruned)
    verb = "was" if pruned == 1 else "were"
    return f"{pruned} of {count(analysis.results.total, 'combination')} {verb}"
