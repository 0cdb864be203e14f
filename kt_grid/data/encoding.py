"""Columns that hold no numbers become features, in the way that was declared."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.dates import date_format, date_parser
from kt_grid.data.table import Table, Words, to_words
from kt_grid.errors import DataError

UNKNOWN = ("refuse", "ignore")


@dataclass(frozen=True)
class Encoder:
    """How one column becomes features.

    Attributes:
        column: The column's name.
        how: One of `ENCODINGS` but "drop", or "days:" with a format of dates.
        categories: The categories in sorted order, for `one-hot` and `ordinal`.
    """

    column: str
    how: str
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Number of features that the column becomes."""
        return len(self.categories) if self.how == "one-hot" else 1

    def to_json(self) -> dict[str, Any]:
        """Return the encoder as plain JSON values."""
        return {**asdict(self), "categories": list(self.categories)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Encoder":
        """Read what `to_json` returned."""
        return cls(record["column"], record["how"], tuple(record["categories"]))

    def encode(self, table: Table, position: int, unknown: str = "refuse") -> npt.NDArray[Any]:
        """Turn a column into features.

        Args:
            table: The table.
            position: The column's position in it.
            unknown: What is done with a category that was not there in training: "refuse", or
                "ignore", where all columns of `one-hot` are 0.

        Returns:
            Shape `(rows, width)`: float64 for `days`, float32 for categories, or texts as
            objects for `text`.

        Raises:
            DataError: If a cell is no date, or no category that was there in training.
        """
        words = to_words(table.columns[position])
        if self.how == "text":
            return np.array(words.to_list(), dtype=object).reshape(-1, 1)
        if self.how.startswith("days"):
            return self._days(table, position, words).reshape(-1, 1)
        codes = self._codes(table, position, words, unknown)
        if self.how == "ordinal":
            return codes.reshape(-1, 1).astype(np.float32)
        # The code of an unknown category is that of the last row, which is 0 throughout.
        width = len(self.categories)
        return np.eye(width + 1, width, dtype=np.float32)[codes]

    def _codes(
        self, table: Table, position: int, words: Words, unknown: str
    ) -> npt.NDArray[np.intp]:
        known = {category: code for code, category in enumerate(self.categories)}
        indices = np.array([known.get(text, len(known)) for text in words.texts], np.intp)
        codes = indices[words.codes]
        strange = codes == len(known)
        if strange.any() and (unknown == "refuse" or self.how != "one-hot"):
            raise self._refuse(table, position, np.flatnonzero(strange))
        return codes

    def _refuse(self, table: Table, position: int, rows: npt.NDArray[np.intp]) -> DataError:
        listed = ", ".join(self.categories[:10]) + (", …" if len(self.categories) > 10 else "")
        more = f" (and in {len(rows) - 1} more rows)" if len(rows) > 1 else ""
        ignored = self.how == "one-hot"
        return DataError(
            f"Expected a category of column {self.column!r} ({listed}) in "
            f"{table.where(int(rows[0]), position)}{more}. "
            f"Received: {table.cell(int(rows[0]), position)[:40]!r}.",
            mend="unknown='ignore' takes zeros for it" if ignored else "Recode it",
            option="--unknown ignore takes zeros for it" if ignored else "",
        )

    def _days(self, table: Table, position: int, words: Words) -> npt.NDArray[np.float64]:
        parse = date_parser(self.how.removeprefix("days").removeprefix(":"))
        days = np.zeros(len(words.texts))
        for index, text in enumerate(words.texts):
            try:
                days[index] = parse(text) if text else np.nan
            except ValueError:
                rows = np.flatnonzero(words.codes == index)
                if len(rows):
                    raise self._refuse_date(table, position, int(rows[0])) from None
        return days[words.codes]

    def _refuse_date(self, table: Table, position: int, row: int) -> DataError:
        written = self.how.removeprefix("days").removeprefix(":")
        expected = f"a date written as {written}" if written else "an ISO date such as 2024-12-31"
        cell = table.cell(row, position)
        likely = date_format(cell) or "%d.%m.%Y"
        return DataError(
            f"Expected {expected} in {table.where(row, position)}. "
            f"Received: {cell[:40]!r}. State how dates are written, as in",
            mend=f"Reading(encode={{{self.column!r}: 'days:{likely}'}})",
            option=f"--encode '{self.column}=days:{likely}'",
        )


def make_encoder(table: Table, position: int, how: str) -> Encoder:
    """Make the encoder of a column."""
    needed = how in ("one-hot", "ordinal")
    categories = to_words(table.columns[position]).used() if needed else ()
    return Encoder(table.names[position], how, tuple(categories))


def assemble(
    table: Table,
    plan: Sequence[tuple[int, Encoder | None]],
    names: Sequence[str],
    unknown: str = "refuse",
) -> Any:
    """Put the features' columns together.

    Args:
        table: The table.
        plan: Position and encoder of each feature; columns of numbers have none.
        names: The features' names.
        unknown: As `Encoder.encode` has it.

    Returns:
        Features as `Dataset.x` has them.
    """
    if not any(encoder and encoder.how == "text" for _, encoder in plan):
        widths = [encoder.width if encoder else 1 for _, encoder in plan]
        x, end = np.empty((table.rows, sum(widths)), np.float32), 0
        for (p, encoder), width in zip(plan, widths, strict=True):
            begin, end = end, end + width
            x[:, begin:end] = _part(table, p, encoder, unknown)
        return x
    parts = {
        name: _part(table, p, encoder, unknown)
        for name, (p, encoder) in zip(names, plan, strict=True)
    }
    return next(iter(parts.values())) if len(parts) == 1 else parts


def _part(table: Table, position: int, encoder: Encoder | None, unknown: str) -> npt.NDArray[Any]:
    if encoder is not None:
        part = encoder.encode(table, position, unknown)
        return part if part.dtype.hasobject else part.astype(np.float32, copy=False)
    return np.asarray(table.columns[position], np.float32).reshape(-1, 1)
