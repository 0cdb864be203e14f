"""A CSV file becomes a table: pandas reads it, and faults are named by line and column."""

import csv
import itertools
import re
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kt_grid.data.opening import Text, open_text
from kt_grid.data.reading import SEPARATORS, WHITESPACE, Reading
from kt_grid.data.table import (
    MISSING_WORDS,
    Choose,
    Column,
    Table,
    Wanted,
    Words,
    check_names,
    is_marked,
    is_missing,
    number_of,
    words_of,
)
from kt_grid.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_SAMPLE_ROWS = 50
# Importing pandas takes longer than it takes numpy to read such a file of numbers.
_SMALL = 1_000_000
_SPELLINGS = (str.lower, str.upper, str.capitalize)
_MISSING_SPELLINGS = sorted({spell(w) for w in MISSING_WORDS for spell in _SPELLINGS} | {"NaN"})
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,(\d*)(?:[eE][+-]?\d+)?")
_YEARS = range(1800, 2101)

Record = tuple[int, list[str]]


@dataclass(frozen=True)
class _Layout:
    """What the first rows of a file say of it.

    Attributes:
        separator: What stands between cells.
        names: One name per column.
        named: Whether the first row gave the names.
        skipped: Lines above the first row of cells.
        decimal: The decimal mark.
        notes: What was guessed, a line each.
    """

    separator: str
    names: list[str]
    named: bool
    skipped: int
    decimal: str
    notes: tuple[str, ...]


def read_csv_table(
    path: Path, reading: Reading, choose: Choose, known: Collection[str] = ()
) -> tuple[Table, str]:
    """Read a CSV file.

    Args:
        path: The file.
        reading: How to read it.
        choose: Tells from the columns' names which ones hold words.
        known: Names that a first row names the columns by, if all of them are in it.

    Returns:
        The table, and the decimal mark that its words are to be read with.

    Raises:
        DataError: If the file is missing, empty or ragged, or what it is must be said.
    """
    layout = _find_layout(path, reading, known)
    wanted = choose(layout.names, layout.named)
    columns = _read_small(path, layout, wanted, reading)
    positions: npt.NDArray[np.intp] | None = None
    if columns is None:
        columns, positions = _read_columns(path, layout, wanted, reading)

    def find(row: int) -> tuple[str, Sequence[str]]:
        position = row if positions is None else int(positions[row])
        with open_text(path, reading) as text:
            line, cells = next(itertools.islice(_rows(text, layout), position, None))
        return f"{path}, line {line}", cells

    rows = next(len(c) for p, c in enumerate(columns) if p not in wanted.ignored)
    table = Table(path, layout.names, layout.named, columns, rows, find, layout.notes)
    return table, layout.decimal


def _find_layout(path: Path, reading: Reading, known: Collection[str]) -> _Layout:
    above, separator = _stated_separator(path, reading)
    notes: list[str] = []
    if separator is None:
        separator = _find_separator(path, reading, notes)
    sample = _sample(path, separator, reading, above)
    if not sample:
        raise DataError(f"Expected {path} to have rows. Received: an empty file")
    (number, first), *others = sample
    if others and first[0].startswith("#") and len(first) != len(others[-1][1]):
        raise DataError(
            f"Expected {path}, line {number}, to name {len(others[-1][1])} columns, as the rows "
            f"have. Received: {len(first)}. If it is a comment, say",
            mend="Reading(comment='#')",
            option="--comment '#'",
        )
    below = [row for _, row in others]
    named = reading.header
    if named is None and known and {*known} <= {cell.strip() for cell in first}:
        named = True
    if named is None:
        named = _is_header(path, first, below, notes)
    decimal = reading.decimal or _find_decimal(path, below if named else [first, *below], notes)
    names = [str(i) for i in range(len(first))]
    if named:
        names = check_names(f"{path}, line {number}", [cell.strip() for cell in first])
    return _Layout(separator, names, named, number if named else above, decimal, tuple(notes))


def _stated_separator(path: Path, reading: Reading) -> tuple[int, str | None]:
    """The separator that is declared, or that a first line `sep=;` states, as Excel has it."""
    with open_text(path, reading) as text:
        stated = _SEPARATOR_LINE.fullmatch(text.readline(20))
    if stated is None or reading.separator not in (None, stated[1]):
        return 0, reading.separator
    return 1, stated[1]


def _sample(path: Path, separator: str, reading: Reading, above: int) -> list[Record]:
    """The first rows of a file that aren't blank, cut at a separator."""
    with open_text(path, reading) as text:
        rows = _records(itertools.islice(text, above, None), separator)
        filled = ((line + above, row) for line, row in rows if any(map(str.strip, row)))
        return [*itertools.islice(filled, _SAMPLE_ROWS)]


