"""What every engine is given, and what it gives back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from kt_grid.data.arrays import Arrays, as_feed
from kt_grid.engines.arguments import FitArguments
from kt_grid.errors import EngineError, PredictionError
from kt_grid.space import key
from kt_grid.splitters.folds import Indices


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
        fingerprint: Of the model as it was built, where that is wanted and the task is the first.
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
    fingerprint: str = ""

    def save_weights(self, path: Path) -> None:
        """Write the weights in Keras's format; the path ends in `.weights.h5`."""
        from kt_grid.engines.weights import save_weights

        save_weights(self.model, path)

    def count_weights(self) -> int:
        """Count the numbers that the model consists of, trained or not."""
        return int(self.model.count_params())


@dataclass(frozen=True)
class Upcoming:
    """The first training of a trial that is likely to come soon.

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
        upcoming: What the engine may prepare for meanwhile, the next one first.
        identify: Whether the model that the first task trains is to be identified, as it is built.
    """

    hypermodel: Any
    hyperparameters: Any
    arrays: Arrays
    fit: FitArguments
    tasks: list[Task]
    upcoming: Sequence[Upcoming] = ()
    identify: bool = False


class Engine(Protocol):
    """Trains the tasks of one trial.

    Every engine is given tasks whose rows are held back already, and owes one result per task, in
    their order, each as soon as it is there. Each training starts fresh, by `build_model` with the
    task's seed, so that it depends on nothing but itself. Scores on the rows held out are named
    `val_`, by `as_scores`; the refit, which has none, has no scores. The model has the weights of
    its last epoch, or of the best one where the training stopped early. Results can be pickled
    but for their models. What is configured while a model is built or trained is undone when
    `run` ends.

    Attributes:
        name: What it is called.
    """

    name: str

    @property
    def programs(self) -> int:
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
    arrays: Arrays | None,
    seed: int,
    *,
    compiled: bool = True,
    reuse_kernels: bool = False,
    only_look: bool = False,
) -> Any:
    """Build a fresh model whose initial weights follow from the seed.

    Args:
        hypermodel: A `keras_tuner.HyperModel`.
        hyperparameters: The trial's hyperparameters.
        arrays: Rows, from which a model without an input shape learns it; None if there are none.
        seed: The training's seed.
        compiled: Whether it must be compiled, which a training loop of one's own needn't ask for.
        reuse_kernels: As for `begin_session`.
        only_look: Whether nobody is interested in the model's weights.

    Returns:
        A compiled and built `keras.Model`.

    Raises:
        EngineError: If `build` returns something else, or a model that isn't compiled.
        PredictionError: If it returns one without an input shape, and there are no rows.
    """
    from kt_grid.engines.fresh import SHARED_PARTS
    from kt_grid.engines.session import begin_session, clashing_name

    taken: list[str] = []

    def begin() -> None:
        begin_session(seed, reuse_kernels=reuse_kernels, taken=taken)

    def make() -> Any:
        while True:
            try:
                return _build(hypermodel, hyperparameters, arrays, compiled)
            except ValueError as error:
                name = clashing_name(error)
                if not name or name in taken:
                    raise
                taken.append(name)
                begin()

    def is_new() -> bool:
        return _is_new(hypermodel, hyperparameters) and not only_look

    return SHARED_PARTS.build(begin, make, seed, is_new)


# What was built in this process, by the parameters that were asked for.
_built: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def _is_new(hypermodel: Any, hyperparameters: Any) -> bool:
    """Tell whether a user's model was built with these parameters for the first time."""
    build = getattr(hypermodel, "build", None)
    if str(getattr(build, "__module__", "")).startswith("kt_grid."):
        return False
    asked = getattr(hyperparameters, "parameters", None)
    way = key(dict(getattr(hyperparameters, "values", {})) if asked is None else asked)
    try:
        known = _built.setdefault(hypermodel, set())
    except TypeError:
        # It can't be told from others, such as a stand-in.
        return False
    is_new = way not in known
    known.add(way)
    return is_new


def _build(hypermodel: Any, hyperparameters: Any, arrays: Arrays | None, compiled: bool) -> Any:
    import keras

    model = hypermodel.build(hyperparameters)
    if not isinstance(model, keras.Model):
        raise EngineError(f"Expected build(hp) to return a keras.Model. Received: {model!r}")
    if compiled and not model.compiled:
        raise EngineError("Expected build(hp) to return a compiled model. Received: one that isn't")
    if model.built:
        return model
    if arrays is None:
        raise PredictionError(
            "Expected search(x, y) before a model without an input shape is built. Received: no "
            "data yet. Give the model a keras.Input"
        )
    if isinstance(model, keras.Sequential) and hasattr(arrays.x, "shape"):
        model.build((None, *arrays.x.shape[1:]))
    else:
        model(as_feed(keras.tree.map_structure(lambda a: a[:1], arrays.x)))
    return model


def count_steps(rows: int, fit: FitArguments) -> int:
    """Count the batches of an epoch; the last one may be short."""
    return -(-rows // fit.batch_size)


def as_scores(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Name the numbers of metrics; one that gives several has its index among them in its name.

    Args:
        values: Numbers or arrays by name, as `model.evaluate` returns them.
        prefix: Stands before every name.

    Example:
        >>> as_scores({"loss": 0.5, "f1_score": [0.25, 0.75]}, "val_")
        {'val_loss': 0.5, 'val_f1_score_0': 0.25, 'val_f1_score_1': 0.75}
    """
    scores = {}
    for name, value in values.items():
        numbers = np.asarray(value)
        for index, number in np.ndenumerate(numbers):
            scores["_".join([prefix + name, *map(str, index)])] = float(number)
    return scores


def check_scores(scores: Mapping[str, float]) -> None:
    """Refuse a training that diverged.

    Raises:
        EngineError: If the loss on the held-out rows isn't finite.
    """
    loss = scores.get("val_loss", 0.0)
    if loss - loss != 0:
        raise EngineError(f"Expected a finite loss on the held-out rows. Received: {loss}")
