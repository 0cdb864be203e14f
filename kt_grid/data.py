"""A file of numbers becomes a `Dataset`; every check of input data is here."""

import csv
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kt_grid.errors import DataError, UsageError

PIMA = "pima-indians-diabetes.csv"
_DELIMITER = ","
_UNNAMED_TARGET = "class"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Dataset:
    """Rows of numbers with one target each.

    Attributes:
        x: Features, float32, shape `(rows, features)`.
        y: Target, float32, shape `(rows,)`.
        features: One name per column of `x`.
        target: Name of the target column.
        target_column: Position of the target in the file, from 0.
        source: Where the rows came from, for messages and records.
    """

    x: Floats
    y: Floats
    features: tuple[str, ...]
    target: str
    target_column: int
    source: str

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.x)

    def sample(self, fraction: float, seed: int) -> "Dataset":
        """Draw rows without replacement; they keep their order.

        Args:
            fraction: Share of the rows to keep, in (0, 1].
            seed: Seed of the draw.

        Returns:
            A dataset of `max(1, round(fraction * rows))` rows.

        Raises:
            UsageError: If `fraction` is not in (0, 1].
        """
        if not 0 < fraction <= 1:
            raise UsageError(f"Expected --sample in (0, 1]. Received: {fraction}")
        if fraction == 1:
            return self
        count = max(1, round(fraction * self.rows))
        kept = np.sort(np.random.RandomState(seed).permutation(self.rows)[:count])
        return replace(self, x=self.x[kept], y=self.y[kept])


def bundled(name: str = PIMA) -> Path:
    """Find a data file that comes with kt-grid.

    An installed package carries the file inside itself; a checkout (or an editable install)
    keeps it in `data/` beside the package.

    Args:
        name: File name.

    Returns:
        The path of the file.
    """
    package = Path(__file__).parent
    inside = package / "bundled" / name
    return inside if inside.exists() else package.parent / "data" / name


def digest(*arrays: npt.NDArray[np.generic]) -> str:
    """Hash arrays by shape, dtype and content.

    Args:
        *arrays: Arrays of any shape and dtype.

    Returns:
        32 hexadecimal digits of a SHA-256.
    """
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()[:32]


def read_csv(path: str | Path, target: str | None = None) -> Dataset:
    """Read a comma-separated file of numbers, with or without a header line.

    Args:
        path: The file.
        target: Name of the target column in the header, or its position from 0 (negative
            counts from the end). The last column by default.

    Returns:
        The features and the target as float32.

    Raises:
        DataError: If the file is missing, empty, ragged, not numeric, has missing or infinite
            values, or has fewer than two columns. The message names the line and the column.
        UsageError: If `target` names no column.

    Example:
        >>> read_csv(bundled()).x.shape
        (768, 8)
    """
    path = Path(path)
    names, table = _read_table(path)
    if table.shape[1] < 2:
        raise DataError(
            f"Expected {path} to have features and a target, separated by commas. "
            f"Received: {table.shape[1]} column"
        )
    position = _position(path, names, target)
    rest = [i for i in range(len(names)) if i != position]
    return Dataset(
        x=table[:, rest].astype(np.float32),
        y=table[:, position].astype(np.float32),
        features=tuple(names[i] for i in rest),
        target=names[position],
        target_column=position,
        source=path.name,
    )


def read_features(path: str | Path, features: Sequence[str], target_column: int) -> Floats:
    """Read the rows of a file to predict on, with or without its target column.

    Args:
        path: The file.
        features: Names of the feature columns that the model was trained on.
        target_column: Position that the target had among the training file's columns.

    Returns:
        Features, float32, shape `(rows, len(features))`, in the order of `features`.

    Raises:
        DataError: As `read_csv`; also if the columns are not the features, with or without
            the target.
    """
    path = Path(path)
    names, table = _read_table(path)
    if set(features) <= set(names) and _has_header(path):
        return table[:, [names.index(name) for name in features]].astype(np.float32)
    if table.shape[1] == len(features) + 1:
        table = np.delete(table, target_column, axis=1)
    if table.shape[1] != len(features):
        raise DataError(
            f"Expected {path} to have {len(features)} feature columns, or {len(features) + 1} "
            f"with the target. Received: {len(names)} columns"
        )
    return table.astype(np.float32)