def _records(lines: Iterable[str], separator: str) -> Iterator[Record]:
    """All rows, each with the number of its last line."""
    if separator == WHITESPACE:
        lines, separator = (" ".join(line.split()) for line in lines), " "
    reader = csv.reader(lines, delimiter=separator)
    for row in reader:
        yield reader.line_num, row


def _find_separator(path: Path, reading: Reading, notes: list[str]) -> str:
    """The only separator that cuts all of the first rows into equally many cells.

    Where several do, as with decimal commas between semicolons, it is the one with the largest
    share of numbers among its cells; where that doesn't decide, the user is asked. White space
    separates where nothing else does, or where it alone gives nothing but numbers.
    """
    cut = {s: [r for _, r in _sample(path, s, reading, 0)] for s in (*SEPARATORS, WHITESPACE)}
    widths = {s: {len(row) for row in rows} for s, rows in cut.items()}
    even = [s for s in cut if len(widths[s]) == 1 and widths[s] != {1}]
    shares = {s: _share_of_numbers(cut[s]) for s in even}
    marks = [s for s in even if s != WHITESPACE]
    most = max((shares[s] for s in marks), default=0.5)
    if shares.get(WHITESPACE, 0) > most:
        notes.append(f"{path}: white space separates the columns; --separator says otherwise")
        return WHITESPACE
    if not marks:
        # The rows are ragged or have one column, which is told where it is found.
        shifted = [s for s in cut if _lacks_a_name(cut[s])]
        if shifted:
            return shifted[0]
        return max(SEPARATORS, key=lambda s: len(cut[s][0]) if cut[s] else 0)
    likely = [s for s in marks if shares[s] == most]
    if len(likely) > 1:
        raise DataError(
            f"Expected one separator in {path}. Received: first lines that "
            f"{' and '.join(map(repr, likely))} both cut into equally many cells. "
            "Say which",
            mend="with Reading(separator=…)",
            option="with --separator",
        )
    return likely[0]


def _lacks_a_name(rows: list[list[str]]) -> bool:
    """Tell whether a first row is shorter by one than all others, as R writes names of rows."""
    widths = {len(row) for row in rows[1:]}
    return widths == {len(rows[0]) + 1} if rows else False


def _share_of_numbers(rows: list[list[str]]) -> float:
    """The share among all cells but those of a first row, which may name the columns."""
    cells = [cell.strip() for row in (rows[1:] or rows) for cell in row]
    numbers = (
        number_of(cell) is not None or _DECIMAL_COMMA.fullmatch(cell) is not None for cell in cells
    )
    return sum(numbers) / len(cells)


def _find_decimal(path: Path, rows: list[list[str]], notes: list[str]) -> str:
    """A comma, where cells such as `1,5` can't be groups of three digits and none has a point."""
    cells = [cell.strip() for row in rows for cell in row]
    commas = [found for cell in cells if (found := _DECIMAL_COMMA.fullmatch(cell))]
    has_points = any("." in cell and number_of(cell) is not None for cell in cells)
    sure = any(len(found[1]) != 3 or found[0].startswith("0,") for found in commas)
    if has_points or not sure:
        return "."
    notes.append(f"{path}: decimal commas, as in {commas[0][0]}; --decimal says otherwise")
    return ","


def _is_header(path: Path, first: list[str], below: list[list[str]], notes: list[str]) -> bool:
    """Tell whether a first row names the columns; ask where that isn't clear."""
    cells = [cell.strip() for cell in first]
    numbers = [p for p, cell in enumerate(cells) if number_of(cell) is not None]
    if not numbers:
        _check_header(path, first, below)
        return True
    words = [p for p, cell in enumerate(cells) if p not in set(numbers) and not is_missing(cell)]
    above = [p for p in words if below and all(_has_number(row, p) for row in below)]
    if words and not above:
        return False
    named = _are_names([cells[p] for p in numbers], [[*row] for row in below], numbers, len(words))
    if above and not named:
        raise DataError(
            f"Expected the first row of {path} to name the columns or not. Received: "
            f"{cells[above[0]][:40]!r} above numbers, beside numbers.",
            mend="Say Reading(header=True) or Reading(header=False)",
            option="Say --header or --no-header",
        )
    if named:
        listed = ", ".join(cells[:4]) + (", …" if len(cells) > 4 else "")
        notes.append(f"{path}: the first row, {listed}, names the columns; --no-header if not")
    return named


def _has_number(row: list[str], position: int) -> bool:
    return position < len(row) and (
        number_of(row[position]) is not None or is_missing(row[position])
    )


