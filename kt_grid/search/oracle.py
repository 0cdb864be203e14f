"""The grid-search oracle: hands out the first combination not yet tried, in grid order."""

import itertools
import math
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_grid.errors import GridError, UnforeseenAxisError
from kt_grid.search.schedule import Schedule
from kt_grid.space import (
    Axis,
    Grids,
    Parameters,
    axis_names,
    check_grid,
    combinations,
    count,
    declared_axes,
    for_combination,
    from_json,
    key,
    make_axes,
    register,
)
from kt_grid.space.objective import Objective
from kt_grid.space.ranking import RankKey, rank_key
from kt_grid.space.tree import Asked, DecisionTree, Explore
from kt_grid.store.directory import SearchStore
from kt_grid.store.trials import TrialFiles, read_trials, score_name, tell, trial_metrics

FINISHED = (TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.STOPPED)


class GridOracle(keras_tuner.oracles.GridSearchOracle):  # type: ignore[misc] # keras-tuner is untyped
    """Tries every combination of a grid exactly once, in the order of `itertools.product`.

    Its position is nothing but the set of trials on disk: whatever was interrupted, the next
    trial is the first combination that no finished or running trial has. Any number of callers
    get different trials at the same time, and a trial costs the same however many went before.

    Failed trials are not tried again, since the same seeds would give the same failure.

    Attributes:
        suspended: While it is set, no trial is handed out, and whoever asks is sent away.

    Args:
        objective: What the trials are ranked by.
        max_trials: Only the first so many combinations; all by default.
        seed: The search's seed.
        hyperparameters: A `keras_tuner.HyperParameters` with entries that go before the model's.
        grid: Values by name that stand instead of the declared ones, in this order, or a list of
            such dicts. Needed where keras-tuner's own entry can't hold them, such as None.

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
        grid: Grids | None = None,
    ) -> None:
        if max_trials is not None and max_trials < 1:
            raise GridError(f"Expected 1 or more trials at most. Received: {max_trials}")
        super().__init__(
            objective=objective,
            max_trials=max_trials,
            hyperparameters=hyperparameters,
        )
        if seed is not None:
            # The base class takes 0 for "no seed".
            self.seed: int = seed
        self.ongoing_trials: dict[str, Any] = {}
        self.grid: Grids = grid or {}
        self._tree: DecisionTree | None = None
        self._explore: Explore | None = None
        self._axes: Sequence[Axis] = ()
        self._read: tuple[Any, ...] = ()
        self._named = frozenset(axis_names(make_axes(self.grid)))
        self._left_out: dict[str, frozenset[str]] = {}
        self._handed_out: dict[str, frozenset[str]] = {}
        self.store: SearchStore | None = None
        self._lock = threading.RLock()
        self.suspended = False
        self._schedule = Schedule(lambda: self.trials, self.combinations)
        self._damaged: list[tuple[TrialFiles, Any]] = []
        self._test_rows: tuple[int, ...] = ()

    def follow(self, tree: DecisionTree, explore: Explore | None = None) -> None:
        """Take the combinations from what builds ask for, instead of from what is declared.

        Args:
            tree: What is known of that; it may grow meanwhile.
            explore: Runs a build where the tree doesn't know.
        """
        with self._lock:
            self._tree, self._explore = tree, explore
            self._schedule.forget_axes()

    def extend(self, trial: Any, met: UnforeseenAxisError) -> None:
        """Give a running trial an axis that its training asked for and it hasn't.

        The trial goes on as the first of those that the axis makes of it.

        Args:
            trial: The trial.
            met: What was asked for.
        """
        with self._lock:
            if self._tree is None:
                raise met
            own, values = self.trials[trial.trial_id], trial.hyperparameters.values
            self._tree.extend(values, Asked(met.name, met.values, met.default))
            stated = [part[met.name] for part in check_grid(self.grid) if met.name in part]
            first = (stated[0] if stated else met.values)[0]
            self.update_space(register({met.name: stated[0] if stated else met.values}))
            for hyperparameters in (own.hyperparameters, trial.hyperparameters):
                hyperparameters.values = {**values, met.name: first}
            self._handed_out[trial.trial_id] |= {met.name}
            self._schedule.forget_axes()
            self._schedule.mark_tried(own.hyperparameters.values)
            self._write(own)

    def handed_out(self, trial: Any) -> frozenset[str]:
        """Name the hyperparameters that a running trial was given."""
        values = frozenset(trial.hyperparameters.values)
        return self._handed_out.get(trial.trial_id, values)

    @property
    def tree(self) -> DecisionTree | None:
        """What builds ask for, if that is followed."""
        return self._tree

    @property
    def axes(self) -> Sequence[Axis]:
        """The axes of the grid as far as they are known."""
        tree, space = self._tree, self.hyperparameters
        known = (space, len(space.space)) if tree is None else (tree.root,)
        # By identity, because equal hyperparameters are told apart only by looking at all of them.
        present = (self.grid, *known)
        if len(present) != len(self._read) or any(
            a is not b for a, b in zip(present, self._read, strict=True)
        ):
            self._read = present
            if tree is not None:
                self._axes = tree.axes(self.grid)
            else:
                self._axes = declared_axes(space, self.grid)
                self._schedule.forget_axes()
        return self._axes

    def combinations(self, *, explore: bool = True) -> Iterator[Parameters]:
        """Enumerate the combinations of the grid in order.

        Args:
            explore: Whether builds are run where it isn't known what they ask for.

        Yields:
            Parameters by name.
        """
        if self._tree is None:
            yield from itertools.islice(combinations(self.axes), self.max_trials)
        else:
            explored = self._explore if explore else None
            yield from self._tree.combinations(self.grid, explored, self.max_trials)

    def total_trials(self) -> int:
        """Count the trials of the whole grid; as far as that is known, if builds are followed."""
        if self._tree is None:
            return count(self.axes, self.max_trials)
        return self._tree.count(self.grid, self.max_trials, assume=True)

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
            response = self.populate_space("")
            if response["status"] != TrialStatus.RUNNING:
                return Trial(self.hyperparameters.copy(), status=response["status"])
            values = response["values"]
            hyperparameters = for_combination(self.hyperparameters, values, self._named)
            trial_id = self._schedule.take(values)
            trial = Trial(hyperparameters, trial_id=trial_id, status=TrialStatus.RUNNING)
            self._left_out[trial_id] = self._named - set(values)
            self._handed_out[trial_id] = frozenset(hyperparameters.values)
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
        if self.suspended:
            return {"status": TrialStatus.STOPPED, "values": None}
        parameters = self.peek()
        if parameters is not None:
            return {"status": TrialStatus.RUNNING, "values": parameters}
        # A running trial may still declare an axis that nobody has seen.
        status = TrialStatus.IDLE if self.ongoing_trials else TrialStatus.STOPPED
        return {"status": status, "values": None}

    def peek(self) -> Parameters | None:
        """Return the combination that the next new trial will get, as things stand.

        Returns:
            Parameters by name; None if all are handed out.
        """
        with self._lock:
            if self._tree is None:
                # Declarations may have come in.
                _ = self.axes
            return self._schedule.peek()

    def peek_ahead(self, count: int) -> list[Parameters]:
        """Return the combinations that the next new trials will get; see `Schedule.peek_ahead`."""
        with self._lock:
            self.peek()
            return self._schedule.peek_ahead(count)

    def expensive_first(self, cost: Callable[[Parameters], float], lookahead: int) -> None:
        """Hand out the most expensive of the next trials first, so that none is left for the end.

        Args:
            cost: What a combination costs, in any unit.
            lookahead: Number of trials to choose from.
        """
        with self._lock:
            self._schedule.expensive_first(cost, lookahead)

    def bring_forward(self, choose: Callable[[Sequence[Parameters]], int]) -> int:
        """Let `choose` pick the next trial among those ahead; see `Schedule.bring_forward`."""
        with self._lock:
            self.peek()
            return self._schedule.bring_forward(choose)

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
            trial: The trial, COMPLETED with the objective among its metrics, STOPPED if it was
                given up, or else failed.
        """
        with self._lock:
            own = self.trials[trial.trial_id]
            own.hyperparameters = trial.hyperparameters
            left_out = self._left_out.get(own.trial_id, frozenset())
            if left_out:
                # The model's own default for an axis that only other dicts of the grid have.
                values = own.hyperparameters.values.items()
                kept = {name: value for name, value in values if name not in left_out}
                own.hyperparameters = for_combination(own.hyperparameters, kept, left_out)
            own.status = trial.status
            own.message = trial.message
            if own.status == TrialStatus.COMPLETED and own.metrics.exists(self.objective.name):
                self.score_trial(own)
            elif own.status != TrialStatus.STOPPED:
                own.status = TrialStatus.FAILED
            self.update_space(own.hyperparameters)
            # An axis met only while training adds its value to the trial's own.
            self._schedule.mark_tried(own.hyperparameters.values)
            self.end_order.append(own.trial_id)
            self._write(own)
            self.ongoing_trials = {
                tuner: running
                for tuner, running in self.ongoing_trials.items()
                if running.trial_id != own.trial_id
            }

    def give_up(self, trial_id: str, reason: str) -> None:
        """Take a completed trial for one that needn't be trained any further.

        Args:
            trial_id: The trial.
            reason: Why.
        """
        with self._lock:
            trial = self.trials[trial_id]
            trial.status, trial.score, trial.message = TrialStatus.STOPPED, None, reason
            self._write(trial)

    def get_best_trials(self, num_trials: int = 1) -> list[Any]:
        """Return the best completed trials of the grid; never one that failed or was given up.

        Args:
            num_trials: How many at the most.

        Returns:
            Trials, best first; equal scores in grid order.
        """
        completed = [t for t in self.finished_trials() if t.status == TrialStatus.COMPLETED]
        # The sort is stable, so equal scores stay in grid order.
        return sorted(completed, key=self.rank_key, reverse=True)[:num_trials]

    def rank_key(self, trial: Any) -> RankKey:
        """Return what a completed trial is ranked by: larger is better, equal is equal."""
        names = [score_name(self.objective.name, split) for split, _ in enumerate(self._test_rows)]
        if names and all(trial.metrics.exists(name) for name in names):
            scores = [trial.metrics.get_best_value(name) for name in names]
            return rank_key(self.objective, scores, self._test_rows)
        return rank_key(self.objective, [trial.score])

    def remaining_trials(self) -> int:
        """Count the trials that are not finished."""
        return self.total_trials() - len(self.finished_trials())

    def finished_trials(self) -> list[Any]:
        """List the grid's trials that are completed, failed or given up, in grid order."""
        ended = {
            key(trial.hyperparameters.values): trial
            for trial in self.trials.values()
            if trial.status in FINISHED
        }
        combinations = map(key, self.combinations(explore=False))
        return [ended[one] for one in combinations if one in ended]

    def save(self) -> None:
        """Write oracle.json, for keras-tuner's tools; nothing is read back from it."""
        if self.store is not None:
            self.store.write_entry(self.store.oracle_file, self.get_state())

    def reload(self) -> None:
        """Take up the finished trials on disk; what isn't whole is handed out again."""
        if self.store is None:
            return
        self._forget()
        record = self.store.peek_record()
        asked = record.asked if record else {}
        folds = record.identity.folds if record else 0
        self._test_rows = record.splits.test_rows if record and record.splits else ()
        for files in read_trials(self.store, folds, self.objective.name):
            trial = restore_trial(files, self.hyperparameters, self.objective)
            if files.damaged or trial is None:
                self._damaged.append((files, trial))
            if trial is None:
                continue
            if self._tree is None:
                self._add_declared(trial.hyperparameters, asked)
            if trial.status in FINISHED:
                self.trials[trial.trial_id] = trial
                self._schedule.mark_tried(trial.hyperparameters.values)
            else:
                self._schedule.mark_interrupted(trial.hyperparameters.values, trial.trial_id)
        self._schedule.forget_axes()

    def _forget(self) -> None:
        """What is on disk is all that counts."""
        for known in (self.trials, self.start_order, self.end_order, self._damaged):
            known.clear()
        self.ongoing_trials = {}
        self._schedule.forget_trials()

    def mend(self, note: Callable[[str], None]) -> None:
        """Write what can be worked out again of trials that aren't whole, and tell `note`."""
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
        """Hand a finished trial out again, under its id, because something of it is missing."""
        with self._lock:
            values = self.trials.pop(trial_id).hyperparameters.values
            self._schedule.mark_interrupted(values, trial_id)
            self._schedule.forget_axes()

    def _add_declared(self, hyperparameters: Any, asked: Container[str]) -> None:
        """Take up what the model declared; what the grid then asked for may be gone by now."""
        declared = keras_tuner.HyperParameters()
        declared.merge([own for own in hyperparameters.space if own.name not in asked])
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


