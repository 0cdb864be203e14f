"""Rows for a trained model: features, and targets too, as its search had them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.encoding import Encoder, assemble
from kt_grid.data.gaps import fill_gaps
from kt_grid.data.labels import Labels, class_word, listed
from kt_grid.data.loading import NPZ, as_targets, read_table
from kt_grid.data.npz import FEATURES, read_npz
from kt_grid.data.reading import Reading
from kt_grid.data.table import (
    Table,
    Wanted,
    Words,
    is_missing,
    number_of,
    table_of,
    to_words,
    with_numbers,
    without_zeros,
    words_of,
)
from kt_grid.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_PLAIN = Reading()


@dataclass(frozen=True)
class TargetColumn:
    """The target's column as a search had it.

    Attributes:
        name: Its name.
        column: Its position in the search's file.
        labels: Names of the classes whose indices are the targets; none if they are its numbers.
    """

    name: str
    column: int
    labels: Labels = ()


def read_features(
    path: str | Path,
    features: Sequence[str],
    target_column: int,
    encoders: Sequence[Encoder] = (),
    reading: Reading = _PLAIN,
    unknown: str = "refuse",
) -> Any:
    """Read the rows of a file to predict on, with or without its target column.

    Args:
        path: The file.
        features: Names of the feature columns that the model was trained on.
        target_column: Position that the target had among the training file's columns.
        encoders: How columns became features in training.
        reading: How to read the file.
        unknown: What is done with a category that was not there in training: "refuse" or
            "ignore", as `Encoder.encode` has it.

    Returns:
        Features as `Dataset.x` has them, in the order of `features`.

    Raises:
        DataError: As `read_data`; also if the columns are not the features, with or without
            the target.
    """
    path = Path(path)
    if path.suffix == NPZ:
        return _npz_features(path, features)
    if not features:
        raise DataError(
            f"Expected an .npz file with an array {FEATURES!r}, as the search was made from one. "
            f"Received: {path}"
        )
    reading = _to_predict(reading)
    encoded = {encoder.column for encoder in encoders}

    def choose(names: Sequence[str], named: bool) -> Wanted:
        positions = _feature_positions(path, names, named, features, target_column)
        words = {p for p, name in zip(positions, features, strict=True) if name in encoded}
        return Wanted(frozenset(words), ignored=frozenset(range(len(names))) - {*positions})

    # Positions may stand in a first row of numbers by chance.
    known = () if list(features) == _positions(features, target_column) else features
    table, reading = read_table(path, reading, choose, known)
    positions = _feature_positions(path, table.names, table.named, features, target_column)
    return _features(table, positions, features, encoders, reading, unknown)


def read_labelled(
    path: str | Path,
    features: Sequence[str],
    target: TargetColumn,
    encoders: Sequence[Encoder] = (),
    reading: Reading = _PLAIN,
    unknown: str = "refuse",
) -> tuple[Any, npt.NDArray[Any]]:
    """Read the rows of a file with their targets, as a search read its own.

    Args:
        path: The file.
        features: Names of the feature columns that the model was trained on.
        target: The target's column.
        encoders: How columns became features in training.
        reading: How to read the file; rows with missing values drop out if it says so.
        unknown: As in `read_features`.

    Returns:
        Features as `Dataset.x` has them, and the targets: numbers, or indices among the labels.

    Raises:
        DataError: As `read_features`; also if there is no target, or one of an unknown class.
    """
    path = Path(path)
    if path.suffix == NPZ:
        x = _npz_features(path, features)
        _, y = read_npz(path, (FEATURES, target.name))
        return x, _npz_indices(path, y, target)
    encoded = {encoder.column for encoder in encoders}

    def find(names: Sequence[str], named: bool) -> tuple[list[int], list[int]]:
        positions = _feature_positions(path, names, named, features, target.column)
        words = [target.name] if target.name in names else target.name.split(",")
        if named and {*words} <= {*names}:
            return positions, [[*names].index(word) for word in words]
        if len(names) > target.column >= 0 and target.column not in positions and not named:
            return positions, [target.column]
        raise DataError(
            f"Expected {path} to have the target's column, {target.name!r}. "
            f"Received: {', '.join(names[:50])}"
        )

    def choose(names: Sequence[str], named: bool) -> Wanted:
        positions, targets = find(names, named)
        words = {p for p, name in zip(positions, features, strict=True) if name in encoded}
        return Wanted(
            # Of classes with names the texts are compared, so that 01 and 1 stay what they were.
            frozenset(words | ({*targets} if target.labels else set())),
            ignored=frozenset(range(len(names))) - {*positions, *targets},
        )

    known = () if list(features) == _positions(features, target.column) else features
    table, told = read_table(path, replace(reading, drop=(), encode={}), choose, known)
    positions, targets = find(table.names, table.named)
    table = replace(table, to_train=False)
    if target.labels:
        words = to_words(table.columns[targets[0]])
        texts = tuple("" if is_missing(text, told) else text for text in words.texts)
        columns = [*table.columns]
        columns[targets[0]] = Words(texts, words.codes)
        table = replace(table, columns=columns)
    else:
        table = with_numbers(table, targets, told)
    plan, table = _prepared(table, positions, features, encoders, told, targets)
    x = assemble(table, plan, features, unknown)
    if target.labels:
        return x, _known_indices(table, targets[0], target, told)
    return x, as_targets(table, targets)[0]


def features_of(
    frame: "pd.DataFrame",
    features: Sequence[str],
    encoders: Sequence[Encoder] = (),
    reading: Reading = _PLAIN,
    unknown: str = "refuse",
) -> Any:
    """Take the features out of a DataFrame, by the columns' names.

    Args:
        frame: The rows; further columns don't matter, nor does the order.
        features: Names of the feature columns that the model was trained on.
        encoders: How columns became features in training.
        reading: How missing values are treated.
        unknown: As in `read_features`.

    Returns:
        Features as `Dataset.x` has them, in the order of `features`.

    Raises:
        DataError: If a column is missing, or a value can't be one of the feature's.
    """
    names = [str(name) for name in frame.columns]
    positions = _named_positions("the DataFrame", names, features)
    table = table_of(frame.iloc[:, positions], "the DataFrame")
    return _features(
        table, range(len(positions)), features, encoders, _to_predict(reading), unknown
    )


def _known_indices(
    table: Table, position: int, target: TargetColumn, reading: Reading
) -> npt.NDArray[np.float32]:
    """The indices of the target's words among the classes of the search."""
    column = to_words(table.columns[position])
    indices = np.array([_known_index(text, target, reading) for text in column.texts], np.float32)
    y = indices[column.codes]
    if (y < 0).any():
        row = int(np.argmax(y < 0))
        raise DataError(
            f"Expected one of the classes {listed(target.labels)} in "
            f"{table.where(row, position)}. Received: {table.cell(row, position)[:40]!r}, which "
            "was not there in training"
        )
    return y


