"""Columns that hold no numbers become features, in the way that was declared."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.table import Table, as_words
from kt_grid.errors import DataError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Encoder:
    """How one column becomes features.

    Attributes:
        column: The column's name.
        how: One of `ENCODINGS` but "drop".
        categories: The categories in sorted order, for `one-hot` and `ordinal`.
    """

    column: str
    how: str
    categories: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the encoder as plain JSON values."""
        return {**asdict(self), "categories": list(self.categories)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Encoder":
        """Read what `to_json` returned."""
        return cls(record["column"], record["how"], tuple(record["categories"]))

    def encode(self, table: Table, position: int) -> npt.NDArray[Any]:
        """Turn a column into features.

        Args:
            table: The table.
            position: The column's position in it.

        Returns:
            Shape `(rows, width)`: float64, or texts as objects for `text`.

        Raises:
            DataError: If a cell is no date, or no category that was there in training.
        """
        words = as_words(table.columns[position])
        if self.how == "text":
            return np.array(words, dtype=object).reshape(-1, 1)
        if self.how == "days":
            return np.array([[_days(table, r, position, w)] for r, w in enumerate(words)])
        codes = self._codes(table, position, words)
        if self.how == "ordinal":
            return codes.reshape(-1, 1).astype(np.float64)
        return np.eye(len(self.categories))[codes]

    def _codes(self, table: Table, position: int, words: Sequence[str]) -> npt.NDArray[np.intp]:
        known = {category: code for code, category in enumerate(self.categories)}
        try:
            return np.fromiter((known[word] for word in words), np.intp, len(words))
        except KeyError:
            row = next(row for row, word in enumerate(words) if word not in known)
            listed = ", ".join(self.categories[:10]) + (", …" if len(known) > 10 else "")
            raise DataError(
                f"Expected a category of column {self.column!r} ({listed}) in "
                f"{table.where(row, position)}. Received: {words[row][:40]!r}"
            ) from None


def make_encoder(table: Table, position: int, how: str) -> Encoder:
    """Make the encoder of a column.

    Args:
        table: The table.
        position: The column's position in it.
        how: One of `ENCODINGS` but "drop".

    Returns:
        The encoder, with the column's categories if it needs them.
    """
    needed = how in ("one-hot", "ordinal")
    categories = sorted(set(as_words(table.columns[position]))) if needed else ()
    return Encoder(table.names[position], how, tuple(categories))


def _days(table: Table, row: int, position: int, word: str) -> float:
    if not word:
        return float("nan")
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise DataError(
            f"Expected an ISO date such as 2024-12-31 in {table.where(row, position)}. "
            f"Received: {word[:40]!r}. Rewrite such dates first"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH).total_seconds() / _SECONDS_A_DAY