def make_oracle(
    objective: Objective, seed: int, grid: Grids, max_trials: int | None = None
) -> GridOracle:
    """Make the oracle of a grid whose axes go before those that the model declares.

    Args:
        objective: What the trials are ranked by.
        seed: The search's seed.
        grid: Checked values by axis, or a list of such dicts.
        max_trials: Only the first so many combinations; all by default.

    Returns:
        The oracle.
    """
    return GridOracle(
        max_trials=max_trials,
        objective=keras_tuner.Objective(objective.name, objective.direction),
        seed=seed,
        hyperparameters=register(grid),
        grid=grid,
    )


def restore_trial(files: TrialFiles, hyperparameters: Any, objective: Any) -> Any:
    """Make a trial from its files.

    Args:
        files: What they say.
        hyperparameters: The search's `keras_tuner.HyperParameters`, for a trial without its own.
        objective: A `keras_tuner.Objective`.

    Returns:
        A `Trial`, COMPLETED or STOPPED only if all that belongs to it is whole or can be worked
        out; None if no file tells which trial it was.
    """
    trial = None if files.state is None else _from_state(files.state)
    if trial is None and files.records:
        return _from_records(files, hyperparameters.copy(), objective)
    if trial is not None and files.damaged and trial.status != TrialStatus.FAILED:
        trial.status = TrialStatus.RUNNING
    return trial