def _are_names(cells: list[str], below: list[list[str]], positions: list[int], words: int) -> bool:
    """Tell whether whole numbers in a first row are names: 0, 1, 2, … or years."""
    if not below or not all(cell.isdecimal() for cell in cells):
        return False
    names = [int(cell) for cell in cells if len(cell) < 10]
    if len(names) < len(cells):
        return False
    rows = [[row[p].strip() for p in positions if p < len(row)] for row in below]
    if names == [*range(len(names))]:
        # A first row may be 0, 1 by chance.
        return len(names) > 2 or words > 0 or _are_written_otherwise(rows)
    rising = all(a < b for a, b in itertools.pairwise(names))
    falling = all(a > b for a, b in itertools.pairwise(names))
    if (len(names) > 1 or words > 1) and (rising or falling) and all(n in _YEARS for n in names):
        return not any(all(_is_year(cell) for cell in row) for row in rows)
    return False


def _are_written_otherwise(rows: list[list[str]]) -> bool:
    """Tell whether a column of fractions stands under whole numbers, as pandas writes them."""
    return any(all("." in cell for cell in column) for column in zip(*rows, strict=False))


def _is_year(cell: str) -> bool:
    return cell.isdecimal() and len(cell) == 4 and int(cell) in _YEARS


def _check_header(path: Path, first: list[str], others: list[list[str]]) -> None:
    """Ask, where a first row of words looks like the rows under it."""
    for row in others:
        for name, cell in zip(first, row, strict=False):
            if name == cell and not is_missing(cell):
                raise DataError(
                    f"Expected the first row of {path} to name the columns or not. Received: "
                    f"{name[:40]!r} there and below it.",
                    mend="Say Reading(header=True) or Reading(header=False)",
                    option="Say --header or --no-header",
                )


def _read_small(
    path: Path, layout: _Layout, wanted: Wanted, reading: Reading
) -> list[Column] | None:
    """The columns of a small plain file of finite numbers, by numpy's reader in C."""
    plain = layout.separator in SEPARATORS and layout.decimal == "." and reading.comment is None
    if wanted.words or reading.na_values or not plain or path.stat().st_size > _SMALL:
        return None
    try:
        with warnings.catch_warnings(), open_text(path, reading) as text:
            warnings.simplefilter("error")
            table = np.loadtxt(
                text,
                delimiter=layout.separator,
                skiprows=layout.skipped,
                comments=None,
                quotechar='"',
                ndmin=2,
            )
    except (ValueError, UserWarning):
        return None
    # One comparison settles it: a NaN or an infinity fails it too.
    if table.shape[1] != len(layout.names) or not np.abs(table).max() <= 2**53:
        return None
    return [*table.T]


def _read_columns(
    path: Path, layout: _Layout, wanted: Wanted, reading: Reading
) -> tuple[list[Column], npt.NDArray[np.intp] | None]:
    """The columns of any file, and which of its rows they hold, if some are blank."""
    frame, is_whole = _read_frame(path, layout, wanted, reading)
    columns = range(len(layout.names))
    wordy = [p for p in columns if p not in wanted.ignored and frame[p].dtype.kind not in "iuf"]
    # Of words without any that may be a missing value, the texts are what they are in the file.
    undeclared = [
        p
        for p in wordy
        if p not in wanted.words and (frame[p].dtype.kind == "b" or frame[p].isna().any())
    ]
    if undeclared:
        words, _ = _read_frame(path, layout, Wanted(frozenset(undeclared)), reading, undeclared)
        frame[undeclared] = words[undeclared]
    rows = None if is_whole else _rows_with_cells(path, layout, reading, len(frame))
    if rows is not None:
        frame = frame.iloc[rows]
    found: list[Column] = []
    for p in columns:
        if p in wanted.ignored:
            found.append(Words((), np.array([], np.intp)))
        elif p in wordy:
            found.append(_without_markers(words_of(frame[p].to_numpy()), reading))
        else:
            found.append(np.ascontiguousarray(frame[p].to_numpy()))
    near = [p for p in columns if p not in wordy and _is_near_a_tie(found[p])]
    if near:
        exact, _ = _read_frame(path, layout, Wanted(), reading, near, exact=True)
        for p in near:
            found[p] = (exact[p] if rows is None else exact[p].iloc[rows]).to_numpy()
    return found, rows


