"""Layers that are adapted to rows: in every fold to its training rows only.

Keras's Normalization, Discretization, StringLookup, IntegerLookup and TextVectorization, and any
layer of one's own with a method `adapt(data)`, learn from rows before the training. Adapted
outside the folds, they would have seen the rows held out.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kt_grid.data.arrays import Arrays, as_feed
from kt_grid.engines.design import all_layers
from kt_grid.errors import EngineError

_BATCH = 4096


def is_adapted(hypermodel: Any, model: Any) -> bool:
    """Tell whether a model learns from the training rows before it is trained."""
    return adapts_itself(hypermodel) or any(True for _ in adaptable_layers(model))


def adapt(hypermodel: Any, hyperparameters: Any, model: Any, train: Arrays) -> None:
    """Adapt a fresh model to its training rows.

    A HyperModel with a method `adapt(hp, model, x, y)` does it itself. Else every layer is adapted
    to what it will be given, layer after layer.

    Args:
        hypermodel: A `keras_tuner.HyperModel`.
        hyperparameters: The trial's hyperparameters.
        model: A built model.
        train: The rows that it will be trained on.

    Raises:
        EngineError: If it can't be told what a layer will be given.
    """
    if adapts_itself(hypermodel):
        hypermodel.adapt(hyperparameters, model, as_feed(train.x), train.y)
    elif is_adapted(hypermodel, model):
        _adapt_within(model, as_feed(train.x))


def adaptable_layers(model: Any) -> Iterator[Any]:
    """Yield the layers, also of models within, that have nothing yet to go by."""
    yield from (layer for layer in all_layers(model) if _is_adaptable(layer))


def adapts_itself(hypermodel: Any) -> bool:
    """Tell whether a HyperModel has an `adapt` of its own."""
    return callable(getattr(hypermodel, "adapt", None))


def _is_adaptable(layer: Any) -> bool:
    """Whether a layer is to be adapted; one that was given its state at construction isn't."""
    if not callable(getattr(layer, "adapt", None)):
        return False
    if isinstance(layer, keras.layers.Discretization):
        return layer.num_bins is not None
    config = layer.get_config()
    return config.get("mean") is None and config.get("vocabulary") is None


def _adapt_within(model: Any, x: Any) -> None:
    for layer in model.layers:
        if _is_adaptable(layer):
            layer.adapt(_input_of(model, layer, x))
        elif hasattr(layer, "layers") and any(True for _ in adaptable_layers(layer)):
            _adapt_within(layer, _input_of(model, layer, x))


def _input_of(model: Any, layer: Any, x: Any) -> Any:
    """What a layer of a model is given, with the layers before it as they are."""
    try:
        given, inputs = layer.input, model.inputs
        if len(inputs) == 1 and given is inputs[0] and hasattr(x, "shape"):
            return x
        structure = inputs[0] if isinstance(model, keras.Sequential) else model.input
        before = keras.Model(structure, given)
    except (AttributeError, ValueError):
        # The layer is in other models too, or the model says nothing of where its layers are.
        return _seen_by(model, layer, x)
    return as_feed(before.predict(x, batch_size=_BATCH, verbose=0))


class _Reached(Exception):  # noqa: N818 - a signal, not an error
    pass


def _seen_by(model: Any, layer: Any, x: Any) -> Any:
    """What reaches a layer when its model is called."""
    seen: list[Any] = []

    def note(inputs: Any, *_: Any, **__: Any) -> Any:
        seen.append(keras.tree.map_structure(np.asarray, inputs))
        raise _Reached

    rows = len(keras.tree.flatten(x)[0])
    layer.call = note
    try:
        for first in range(0, rows, _BATCH):
            batch = keras.tree.map_structure(lambda a, i=first: a[i : i + _BATCH], x)
            with contextlib.suppress(Exception):  # only what came before it counts
                model(batch)
    finally:
        del layer.call
    if len(seen) != -(-rows // _BATCH):
        raise EngineError(
            f"Expected layer {layer.name!r} to be called once by its model, to see which rows "
            "adapt it. Received: a model that calls it otherwise. Give the HyperModel a method "
            "adapt(hp, model, x, y)"
        )
    return as_feed(keras.tree.map_structure(lambda *parts: np.concatenate(parts), *seen))
