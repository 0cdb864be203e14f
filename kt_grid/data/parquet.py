"""A Parquet file becomes a table."""

from pathlib import Path
from typing import Any

import numpy as np

from kt_grid.data.reading import Reading
from kt_grid.data.table import LARGEST, Choose, Column, Table, as_words, refuse_cell, settle
from kt_grid.errors import DataError, UsageError


def read_parquet_table(path: Path, reading: Reading, choose: Choose) -> Table:
    """Read a Parquet file.

    Args:
        path: The file.
        reading: How to read it.
        choose: Tells from the columns' names which ones hold words.

    Returns:
        The table.

    Raises:
        DataError: If the file is missing or damaged, or a column can't be read as declared.
        UsageError: If pyarrow isn't installed.
    """
    content = _open(path)
    names = [str(name) for name in content.column_names]
    if not content.num_rows or not names:
        raise DataError(f"Expected {path} to have rows. Received: none")
    wanted = choose(names, True)
    columns = [[] if i in wanted.ignored else _column(content.column(i)) for i in range(len(names))]
    table = Table(
        path,
        names,
        named=True,
        columns=columns,
        rows=content.num_rows,
        place=lambda row: f"{path}, row {row}",
    )
    for position, column in enumerate(columns):
        if position in wanted.words:
            columns[position] = as_words(column)
        elif position not in wanted.ignored | wanted.either and not (
            wanted.detect and isinstance(column, list)
        ):
            _check(table, position, reading)
    return settle(table, wanted.either)


def _open(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            f"Expected pyarrow for {path}. Received: it isn't installed. "
            "Install kt-grid[parquet], or write the data as CSV"
        ) from None
    try:
        return pyarrow.parquet.read_table(path)
    except FileNotFoundError:
        raise DataError(f"Expected a data file at {path}. Received: no such file") from None
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"Expected a readable Parquet file at {path}. Received: {error}") from error


def _column(values: Any) -> Column:
    """Numbers and booleans as numbers, everything else as words; null is missing."""
    import pyarrow

    kind = values.type
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind):
        return np.asarray(values.cast(pyarrow.float64(), safe=False).to_numpy(), np.float64)
    if pyarrow.types.is_boolean(kind):
        return np.asarray(values.cast(pyarrow.int8()).cast(pyarrow.float64()).to_numpy())
    if pyarrow.types.is_decimal(kind):
        return np.asarray(values.cast(pyarrow.float64()).to_numpy())
    return ["" if value is None else str(value) for value in values.to_pylist()]


def _check(table: Table, position: int, reading: Reading) -> None:
    """Refuse a column that doesn't hold finite numbers."""
    column = table.columns[position]
    if isinstance(column, list):
        row = next((row for row, word in enumerate(column) if word), 0)
        raise refuse_cell(table.where(row, position), column[row], table.names[position])
    whole = np.abs(column) <= LARGEST
    if reading.missing != "refuse":
        whole |= np.isnan(column)
    if not whole.all():
        row = int(np.argmin(whole))
        raise refuse_cell(table.where(row, position), str(column[row]), table.names[position])
