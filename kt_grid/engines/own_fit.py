"""HyperModels that train in their own way, through an overridden `fit`."""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner
import numpy as np

from kt_grid.data.arrays import Arrays, as_feed
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import as_scores
from kt_grid.engines.callbacks import renew


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
    written = written_arguments(hypermodel)
    try:
        hypermodel.fit(space, _StandIn(), one.x, one.y, **_arguments(one, one, fit))
    except _Asked as asked:
        # What it was given it may pass on, which is no word of its own.
        own = (asked.names - fit.own.keys()) | written
        return space, own - _parameters(hypermodel).keys()
    except Exception:  # whatever is wrong with it, the first trial will say
        return space, written
    return space, written


def _parameters(hypermodel: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(hypermodel.fit).parameters


def written_arguments(hypermodel: Any) -> frozenset[str]:
    """Names of arguments that a `fit` passes on by itself, not from what it is given."""
    return _keywords(hypermodel) - _parameters(hypermodel).keys()


def _keywords(hypermodel: Any) -> frozenset[str]:
    """Names of the keyword arguments that a HyperModel's `fit`, or its bases', writes in calls."""
    names: set[str] = set()
    for base in type(hypermodel).__mro__:
        if base is keras_tuner.HyperModel:
            break
        nodes = list(ast.walk(_tree(vars(base).get("fit"))))
        # Only what trains counts: an evaluate(batch_size=512) says nothing of the training.
        calls = [n for n in nodes if isinstance(n, ast.Call) and _trains(n.func)]
        names |= {word.arg for call in calls for word in call.keywords if word.arg}
        if nodes[1:] and not any(isinstance(n, ast.Name) and n.id == "super" for n in nodes):
            break
    return frozenset(names)


def _trains(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and called.attr == "fit"


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
        return as_scores(returned)
    if isinstance(returned, int | float | np.number):
        return {"": float(returned)}
    raise keras_tuner.errors.FailedTrialError(
        f"Expected HyperModel.fit to return a History, a number or a dict. Received: {returned!r}"
    )


def _arguments(train: Arrays, test: Arrays | None, fit: FitArguments) -> dict[str, Any]:
    arguments = {**fit.own, "callbacks": renew(fit.callbacks)}
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
