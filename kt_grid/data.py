"""A file of numbers becomes a `Dataset`; every check of input data is here."""

import csv
import hashlib
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kt_grid.errors import DataError, UsageError
from kt_grid.seeds import check_seed

PIMA = "pima-indians-diabetes.csv"
_LARGEST = float(np.finfo(np.float32).max)

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
        aside: Columns that are no features, as words, by what they were asked for by.
    """

    x: Floats
    y: Floats
    features: tuple[str, ...]
    target: str
    target_column: int
    source: str
    aside: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)

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
        kept = np.sort(np.random.RandomState(check_seed(seed)).permutation(self.rows)[:count])
        aside = {name: words[kept] for name, words in self.aside.items()}
        return replace(self, x=self.x[kept], y=self.y[kept], aside=aside)


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
    for part in arrays:
        sha.update(f"{part.dtype.str}{part.shape}".encode())
        sha.update(np.ascontiguousarray(part).tobytes())
    return sha.hexdigest()[:32]


def read_csv(path: str | Path, target: str | None = None, aside: Sequence[str] = ()) -> Dataset:
    """Read a comma-separated file of numbers, with or without a header line.

    Args:
        path: The file.
        target: Name of the target column in the header, or its position from 0 (negative
            counts from the end). The last column by default.
        aside: Names or positions of columns that are no features; they may hold words.

    Returns:
        The features and the target as float32, and the columns set aside.

    Raises:
        DataError: If the file is missing, empty, ragged, not numeric, has missing or infinite
            values, or has fewer than two columns. The message names the line and the column.
        UsageError: If `target` or `aside` names no column, or both name the same.

    Example:
        >>> read_csv(bundled()).x.shape
        (768, 8)
    """
    path = Path(path)
    read = _read_table(path, aside)
    names, table = read.names, read.numbers
    if table.shape[1] < 2:
        raise DataError(
            f"Expected {path} to have features and a target, separated by commas. "
            f"Received: {table.shape[1]} column"
        )
    position = read.kept[-1] if target is None else _position(path, names, target, "--target")
    if position not in read.kept:
        raise UsageError(
            f"Expected --target to be no column that is set aside. Received: {names[position]!r}"
        )
    column = read.kept.index(position)
    return Dataset(
        x=np.delete(table, column, axis=1).astype(np.float32),
        y=table[:, column].astype(np.float32),
        features=tuple(names[i] for i in read.kept if i != position),
        target=names[position],
        target_column=position,
        source=path.name,
        aside=read.aside,
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
    read = _read_table(path)
    names, table = read.names, read.numbers
    if read.named and list(features) != _positions(len(features) + 1, target_column):
        missing = [name for name in features if name not in names]
        if missing:
            raise DataError(
                f"Expected {path} to have the columns {', '.join(features)}. "
                f"Received: no column {missing[0]!r}"
            )
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


@dataclass(frozen=True)
class _Table:
    """What a file holds: names of all columns, whether it gave them, which of them are numbers."""

    names: list[str]
    named: bool
    kept: list[int]
    numbers: npt.NDArray[np.float64]
    aside: dict[str, npt.NDArray[np.str_]]


def _read_table(path: Path, aside: Sequence[str] = ()) -> _Table:
    """All rows of a file."""
    names: list[str] = []
    numbers = array("d")
    words: list[list[str]] = []
    width, kept, others, named = 0, [0], [0], False
    for place, row in _lines(path):
        if not width:
            width = len(row)
            named = all(_number(cell) is None for cell in row)
            names = [str(i) for i in range(width)]
            if named:
                names = _check_names(place, [cell.strip() for cell in row])
            others = [_position(path, names, name, "a column aside") for name in aside]
            kept = [i for i in range(width) if i not in others]
            if named:
                continue
        if len(row) != width and named and not numbers:
            raise DataError(
                f"Expected {path}, line 1, to name {len(row)} columns. Received: {width}"
            )
        if len(row) != width:
            raise DataError(f"Expected {width} columns in {place}. Received: {len(row)}")
        numbers.extend(_numbers(place, row, kept))
        if others:
            words.append([row[i].strip() for i in others])
    if not numbers:
        received = "a header and nothing under it" if named else "an empty file"
        raise DataError(f"Expected {path} to have rows. Received: {received}")
    table = np.frombuffer(numbers, np.float64).reshape(-1, len(kept))
    columns = [np.array(column) for column in zip(*words, strict=True)]
    return _Table(names, named, kept, table, dict(zip(aside, columns, strict=True)))


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The lines of a file that aren't empty, each with its place."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield f"{path}, line {reader.line_num}", row
    except FileNotFoundError:
        raise DataError(f"Expected a CSV file at {path}. Received: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Expected a readable CSV file at {path}. Received: {error}") from error


def _check_names(place: str, names: list[str]) -> list[str]:
    if len(names) == 1 and ";" in names[0]:
        raise DataError(f"Expected commas between the columns in {place}. Received: semicolons")
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise DataError(f"Expected different column names in {place}. Received: {twice[0]!r} twice")
    return names


def _numbers(place: str, row: list[str], kept: list[int]) -> list[float]:
    """The numbers of one line, at the columns that aren't set aside."""
    cells = row if len(kept) == len(row) else [row[i] for i in kept]
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        numbers = [math.nan]
    # One comparison settles the usual case: a NaN or an infinity fails it too.
    if sum(map(abs, numbers)) <= _LARGEST and not any("_" in cell for cell in cells):
        return numbers
    for column, cell in zip(kept, cells, strict=True):
        number = _number(cell)
        if number is None or not abs(number) <= _LARGEST:
            raise DataError(
                f"Expected a finite number in {place}, column {column + 1}. "
                f"Received: {cell[:40]!r}. Fill or drop such rows first"
            )
    return numbers


def _positions(width: int, target_column: int) -> list[str]:
    """What the features of a file without a header are called."""
    return [str(i) for i in range(width) if i != target_column]


def _position(path: Path, names: list[str], target: str, option: str) -> int:
    """Where a column stands among all."""
    if target in names:
        return names.index(target)
    try:
        position = int(target)
    except ValueError:
        position = len(names)
    if not -len(names) <= position < len(names):
        known = ", ".join(names)
        raise UsageError(
            f"Expected {option} to be one of the columns of {path}: {known}. Received: {target!r}"
        )
    return position % len(names)


def _number(cell: str) -> float | None:
    """The number that a cell holds, if it holds one; Python's `1_000` isn't one."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None
