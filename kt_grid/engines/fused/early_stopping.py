"""Early stopping in compiled code: what `keras.callbacks.EarlyStopping` does, epoch by epoch."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task
from kt_grid.engines.fused.program import Course, TrainingProgram


@dataclass(frozen=True)
class Best:
    """The best epoch of a training.

    Attributes:
        epochs: Epochs up to it.
        weights: The model's weights after it.
    """

    epochs: int
    weights: list[npt.NDArray[Any]]

    def restore(self, model: Any) -> None:
        """Give a model these weights."""
        model.set_weights(self.weights)


def advance_stopping(
    program: TrainingProgram,
    course: Course,
    task: Task,
    fit: FitArguments,
    *,
    weighted: bool,
    stopped: Callable[[], bool],
) -> Best | None:
    """Train until the loss on the rows held back stops getting better.

    Args:
        program: Holds the model.
        course: The training's course, which moves on.
        task: The rows to train on and those to watch.
        fit: How to train.
        weighted: Whether the rows' weights count.
        stopped: Asked now and then whether to give up.

    Returns:
        The best epoch; None if nothing is watched, or no epoch was trained.
    """
    if task.watch is None or fit.early_stopping is None:
        program.advance(course, fit.epochs, task.train, stopped)
        return None
    least, best = math.inf, None
    while course.epochs < fit.epochs and not stopped():
        program.advance(course, course.epochs + 1, task.train, stopped)
        loss = program.score(task.watch, weighted=weighted)["val_loss"]
        if best is None or loss < least:
            least, best = loss, Best(course.epochs, program.model.get_weights())
        elif course.epochs - best.epochs >= fit.early_stopping:
            break
    return best
