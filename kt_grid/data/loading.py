"""A data file becomes a `Dataset`, or features to predict on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.csv_file import read_csv_table
from kt_grid.data.dataset import Dataset
from kt_grid.data.encoding import Encoder, make_encoder
from kt_grid.data.gaps import fill_gaps
from kt_grid.data.labels import label_places
from kt_grid.data.npz import FEATURES, TARGET, read_npz
from kt_grid.data.parquet import read_parquet_table
from kt_grid.data.reading import Reading
from kt_grid.data.table import Choose, Column, Table, Wanted, as_words, find_column
from kt_grid.errors import DataError, UsageError

_NPZ = ".npz"
_PARQUET = (".parquet", ".pq")
_PLAIN = Reading()


def read_data(
    path: str | Path,
    target: str | None = None,
    reading: Reading = _PLAIN,
    aside: Sequence[str] = (),
) -> Dataset:
    """Read a file of rows: Parquet and .npz by the name's ending, everything else as CSV.

    Args:
        path: The file.
        target: Name of the target column, or its position from 0 (negative counts from the end).
            The last column by default; in an .npz file, which holds its features under `x`, the
            array `y`.
        reading: How to read it.
        aside: Names or positions of columns that are no features; they may hold words.

    Returns:
        Features and target, and the columns set aside. A target of words becomes 0, 1, … in the
        words' sorted order, which `labels` keeps.

    Raises:
        DataError: If the file is missing, empty or ragged, or a cell can't be read as declared.
            The message names the line and the column, and what could be declared.
        UsageError: If `target`, `aside` or an encoding names no column, or both the first name
            the same.
    """
    path = Path(path)
    if path.suffix == _NPZ:
        if aside:
            raise UsageError(
                f"Expected columns to set aside in a table. Received: {path}, which holds arrays"
            )
        return _from_npz(path, target or TARGET)

    def choose(names: Sequence[str], named: bool) -> Wanted:  # noqa: ARG001 - features' choice needs it
        others = _find_aside(path, names, aside)
        position = frozenset({_find_target(path, names, target, others)})
        declared = _declared(path, names, reading) | {*others}
        dropped = {p for p in declared if reading.encode.get(names[p]) == "drop"} - position
        dropped -= {*others}
        words = declared - dropped
        return Wanted(words, position - words, frozenset(dropped), detect="" in reading.encode)

    table = _read_table(path, reading, choose)
    if len(table.names) < 2:
        raise DataError(
            f"Expected {path} to have features and a target, in columns of their own. "
            f"Received: {len(table.names)} column"
        )
    others = _find_aside(path, table.names, aside)
    position = _find_target(path, table.names, target, others)
    return _from_table(table, position, reading, dict(zip(aside, others, strict=True)))


def _find_aside(path: Path, names: Sequence[str], aside: Sequence[str]) -> list[int]:
    return [
        find_column(path, names, name, "--groups, --folds-from or --sample-weight")
        for name in aside
    ]


def _find_target(
    path: Path, names: Sequence[str], target: str | None, others: Sequence[int]
) -> int:
    """The target's position; by default the last column that isn't set aside."""
    if target is None:
        return max((p for p in range(len(names)) if p not in others), default=len(names) - 1)
    position = find_column(path, names, target, "--target")
    if position in others:
        raise UsageError(
            f"Expected --target to be no column that is set aside. Received: {names[position]!r}"
        )
    return position


def read_csv(
    path: str | Path,
    target: str | None = None,
    reading: Reading = _PLAIN,
    aside: Sequence[str] = (),
) -> Dataset:
    """Read a comma-separated file of numbers, with or without a header line.

    Args:
        path: The file.
        target: Name of the target column in the header, or its position from 0 (negative
            counts from the end). The last column by default.
        reading: How to read a file that isn't quite that.
        aside: Names or positions of columns that are no features; they may hold words.

    Returns:
        The features and the target as float32.

    Raises:
        DataError: If the file is missing, empty, ragged, not numeric, has missing or infinite
            values, or has fewer than two columns. The message names the line and the column.
        UsageError: If `target` names no column.

    Example:
        >>> from kt_grid.data import bundled
        >>> read_csv(bundled()).x.shape
        (768, 8)
    """
    return read_data(path, target, reading, aside)


def read_features(
    path: str | Path,
    features: Sequence[str],
    target_column: int,
    encoders: Sequence[Encoder] = (),
    reading: Reading = _PLAIN,
) -> Any:
    """Read the rows of a file to predict on, with or without its target column.

    Args:
        path: The file.
        features: Names of the feature columns that the model was trained on.
        target_column: Position that the target had among the training file's columns.
        encoders: How columns became features in training.
        reading: How to read the file.

    Returns:
        Features as `Dataset.x` has them, in the order of `features`.

    Raises:
        DataError: As `read_data`; also if the columns are not the features, with or without
            the target.
    """
    path = Path(path)
    if path.suffix == _NPZ:
        return read_npz(path, (FEATURES,))[0]
    # A row that drops out of a prediction would shift the ones below it.
    reading = replace(reading, missing="refuse") if reading.missing == "drop" else reading
    encoded = {encoder.column: encoder for encoder in encoders}

    def choose(names: Sequence[str], named: bool) -> Wanted:
        places = _feature_places(path, names, named, features, target_column)
        words = {p for p, name in zip(places, features, strict=True) if name in encoded}
        return Wanted(frozenset(words), ignored=frozenset(range(len(names))) - {*places})

    table = _read_table(path, reading, choose)
    places = _feature_places(path, table.names, table.named, features, target_column)
    table = fill_gaps(table, places, reading)
    return _assemble(table, [(p, encoded.get(f)) for p, f in zip(places, features, strict=True)])


def _feature_places(
    path: Path, names: Sequence[str], named: bool, features: Sequence[str], target_column: int
) -> list[int]:
    """Where the features stand: by name if there are names, else by position."""
    unnamed = [str(i) for i in range(len(features) + 1) if i != target_column]
    if named and list(features) != unnamed:
        missing = [name for name in features if name not in names]
        if missing:
            raise DataError(
                f"Expected {path} to have the columns {', '.join(features)}. "
                f"Received: no column {missing[0]!r}"
            )
        return [names.index(name) for name in features]
    width = len(names)
    if width not in (len(features), len(features) + 1):
        raise DataError(
            f"Expected {path} to have {len(features)} feature columns, or {len(features) + 1} "
            f"with the target. Received: {width} columns"
        )
    return [i for i in range(width) if width == len(features) or i != target_column]


def _read_table(path: Path, reading: Reading, choose: Choose) -> Table:
    read = read_parquet_table if path.suffix in _PARQUET else read_csv_table
    return read(path, reading, choose)


def _declared(path: Path, names: Sequence[str], reading: Reading) -> frozenset[int]:
    unknown = [name for name in reading.encode if name and name not in names]
    if unknown:
        raise UsageError(
            f"Expected --encode to name columns of {path}: {', '.join(names)}. "
            f"Received: {unknown[0]!r}"
        )
    return frozenset(names.index(name) for name in reading.encode if name)


def _from_npz(path: Path, target: str) -> Dataset:
    x, y = read_npz(path, (FEATURES, target))
    y, labels = label_places(y) if y.dtype.hasobject else (y, ())
    return Dataset(x, y, (), target, -1, path.name, labels)


def _from_table(table: Table, target: int, reading: Reading, aside: Mapping[str, int]) -> Dataset:
    no_features = {target, *aside.values()}
    how = {p: _how(table, p, reading) for p in range(len(table.names)) if p not in no_features}
    features = [p for p in how if how[p] != "drop"]
    if not features:
        raise DataError(f"Expected {table.path} to have features. Received: all columns left out")
    table = fill_gaps(table, [*features, target], reading, target)
    plan = [(p, make_encoder(table, p, how[p]) if how[p] else None) for p in features]
    y, labels = _as_target(table.columns[target])
    return Dataset(
        x=_assemble(table, plan),
        y=y,
        features=tuple(table.names[p] for p in features),
        target=table.names[target],
        target_column=target,
        source=table.path.name,
        labels=labels,
        encoders=tuple(encoder for _, encoder in plan if encoder is not None),
        aside={name: np.array(as_words(table.columns[p])) for name, p in aside.items()},
    )


def _how(table: Table, position: int, reading: Reading) -> str:
    """How a column becomes features; "" for one of numbers."""
    declared = reading.encode.get(table.names[position], "")
    holds_words = isinstance(table.columns[position], list)
    return declared or (reading.encode.get("", "") if holds_words else "")


def _as_target(column: Column) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Numbers as they are, words as their places in sorted order, with the words."""
    return label_places(column) if isinstance(column, list) else (column.astype(np.float32), ())


def _assemble(table: Table, plan: Sequence[tuple[int, Encoder | None]]) -> Any:
    """Put the features' columns together as `Dataset.x` has them."""
    parts = {table.names[p]: _part(table, p, encoder) for p, encoder in plan}
    texts = [name for name, part in parts.items() if part.dtype.hasobject]
    if not texts:
        return np.concatenate([*parts.values()], axis=1)
    return parts[texts[0]] if len(parts) == 1 else parts


def _part(table: Table, position: int, encoder: Encoder | None) -> npt.NDArray[Any]:
    column = table.columns[position]
    if encoder is not None:
        part = encoder.encode(table, position)
        return part if part.dtype.hasobject else part.astype(np.float32)
    return np.asarray(column, np.float64).reshape(-1, 1).astype(np.float32)
