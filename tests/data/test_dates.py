"""Dates are read as days, and how one is written is guessed for messages."""

from datetime import UTC, datetime

import pytest

from kt_grid.data.dates import date_format, date_parser

MOMENT = datetime(2024, 12, 31, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("2024-12-31", ""),
        ("2024-12-31 06:30:00", ""),
        ("2024/12/31", "%Y/%m/%d"),
        ("31.12.2024", "%d.%m.%Y"),
        ("31.12.24", "%d.%m.%y"),
        ("12/31/2024", "%m/%d/%Y"),
        ("31/12/2024", "%d/%m/%Y"),
        ("31-12-2024 06:30", "%d-%m-%Y %H:%M"),
        ("12/31/2024 06:30:00", "%m/%d/%Y %H:%M:%S"),
    ],
)
def test_a_date_is_read_by_the_guess_of_how_it_is_written(cell, written):
    assert date_format(cell) == written
    days = date_parser(written)(cell)
    moment = MOMENT if ":" in cell else MOMENT.replace(hour=0, minute=0)
    assert days == moment.timestamp() / 86_400


@pytest.mark.parametrize("cell", ["", "31 December", "1.5", "3.14.15.92", "A-12/3", "10-20"])
def test_what_is_no_date(cell):
    assert date_format(cell) is None


def test_a_zone_counts():
    assert date_parser("")("2024-12-31T06:30+02:00") == MOMENT.timestamp() / 86_400 - 2 / 24
