"""A CSV file becomes a table; every fault is named by line and column."""

import csv
import itertools
import math
import warnings
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kt_grid.data.reading import SEPARATORS, Reading
from kt_grid.data.table import (
    LARGEST,
    Choose,
    Column,
    Numbers,
    Table,
    Wanted,
    Words,
    cell_place,
    is_missing,
    number_of,
    refuse_cell,
    settle,
)
from kt_grid.errors import DataError

_SAMPLE_ROWS = 50


@dataclass(frozen=True)
class _Layout:
    """What the first rows of a file say of it.

    Attributes:
        separator: What stands between cells.
        names: One name per column.
        named: Whether the first row gave the names.
        skipped: Lines above the first row of cells.
    """

    separator: str
    names: list[str]
    named: bool
    skipped: int


def read_csv_table(path: Path, reading: Reading, choose: Choose) -> Table:
    """Read a CSV file.

    Args:
        path: The file.
        reading: How to read it.
        choose: Tells from the columns' names which ones hold words.

    Returns:
        The table.

    Raises:
        DataError: If the file is missing, empty, ragged, or a cell can't be read as declared.
    """
    layout = _find_layout(path, reading)
    wanted = choose(layout.names, layout.named)
    if not wanted.words and not wanted.detect:
        numbers = _read_numbers(path, layout, reading)
        if numbers is not None:
            return Table(
                path,
                layout.names,
                layout.named,
                columns=[*numbers.T],
                rows=len(numbers),
                place=lambda row: f"{path}, row {row}",
            )
    if wanted.detect:
        wanted = _detect(path, layout, wanted, reading)
    return _read_cells(path, layout, wanted, reading)


def _find_layout(path: Path, reading: Reading) -> _Layout:
    separator = reading.separator or _find_separator(path, reading)
    sample = [*itertools.islice(_lines(path, separator, reading.encoding), _SAMPLE_ROWS)]
    if not sample:
        raise DataError(f"Expected {path} to have rows. Received: an empty file")
    (number, first), *others = sample
    named = reading.header
    if named is None:
        named = all(number_of(cell) is None for cell in first)
        _check_header(path, first, [row for _, row in others] if named else [])
    names = [str(i) for i in range(len(first))]
    if named:
        names = _check_names(f"{path}, line {number}", [cell.strip() for cell in first])
    return _Layout(separator, names, named, number if named else 0)


def _check_header(path: Path, first: list[str], others: list[list[str]]) -> None:
    """Ask, where a first row of words looks like the rows under it."""
    for row in others:
        for name, cell in zip(first, row, strict=False):
            if name == cell and not is_missing(cell):
                raise DataError(
                    f"Expected the first row of {path} to name the columns or not. Received: "
                    f"{name[:40]!r} there and below it. Say --header or --no-header"
                )


def _check_names(place: str, names: list[str]) -> list[str]:
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise DataError(
            f"Expected different column names in {place}. Received: {twice[0]!r} twice. "
            "If that line names no columns, say --no-header"
        )
    return names


def _find_separator(path: Path, reading: Reading) -> str:
    """The only separator that cuts all of the first rows into equally many cells.

    Where several do, as with decimal commas between semicolons, it is the one with the largest
    share of numbers among its cells; where that doesn't settle it, the user is asked.
    """
    cut = {s: _cut(path, s, reading.encoding) for s in SEPARATORS}
    widths = {s: {len(row) for row in rows} for s, rows in cut.items()}
    even = [s for s in SEPARATORS if len(widths[s]) == 1 and widths[s] != {1}]
    if not even:
        # The rows are ragged or have one column, which is told where it is found.
        return max(SEPARATORS, key=lambda s: len(cut[s][0]) if cut[s] else 0)
    shares = {s: _share_of_numbers(cut[s]) for s in even}
    likely = [s for s in even if shares[s] == max(shares.values())]
    if len(likely) > 1:
        raise DataError(
            f"Expected one separator in {path}. Received: first lines that "
            f"{' and '.join(map(repr, likely))} both cut into equally many cells. "
            "Say which with --separator"
        )
    return likely[0]


def _cut(path: Path, separator: str, encoding: str) -> list[list[str]]:
    """The first rows of a file, cut at a separator."""
    lines = itertools.islice(_lines(path, separator, encoding), _SAMPLE_ROWS)
    return [row for _, row in lines]


def _share_of_numbers(rows: list[list[str]]) -> float:
    cells = [cell for row in rows for cell in row]
    return sum(number_of(cell.replace(",", ".", 1)) is not None for cell in cells) / len(cells)


