"""How well the best model of a finished search does on new rows."""

from pathlib import Path
from typing import Any

from kt_grid.analysis.pooled import Pooled
from kt_grid.data.arrays import Arrays
from kt_grid.search.predict import Predictor
from kt_grid.store.directory import SearchStore


def evaluate_file(
    store: SearchStore, path: str | Path, *, unknown: str = "refuse", trial: Any = None
) -> Pooled:
    """Score the refitted model on the rows of a data file, which have targets.

    Args:
        store: A finished search.
        path: The file, with the target's column. Rows with missing values are treated as the
            search treated its own.
        unknown: What is done with a category that was not there in training, as
            `Predictor.predict` has it.
        trial: The trial, as the tuner's `refit` takes it; the best by default.

    Returns:
        The loss and every metric that the model compiles; for a classifier also the confusion
        matrix, with the names of all its classes.

    Raises:
        PredictionError: If there is no model, or the search wasn't made from a file.
        DamageError: If a model isn't whole.
        DataError: If the file can't be read, has other columns, no target, or a class that was
            not there in training.
    """
    from kt_grid.engines.keras_fit import evaluate

    predictor = Predictor.load(store, trial=trial)
    x, y = predictor.labelled(path, unknown)
    scores = evaluate(predictor.model, Arrays(x, y))
    named = {name.removeprefix("val_"): value for name, value in scores.items()}
    figures = {"loss": named.pop("loss"), **named}
    return _with_confusion(Pooled(len(y), figures), predictor, x, y)


def _with_confusion(scored: Pooled, predictor: Predictor, x: Any, y: Any) -> Pooled:
    """Add the confusion matrix, where targets and predictions are classes."""
    outputs, meaning = predictor.outputs(x), predictor.meaning
    counts = meaning.confusion(y, outputs)
    if counts is None:
        return scored
    return Pooled(
        scored.rows,
        scored.figures,
        classes=tuple(map(str, meaning.class_names(len(counts)))),
        confusion=tuple(tuple(row) for row in counts.tolist()),
    )