def check_target(dataset: Dataset, *, binary: bool) -> None:
    """Refuse a target from which nothing, or something else, would be learned.

    Args:
        dataset: The rows to train on.
        binary: Whether the target must be 0 or 1.

    Raises:
        DataError: If all targets are equal, or one is neither 0 nor 1 where it must be.
    """
    others = dataset.y[~np.isin(dataset.y, (0, 1))]
    if binary and len(others):
        raise DataError(
            f"Expected the classes 0 and 1 in column {dataset.target!r} of {dataset.source}. "
            f"Received: {float(others[0]):g}. Recode the column, or name another with --target"
        )
    if np.all(dataset.y == dataset.y[0]):
        raise DataError(
            f"Expected at least two classes in column {dataset.target!r} of {dataset.source}. "
            f"Received: {float(dataset.y[0]):g} in all {dataset.rows} rows"
        )


def _read_table(path: Path) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Column names and all numbers of a file."""
    header = _header(path)
    try:
        table = np.loadtxt(
            path,
            delimiter=_DELIMITER,
            comments=None,
            quotechar='"',
            skiprows=1 if header else 0,
            ndmin=2,
            encoding="utf-8-sig",
        )
    except ValueError as error:
        raise DataError(_first_fault(path, skip=bool(header)) or f"{path}: {error}") from error
    if not table.size:
        raise DataError(f"Expected {path} to have rows under its header. Received: none")
    names = header or [str(i) for i in range(table.shape[1])]
    if len(names) != table.shape[1]:
        raise DataError(
            f"Expected {path}, line 1, to name {table.shape[1]} columns. Received: {len(names)}"
        )
    if not np.isfinite(table).all():
        raise DataError(_first_fault(path, skip=bool(header)))
    return names, table


def _header(path: Path) -> list[str]:
    """The names in the first line, or nothing if the file starts with numbers."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = next((row for row in csv.reader(file) if row), None)
    except FileNotFoundError:
        raise DataError(f"Expected a CSV file at {path}. Received: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Expected a readable CSV file at {path}. Received: {error}") from error
    if first is None:
        raise DataError(f"Expected rows in {path}. Received: an empty file")
    numeric = any(_number(cell) is not None for cell in first)
    return [] if numeric else [cell.strip() for cell in first]


def _has_header(path: Path) -> bool:
    return bool(_header(path))


def _position(path: Path, names: list[str], target: str | None) -> int:
    """Where the target stands among the columns."""
    if target is None:
        return len(names) - 1
    if target in names:
        return names.index(target)
    position = int(target) if target.lstrip("-").isdigit() else len(names)
    if not -len(names) <= position < len(names):
        known = ", ".join(names)
        raise UsageError(
            f"Expected --target to be one of the columns of {path}: {known}. Received: {target!r}"
        )
    return position % len(names)


def _first_fault(path: Path, *, skip: bool) -> str:
    """Say what is wrong with the first faulty line, by line and column."""
    width = None
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        for row in reader:
            if not row or (skip and width is None and not _has_number(row)):
                continue
            width = width or len(row)
            place = f"{path}, line {reader.line_num}"
            if len(row) != width:
                return f"Expected {width} columns in {place}. Received: {len(row)}"
            for column, cell in enumerate(row, start=1):
                number = _number(cell)
                if number is None or not math.isfinite(number):
                    return (
                        f"Expected a finite number in {place}, column {column}. "
                        f"Received: {cell!r}. Fill or drop such rows first"
                    )
    return ""


def _has_number(row: list[str]) -> bool:
    return any(_number(cell) is not None for cell in row)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
