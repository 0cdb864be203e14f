"""When a trial needn't be trained to its end, because another one is better."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from kt_grid.analysis.statistics import corrected_t_test
from kt_grid.errors import UsageError
from kt_grid.space import Axis, key
from kt_grid.space.objective import Objective, Score, best_possible, is_accuracy
from kt_grid.space.ranking import RankKey
from kt_grid.store.records import SplitFacts
from kt_grid.store.results import COMPLETED, STOPPED, SearchResults
from kt_grid.store.trials import score_name

if TYPE_CHECKING:
    from kt_grid.search.oracle import GridOracle

# Says why a trial with these scores, of its first splits, needn't be trained any further.
Judge: TypeAlias = Callable[[Sequence[float]], str]

BOUND, TEST = RACING = ("bound", "test")

LEVEL = 0.05
_LEAST = 3
# Scores come in single precision, and a share can round to a little more than 1.
_SLACK = 1e-6


class GivenUp(Exception):  # noqa: N818 - no error, as StopIteration is none
    """Ends a trial that needn't be trained any further; its message says why."""


@dataclass(frozen=True)
class Race:
    """Compares a trial that has some of its scores with the best one that has all.

    Attributes:
        kind: "bound" or "test".
        objective: What is optimised.
        units: Which measurement each split belongs to: repeats on the same folds are one.
        ratio: Rows held out per row trained on.
        resolution: The step in which scores come; 0 if none is known.
    """

    kind: str
    objective: Objective
    units: tuple[int, ...]
    ratio: float
    resolution: float

    def judge(self, scores: Sequence[float], best: Sequence[float]) -> str:
        """Say why a trial needn't be trained any further.

        Args:
            scores: The trial's, of its first splits.
            best: Of all splits, those of the trial to beat.

        Returns:
            A reason; nothing if it has to be trained on, or has all its scores.

        Raises:
            UsageError: If a score is better than what was taken for the best possible.
        """
        if len(scores) >= len(self.units):
            return ""
        judge = self._by_bound if self.kind == BOUND else self._by_test
        return judge(scores, best)

    def _by_bound(self, scores: Sequence[float], best: Sequence[float]) -> str:
        """Lossless: even with the best possible scores from here on, the mean would be worse."""
        sign, most = self.objective.sign, float(best_possible(self.objective) or 0.0)
        for score in (*scores, *best):
            if sign * (score - most) > _SLACK:
                raise UsageError(
                    f"Expected {self.objective.name} to be no better than {most:g} with racing "
                    f"by a {BOUND}. Received: {score:g}. Run without it, or with",
                    mend=f"racing={TEST!r}",
                    option=f"--racing {TEST}",
                )
        left = len(self.units) - len(scores)
        limit = math.fsum((*scores, *[most] * left)) / len(self.units)
        mean = math.fsum(best) / len(best)
        if sign * (mean - limit) <= _SLACK * max(1.0, abs(mean)):
            return ""
        return f"its mean can't be better than {limit:.6g}, and another one's is {mean:.6g}"

    def _by_test(self, scores: Sequence[float], best: Sequence[float]) -> str:
        """One one-sided test per look, without a correction for their number: not lossless."""
        behind: dict[int, list[float]] = {}
        for unit, score, other in zip(self.units, scores, best, strict=False):
            behind.setdefault(unit, []).append(self.objective.sign * (other - score))
        if len(behind) < _LEAST:
            return ""
        differences = np.array([[np.mean(values) for values in behind.values()]])
        test = corrected_t_test(differences, self.ratio, self.resolution)
        p = float(test.p[0]) / 2
        if test.t[0] <= 0 or p >= LEVEL:
            return ""
        return f"it is behind the best one on the same folds, p = {p:.3g}"


def make_race(
    kind: str | None, objective: Objective, repeats: int, splits: SplitFacts
) -> Race | None:
    """Make the race of a search.

    Args:
        kind: "bound", "test" or None.
        objective: What is optimised.
        repeats: Passes over all folds.
        splits: What `describe_splits` says of them.

    Returns:
        The race; None if there is to be none.

    Raises:
        UsageError: If there are too few folds to test anything before the last one.
    """
    if kind is None:
        return None
    rows = splits.split_rows
    folds = len(rows) // repeats
    units = range(len(rows)) if splits.fresh_folds else [i % folds for i in range(len(rows))]
    if kind == TEST and (len(set(units)) < _LEAST or len(rows) <= _LEAST):
        raise UsageError(
            f"Expected more than {_LEAST} folds for racing by a {TEST}, which looks from the "
            f"{_LEAST}rd one on. Received: {folds}. Ask for more with",
            mend="cv",
            option="--folds",
        )
    train, test = (sum(side) for side in zip(*rows, strict=True))
    resolution = len(rows) / test if is_accuracy(objective) else 0.0
    return Race(kind, objective, tuple(units), test / train, resolution)


