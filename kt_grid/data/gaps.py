"""Missing values: refused, dropped, kept or filled, as it was declared."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from kt_grid.data.reading import Reading
from kt_grid.data.table import Column, Table, Words, missing_in
from kt_grid.errors import DataError


def fill_gaps(
    table: Table, used: Sequence[int], reading: Reading, targets: Collection[int] = ()
) -> Table:
    """Do with missing values what was declared.

    Args:
        table: The table.
        used: Positions of the columns that count.
        reading: Says what is done.
        targets: Positions of the targets, whose gaps are never kept nor filled.

    Returns:
        The table without gaps, or with NaN and "" where they are kept.

    Raises:
        DataError: At the first missing value that can stay neither as it is nor be filled.
    """
    gaps = {p: mask for p in used if (mask := missing_in(table.columns[p])).any()}
    if not gaps:
        return table
    if reading.missing == "drop":
        whole = ~np.any([*gaps.values()], axis=0)
        if not whole.any():
            raise DataError(f"Expected a row without gaps in {table.path}. Received: none")
        return table.take(np.flatnonzero(whole))
    for p, mask in gaps.items():
        if p in targets or _must_be_whole(table.columns[p], reading):
            raise _refuse(table, int(np.argmax(mask)), p, is_target=p in targets)
    filling = reading.filling
    if filling is None:
        return table
    columns = [
        np.where(gaps[p], filling, column)
        if p in gaps and not isinstance(column, Words)
        else column
        for p, column in enumerate(table.columns)
    ]
    return replace(table, columns=columns)


def _must_be_whole(column: Column, reading: Reading) -> bool:
    """Whether a gap in a column is refused: always, or where a number would fill up words."""
    if reading.missing == "keep":
        return False
    return reading.missing == "refuse" or isinstance(column, Words)


def _refuse(table: Table, row: int, position: int, *, is_target: bool) -> DataError:
    cell, name = table.cell(row, position), table.names[position]
    mend = "Fill or drop such rows first"
    if is_target and table.to_train:
        mend += ", or declare it: --missing drop"
        mend += f"; if it names a class, --encode '{name}=ordinal'" if cell else ""
    elif table.to_train:
        number = "" if isinstance(table.columns[position], Words) else " or a number"
        mend += f", or declare it: --missing drop{',' if number else ' or'} keep{number}"
    return DataError(
        f"Expected a value in {table.where(row, position)}. Received: {cell[:40]!r}. {mend}"
    )