def _lines(path: Path, separator: str, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file that aren't empty, each with the number of its last line."""
    try:
        with path.open(newline="", encoding=_codec(encoding)) as file:
            reader = csv.reader(file, delimiter=separator)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num, row
    except FileNotFoundError:
        raise DataError(f"Expected a data file at {path}. Received: no such file") from None
    except UnicodeError as error:
        raise DataError(
            f"Expected {path} to be {encoding}. Received: {error}. Say which encoding it has, "
            "such as --encoding latin-1"
        ) from error
    except (OSError, csv.Error) as error:
        raise DataError(f"Expected a readable CSV file at {path}. Received: {error}") from error


def _codec(encoding: str) -> str:
    """The encoding, which leaves out a byte-order mark where UTF-8 has one."""
    return "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding


def _read_numbers(path: Path, layout: _Layout, reading: Reading) -> Numbers | None:
    """All cells at once if all of them are finite numbers, by numpy's own reader in C."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = np.loadtxt(
                path,
                delimiter=layout.separator,
                skiprows=layout.skipped,
                encoding=_codec(reading.encoding),
                comments=None,
                quotechar='"',
                ndmin=2,
            )
    except (ValueError, OSError, UserWarning):
        return None
    # One comparison settles it: a NaN or an infinity fails it too.
    whole = table.shape[1] == len(layout.names) and np.abs(table).max() <= LARGEST
    return table if whole else None


def _detect(path: Path, layout: _Layout, wanted: Wanted, reading: Reading) -> Wanted:
    """Find the columns that hold anything but numbers."""
    found: set[int] = set()
    for _, row in _rows(path, layout, reading):
        found |= {
            i for i, cell in enumerate(row) if number_of(cell) is None and not is_missing(cell)
        }
    return replace(wanted, words=wanted.words | (found - wanted.either - wanted.ignored))


def _rows(path: Path, layout: _Layout, reading: Reading) -> Iterator[tuple[int, list[str]]]:
    """The rows under the header, each with its line; they are all of one width."""
    lines = _lines(path, layout.separator, reading.encoding)
    width = len(layout.names)
    for count, (number, row) in enumerate(itertools.islice(lines, int(layout.named), None)):
        if len(row) != width and layout.named and not count:
            raise DataError(
                f"Expected {path}, line {layout.skipped}, to name {len(row)} columns. "
                f"Received: {width}"
            )
        if len(row) != width:
            raise DataError(
                f"Expected {width} columns in {path}, line {number}. Received: {len(row)}"
            )
        yield number, row


def _read_cells(path: Path, layout: _Layout, wanted: Wanted, reading: Reading) -> Table:
    """Read cell by cell, and name the first that can't be meant."""
    words: dict[int, Words] = {i: [] for i in sorted(wanted.words | wanted.either)}
    numeric = [i for i in range(len(layout.names)) if i not in words and i not in wanted.ignored]
    numbers, lines = array("d"), array("q")
    # Equal words are kept once.
    known: dict[str, str] = {}
    keeps_gaps = reading.missing != "refuse"
    for number, row in _rows(path, layout, reading):
        lines.append(number)
        for i, column in words.items():
            word = row[i].strip()
            column.append(known.setdefault(word, word))
        cells = row if len(numeric) == len(row) else [row[i] for i in numeric]
        parsed = _parse(cells)
        if parsed is None:
            place = f"{path}, line {number}"
            parsed = [_parse_cell(place, row[i], i, layout, keeps_gaps) for i in numeric]
        numbers.extend(parsed)
    if not lines:
        received = "a header and nothing under it" if layout.named else "an empty file"
        raise DataError(f"Expected {path} to have rows. Received: {received}")
    matrix = np.frombuffer(numbers, np.float64).reshape(len(lines), len(numeric))
    columns: list[Column] = [words.get(i, []) for i in range(len(layout.names))]
    for i, numbers_of_column in zip(numeric, matrix.T, strict=True):
        columns[i] = numbers_of_column
    table = Table(
        path,
        layout.names,
        layout.named,
        columns,
        rows=len(lines),
        place=lambda row: f"{path}, line {lines[row]}",
    )
    return settle(table, wanted.either)


def _parse(cells: list[str]) -> list[float] | None:
    """The numbers of one row; None if one of them is missing or no finite number."""
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return None
    # One comparison settles the usual case: a NaN or an infinity fails it too.
    if sum(map(abs, numbers)) <= LARGEST and not any("_" in cell for cell in cells):
        return numbers
    return None


def _parse_cell(place: str, cell: str, column: int, layout: _Layout, keeps_gaps: bool) -> float:
    if keeps_gaps and is_missing(cell):
        return math.nan
    number = number_of(cell)
    if number is None or not abs(number) <= LARGEST:
        names = layout.names if layout.named else []
        raise refuse_cell(cell_place(place, column, names), cell, layout.names[column])
    return number
