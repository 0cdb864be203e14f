"""The fused engine: each training is one XLA program, shared by all trials that it fits."""

import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kt_grid.data.arrays import Arrays
from kt_grid.engines.adapting import adapt, adaptable_layers, adapts_itself
from kt_grid.engines.arguments import FitArguments, overrides_fit
from kt_grid.engines.base import (
    Task,
    Trained,
    Trainings,
    Upcoming,
    build_model,
    check_scores,
    count_steps,
)
from kt_grid.engines.design import (
    copy_state,
    copy_weights,
    design,
    digest_of,
    generalise,
    have_common_layers,
    text_of,
)
from kt_grid.engines.fingerprint import fingerprint
from kt_grid.engines.fused.background import Background
from kt_grid.engines.fused.early_stopping import Best, advance_stopping
from kt_grid.engines.fused.program import Course, Data, TrainingProgram
from kt_grid.engines.fused.program_inputs import share_all
from kt_grid.engines.fused.suitability import Judge, UnsuitableError, as_unsuitable, refusal
from kt_grid.engines.session import Settings, settings_kept
from kt_grid.space import Parameters, key

_PROGRAMS = 16
_PAUSED_BYTES = 2**28
# Optimizers whose state begins with the same numbers whatever the weights are.
_BEGINS_BLANK = frozenset(
    (
        *("SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta"),
        *("Adafactor", "Ftrl", "Lion", "Lamb", "Muon"),
    )
)


@dataclass(frozen=True)
class _Ready:
    """A task's model as it was built, and the program that trains such models."""

    fresh: Any
    program: TrainingProgram
    begins: str
    settings: Settings
    fingerprint: str


@dataclass(frozen=True)
class _Paused:
    """A training that a trial with more epochs can take up, if its model begins alike."""

    program: TrainingProgram
    course: Course
    state: list[npt.NDArray[Any]]
    begins: str

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in self.state)


@dataclass(frozen=True)
class _Trial:
    """What the tasks of one trial have in common."""

    build: Callable[[int], Any]
    adapt: Callable[[Any, Arrays], None]
    arrays: Arrays
    fit: FitArguments
    values: Parameters
    identified: int | None

    @property
    def weighted(self) -> bool:
        """Whether the rows' weights count in scores; weights by class don't."""
        return self.arrays.sample_weight is not None

    def model(self, task: Task) -> tuple[Any, str]:
        """Build the model that a task trains, adapted to the task's rows, and identify it."""
        fresh = self.build(task.seed)
        known_by = fingerprint(fresh) if task.split == self.identified else ""
        if type(fresh.optimizer).__name__ not in _BEGINS_BLANK:
            fresh.optimizer.build(fresh.trainable_variables)
        if any(True for _ in adaptable_layers(fresh)):
            self.adapt(fresh, self.arrays.take(task.train))
        return fresh, known_by


@dataclass(frozen=True)
class _Done:
    """What the background gives back: where a training has got to, and the seconds it took."""

    course: Course
    best: Best | None
    seconds: float


@dataclass(frozen=True)
class _Job:
    """A task that the background thread is training."""

    trial: _Trial
    task: Task
    ready: _Ready
    program: TrainingProgram
    done: Future[_Done]


