"""Settings that a compiled program takes as inputs, so that one program serves many trials.

The learning rate and the initial weights are variables of the model anyway. Here are what
`Normalization` was adapted to, the bound of `MaxNorm`, the momentum of `SGD`, and the rate of
`Dropout`, together with its random masks. XLA needs some 50 µs to draw the masks of one small
step, a hundred times the step's arithmetic, so they are drawn outside, from a stream of their own
for every layer.
"""

import copy
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kt_grid.engines.adapting import adaptable_layers
from kt_grid.engines.design import all_layers
from kt_grid.engines.parts import find_parts

_MASK_BYTES = 2**27

Masks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class MaskedLayer:
    """A Dropout layer whose masks come from outside.

    Attributes:
        layer: The layer.
        shape: Shape of one row of its input.
        scale: What kept units are multiplied with.
    """

    layer: Any
    shape: tuple[int, ...]
    scale: tf.Variable

    def apply(self, inputs: Any, mask: Any) -> Any:
        """Drop out: the inputs where the mask is true, scaled; else zero."""
        scaled = inputs * tf.cast(self.scale, inputs.dtype)
        return tf.where(mask, scaled, tf.zeros_like(inputs))


class VariableNumber(float):
    """A number to Python, which an optimizer compares with zero; a variable where it is cast.

    Attributes:
        variable: What `tf.cast`, and so an optimizer in a graph, reads in its place.

    Example:
        >>> number = VariableNumber(0.5)
        >>> _ = number.variable.assign(0.75)
        >>> number == 0.5, float(tf.cast(number, "float32"))
        (True, 0.75)
    """

    variable: tf.Variable

    def __new__(cls, value: float) -> "VariableNumber":
        """Make a number whose variable begins with it."""
        number = super().__new__(cls, value)
        number.variable = tf.Variable(value, dtype=tf.float32)
        return number

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        """Return what the variable holds; TensorFlow's protocol for what becomes a tensor."""
        return tf.cast(self.variable, dtype or tf.float32, name=name)


class ProgramInputs:
    """The settings of one model that a program takes as inputs.

    Args:
        model: A built and compiled model.
        example: One row of its input.
        rows: Number of rows that are trained on.
    """

    def __init__(self, model: Any, example: Any, rows: int) -> None:
        self._normal = normalizations(model)
        for layer in self._normal:
            # What a layer was adapted to would be a constant of the program.
            layer.mean, layer.variance = tf.Variable(layer.mean), tf.Variable(layer.variance)
        self._bounded = [v for v in model.trainable_variables if is_bounded(v)]
        for variable in self._bounded:
            # One object may bound several weights, each of which is to have a bound of its own.
            variable.constraint = copy.copy(variable.constraint)
        self._bounds = [tf.Variable(float(v.constraint.max_value)) for v in self._bounded]
        self._optimizer, momentum = model.optimizer, momentum_of(model)
        self._momentum = VariableNumber(momentum) if momentum else None
        self.masked = [
            MaskedLayer(layer, shape, tf.Variable(1.0))
            for layer, shape in _dropout_shapes(model, example)
            if rows * math.prod(shape) <= _MASK_BYTES
        ]
        adapted = _named_once(model, keras.layers.Normalization, self._normal)
        self._inputs: dict[tuple[str | None, str], set[str]] = {
            ("Dropout", "rate"): {masked.layer.name for masked in self.masked},
            ("Normalization", "mean"): adapted,
            ("Normalization", "variance"): adapted,
        }

    def set(self, model: Any) -> list[float]:
        """Take over the settings of another model of the same design.

        Args:
            model: The model.

        Returns:
            The model's dropout rates, one per masked layer.
        """
        for layer, own in zip(normalizations(model), self._normal, strict=True):
            own.mean.assign(layer.mean)
            own.variance.assign(layer.variance)
        bounded = [v for v in model.trainable_variables if is_bounded(v)]
        for variable, bound in zip(bounded, self._bounds, strict=True):
            bound.assign(float(variable.constraint.max_value))
        if self._momentum is not None:
            self._momentum.variable.assign(momentum_of(model))
        named = dropout_rates(model)
        rates = [named[masked.layer.name] for masked in self.masked]
        for masked, rate in zip(self.masked, rates, strict=True):
            masked.scale.assign(1 / (1 - rate))
        return rates

    def share(self, owner: str | None, config: dict[str, Any], setting: str) -> Any:
        """Replace the settings that are inputs of this program; see `share_all`."""
        inputs = self._inputs.get((owner, setting))
        if inputs is not None and config["name"] not in inputs:
            return config[setting]
        return share_all(owner, config, setting)

    @contextmanager
    def turned(self, masks: Sequence[Any]) -> Iterator[None]:
        """Let the model read its settings and masks from the inputs while it is traced.

        Args:
            masks: One boolean tensor per masked layer, shape `(batch, *shape)`.
        """
        bounds = [variable.constraint.max_value for variable in self._bounded]
        momentum = self._momentum and self._optimizer.momentum
        calls = [_masked_call(masked, m) for masked, m in zip(self.masked, masks, strict=True)]
        try:
            for variable, bound in zip(self._bounded, self._bounds, strict=True):
                variable.constraint.max_value = bound
            for masked, call in zip(self.masked, calls, strict=True):
                masked.layer.call = call
            if self._momentum is not None:
                self._optimizer.momentum = self._momentum
            yield
        finally:
            if self._momentum is not None:
                self._optimizer.momentum = momentum
            for variable, value in zip(self._bounded, bounds, strict=True):
                variable.constraint.max_value = value
            for masked in self.masked:
                del masked.layer.call


