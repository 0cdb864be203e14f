"""Predictions for held-out rows, kept beside the records of the folds."""

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from kt_grid.errors import PredictionError
from kt_grid.splitters.folds import Indices
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import check_ordinary

# What zipfile and numpy raise for files that are damaged, or that somebody has made so.
_UNREADABLE = (
    *(OSError, ValueError, EOFError, TypeError, KeyError, MemoryError, OverflowError),
    *(NotImplementedError, RuntimeError, SyntaxError, zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True)
class HeldOut:
    """Predictions of a trial's fold models for the rows that they weren't trained on.

    Attributes:
        rows: Positions of the rows. A row that several splits hold out comes several times, one
            that none does not at all.
        y_true: Their targets.
        y_pred: Predictions, of shape `(len(rows), …)`.
        splits: Number of the split that holds each of them out.
    """

    rows: Indices
    y_true: npt.NDArray[Any]
    y_pred: npt.NDArray[Any]
    splits: Indices

    @classmethod
    def of_splits(cls, parts: Sequence[tuple[Indices, Any, Any]]) -> Self:
        """Put the predictions of the splits together.

        Args:
            parts: Rows, targets and predictions by split.
        """
        rows, y_true, y_pred = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        splits = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
        return cls(rows, y_true, y_pred, splits)


def write_predictions(
    store: SearchStore, trial_id: str, split: int, rows: Indices, y_true: Any, y_pred: Any
) -> None:
    """Write the predictions of one fold as an .npz file.

    Args:
        store: The search's directory.
        trial_id: The trial.
        split: Number of the split.
        rows: Positions of the held-out rows.
        y_true: Their targets: an array, or a list, tuple or dict of arrays.
        y_pred: The predictions, likewise.

    Raises:
        StoreError: If the file can't be written.
    """
    arrays = {"rows": rows, **_named("y_true", y_true), **_named("y_pred", y_pred)}

    def write(beside: Path) -> None:
        np.savez(beside, **arrays)  # type: ignore[arg-type] # mypy takes them for its options

    store.write(_path(store, trial_id, split), write)


def _path(store: SearchStore, trial_id: str, split: int) -> Path:
    return store.trial_dir(trial_id) / f"fold_{split}.predictions.npz"


def _named(name: str, values: Any) -> dict[str, npt.NDArray[Any]]:
    """Arrays by name; those of a list or a dict under the name of their place in it."""
    if isinstance(values, dict):
        return {f"{name}.{key}": _unpickled(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return {f"{name}.{number}": _unpickled(value) for number, value in enumerate(values)}
    return {name: _unpickled(values)}


def _unpickled(values: Any) -> npt.NDArray[Any]:
    """An array that can be written without pickling: objects become words."""
    array = np.asarray(values)
    return array.astype(str) if array.dtype.hasobject else array


def has_predictions(store: SearchStore, trial_id: str, splits: int) -> bool:
    """Tell whether the predictions of all folds of a trial were kept."""
    return all(_path(store, trial_id, split).exists() for split in range(splits))


def read_predictions(store: SearchStore, trial_id: str, splits: int) -> HeldOut:
    """Read the predictions of all folds of a trial, for a model with one output.

    Args:
        store: The search's directory.
        trial_id: The trial.
        splits: Number of splits.

    Returns:
        The predictions, split after split.

    Raises:
        PredictionError: If they weren't kept, or the model has several outputs.
    """
    parts = _read(store, trial_id, range(splits))
    return HeldOut.of_splits([(part["rows"], part["y_true"], part["y_pred"]) for part in parts])


def _read(
    store: SearchStore, trial_id: str, splits: Sequence[int]
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    for split in splits:
        path = _path(store, trial_id, split)
        try:
            check_ordinary(path, math.inf)
            with path.open("rb") as file, np.load(file, allow_pickle=False) as entries:
                arrays = {name: np.asarray(entries[name]) for name in entries}
        except _UNREADABLE as error:
            raise PredictionError(
                f"Expected the predictions of all folds of trial {trial_id}. Received: none in "
                f"{path}. Run the search again with",
                mend="keep_predictions=True, overwrite=True",
                option="--keep-predictions --overwrite",
            ) from error
        if not {"rows", "y_true", "y_pred"} <= set(arrays):
            raise PredictionError(
                f"Expected predictions of one output in {path}. Received: {', '.join(arrays)}"
            )
        lengths = {arrays[name].shape[:1] for name in ("rows", "y_true", "y_pred")}
        if arrays["rows"].ndim != 1 or arrays["rows"].dtype.kind not in "iu" or len(lengths) > 1:
            raise PredictionError(
                f"Expected numbers of rows, and a target and a prediction for each, in {path}. "
                "Received: others. Run the search again with --keep-predictions --overwrite"
            )
        yield arrays
