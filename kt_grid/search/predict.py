"""The best model of a finished search, and what it predicts."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data import Encoder, Reading, read_features
from kt_grid.data.arrays import as_feed
from kt_grid.data.targets import BINARY, ONE_HOT, SPARSE, Loss, loss_of
from kt_grid.errors import DamageError, PredictionError, StoreError, UsageError
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import Origin

Row = dict[str, int | float | str]


def load_best_model(directory: str | os.PathLike[str]) -> Any:
    """Load the refitted model of a search.

    Args:
        directory: The search's folder, such as `runs/neurons`.

    Returns:
        A `keras.Model`; loading it runs no code from the file.

    Raises:
        PredictionError: If there is no refitted model.

    Example:
        ```python
        probabilities = kt_grid.load_best_model("runs/neurons").predict(x)
        ```
    """
    path = Path(directory)
    return _load(SearchStore(path.parent, path.name))


def predict_file(store: SearchStore, path: str | Path, *, ensemble: bool = False) -> Iterator[Row]:
    """Predict on the rows of a data file.

    Args:
        store: A finished search.
        path: The file, with or without the target column.
        ensemble: Whether the best trial's fold models are averaged; the refit by default.

    Yields:
        One dict per row: `row` from 0, and `probability` and `class` for a classifier, by the
        class's own name, or `prediction` for anything else.

    Raises:
        PredictionError: If there is no model, or the search wasn't made from a file.
        DamageError: If a model or its weights aren't whole.
        DataError: If the file can't be read, or has other columns.
    """
    record = store.read_record()
    if record is None:
        raise StoreError(f"Expected a search in {store.root}. Received: none. Run it first")
    origin = record.origin
    if origin is None or origin.features is None or origin.target_column is None:
        raise PredictionError(
            f"Expected {store.root} to be a search on a data file. Received: one made in Python. "
            "Use kt_grid.load_best_model there"
        )
    encoders, reading = _encoders(store, origin)
    x = as_feed(read_features(path, origin.features, origin.target_column, encoders, reading))
    model = _load(store)
    loss = loss_of(model)
    members = _members(store, model, ensemble=ensemble)
    outputs = [_probabilities(m.predict(x, verbose=0), loss) for m in members]
    yield from _rows(np.mean(outputs, axis=0), loss, record.labels)


def _encoders(store: SearchStore, origin: Origin) -> tuple[list[Encoder], Reading]:
    """How columns become features, as the search's record has it."""
    try:
        return [*map(Encoder.from_json, origin.encoders)], Reading(**origin.reading)
    except (LookupError, TypeError, AttributeError, UsageError) as error:
        raise DamageError(
            f"Expected {store.root} to say how its columns became features. Received: {error!r} "
            "among encoders and reading of search.json. The line that began the search may "
            "restore it"
        ) from error


def _load(store: SearchStore) -> Any:
    from kt_grid.search.models import load_refit

    return load_refit(store)


def _members(store: SearchStore, model: Any, *, ensemble: bool) -> Iterator[Any]:
    """The refit, or the same model with each fold's weights in turn."""
    if not ensemble:
        yield model
        return
    from kt_grid.engines.weights import load_weights

    refit, record = store.read_refit(), store.read_record()
    if refit is None or record is None:
        raise PredictionError(f"Expected a refitted model in {store.root}. Received: none")
    trial_id, folds = refit.trial_id, record.identity.folds
    if not store.keeps_weights(trial_id):
        raise PredictionError(
            f"Expected the weights of all folds for --ensemble in {store.trial_dir(trial_id)}. "
            "Received: none, as another trial was better when it ended. Run the search again "
            "with --overwrite"
        )
    # All are looked at before the first is used, because a mean of fewer would be another one.
    for weights in [store.check_weights(trial_id, split) for split in range(folds)]:
        load_weights(model, weights)
        yield model


def _probabilities(outputs: npt.NDArray[Any], loss: Loss) -> npt.NDArray[np.float64]:
    """Outputs as doubles; those of a classifier as probabilities."""
    values = outputs.astype(np.float64)
    if not loss.from_logits:
        return values
    if loss.name in BINARY:
        return 1 / (1 + np.exp(-values))
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _rows(outputs: npt.NDArray[np.float64], loss: Loss, labels: Sequence[str]) -> Iterator[Row]:
    if loss.name in BINARY and outputs.shape[1:] == (1,):
        for row, probability in enumerate(outputs[:, 0]):
            chosen = int(probability > 0.5)
            yield {"row": row, "probability": float(probability), "class": _name(chosen, labels)}
    elif loss.name in SPARSE | ONE_HOT and outputs.ndim == 2:
        for row, probabilities in enumerate(outputs):
            chosen = int(np.argmax(probabilities))
            yield {
                "row": row,
                "probability": float(probabilities[chosen]),
                "class": _name(chosen, labels),
            }
    else:
        for row, values in enumerate(outputs.reshape(len(outputs), -1)):
            named = {f"prediction_{i}": float(v) for i, v in enumerate(values)}
            yield {"row": row, **({"prediction": float(values[0])} if len(values) == 1 else named)}


def _name(place: int, labels: Sequence[str]) -> int | str:
    return labels[place] if place < len(labels) else place
