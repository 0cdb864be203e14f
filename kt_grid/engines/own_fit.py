"""HyperModels that train in their own way, through an overridden `fit`."""

import copy
from typing import Any

import keras
import keras_tuner
import numpy as np

from kt_grid.engines.base import Arrays, FitArguments


def overrides_fit(hypermodel: Any) -> bool:
    """Tell whether a HyperModel has a `fit` of its own."""
    return type(hypermodel).fit is not keras_tuner.HyperModel.fit


def declare_fit(
    hypermodel: Any, space: Any, arrays: Arrays, fit: FitArguments
) -> tuple[Any, frozenset[str]]:
    """Call an overridden `fit` with a stand-in for the model, to learn what it declares.

    Hyperparameters that only `fit` asks for would otherwise be known after the first trial. A
    `fit` that does more with a model than to call its `fit` can't be asked beforehand; what it
    declares then joins the grid when its first trial ends.

    Args:
        hypermodel: The HyperModel.
        space: A `keras_tuner.HyperParameters`, to which the declarations are added.
        arrays: The search's rows; one of them is shown to `fit`.
        fit: Further arguments.

    Returns:
        The hyperparameters, and the names of the arguments that `fit` passes to `model.fit`.
    """
    one = arrays.take(np.arange(1))
    try:
        hypermodel.fit(space, _StandIn(), one.x, one.y, **_arguments(one, one, fit))
    except _Asked as asked:
        return space, asked.names
    except Exception:
        return space, frozenset()
    return space, frozenset()


def fit_own(
    hypermodel: Any,
    hyperparameters: Any,
    model: Any,
    train: Arrays,
    test: Arrays | None,
    fit: FitArguments,
) -> dict[str, float]:
    """Train with a HyperModel's own `fit`.

    Args:
        hypermodel: The HyperModel.
        hyperparameters: The trial's hyperparameters.
        model: A compiled model.
        train: Rows to train on.
        test: Rows held out, given as `validation_data`.
        fit: Callbacks and further arguments.

    Returns:
        The scores, if `fit` returned any itself, a bare number under the name ""; nothing if
        it returned a History, since the score is then that of the model as `fit` left it.
    """
    arguments = _arguments(train, test, fit)
    returned = hypermodel.fit(hyperparameters, model, train.x, train.y, **arguments)
    if isinstance(returned, keras.callbacks.History):
        return {}
    if isinstance(returned, dict):
        return {name: float(value) for name, value in returned.items()}
    if isinstance(returned, int | float | np.number):
        return {"": float(returned)}
    raise keras_tuner.errors.FailedTrialError(
        f"Expected HyperModel.fit to return a History, a number or a dict. Received: {returned!r}"
    )


def _arguments(train: Arrays, test: Arrays | None, fit: FitArguments) -> dict[str, Any]:
    arguments = {**fit.own, "callbacks": copy.deepcopy(list(fit.callbacks))}
    if test is not None:
        arguments["validation_data"] = test.training_tuple()
    if train.sample_weight is not None:
        arguments["sample_weight"] = train.sample_weight
    if fit.class_weight is not None:
        arguments["class_weight"] = fit.class_weight
    return arguments


class _Asked(Exception):  # noqa: N818 - a signal, not an error
    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(names)
        self.names = names


class _StandIn:
    """Takes a model's place; its `fit` only tells with which arguments it was called."""

    def fit(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - only the names count
        raise _Asked(frozenset(kwargs))