def confirm(kind: str | None, results: SearchResults) -> bool:
    """Tell whether what was given up would be given up again, in the grid as it is now.

    Args:
        kind: "bound", "test" or None.
        results: What the search's directory says.
    """
    if not results.given_up:
        return True
    splits = results.about.splits
    race = splits and make_race(kind, results.objective, results.repeats, splits)
    best: tuple[RankKey, Sequence[float]] | None = None
    for trial in results.trials:
        place = trial.rank_key
        if place is not None and (best is None or place > best[0]):
            best = place, trial.scores
        elif trial.status == STOPPED and not (
            race and best and race.judge(trial.first_scores, best[1])
        ):
            return False
    return True


def check_racing(
    kind: str | None, objective: Objective | None, scores: Sequence[Score] = ()
) -> None:
    """Refuse a race that can't be meant.

    Args:
        kind: What is asked for.
        objective: What is optimised; None if that isn't known yet.
        scores: Scores by functions, of whose values nothing is known.

    Raises:
        UsageError: If there is no such kind, or the objective's best value isn't known.
    """
    if kind not in (None, *RACING):
        raise UsageError(f"Expected racing to be {BOUND} or {TEST}. Received: {kind!r}")
    if objective is None:
        return
    own = objective in [score.objective for score in scores]
    if kind == BOUND and (own or best_possible(objective) is None):
        raise UsageError(
            f"Expected a bounded objective for racing by a {BOUND}. Received: {objective}, whose "
            f"best value isn't known. Take one of Keras's own metrics, such as val_accuracy, "
            "val_auc or val_mse, or",
            mend=f"racing={TEST!r}",
            option=f"--racing {TEST}",
        )


class Incumbents:
    """Knows the best completed trial among those that come before another one in the grid.

    Those after it don't count, even if an interrupted search has some: so what becomes of a trial
    depends on nothing but the grid and the scores. Asked in grid order, an answer costs the same
    however many trials there are.

    Args:
        oracle: Knows the trials.
        race: Compares a trial with the best one; None if no trial is ever given up.
    """

    def __init__(self, oracle: "GridOracle", race: Race | None = None) -> None:
        self._oracle = oracle
        self._race = race
        self._axes: Sequence[Axis] | None = None
        self._places: Iterator[str] = iter(())
        self._passed: set[str] = set()
        self._ended: dict[str, Any] = {}
        self._last = ""
        self._best: Any = None

    def judge_of(self, trial: Any) -> Judge | None:
        """Return what says whether a trial has to be trained on.

        Args:
            trial: The trial, which is about to run.

        Returns:
            A function of its first scores; None if there is nothing to compare it with.
        """
        race = self._race
        best = None if race is None else self._best_before(trial)
        if race is None or best is None:
            return None
        names = (score_name(self._oracle.objective.name, i) for i, _ in enumerate(race.units))
        scores = [float(best.metrics.get_best_value(name)) for name in names]
        return partial(race.judge, best=scores)

    def _best_before(self, trial: Any) -> Any:
        """The best completed trial before another one, the first of equal ones."""
        place = key(trial.hyperparameters.values)
        # A tree only grows behind the place that was reached; declared axes may come in before it.
        axes = list(self._oracle.axes) if self._oracle.tree is None else []
        if axes != self._axes or place in self._passed:
            self._begin(axes)
        self._take(self._oracle.trials.get(self._last))
        self._last = trial.trial_id
        for passed in self._places:
            self._passed.add(passed)
            if passed == place:
                break
            self._take(self._ended.get(passed))
        return self._best

    def _begin(self, axes: Sequence[Axis]) -> None:
        """Walk through the grid anew, past the trials that have ended."""
        self._axes, self._places, self._passed = axes, map(key, self._oracle.combinations()), set()
        trials = self._oracle.trials.values()
        self._ended = {key(trial.hyperparameters.values): trial for trial in trials}
        self._last, self._best = "", None

    def _take(self, trial: Any) -> None:
        if trial is None or trial.status != COMPLETED:
            return
        if self._best is None or self._oracle.rank_key(trial) > self._oracle.rank_key(self._best):
            self._best = trial
