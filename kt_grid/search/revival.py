"""keras-tuner's trials, made again from their files."""

import math
from collections.abc import Mapping
from typing import Any

from keras_tuner.engine.trial import Trial, TrialStatus

from kt_grid.space import from_json
from kt_grid.store.trials import TrialFiles, trial_metrics


def revive(files: TrialFiles, hyperparameters: Any, objective: Any) -> Any:
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
