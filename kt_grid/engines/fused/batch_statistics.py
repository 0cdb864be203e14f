"""Batch statistics of a batch that was filled up: means and variances of its real rows.

`BatchNormalization` normalises by the mean and the variance of the rows of a batch, and moves its
averages by them. In a batch that was filled up, rows that weigh nothing count for nothing, so that
all is as if the batch held the real rows alone. Keras's own `mask` argument does nearly that, but
fails where there is one feature, and takes the features to be the last axis.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


def is_masked(part: Any) -> bool:
    """Tell whether a layer takes statistics of batches that can be taken of some rows only.

    Args:
        part: A layer, or another operation.
    """
    plain = type(part) is keras.layers.BatchNormalization and isinstance(part.axis, int)
    return plain and not (part.synchronized or getattr(part, "renorm", False))


@contextmanager
def over_real_rows(layers: list[Any], real: Any) -> Iterator[None]:
    """Let layers look at the real rows of a batch only, while a step is traced.

    Args:
        layers: Those that `is_masked` finds.
        real: float32 of shape `(batch,)`: 1 for a real row, 0 for one that fills up.
    """
    for layer in layers:
        layer.call = _masked_call(layer, real)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _masked_call(layer: Any, real: Any) -> Callable[..., Any]:
    usual = layer.call

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and layer.trainable):
            return usual(inputs, training=training, mask=mask)
        # Keras calculates in single precision too where the layer has less.
        exact = keras.backend.result_type(inputs.dtype, "float32")
        values = keras.ops.cast(inputs, exact)
        mean, variance = _moments(values, layer.axis, tf.cast(real, exact))
        averages = ((layer.moving_mean, mean), (layer.moving_variance, variance))
        for average, now in averages:
            kept = keras.ops.cast(average, exact) * layer.momentum
            average.assign(kept + now * (1.0 - layer.momentum))
        outputs = keras.ops.batch_normalization(
            values,
            mean,
            variance,
            axis=layer.axis,
            offset=keras.ops.cast(layer.beta, exact) if layer.center else None,
            scale=keras.ops.cast(layer.gamma, exact) if layer.scale else None,
            epsilon=layer.epsilon,
        )
        return keras.ops.cast(outputs, layer.compute_dtype)

    return call


def _moments(values: Any, axis: int, real: Any) -> tuple[Any, Any]:
    """Means and variances of the real rows over all axes but one, as `tf.nn.moments` does it."""
    axes = [*range(len(values.shape))]
    del axes[axis]
    weights = tf.reshape(real, [-1, *[1] * (len(values.shape) - 1)])
    count = tf.reduce_sum(real) * math.prod(values.shape[other] for other in axes[1:])

    def mean_of(each: Any) -> Any:
        return tf.reduce_sum(each * weights, axes, keepdims=True) / count

    mean = mean_of(values)
    variance = mean_of(tf.math.squared_difference(values, tf.stop_gradient(mean)))
    return tf.reshape(mean, [-1]), tf.reshape(variance, [-1])
