"""What an analysis means, in plain words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kt_grid.analysis.comparison import Analysis, TrialAnalysis
from kt_grid.analysis.effects import AxisEffect
from kt_grid.analysis.wording import are, count, direction, name, percent, short
from kt_grid.analysis.zoom import propose_zoom
from kt_grid.space.objective import is_accuracy
from kt_grid.space.scales import numbers_of
from kt_grid.store.results import SearchResults

Kind: TypeAlias = Literal["winner", "tied", "unknown"]

_LISTED = 5
_ENOUGH = 10
_ROUNDING = 1e-6  # of single precision


@dataclass(frozen=True)
class Verdict:
    """What a search shows, and how sure that is.

    Attributes:
        kind: "winner" if every other combination is significantly worse, "tied" if some
            aren't or were pruned, "unknown" if nothing can be said.
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


def judge(analysis: Analysis) -> Verdict:
    """Put an analysis into words; no winner is named that isn't significantly better."""
    best = analysis.best
    if best is None:
        return Verdict("unknown", _nothing(analysis.results), (), tuple(_advice(analysis)))
    kind = _kind(analysis)
    headline = _progress(analysis.results) + _headline(analysis, best, kind)
    findings = tuple(_findings(analysis, best))
    return Verdict(kind, headline, findings, tuple(_advice(analysis)))


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
    if len(analysis.trials) == 1 or analysis.units < 2:
        return "unknown"
    alone = len(analysis.contenders) == 1 and not analysis.results.given_up
    return "winner" if alone else "tied"


def _headline(analysis: Analysis, best: TrialAnalysis, kind: Kind) -> str:
    called, mean = name(best.trial.parameters), short(best.trial.mean or 0.0)
    metric = analysis.results.objective.name
    others = len(analysis.trials) - 1
    tied = len(analysis.contenders) - 1
    if others == 0:
        return (
            f"Nothing to compare: {called} is the only {_complete(analysis)}result, with a mean "
            f"{metric} of {mean}."
        )
    if kind == "unknown":
        return (
            f"No winner can be named: {called} has the best {metric}, {mean}, but a single fold "
            "doesn't show how large the noise is."
        )
    if kind == "winner":
        rivals = "the other one" if others == 1 else f"all {others} others"
        return (
            f"The winner is {called} with a mean {metric} of {mean}: it is significantly better "
            f"than {rivals}."
        )
    has_best = f"{called} has the best mean {metric}, {mean},"
    if tied == 0:
        rivals = "the other complete one" if others == 1 else f"all {others} complete others"
        return (
            f"No winner can be named: {has_best} and is significantly better than {rivals}, but "
            f"{_pruned(analysis.results)} pruned."
        )
    if tied == others:
        rivals = "the other {}one" if others == 1 else f"any of the {others} {{}}others"
        rivals = rivals.format(_complete(analysis))
        return f"No clear winner: {has_best} but is not significantly different from {rivals}."
    return (
        f"No single winner: {has_best} but {tied} of the {others} {_complete(analysis)}others "
        f"{are(tied)} not significantly different from it."
    )


def _findings(analysis: Analysis, best: TrialAnalysis) -> Iterator[str]:
    objective = analysis.results.objective
    yield f"Objective: mean {objective.name} over the folds, {direction(objective)}."
    yield from _certainty(analysis, best)
    yield from _power(analysis)
    yield from _ties(analysis, best)
    yield from _simplest(analysis, best)
    yield from _baseline(analysis)
    yield from _axes(analysis)
    yield from _variance(analysis)
    yield from _racing(analysis.results)
    failed = analysis.results.failed
    if failed:
        yield f"{count(len(failed), 'combination')} failed and {are(len(failed))} left out."


def _racing(results: SearchResults) -> Iterator[str]:
    if not results.given_up:
        return
    kind, objective = results.about.racing, results.about.identity.objective
    how = f", by --racing {kind}" if kind else ""
    how += f" on {objective}" if objective != str(results.objective) else ""
    how += ", which may drop the best one" if kind == "test" else ""
    verb = are(len(results.given_up))
    yield f"{_pruned(results)} pruned early{how}, and {verb}n't compared."


def _certainty(analysis: Analysis, best: TrialAnalysis) -> Iterator[str]:
    if best.error is None:
        return
    folds = count(analysis.units, "fold")
    text = f"The standard error of this mean, over {folds}, is {short(best.error)}"
    # Those that were pruned were candidates too, but no estimate can count them.
    if analysis.optimism and len(analysis.trials) > 1 and not analysis.results.given_up:
        text += (
            f"; selection bias (best of {len(analysis.trials)}): about {short(analysis.optimism)}"
        )
    yield f"{text}."


def _ties(analysis: Analysis, best: TrialAnalysis) -> Iterator[str]:
    tied = [t for t in analysis.contenders if t is not best]
    if analysis.units < 2 or not tied or len(tied) == len(analysis.trials) - 1:
        return
    nearest = sorted(tied, key=lambda t: t.behind)
    shown = "; ".join(name(t.trial.parameters) for t in nearest[:_LISTED])
    more = f"; and {len(tied) - _LISTED} more" if len(tied) > _LISTED else ""
    yield f"Not significantly different from it: {shown}{more}."


