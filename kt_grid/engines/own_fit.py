"""HyperModels that train in their own way, through an overridden `fit`."""

import ast
import inspect
import io
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from typing import Any

import keras
import keras_tuner
import numpy as np

from kt_grid.data.arrays import Arrays, as_feed
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import as_scores
from kt_grid.engines.callbacks import renew

# `self`, and what is asked for hyperparameters.
_WITH_HP = 2


def declare_fit(
    hypermodel: Any, space: Any, arrays: Arrays, fit: FitArguments
) -> tuple[Any, frozenset[str]]:
    """Ask an overridden `fit` what it declares, up to where it first uses the model.

    Hyperparameters that only `fit` asks for would otherwise be known after the first trial. Where
    its text says that it asks for none, it isn't run. Otherwise it is given one row, and a stand-in
    for the model that can do nothing but tell how its `fit` was called; what it prints meanwhile
    is dropped. What a `fit` declares after using the model otherwise joins the grid when its
    first trial trains.

    Args:
        hypermodel: The HyperModel.
        space: A `keras_tuner.HyperParameters`, to which the declarations are added.
        arrays: The search's rows.
        fit: Further arguments.

    Returns:
        The hyperparameters, and the names of arguments that `fit` itself passes on.
    """
    written = written_arguments(hypermodel)
    if not may_declare(hypermodel):
        return space, written
    one = arrays.take(np.arange(1))
    try:
        with redirect_stdout(io.StringIO()):
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
    """Names of the keyword arguments that a HyperModel's `fit`, or its bases', writes in calls.

    What it takes out of its `**kwargs` it was given.
    """
    return frozenset(
        word.arg
        for tree in _fits(hypermodel)
        for call in _trainings(tree)
        for word in call.keywords
        if word.arg and word.arg not in _taken_out(tree)
    )


def _taken_out(tree: ast.AST) -> set[str]:
    """What a `fit` looks for in its `**kwargs` by name."""
    rest, found = _rest(tree), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found += node.args[:1] if _is(node.func.value, rest) else []
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            found += [node.slice] if _is(node.value, rest) else []
    words = [each.value for each in found if isinstance(each, ast.Constant)]
    return {word for word in words if isinstance(word, str)}


def _rest(tree: ast.AST) -> str | None:
    function = next((n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)), None)
    return function.args.kwarg.arg if function is not None and function.args.kwarg else None


def _fits(hypermodel: Any) -> Iterator[ast.AST]:
    """The sources of a HyperModel's `fit` and of those of its bases that it may call."""
    for base in type(hypermodel).__mro__:
        if base is keras_tuner.HyperModel:
            break
        if "fit" not in vars(base):
            continue
        tree = _tree(vars(base)["fit"])
        yield tree
        if not any(isinstance(n, ast.Name) and n.id == "super" for n in ast.walk(tree)):
            break


def _trainings(tree: ast.AST) -> list[ast.Call]:
    """The calls that train: an evaluate(batch_size=512) says nothing of the training."""
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _trains(n.func)]


def _trains(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and called.attr == "fit"


def may_declare(hypermodel: Any) -> bool:
    """Whether a `fit` may ask for hyperparameters, or pass on arguments that aren't written out."""
    return any(_is_open(tree) for tree in _fits(hypermodel))


def _is_open(tree: ast.AST) -> bool:
    """Whether a `fit` uses `hp` beyond handing it to another `fit`, or changes its `**kwargs`."""
    nodes = list(ast.walk(tree))
    function = next((n for n in nodes if isinstance(n, ast.FunctionDef)), None)
    given = [] if function is None else [*function.args.posonlyargs, *function.args.args]
    if function is None or len(given) < _WITH_HP:
        return True
    hp, rest = given[1].arg, _rest(tree)
    calls = _trainings(tree)
    unpacked = [word.value for call in calls for word in call.keywords if word.arg is None]
    # To take something out of `**kwargs`, or to look at it, adds nothing to what is passed on.
    looked_at = [
        n.value
        for n in nodes
        if (isinstance(n, ast.Attribute) and n.attr in ("pop", "get"))
        or (isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Load))
    ]
    handed = [each for call in calls for each in call.args]
    plain = {id(n) for n in handed} | {id(n) for n in (*unpacked, *looked_at) if _is(n, rest)}
    used = [n for n in nodes if _is(n, hp) or _is(n, rest)]
    return any(id(n) not in plain for n in (*used, *unpacked))


def _is(node: ast.AST, name: str | None) -> bool:
    return isinstance(node, ast.Name) and node.id == name


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
