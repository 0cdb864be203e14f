"""When a trial needn't be trained to its end, because another one is better."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from kt_grid.analysis.confidence_set import confidence_set, could_be_worse, estimate_noise
from kt_grid.analysis.measurement import Measurement, measure_splits
from kt_grid.errors import UsageError
from kt_grid.space import Axis, key
from kt_grid.space.objective import Objective, Score, best_possible
from kt_grid.space.ranking import RankKey
from kt_grid.store.records import SplitFacts
from kt_grid.store.results import COMPLETED, STOPPED, SearchResults
from kt_grid.store.trials import score_name

if TYPE_CHECKING:
    from kt_grid.search.oracle import GridOracle

# Says why a trial with these scores, of its first splits, needn't be trained any further.
Judge: TypeAlias = Callable[[Sequence[float]], str]

CONTENDERS = "contenders"
BOUND, TEST = RACING = ("bound", "test")

LEVEL = 0.05
_LEAST = 3
_PRECISION = 20
# Scores come in single precision, and a share can round to a little more than 1.
_SLACK = 1e-6


class GivenUp(Exception):  # noqa: N818 - no error, as StopIteration is none
    """Ends a trial that needn't be trained any further; its message says why."""


@dataclass(frozen=True)
class Rivals:
    """The completed trials that another one is compared with.

    Attributes:
        scores: Of all their splits, in grid order, shape `(trials, splits)`.
        best: Which of them is the best, the first of equal ones.
    """

    scores: Sequence[Sequence[float]]
    best: int = 0


@dataclass(frozen=True)
class Race:
    """Compares a trial that has some of its scores with those that have all.

    Attributes:
        kind: "bound" or "test".
        objective: What is optimised.
        splits: How many there are.
        measurement: How they measure.
    """

    kind: str
    objective: Objective
    splits: int
    measurement: Measurement

    @property
    def looks(self) -> tuple[int, ...]:
        """After how many splits a test is made: in the first pass, then after each whole one."""
        folds = self.measurement.folds
        after = range(_LEAST, self.splits)
        return tuple(n for n in after if n <= folds or n % folds == 0)

    def judge(self, scores: Sequence[float], rivals: Rivals) -> str:
        """Say why a trial needn't be trained any further.

        Args:
            scores: The trial's, of its first splits.
            rivals: Those to beat, at least one.

        Returns:
            A reason; nothing if it has to be trained on, or has all its scores.

        Raises:
            UsageError: If a score is better than what was taken for the best possible.
        """
        if len(scores) >= self.splits:
            return ""
        if self.kind == BOUND:
            return self._by_bound(scores, rivals.scores[rivals.best])
        return self._by_test(scores, rivals)

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
        left = self.splits - len(scores)
        limit = math.fsum((*scores, *[most] * left)) / self.splits
        mean = math.fsum(best) / len(best)
        if sign * (mean - limit) <= _SLACK * max(1.0, abs(mean)):
            return ""
        return f"its mean can't be better than {limit:.6g}, and another one's is {mean:.6g}"

    def _by_test(self, scores: Sequence[float], rivals: Rivals) -> str:
        """Not lossless: the trial is given up if the set that may be best doesn't hold it.

        The set is that of the trial and its rivals on the splits that it has. The level is shared
        out over all looks at a trial.
        """
        if len(scores) not in self.looks:
            return ""
        known = np.array([*(s[: len(scores)] for s in rivals.scores), scores], dtype=np.float64)
        shaped, design = self.measurement.begun(self.objective.sign * known)
        noise = estimate_noise(shaped, design)
        if noise is None:
            return ""
        level = LEVEL / len(self.looks)
        # No draws are needed for what wouldn't be significant beside a single rival.
        if not could_be_worse(shaped.mean(axis=(1, 2)), noise, level)[-1]:
            return ""
        found = confidence_set(shaped, design, level, precision=_PRECISION)
        if not found.worse[-1]:
            return ""
        p = min(1.0, found.p[-1] * len(self.looks))
        return f"significantly worse than the best one on the same folds, p = {p:.3g}"


def make_race(
    kind: str | None,
    objective: Objective,
    repeats: int,
    splits: SplitFacts,
    cv: str = "",
    rows: int | None = None,
) -> Race | None:
    """Make the race of a search.

    Args:
        kind: "bound", "test" or None.
        objective: What is optimised.
        repeats: Passes over all folds.
        splits: What `describe_splits` says of them.
        cv: The splitter, in Python's spelling.
        rows: Rows searched.

    Returns:
        The race; None if there is to be none.

    Raises:
        UsageError: If there are too few folds to test anything before the last one, or splits whose
            scores can't be tested.
    """
    if kind is None:
        return None
    count = len(splits.split_rows)
    race = Race(kind, objective, count, measure_splits(objective, count, repeats, splits, cv, rows))
    if kind == TEST and race.measurement.kind == "ordered":
        raise UsageError(
            f"Expected folds whose scores can be compared for racing by a {TEST}. Received: "
            f"{cv}, since {race.measurement.why_not}. Run without it, or with",
            mend=f"racing={BOUND!r}",
            option=f"--racing {BOUND}",
        )
    if kind == TEST and not race.looks:
        raise UsageError(
            f"Expected more than {_LEAST} folds for racing by a {TEST}, which looks from the "
            f"{_LEAST}rd one on. Received: {race.measurement.folds}. Ask for more with",
            mend="cv",
            option="--folds",
        )
    return race


