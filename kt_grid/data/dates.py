"""Dates as people write them: how they are read, and how one seems to be written."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_A_DAY = 86_400
_DATE = re.compile(
    r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:([T ])(\d{1,2}:\d{2}(:\d{2})?))?(?!\.?\d).*"
)


def date_parser(written: str) -> Callable[[str], float]:
    """Make a function that reads a date as days since 1970-01-01, in UTC unless it says otherwise.

    Args:
        written: How dates are written, as `datetime.strptime` takes it; "" for ISO dates.
    """

    def parse(text: str) -> float:
        moment = datetime.strptime(text, written) if written else datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - _EPOCH).total_seconds() / _SECONDS_A_DAY

    return parse


def date_format(text: str) -> str | None:
    """Guess how a date is written, for a message.

    Args:
        text: A cell.

    Returns:
        "" for an ISO date, else what `date_parser` takes; None if the cell holds no date. Of a day
        and a month that may be either, the day comes first between points, else the month.

    Example:
        >>> date_format("31.12.2024")
        '%d.%m.%Y'
        >>> date_format("31 December") is None
        True
    """
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    first, mark, second, last, between, time, seconds = found.groups()
    if len(first) == 4:
        iso = mark == "-" and len(second) == len(last) == 2
        written = "" if iso else f"%Y{mark}%m{mark}%d"
    else:
        day_first = mark == "." or int(first) > 12
        order = "%d{0}%m{0}" if day_first and int(second) <= 12 else "%m{0}%d{0}"
        written = order.format(mark) + ("%Y" if len(last) == 4 else "%y")
    return written and written + (f"{between}%H:%M" + ":%S" * bool(seconds) if time else "")
