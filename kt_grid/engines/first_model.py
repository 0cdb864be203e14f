"""What a model's `compile` says of a search: its objective, and the form of its target."""

import warnings
from types import SimpleNamespace
from typing import Any

import keras

from kt_grid.data.arrays import Arrays
from kt_grid.data.targets import Loss, Targets, loss_of
from kt_grid.engines.base import build_model
from kt_grid.space import Grids, axis_names, combinations, for_combination, make_axes, register
from kt_grid.space.objective import Objective

_ACCURACIES = (
    *("accuracy", "acc", "binary_accuracy"),
    *("sparse_categorical_accuracy", "categorical_accuracy"),
)


def default_objective(model: Any, grid: Grids) -> Objective:
    """Choose the objective of a search that states none: accuracy if it is compiled, else loss.

    Args:
        model: A function `build(hp)` or a `keras_tuner.HyperModel`.
        grid: Values by axis, or a list of such dicts.

    Returns:
        `val_accuracy`, or an accuracy by a longer name, to be maximised, or `val_loss`, to be
        minimised.
    """
    try:
        built = _as_hypermodel(model).build(first_combination(grid))
    except Exception:  # the first trial will say what is wrong with it
        return Objective("val_accuracy", "max", stated=False)
    names = metric_names(built)
    found = next((name for name in _ACCURACIES if name in names), None)
    if found is None:
        return Objective("val_loss", "min", stated=False)
    return Objective(f"val_{found}", "max", stated=False)


def first_combination(grid: Grids) -> Any:
    """Make the hyperparameters of a grid's first combination.

    Args:
        grid: Values by axis, or a list of such dicts.

    Returns:
        A `keras_tuner.HyperParameters`.
    """
    axes = make_axes(grid)
    return for_combination(register(grid), next(combinations(axes)), axis_names(axes))


def _as_hypermodel(model: Any) -> Any:
    return model if hasattr(model, "build") else SimpleNamespace(build=model)


def metric_names(model: Any) -> list[str]:
    """Names of the metrics that a model compiles for its only output."""
    if not isinstance(model, keras.Model) or not model.compiled:
        return []
    with warnings.catch_warnings():
        # Keras warns of a lambda that is saved, but this one is only looked at.
        warnings.simplefilter("ignore")
        metrics = (model.get_compile_config() or {}).get("metrics") or []
    listed = metrics if isinstance(metrics, list) else []
    return [_metric_name(metric) for metric in listed]


def _metric_name(metric: Any) -> str:
    config = metric.get("config") if isinstance(metric, dict) else metric
    return str(config.get("name") if isinstance(config, dict) else config)


def suit_arrays(model: Any, hyperparameters: Any, arrays: Arrays) -> Arrays:
    """Bring the target of a search into the form that its model's loss takes.

    Args:
        model: A function `build(hp)` or a `keras_tuner.HyperModel`.
        hyperparameters: Some combination.
        arrays: The rows.

    Returns:
        The rows, with classes named where their numbers changed.

    Raises:
        DataError: If the target can't be one for the model's loss.
    """
    hypermodel = _as_hypermodel(model)
    return Targets(arrays).for_loss(_loss(hypermodel, hyperparameters, arrays))


def _loss(hypermodel: Any, hyperparameters: Any, arrays: Arrays) -> Loss:
    try:
        return loss_of(build_model(hypermodel, hyperparameters, arrays, 0))
    except Exception:  # the first trial will say what is wrong with it
        return Loss("")
