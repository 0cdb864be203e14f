"""What a model is made of, apart from the values of its variables."""

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import keras
import numpy as np

from kt_grid.engines.parts import ForeignError, describe_parts, find_parts

Replace: TypeAlias = Callable[[str | None, dict[str, Any], str], Any]


def design(model: Any) -> Any:
    """Describe a model, its optimizer, loss and metrics; None if not all of it is Keras's own.

    Two models of Keras's own parts that are described alike differ in nothing but their variables.
    A custom layer, loss or optimizer may keep state elsewhere.

    Args:
        model: A built and compiled model that hasn't been trained.

    Returns:
        Nested dicts and lists of plain values, or None.
    """
    try:
        # First, so that no get_config of somebody else's is called.
        parts = describe_parts(model)
        with warnings.catch_warnings():
            # Keras warns of what can't be read back, but this is only looked at.
            warnings.simplefilter("ignore")
            return {"config": keras.saving.serialize_keras_object(model), "parts": parts}
    except (ForeignError, NotImplementedError, TypeError, ValueError):
        return None


def digest_of(model: Any) -> str:
    """Return a digest of the values of a model's variables, which are where its training begins."""
    digest = hashlib.sha256()
    for variable in model.variables:
        digest.update(np.asarray(variable).tobytes())
    return digest.hexdigest()


def have_common_layers(one: Any, other: Any) -> bool:
    """Tell whether two models share a layer, so that what befalls one shows in the other."""
    layers = {id(layer) for layer in find_parts(one, keras.Layer)}
    return any(id(layer) in layers for layer in find_parts(other, keras.Layer))


def has_same_layout(one: Any, other: Any) -> bool:
    """Tell whether two models of one design have their variables in one order.

    An optimizer around another one, which scales the loss for half precision, has them in another
    order once it has trained.
    """
    return _layout(one) == _layout(other)


def _layout(model: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(variable.path, tuple(variable.shape)) for variable in _variables(model)]


def text_of(description: Any) -> str:
    """Return a description as a text that is equal for equal descriptions only."""
    return json.dumps(description, sort_keys=True, default=str)


def generalise(part: Any, replace: Replace, owner: str | None = None) -> Any:
    """Replace settings in a description, such as those that a compiled program takes as inputs.

    Args:
        part: What `design` returned.
        replace: Is told a class's name, its whole configuration, and the name of one setting in
            it; returns what stands in the setting's place.
        owner: The class that the part belongs to.

    Returns:
        The description with the replacements.
    """
    if isinstance(part, dict):
        owner = part.get("class_name", owner)
        return {
            name: replace(owner, part, name)
            if _is_plain(value)
            else generalise(replace(owner, part, name), replace, owner)
            for name, value in part.items()
        }
    if isinstance(part, list | tuple):
        return [generalise(value, replace, owner) for value in part]
    return part


def _is_plain(value: Any) -> bool:
    return not isinstance(value, dict | list | tuple)


def all_layers(model: Any) -> Iterator[Any]:
    """Yield the layers of a model and of the models within it."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from all_layers(layer)


def copy_state(source: Any, target: Any) -> None:
    """Give a model all variables of another: weights, random seeds, optimizer."""
    for fresh, variable in zip(_variables(source), _variables(target), strict=True):
        variable.assign(fresh)


def copy_weights(source: Any, target: Any) -> None:
    """Give a model the weights and random seeds of another."""
    for fresh, variable in zip(source.variables, target.variables, strict=True):
        variable.assign(fresh)


def _variables(model: Any) -> list[Any]:
    model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]
