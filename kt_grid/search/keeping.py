"""Which trials' weights stay on disk."""

from collections.abc import Callable
from typing import Any

from keras_tuner.engine.trial import TrialStatus

from kt_grid.search.oracle import GridOracle
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import check_keep


class WeightKeeper:
    """Deletes weights of trials that can't be the best any more, where only the best's are kept.

    Args:
        keep: "all" or "best".
        oracle: Knows the trials and which one is best.
        store: Holds the weights.

    Raises:
        UsageError: If `keep` is neither.
    """

    def __init__(self, keep: str, oracle: GridOracle, store: SearchStore) -> None:
        self.keep = check_keep(keep)
        self.oracle = oracle
        self.store = store
        self._leaders: list[Any] = []
        self._mended: set[str] = set()

    @property
    def best_score(self) -> float | None:
        """The best mean score so far."""
        return float(self._leaders[0].score) if self._leaders else None

    def settle(self) -> None:
        """Look at all finished trials and settle which one is best."""
        self._leaders = self.oracle.get_best_trials(1)
        self._drop([t for t in self.oracle.finished_trials() if t not in self._leaders])

    def reopen_lost(self, note: Callable[[str], None]) -> bool:
        """Hand the best trial out again if weights of it are lost; that may change who is best.

        The folds whose weights aren't whole lose their records, so that they are trained again.

        Args:
            note: Is told of it.

        Returns:
            Whether there is a trial to run again; each is at most once.
        """
        trial = next(iter(self._leaders), None)
        if trial is None or trial.trial_id in self._mended:
            return False
        lost = self.store.lost_weights(trial.trial_id)
        for split in lost:
            note(f"weights of fold {split} of trial {trial.trial_id} are lost; it is trained again")
            self.store.drop_fold(trial.trial_id, split)
        if lost:
            self.oracle.reopen(trial.trial_id)
            self._mended.add(trial.trial_id)
            # What it gives now mustn't be compared with itself: the loser's weights go.
            self._leaders = []
        return bool(lost)

    def take(self, trial: Any) -> None:
        """Compare a trial that has ended with the best so far; equal ones wait for `settle`."""
        if trial.status != TrialStatus.COMPLETED:
            self._drop([trial])
            return
        place = self.oracle.rank_key(trial)
        best = self.oracle.rank_key(self._leaders[0]) if self._leaders else place
        if place < best:
            self._drop([trial])
            return
        if place > best:
            self._drop(self._leaders)
            self._leaders = []
        self._leaders.append(trial)

    def _drop(self, trials: list[Any]) -> None:
        for trial in trials if self.keep == "best" else ():
            self.store.drop_weights(trial.trial_id)
