"""What keras-tuner's constructors take, and what becomes of it here."""

from collections.abc import Mapping
from typing import Any

import keras_tuner

from kt_grid.errors import UsageError
from kt_grid.space import Grids, axis_names, check_grid, make_axes
from kt_grid.space.axes import NewEntries
from kt_grid.space.declared import offered_values
from kt_grid.splitters import Repeated, Splitter
from kt_grid.splitters.folds import check_cv

_COMPILED = "build compiles the model; what is to be compared is an axis, such as hp.Choice"
_REFUSED = {
    "oracle": "every combination of the grid is tried once; grid and max_trials say which",
    "optimizer": _COMPILED,
    "loss": _COMPILED,
    "metrics": _COMPILED,
    "max_model_size": "every combination of the grid is trained; leave large ones out of it",
    "distribution_strategy": "each training has one device; workers=N trains several at a time",
    "logger": "keras-tuner itself ignores it; search(verbose=) shows how it goes on",
    "tuner_id": "workers=N and scheduler= share the work by themselves",
    "max_retries_per_trial": "the same seeds would fail again; what failed for want of time, "
    "memory or a worker is tried again by the next search()",
    "max_consecutive_failed_trials": "a failed trial ends no search; all reasons are told",
}


def as_hypermodel(model: Any) -> Any:
    """Make a `keras_tuner.HyperModel` of a function `build(hp)`; one stays as it is.

    Raises:
        UsageError: If it is neither.
    """
    if isinstance(model, keras_tuner.HyperModel):
        return model
    if not callable(model):
        raise UsageError(f"Expected a function build(hp) or a HyperModel. Received: {model!r}")
    hypermodel = keras_tuner.HyperModel()
    hypermodel.build = model
    return hypermodel


def refuse(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of keras-tuner's that have no meaning here.

    Args:
        arguments: Values by name. None, and no retries, is what happens anyway.

    Raises:
        UsageError: If there is one, with the reason; or one that keras-tuner has neither.
    """
    for name, value in arguments.items():
        if name not in _REFUSED:
            raise UsageError(
                f"Expected arguments of CrossValidationTuner. Received: {name}={value!r}"
            )
        if value is not None and (name != "max_retries_per_trial" or value != 0):
            raise UsageError(f"Expected no {name}: {_REFUSED[name]}. Received: {value!r}")


def listed_grid(grid: Grids, hyperparameters: Any) -> Grids:
    """Put what keras-tuner's `hyperparameters` list into a grid.

    Args:
        grid: Values by axis, or a list of such dicts; what it states counts.
        hyperparameters: A `keras_tuner.HyperParameters`, or None.

    Returns:
        The grid, with the axes of `hyperparameters` before the others.

    Raises:
        UsageError: If `hyperparameters` is something else.
        GridError: If what it lists can't be an axis.
    """
    if hyperparameters is None:
        return grid
    if not isinstance(hyperparameters, keras_tuner.HyperParameters):
        raise UsageError(
            f"Expected keras_tuner.HyperParameters. Received: {hyperparameters!r}. "
            "Give a dict of values as grid"
        )
    listed = {entry.name: offered_values(entry) for entry in hyperparameters.space}
    parts = [{**listed, **part} for part in check_grid(grid)]
    return parts if len(parts) > 1 else parts[0]


def new_entries(grid: Grids, *, tune: bool, allow: bool) -> NewEntries:
    """Say what becomes of hyperparameters that a build asks for and a grid doesn't list.

    Args:
        grid: The grid, with what `hyperparameters` list in it.
        tune: Whether they are axes; else they keep their defaults.
        allow: Whether they may be asked for at all.
    """
    return NewEntries(frozenset(axis_names(make_axes(grid))), tune, allow)


def executed(cv: Any, executions: int) -> tuple[int | Splitter, int]:
    """Train every fold several times, as keras-tuner does with `executions_per_trial`.

    Args:
        cv: A number of folds or a splitter.
        executions: Trainings of each fold, which differ in their seeds alone.

    Returns:
        What `make_setup` takes as `cv` and `repeats`.

    Raises:
        SplitError: If `executions` isn't a number of repeats, or the splitter repeats itself.
    """
    if executions == 1:
        return cv, 1
    if isinstance(cv, int):
        # Which repeats them in order, as --repeats does.
        return cv, Repeated(check_cv(cv), executions).n_repeats
    return Repeated(check_cv(cv), executions, same_folds=True), 1
