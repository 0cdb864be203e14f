"""What a subclass of the tuner may do in methods of its own, and what none can mean.

Trials run here or on workers, and their results are those of their folds. So a method that only
one of these ways would call, or whose result no fold would tell, is refused by name.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus

from kt_grid.errors import UsageError
from kt_grid.search.runner import TrialRunner
from kt_grid.workers.placement import AUTO, Placement

# Methods of a subclass's own that "auto" keeps in this process, where all of them are called.
_IN_ONE_PROCESS = ("run_trial", "on_search_begin", "on_search_end")
# keras-tuner calls them from a training of its own.
_UNCALLED = ("on_batch_begin", "on_batch_end", "on_epoch_begin", "on_epoch_end")


def _overridden(tuner: Any, names: Sequence[str]) -> list[str]:
    """Which methods a subclass of kt-grid's tuner has of its own."""
    ours = next(kind for kind in type(tuner).__mro__ if kind.__module__ == "kt_grid.search.tuner")
    return [name for name in names if getattr(type(tuner), name) is not getattr(ours, name)]


def place_trials(tuner: Any, workers: int | str, *placed: Any) -> Placement:
    """Decide where the trials of a tuner run, "auto" here if it has methods of its own.

    Args:
        tuner: The tuner.
        workers: As `Placement` takes it.
        *placed: What else it takes.

    Raises:
        UsageError: If methods of its own would never be called; with the first one's name.
    """
    here = workers == AUTO and _overridden(tuner, _IN_ONE_PROCESS)
    placement = Placement(1 if here else workers, *placed)
    if not placement.begins_here and _overridden(tuner, ("run_trial",)):
        raise UsageError(
            f"Expected one process for {type(tuner).__name__}.run_trial, since workers run trials "
            f"without it. Received: {placement.elsewhere}. Search with workers=1, or put "
            "what it does into build(hp), a HyperModel's fit, a callback or a Score"
        )
    uncalled = _overridden(tuner, _UNCALLED)
    if uncalled:
        raise UsageError(
            "Expected what is to be done in a training as a callback: search(…, callbacks=[…]). "
            f"Received: {type(tuner).__name__}.{uncalled[0]}, which no training of a fold calls"
        )
    return placement


def check_given(
    trial: Any, known: Collection[str], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Refuse what a `run_trial` of a tuner's own gives the tuner's besides the trial.

    Args:
        trial: The trial.
        known: The hyperparameters that it was handed out with.
        args: Further arguments.
        kwargs: Further arguments by name.

    Raises:
        FatalRuntimeError: From the UsageError.
    """
    added = [*kwargs, *(name for name in trial.hyperparameters.values if name not in known)]
    if not args and not added:
        return
    refused = UsageError(
        "Expected super().run_trial(trial), since data and arguments are those of search. "
        f"Received: {', '.join(added) or 'data'}. Declare a hyperparameter in build(hp) or "
        "in the grid, where batch_size and epochs go to the training by themselves"
    )
    raise keras_tuner.errors.FatalRuntimeError(str(refused)) from refused


def check_result(tuner: Any, trial: Any, runner: TrialRunner) -> None:
    """Fail a completed trial whose result isn't that of its folds.

    Args:
        tuner: The tuner, whose `run_trial` may have trained in its own way.
        trial: The trial.
        runner: What trains the folds.
    """
    if not _overridden(tuner, ("run_trial",)):
        return
    work, objective = runner.begin(trial), tuner.target.name
    told = tuner.oracle.get_trial(trial.trial_id).metrics.get_best_value(objective)
    if not work.missing and told == runner.metrics(work)[objective]:
        return
    trial.status = TrialStatus.FAILED
    trial.message = (
        f"Expected {type(tuner).__name__}.run_trial to train and score the folds by "
        f"super().run_trial(trial), and to return what that gives. Received: another {objective} "
        "than theirs, or no folds. Train in a HyperModel's fit, and score by a Score"
    )
