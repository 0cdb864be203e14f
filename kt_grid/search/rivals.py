"""Which completed trial a trial has to beat."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from keras_tuner.engine.trial import TrialStatus

from kt_grid.search.oracle import GridOracle
from kt_grid.search.racing import Race
from kt_grid.search.runner import Judge
from kt_grid.space import Axis, combinations, key
from kt_grid.store.trials import score_name


class Rivals:
    """Knows the best completed trial among those that come before another one in the grid.

    Those after it don't count, even if an interrupted search has some: so what becomes of a trial
    depends on nothing but the grid and the scores. Asked in grid order, an answer costs the same
    however many trials there are.

    Args:
        oracle: Knows the trials.
        race: Compares a trial with the best one; None if no trial is ever given up.
    """

    def __init__(self, oracle: GridOracle, race: Race | None = None) -> None:
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
        place, axes = key(trial.hyperparameters.values), list(self._oracle.axes)
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
        self._axes, self._places, self._passed = axes, map(key, combinations(axes)), set()
        trials = self._oracle.trials.values()
        self._ended = {key(trial.hyperparameters.values): trial for trial in trials}
        self._last, self._best = "", None

    def _take(self, trial: Any) -> None:
        if trial is None or trial.status != TrialStatus.COMPLETED:
            return
        if self._best is None or self._oracle.rank_key(trial) > self._oracle.rank_key(self._best):
            self._best = trial