def confirm(kind: str | None, results: SearchResults) -> bool:
    """Tell whether what was given up would be given up again, in the grid as it is now.

    Args:
        kind: "bound", "test" or None.
        results: What the search's directory says.
    """
    if not results.given_up:
        return True
    splits, identity = results.about.splits, results.about.identity
    race = splits and make_race(
        kind, results.objective, results.repeats, splits, identity.cv, identity.rows
    )
    field = _Field()
    for trial in results.trials:
        if trial.rank_key is not None:
            field.take(trial.rank_key, trial.scores)
        elif trial.status == STOPPED and not (
            race and field.scores and race.judge(trial.first_scores, field.rivals)
        ):
            return False
    return True


class _Field:
    """Completed trials, as they come in."""

    def __init__(self) -> None:
        self.scores: list[Sequence[float]] = []
        self._best: tuple[RankKey, int] | None = None

    def take(self, rank: RankKey, scores: Sequence[float]) -> None:
        """Add a trial by what it is ranked by, and its scores."""
        if self._best is None or rank > self._best[0]:
            self._best = rank, len(self.scores)
        self.scores.append(scores)

    @property
    def rivals(self) -> Rivals:
        """Those to beat, at least one."""
        return Rivals(self.scores, 0 if self._best is None else self._best[1])


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


def check_only(only: str | None, racing: str | None) -> None:
    """Refuse another word, or a race beside it.

    Raises:
        UsageError: If it is one.
    """
    if only not in (None, CONTENDERS):
        raise UsageError(
            f"Expected further passes for {CONTENDERS!r} only, or for all trials. Received: "
            f"{only!r}. Write",
            mend=f"only={CONTENDERS!r}, or leave it out",
            option=f"--only {CONTENDERS}, or leave it out",
        )
    if only is not None and racing is not None:
        raise UsageError(
            "Expected one of two ways to train fewer folds. Received: both. Leave out",
            mend="only= or racing=",
            option="--only or --racing",
        )


def check_passes(
    objective: Objective, repeats: int, splits: SplitFacts, cv: str, rows: int
) -> None:
    """Refuse splits of which there is no first pass that shows which trials may be the best.

    Args:
        objective: What is optimised.
        repeats: Passes over all folds.
        splits: What `describe_splits` says of them.
        cv: The splitter, in Python's spelling.
        rows: Rows searched.

    Raises:
        UsageError: If they are such.
    """
    if repeats < 2:
        raise UsageError(
            f"Expected several passes, all but the first of which are for the {CONTENDERS} only. "
            "Received: one. Ask for more with",
            mend="a splitter that repeats itself, such as Repeated(KFold(3), 5)",
            option="--repeats 5",
        )
    count = len(splits.split_rows)
    measurement = measure_splits(objective, count, repeats, splits, cv, rows)
    why_not = measurement.why_not
    if why_not is None and count // repeats < 2:
        why_not = "a pass of a single fold doesn't show how large the noise is"
    if why_not is not None:
        raise UsageError(
            f"Expected folds that show which trials are the {CONTENDERS}. Received: {cv}, but "
            f"{why_not}"
        )


class Incumbents:
    """Knows the completed trials among those that come before another one in the grid.

    Those after it don't count, even if an interrupted search has some: so what becomes of a trial
    depends on nothing but the grid and the scores. Asked in grid order, an answer costs the same
    however many trials there are.

    Args:
        oracle: Knows the trials.
        race: Compares a trial with the others; None if no trial is ever given up.
    """

    def __init__(self, oracle: "GridOracle", race: Race | None = None) -> None:
        self._oracle = oracle
        self._race = race
        self._axes: Sequence[Axis] | None = None
        self._combinations: Iterator[str] = iter(())
        self._passed: set[str] = set()
        self._ended: dict[str, Any] = {}
        self._last = ""
        self._field = _Field()

    def judge_of(self, trial: Any) -> Judge | None:
        """Return what says whether a trial has to be trained on.

        Args:
            trial: The trial, which is about to run.

        Returns:
            A function of its first scores; None if there is nothing to compare it with.
        """
        if self._race is None:
            return None
        self._walk_to(trial)
        if not self._field.scores:
            return None
        return partial(self._race.judge, rivals=self._field.rivals)

    def _walk_to(self, trial: Any) -> None:
        """Take the completed trials before another one."""
        combination = key(trial.hyperparameters.values)
        # A tree only grows behind the combination that was reached; declared axes may come in
        # before it.
        axes = list(self._oracle.axes) if self._oracle.tree is None else []
        if axes != self._axes or combination in self._passed:
            self._begin(axes)
        self._take(self._oracle.trials.get(self._last))
        self._last = trial.trial_id
        for passed in self._combinations:
            self._passed.add(passed)
            if passed == combination:
                break
            self._take(self._ended.get(passed))

    def _begin(self, axes: Sequence[Axis]) -> None:
        """Walk through the grid anew, past the trials that have ended."""
        self._axes, self._combinations, self._passed = (
            axes,
            map(key, self._oracle.combinations()),
            set(),
        )
        trials = self._oracle.trials.values()
        self._ended = {key(trial.hyperparameters.values): trial for trial in trials}
        self._last, self._field = "", _Field()

    def _take(self, trial: Any) -> None:
        if trial is None or trial.status != COMPLETED or self._race is None:
            return
        names = (score_name(self._oracle.objective.name, i) for i in range(self._race.splits))
        scores = [float(trial.metrics.get_best_value(name)) for name in names]
        self._field.take(self._oracle.rank_key(trial), scores)
