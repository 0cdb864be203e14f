"""HyperModels that train in their own way, through an overridden `fit`."""

import ast
import copy
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import keras_tuner
import numpy as np

from kt_grid.data.arrays import Arrays, as_feed
from kt_grid.data.targets import strata
from kt_grid.data.weighting import settle_class_weight
from kt_grid.engines.base import FitArguments
from kt_grid.errors import UsageError
from kt_grid.space import FIT_AXES, Grids, axis_names, make_axes

_WATCHING = ("validation_split", "early_stopping")
_FIT_ARGUMENTS = (*FIT_AXES, "class_weight", "callbacks", *_WATCHING)


def overrides_fit(hypermodel: Any) -> bool:
    """Tell whether a HyperModel has a `fit` of its own."""
    own = getattr(type(hypermodel), "fit", keras_tuner.HyperModel.fit)
    return own is not keras_tuner.HyperModel.fit


def fit_arguments(hypermodel: Any, given: Mapping[str, Any]) -> FitArguments:
    """Sort the arguments that `search` was given.

    Args:
        hypermodel: The HyperModel.
        given: Arguments by name.

    Returns:
        How to train.

    Raises:
        UsageError: If an argument has no meaning here.
    """
    own = {name: value for name, value in given.items() if name not in _FIT_ARGUMENTS}
    if overrides_fit(hypermodel):
        passed = (*FIT_AXES, "validation_split")
        own |= {name: given[name] for name in passed if name in given}
        if given.get("early_stopping") is not None:
            raise UsageError(
                "Expected a HyperModel with a fit of its own to stop early by itself. "
                f"Received: early_stopping={given['early_stopping']}. Hold out some of the "
                "training rows inside fit"
            )
    elif own:
        raise UsageError(
            f"Expected fit arguments out of {', '.join(_FIT_ARGUMENTS)}, sample_weight. "
            f"Received: {', '.join(own)}. The held-out fold is the validation data"
        )
    return FitArguments(
        epochs=given.get("epochs", FitArguments.epochs),
        batch_size=given.get("batch_size", FitArguments.batch_size),
        class_weight=given.get("class_weight"),
        callbacks=_callbacks(given.get("callbacks")),
        own=own,
        **({} if overrides_fit(hypermodel) else _watching(given)),
    )


def _watching(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _WATCHING if given.get(name) is not None}


def _callbacks(given: Any) -> tuple[Any, ...]:
    listed = given if isinstance(given, list | tuple) else [] if given is None else [given]
    strange = [one for one in listed if not isinstance(one, keras.callbacks.Callback)]
    if strange:
        raise UsageError(f"Expected a list of Keras callbacks. Received: {strange[0]!r} in it")
    return tuple(listed)


def settle_fit(
    hypermodel: Any, hyperparameters: Any, arrays: Arrays, given: Mapping[str, Any], grid: Grids
) -> tuple[FitArguments, tuple[str, ...]]:
    """Settle how a search trains, and learn the axes that a HyperModel's own `fit` declares.

    Args:
        hypermodel: The HyperModel.
        hyperparameters: A `keras_tuner.HyperParameters`, which take in those axes.
        arrays: The search's rows.
        given: Arguments that `search` was given.
        grid: The axes asked for.

    Returns:
        How to train, and which of `batch_size` and `epochs` a `fit` of its own is given as axes.

    Raises:
        UsageError: If an argument has no meaning here.
    """
    fit = fit_arguments(hypermodel, given)
    if fit.class_weight:
        if arrays.sample_weight is not None:
            raise UsageError(
                "Expected sample_weight or class_weight, as Keras takes one of them. Received: both"
            )
        weights = settle_class_weight(fit.class_weight, strata(arrays.y), arrays.labels)
        fit = replace(fit, class_weight=weights)
    if not overrides_fit(hypermodel):
        return fit, ()
    _, supplied = declare_fit(hypermodel, hyperparameters, arrays, fit)
    named = axis_names(make_axes(grid))
    passed = tuple(name for name in FIT_AXES if name in named and name not in supplied)
    # Given twice, an argument would be an error.
    written = _written(hypermodel)
    own = {name: value for name, value in fit.own.items() if name not in written}
    return replace(fit, own=own), passed


def declare_fit(
    hypermodel: Any, space: Any, arrays: Arrays, fit: FitArguments
) -> tuple[Any, frozenset[str]]:
    """Ask an overridden `fit` what it declares, up to where it first uses the model.

    Hyperparameters that only `fit` asks for would otherwise be known after the first trial. It
    is given one row, and a stand-in for the model that can do nothing but tell how its `fit`
    was called. What a `fit` declares after using the model otherwise joins the grid when its
    first trial ends.

    Args:
        hypermodel: The HyperModel.
        space: A `keras_tuner.HyperParameters`, to which the declarations are added.
        arrays: The search's rows.
        fit: Further arguments.

    Returns:
        The hyperparameters, and the names of arguments that `fit` itself passes on.
    """
    one = arrays.take(np.arange(1))
    written = _written(hypermodel)
    try:
        hypermodel.fit(space, _StandIn(), one.x, one.y, **_arguments(one, one, fit))
    except _Asked as asked:
        return space, (asked.names | written) - _parameters(hypermodel).keys()
    except Exception:  # whatever is wrong with it, the first trial will say
        return space, written
    return space, written


def _parameters(hypermodel: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(hypermodel.fit).parameters


def _written(hypermodel: Any) -> frozenset[str]:
    """Names of arguments that a `fit` passes on by itself, not from what it is given."""
    return _keywords(hypermodel) - _parameters(hypermodel).keys()


def _keywords(hypermodel: Any) -> frozenset[str]:
    """Names of the keyword arguments that a HyperModel's `fit`, or its bases', writes in calls."""
    names: set[str] = set()
    for base in type(hypermodel).__mro__:
        if base is keras_tuner.HyperModel:
            break
        nodes = list(ast.walk(_tree(vars(base).get("fit"))))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        names |= {word.arg for call in calls for word in call.keywords if word.arg}
        if nodes[1:] and not any(isinstance(n, ast.Name) and n.id == "super" for n in nodes):
            break
    return frozenset(names)


def fit_tree(hypermodel: Any) -> ast.AST:
    """Return the source of a HyperModel's `fit` as a syntax tree; an empty one without source."""
    return _tree(type(hypermodel).fit)


def _tree(function: Any) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])


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
        test: Rows held out, given as `validation_data`; None for the refit, where a `fit` that
            can't do without is given the training rows.
        fit: Callbacks and further arguments.

    Returns:
        The scores, if `fit` returned any itself, a bare number under the name ""; nothing if
        it returned a History, since the score is then that of the model as `fit` left it.
    """
    needed = _parameters(hypermodel).get("validation_data")
    if test is None and needed is not None and needed.default is inspect.Parameter.empty:
        # A refit holds nothing out, but this fit can't do without.
        test = train
    arguments = _arguments(train, test, fit)
    x = as_feed(train.x)
    returned = hypermodel.fit(hyperparameters, model, x, train.y, **arguments)
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
        arguments["validation_data"] = as_feed(test.training_tuple())
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
