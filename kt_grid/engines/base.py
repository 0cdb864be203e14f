"""What every engine is given, and what it gives back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any, Protocol

from kt_grid.data.arrays import Arrays, as_feed
from kt_grid.data.digests import source_digest
from kt_grid.errors import EngineError, UsageError
from kt_grid.splitters.folds import Indices

_SHARE = 0.2


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class Task:
    """One training: on some rows, scored on others.

    Attributes:
        split: Number of the split; -1 for the refit.
        train: Rows to train on.
        test: Rows to score on; none for the refit.
        seed: Seed of the initial weights, the batch order and the dropout.
        watch: Rows held back from the training rows to decide when to stop; None for none.
    """

    split: int
    train: Indices
    test: Indices | None
    seed: int
    watch: Indices | None = None


@dataclass(frozen=True)
class FitArguments:
    """How a model is trained.

    Attributes:
        epochs: Number of epochs.
        batch_size: Rows per step.
        class_weight: Weights by class, or None: by its name in the data for a search, by its
            number in the target for a training.
        callbacks: Keras callbacks; each training gets copies.
        own: Further arguments, for a HyperModel with a `fit` of its own.
        longest: The most epochs that any trial of the search trains.
        validation_split: Share of the training rows that is held back from every training, for
            callbacks to watch: drawn at random, whole groups if there are any, or else the last
            rows of a time series; 0.2 where `early_stopping` needs some.
        early_stopping: Epochs without a better loss on those rows after which a training ends,
            with the weights of its best epoch; None to train all epochs.
        in_time: Whether rows follow time, so that the last ones are held back.
    """

    epochs: int = 1
    batch_size: int = 32
    class_weight: Mapping[Any, float] | None = None
    callbacks: tuple[Any, ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict)
    longest: int = 0
    validation_split: float = 0.0
    early_stopping: int | None = None
    in_time: bool = False

    def __post_init__(self) -> None:
        patience, share = self.early_stopping, self.validation_split
        if patience is not None and not (_is_whole(patience) and patience >= 1):
            raise UsageError(
                f"Expected early_stopping after 1 or more epochs. Received: {patience!r}"
            )
        if not isinstance(share, int | float) or not 0 <= share < 1:
            raise UsageError(f"Expected a validation_split in [0, 1). Received: {share!r}")
        if not isinstance(self.class_weight, Mapping | None):
            raise UsageError(f"Expected class_weight to be a dict. Received: {self.class_weight!r}")
        if patience is not None and not share:
            object.__setattr__(self, "validation_split", _SHARE)

    @property
    def watching(self) -> dict[str, Any]:
        """What is held back and why, by argument; nothing if nothing is."""
        stopping = {"early_stopping": self.early_stopping} if self.early_stopping else {}
        share = {"validation_split": self.validation_split} if self.validation_split else {}
        return {**share, **stopping}

    @property
    def may_stop(self) -> bool:
        """Whether a training may end before its last epoch."""
        return self.early_stopping is not None or bool(self.callbacks)

    def given(self) -> dict[str, Any]:
        """Return the arguments as `search` takes them."""
        named = {"epochs": self.epochs, "batch_size": self.batch_size, **self.watching}
        weighted = {"class_weight": self.class_weight} if self.class_weight else {}
        return {**named, **weighted, **self.own, "callbacks": list(self.callbacks)}

    def to_json(self) -> dict[str, Any]:
        """Describe the arguments by plain JSON values, those that are not the default."""
        described: dict[str, Any] = {"epochs": self.epochs, "batch_size": self.batch_size}
        described |= self.watching
        if self.class_weight:
            described["class_weight"] = {str(k): v for k, v in self.class_weight.items()}
        if self.callbacks:
            described["callbacks"] = [_describe(callback) for callback in self.callbacks]
        return {
            **described,
            **{name: _told(v) for name, v in self.own.items() if name not in described},
        }


def _told(value: Any) -> str:
    """An argument in words; a function by its source, as its name holds an address."""
    return source_digest(value) if isinstance(value, FunctionType) else repr(value)


def _describe(callback: Any) -> str:
    """A callback's class and settings; two that are made alike are described alike."""
    kind = type(callback)
    shown = []
    for name, value in sorted(vars(callback).items()):
        if isinstance(value, FunctionType):
            shown.append(f"{name}={source_digest(value)}")
        elif isinstance(value, bool | int | float | str) and not name.startswith("_"):
            shown.append(f"{name}={value!r}")
    if not kind.__module__.startswith("keras."):
        shown.append(f"source={source_digest(kind)}")
    return f"{kind.__name__}({', '.join(shown)})"