def _power(analysis: Analysis) -> Iterator[str]:
    if analysis.told_apart is None or _kind(analysis) != "tied":
        return
    tried = len(analysis.trials) + len(analysis.results.given_up)
    setting = f"With {count(analysis.units, 'fold')} and {tried} combinations"
    if is_accuracy(analysis.results.objective) and analysis.told_apart >= 1:
        yield f"{setting}, no difference at all would be significant."
    else:
        yield f"{setting}, a difference of about {analysis.told_apart:.2g} would be significant."


def _simplest(analysis: Analysis, best: TrialAnalysis) -> Iterator[str]:
    simplest = analysis.simplest
    if simplest is None or len(analysis.trials) == 1 or best.trial.weights is None:
        return
    if simplest is best:
        yield "No simpler one is within one standard error of it."
        return
    trial = simplest.trial
    steps = f", {trial.steps:,} training steps" if trial.steps else ""
    yield (
        f"The simplest within one standard error of it is {name(trial.parameters)} "
        f"({trial.weights:,} weights{steps}, {short(trial.mean or 0.0)})."
    )


def _baseline(analysis: Analysis) -> Iterator[str]:
    baseline, best = analysis.baseline, analysis.best
    if baseline is None or best is None or best.trial.mean is None:
        return
    rival = f"always answering the most frequent class ({short(baseline.mean)})"
    if baseline.is_beaten:
        yield f"It is significantly better than {rival}."
    elif best.trial.mean > baseline.mean + _ROUNDING:
        yield f"It is better than {rival}, but not significantly."
    else:
        yield f"It is no better than {rival}."


def _axes(analysis: Analysis) -> Iterator[str]:
    effects = [effect for effect in analysis.effects if len(effect.values) > 1]
    if len(effects) > 1:
        ordered = sorted(effects, key=lambda effect: -effect.share)
        shares = ", ".join(f"{e.axis.name} {percent(e.share)}" for e in ordered)
        yield f"Share of the variance between combinations that an axis explains: {shares}."
    if analysis.noise is not None:
        share = percent(analysis.noise)
        yield f"Noise alone would explain about {share} of the variance between combinations."


def _variance(analysis: Analysis) -> Iterator[str]:
    parts = [
        (t.fold_variance, t.seed_variance)
        for t in analysis.trials
        if t.fold_variance is not None and t.seed_variance is not None
    ]
    if parts:
        fold, seed = (sum(column) / len(parts) for column in zip(*parts, strict=True))
        yield (
            f"Scores of one combination vary with a standard deviation of {short(fold**0.5)} by "
            f"the fold and {short(seed**0.5)} by the seed."
        )


def _advice(analysis: Analysis) -> Iterator[str]:
    results = analysis.results
    if not results.complete:
        yield "run the same command to resume."
    if analysis.best is None:
        return
    if results.given_up and len(analysis.contenders) == 1:
        yield "to compare all combinations, run the same command without --racing."
    elif _kind(analysis) == "tied" or analysis.units < 2:
        yield _better_measurement(results)
    yield from _closer_look(analysis)
    yield from _extensions(analysis)


def _better_measurement(results: SearchResults) -> str:
    if results.folds < _ENOUGH:
        return f"measure better, with --folds {_ENOUGH} in another --directory."
    repeats = 5 if results.repeats < 5 else 2 * results.repeats
    return (
        f"measure better, with --cv shuffled-kfold --repeats {repeats} in another --directory; "
        "if that changes nothing, take the simplest."
    )


def _closer_look(analysis: Analysis) -> Iterator[str]:
    """A finer grid, once the present one has narrowed the choice down."""
    narrowed = len(analysis.contenders) <= len(analysis.trials) / 2
    zoom = propose_zoom(analysis) if narrowed and analysis.results.complete else None
    if zoom is not None:
        values = "; ".join(f"{n}={','.join(map(str, zoom.grid[n]))}" for n in zoom.refined)
        yield f"look closer, with --zoom: {values}."


def _extensions(analysis: Analysis) -> Iterator[str]:
    """Axes whose best value, of the best trial and on average, is the outermost."""
    for effect in analysis.effects:
        if analysis.best is None or analysis.noise is None or effect.share <= analysis.noise:
            continue
        chosen = analysis.best.trial.parameters.get(effect.axis.name)
        lost = [t.parameters.get(effect.axis.name) for t in analysis.results.given_up]
        seen = [value for value in effect.axis.values if value in (*effect.values, *lost)]
        numbers = numbers_of(seen)
        if len(numbers) < max(3, len(seen)) or chosen != _best_value(effect, analysis.results):
            continue
        least = 1 if isinstance(chosen, int) else 0
        if chosen == max(numbers):
            yield f"the best is at the end of {effect.axis.name}; try values above {chosen}."
        elif chosen == min(numbers) > least:
            yield f"the best is at the end of {effect.axis.name}; try values below {chosen}."


def _best_value(effect: AxisEffect, results: SearchResults) -> object:
    means = [results.objective.sign * mean for mean in effect.means]
    return effect.values[means.index(max(means))]


def _complete(analysis: Analysis) -> str:
    """Before what is compared, where some aren't."""
    return "complete " if analysis.results.given_up else ""


def _pruned(results: SearchResults) -> str:
    pruned = len(results.given_up)
    verb = "was" if pruned == 1 else "were"
    return f"{pruned} of {count(results.total, 'combination')} {verb}"
