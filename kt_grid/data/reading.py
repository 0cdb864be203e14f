"""How a data file is to be read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from kt_grid.errors import UsageError

ENCODINGS = ("one-hot", "ordinal", "days", "text", "drop")
MISSING = ("refuse", "drop", "keep")
SEPARATORS = (",", ";", "\t", "|")
WHITESPACE = "whitespace"
_BY_NAME = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "pipe": "|",
    **{separator: separator for separator in (*SEPARATORS, WHITESPACE)},
}
_DAYS_BY_FORMAT = "days:"


def _told(default: Any, help_text: str) -> Any:
    """A field with the text that says what it is for on the command line."""
    metadata = {"help": help_text}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Reading:
    """How a data file is to be read, where it doesn't say so itself.

    Attributes:
        separator: What stands between cells, or "whitespace"; None detects it.
        header: Whether the first line names the columns; None detects it: words above columns of
            numbers do, and so do whole numbers such as 0, 1, 2, … or years.
        encoding: The file's character encoding. A byte-order mark is believed.
        encode: How columns that hold no numbers become features, by name; "" for every such
            column. `one-hot`: a 0 or 1 per category. `ordinal`: the category's place in sorted
            order. `days`: days from 1970-01-01 to an ISO date; `days:%d.%m.%Y` for dates written
            otherwise. `text`: a string for the model's own layers. `drop`: the column is left out.
        missing: What is done with rows that miss a value: they are refused, they drop out, the
            value is kept as NaN for the model's own layers (`keep`), or a number takes its place.
        na_values: Further words that stand for a missing value, in every column.
        zero_is_missing: Columns in which 0 stands for a missing value.
        drop: Columns that are left out.
        decimal: The decimal mark; None detects commas where no cell has a point.
        thousands: What separates groups of three digits.
        comment: What begins a line that is skipped.
    """

    separator: str | None = _told(
        None, "Between cells: comma, semicolon, tab, pipe or whitespace; default: auto-detected."
    )
    header: bool | None = _told(
        None, "Whether the first line names the columns; default: auto-detected."
    )
    encoding: str = _told("utf-8", "Character encoding of the file, such as latin-1.")
    encode: Mapping[str, str] = _told(
        dict,
        "How a non-numeric column becomes features: one-hot, ordinal, days (from ISO dates; "
        "days:%d.%m.%Y for other ones), text (for the model's own layers) or drop; HOW alone for "
        "all of them. Repeatable.",
    )
    missing: str = _told(
        "refuse",
        "Missing values: refuse, drop (the row), keep (as NaN, for the model's own layers) or a "
        "number to put in their place.",
    )
    na_values: tuple[str, ...] = _told(
        (), 'Further words for a missing value, such as "-,-999"; default: none.'
    )
    zero_is_missing: tuple[str, ...] = _told(
        (), "Columns in which 0 is a missing value, such as glucose,bmi; default: none."
    )
    drop: tuple[str, ...] = _told((), "A column to leave out. Repeatable.")
    decimal: str | None = _told(
        None, "The decimal mark, a point or a comma; default: auto-detected."
    )
    thousands: str | None = _told(
        None, "What separates groups of three digits, such as a comma; default: nothing."
    )
    comment: str | None = _told(None, "Skip lines that begin with this, such as #; default: none.")

    def __post_init__(self) -> None:
        """Refuse words without a meaning."""
        for name in ("na_values", "zero_is_missing", "drop"):
            # Read back from JSON, tuples are lists.
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.separator is not None and self.separator not in (*SEPARATORS, WHITESPACE):
            raise UsageError(
                "Expected --separator comma, semicolon, tab, pipe or whitespace. "
                f"Received: {self.separator!r}"
            )
        for how in self.encode.values():
            if how not in ENCODINGS and not how.startswith(_DAYS_BY_FORMAT):
                raise UsageError(
                    f"Expected --encode COLUMN={'|'.join(ENCODINGS)}. Received: {how!r}"
                )
        if self.missing not in MISSING and self.filling is None:
            raise UsageError(
                f"Expected --missing {', '.join(MISSING)} or a number. Received: {self.missing!r}"
            )
        self._check_marks()
        try:
            "".encode(self.encoding)
        except LookupError:
            raise UsageError(
                "Expected --encoding to name a character encoding, such as utf-8, latin-1 or "
                f"utf-16. Received: {self.encoding!r}"
            ) from None

    def _check_marks(self) -> None:
        if self.decimal not in (None, ".", ","):
            raise UsageError(f"Expected --decimal . or a comma. Received: {self.decimal!r}")
        if self.thousands not in (None, ",", ".", "'", " ", "_"):
            raise UsageError(
                "Expected --thousands to be a comma, a point, an apostrophe, a space or an "
                f"underscore. Received: {self.thousands!r}"
            )
        if self.thousands is not None and self.thousands == (self.decimal or "."):
            raise UsageError(
                f"Expected another --thousands than the decimal mark, which is {self.thousands!r}. "
                "Received: the same. Say --decimal too"
            )
        if self.comment is not None and not self.comment.strip():
            raise UsageError(
                f"Expected --comment to be a mark, such as #. Received: {self.comment!r}"
            )

    @property
    def filling(self) -> float | None:
        """The number that takes a missing value's place, if one does."""
        try:
            number = float(self.missing)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def to_json(self) -> dict[str, Any]:
        """Return the settings that aren't the default as plain JSON values."""
        usual, given = Reading(), ((f.name, getattr(self, f.name)) for f in fields(self))
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in given
            if value != getattr(usual, name)
        }


def parse_encode(words: Sequence[str]) -> dict[str, str]:
    """Read `--encode` words.

    Args:
        words: Words of the form `COLUMN=HOW`, or `HOW` for every column that needs it.

    Returns:
        How, by column; "" stands for every column that needs it.

    Raises:
        UsageError: If a column comes twice.

    Example:
        >>> parse_encode(["city=one-hot", "text"])
        {'city': 'one-hot', '': 'text'}
    """
    encode: dict[str, str] = {}
    for word in words:
        column, _, how = word.rpartition("=")
        if column in encode:
            raise UsageError(f"Expected --encode {column or how} once. Received: it twice")
        encode[column] = how
    return encode


def parse_separator(word: str | None) -> str | None:
    """Read a `--separator` word: the character itself or its name.

    Example:
        >>> parse_separator("semicolon")
        ';'
    """
    return None if word is None else _BY_NAME.get(word, word)


def parse_list(word: str | None) -> tuple[str, ...]:
    """Read a word that lists several, such as `--na-values` and `--zero-is-missing` take.

    Example:
        >>> parse_list("-, #N/A,-999")
        ('-', '#N/A', '-999')
    """
    return tuple(part.strip() for part in word.split(",")) if word else ()
