"""The engine that picks an engine: fused where it serves and is faster, else `model.fit`."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras

from kt_grid.data.arrays import Arrays
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Trained, Trainings, count_steps
from kt_grid.engines.design import all_layers
from kt_grid.engines.fused.engine import Fused
from kt_grid.engines.fused.suitability import UnsuitableError, refusal
from kt_grid.engines.keras_fit import KerasFit

# Seconds, by `scripts/benchmark.py growth`: XLA's code for these layers takes 2.4 ns on CPUs for a
# multiplication, TensorFlow's own 0.5 ns, but 0.5 ms more for a step, and time to trace each fold.
# Dense, recurrent, embedding and 1-D convolution layers gain at any size that was tried.
_LOST_A_PRODUCT = 1.9e-9
_GAINED_A_STEP = 5e-4
_GAINED_A_FOLD = 0.25
_SLOW = frozenset(
    (
        *("Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose"),
        *("DepthwiseConv2D", "SeparableConv2D", "ConvLSTM2D", "ConvLSTM3D"),
    )
)


class Auto:
    """Trains in compiled code where that is known to serve and to be faster.

    What it picks depends on nothing but the model, the number of rows and the fit arguments, so it
    picks the same again after an interruption.
    """

    name = "auto"

    def __init__(self) -> None:
        self._fused = Fused(judge=why_not_fused)
        self._keras = KerasFit()

    @property
    def programs(self) -> int:
        """Programs that were compiled."""
        return self._fused.programs

    def run(self, trainings: Trainings) -> Iterator[Trained]:
        """Train each task from scratch.

        Raises:
            EngineError: If a model can't be trained, or its loss is no longer finite.
        """
        done: set[int] = set()
        try:
            for trained in self._fused.run(trainings):
                done.add(trained.split)
                yield trained
        except UnsuitableError as error:
            rest = [task for task in trainings.tasks if task.split not in done]
            for trained in self._keras.run(replace(trainings, tasks=rest)):
                yield replace(trained, reason=error.received)


def why_not_fused(model: Any, described: Any, arrays: Arrays, fit: FitArguments) -> str | None:
    """Say why a model is better trained by `model.fit`; None if it isn't."""
    reason = refusal(model, described, arrays, fit)
    steps = fit.epochs * count_steps(arrays.rows, fit)
    lost = _LOST_A_PRODUCT * fit.batch_size * _count_products(model) - _GAINED_A_STEP
    if reason is None and steps * lost > _GAINED_A_FOLD:
        return "convolutions over an area, which model.fit trains faster"
    return reason


def _count_products(model: Any) -> float:
    """How often one row is multiplied in convolutions over an area: all weights everywhere."""
    slow = [layer for layer in all_layers(model) if type(layer).__name__ in _SLOW]
    return float(sum(layer.count_params() * _count_positions(layer) for layer in slow))


def _count_positions(layer: Any) -> float:
    """At how many positions a convolution's weights are used; infinite if that isn't known."""
    shape = getattr(getattr(layer, "output", None), "shape", ())
    area = shape[2:] if layer.data_format == "channels_first" else shape[1:-1]
    # A recurrent layer uses them at every step of the time, which the output may not show.
    known = area and None not in area and not isinstance(layer, keras.layers.RNN)
    return float(math.prod(area)) if known else math.inf
