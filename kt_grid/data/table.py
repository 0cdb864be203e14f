"""A table as it stands in a file: columns of numbers and columns of words."""

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kt_grid.errors import DataError, UsageError

Numbers: TypeAlias = npt.NDArray[np.float64]
Words: TypeAlias = list[str]
Column: TypeAlias = Numbers | Words

LARGEST = float(np.finfo(np.float32).max)
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")


@dataclass(frozen=True)
class Table:
    """The columns of a file.

    Attributes:
        path: The file.
        names: One name per column.
        named: Whether the file gave the names.
        columns: Numbers as float64, NaN where one is missing; words as texts, "" where one is
            missing; an empty list for one that is ignored.
        rows: Number of rows.
        place: Tells where in the file a row stands, from its position.
    """

    path: Path
    names: list[str]
    named: bool
    columns: Sequence[Column]
    rows: int
    place: Callable[[int], str]

    def take(self, rows: npt.NDArray[np.intp]) -> "Table":
        """Return the rows at some positions."""
        columns = [_take(column, rows) for column in self.columns]
        return replace(
            self, columns=columns, rows=len(rows), place=lambda row: self.place(int(rows[row]))
        )

    def where(self, row: int, column: int) -> str:
        """Name the place of a cell in messages."""
        return cell_place(self.place(row), column, self.names if self.named else [])


@dataclass(frozen=True)
class Wanted:
    """Which columns of a file hold words.

    Attributes:
        words: Positions of those that do.
        either: Positions of those that hold numbers or words, as a target may.
        ignored: Positions of those whose cells nobody wants.
        detect: Whether all others hold words too if one cell isn't a number.
    """

    words: frozenset[int] = frozenset()
    either: frozenset[int] = frozenset()
    ignored: frozenset[int] = frozenset()
    detect: bool = False


Choose: TypeAlias = Callable[[Sequence[str], bool], Wanted]


def settle(table: Table, either: Collection[int]) -> Table:
    """Turn columns of words into numbers where all their cells are.

    Args:
        table: The table.
        either: Positions of the columns.

    Returns:
        The table with numbers in such columns.

    Raises:
        DataError: If a column holds both numbers and words.
    """
    columns = [
        _settled(table, i) if i in either else column for i, column in enumerate(table.columns)
    ]
    return replace(table, columns=columns)


def _settled(table: Table, position: int) -> Column:
    words = table.columns[position]
    if not isinstance(words, list):
        return words
    numbers = [math.nan if is_missing(word) else number_of(word) for word in words]
    if all(number is None or math.isnan(number) for number in numbers):
        decimal = next((r for r, word in enumerate(words) if _DECIMAL_COMMA.fullmatch(word)), None)
        if decimal is None:
            return words
        raise refuse_cell(table.where(decimal, position), words[decimal], table.names[position])
    for row, number in enumerate(numbers):
        if number is None or abs(number) > LARGEST:
            name = table.names[position]
            raise DataError(
                f"Expected a finite number in {table.where(row, position)}, like in other rows. "
                f"Received: {words[row][:40]!r}. Mend it, or declare the column as names of "
                f"classes with --encode '{name}=ordinal'"
            )
    return np.array(numbers, np.float64)


def _take(column: Column, rows: npt.NDArray[np.intp]) -> Column:
    if isinstance(column, list):
        return [column[row] for row in rows] if column else column
    return column[rows]


def as_words(column: Column) -> Words:
    """Return a column as texts; whole numbers without a point."""
    if isinstance(column, list):
        return column
    return ["" if np.isnan(n) else str(int(n) if n.is_integer() else n) for n in column.tolist()]


def missing_in(column: Column) -> npt.NDArray[np.bool_]:
    """Tell which cells of a column are missing."""
    if isinstance(column, list):
        return np.fromiter((not word for word in column), np.bool_, len(column))
    return np.isnan(column)


def cell_place(place: str, column: int, names: Sequence[str]) -> str:
    """Name the place of a cell: its line, its column, and the column's name if it has one."""
    name = f" ({names[column]!r})" if names else ""
    return f"{place}, column {column + 1}{name}"


def number_of(cell: str) -> float | None:
    """The number that a cell holds, if it holds one; Python's `1_000` isn't one."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def is_missing(cell: str) -> bool:
    """Tell whether a cell stands for a missing value."""
    return cell.strip().lower() in _MISSING


def mend_of(cell: str, column: str) -> str:
    """Say what can be done with a cell that should be a number.

    Args:
        cell: The cell.
        column: Its column's name.

    Returns:
        A sentence.
    """
    if is_missing(cell):
        return "Fill or drop such rows first, or declare it: --missing drop, keep or a number"
    if number_of(cell) is not None:
        return "Fill or drop such rows first"
    if _DECIMAL_COMMA.fullmatch(cell.strip()):
        return "Write decimals with a point"
    if _DATE.match(cell.strip()):
        return f"Declare a date with --encode '{column}=days' (ISO dates), or '{column}=drop'"
    return (
        f"Declare words with --encode '{column}=one-hot', '{column}=text' for the model's own "
        f"layers, or '{column}=drop'"
    )


def refuse_cell(place: str, cell: str, column: str) -> DataError:
    """Make the error for a cell that should be a finite number."""
    return DataError(
        f"Expected a finite number in {place}. Received: {cell[:40]!r}. {mend_of(cell, column)}"
    )


def find_column(path: Path, names: Sequence[str], word: str, option: str) -> int:
    """Find a column among all.

    Args:
        path: The file, for the message.
        names: The columns' names.
        word: A name, or a position (negative counts from the end).
        option: What asked for it, for the message.

    Returns:
        Its position.

    Raises:
        UsageError: If it names no column.
    """
    if word in names:
        return names.index(word)
    try:
        position = int(word)
    except ValueError:
        position = len(names)
    if not -len(names) <= position < len(names):
        known = ", ".join(names)
        raise UsageError(
            f"Expected {option} to be one of the columns of {path}: {known}. Received: {word!r}"
        )
    return position % len(names)
