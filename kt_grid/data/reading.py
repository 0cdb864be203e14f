"""How a data file is to be read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from kt_grid.errors import UsageError

ENCODINGS = ("one-hot", "ordinal", "days", "text", "drop")
MISSING = ("refuse", "drop", "keep")
SEPARATORS = (",", ";", "\t", "|")
_BY_NAME = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "pipe": "|",
    **{separator: separator for separator in SEPARATORS},
}


@dataclass(frozen=True)
class Reading:
    """How a data file is to be read, where it doesn't say so itself.

    Attributes:
        separator: What stands between cells; None finds it out.
        header: Whether the first line names the columns; None finds it out: it does if none of
            its cells is a number.
        encoding: The file's character encoding.
        encode: How columns that hold no numbers become features, by name; "" for every such
            column. `one-hot`: a 0 or 1 per category. `ordinal`: the category's place in sorted
            order. `days`: days from 1970-01-01 to an ISO date. `text`: a string for the model's
            own layers. `drop`: the column is left out.
        missing: What is done with rows that miss a value: they are refused, they drop out, the
            value is kept as NaN for the model's own layers (`keep`), or a number takes its place.
    """

    separator: str | None = None
    header: bool | None = None
    encoding: str = "utf-8"
    encode: Mapping[str, str] = field(default_factory=dict)
    missing: str = "refuse"

    def __post_init__(self) -> None:
        """Refuse words without a meaning."""
        if self.separator is not None and self.separator not in SEPARATORS:
            raise UsageError(
                f"Expected --separator comma, semicolon, tab or pipe. Received: {self.separator!r}"
            )
        for how in self.encode.values():
            if how not in ENCODINGS:
                raise UsageError(
                    f"Expected --encode COLUMN={'|'.join(ENCODINGS)}. Received: {how!r}"
                )
        if self.missing not in MISSING and self.filling is None:
            raise UsageError(
                f"Expected --missing {', '.join(MISSING)} or a number. Received: {self.missing!r}"
            )
        try:
            "".encode(self.encoding)
        except LookupError:
            raise UsageError(
                "Expected --encoding to name a character encoding, such as utf-8, latin-1 or "
                f"utf-16. Received: {self.encoding!r}"
            ) from None

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
        default = asdict(Reading())
        return {name: v for name, v in asdict(self).items() if v != default[name]}


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

    Args:
        word: Such as `;`, `semicolon` or `tab`.

    Returns:
        The character; an unknown word as it is.

    Example:
        >>> parse_separator("semicolon")
        ';'
    """
    return None if word is None else _BY_NAME.get(word, word)
