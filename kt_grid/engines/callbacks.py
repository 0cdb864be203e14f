"""Callbacks that are as fresh in every training as those of a script that trains once.

A callback keeps what it has seen, so none may serve two trainings. A class, a `functools.partial`
or another function without arguments is called for every training; an object is copied. One that
can't be copied, because it holds a lock, a file or a client, is made anew from its class, with
what its constructor's parameters find among its attributes.
"""

import copy
import functools
import inspect
from collections.abc import Iterable
from typing import Any

from kt_grid.data.code_digest import describe_value
from kt_grid.errors import UsageError


def as_callbacks(given: Any) -> tuple[Any, ...]:
    """Take callbacks as `search` is given them.

    Args:
        given: A callback, a list of callbacks, classes of callbacks or functions without
            arguments that make one, or None.

    Raises:
        UsageError: If one is neither, or can't be made anew for every training.
    """
    listed = given if isinstance(given, list | tuple) else [] if given is None else [given]
    return tuple(_renewable(one) for one in listed)


def renew(callbacks: Iterable[Any]) -> list[Any]:
    """Make the callbacks of one training.

    Args:
        callbacks: What `as_callbacks` returned.

    Raises:
        UsageError: If a function doesn't make a callback.
    """
    import keras

    made = []
    for one in callbacks:
        fresh = copy.deepcopy(one) if isinstance(one, keras.callbacks.Callback) else one()
        if not isinstance(fresh, keras.callbacks.Callback):
            raise UsageError(
                f"Expected {_name(one)} to make a Keras callback. Received: {fresh!r} from it"
            )
        made.append(fresh)
    return made


def watches_held_out(callback: Any) -> bool:
    """Tell whether a callback looks at rows that aren't trained on."""
    (made,) = renew([callback])
    return str(getattr(made, "monitor", "")).startswith("val_")


def describe_callback(callback: Any) -> str:
    """Describe a callback by class, settings and code; two that are made alike are described alike.

    The code counts with all that it leads to in the user's own modules.
    """
    if isinstance(callback, functools.partial):
        given = [*map(describe_value, callback.args)]
        given += [f"{name}={describe_value(v)}" for name, v in sorted(callback.keywords.items())]
        return f"partial({', '.join([describe_callback(callback.func), *given])})"
    if isinstance(callback, type):
        return callback.__name__ + ("" if _is_kerass(callback) else f"[{describe_value(callback)}]")
    if inspect.isroutine(callback):
        return describe_value(callback)
    kind, held = type(callback), sorted(vars(callback).items())
    # What a callback of Keras's keeps to itself it works out, and other versions do otherwise.
    settings = [
        f"{name}={describe_value(value)}"
        for name, value in held
        if isinstance(value, bool | int | float | str) or (_is_kerass(kind) and value is not None)
        if not name.startswith("_")
    ]
    source = [] if _is_kerass(kind) else [f"source={describe_value(callback)}"]
    return f"{kind.__name__}({', '.join([*settings, *source])})"


def _is_kerass(kind: type[Any]) -> bool:
    return kind.__module__.startswith("keras.")


def _renewable(callback: Any) -> Any:
    import keras

    if not isinstance(callback, keras.callbacks.Callback):
        if not callable(callback):
            raise UsageError(f"Expected a list of Keras callbacks. Received: {callback!r} in it")
        return callback
    try:
        copy.deepcopy(callback)
    except Exception as error:
        return _maker(callback, error)
    return callback


def _maker(callback: Any, error: Exception) -> Any:
    """What makes another callback with the settings of one that can't be copied."""
    kind: Any = type(callback)
    parameters = inspect.signature(kind).parameters.values()
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    try:
        settings = copy.deepcopy({name: getattr(callback, name) for name in named})
        kind(**settings)
    except Exception as reason:
        raise UsageError(
            "Expected callbacks that can be made anew for every training. Received: "
            f"{kind.__name__}, which can't be copied ({error}) or made from its class ({reason}). "
            f"Give a function that makes it, such as functools.partial({kind.__name__}, …)"
        ) from error
    return functools.partial(kind, **settings)


def _name(maker: Any) -> str:
    return str(getattr(maker, "__qualname__", maker))
