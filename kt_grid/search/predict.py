"""The best model of a finished search, and what it predicts."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kt_grid.data import (
    Encoder,
    Reading,
    TargetColumn,
    features_of,
    read_features,
    read_labelled,
)
from kt_grid.data.arrays import as_feed, as_inputs
from kt_grid.data.encoding import UNKNOWN
from kt_grid.data.targets import Loss, known_target, loss_of
from kt_grid.errors import DamageError, PredictionError, StoreError, UsageError
from kt_grid.search.outputs import Outputs, Row
from kt_grid.search.selection import find_trial
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import Origin, SearchRecord
from kt_grid.store.results import read_results

if TYPE_CHECKING:
    import pandas as pd


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
    return _load(SearchStore.at(directory))


def load_predictor(
    directory: str | os.PathLike[str], *, ensemble: bool = False, trial: Any = None
) -> "Predictor":
    """Load a model of a search, with what the search knows of its rows.

    Args:
        directory: The search's folder, such as `runs/neurons`.
        ensemble: Whether the trial's fold models are averaged; the refit by default.
        trial: The trial, as the tuner's `refit` takes it; the best by default.

    Returns:
        What predicts on DataFrames and arrays.

    Raises:
        StoreError: If there is no search.
        UsageError: If it has no such trial.
        PredictionError: If there is no refitted model of it.
        DamageError: If a model or its weights aren't whole.

    Example:
        ```python
        table = kt_grid.load_predictor("runs/mine").predict(frame)
        ```
    """
    return Predictor.load(SearchStore.at(directory), ensemble=ensemble, trial=trial)


def predict_file(
    store: SearchStore,
    path: str | Path,
    *,
    ensemble: bool = False,
    unknown: str = "refuse",
    trial: Any = None,
) -> Iterator[Row]:
    """Predict on the rows of a data file.

    Args:
        store: A finished search.
        path: The file, with or without the target column.
        ensemble: Whether the trial's fold models are averaged; the refit by default.
        unknown: What is done with a category that was not there in training, as
            `Predictor.predict` has it.
        trial: The trial, as the tuner's `refit` takes it; the best by default.

    Yields:
        One dict per row, as `Predictor.predict` has them.

    Raises:
        PredictionError: If there is no model, or the search wasn't made from a file.
        DamageError: If a model or its weights aren't whole.
        DataError: If the file can't be read, or has other columns.
    """
    yield from Predictor.load(store, ensemble=ensemble, trial=trial).file_rows(path, unknown)


@dataclass(frozen=True)
class Predictor:
    """Predicts with a refitted model of a search, on columns as the search had them.

    Attributes:
        directory: The search's folder.
        about: What search.json says, of the rows too, as far as the search had files.
        loss: What the model was trained with.
        model: The refit.
        folds: Files of the fold models' weights, if their mean is predicted.
    """

    directory: Path
    about: SearchRecord
    loss: Loss
    model: Any = field(repr=False)
    folds: tuple[Path, ...] = ()

    @classmethod
    def load(cls, store: SearchStore, *, ensemble: bool = False, trial: Any = None) -> "Predictor":
        """Load the models of a search's directory; errors as `load_predictor` has them."""
        about = store.read_record()
        if about is None:
            raise StoreError(f"Expected a search in {store.root}. Received: none. Run it first")
        refit = None
        if trial is not None:
            refit = store.find_refit(find_trial(read_results(store), trial).trial_id)
        model = _load(store, refit)
        folds = _fold_weights(store, refit) if ensemble else ()
        return cls(store.root, about, loss_of(model), model, folds)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the feature columns in their order; none where the search had arrays."""
        return self._origin.features or ()

    @property
    def _origin(self) -> Origin:
        return self.about.origin or Origin()

    def predict(self, rows: Any, unknown: str = "refuse") -> "pd.DataFrame":
        """Predict on rows.

        Args:
            rows: A DataFrame, whose columns are found by name, with encodings as in the search;
                or an array of shape `(rows, features)`, or whatever the model takes.
            unknown: What is done with a category that was not there in training: "refuse", or
                "ignore", which takes zeros for it in one-hot columns.

        Returns:
            A row per row: `row` from 0; for a classifier a column `p_<class>` per class and
            `class`, by the classes' own names; `prediction` for anything else, or of several
            outputs `prediction_<target>`, or `prediction_0` and so on. The index is the
            DataFrame's.

        Raises:
            DataError: If a column is missing, or a value can't be one of the feature's.
            PredictionError: If an array has another number of columns.
        """
        import pandas as pd

        table = pd.DataFrame([*self._rows(self.outputs(self._inputs(rows, unknown)))])
        if hasattr(rows, "columns") and len(table):
            table.index = rows.index
        return table

    def file_rows(self, path: str | Path, unknown: str = "refuse") -> Iterator[Row]:
        """Predict on the rows of a file; arguments and errors as `predict_file` has them."""
        target = self._of_file()
        _check_unknown(unknown)
        x = read_features(path, self.features, target, self._encoders, self._reading, unknown)
        yield from self._rows(self.outputs(as_feed(x)))

    def labelled(self, path: str | Path, unknown: str = "refuse") -> tuple[Any, Any]:
        """Read a file of rows with their targets.

        Args:
            path: The file.
            unknown: As `predict` has it.

        Returns:
            What the model takes, and its targets in the form of its loss.

        Raises:
            PredictionError: If the search wasn't made from a file.
            DataError: If the file can't be read, has other columns, or a class that was not there
                in training.
        """
        target = TargetColumn(self._origin.target or "", self._of_file(), self.about.labels)
        _check_unknown(unknown)
        x, y = read_labelled(path, self.features, target, self._encoders, self._reading, unknown)
        return as_feed(x), known_target(y, self.loss, self.about.labels)

    def _of_file(self) -> int:
        """The target's position in the search's data file, if that had one."""
        target = self._origin.target_column
        if target is None:
            raise PredictionError(
                f"Expected {self.directory} to be a search on a data file. Received: one made in "
                "Python. Use kt_grid.load_predictor there"
            )
        return target

    @property
    def _encoders(self) -> list[Encoder]:
        with self._checked("encoders"):
            return [Encoder.from_json(record) for record in self._origin.encoders]

    @property
    def _reading(self) -> Reading:
        with self._checked("reading"):
            return Reading(**self._origin.reading)

    @contextmanager
    def _checked(self, entry: str) -> Iterator[None]:
        """Name the entry of search.json that can't be."""
        try:
            yield
        except (LookupError, TypeError, AttributeError, UsageError) as error:
            raise DamageError(
                f"Expected {self.directory} to say how its columns became features. Received: "
                f"{error!r} in {entry} of search.json. Run the command that began the search"
            ) from error

    def _inputs(self, rows: Any, unknown: str) -> Any:
        """What the model takes, of a DataFrame or arrays."""
        _check_unknown(unknown)
        if hasattr(rows, "columns") and self.features:
            if self._origin.target_column is None:
                return as_inputs(select_columns(rows, self.features))
            x = features_of(rows, self.features, self._encoders, self._reading, unknown)
            return as_feed(x)
        width = getattr(rows, "shape", (0, 0))[1:]
        if self.features and not isinstance(rows, dict):
            if self._encoders:
                raise PredictionError(
                    f"Expected a DataFrame with the columns {', '.join(self.features)}, as the "
                    "search encoded some. Received: an array"
                )
            if isinstance(rows, np.ndarray) and width != (len(self.features),):
                raise PredictionError(
                    f"Expected {len(self.features)} columns: {', '.join(self.features[:50])}. "
                    f"Received: an array of the shape {rows.shape}"
                )
        return as_inputs(rows)

    def outputs(self, x: Any) -> npt.NDArray[np.float64]:
        """Return what the model gives for rows as it takes them; a classifier's probabilities."""
        outputs = [self.meaning.values(m.predict(x, verbose=0)) for m in self._members()]
        return np.asarray(np.mean(outputs, axis=0))

    def _members(self) -> Iterator[Any]:
        """The refit, or the same model with each fold's weights in turn."""
        if not self.folds:
            yield self.model
            return
        from kt_grid.engines.weights import load_weights

        for weights in self.folds:
            load_weights(self.model, weights)
            yield self.model

    def _rows(self, outputs: npt.NDArray[np.float64]) -> Iterator[Row]:
        for row, columns in enumerate(self.meaning.rows(outputs)):
            yield {"row": row, **columns}

    @property
    def meaning(self) -> Outputs:
        """What the model's outputs mean."""
        targets = (self._origin.target or "").split(",")
        return Outputs(self.loss, tuple(self.about.labels), tuple(targets))


