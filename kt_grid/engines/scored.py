"""Scores beyond the model's own metrics: functions of predictions, and scores on training rows."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kt_grid.data.arrays import Arrays
from kt_grid.engines.base import Engine, Task, Trained, Trainings, as_scores
from kt_grid.errors import EngineError
from kt_grid.space.objective import Extras, Score

_BATCH = 4096


def with_extras(engine: Engine, extras: Extras) -> Engine:
    """Let an engine give what is wanted beyond the model's own metrics.

    Returns:
        An engine that gives all this; the same engine if nothing is wanted.
    """
    wanted = extras.scores or extras.train_scores or extras.predictions
    return Scored(engine, extras) if wanted else engine


class Scored:
    """An engine whose trained models are scored in further ways.

    Whatever trains the folds, these figures come from here, so they don't depend on the engine.

    Args:
        engine: What trains.
        extras: What is wanted.
    """

    def __init__(self, engine: Engine, extras: Extras) -> None:
        self.name = engine.name
        self._engine = engine
        self._extras = extras

    @property
    def programs(self) -> int:
        """Programs that were compiled."""
        return self._engine.programs

    def run(self, trainings: Trainings) -> Iterator[Trained]:
        """Train each task from scratch, and score it.

        Raises:
            EngineError: If a score's function gives no number.
        """
        by_split = {task.split: task for task in trainings.tasks}
        for trained in self._engine.run(trainings):
            yield self._score(trained, by_split[trained.split], trainings.arrays)

    def _score(self, trained: Trained, task: Task, arrays: Arrays) -> Trained:
        if task.test is None:
            return trained
        scores = dict(trained.scores)
        test = arrays.take(task.test)
        predicted = None
        if self._extras.scores or self._extras.predictions:
            predicted = predict(trained.model, test)
            scores |= self._functions("val", test, predicted)
        if self._extras.train_scores:
            train = arrays.take(task.train)
            scores |= {f"train_{name}": v for name, v in evaluate(trained.model, train).items()}
            if self._extras.scores:
                scores |= self._functions("train", train, predict(trained.model, train))
        kept = predicted if self._extras.predictions else None
        return dataclasses.replace(trained, scores=scores, predictions=kept)

    def _functions(self, side: str, rows: Arrays, predicted: Any) -> dict[str, float]:
        return {
            f"{side}_{score.name}": _call(score, rows.y, predicted) for score in self._extras.scores
        }


def _call(score: Score, y_true: Any, y_pred: Any) -> float:
    """The value of a score.

    One column of predictions stands beside targets without columns: numpy would otherwise take
    a table of all pairs for their difference.
    """
    if np.ndim(y_true) == 1 and np.ndim(y_pred) == 2 and y_pred.shape[1] == 1:
        y_pred = y_pred[:, 0]
    value = score.function(y_true, y_pred)
    number = np.asarray(value)
    if number.size != 1 or number.dtype.kind not in "biuf":
        raise EngineError(f"Expected one number from the score {score.name!r}. Received: {value!r}")
    return float(number.item())


def predict(model: Any, rows: Arrays) -> Any:
    """Predict as `model.predict` does, without compiling anything for it.

    Returns:
        An array of shape `(rows, …)`, or the model's structure of such arrays.
    """
    parts = [
        keras.tree.map_structure(np.asarray, model.predict_step((batch.x,)))
        for batch in _batches(rows)
    ]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


def evaluate(model: Any, rows: Arrays) -> dict[str, float]:
    """Score a model as `model.evaluate` does, without compiling anything for it."""
    model.reset_metrics()
    scores: dict[str, Any] = {}
    for batch in _batches(rows):
        scores = model.test_step(batch.training_tuple())
    named = as_scores(scores)
    model.reset_metrics()
    return named


def _batches(rows: Arrays) -> Iterator[Arrays]:
    for first in range(0, rows.rows, _BATCH):
        yield rows.take(np.arange(first, min(first + _BATCH, rows.rows)))