class Fused:
    """Trains every fold in compiled code, from the reference's weights and batch order.

    The weights agree with `model.fit`'s up to rounding; masks of Dropout layers are other draws
    of the same distribution. Every fold is trained by itself, so its result can't depend on
    what else is trained.

    Args:
        judge: Says why a model isn't to be trained here, or None if it is.

    Attributes:
        programs: Number of programs that were compiled.
    """

    name = "fused"

    def __init__(self, judge: Judge | None = None) -> None:
        self.programs = 0
        self._judge = judge or refusal
        self._settings = Settings()
        self._held: tuple[Arrays, Any] | None = None
        self._data: Data = ()
        self._programs: OrderedDict[str, list[tuple[TrainingProgram, str]]] = OrderedDict()
        self._paused: OrderedDict[str, _Paused] = OrderedDict()
        self._ahead: dict[str, _Ready] = {}

    def run(self, trainings: Trainings) -> Iterator[Trained]:
        """Train each task from scratch, or on from where a trial with fewer epochs ended.

        Raises:
            UnsuitableError: If the model can't be trained in compiled code.
            EngineError: If its loss is no longer finite.
        """
        hypermodel, arrays, tasks = trainings.hypermodel, trainings.arrays, trainings.tasks
        if overrides_fit(hypermodel):
            raise UnsuitableError("a HyperModel with a fit of its own")
        if adapts_itself(hypermodel):
            raise UnsuitableError("a HyperModel with an adapt of its own")
        if any(array.dtype.kind in "OSU" for array in keras.tree.flatten(arrays.x)):
            raise UnsuitableError("text")
        self._hold(arrays, trainings.fit)
        trial = _make_trial(trainings, trainings)
        with settings_kept() as self._settings, Background() as thread:
            job = self._begin(thread, trial, tasks[0], self._first(trial, tasks[0]))
            self._prepare(trainings)
            for following in tasks[1:]:
                # Compiled code lets go of Python's lock, so the next model is built meanwhile,
                # and whoever takes the result can write it while the next fold is trained.
                ready = self._make_ready(trial, following)
                trained = self._end(job)
                job = self._begin(thread, trial, following, ready)
                yield trained
            yield self._end(job)

    def _first(self, trial: _Trial, task: Task) -> _Ready:
        """What a trial's first task needs, which may have been made to prepare for it."""
        key = _key(task, trial.fit, trial.values)
        return self._ahead.pop(key, None) or self._make_ready(trial, task)

    def _make_ready(self, trial: _Trial, task: Task) -> _Ready:
        """Build a task's model, and find the program for it."""
        self._settings.restore()
        fresh, known_by = trial.model(task)
        described = design(fresh)
        reason = self._judge(fresh, described, trial.arrays, trial.fit)
        if reason is not None:
            raise UnsuitableError(reason)
        begins = f"{text_of(described)} {digest_of(fresh)}" if trial.fit.longest else ""
        settings = Settings()
        program = self._program(fresh, described, trial, task)
        return _Ready(fresh, program, begins, settings, known_by)

    def _prepare(self, trainings: Trainings) -> None:
        """Build the first models of the trials to come, and compile their programs meanwhile."""
        before, self._ahead = self._ahead, {}
        for upcoming in trainings.upcoming:
            trial = _make_trial(trainings, upcoming)
            with suppress(Exception):  # its own turn will tell
                key = _key(upcoming.task, trial.fit, trial.values)
                ready = before.get(key) or self._make_ready(trial, upcoming.task)
                self._ahead[key] = ready
                ready.program.compile_ahead()

    def _begin(self, thread: Background, trial: _Trial, task: Task, ready: _Ready) -> _Job:
        """Let the background thread train a task."""
        paused = self._take_up(trial, task, ready)
        program = paused.program if paused else ready.program

        def train() -> _Done:
            start = time.perf_counter()
            if paused is None:
                course = program.load(ready.fresh, task.seed, len(task.train))
            else:
                course = paused.course
                program.restore(paused.state, ready.fresh)
            best = advance_stopping(
                program,
                course,
                task,
                trial.fit,
                weighted=trial.weighted,
                stopped=thread.stopped,
            )
            return _Done(course, best, time.perf_counter() - start)

        return _Job(trial, task, ready, program, thread.submit(train))

    def _end(self, job: _Job) -> Trained:
        """Wait for a training, score it, and copy its weights out of the program."""
        done = job.done.result()
        start = time.perf_counter()
        task, fit, program, fresh = job.task, job.trial.fit, job.program, job.ready.fresh
        # Another model may have been built meanwhile.
        job.ready.settings.restore()
        self._pause(job, done.course)
        program.finish()
        if done.best is not None:
            done.best.restore(program.model)
        scores = {}
        if task.test is not None:
            scores = program.score(task.test, weighted=job.trial.weighted)
            check_scores(scores)
        if task.test is None:
            # The refit is a model to go on with, so its optimizer's state is kept too.
            copy_state(program.model, fresh)
        else:
            copy_weights(program.model, fresh)
        seconds = done.seconds + time.perf_counter() - start
        taken = done.course.epochs * count_steps(len(task.train), fit)
        epochs = done.best.epochs if done.best else done.course.epochs
        return Trained(
            task.split,
            scores,
            epochs,
            seconds,
            fresh,
            self.name,
            steps=taken,
            fingerprint=job.ready.fingerprint,
        )

    def _hold(self, arrays: Arrays, fit: FitArguments) -> None:
        """Keep the rows in memory as tensors, for as long as they are weighed alike."""
        held, weights = self._held or (None, None)
        if held is arrays and weights == fit.class_weight:
            return
        self._programs.clear()
        self._paused.clear()
        self._ahead.clear()
        self._held = arrays, fit.class_weight
        weighted = _with_class_weight(arrays, fit)
        self._data = keras.tree.map_structure(tf.constant, weighted.training_tuple())

    def _program(self, fresh: Any, described: Any, trial: _Trial, task: Task) -> TrainingProgram:
        """Find the program for a model, or make one if no trial before had its design."""
        rows = len(task.train)
        key = f"{trial.fit.batch_size} {text_of(generalise(described, share_all))}"
        entries = self._programs.setdefault(key, [])
        self._programs.move_to_end(key)
        for program, description in entries:
            if program.rows in (None, rows) and program.describe(described) == description:
                return program
        # Built with the same seed it is sure to be of the same design.
        self._settings.restore()
        model = trial.build(task.seed)
        if have_common_layers(fresh, model):
            raise UnsuitableError("a layer that the models of several folds have in common")
        with as_unsuitable():
            program = TrainingProgram(model, self._data, rows, trial.fit.batch_size)
        entries.append((program, program.describe(described)))
        self.programs += 1
        while len(self._programs) > _PROGRAMS:
            self._programs.popitem(last=False)
        return program

    def _take_up(self, trial: _Trial, task: Task, ready: _Ready) -> _Paused | None:
        """The training by a trial with fewer epochs, if it is one that passes through it."""
        if trial.fit.stopping:
            return None
        paused = self._paused.pop(_key(task, trial.fit, _without_epochs(trial.values)), None)
        if paused is None or paused.begins != ready.begins:
            return None
        return paused if paused.course.epochs <= trial.fit.epochs else None

    def _pause(self, job: _Job, course: Course) -> None:
        """Keep a training for the trials with more epochs."""
        task, fit, program = job.task, job.trial.fit, job.program
        if task.test is None or fit.epochs >= fit.longest or fit.stopping:
            return
        key = _key(task, fit, _without_epochs(job.trial.values))
        self._paused[key] = _Paused(program, course, program.state(), job.ready.begins)
        while sum(entry.bytes for entry in self._paused.values()) > _PAUSED_BYTES:
            self._paused.popitem(last=False)