def select_columns(frame: "pd.DataFrame", features: Sequence[str]) -> "pd.DataFrame":
    """Take the columns of a search out of a DataFrame, in the search's order.

    Args:
        frame: The rows; further columns are left out.
        features: Names of the columns, as texts.

    Returns:
        The columns.

    Raises:
        PredictionError: If some are missing, all of which are named.
    """
    indices = {str(name): index for index, name in enumerate(frame.columns)}
    missing = [name for name in features if name not in indices]
    if missing:
        raise PredictionError(
            f"Expected a DataFrame with the columns {', '.join(features[:50])}. "
            f"Received: no column {', '.join(map(repr, missing[:20]))}"
        )
    return frame.iloc[:, [indices[name] for name in features]]


def _check_unknown(unknown: str) -> None:
    if unknown not in UNKNOWN:
        raise UsageError(f"Expected --unknown {' or '.join(UNKNOWN)}. Received: {unknown!r}")


def _load(store: SearchStore, trial_id: str | None = None) -> Any:
    from kt_grid.search.models import load_refit

    return load_refit(store, trial_id)


def _fold_weights(store: SearchStore, trial_id: str | None) -> tuple[Path, ...]:
    """The files of the weights of all folds of the trial that was refitted."""
    refit, record = store.read_refit(trial_id), store.read_record()
    if refit is None or record is None:
        raise PredictionError(f"Expected a refitted model in {store.root}. Received: none")
    trial_id, folds = refit.trial_id, record.identity.folds
    if not store.keeps_weights(trial_id):
        raise PredictionError(
            f"Expected the weights of all folds for --ensemble in {store.trial_dir(trial_id)}. "
            "Received: none, as another trial was better when it ended. Run the search again "
            "with --overwrite, and with --keep all for those of every trial"
        )
    # All are looked at before the first is used, because a mean of fewer would be another one.
    return tuple(store.check_weights(trial_id, split) for split in range(folds))