def _known_index(text: str, target: TargetColumn, reading: Reading) -> int:
    """The index of a class; -1 if it isn't known. Numbers are alike however they are written."""
    number = number_of(text, reading)
    for word in (text, "" if number is None else class_word(number)):
        if word in target.labels:
            return target.labels.index(word)
    return -1


def _to_predict(reading: Reading) -> Reading:
    # A row that drops out of a prediction would shift the ones below it.
    return replace(
        reading,
        missing="refuse" if reading.missing == "drop" else reading.missing,
        drop=(),
        encode={},
    )


def _features(
    table: Table,
    positions: Sequence[int],
    features: Sequence[str],
    encoders: Sequence[Encoder],
    reading: Reading,
    unknown: str,
) -> Any:
    plan, table = _prepared(table, positions, features, encoders, reading)
    return assemble(table, plan, features, unknown)


def _prepared(
    table: Table,
    positions: Sequence[int],
    features: Sequence[str],
    encoders: Sequence[Encoder],
    reading: Reading,
    targets: Sequence[int] = (),
) -> tuple[list[tuple[int, Encoder | None]], Table]:
    """How the features' columns are encoded, and the table with its gaps treated."""
    encoded = {encoder.column: encoder for encoder in encoders}
    table = replace(table, to_train=False)
    plan = [(p, encoded.get(name)) for p, name in zip(positions, features, strict=True)]
    zeros = [
        p for p, name in zip(positions, features, strict=True) if name in reading.zero_is_missing
    ]
    table = with_numbers(table, [p for p, encoder in plan if encoder is None], reading)
    return plan, fill_gaps(without_zeros(table, zeros), [*positions, *targets], reading, targets)


def _feature_positions(
    path: Path, names: Sequence[str], named: bool, features: Sequence[str], target_column: int
) -> list[int]:
    """Where the features stand: by name if there are names, else by position."""
    unnamed = _positions(features, target_column)
    if named and (list(features) != unnamed or {*features} <= {*names}):
        return _named_positions(path, names, features)
    width = len(names)
    if width not in (len(features), len(features) + 1):
        raise DataError(
            f"Expected {path} to have {len(features)} feature columns, or {len(features) + 1} "
            f"with the target. Received: {width} columns"
        )
    if not named and list(features) != unnamed and target_column > len(features):
        raise DataError(
            f"Expected {path} to name its columns, as the file of the search did. "
            "Received: no header"
        )
    return [i for i in range(width) if width == len(features) or i != target_column]


def _positions(features: Sequence[str], target_column: int) -> list[str]:
    """What features are called where the file gives no names."""
    return [str(i) for i in range(len(features) + 1) if i != target_column]


def _named_positions(path: Path | str, names: Sequence[str], features: Sequence[str]) -> list[int]:
    positions = {name: position for position, name in enumerate(names)}
    missing = [name for name in features if name not in positions]
    if missing:
        listed = ", ".join(map(repr, missing[:20])) + (", …" if len(missing) > 20 else "")
        known = ", ".join(features[:50]) + (", …" if len(features) > 50 else "")
        raise DataError(
            f"Expected {path} to have the columns {known}. Received: no column {listed}"
        )
    return [positions[name] for name in features]


def _npz_features(path: Path, features: Sequence[str]) -> npt.NDArray[Any]:
    (x,) = read_npz(path, (FEATURES,))
    if features and x.shape[1:] != (len(features),):
        raise DataError(
            f"Expected an array {FEATURES!r} of {len(features)} columns in {path}: "
            f"{', '.join(features[:50])}. Received: the shape {x.shape}"
        )
    return x


def _npz_indices(path: Path, y: npt.NDArray[Any], target: TargetColumn) -> npt.NDArray[Any]:
    """The indices of an array's classes among those of the search; numbers as they are."""
    if not target.labels and not y.dtype.hasobject:
        return y
    table = Table(path, [target.name], True, [words_of(y.reshape(-1))], len(y), _npz_row(path))
    return _known_indices(table, 0, target, _PLAIN)


def _npz_row(path: Path) -> Callable[[int], tuple[str, None]]:
    return lambda row: (f"{path}, row {row}", None)