def _read_frame(
    path: Path,
    layout: _Layout,
    wanted: Wanted,
    reading: Reading,
    only: list[int] | None = None,
    *,
    exact: bool = False,
) -> tuple["pd.DataFrame", bool]:
    """Read with pandas; tell whether no row can be blank or lack cells, which pandas allows."""
    import pandas as pd

    missing = [*_MISSING_SPELLINGS, *reading.na_values]
    # From pandas 3.1 on there is but the exact way, and a warning where one is chosen.
    chooses = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
    precision = {"float_precision": "round_trip" if exact else "high"} if chooses else {}
    with open_text(path, reading) as text:
        # pandas fills all memory at some blank lines that end with a carriage return alone.
        text.reconfigure(newline=None)
        for _ in range(layout.skipped):
            text.readline()
        try:
            # pandas-stubs know no columns named by position.
            frame: pd.DataFrame = pd.read_csv(  # type: ignore[call-overload]
                text,
                sep=r"\s+" if layout.separator == WHITESPACE else layout.separator,
                header=None,
                usecols=only,
                dtype=dict.fromkeys(wanted.words, str),
                keep_default_na=False,
                na_values={
                    p: ["", *reading.na_values] if p in wanted.words else missing
                    for p in range(len(layout.names))
                },
                decimal=layout.decimal,
                low_memory=False,
                **precision,
            )
        except pd.errors.EmptyDataError:
            raise _no_rows(path, layout) from None
        except pd.errors.ParserError as error:
            _rows_with_cells(path, layout, reading, None)
            raise DataError(f"Expected a readable CSV file at {path}. Received: {error}") from error
    if text.has_null:
        raise DataError(
            f"Expected {path} to be text. Received: a null character. If it is UTF-16, say",
            mend="Reading(encoding='utf-16')",
            option="--encoding utf-16",
        )
    width = len(layout.names)
    if only is None and frame.shape[1] != width:
        _rows_with_cells(path, layout, reading, None)
    # A row that lacks cells misses the last one.
    if not frame.iloc[:, -1].isna().any():
        return frame, True
    as_many = _count_separators(path, layout, reading) == len(frame) * (width - 1)
    return frame, as_many and not frame.isna().all(axis=1).any()


def _count_separators(path: Path, layout: _Layout, reading: Reading) -> int:
    with open_text(path, reading) as text:
        for _ in range(layout.skipped):
            text.readline()
        return sum(chunk.count(layout.separator) for chunk in iter(lambda: text.read(2**20), ""))


def _no_rows(path: Path, layout: _Layout) -> DataError:
    received = "a header and nothing under it" if layout.named else "an empty file"
    return DataError(f"Expected {path} to have rows. Received: {received}")


def _rows(text: Text, layout: _Layout) -> Iterator[Record]:
    """The rows under the header that pandas sees, each with the number of its last line."""
    below = itertools.islice(text, layout.skipped, None)
    for line, row in _records(below, layout.separator):
        if len(row) > 1 or (row and not row[0].isspace()):
            yield line + layout.skipped, row


def _rows_with_cells(
    path: Path, layout: _Layout, reading: Reading, expected: int | None
) -> npt.NDArray[np.intp]:
    """Positions of the rows that aren't blank, all of which must have all cells."""
    width = len(layout.names)
    filled: list[int] = []
    with open_text(path, reading) as text:
        seen = -1
        for seen, (line, row) in enumerate(_rows(text, layout)):
            if not any(map(str.strip, row)):
                continue
            if len(row) != width and layout.named and not filled:
                raise DataError(
                    f"Expected {path}, line {layout.skipped}, to name {len(row)} columns. "
                    f"Received: {width}. {_mend_header(layout, len(row))}"
                )
            if len(row) != width:
                raise DataError(
                    f"Expected {width} columns in {path}, line {line}. Received: {len(row)}. "
                    "Mend the line, or say which --separator the file has"
                )
            filled.append(seen)
    if not filled:
        raise _no_rows(path, layout)
    if expected not in (None, seen + 1):
        raise DataError(
            f"Expected a readable CSV file at {path}. Received: quoted blanks alone in a line"
        )
    return np.array(filled, np.intp)


def _mend_header(layout: _Layout, width: int) -> str:
    """Say what can be done with a first row of another length than the next one's."""
    if width == len(layout.names) + 1:
        return "Name the first column too, such as id, if it names the rows; then --drop id"
    return "Delete what stands above the columns' names"


def _without_markers(words: Words, reading: Reading) -> Words:
    """Let declared words for a missing value be one."""
    if not reading.na_values:
        return words
    return Words(tuple("" if is_marked(t, reading) else t for t in words.texts), words.codes)


def _is_near_a_tie(column: Column) -> bool:
    """Tell whether a number is so near to the middle of two in single precision that it matters.

    pandas reads numbers of more than 15 digits to within a last digit or two, which decides then
    to which of the two it is rounded.
    """
    if isinstance(column, Words) or column.dtype != np.float64:
        return False
    beyond_single = column.view(np.int64) & 0x1FFFFFFF
    return bool((np.abs(beyond_single - 0x10000000) <= 2).any())
