"""A table as it stands in a file: columns of numbers and columns of words."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kt_grid.data.dates import date_format
from kt_grid.data.reading import Reading
from kt_grid.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

LARGEST = float(np.finfo(np.float32).max)
MISSING_WORDS = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
_SIGNS = "%$€£¥ \u00a0"
_COMMA = re.compile(r"[+-]?\d*,\d+")
_COMMA_GROUPS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_PLAIN = Reading()


@dataclass(frozen=True)
class Words:
    """A column of words, each of which is kept once.

    Attributes:
        texts: The words, in any order; "" is a missing one. Some may stand in no row.
        codes: The index of each row's word among them, shape `(rows,)`.
    """

    texts: tuple[str, ...]
    codes: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.codes)

    def used(self) -> list[str]:
        """Return the words that stand in a row, sorted."""
        counts = np.bincount(self.codes, minlength=len(self.texts))
        return sorted(self.texts[code] for code in np.flatnonzero(counts))

    def rows_with(self, chosen: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
        """Tell which rows hold a word that is chosen."""
        return np.array([chosen(text) for text in self.texts], np.bool_)[self.codes]

    def to_list(self) -> list[str]:
        """Return the word of each row."""
        return [self.texts[code] for code in self.codes.tolist()]


# Whole numbers stay whole, because single and double precision can't tell all of them apart.
Numbers: TypeAlias = npt.NDArray[np.float64] | npt.NDArray[np.int64] | npt.NDArray[np.uint64]
Column: TypeAlias = Numbers | Words


@dataclass(frozen=True)
class Table:
    """The columns of a file or of a DataFrame.

    Attributes:
        path: The file, or what else the rows come from, for messages.
        names: One name per column.
        named: Whether the file gave the names.
        columns: Numbers, NaN where one is missing, or words.
        rows: Number of rows.
        find: Tells where in the file a row stands, and its cells if they are text, from its
            position.
        notes: What was guessed, a line each.
        to_train: Whether a mend may be declared, as when a search is run.
    """

    path: Path | str
    names: list[str]
    named: bool
    columns: Sequence[Column]
    rows: int
    find: Callable[[int], tuple[str, Sequence[str] | None]]
    notes: tuple[str, ...] = ()
    to_train: bool = True

    def take(self, rows: npt.NDArray[np.intp]) -> "Table":
        """Return the rows at some positions."""
        columns = [_rows_of(c, rows) for c in self.columns]
        return replace(
            self, columns=columns, rows=len(rows), find=lambda row: self.find(int(rows[row]))
        )

    def where(self, row: int, column: int) -> str:
        """Name the place of a cell in messages."""
        name = f" ({self.names[column]!r})" if self.named else ""
        return f"{self.find(row)[0]}, column {column + 1}{name}"

    def cell(self, row: int, column: int) -> str:
        """Return a cell as it stands in the file, for messages."""
        cells = self.find(row)[1]
        values = self.columns[column]
        if cells is not None:
            return cells[column].strip()
        return values.texts[values.codes[row]] if isinstance(values, Words) else str(values[row])

    def refuse(self, row: int, column: int) -> DataError:
        """Make the error for a cell that should be a finite number."""
        cell = self.cell(row, column)
        mend = _mend(cell, self.names[column]) if self.to_train else "Mend or leave out such rows"
        return DataError(
            f"Expected a finite number in {self.where(row, column)}. "
            f"Received: {cell[:40]!r}. {mend}"
        )


def _rows_of(column: Column, rows: npt.NDArray[np.intp]) -> Column:
    if isinstance(column, Words):
        # A column that nobody wants has no codes.
        return Words(column.texts, column.codes[rows]) if len(column) else column
    return column[rows]


@dataclass(frozen=True)
class Wanted:
    """What is wanted of the columns of a file.

    Attributes:
        words: Positions of those that are read as words, whatever they hold.
        ignored: Positions of those whose cells nobody wants.
    """

    words: frozenset[int] = frozenset()
    ignored: frozenset[int] = field(default_factory=frozenset)


Choose: TypeAlias = Callable[[Sequence[str], bool], Wanted]


def words_of(values: Any) -> Words:
    """Make a column of words.

    Args:
        values: Texts of shape `(rows,)`, None or NaN where one is missing.

    Returns:
        The words, without blanks around them.
    """
    import pandas as pd

    codes, found = pd.factorize(np.asarray(values, object))
    # The code of a missing value is -1, which is the last index.
    known: dict[str, int] = {}
    indices = [known.setdefault(str(text).strip(), len(known)) for text in (*found, "")]
    return Words(tuple(known), np.array(indices, np.intp)[codes])


def column_of(series: "pd.Series[Any]") -> Column:
    """Make a column of a DataFrame's.

    Args:
        series: Numbers, booleans, texts, dates or categories.

    Returns:
        Numbers and booleans as numbers, everything else as words.
    """
    gaps = series.isna().to_numpy()
    kind = getattr(series.dtype, "kind", "O")
    if kind in "iu" and not gaps.any():
        return series.to_numpy(np.uint64) if kind == "u" else series.to_numpy(np.int64)
    values = series.astype(object).to_numpy(copy=True)
    values[gaps] = None
    if kind in "biuf" or all(isinstance(v, Number) for v in values[~gaps]):
        values[gaps] = math.nan
        return values.astype(np.float64)
    return words_of([None if value is None else str(value) for value in values])


def table_of(frame: "pd.DataFrame", source: Path | str, notes: tuple[str, ...] = ()) -> Table:
    """Make a table of a DataFrame.

    Returns:
        The table, without the frame's index.

    Raises:
        DataError: If it has no rows, or two columns of one name.
    """
    names = check_names(f"{source}", [str(name) for name in frame.columns])
    if not len(frame) or not names:
        raise DataError(f"Expected {source} to have rows. Received: none")
    columns = [column_of(frame.iloc[:, position]) for position in range(len(names))]
    return Table(
        source,
        names,
        named=True,
        columns=columns,
        rows=len(frame),
        find=lambda row: (f"{source}, row {row}", None),
        notes=notes,
    )


def to_words(column: Column) -> Words:
    """Return a column as words; whole numbers without a point."""
    if isinstance(column, Words):
        return column
    values, codes = np.unique(column, return_inverse=True)
    return Words(tuple(map(_as_text, values.tolist())), codes.reshape(-1).astype(np.intp))


def _as_text(number: float) -> str:
    if isinstance(number, float) and math.isnan(number):
        return ""
    return str(int(number) if float(number).is_integer() else number)


def to_numbers(table: Table, position: int, reading: Reading) -> Numbers:
    """Return a column as numbers.

    Args:
        table: The table.
        position: The column's position in it.
        reading: Says how numbers and missing values are written.

    Returns:
        Numbers, NaN where one is missing.

    Raises:
        DataError: At the first cell that is neither a finite number nor missing.
    """
    column = table.columns[position]
    if isinstance(column, Words):
        numbers = [number_of(text, reading) for text in column.texts]
        odd = [n is None and not is_missing(t, reading) for n, t in zip(numbers, column.texts)]  # noqa: B905 - one is made of the other
        if any(odd) and (rows := np.array(odd)[column.codes]).any():
            raise table.refuse(int(np.argmax(rows)), position)
        values = np.array([math.nan if n is None else n for n in numbers])
        # Whole numbers beyond 64 bits are objects.
        column = (values.astype(np.float64) if values.dtype.hasobject else values)[column.codes]
    # One comparison settles the usual case: a NaN fails it too.
    if not np.abs(column).max() <= LARGEST:
        beyond = ~(np.abs(column) <= LARGEST) & ~np.isnan(column)
        if beyond.any():
            raise table.refuse(int(np.argmax(beyond)), position)
    return column


def with_numbers(table: Table, positions: Sequence[int], reading: Reading) -> Table:
    """Return the table with numbers in some columns; arguments and errors as `to_numbers`."""
    columns = [*table.columns]
    for p in positions:
        columns[p] = to_numbers(table, p, reading)
    return replace(table, columns=columns)


def without_zeros(table: Table, positions: Sequence[int]) -> Table:
    """Return the table with missing values in place of 0 in some columns."""
    columns = [*table.columns]
    for p in positions:
        column = columns[p]
        if isinstance(column, Words):
            texts = tuple("" if number_of(text) == 0 else text for text in column.texts)
            columns[p] = Words(texts, column.codes)
        else:
            columns[p] = np.where(column == 0, np.nan, column)
    return replace(table, columns=columns)


def missing_in(column: Column) -> npt.NDArray[np.bool_]:
    """Tell which cells of a column are missing."""
    if isinstance(column, Words):
        return column.rows_with(lambda text: not text)
    return np.isnan(column)


def number_of(cell: str, reading: Reading = _PLAIN) -> float | int | None:
    """The number that a cell holds, if it holds one; Python's `1_000` isn't one.

    Args:
        cell: The cell.
        reading: Says how numbers are written.

    Returns:
        The number, a whole one without a rounding; None if it isn't one.
    """
    cell = cell.strip()
    if reading.thousands is not None and reading.thousands in cell:
        cell = _without_thousands(cell, reading)
    if reading.decimal == "," and cell:
        cell = "?" if "." in cell else cell.replace(",", ".", 1)
    try:
        if "_" in cell:
            return None
        number = float(cell)
        return int(cell) if number.is_integer() and cell.isdecimal() else number
    except ValueError:
        return None


def _without_thousands(cell: str, reading: Reading) -> str:
    """Join groups of three digits; anything else stays, and is no number then."""
    mark, decimal = re.escape(reading.thousands or ""), re.escape(reading.decimal or ".")
    grouped = re.fullmatch(rf"[+-]?\d{{1,3}}({mark}\d{{3}})+({decimal}\d*)?", cell)
    return cell.replace(reading.thousands or "", "") if grouped else "?"


def is_missing(cell: str, reading: Reading = _PLAIN) -> bool:
    """Tell whether a cell stands for a missing value."""
    return cell.strip().lower() in MISSING_WORDS or is_marked(cell, reading)


def is_marked(cell: str, reading: Reading) -> bool:
    """Tell whether a cell is one of the declared words for a missing value."""
    if cell.strip() in reading.na_values:
        return True
    number = number_of(cell, reading) if reading.na_values else None
    return number is not None and number in map(number_of, reading.na_values)


def _mend(cell: str, column: str) -> str:
    """Say what can be done with a cell that should be a number."""
    if is_missing(cell):
        return "Fill or drop such rows first, or declare it: --missing drop, keep or a number"
    if number_of(cell) is not None:
        return "Fill or drop such rows first"
    if _COMMA_GROUPS.fullmatch(cell):
        only = "" if cell.count(",") > 1 or "." in cell else ", or decimals with --decimal ','"
        return f"Declare groups of three digits with --thousands ','{only}"
    if _COMMA.fullmatch(cell):
        return "Declare decimal commas with --decimal ',', or write decimals with a point"
    drop = f"--drop '{column}' leaves the column out"
    written = date_format(cell)
    if written is not None:
        how = f"days:{written}" if written else "days"
        return f"Declare a date with --encode '{column}={how}'; {drop}"
    if cell.lower() in ("true", "false", "yes", "no"):
        return f"Declare it with --encode '{column}=ordinal', which gives 0 and 1; {drop}"
    if number_of(cell.strip(_SIGNS)) is not None:
        return f"Write numbers without signs such as % and $, or declare words; {drop}"
    return (
        f"Declare words with --encode '{column}=one-hot', or --encode one-hot for all such "
        f"columns; '{column}=text' is for the model's own layers; what stands for a missing value, "
        f"with --na-values; {drop}"
    )


def check_names(where: str, names: list[str]) -> list[str]:
    """Refuse column names that come twice.

    Raises:
        DataError: If one comes twice.
    """
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        mend = "If that line names no columns, say --no-header"
        if not name:
            mend = "Name all columns, and delete what stands above their names"
        raise DataError(
            f"Expected different column names in {where}. Received: {name!r} twice. {mend}"
        )
    return names


def find_columns(
    path: Path | str, names: Sequence[str], words: Iterable[str], option: str
) -> list[int]:
    """Find columns among all.

    Args:
        path: The file, for the message.
        names: The columns' names.
        words: Names, or positions (negative ones count from the end).
        option: What asked for them, for the message.

    Returns:
        Their positions.

    Raises:
        UsageError: If a word names no column.
    """
    positions = {name: position for position, name in enumerate(names)}
    return [_find(path, positions, word, option) for word in words]


def _find(path: Path | str, positions: Mapping[str, int], word: str, option: str) -> int:
    if word in positions:
        return positions[word]
    try:
        position = int(word)
    except ValueError:
        position = len(positions)
    if not -len(positions) <= position < len(positions):
        listed = [*positions]
        known = ", ".join(listed[:50]) + (", …" if len(listed) > 50 else "")
        raise UsageError(
            f"Expected {option} to be one of the columns of {path}: {known}. Received: {word!r}"
        )
    return position % len(positions)