def share_all(owner: str | None, config: dict[str, Any], setting: str) -> Any:
    """Replace every setting that may be an input of a program; for `generalise`.

    Args:
        owner: A class's name.
        config: Its configuration.
        setting: The name of a setting in it.

    Returns:
        None for an initializer, what a Normalization was adapted to, MaxNorm's bound and a
        learning rate that is a number; for SGD's momentum and a Dropout rate below 1 whether it
        isn't zero; else the setting's value.
    """
    value = config[setting]
    if setting.endswith("initializer") or (owner, setting) == ("MaxNorm", "max_value"):
        return None
    if setting == "learning_rate" and isinstance(value, float):
        return None
    if owner == "Normalization" and setting in ("mean", "variance"):
        return None
    if (owner, setting) == ("SGD", "momentum"):
        # `momentum_of` doesn't find an SGD within another optimizer, but `refusal` turns that down.
        return value > 0
    if (owner, setting) == ("Dropout", "rate") and value < 1:
        return value > 0
    return value


def normalizations(model: Any) -> list[Any]:
    """Return the layers that standardise by what they were adapted to."""
    return [layer for layer in adaptable_layers(model) if type(layer) is keras.layers.Normalization]


def is_bounded(variable: Any) -> bool:
    """Tell whether a variable is constrained by Keras's own MaxNorm."""
    return type(variable.constraint) is keras.constraints.MaxNorm


def momentum_of(model: Any) -> float:
    """Return the momentum of Keras's own SGD, which has none if it is zero; else zero."""
    optimizer = model.optimizer
    return float(optimizer.momentum) if type(optimizer) is keras.optimizers.SGD else 0.0


def dropout_rates(model: Any) -> dict[str, float]:
    """Return the rates of a model's Dropout layers that drop something, by layer name.

    Names are unique within one model only; a layer that has its name from another is left out.
    """
    plain = [layer for layer in all_layers(model) if type(layer) is keras.layers.Dropout]
    named = _named_once(model, keras.layers.Dropout, plain)
    return {
        layer.name: layer.rate
        for layer in plain
        if 0 < layer.rate < 1 and layer.noise_shape is None and layer.name in named
    }


def _named_once(model: Any, kind: type[Any], layers: Sequence[Any]) -> set[str]:
    """The names of layers that no other layer of their kind has, however deep in the model."""
    names = Counter(layer.name for layer in find_parts(model, kind))
    return {layer.name for layer in layers if names[layer.name] == 1}


def draw_masks(stream: np.random.PCG64, rate: float, shape: tuple[int, ...]) -> Masks:
    """Draw which units are kept.

    Args:
        stream: The layer's own stream of random bits.
        rate: Share of units to drop.
        shape: Shape of the masks, epochs first. Those of two epochs drawn at once are those
            drawn one after the other.

    Returns:
        True where a unit is kept.
    """
    size = math.prod(shape[1:])
    words = (size + 1) // 2
    bits = stream.random_raw(shape[0] * words).reshape(shape[0], words).view(np.uint32)[:, :size]
    return (bits >= np.uint32(round(rate * 2**32))).reshape(shape)


def _masked_call(masked: MaskedLayer, mask: Any) -> Any:
    def call(inputs: Any, training: bool = False) -> Any:  # noqa: ARG001 - Dropout's signature
        return masked.apply(inputs, mask)

    return call


def _dropout_shapes(model: Any, example: Any) -> list[tuple[Any, tuple[int, ...]]]:
    """Dropout layers that are called exactly once in a step, and the shapes they see."""
    seen: dict[str, list[tuple[int, ...]]] = {}
    named = {layer.name: layer for layer in all_layers(model)}
    layers = [named[name] for name in dropout_rates(model)]
    if not layers:
        return []

    def note(layer: Any) -> Any:
        def call(inputs: Any, training: bool = False) -> Any:  # noqa: ARG001 - Dropout's signature
            seen.setdefault(layer.name, []).append(tuple(inputs.shape[1:]))
            return inputs

        return call

    for layer in layers:
        layer.call = note(layer)
    try:
        tf.function(lambda x: model(x, training=True), autograph=False).get_concrete_function(
            keras.tree.map_structure(lambda a: tf.TensorSpec(a.shape, a.dtype), example)
        )
    finally:
        for layer in layers:
            del layer.call
    once = [layer for layer in layers if len(seen.get(layer.name, ())) == 1]
    return [(layer, seen[layer.name][0]) for layer in once if None not in seen[layer.name][0]]
