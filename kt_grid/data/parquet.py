"""A Parquet file becomes a table: pandas reads it, with pyarrow."""

from pathlib import Path
from typing import TYPE_CHECKING

from kt_grid.data.table import Table, table_of
from kt_grid.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd


def read_parquet_table(path: Path) -> Table:
    """Read a Parquet file.

    Raises:
        DataError: If the file is missing, damaged or empty.
        UsageError: If pyarrow isn't installed.
    """
    frame = _read(path)
    named = ", ".join(repr(name) for name in frame.index.names if name is not None)
    if not named:
        return table_of(frame, path)
    note = f"{path}: the index {named} is not used as a feature; reset_index() makes it a column"
    return table_of(frame, path, (note,))


def _read(path: Path) -> "pd.DataFrame":
    try:
        import pyarrow
    except ImportError:
        raise UsageError(
            f"Expected pyarrow for {path}. Received: it isn't installed. "
            "Install kt-grid[parquet], or write the data as CSV"
        ) from None
    import pandas as pd

    try:
        return pd.read_parquet(path, engine="pyarrow")
    except FileNotFoundError:
        raise DataError(f"Expected a data file at {path}. Received: no such file") from None
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise DataError(f"Expected a readable Parquet file at {path}. Received: {error}") from error
