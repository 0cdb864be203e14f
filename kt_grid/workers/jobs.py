"""What a worker is sent, and what it sends back: trainings without a directory.

A worker knows the model and the rows; a job says which of them to train on, and how; its result
holds scores and weights. So workers need no file system in common with whoever asks.
"""

import tempfile
import traceback
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kt_grid.data.arrays import Arrays
from kt_grid.data.targets import Loss, Targets
from kt_grid.engines import make_engine
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.backend import keras_settings, load_backend, set_keras
from kt_grid.engines.base import Engine, Task, Trained, Trainings, Upcoming
from kt_grid.errors import UnforeseenAxisError, UsageError, describe_error
from kt_grid.space.objective import Extras
from kt_grid.splitters.folds import Split
from kt_grid.workers.loop import Shared
from kt_grid.workers.packing import pack, unpack


@dataclass(frozen=True)
class Context:
    """What all jobs of a search have in common.

    Attributes:
        hypermodel: A `keras_tuner.HyperModel`.
        targets: The rows, with the target in the form of each trial's loss.
        splits: Which of them train and which are held out.
        engine: Name of the engine.
        extras: What is wanted of each fold beyond the model's own metrics.
        first: Weights by chance of layers made outside of `build`, before the first fold.
        keras: Keras's own settings, which the user may have changed for all layers.
    """

    hypermodel: Any
    targets: Targets
    splits: list[Split]
    engine: str
    extras: Extras = field(default_factory=Extras)
    first: Mapping[str, Any] = field(default_factory=dict)
    keras: Mapping[str, Any] = field(default_factory=keras_settings)

    def pack(self) -> Shared:
        """Make bytes of it for workers, with the user's own modules in them.

        Returns:
            The bytes, and how a worker reads them.

        Raises:
            UsageError: If the model can't be sent.
        """
        try:
            return Shared(pack(self, [self.hypermodel, *self.extras.scores]), open_context)
        except Exception as error:
            raise UsageError(
                "Expected a model that can be sent to workers. Received: "
                f"{type(error).__name__}: {error}. Use one worker"
            ) from error


@dataclass(frozen=True)
class Job:
    """Trainings of one trial.

    Attributes:
        hyperparameters: The trial's `keras_tuner.HyperParameters`.
        fit: How to train.
        seeds: Seed of each training, by split.
        loss: What the trial's model is trained with.
        identify: Whether the first model is to be identified.
        following: What the worker will most likely be asked next, to prepare for it meanwhile.
    """

    hyperparameters: Any
    fit: FitArguments
    seeds: Mapping[int, int]
    loss: Loss
    identify: bool = False
    following: "Job | None" = None


@dataclass(frozen=True)
class Received(Trained):
    """A training done by a worker: its model's weights, without the model.

    Attributes:
        weights: Content of a Keras weights file.
        count: How many numbers the model consists of.
    """

    weights: bytes = b""
    count: int = 0

    def save_weights(self, path: Path) -> None:
        """Write the weights in Keras's format."""
        path.write_bytes(self.weights)

    def count_weights(self) -> int:
        """Count the numbers that the model consists of, trained or not."""
        return self.count


@dataclass(frozen=True)
class Result:
    """What became of a job, besides the trainings that it gave one by one.

    Attributes:
        unforeseen: What a training asked for that the trial hasn't; None if there is nothing.
        failure: Why not all are done: the error's kind and message; empty if they are.
        details: Its traceback.
    """

    unforeseen: UnforeseenAxisError | None = None
    failure: str = ""
    details: str = ""


@dataclass(frozen=True)
class Trainer:
    """A worker's own copy of what the jobs have in common.

    Attributes:
        context: It.
        engine: What trains; it keeps what it compiled from job to job.
    """

    context: Context
    engine: Engine

    def run(self, job: Job) -> Generator[Received, None, Result]:
        """Do a job.

        Args:
            job: The job.

        Yields:
            Each training when it is done.

        Returns:
            What became of the job; whatever is raised makes it a failure.
        """
        try:
            for trained in self._train(job):
                yield _without_model(trained)
        except UnforeseenAxisError as error:
            return Result(unforeseen=error)
        except Exception as error:
            return Result(failure=describe_error(error), details=traceback.format_exc())
        return Result()

    def _train(self, job: Job) -> Iterator[Trained]:
        targets = self.context.targets
        arrays = targets.for_loss(job.loss)
        upcoming = []
        # Of other rows an engine would keep no program.
        if job.following is not None and targets.for_loss(job.following.loss) is arrays:
            first = next(self._tasks(job.following, arrays))
            upcoming = [Upcoming(job.following.hyperparameters, job.following.fit, first)]
        trainings = Trainings(
            self.context.hypermodel,
            job.hyperparameters,
            arrays,
            job.fit,
            [*self._tasks(job, arrays)],
            upcoming,
            identify=job.identify,
        )
        return self.engine.run(trainings)

    def _tasks(self, job: Job, arrays: Arrays) -> Iterator[Task]:
        # It imports Keras, which must not come before the backend, as in `open_context`.
        from kt_grid.engines.stopping import hold_back

        for split, seed in job.seeds.items():
            task = Task(split, *self.context.splits[split], seed)
            yield hold_back(task, job.fit, arrays.groups, arrays.sample_weight)


def open_context(packed: bytes) -> Trainer:
    """Make a worker ready: import TensorFlow, and read what `Context.pack` wrote.

    Args:
        packed: The bytes; they come from the process that started the search.

    Returns:
        What does the jobs.
    """
    load_backend()
    # They import Keras, which must not come before the backend: TensorFlow's log would show.
    from kt_grid.engines.first_weights import begin_with
    from kt_grid.engines.scored import with_extras

    context: Context = unpack(packed)
    set_keras(context.keras)
    begin_with(context.hypermodel, context.first)
    return Trainer(context, with_extras(make_engine(context.engine), context.extras))


def run_job(trainer: Trainer, packed: bytes) -> Generator[Received, None, Result]:
    """Do a job in a worker.

    Args:
        trainer: The worker's.
        packed: A `Job`, as `pack_job` wrote it.

    Yields:
        As `Trainer.run`.

    Returns:
        Likewise.
    """
    job: Job = unpack(packed)
    return (yield from trainer.run(job))


def pack_job(job: Job) -> bytes:
    """Make bytes of a job, with callbacks that only the user's script knows."""
    made_by = (getattr(callback, "func", callback) for callback in job.fit.callbacks)
    return pack(job, [*job.fit.callbacks, *made_by])


def _without_model(trained: Trained) -> Received:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fold.weights.h5")
        trained.save_weights(path)
        weights = path.read_bytes()
    known = vars(replace(trained, model=None))
    return Received(**known, weights=weights, count=trained.count_weights())
