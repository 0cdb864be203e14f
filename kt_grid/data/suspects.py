"""Columns of a file that are hardly meant as features: told before training, never left out."""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from kt_grid.data.table import Numbers, Table, Words

# Single precision has all whole numbers up to here.
WHOLE_IN_SINGLE = 2**24
# Of fewer rows different values may well be chance.
_ROWS = 20
_ROUNDED = "holds numbers that single precision rounds, so that some may become equal"
_ID_NAME = re.compile(r"(?i:(.*[^a-z])?(id|index|idx|key|nr|no))|.*[a-z]I[dD]")


def notes_of(table: Table, how: Mapping[int, str]) -> Iterator[str]:
    """Look at the columns that become features.

    Args:
        table: The table.
        how: How each becomes features, by position; "" for numbers.

    Yields:
        A line for each that is constant, numbers or names the rows, or is rounded.
    """
    for position, encoding in how.items():
        name, column = table.names[position], table.columns[position]
        told = (
            _of_words(column, encoding) if isinstance(column, Words) else _of_numbers(name, column)
        )
        if told:
            yield f"{table.path}: column {name!r} {told}; --drop '{name}' leaves it out" + (
                f", --encode '{name}=ordinal' takes its numbers as categories"
                if told == _ROUNDED
                else ""
            )


def _of_words(column: Words, encoding: str) -> str:
    different, rows = len(column.used()), len(column)
    if rows >= _ROWS and different == 1:
        return "has the same value in all rows"
    if rows >= _ROWS and different == rows and encoding in ("one-hot", "ordinal"):
        return "has another value in every row, like an id"
    return ""


def _of_numbers(name: str, column: Numbers) -> str:
    # A sum of numbers with a gap is one too, which is sooner known than which rows have it.
    values = column[~np.isnan(column)] if np.isnan(column.sum()) else column
    if not len(values):
        return "has no value at all"
    if len(values) >= _ROWS and values.min() == values.max():
        return "has the same value in all rows" + " that have one" * (len(values) < len(column))
    if _is_id(name, values):
        return "numbers the rows, like an id"
    return _ROUNDED if _is_rounded(values) else ""


def _is_id(name: str, values: Numbers) -> bool:
    """Whether whole numbers all differ, and leave none out or are called an id."""
    span = float(values.max()) - float(values.min())
    if len(values) < _ROWS or not (span == len(values) - 1 or _ID_NAME.fullmatch(name)):
        return False
    return bool(np.all(values == np.round(values))) and len(np.unique(values)) == len(values)


def _is_rounded(values: Numbers) -> bool:
    """Whether single precision changes whole numbers, or all that differs between rows."""
    if not max(-float(values.min()), float(values.max())) > WHOLE_IN_SINGLE:
        return False
    error = np.abs(values.astype(np.float32).astype(np.float64) - values)
    whole = bool(np.all(values == np.round(values)))
    return bool(error.any() if whole else error.max() > 0.01 * values.std())
