"""The grid-search oracle: hands out the first combination not yet tried, in grid order."""

import threading
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_grid.files import write_sealed
from kt_grid.objective import Objective
from kt_grid.revival import record_metrics, revive
from kt_grid.space import (
    Axis,
    Grid,
    Parameters,
    combinations,
    count,
    declared_axes,
    key,
    register,
)
from kt_grid.store import SearchStore
from kt_grid.trials import TrialFiles, read_trials, tell

FINISHED = (TrialStatus.COMPLETED, TrialStatus.FAILED)


class GridOracle(keras_tuner.oracles.GridSearchOracle):  # type: ignore[misc] # keras-tuner is untyped
    """Tries every combination of a grid exactly once, in the order of `itertools.product`.

    Its position is nothing but the set of trials on disk: whatever was interrupted, the next
    trial is the first combination that no finished or running trial has. Any number of callers
    get different trials at the same time, and a trial costs the same however many went before.

    Failed trials are not tried again, since the same seeds would give the same failure.

    Args:
        objective: What the trials are ranked by.
        max_trials: At most so many trials; all by default.
        seed: The search's seed.
        hyperparameters: A `keras_tuner.HyperParameters` with entries that go before the model's.
        grid: Values by name that stand instead of the declared ones, in this order. Needed where
            keras-tuner's own entry can't hold them, such as the order of two booleans.

    Example:
        >>> hyperparameters = keras_tuner.HyperParameters()
        >>> _ = hyperparameters.Choice("units", [8, 16])
        >>> oracle = GridOracle(
        ...     keras_tuner.Objective("val_loss", "min"), hyperparameters=hyperparameters
        ... )
        >>> oracle.create_trial("a").hyperparameters.values
        {'units': 8}
    """

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = None,
        seed: int | None = None,
        hyperparameters: Any = None,
        grid: Grid | None = None,
    ) -> None:
        super().__init__(
            objective=objective,
            max_trials=max_trials,
            hyperparameters=hyperparameters,
        )
        if seed is not None:
            # The base class takes 0 for "no seed".
            self.seed: int = seed
        self.ongoing_trials: dict[str, Any] = {}
        self.grid: Grid = grid or {}
        self.store: SearchStore | None = None
        self._lock = threading.RLock()
        self._tried: set[str] = set()
        self._interrupted: dict[str, str] = {}
        self._damaged: list[tuple[TrialFiles, Any]] = []
        self._untried: Iterator[Parameters] | None = None
        self._next: Parameters | None = None
        self._next_number = 0

    @property
    def axes(self) -> Sequence[Axis]:
        """The axes of the grid as far as they are known."""
        return declared_axes(self.hyperparameters, self.grid)

    def total_trials(self) -> int:
        """Count the trials of the whole grid."""
        total = count(self.axes)
        return min(total, self.max_trials) if self.max_trials else total

    def create_trial(self, tuner_id: str) -> Any:
        """Hand out the next trial.

        Args:
            tuner_id: Who asks. A caller that already has a trial running gets that one again.

        Returns:
            A running `Trial`; or one whose status is IDLE (ask again later) or STOPPED.
        """
        with self._lock:
            if tuner_id in self.ongoing_trials:
                return self.ongoing_trials[tuner_id]
            trial_id = self._free_id()
            response = self.populate_space(trial_id)
            values = response["values"] or {}
            trial_id = self._interrupted.pop(key(values), trial_id)
            hyperparameters = self.hyperparameters.copy()
            hyperparameters.values = dict(values)
            trial = Trial(hyperparameters, trial_id=trial_id, status=response["status"])
            if trial.status == TrialStatus.RUNNING:
                self._tried.add(key(values))
                self.ongoing_trials[tuner_id] = trial
                self.trials[trial_id] = trial
                self.start_order.append(trial_id)
                self._write(trial)
            return trial

    def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002 - keras-tuner's signature
        """Find the first combination not yet tried.

        Args:
            trial_id: The trial that asks.

        Returns:
            A dict with "status" and "values".
        """
        if self.max_trials and len(self.trials) >= self.max_trials:
            return {"status": TrialStatus.STOPPED, "values": None}
        parameters = self.peek()
        if parameters is not None:
            return {"status": TrialStatus.RUNNING, "values": parameters}
        # A running trial may still declare an axis that nobody has seen.
        status = TrialStatus.IDLE if self.ongoing_trials else TrialStatus.STOPPED
        return {"status": status, "values": None}

    def _first_untried(self) -> Parameters | None:
        """Go on from the last combination handed out: all before it are tried."""
        if self._untried is None:
            self._untried = combinations(self.axes)
            self._next = next(self._untried, None)
        while self._next is not None and key(self._next) in self._tried:
            self._next = next(self._untried, None)
        return self._next

    def peek(self) -> Parameters | None:
        """Return the combination that the next new trial will get, as things stand.

        Returns:
            Parameters by name; None if all are handed out.
        """
        with self._lock:
            if self.max_trials and len(self.trials) >= self.max_trials:
                return None
            return self._first_untried()

    def update_space(self, hyperparameters: Any) -> None:
        """Add entries that a model declares to the grid.

        Args:
            hyperparameters: A `keras_tuner.HyperParameters`.
        """
        known = len(self.hyperparameters.space)
        super().update_space(hyperparameters)
        if len(self.hyperparameters.space) != known:
            self._untried = None

    def update_trial(self, trial_id: str, metrics: dict[str, float], step: int = 0) -> Any:
        """Record a trial's metrics; they reach the disk when the trial ends.

        Args:
            trial_id: The trial.
            metrics: Values by name; without a finite one for the objective the trial fails.
            step: What keras-tuner calls the step of an observation.

        Returns:
            The trial.
        """
        with self._lock:
            trial = self.trials[trial_id]
            record_metrics(trial, metrics, self.objective, step)
            return trial

    def end_trial(self, trial: Any) -> None:
        """Take a trial's result and write it.

        Args:
            trial: The trial, COMPLETED with the objective among its metrics, or else failed.
        """
        with self._lock:
            own = self.trials[trial.trial_id]
            own.hyperparameters = trial.hyperparameters
            own.status = trial.status
            own.message = trial.message
            if own.status != TrialStatus.COMPLETED or not own.metrics.exists(self.objective.name):
                own.status = TrialStatus.FAILED
            else:
                self.score_trial(own)
            self.update_space(own.hyperparameters)
            # An axis met only while training adds its value to the trial's own.
            self._tried.add(key(own.hyperparameters.values))
            self.end_order.append(own.trial_id)
            self._write(own)
            self.ongoing_trials = {
                tuner: running
                for tuner, running in self.ongoing_trials.items()
                if running.trial_id != own.trial_id
            }

    def get_best_trials(self, num_trials: int = 1) -> list[Any]:
        """Return the best completed trials of the grid; never a failed one.

        Args:
            num_trials: How many at the most.

        Returns:
            Trials, best first; equal scores in grid order.
        """
        completed = [t for t in self.finished_trials() if t.status == TrialStatus.COMPLETED]
        sign = -1 if self.objective.direction == "max" else 1
        # The sort is stable, so equal scores stay in grid order.
        return sorted(completed, key=lambda trial: sign * trial.score)[:num_trials]

    def remaining_trials(self) -> int:
        """Count the trials that are not finished."""
        return self.total_trials() - len(self.finished_trials())

    def finished_trials(self) -> list[Any]:
        """List the grid's trials that are completed or failed, in grid order."""
        ended = {
            key(trial.hyperparameters.values): trial
            for trial in self.trials.values()
            if trial.status in FINISHED
        }
        places = (key(parameters) for parameters in combinations(self.axes))
        return [ended[place] for place in places if place in ended]

    def save(self) -> None:
        """Write oracle.json, for keras-tuner's tools; nothing is read back from it."""
        if self.store is not None:
            write_sealed(self.store.oracle_file, self.get_state())

    def reload(self) -> None:
        """Take up the finished trials on disk; what isn't whole is handed out again."""
        if self.store is None:
            return
        self._forget()
        identity = self.store.peek_identity()
        asked = identity.get("asked", {})
        for files in read_trials(self.store, identity.get("folds", 0), self.objective.name):
            trial = revive(files, self.hyperparameters, self.objective)
            if files.damaged or trial is None:
                self._damaged.append((files, trial))
            if trial is None:
                continue
            self._add_declared(trial.hyperparameters, asked)
            place = key(trial.hyperparameters.values)
            if trial.status in FINISHED:
                self.trials[trial.trial_id] = trial
                self._tried.add(place)
            else:
                self._interrupted[place] = trial.trial_id
        self._untried = None

    def _forget(self) -> None:
        """What is on disk is all that counts."""
        self.trials.clear()
        self.ongoing_trials = {}
        self.start_order.clear()
        self.end_order.clear()
        self._tried.clear()
        self._interrupted.clear()
        self._damaged.clear()
        self._next_number = 0

    def mend(self, note: Callable[[str], None]) -> None:
        """Write what can be worked out again of trials that aren't whole.

        Args:
            note: Is told what is done about every trial; missing folds are trained by the search.
        """
        for files, trial in self._damaged:
            found = tell(files.damaged)
            if trial is None and self.store is not None:
                self.store.discard(files.trial_id)
                done = "its trial is begun anew"
            elif trial.status in FINISHED:
                self._write(trial)
                done = "written again from the records of its folds"
            else:
                done = "what is missing is trained again"
            note(f"{found}; {done}")
        self._damaged.clear()

    def reopen(self, trial_id: str) -> None:
        """Hand a finished trial out again, because something of it isn't whole."""
        with self._lock:
            trial = self.trials.pop(trial_id)
            place = key(trial.hyperparameters.values)
            self._tried.discard(place)
            self._interrupted[place] = trial_id
            self._untried = None

    def _add_declared(self, hyperparameters: Any, asked: Container[str]) -> None:
        """Take up what the model declared; what the grid then asked for may be gone by now."""
        declared = keras_tuner.HyperParameters()
        declared.merge([entry for entry in hyperparameters.space if entry.name not in asked])
        self.update_space(declared)

    def _set_project_dir(self, directory: str, project_name: str) -> None:
        """Learn the directory from whichever Tuner drives the oracle.

        keras-tuner tells an oracle its directory through this private method only.
        CrossValidationTuner sets `store` itself, so it goes on if the method is renamed.
        """
        super()._set_project_dir(directory, project_name)
        self.store = SearchStore(directory, project_name)

    def _write(self, trial: Any) -> None:
        if self.store is not None:
            self.store.write_trial(trial.trial_id, trial.get_state())

    def _free_id(self) -> str:
        reserved = self._interrupted.values()
        while (trial_id := f"{self._next_number:04d}") in self.trials or trial_id in reserved:
            self._next_number += 1
        return trial_id


def make_oracle(objective: Objective, seed: int, grid: Grid) -> GridOracle:
    """Make the oracle of a grid whose axes go before those that the model declares.

    Args:
        objective: What the trials are ranked by.
        seed: The search's seed.
        grid: Checked values by axis.

    Returns:
        The oracle.
    """
    return GridOracle(
        objective=keras_tuner.Objective(objective.name, objective.direction),
        seed=seed,
        hyperparameters=register(grid),
        grid=grid,
    )