def record_metrics(trial: Any, metrics: Mapping[str, float], objective: Any, step: int = 0) -> None:
    """Enter metrics into a trial, those that are finite.

    Args:
        trial: A keras-tuner trial.
        metrics: Values by name.
        objective: A `keras_tuner.Objective`.
        step: What keras-tuner calls the step of an observation.
    """
    for name, value in metrics.items():
        if not math.isfinite(value):
            continue
        if not trial.metrics.exists(name):
            # The direction is stated, because keras-tuner's guess is often wrong.
            direction = objective.direction if name.endswith(objective.name) else "min"
            trial.metrics.register(name, direction=str(direction))
        trial.metrics.update(name, value, step=step)


def _from_state(state: Mapping[str, Any]) -> Any:
    """A trial from trial.json; None if that lacks something."""
    try:
        trial = Trial.from_state(state)
        values = trial.hyperparameters.values
        trial.hyperparameters.values = {name: from_json(value) for name, value in values.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return trial


def _from_records(files: TrialFiles, hyperparameters: Any, objective: Any) -> Any:
    """A trial from the records of its folds, with its scores if they are all there."""
    hyperparameters.values = files.parameters
    trial = Trial(hyperparameters, files.trial_id, TrialStatus.RUNNING)
    if files.has_all_folds:
        trial.status = TrialStatus.COMPLETED
        record_metrics(trial, trial_metrics(objective.name, files.records), objective)
        trial.score = trial.metrics.get_best_value(objective.name)
    return trial


def reason_of(trial: Any) -> str:
    """Say why a trial failed, without the traceback."""
    return str(trial.message or "").partition("\n\n")[0]


def told_failures(trials: Sequence[Any]) -> str:
    """Say why no trial was completed, each reason once."""
    reasons = Counter(map(reason_of, trials))
    listed = "; ".join(
        f"{reason} ({count} trial{'s' * (count > 1)})" for reason, count in reasons.most_common(3)
    )
    return f"Expected a trial to be completed. Received: {len(trials)} that failed: {listed}"