def _make_trial(trainings: Trainings, of: Trainings | Upcoming) -> _Trial:
    """What the tasks of a trial have in common: of the one to train, or of the one to come."""
    hypermodel, arrays = trainings.hypermodel, trainings.arrays
    build = functools.partial(
        build_model, hypermodel, of.hyperparameters, arrays, reuse_kernels=True
    )
    adapted = functools.partial(adapt, hypermodel, of.hyperparameters)
    first = of.tasks[0] if isinstance(of, Trainings) else of.task
    identified = first.split if trainings.identify else None
    # A copy, because it is compared before and after the build has added what it asked for.
    values = dict(of.hyperparameters.values.items())
    return _Trial(build, adapted, arrays, of.fit, values, identified)


def _key(task: Task, fit: FitArguments, values: Parameters) -> str:
    """What tells a training from others of a search."""
    return f"{task.split} {task.seed} {fit.batch_size} {key(values)}"


def _without_epochs(values: Parameters) -> Parameters:
    return {name: value for name, value in values.items() if name != "epochs"}


def _with_class_weight(arrays: Arrays, fit: FitArguments) -> Arrays:
    """Turn weights by class into weights by row, as `model.fit` does."""
    if not fit.class_weight or np.ndim(arrays.y) > 2:
        return arrays
    y = np.asarray(arrays.y)
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else np.round(y).reshape(len(y))
    weights = [fit.class_weight.get(int(label), 1.0) for label in labels]
    return Arrays(arrays.x, arrays.y, np.array(weights, np.float32))
