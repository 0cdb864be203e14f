"""The fused engine: each training is one XLA program, shared by all trials that it fits."""

import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kt_grid.arrays import Arrays
from kt_grid.engines.base import FitArguments, Task, Trained, build_model, check_scores
from kt_grid.engines.design import design, generalise, text_of
from kt_grid.engines.knobs import share_all
from kt_grid.engines.own_fit import overrides_fit
from kt_grid.engines.program import Course, Data, TrainingProgram
from kt_grid.errors import EngineError
from kt_grid.space import key

_PROGRAMS = 16
_PAUSED_BYTES = 2**28
_RESIDENT_BYTES = 2**30


Judge: TypeAlias = Callable[[Any, Any, Arrays, FitArguments], str | None]


class UnsuitableError(EngineError):
    """The fused engine can't, or shouldn't, train a model.

    Args:
        received: What stands in the way.
    """

    def __init__(self, received: str) -> None:
        super().__init__(
            f"Expected a model for compiled code. Received: {received}. Use --engine keras"
        )
        self.received = received


@dataclass(frozen=True)
class _Paused:
    """A training that a trial with more epochs can take up."""

    program: TrainingProgram
    course: Course
    state: list[npt.NDArray[Any]]

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in self.state)


class Fused:
    """Trains every fold in compiled code, from the reference's weights and batch order.

    The weights agree with `model.fit`'s up to rounding; masks of Dropout layers are other draws
    of the same distribution. Every fold is trained by itself, so its result can't depend on
    what else is trained.

    Args:
        judge: Says why a model isn't to be trained here, or None if it is.
    """

    name = "fused"

    def __init__(self, judge: Judge | None = None) -> None:
        self.compiled = 0
        self._judge = judge or refusal
        self._arrays: Arrays | None = None
        self._data: Data = ()
        self._programs: OrderedDict[str, list[tuple[TrainingProgram, str]]] = OrderedDict()
        self._paused: OrderedDict[str, _Paused] = OrderedDict()

    def run(
        self,
        hypermodel: Any,
        hyperparameters: Any,
        arrays: Arrays,
        fit: FitArguments,
        tasks: list[Task],
    ) -> Iterator[Trained]:
        """Train each task from scratch, or on from where a trial with fewer epochs ended.

        Args:
            hypermodel: A `keras_tuner.HyperModel`.
            hyperparameters: The trial's `keras_tuner.HyperParameters`.
            arrays: All rows of the search.
            fit: How to train.
            tasks: What to train.

        Yields:
            One result per task, as soon as it is there.

        Raises:
            UnsuitableError: If the model can't be trained in compiled code.
            EngineError: If its loss is no longer finite.
        """
        if overrides_fit(hypermodel):
            raise UnsuitableError("a HyperModel with a fit of its own")
        self._hold(arrays, fit)
        build = functools.partial(build_model, hypermodel, hyperparameters, arrays)
        fresh = None
        for task, following in zip(tasks, [*tasks[1:], None], strict=True):
            start = time.perf_counter()
            place = f"{task.split} {task.seed} {_without_epochs(hyperparameters.values)}"
            paused = self._take_up(place, fit)
            if paused is None:
                fresh = fresh or build(task.seed)
                program = self._program(fresh, arrays, fit, len(task.train))
                course = program.load(fresh, task.seed, len(task.train))
            else:
                program, course = paused.program, paused.course
                program.restore(paused.state)
            with _as_unsuitable():
                program.advance(course, fit.epochs, task.train)
            # The compiled code is still running; meanwhile Python can build the next model.
            fresh = build(following.seed) if following and paused is None else None
            if task.test is not None and fit.epochs < fit.longest:
                self._pause(place, _Paused(program, course, program.state()))
            program.finish()
            scores = {}
            if task.test is not None:
                scores = program.score(task.test, weighted=arrays.sample_weight is not None)
                check_scores(scores)
            seconds = time.perf_counter() - start
            yield Trained(task.split, scores, fit.epochs, seconds, program.model, self.name)

    def _hold(self, arrays: Arrays, fit: FitArguments) -> None:
        """Keep the rows in memory as tensors, for as long as they are the same."""
        if arrays is self._arrays:
            return
        self._programs.clear()
        self._paused.clear()
        self._arrays = arrays
        weighted = _with_class_weight(arrays, fit)
        self._data = keras.tree.map_structure(tf.constant, weighted.training_tuple())

    def _program(self, fresh: Any, arrays: Arrays, fit: FitArguments, rows: int) -> TrainingProgram:
        """Find the program for a model, or make one if no trial before had its design."""
        described = design(fresh)
        reason = self._judge(fresh, described, arrays, fit)
        if reason is not None:
            raise UnsuitableError(reason)
        place = f"{fit.batch_size} {text_of(generalise(described, share_all))}"
        entries = self._programs.setdefault(place, [])
        self._programs.move_to_end(place)
        for program, description in entries:
            if program.rows in (None, rows) and program.describe(described) == description:
                return program
        with _as_unsuitable():
            program = TrainingProgram(fresh, self._data, rows, fit.batch_size)
        entries.append((program, program.describe(described)))
        self.compiled += 1
        while len(self._programs) > _PROGRAMS:
            self._programs.popitem(last=False)
        return program

    def _take_up(self, place: str, fit: FitArguments) -> _Paused | None:
        paused = self._paused.pop(place, None)
        return paused if paused is not None and paused.course.epochs <= fit.epochs else None

    def _pause(self, place: str, paused: _Paused) -> None:
        self._paused[place] = paused
        while sum(entry.bytes for entry in self._paused.values()) > _PAUSED_BYTES:
            self._paused.popitem(last=False)


@contextmanager
def _as_unsuitable() -> Iterator[None]:
    """Turn what XLA says of a model it can't compile into an UnsuitableError."""
    try:
        yield
    except (tf.errors.OpError, NotImplementedError, TypeError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        raise UnsuitableError(f"one that XLA refuses, {first_line}") from error


def refusal(model: Any, described: Any, arrays: Arrays, fit: FitArguments) -> str | None:
    """Say why the fused engine can't train a model as it is meant.

    Args:
        model: A built and compiled model.
        described: Its design.
        arrays: The search's rows.
        fit: How to train.

    Returns:
        What stands in the way, or None.
    """
    if fit.callbacks:
        return "callbacks, which need model.fit"
    if fit.class_weight and arrays.sample_weight is not None:
        return "class_weight together with sample_weight"
    if model.run_eagerly:
        return "a model compiled with run_eagerly=True"
    if described is None:
        return "a layer, loss, metric or optimizer that isn't Keras's own"
    if sum(array.nbytes for array in keras.tree.flatten(arrays.x)) > _RESIDENT_BYTES:
        return f"more than {_RESIDENT_BYTES >> 20} MB of data"
    return None


def _without_epochs(values: Mapping[str, Any]) -> str:
    return key({name: value for name, value in values.items() if name != "epochs"})


def _with_class_weight(arrays: Arrays, fit: FitArguments) -> Arrays:
    """Turn weights by class into weights by row, as `model.fit` does."""
    if not fit.class_weight:
        return arrays
    y = np.asarray(arrays.y)
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else np.round(y).reshape(len(y))
    weights = [fit.class_weight.get(int(label), 1.0) for label in labels]
    return Arrays(arrays.x, arrays.y, np.array(weights, np.float32))