@dataclass(frozen=True)
class Trained:
    """One training done.

    Attributes:
        split: The task's split.
        scores: Metrics on the task's test rows, named with `val_`; empty for the refit. Those on
            its training rows, named with `train_`, where they are wanted.
        epochs: Epochs trained, or those after which the weights were best, if it stopped early.
        seconds: Wall time.
        model: The trained model. Good until the engine trains the next task with it.
        engine: What trained it.
        reason: Why this engine, where there was a choice and it isn't the first one.
        steps: Optimizer steps taken; None if that isn't known.
        predictions: What the model predicts for the test rows, where that is wanted.
    """

    split: int
    scores: dict[str, float]
    epochs: int
    seconds: float
    model: Any
    engine: str
    reason: str = ""
    steps: int | None = None
    predictions: Any = None

    def save_weights(self, path: Path) -> None:
        """Write the weights in Keras's format; the path ends in `.weights.h5`."""
        from kt_grid.engines.weights import save_weights

        save_weights(self.model, path)

    def count_weights(self) -> int:
        """Count the numbers that the model consists of, trained or not."""
        return int(self.model.count_params())


@dataclass(frozen=True)
class Upcoming:
    """The first training of the trial that is likely to be next.

    Attributes:
        hyperparameters: The trial's `keras_tuner.HyperParameters`.
        fit: How it will be trained.
        task: What will be trained first.
    """

    hyperparameters: Any
    fit: FitArguments
    task: Task


@dataclass(frozen=True)
class Trainings:
    """What an engine is to do for one trial.

    Attributes:
        hypermodel: A `keras_tuner.HyperModel`.
        hyperparameters: The trial's `keras_tuner.HyperParameters`.
        arrays: All rows of the search.
        fit: How to train.
        tasks: What to train.
        upcoming: What the engine may prepare for meanwhile.
    """

    hypermodel: Any
    hyperparameters: Any
    arrays: Arrays
    fit: FitArguments
    tasks: list[Task]
    upcoming: Upcoming | None = None


class Engine(Protocol):
    """Trains the tasks of one trial.

    Attributes:
        name: What it is called.
    """

    name: str

    @property
    def compiled(self) -> int:
        """Programs that it has compiled; TensorFlow keeps them for the process's life."""

    def run(self, trainings: Trainings) -> Iterator[Trained]:
        """Train each task from scratch.

        Args:
            trainings: A trial's.

        Yields:
            One result per task, as soon as it is there.
        """


def build_model(
    hypermodel: Any,
    hyperparameters: Any,
    arrays: Arrays,
    seed: int,
    *,
    compiled: bool = True,
    reuse_kernels: bool = False,
) -> Any:
    """Build a fresh model whose initial weights follow from the seed.

    Args:
        hypermodel: A `keras_tuner.HyperModel`.
        hyperparameters: The trial's hyperparameters.
        arrays: Rows, from which a model without an input shape learns it.
        seed: The training's seed.
        compiled: Whether it must be compiled, which a training loop of one's own needn't ask for.
        reuse_kernels: As for `begin_session`.

    Returns:
        A compiled and built `keras.Model`.

    Raises:
        EngineError: If `build` returns something else, or a model that isn't compiled.
    """
    import keras

    from kt_grid.engines.session import begin_session

    begin_session(seed, reuse_kernels=reuse_kernels)
    model = hypermodel.build(hyperparameters)
    if not isinstance(model, keras.Model):
        raise EngineError(f"Expected build(hp) to return a keras.Model. Received: {model!r}")
    if compiled and not model.compiled:
        raise EngineError("Expected build(hp) to return a compiled model. Received: one that isn't")
    if not model.built and isinstance(model, keras.Sequential) and hasattr(arrays.x, "shape"):
        model.build((None, *arrays.x.shape[1:]))
    elif not model.built:
        model(as_feed(keras.tree.map_structure(lambda a: a[:1], arrays.x)))
    return model


def count_steps(rows: int, fit: FitArguments) -> int:
    """Count the batches of an epoch; the last one may be short."""
    return -(-rows // fit.batch_size)


def check_scores(scores: Mapping[str, float]) -> None:
    """Refuse a training that diverged.

    Args:
        scores: Metrics by name.

    Raises:
        EngineError: If the loss on the held-out rows isn't finite.
    """
    loss = scores.get("val_loss", 0.0)
    if loss - loss != 0:
        raise EngineError(f"Expected a finite loss on the held-out rows. Received: {loss}")
